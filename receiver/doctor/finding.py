"""What one check found, in one line."""

from enum import StrEnum
from typing import NamedTuple

from receiver.channels.feishu.text import line

SAID_LIMIT = 300
WHERE_WIDTH = 22


class Verdict(StrEnum):
    """How a check ended; ``UNKNOWN`` is what could not be looked at."""

    OK = "OK"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


class Finding(NamedTuple):
    """A check: what it is about, what was seen, and the cure where one is needed."""

    verdict: Verdict
    where: str
    said: str
    cure: str = ""

    def __str__(self) -> str:
        # What a platform answers comes from outside: nothing in it may move the cursor.
        told = line(self.said + (f": {self.cure}" if self.cure else ""), SAID_LIMIT)
        return f"{self.verdict:<8} {line(self.where, SAID_LIMIT):<{WHERE_WIDTH}} {told}"


def ok(where: str, said: str) -> Finding:
    """Return that something is as it must be."""
    return Finding(Verdict.OK, where, said)


def fail(where: str, said: str, cure: str = "") -> Finding:
    """Return that something is wrong, and the cure."""
    return Finding(Verdict.FAIL, where, said, cure)


def unknown(where: str, said: str, cure: str = "") -> Finding:
    """Return that something could not be looked at, and what would help."""
    return Finding(Verdict.UNKNOWN, where, said, cure)

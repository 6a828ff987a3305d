"""Reads a system-call trace: who wrote what into which file or socket, and when it was done."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

# 1234 pwrite64(8</path/x.db-wal>, "\x37\x7f"..., 32, 0) = 32
_LINE = re.compile(r"(?P<pid>\d+)\s+(?P<rest>.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?P<words>.*)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESULT = re.compile(r"=\s+(?P<result>-?\d+)")
_UNFINISHED = "<unfinished ...>"


@dataclass(slots=True)
class SystemCall:
    """One call on a file or a socket; ``begun`` and ``ended`` are lines of the trace."""

    name: str
    file: str
    data: bytes
    begun: int
    ended: int = -1
    result: int = -1


class Frame(NamedTuple):
    """A page in the log: https://sqlite.org/fileformat.html#the_write_ahead_log."""

    ends_transaction: bool
    data: bytes
    header: SystemCall
    page: SystemCall


def read_trace(lines: Iterable[str]) -> list[SystemCall]:
    """Return the calls of a trace by ``strace -f -y -xx``, in the order in which they began."""
    calls: list[SystemCall] = []
    open_calls: dict[str, SystemCall] = {}
    for number, line in enumerate(lines):
        parts = _LINE.match(line)
        if parts is None:
            continue
        pid, rest = parts["pid"], parts["rest"]
        if rest.startswith("<... "):
            call = open_calls.pop(pid, None)
        else:
            call = _begun(rest, number)
            if call is not None:
                calls.append(call)
                if _UNFINISHED in rest:
                    open_calls[pid] = call
                    call = None
        result = _RESULT.search(rest.rpartition(")")[2])
        if call is not None and result is not None:
            call.ended, call.result = number, int(result["result"])
    return calls


def _begun(rest: str, number: int) -> SystemCall | None:
    match = _BEGUN.match(rest)
    if match is None:
        return None
    data = b"".join(_plain(text) for text in _STRING.findall(match["words"]))
    return SystemCall(match["name"], _plain(match["file"]).decode("utf-8", "replace"), data, number)


def _plain(text: str) -> bytes:
    r"""Return what ``-xx`` wrote as \x61\x62; files are written so as well."""
    if not text.startswith("\\x"):
        return text.encode()
    return bytes.fromhex(text.replace("\\x", ""))


def frames(calls: Iterable[SystemCall]) -> list[Frame]:
    """Return the log's frames: a header of 24 bytes, then its page; the file's own has 32."""
    found: list[Frame] = []
    header: SystemCall | None = None
    for call in calls:
        if call.name != "pwrite64" or not call.file.endswith("-wal"):
            continue
        if len(call.data) == FRAME_HEADER:
            header = call
        elif header is not None:
            pages = int.from_bytes(header.data[4:8], "big")  # the file's size, at a commit alone
            found.append(Frame(pages > 0, call.data, header, call))
            header = None
    return found


FRAME_HEADER = 24

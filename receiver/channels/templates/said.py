"""What a template made, and what is wrong with one."""

from typing import NamedTuple

SOURCE_LIMIT = 8_000  # characters of a template
OUTPUT_LIMIT = 4_000  # characters; what is longer is cut


class BadTemplate(ValueError):
    """A template that cannot be compiled; the message says where and why."""


class Said(NamedTuple):
    """What a template made; ``problem`` says why it made nothing."""

    text: str = ""
    problem: str = ""

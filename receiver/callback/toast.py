"""The value that a clicker is told something by."""

from typing import NamedTuple


class Toast(NamedTuple):
    """A short message over the chat; ``kind`` is info, success, warning or error."""

    kind: str
    zh: str
    en: str

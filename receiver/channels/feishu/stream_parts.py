"""Puts the payloads together that the platform has cut into several frames."""

from dataclasses import dataclass, field
from typing import Final

PARTS_MOST: Final = 256
SETS_MOST: Final = 64  # messages that wait for their other parts
WHOLE_LIMIT: Final = 1024 * 1024  # bytes of all parts of all messages that wait
KEPT: Final = 10.0  # seconds; the SDKs forget after 5 to 10


class BadPart(ValueError):
    """A part that fits no message; the text quotes nothing of it."""


@dataclass(slots=True)
class _Set:
    since: float
    total: int
    parts: dict[int, bytes] = field(default_factory=dict)


class Parts:
    """The messages of one connection that are not whole yet, within bounds."""

    def __init__(self) -> None:
        self._sets: dict[str, _Set] = {}

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, message: str, place: tuple[str, str], part: bytes, now: float) -> bytes | None:
        """Return the whole payload once its last part is here, else None.

        Args:
            message: the message's id.
            place: how many parts there are, and which one this is, from 0, as the headers say it.
            part: the bytes.
            now: seconds of a clock that is never set.

        Raises:
            BadPart: the place is impossible, or the parts are too many or too large.

        """
        total, number = _place(place)
        if total == 1:
            return part
        self._forget(now)
        found = self._sets.setdefault(message, _Set(now, total))
        if found.total != total:
            del self._sets[message]
            raise BadPart("parts of one message that do not agree on how many they are")
        found.parts[number] = part
        self._bound(message)
        if len(found.parts) < total:
            return None
        del self._sets[message]
        return b"".join(found.parts[number] for number in range(total))

    def _forget(self, now: float) -> None:
        for message in [name for name, one in self._sets.items() if now - one.since > KEPT]:
            del self._sets[message]

    def _bound(self, message: str) -> None:
        held = sum(len(part) for one in self._sets.values() for part in one.parts.values())
        if len(self._sets) > SETS_MOST or held > WHOLE_LIMIT:
            del self._sets[message]
            raise BadPart("more unfinished messages than are kept")


def _place(place: tuple[str, str]) -> tuple[int, int]:
    total, number = (_count(text, default) for text, default in zip(place, (1, 0), strict=True))
    if not 1 <= total <= PARTS_MOST or not 0 <= number < total:
        raise BadPart("a part with an impossible place")
    return total, number


def _count(text: str, default: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(PARTS_MOST)):
        raise BadPart("a part with an impossible place")
    return int(text)

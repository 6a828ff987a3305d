"""Who is on call at a moment: rotations by the wall clock of a zone, and shifts from elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

MENTION = "oncall:"  # what a mention begins with that names a list
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORKING_DAYS = 5


class Override(NamedTuple):
    """One person instead of the rotation's, from and until (Unix ms)."""

    begins: int
    ends: int
    person: str


class Shift(NamedTuple):
    """Who is on call from and until (Unix ms)."""

    begins: int
    ends: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """People in turn. All is by the wall clock of ``zone``, so hand-over stays where it is.

    ``start`` is when the first person takes over, without a zone; ``every`` is how long a turn
    is, or None for each working day: then Friday's person has the weekend too. The last of the
    overrides that apply wins.
    """

    zone: tzinfo
    start: datetime
    every: timedelta | None
    people: tuple[str, ...]
    overrides: tuple[Override, ...] = ()


def on_duty(rotation: Rotation, now: int) -> str:
    """Return the one person who is on call; before the rotation's start too."""
    for override in reversed(rotation.overrides):
        if override.begins <= now < override.ends:
            return override.person
    return rotation.people[turn(rotation, now) % len(rotation.people)]


def turn(rotation: Rotation, now: int) -> int:
    """Return how many hand-overs there were since the start; negative before it."""
    wall = wall_clock(rotation.zone, now)
    if rotation.every is not None:
        return (wall - rotation.start) // rotation.every
    midnight = datetime.combine(rotation.start.date(), datetime.min.time())
    day = (wall - (rotation.start - midnight)).date()
    return _working_days(day) - _working_days(rotation.start.date())


def _working_days(day: date) -> int:
    """Return a working day's number; a Saturday and a Sunday have the number of their Friday."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)  # day 1 was a Monday
    return weeks * WORKING_DAYS + min(weekday, WORKING_DAYS - 1)


def wall_clock(zone: tzinfo, at: int) -> datetime:
    """Return the latest time that a zone's clocks have shown by a moment (Unix ms).

    An hour that clocks show twice would undo and repeat the hand-overs in it: the second time,
    they are over.
    """
    shown = local(zone, at)
    if not shown.fold:
        return shown.replace(tzinfo=None)
    again = _offset(shown.replace(fold=0)) - _offset(shown)
    first, second = at - round(again / timedelta(milliseconds=1)), at
    while second - first > 1:
        between = (first + second) // 2
        if local(zone, between).fold:
            second = between
        else:
            first = between
    return max(shown.replace(tzinfo=None, fold=0), local(zone, first).replace(tzinfo=None))


def local(zone: tzinfo, at: int) -> datetime:
    """Return a moment (Unix ms) as a zone's clocks show it."""
    return (EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def moment(wall: datetime) -> int:
    """Return a time with a zone as Unix ms."""
    return round((wall - EPOCH) / timedelta(milliseconds=1))


def _offset(shown: datetime) -> timedelta:
    return shown.utcoffset() or timedelta()


def on_shift(shifts: Iterable[Shift], now: int) -> tuple[str, ...]:
    """Return everybody whose shift it is, each once, in the shifts' order."""
    found = (shift.people for shift in shifts if shift.begins <= now < shift.ends)
    return tuple(dict.fromkeys(person for people in found for person in people))


def list_of(mention: str) -> str:
    """Return the list that a mention names; empty where it names none."""
    return mention[len(MENTION) :] if mention.startswith(MENTION) else ""

"""What mutes alerts besides the silences that were asked for on their own card."""

import re
from typing import NamedTuple

HELD_MOST = 5  # of each sort, of one alert: more cannot be read
OUTSIDE_MOST = 8  # silences of one incident that are remembered
MATCHERS_MOST = 20  # of one of them
# What our own silences carry for us to find them: nobody else need read it.
_MARKS = re.compile(r"\s*(\(ou_[A-Za-z0-9_-]+\)|\[receiver:[^\]]*\])")


class Held(NamedTuple):
    """Why Alertmanager notifies nobody of an alert: silences by id, the rest in words."""

    silences: tuple[str, ...] = ()
    inhibitors: tuple[str, ...] = ()  # the alerts that inhibit it
    intervals: tuple[str, ...] = ()  # the time intervals that mute its route


class Outside(NamedTuple):
    """A silence made elsewhere, another tool or another card; times in Unix ms."""

    id: str
    created_by: str
    comment: str
    ends_at: int
    matchers: tuple[tuple[str, str, str], ...]  # name, operator, value
    over: bool = False  # it ended while an alert that it muted still fired
    span: int = 0  # how long it was to last


def unmarked(comment: str) -> str:
    """Return a silence's comment without our marks, which one made on another card has."""
    return _MARKS.sub("", comment).strip()


def silences_of(held: Held | None) -> tuple[str, ...]:
    """Return the ids of the silences, made elsewhere, that mute an alert."""
    return () if held is None else held.silences

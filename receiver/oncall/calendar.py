"""Reads an iCalendar (RFC 5545) in a process of its own: `python -m receiver.oncall.calendar`.

A calendar comes from outside, and a short rule can stand for more events than any machine can
count. So the reading is given little time and memory, and dies alone.
"""

import re
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec
import recurring_ical_events
from icalendar import Calendar, Event

from receiver.domain.oncall import EPOCH, Shift, moment

CPU_SECONDS = 5
MEMORY = 1 << 30  # bytes of addresses; a calendar of a megabyte takes a tenth
EVENTS_MOST = 5_000
SHIFTS_MOST = 2_000
PEOPLE_MOST = 50
PROBLEM_LIMIT = 200  # characters
WRONG = 3  # the exit code: what is wrong was written in the place of the answer

PERSON = re.compile(
    r"ou_[A-Za-z0-9_-]{1,64}|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,254}[A-Za-z0-9]", re.ASCII
)
# Who is asked and is no person, or will not come.
_NOBODY = {
    "PARTSTAT": ("DECLINED",),
    "CUTYPE": ("ROOM", "RESOURCE"),
    "ROLE": ("NON-PARTICIPANT",),
}


class BadCalendar(ValueError):
    """A calendar that cannot be read; the message says why."""


def shifts(raw: bytes, zone: str, begins: int, ends: int) -> list[Shift]:
    """Return the shifts of a calendar that meet a span of time (Unix ms), the earliest first.

    ``zone`` is that of times and days without one; an empty one leaves it to the calendar.

    Raises:
        BadCalendar: it cannot be read.

    """
    try:
        calendar = Calendar.from_ical(raw)
        _check_size(calendar)
        if zone:
            calendar["X-WR-TIMEZONE"] = zone
        there = _zone(str(calendar.get("X-WR-TIMEZONE", "")))
        found = recurring_ical_events.of(calendar).between(_time(begins), _time(ends))
        return sorted(_read(found, there))
    except BadCalendar:
        raise
    except Exception as wrong:  # libraries raise what they like
        said = " ".join(str(wrong).split())[:PROBLEM_LIMIT]
        raise BadCalendar(f"no readable calendar: {type(wrong).__name__}: {said}") from wrong


def _check_size(calendar: object) -> None:
    if not isinstance(calendar, Calendar):
        raise BadCalendar("no readable calendar: it does not begin with VCALENDAR")
    if len(calendar.walk("VEVENT")) > EVENTS_MOST:
        raise BadCalendar(f"more than {EVENTS_MOST} events: name a calendar for on-call alone")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, KeyError):
        return UTC


def _read(events: list[Event], zone: tzinfo) -> Iterator[Shift]:
    if len(events) > SHIFTS_MOST:
        raise BadCalendar(f"more than {SHIFTS_MOST} shifts in two weeks: its rules repeat too much")
    for event in events:
        people = _people(event)
        if people and str(event.get("STATUS", "")).upper() != "CANCELLED":
            yield Shift(_at(event.start, zone), _at(event.end, zone), people)


def _people(event: Event) -> tuple[str, ...]:
    """Return whom an event names: those who attend, else those in its summary."""
    asked = event.get("ATTENDEE", [])
    attend = asked if isinstance(asked, list) else [asked]
    found = [
        person[0]
        for each in attend
        if not any(str(each.params.get(k, "")).upper() in no for k, no in _NOBODY.items())
        if (person := PERSON.fullmatch(re.sub("^mailto:", "", str(each), flags=re.IGNORECASE)))
    ]
    named = found or PERSON.findall(str(event.get("SUMMARY", "")))
    return tuple(dict.fromkeys(named))[:PEOPLE_MOST]


def _at(when: date, zone: tzinfo) -> int:
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)  # noqa: DTZ001  (its zone follows)
    return moment(when if when.tzinfo is not None else when.replace(tzinfo=zone))


def _time(at: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at)


def main(zone: str, begins: str, ends: str) -> int:
    """Answer what stands on the standard input with its shifts, as JSON; return the exit code."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        answer = msgspec.json.encode(shifts(sys.stdin.buffer.read(), zone, int(begins), int(ends)))
    except (BadCalendar, MemoryError) as wrong:
        sys.stdout.buffer.write((str(wrong) or "it takes too much memory").encode())
        return WRONG
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

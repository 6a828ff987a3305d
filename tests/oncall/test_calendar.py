"""Calendars become shifts: zones, repetitions, exceptions, whole days; and whom they name."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.oncall import Shift, moment, on_shift
from receiver.oncall.calendar import BadCalendar, shifts
from receiver.oncall.remote import NoAnswer, read_calendar
from tests.oncall.calendars import ZONE, calendar, event, weekly

SHANGHAI = "Asia/Shanghai"


def at(wall: str, zone: str = SHANGHAI) -> int:
    return moment(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)))


BEGINS, ENDS = at("2026-01-01"), at("2026-06-01")


def read(raw: bytes, zone: str = "") -> list[Shift]:
    return shifts(raw, zone, BEGINS, ENDS)


def test_whole_days_are_the_calendars_own() -> None:
    raw = calendar(weekly("li@example.com"), weekly("ou_2", "20260112", "2"), zone=SHANGHAI)
    found = read(raw)
    assert found[0] == Shift(at("2026-01-05"), at("2026-01-12"), ("li@example.com",))
    assert found[1] == Shift(at("2026-01-12"), at("2026-01-19"), ("ou_2",))
    edges = ("2026-02-01T23:59", "2026-02-02", "2026-02-08T23:59", "2026-02-09")
    people = [on_shift(found, at(day))[0] for day in edges]
    assert people == ["ou_2", "li@example.com", "li@example.com", "ou_2"]


@pytest.mark.parametrize(
    ("own", "given", "where"),
    [("", "", "UTC"), (SHANGHAI, "", SHANGHAI), (SHANGHAI, "Europe/Berlin", "Europe/Berlin")],
)
def test_the_configured_zone_wins_over_the_calendars(own: str, given: str, where: str) -> None:
    times = event("DTSTART:20260105T090000", "DTEND:20260105T180000", "SUMMARY:ou_1")
    (shift,) = read(calendar(times, zone=own), given)
    assert shift[:2] == (at("2026-01-05T09:00", where), at("2026-01-05T18:00", where))
    (day,) = read(calendar(event("DTSTART;VALUE=DATE:20260105", "SUMMARY:ou_1"), zone=own), given)
    assert day[:2] == (at("2026-01-05", where), at("2026-01-06", where))


def test_a_zone_of_the_calendars_own_making_keeps_its_wall_clock() -> None:
    daily = event(
        "DTSTART;TZID=Office:20260327T090000", "DURATION:PT8H", "RRULE:FREQ=DAILY;COUNT=4",
        "SUMMARY:ou_1",
    )  # fmt: skip
    found = read(calendar(ZONE, daily))
    assert [shift.begins for shift in found] == [
        at(f"2026-03-{day}T09:00", "Europe/Berlin") for day in (27, 28, 29, 30)
    ]


def test_exceptions_are_heeded() -> None:
    repeated = event(
        "DTSTART:20260105T010000Z", "DTEND:20260105T020000Z", "RRULE:FREQ=DAILY;COUNT=4",
        "EXDATE:20260106T010000Z", "RDATE:20260120T010000Z", "SUMMARY:ou_1",
    )  # fmt: skip
    swapped = event(
        "RECURRENCE-ID:20260107T010000Z", "DTSTART:20260107T050000Z", "DTEND:20260107T060000Z",
        "SUMMARY:ou_2",
    )  # fmt: skip
    cancelled = event(
        "RECURRENCE-ID:20260108T010000Z", "DTSTART:20260108T010000Z", "DTEND:20260108T020000Z",
        "STATUS:CANCELLED", "SUMMARY:ou_1",
    )  # fmt: skip
    found = read(calendar(repeated, swapped, cancelled))
    said = [(shift.begins, shift.people[0]) for shift in found]
    assert said == [
        (at("2026-01-05T01:00", "UTC"), "ou_1"),
        (at("2026-01-07T05:00", "UTC"), "ou_2"),
        (at("2026-01-20T01:00", "UTC"), "ou_1"),
    ]


@pytest.mark.parametrize(
    ("lines", "people"),
    [
        (["SUMMARY:On call: li@example.com\\, ou_2"], ("li@example.com", "ou_2")),
        (["SUMMARY:DB", "ATTENDEE;CN=Li:MAILTO:li@example.com"], ("li@example.com",)),
        (["SUMMARY:ou_1", "ATTENDEE:mailto:li@example.com"], ("li@example.com",)),
        (
            [
                "ATTENDEE;PARTSTAT=DECLINED:mailto:no@example.com",
                "ATTENDEE;CUTYPE=ROOM:mailto:room@example.com",
                "ATTENDEE;ROLE=NON-PARTICIPANT:mailto:fyi@example.com",
                "ATTENDEE:mailto:li@example.com",
                "ATTENDEE:mailto:li@example.com",
                "ATTENDEE:mailto:wang@example.com",
            ],
            ("li@example.com", "wang@example.com"),
        ),
        (["SUMMARY:Lunch", "ORGANIZER:mailto:boss@example.com"], ()),
    ],
)
def test_people_are_those_who_attend_or_else_those_in_the_summary(
    lines: list[str], people: tuple[str, ...]
) -> None:
    found = read(calendar(event("DTSTART:20260105T010000Z", "DURATION:PT1H", *lines)))
    assert [shift.people for shift in found] == ([people] if people else [])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>please log in</html>",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        calendar(event("DTSTART:nonsense", "SUMMARY:ou_1")),
        calendar(event("DTSTART:20260105T010000Z", "RRULE:FREQ=NEVER", "SUMMARY:ou_1")),
    ],
)
def test_what_is_no_calendar_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(BadCalendar) as refused:
        read(raw)
    assert "\n" not in str(refused.value)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 48)), max_size=8))
def test_whoever_a_single_event_names_is_on_call_from_its_begin_to_its_end(
    spans: list[tuple[int, int]],
) -> None:
    start = datetime.fromisoformat("2026-01-05T00:00")
    parts, wanted = [], []
    for number, (later, hours) in enumerate(spans):
        begins = start + timedelta(hours=later)
        ends = begins + timedelta(hours=hours)
        parts.append(
            event(
                f"DTSTART:{begins:%Y%m%dT%H%M%SZ}",
                f"DTEND:{ends:%Y%m%dT%H%M%SZ}",
                f"SUMMARY:ou_{number}",
                uid=str(number),
            )
        )
        wanted.append((at(begins.isoformat(), "UTC"), at(ends.isoformat(), "UTC"), number))
    found = read(calendar(*parts))
    for hour in range(0, 250, 7):
        now = at((start + timedelta(hours=hour)).isoformat(), "UTC")
        due = {f"ou_{number}" for begins, ends, number in wanted if begins <= now < ends}
        assert set(on_shift(found, now)) == due


async def test_the_reading_process_says_what_the_reader_says() -> None:
    raw = calendar(weekly("li@example.com"), zone=SHANGHAI)
    assert list(await read_calendar(raw, "", BEGINS, ENDS)) == read(raw)
    with pytest.raises(NoAnswer, match="no readable calendar"):
        await read_calendar(b"nothing", "", BEGINS, ENDS)


async def test_a_rule_that_never_ends_costs_no_more_than_its_process() -> None:
    endless = event(
        "DTSTART:19700101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY", "SUMMARY:ou_1"
    )
    with pytest.raises(NoAnswer, match="repeat"):
        await read_calendar(calendar(endless), "", BEGINS, ENDS)

"""Rotations: exactly one person at any moment, and hand-over by the wall clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.oncall import (
    Override,
    Rotation,
    Shift,
    list_of,
    local,
    moment,
    on_duty,
    on_shift,
    turn,
    wall_clock,
)

ZONES = [
    *("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
    *("Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu"),
]
STEPS = [*(timedelta(days=days) for days in (1, 3, 7, 14)), timedelta(hours=12), None]
HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = moment(datetime(2009, 1, 1, tzinfo=UTC))
LAST = moment(datetime(2035, 1, 1, tzinfo=UTC))
PEOPLE = ("li@example.com", "wang@example.com", "ou_3")

moments = st.integers(FIRST, LAST)
rotations = st.builds(
    Rotation,
    zone=st.sampled_from([ZoneInfo(name) for name in ZONES]),
    start=st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  (wall clocks)
    every=st.sampled_from(STEPS),
    people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=5).map(tuple),
)


def rotation(zone: str, start: str, every: timedelta | None, *people: str) -> Rotation:
    return Rotation(
        zone=ZoneInfo(zone),
        start=datetime.fromisoformat(start),
        every=every,
        people=people or PEOPLE,
    )


def at(zone: str, wall: str, fold: int = 0) -> int:
    return moment(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold))


@given(rotations, moments, st.integers(0, 60 * DAY))
def test_turns_never_go_back_and_somebody_is_always_on_duty(
    rota: Rotation, begins: int, later: int
) -> None:
    assert turn(rota, begins) <= turn(rota, begins + later)
    assert on_duty(rota, begins) in rota.people


@given(rotations, st.integers(-400, 400))
def test_hand_over_is_at_the_same_wall_clock_on_both_sides_of_a_change(
    rota: Rotation, number: int
) -> None:
    step = rota.every or timedelta(days=7)  # a week has five working days
    turns = number if rota.every else number * 5
    wall = (rota.start + number * step).replace(tzinfo=rota.zone)
    if rota.every is None and rota.start.weekday() > 4:
        return  # a weekend has no hand-over of its own
    if local(rota.zone, moment(wall)).replace(tzinfo=None) != wall.replace(tzinfo=None):
        return  # clocks never showed this time: they handed over as they jumped past it
    assert turn(rota, moment(wall)) == turns
    assert turn(rota, moment(wall) - 1) == turns - 1


@given(st.sampled_from(ZONES), moments, st.integers(0, 3 * DAY))
def test_the_latest_wall_clock_never_goes_back(zone: str, begins: int, later: int) -> None:
    clock = ZoneInfo(zone)
    assert wall_clock(clock, begins) <= wall_clock(clock, begins + later)
    assert wall_clock(clock, begins) >= local(clock, begins).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("day", "who"),
    [
        ("2026-03-28T08:59:59", "a"),
        ("2026-03-28T09:00", "b"),
        ("2026-03-29T08:59:59", "b"),  # this day has 23 hours
        ("2026-03-29T09:00", "a"),
        ("2026-10-25T08:59:59", "b"),  # and this one 25
        ("2026-10-25T09:00", "a"),
    ],
)
def test_clocks_that_change_in_the_night_move_no_hand_over(day: str, who: str) -> None:
    rota = rotation("Europe/Berlin", "2026-03-27T09:00", timedelta(days=1), "a", "b")
    assert on_duty(rota, at("Europe/Berlin", day)) == who


def test_a_hand_over_in_an_hour_that_comes_twice_happens_once() -> None:
    rota = rotation("Europe/Berlin", "2026-10-24T02:30", timedelta(days=1), "a", "b", "c")
    first = at("Europe/Berlin", "2026-10-25T02:30")
    again = at("Europe/Berlin", "2026-10-25T02:10", fold=1)
    assert [on_duty(rota, when) for when in (first - 1, first, again)] == ["a", "b", "b"]


def test_an_hour_that_never_comes_hands_over_as_it_is_skipped() -> None:
    rota = rotation("Europe/Berlin", "2026-03-28T02:30", timedelta(days=1), "a", "b")
    skipped = at("Europe/Berlin", "2026-03-29T03:00")
    assert [on_duty(rota, when) for when in (skipped - 1, skipped)] == ["a", "b"]


def test_working_days_give_the_weekend_to_friday() -> None:
    rota = rotation("Asia/Shanghai", "2026-01-05T09:00", None, *"abcde")  # a Monday
    said = [
        on_duty(rota, at("Asia/Shanghai", f"2026-01-{day:02}T{hour}"))
        for day, hour in ((5, "09:00"), (9, "08:59"), (9, "09:00"), (11, "23:00"), (12, "08:59"))
    ]
    assert said == ["a", "d", "e", "e", "e"]
    assert on_duty(rota, at("Asia/Shanghai", "2026-01-12T09:00")) == "a"


@given(rotations, moments, st.integers(1, 10 * DAY), st.integers(0, 20 * DAY))
def test_an_override_holds_from_its_begin_until_its_end(
    rota: Rotation, begins: int, length: int, later: int
) -> None:
    over = Override(begins, begins + length, "stand-in@example.com")
    swapped = Rotation(
        zone=rota.zone,
        start=rota.start,
        every=rota.every,
        people=rota.people,
        overrides=(Override(begins, begins + length, "nobody@example.com"), over),
    )
    now = begins + later
    assert on_duty(swapped, now) == (over.person if later < length else on_duty(rota, now))


def test_shifts_that_overlap_name_everybody_once() -> None:
    shifts = (Shift(0, 10, ("a", "b")), Shift(5, 15, ("b", "c")), Shift(15, 20, ("d",)))
    assert [on_shift(shifts, now) for now in (0, 5, 10, 15, 20)] == [
        ("a", "b"),
        ("a", "b", "c"),
        ("b", "c"),
        ("d",),
        (),
    ]


def test_a_mention_names_a_list_or_none() -> None:
    assert [list_of(text) for text in ("oncall:db", "all", "li@example.com")] == ["db", "", ""]

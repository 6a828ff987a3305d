"""How long a silence lasts: never forever, never over already, and nine o'clock is nine."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.lasting import LEAST, Lasting, lasting, offered, tomorrow
from receiver.domain.reason import ActionReason
from receiver.domain.silence import DURATIONS, HOUR, MINUTE, RESOLVED, TOMORROW, UNTIL
from tests.domain.made import NOW

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
CHOICES = st.sampled_from((*DURATIONS, TOMORROW, RESOLVED, UNTIL, "9y", ""))
TIMES = st.integers(0, 4_000_000_000_000)


@given(CHOICES, TIMES, TIMES, st.integers(HOUR, 400 * 24 * HOUR))
def test_nothing_lasts_longer_than_allowed_and_nothing_is_over_at_once(
    chosen: str, until: int, at: int, longest: int
) -> None:
    found = lasting(chosen, until, at, longest)
    if isinstance(found, Lasting):
        assert LEAST <= found.ends_at - at <= longest
        assert found.keep_until in (0, at + longest)
        assert bool(found.keep_until) == (chosen == RESOLVED)
        assert found.chosen == chosen
    elif chosen in DURATIONS:
        assert (found, DURATIONS[chosen] > longest) == (ActionReason.TOO_LONG, True)


def test_what_is_wrong_is_named() -> None:
    assert lasting("9y", 0, NOW, HOUR) is ActionReason.UNKNOWN_CHOICE
    assert lasting(UNTIL, NOW, NOW, HOUR) is ActionReason.IN_THE_PAST
    assert lasting(UNTIL, NOW + 2 * HOUR, NOW, HOUR) is ActionReason.TOO_LONG
    assert lasting(UNTIL, NOW + HOUR, NOW, HOUR) == Lasting(UNTIL, NOW + HOUR)


@given(TIMES, st.sampled_from(ZONES))
def test_tomorrow_is_nine_on_the_readers_clock_of_the_next_day(at: int, name: str) -> None:
    zone = ZoneInfo(name)
    here = datetime.fromtimestamp(at / 1000, zone)
    then = datetime.fromtimestamp(tomorrow(at, zone) / 1000, zone)
    assert (then.hour, then.minute, then.second, then.microsecond) == (9, 0, 0, 0)
    assert then.date() == here.date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "hours"),
    [
        # Berlin sets its clocks on in the night to 2026-03-29, and back in that to 2026-10-25.
        (datetime(2026, 3, 28, 20, tzinfo=ZoneInfo("Europe/Berlin")), 12),
        (datetime(2026, 10, 24, 20, tzinfo=ZoneInfo("Europe/Berlin")), 14),
        (datetime(2026, 10, 26, 20, tzinfo=ZoneInfo("Europe/Berlin")), 13),
    ],
)
def test_a_night_in_which_the_clocks_are_set(at: datetime, hours: int) -> None:
    start = round(at.astimezone(UTC).timestamp() * 1000)
    assert tomorrow(start, ZoneInfo("Europe/Berlin")) - start == hours * HOUR


@given(TIMES, st.sampled_from(ZONES), st.integers(HOUR, 8 * 24 * HOUR))
def test_what_is_offered_is_never_refused_for_its_length(at: int, name: str, longest: int) -> None:
    morning = tomorrow(at, ZoneInfo(name))
    for choice in offered(longest):
        found = lasting(choice, morning, at, longest)
        assert isinstance(found, Lasting) or morning - at < MINUTE, (choice, found)
    assert RESOLVED in offered(longest)

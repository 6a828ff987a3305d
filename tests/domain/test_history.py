"""A group's past: only the last incident is needed, and it does not grow."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.history import OPENINGS_KEPT, WINDOW, recall
from receiver.domain.incident import Incident, Kind, Past
from tests.domain.made import HOUR, MINUTE, NOW, World, alert, notice

GAPS = st.lists(st.integers(1, WINDOW + HOUR), min_size=1, max_size=30)


def opened(at: int, **changed: object) -> Incident:
    world = World()
    world.now = at
    world.hear(notice(alert()))
    return world.known._replace(**changed)  # type: ignore[arg-type]


@given(gaps=GAPS)
def test_the_openings_of_a_week_are_counted_exactly(gaps: list[int]) -> None:
    last = opened(NOW)
    times = [NOW]
    for gap in gaps:
        at = times[-1] + gap
        closed = last._replace(closed_at=last.opened_at + min(gap, MINUTE))
        last = recall(opened(at), closed, "Li")
        expected = tuple(time for time in times if time > at - WINDOW)
        assert last.past.openings == expected
        assert last.past.owner == ("Li" if expected else "")
        assert last.past.lasted == (min(gap, MINUTE) if expected else 0)
        times.append(at)


def test_a_past_does_not_grow_without_bound() -> None:
    last = opened(NOW)
    for number in range(1, 300):
        last = recall(opened(NOW + number * MINUTE), last, "")
    assert len(last.past.openings) == OPENINGS_KEPT
    assert last.past.openings[-1] == NOW + 298 * MINUTE


def test_messages_have_no_past() -> None:
    message = opened(NOW, kind=Kind.MESSAGE)
    assert recall(message, opened(NOW), "Li").past == Past()
    assert recall(opened(NOW), message, "Li").past == Past()


@given(closed=st.integers(-HOUR, HOUR), at=st.integers(-HOUR, HOUR))
def test_a_clock_that_was_set_back_makes_no_negative_span(closed: int, at: int) -> None:
    last = opened(NOW, closed_at=NOW + closed)
    assert recall(opened(NOW + at), last, "").past.lasted >= 0

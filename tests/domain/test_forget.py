"""A group that never closes does not grow with each alert that came and went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.absorb import RESOLVED_KEPT, RESOLVED_MOST
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.incident import Change
from tests.domain.made import SECOND, World, alert, notice, world


def named(number: int, *, firing: bool) -> Alert:
    """Make one of many alerts."""
    return alert(f"m{number}", firing=firing)


def over(made: World) -> list[str]:
    """Return what is resolved, the latest first."""
    gone = [member for member in made.members.values() if not member.firing]
    gone.sort(key=lambda member: -(member.until or 0))
    return [member.labels["instance"] for member in gone]


def come_and_go(made: World, number: int) -> Change:
    """Let one alert fire and resolve."""
    made.hear(notice(named(number, firing=True)), SECOND)
    return made.hear(notice(named(number, firing=False)), SECOND)


def test_the_oldest_that_are_over_are_forgotten_and_nothing_that_fires() -> None:
    lasting = [alert(f"lasting{number}") for number in range(5)]
    made = world(notice(*lasting))
    kept = {one.fingerprint for one in lasting}
    for number in range(RESOLVED_MOST):
        assert come_and_go(made, number).forgotten == ()
    assert len(over(made)) == RESOLVED_MOST
    change = come_and_go(made, RESOLVED_MOST)
    assert len(change.forgotten) == RESOLVED_MOST + 1 - RESOLVED_KEPT
    newest = [f"m{number}" for number in range(RESOLVED_MOST, RESOLVED_MOST - RESOLVED_KEPT, -1)]
    assert over(made) == newest
    assert made.firing == kept
    assert not set(change.forgotten) & kept
    assert made.known.joined == 5 + RESOLVED_MOST + 1  # the counters still know of them
    assert made.known.closed_at is None


def test_many_that_fire_are_all_kept() -> None:
    names = [alert(f"x{number}") for number in range(2 * RESOLVED_MOST)]
    made = world(notice(*names))
    change = made.hear(notice(alert("x0", firing=False)), SECOND)
    assert change.forgotten == ()
    assert len(made.members) == 2 * RESOLVED_MOST


def test_one_that_was_forgotten_and_fires_again_joins() -> None:
    made = world(notice(alert("lasting")))
    for number in range(RESOLVED_MOST + 1):
        come_and_go(made, number)
    first = named(0, firing=True)
    assert first.fingerprint not in made.members
    made.hear(notice(first), SECOND)
    assert first.fingerprint in made.firing


@given(st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=60))
def test_no_stream_makes_a_group_grow_or_forgets_what_fires(
    stream: list[tuple[int, bool]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("receiver.domain.absorb.RESOLVED_MOST", 4)
        patch.setattr("receiver.domain.absorb.RESOLVED_KEPT", 2)
        lasting = fingerprint(alert("lasting").labels)
        made, fires = world(notice(alert("lasting"))), {lasting}
        for number, firing in stream:
            told = named(number, firing=firing)
            made.hear(notice(told), SECOND)
            fires = fires | {told.fingerprint} if firing else fires - {told.fingerprint}
            assert made.firing == fires
            assert len(over(made)) <= 4

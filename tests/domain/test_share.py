"""An alert has one state, whatever groups it is in."""

from hypothesis import given

from receiver.domain.absorb import share
from receiver.domain.reason import BodyReason
from tests.domain.made import (
    NOW,
    RULES,
    SECOND,
    Stream,
    World,
    alert,
    counters,
    notice,
    streams,
    world,
)

N1, N2 = alert("n1"), alert("n2")
GONE1 = alert("n1", firing=False)


def test_another_group_s_resolve_is_told() -> None:
    made = world(notice(N1, N2))
    change = share(made.known, made.members, notice(GONE1, truncated=4), RULES, NOW + SECOND)
    assert change is not None
    assert change.incident is not None
    assert (change.reason, change.raised) == (BodyReason.SOME_RESOLVED, True)
    assert [(one.fingerprint, one.firing) for one in change.members] == [(N1.fingerprint, False)]
    assert change.incident.truncated == 0  # the other body's cut is not this group's


def test_it_may_close_the_incident() -> None:
    made = world(notice(N1))
    change = share(made.known, made.members, notice(GONE1), RULES, NOW + SECOND)
    assert change is not None
    assert change.incident is not None
    assert change.reason is BodyReason.ALL_RESOLVED
    assert change.incident.closed_at == NOW + SECOND


def test_it_does_not_close_one_that_was_cut_short() -> None:
    made = world(notice(N1, truncated=2))
    change = share(made.known, made.members, notice(GONE1), RULES, NOW + SECOND)
    assert change is not None
    assert change.incident is not None
    assert change.incident.closed_at is None


def test_an_alert_that_the_group_does_not_hold_is_none_of_its_business() -> None:
    made = world(notice(N1))
    assert share(made.known, made.members, notice(N2), RULES, NOW) is None


def test_a_closed_incident_is_left_alone() -> None:
    made = world(notice(N1), notice(GONE1))
    assert share(made.known, made.members, notice(N1), RULES, NOW) is None


def test_what_fires_again_elsewhere_fires_here() -> None:
    made = world(notice(N1, N2), notice(GONE1))
    change = share(made.known, made.members, notice(N1), RULES, NOW + SECOND)
    assert change is not None
    assert change.reason is BodyReason.NEW_ALERTS


@given(streams(), streams())
def test_the_group_s_own_clock_of_repeats_stays(stream: Stream, other: Stream) -> None:
    made = World()
    for told, gap in stream:
        made.hear(told, gap)
    for told, _ in other:
        if made.incident is None:
            return
        change = share(made.known, made.members, told, RULES, made.now)
        if change is None:
            continue
        after = change.incident
        assert after is not None
        assert (after.peers, after.repeat_at) == (made.known.peers, made.known.repeat_at)
        assert after.external_url == made.known.external_url
        assert after.revision == made.known.revision + 1
        grown = zip(counters(made.known), counters(after), strict=True)
        assert all(old <= new for old, new in grown)
        members = {**made.members, **{one.fingerprint: one for one in change.members}}
        over = not any(one.firing for one in members.values()) and not after.truncated
        assert (after.closed_at is not None) == over

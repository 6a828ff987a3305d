"""What a body does to its group's incident."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.absorb import PEERS_MOST
from receiver.domain.custody import Ownership
from receiver.domain.incident import FLAP_WINDOW, Kind, Notice
from receiver.domain.reason import BodyReason
from tests.domain.made import (
    LI,
    MINUTE,
    NOW,
    PEER,
    SECOND,
    TWIN,
    Stream,
    World,
    alert,
    counters,
    notice,
    notices,
    streams,
    world,
)

N1, N2 = alert("n1"), alert("n2")
GONE1, GONE2 = alert("n1", firing=False), alert("n2", firing=False)
CRITICAL = alert("n3", severity="critical")


def test_the_first_firing_body_opens_an_incident() -> None:
    made = World()
    change = made.hear(notice(N1, GONE2))
    assert (change.reason, change.opened, change.raised) == (BodyReason.FIRST, True, True)
    assert made.firing == {N1.fingerprint}
    assert (made.known.revision, made.known.joined, made.known.closed_at) == (1, 1, None)
    assert made.known.title == "Disk"


def test_a_resolved_alert_that_was_never_seen_opens_nothing() -> None:
    change = World().hear(notice(GONE1))
    assert (change.reason, change.incident, change.raised) == (
        BodyReason.UNKNOWN_RESOLVED,
        None,
        False,
    )


def test_an_empty_body_opens_nothing() -> None:
    assert World().hear(notice()).reason is BodyReason.UNKNOWN_RESOLVED


def test_an_equal_body_is_a_duplicate_and_raises_nothing() -> None:
    made = world(notice(N1, N2))
    before = made.known
    change = made.hear(notice(N2, N1), SECOND)
    assert (change.reason, change.raised, change.members) == (BodyReason.DUPLICATE, False, ())
    assert counters(made.known) == counters(before)


def test_the_twin_of_a_body_is_a_duplicate_at_any_age() -> None:
    made = world(notice(N1))
    assert made.hear(notice(N1, peer=TWIN), 10 * MINUTE).reason is BodyReason.DUPLICATE


def test_absence_from_a_body_proves_nothing() -> None:
    made = world(notice(N1, N2))
    assert made.hear(notice(N1), 5 * SECOND).reason is BodyReason.DUPLICATE
    assert made.firing == {N1.fingerprint, N2.fingerprint}
    assert made.hear(notice(), 5 * SECOND).reason is BodyReason.DUPLICATE
    assert made.known.closed_at is None


def test_some_resolved_then_all() -> None:
    made = world(notice(N1, N2))
    assert made.hear(notice(GONE1, N2)).reason is BodyReason.SOME_RESOLVED
    assert made.known.closed_at is None
    assert made.hear(notice(GONE2)).reason is BodyReason.ALL_RESOLVED
    assert made.known.closed_at == made.now


def test_a_resolved_status_closes_nothing_while_a_silenced_alert_fires() -> None:
    made = world(notice(N1, N2, CRITICAL))
    made.hear(notice(GONE1))
    assert made.known.closed_at is None
    assert len(made.firing) == 2


def test_truncated_alerts_keep_an_incident_open() -> None:
    made = world(notice(N1, N2, truncated=7))
    change = made.hear(notice(GONE1, GONE2, truncated=7), SECOND)
    assert change.reason is BodyReason.SOME_RESOLVED
    assert (made.firing, made.known.closed_at) == (set(), None)
    assert made.hear(notice(GONE1, GONE2, truncated=7), SECOND).reason is BodyReason.DUPLICATE
    assert made.hear(notice(GONE1, truncated=3), SECOND).reason is BodyReason.TRUNCATED
    assert made.known.closed_at is None
    assert made.hear(notice(GONE1), SECOND).reason is BodyReason.ALL_RESOLVED
    assert made.known.closed_at == made.now


def test_firing_again_inside_the_flap_window_opens_the_same_incident_again() -> None:
    made = world(notice(N1), notice(GONE1))
    made.incident = made.known._replace(ack=Ownership(LI, NOW))
    change = made.hear(notice(N1), FLAP_WINDOW)
    assert (change.reason, change.opened) == (BodyReason.REOPENED, False)
    assert (made.opened, made.known.closed_at, made.known.reopened) == (1, None, 1)
    assert made.known.ack is None
    assert made.members[N1.fingerprint].episode == 2


def test_after_the_flap_window_it_is_a_new_incident() -> None:
    made = world(notice(N1), notice(GONE1))
    change = made.hear(notice(N1), FLAP_WINDOW + 1)
    assert (change.reason, change.opened, made.opened) == (BodyReason.FIRST, True, 2)
    assert made.members[N1.fingerprint].episode == 1


def test_after_the_close_a_resolved_body_is_a_duplicate_or_of_no_known_alert() -> None:
    made = world(notice(N1), notice(GONE1))
    assert made.hear(notice(GONE1, peer=TWIN), SECOND).reason is BodyReason.DUPLICATE
    assert made.hear(notice(GONE2), SECOND).reason is BodyReason.UNKNOWN_RESOLVED


def test_a_worse_alert_that_joins_raises_the_severity_and_clears_the_acknowledgement() -> None:
    made = world(notice(N1))
    owned = Ownership(LI, NOW)
    made.incident = made.known._replace(ack=owned, handled=owned)
    assert made.hear(notice(N1, N2)).reason is BodyReason.NEW_ALERTS
    assert (made.known.ack, made.known.handled, made.known.raised) == (None, None, 0)
    made.incident = made.known._replace(ack=owned)
    assert made.hear(notice(N1, N2, CRITICAL)).reason is BodyReason.SEVERITY_RAISED
    assert (made.known.ack, made.known.raised, made.known.rank) == (None, 1, 0)


def test_the_rank_follows_what_fires_and_stays_when_nothing_does() -> None:
    made = world(notice(N1, CRITICAL))
    made.hear(notice(CRITICAL._replace(firing=False)))
    assert made.known.rank == 2
    made.hear(notice(GONE1))
    assert made.known.rank == 2


def test_an_acknowledgement_survives_what_makes_nothing_worse() -> None:
    made = world(notice(N1, N2))
    owned = Ownership(LI, NOW)
    made.incident = made.known._replace(ack=owned)
    made.hear(notice(GONE1, N2))
    made.hear(notice(N2, repeat=True), 5 * MINUTE)
    assert made.known.ack == owned


def test_where_a_body_contradicts_itself_the_alert_fires() -> None:
    for told in (notice(GONE1, N1), notice(N1, GONE1)):
        made = world(told)
        assert (made.firing, made.known.joined) == ({N1.fingerprint}, 1)
        reworded = N1._replace(annotations={"summary": "other"})
        made.hear(notice(GONE1, reworded), SECOND)
        made.hear(notice(reworded, GONE1), SECOND)
        assert (made.firing, made.known.closed_at) == ({N1.fingerprint}, None)


def test_an_alert_named_twice_joins_once() -> None:
    made = world(notice(N1))
    made.hear(notice(N1, N2, N2))
    assert made.known.joined == 2


def test_times_from_outside_are_kept_inside_the_incident_s_own() -> None:
    future, past = NOW * 2, NOW - MINUTE
    made = World()
    made.hear(notice(N1._replace(starts_at=future), N2._replace(starts_at=past)))
    assert made.members[N1.fingerprint].since == NOW
    assert made.members[N2.fingerprint].since == past
    made.hear(notice(GONE1._replace(ends_at=future), GONE2._replace(ends_at=1)), MINUTE)
    assert made.members[N1.fingerprint].until == made.now
    assert made.members[N2.fingerprint].until == past


def test_new_words_come_with_the_next_change_and_raise_nothing_alone() -> None:
    made = world(notice(N1))
    said = N1._replace(annotations={"summary": "newer"}, url="http://p/graph")
    assert made.hear(notice(said), SECOND).reason is BodyReason.DUPLICATE
    made.hear(notice(said, N2), SECOND)
    assert made.members[N1.fingerprint].annotations == {"summary": "newer"}
    assert made.members[N1.fingerprint].url == "http://p/graph"


def test_a_message_is_an_incident_of_one_revision_each_time() -> None:
    made = World()
    told = notice(N1)._replace(kind=Kind.MESSAGE)
    for number in (1, 2):
        change = made.hear(told, SECOND)
        assert (change.reason, change.opened) == (BodyReason.MESSAGE, True)
        assert (made.opened, made.known.closed_at, made.known.revision) == (number, made.now, 1)


def test_a_title_is_found_where_there_is_no_alertname() -> None:
    bare = N1._replace(labels={"job": "x"})
    assert world(notice(bare)._replace(group_labels={"b": "2", "a": "1"})).known.title == "a=1, b=2"
    assert world(notice(bare)._replace(group_labels={})).known.title == "team"
    assert world(notice(bare)._replace(title="Own")).known.title == "Own"


def test_the_peers_that_are_remembered_are_few() -> None:
    made = world(notice(N1))
    for number in range(3 * PEERS_MOST):
        made.hear(notice(N1, peer=f"http://am-{number}"), SECOND)
    assert len(made.known.peers) == PEERS_MOST
    assert f"http://am-{3 * PEERS_MOST - 1}" in made.known.peers


@given(streams())
def test_an_incident_is_closed_iff_nothing_fires_and_nothing_was_cut_off(
    stream: Stream,
) -> None:
    made = World()
    for told, gap in stream:
        made.hear(told, gap)
        if made.incident is not None:
            over = not made.firing and made.known.truncated == 0
            assert (made.known.closed_at is not None) == over


@given(streams())
def test_counters_only_grow_and_a_raise_is_one_revision(
    stream: Stream,
) -> None:
    made = World()
    for told, gap in stream:
        before, number = made.incident, made.opened
        change = made.hear(told, gap)
        if before is None or made.opened > number:
            continue
        after = made.known
        grown = zip(counters(before), counters(after), strict=True)
        assert all(old <= new for old, new in grown)
        assert after.revision == before.revision + change.raised
        assert bool(change.lines) == change.raised


@given(streams(), notices(), st.sampled_from((PEER, TWIN)))
def test_a_body_that_raised_raises_nothing_when_it_comes_again_from_either_peer(
    stream: Stream, last: Notice, peer: str
) -> None:
    made = World()
    for told, gap in stream:
        made.hear(told, gap)
    if not made.hear(last, SECOND).raised:
        return
    before = made.known
    assert not made.hear(last._replace(external_url=peer), 1).raised
    assert counters(made.known) == counters(before)


@given(streams())
def test_every_firing_alert_of_a_body_fires_and_no_resolved_one_does(
    stream: Stream,
) -> None:
    made = World()
    for told, gap in stream:
        made.hear(told, gap)
        fires = {one.fingerprint for one in told.alerts if one.firing}
        over = {one.fingerprint for one in told.alerts} - fires
        assert fires <= made.firing
        assert not over & made.firing


@given(streams())
def test_an_episode_begins_anew_only_after_the_one_before_has_ended(
    stream: Stream,
) -> None:
    made = World()
    for told, gap in stream:
        before, number = dict(made.members), made.opened
        made.hear(told, gap)
        if made.opened > number:
            continue
        for fingerprint, member in made.members.items():
            old = before.get(fingerprint)
            if old is None:
                assert (member.episode, member.firing) == (1, True)
            elif member.episode != old.episode:
                assert (member.episode, old.firing, member.firing) == (old.episode + 1, False, True)

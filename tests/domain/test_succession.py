"""Which incident is superseded by which, and what it hands over."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.alert import Alert
from receiver.domain.custody import Ownership
from receiver.domain.incident import Ending, Incident
from receiver.domain.keeping import lapse
from receiver.domain.ownership import owners
from receiver.domain.reconcile import Index, index
from receiver.domain.silence import KEPT_FOR, RESOLVED, Silence, SilenceState
from receiver.domain.succession import (
    HEIRS_LIMIT,
    Kept,
    Standing,
    Succession,
    standing,
    succeed,
    successions,
)
from receiver.domain.truth import SeenGroup, group_name
from tests.domain.made import HOUR, LI, MINUTE, NOW, WANG, alert, notice, world
from tests.domain.truths import seen, truth

N1, N2 = alert("n1"), alert("n2")
OLD = {"alertname": "Disk"}
NEW = {"alertname": "Disk", "team": "a"}


def kept(number: int, labels: dict[str, str], *alerts: Alert, at: int = 0) -> Kept:
    """Make an incident of its own group, opened so many ms later than others."""
    made = world()
    made.now += at
    told = notice(*alerts)._replace(group_labels=labels, group_key=f"{{}}:{number}")
    made.hear(told)
    return Kept(made.known._replace(id=number), made.members)


def asked(groups: Sequence[SeenGroup], *alerts: Alert) -> Index:
    """Make a truth that is newer than all bodies."""
    return index(truth(NOW + HOUR, *map(seen, alerts), groups=tuple(groups)))


def found(told: Index, *incidents: Kept) -> list[Succession]:
    stand = (standing(one.incident, one.members, told, NOW + HOUR) for one in incidents)
    return successions([one for one in stand if one is not None], told)


def group(labels: dict[str, str], *alerts: Alert, times: int = 1) -> SeenGroup:
    return SeenGroup("team", labels, tuple(one.fingerprint for one in alerts), times)


def test_a_group_that_vanished_is_superseded_by_the_one_that_holds_its_alerts() -> None:
    told = asked([group(NEW, N1, N2)], N1, N2)
    assert found(told, kept(1, OLD, N1), kept(2, NEW, N1, N2)) == [Succession(1, (2,))]


def test_a_group_that_is_there_is_not() -> None:
    told = asked([group(OLD, N1), group(NEW, N1)], N1)
    assert found(told, kept(1, OLD, N1), kept(2, NEW, N1)) == []


def test_a_group_whose_alerts_nobody_holds_yet_is_not() -> None:
    told = asked([group(NEW, N1, N2)], N1, N2)
    assert found(told, kept(1, OLD, N1, N2), kept(2, NEW, N1)) == []


def test_several_that_hold_its_alerts_together_all_succeed_it() -> None:
    parts = [{"instance": "n1"}, {"instance": "n2"}]
    told = asked([group(parts[0], N1), group(parts[1], N2)], N1, N2)
    three = kept(1, OLD, N1, N2), kept(2, parts[0], N1), kept(3, parts[1], N2)
    assert found(told, *three) == [Succession(1, (2, 3))]


@given(count=st.integers(1, HEIRS_LIMIT + 1))
def test_many_that_hold_its_alerts_together_succeed_it_as_far_as_a_commit_goes(count: int) -> None:
    alerts = [alert(f"n{number}") for number in range(count)]
    parts = [{"instance": f"n{number}"} for number in range(count)]
    told = asked([group(*part) for part in zip(parts, alerts, strict=True)], *alerts)
    held = [kept(2 + at, *part) for at, part in enumerate(zip(parts, alerts, strict=True))]
    old = kept(1, OLD, *alerts)
    all_of_them = found(told, old, *held)
    assert [len(one.heirs) for one in all_of_them] == ([count] if count <= HEIRS_LIMIT else [])
    for one in all_of_them:
        heirs = [each for each in held if each.incident.id in one.heirs]
        ended, inherited = succeed(old, heirs, NOW + HOUR)
        assert ended.incident is not None
        assert len(ended.incident.heirs) == len(inherited) == count


def test_with_equal_labels_the_newer_lives_where_one_route_makes_such_a_group() -> None:
    told = asked([group(OLD, N1)], N1)
    assert found(told, kept(1, OLD, N1), kept(2, OLD, N1, at=MINUTE)) == [Succession(1, (2,))]


def test_with_equal_labels_both_live_where_two_routes_do() -> None:
    told = asked([group(OLD, N1, times=2)], N1)
    assert found(told, kept(1, OLD, N1), kept(2, OLD, N1, at=MINUTE)) == []


def test_a_source_that_shows_no_groups_supersedes_nothing() -> None:
    assert found(asked([], N1), kept(1, OLD, N1), kept(2, NEW, N1)) == []


def test_what_was_told_after_the_question_is_left_for_the_next_truth() -> None:
    told = asked([group(NEW, N1)], N1)
    assert found(told, kept(1, OLD, N1, at=HOUR), kept(2, NEW, N1)) == []


def test_people_follow_the_alerts() -> None:
    silence = Silence(
        id="a1",
        state=SilenceState.ACTIVE,
        scope="group",
        matchers=(("alertname", "Disk"),),
        actor=LI,
        comment="",
        asked_at=NOW,
        ends_at=NOW + HOUR,
        silence_id="s1",
    )
    old, heir = kept(1, OLD, N1), kept(2, NEW, N1, N2)
    old = old._replace(
        incident=old.incident._replace(
            ack=Ownership(LI, NOW), handled=Ownership(WANG, NOW), silences=(silence,)
        )
    )
    closed, (inherited,) = succeed(old, [heir], NOW + HOUR)
    ended, after = closed.incident, inherited.incident
    assert ended is not None
    assert after is not None
    assert (ended.ending, ended.heirs, ended.closed_at) == (Ending.SUPERSEDED, (2,), NOW + HOUR)
    assert [owner.actor for owner in owners(after)] == [LI]
    assert after.handled == old.incident.handled
    assert (after.silences, after.ancestors) == ((silence,), (1,))
    assert [line.detail for line in (*closed.lines, *inherited.lines)] == [
        "by #2",
        "takes over from #1",
    ]


def test_who_leads_the_heir_goes_on_leading_it() -> None:
    old, heir = kept(1, OLD, N1), kept(2, NEW, N1)
    old = old._replace(incident=old.incident._replace(ack=Ownership(LI, NOW)))
    heir = heir._replace(incident=heir.incident._replace(ack=Ownership(WANG, NOW)))
    _, (inherited,) = succeed(old, [heir], NOW + HOUR)
    assert inherited.incident is not None
    assert [owner.actor for owner in owners(inherited.incident)] == [WANG, LI]


def test_an_heir_that_lost_the_alerts_meanwhile_is_none() -> None:
    old, heir = kept(1, OLD, N1, N2), kept(2, NEW, N1)
    assert succeed(old, [heir], NOW)[0].incident is None
    over = heir._replace(incident=heir.incident._replace(closed_at=NOW))
    assert succeed(kept(1, OLD, N1), [over], NOW)[0].incident is None


NAMES = st.frozensets(st.sampled_from("abcd"), max_size=4)
LABELS = st.sampled_from([{"x": "1"}, {"x": "2"}])
STANDINGS = st.lists(
    st.builds(
        Standing,
        st.integers(1, 9),
        LABELS.map(lambda labels: group_name("team", labels)),
        st.tuples(st.integers(0, 3), st.integers(0, 3)),
        NAMES,
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)
GROUPS = st.lists(
    st.builds(SeenGroup, st.just("team"), LABELS, NAMES.map(tuple), st.integers(1, 2)),
    max_size=2,
    unique_by=lambda one: one.name,
)


@given(STANDINGS, GROUPS)
def test_no_alert_is_left_without_an_incident(
    standings: list[Standing], groups: list[SeenGroup]
) -> None:
    told = successions(standings, index(truth(NOW, groups=tuple(groups))))
    by_id = {one.id: one for one in standings}
    lost = {one.old for one in told}
    for one in told:
        assert not lost.intersection(one.heirs)
        held = frozenset[str]().union(*(by_id[heir].firing for heir in one.heirs))
        assert by_id[one.old].firing <= held


def test_an_incident_that_is_over_stands_nowhere() -> None:
    one = kept(1, OLD, N1)
    over: Incident = one.incident._replace(closed_at=NOW)
    assert standing(over, one.members, asked([], N1), NOW + HOUR) is None


def test_what_is_kept_alive_is_kept_by_the_heir_alone() -> None:
    """Or the end of the old incident would end it, while its alert fires in the new one."""
    silence = Silence(
        id="a1",
        state=SilenceState.ACTIVE,
        scope="group",
        matchers=(("alertname", "Disk"),),
        actor=LI,
        comment="",
        asked_at=NOW,
        ends_at=NOW + KEPT_FOR,
        silence_id="s1",
        lasts=RESOLVED,
        keep_until=NOW + 24 * HOUR,
    )
    old, heir = kept(1, OLD, N1), kept(2, NEW, N1)
    old = old._replace(incident=old.incident._replace(silences=(silence,)))
    closed, (inherited,) = succeed(old, [heir], NOW + MINUTE)
    assert closed.incident is not None
    assert inherited.incident is not None
    assert inherited.incident.silences == (silence,)
    assert lapse(closed.incident, lambda _: False, NOW + MINUTE).silences == ()
    released = lapse(inherited.incident, lambda _: False, NOW + MINUTE).silences
    assert [one.state for one in released] == [SilenceState.EXPIRING]

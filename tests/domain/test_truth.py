"""Peers heard as one: what any has is present, what all lack is absent."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.matcher import equal
from receiver.domain.truth import (
    EXPIRED,
    WARM_UP,
    SeenAlert,
    SeenGroup,
    SeenSilence,
    Truth,
    merge,
)

NAMES = st.sampled_from(["a", "b", "c", "d"])
SEVERAL = st.lists(NAMES, max_size=3, unique=True).map(tuple)
MOMENTS = st.integers(0, 5)
STATES = st.sampled_from(["pending", "active", EXPIRED])


def alert(fingerprint: str = "a", **other: object) -> SeenAlert:
    plain = SeenAlert(fingerprint, {"alertname": fingerprint}, {}, 1, 2, "", (), (), (), ())
    return plain._replace(**other)  # type: ignore[arg-type]


def silence(one: str = "a", state: str = "active", **other: object) -> SeenSilence:
    plain = SeenSilence(one, state, (equal("job", "db"),), 1, 9, "bob", "why", "")
    return plain._replace(**other)  # type: ignore[arg-type]


def view(*alerts: SeenAlert, silences: tuple[SeenSilence, ...] = ()) -> Truth:
    return Truth(10, {one.fingerprint: one for one in alerts}, silences, ())


ALERTS = st.builds(
    alert,
    NAMES,
    annotations=st.dictionaries(NAMES, NAMES, max_size=1),
    starts_at=st.none() | MOMENTS,
    ends_at=st.none() | MOMENTS,
    receivers=SEVERAL,
    silenced_by=SEVERAL,
    inhibited_by=SEVERAL,
    muted_by=SEVERAL,
    updated_at=MOMENTS,
)
SILENCES = st.builds(silence, NAMES, STATES, ends_at=MOMENTS, updated_at=MOMENTS)
GROUPS = st.builds(SeenGroup, NAMES, st.dictionaries(NAMES, NAMES, max_size=2), SEVERAL)
VIEWS = st.builds(
    Truth,
    MOMENTS,
    st.lists(ALERTS, max_size=4).map(lambda seen: {one.fingerprint: one for one in seen}),
    st.lists(SILENCES, max_size=4, unique_by=lambda one: one.id).map(tuple),
    st.lists(GROUPS, max_size=3).map(tuple),
    MOMENTS,
    SEVERAL,
)
CLUSTERS = st.lists(VIEWS, min_size=1, max_size=4).map(tuple)


@given(CLUSTERS)
def test_an_alert_is_present_where_any_peer_has_it_and_absent_where_all_lack_it(
    views: tuple[Truth, ...],
) -> None:
    merged = merge(views)
    assert set(merged.alerts) == {one for each in views for one in each.alerts}
    assert all(one == seen.fingerprint for one, seen in merged.alerts.items())


@given(CLUSTERS, st.randoms())
def test_the_order_of_peers_and_hearing_one_twice_change_nothing(
    views: tuple[Truth, ...], luck: object
) -> None:
    shuffle: Callable[[list[Truth]], None] = luck.shuffle  # type: ignore[attr-defined]
    again = [*views, views[0]]
    shuffle(again)
    assert merge(tuple(again)) == merge(views)
    assert merge((merge(views),)) == merge(views)


@given(CLUSTERS)
def test_what_is_said_of_an_alert_was_said_by_a_peer(views: tuple[Truth, ...]) -> None:
    merged = merge(views)
    over = {one.id for one in merged.silences if one.state == EXPIRED}
    for fingerprint, seen in merged.alerts.items():
        told = [each.alerts[fingerprint] for each in views if fingerprint in each.alerts]
        assert seen.annotations in [one.annotations for one in told]
        assert seen.updated_at == max(one.updated_at for one in told)
        assert seen.starts_at == min(
            (one.starts_at for one in told if one.starts_at is not None), default=None
        )
        assert set(seen.silenced_by) == {by for one in told for by in one.silenced_by} - over
        assert set(seen.inhibited_by) == {by for one in told for by in one.inhibited_by}
        assert set(seen.receivers) == {name for one in told for name in one.receivers}


@given(CLUSTERS)
def test_of_each_silence_the_newest_version_counts(views: tuple[Truth, ...]) -> None:
    merged = merge(views)
    told = [one for each in views for one in each.silences]
    assert sorted(one.id for one in merged.silences) == sorted({one.id for one in told})
    for seen in merged.silences:
        versions = [one for one in told if one.id == seen.id]
        newest = max(one.updated_at for one in versions)
        assert seen.updated_at == newest
        at_last = [one.state for one in versions if one.updated_at == newest]
        assert (seen.state == EXPIRED) is (EXPIRED in at_last)


@given(CLUSTERS)
def test_a_group_holds_what_any_peer_puts_into_it(views: tuple[Truth, ...]) -> None:
    def pairs(truths: tuple[Truth, ...]) -> set[tuple[str, str, str]]:
        return {
            (group.receiver, repr(sorted(group.labels.items())), fingerprint)
            for each in truths
            for group in each.groups
            for fingerprint in group.fingerprints
        }

    assert pairs((merge(views),)) == pairs(views)


@given(CLUSTERS)
def test_times_are_those_that_promise_least(views: tuple[Truth, ...]) -> None:
    merged = merge(views)
    assert merged.at == min(each.at for each in views)
    assert merged.up_since == min(each.up_since for each in views)
    assert set(merged.unanswered) == {one for each in views for one in each.unanswered}


def test_an_extended_silence_outlives_the_version_that_a_peer_still_has() -> None:
    short, long = silence(ends_at=5, updated_at=1), silence(ends_at=9, updated_at=2)
    assert merge((view(silences=(long,)), view(silences=(short,)))).silences == (long,)


def test_a_peer_that_has_not_heard_of_a_silences_end_mutes_nothing_by_it() -> None:
    late = view(alert(silenced_by=("s",)), silences=(silence("s", updated_at=1),))
    told = view(alert(), silences=(silence("s", EXPIRED, updated_at=2),))
    assert not merge((late, told)).alerts["a"].suppressed


def test_no_peer_is_no_truth() -> None:
    with pytest.raises(ValueError, match="at least one peer"):
        merge(())


@pytest.mark.parametrize(("up_since", "told"), [(0, True), (1, False), (WARM_UP, False)])
def test_a_peer_that_has_just_started_does_not_tell_absence(up_since: int, told: bool) -> None:
    assert Truth(WARM_UP, {}, (), (), up_since).tells_absence() is told


@pytest.mark.parametrize(
    ("seen", "suppressed"),
    [
        (alert(), False),
        (alert(silenced_by=("s",)), True),
        (alert(inhibited_by=("f",)), True),
        (alert(muted_by=("night",)), True),
    ],
)
def test_whatever_mutes_suppresses(seen: SeenAlert, suppressed: bool) -> None:
    assert seen.suppressed is suppressed

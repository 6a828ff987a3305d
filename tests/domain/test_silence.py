"""A silence never mutes more than what its scope names, and never everything."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.matcher import group_key_matchers, quote
from receiver.domain.silence import Silence, SilenceState, alert_scope, group_scope
from tests.domain.made import HOUR, LI, NOW, label_sets


def silence(
    state: SilenceState = SilenceState.ACTIVE,
    matchers: tuple[tuple[str, str], ...] = (("alertname", "Disk"),),
) -> Silence:
    """Make a silence of one hour."""
    return Silence(
        id="a1",
        state=state,
        scope="group",
        matchers=matchers,
        actor=LI,
        comment="",
        asked_at=NOW,
        ends_at=NOW + HOUR,
    )


@given(label_sets(), label_sets(), st.lists(label_sets(), max_size=4))
def test_a_group_scope_has_only_positive_matchers(
    group: dict[str, str], demands: dict[str, str], firing: list[dict[str, str]]
) -> None:
    route = ",".join(f"{name}={quote(value)}" for name, value in demands.items())
    scope = group_scope(group, group_key_matchers(f"{{}}/{{{route}}}:{{}}"), firing)
    assert all(name and value for name, value in scope)
    assert len(dict(scope)) == len(scope)
    assert {name: value for name, value in group.items() if value}.items() <= dict(scope).items()


@given(label_sets(), label_sets(), st.lists(label_sets(), min_size=1, max_size=4))
def test_a_group_scope_mutes_all_that_carries_the_group_labels(
    group: dict[str, str], demands: dict[str, str], extra: list[dict[str, str]]
) -> None:
    firing = [{**labels, **demands, **group} for labels in extra]
    route = ",".join(f"{name}={quote(value)}" for name, value in demands.items())
    scope = group_scope(group, group_key_matchers(f"{{}}/{{{route}}}:{{}}"), firing)
    made = silence(matchers=scope)
    assert all(made.covers(labels) for labels in firing)


def test_what_only_some_alerts_carry_is_not_in_the_scope() -> None:
    demands = group_key_matchers('{}/{team="a"}:{}')
    assert group_scope({}, demands, [{"team": "a"}, {"team": "b"}]) == ()
    assert group_scope({}, demands, [{"team": "a"}, {"team": "a", "x": "y"}]) == (("team", "a"),)
    assert group_scope({}, demands, []) == ()
    assert group_scope({}, (), [{"a": "b"}]) == ()


@given(label_sets())
def test_an_alert_scope_mutes_exactly_its_label_set(labels: dict[str, str]) -> None:
    scope = alert_scope(labels)
    assert dict(scope) == {name: value for name, value in labels.items() if value}
    made = silence(matchers=scope)
    assert made.covers(labels)
    for name in dict(scope):
        assert not made.covers({**labels, name: labels[name] + "x"})


def test_which_states_mute() -> None:
    holding = {state for state in SilenceState if silence(state).holds}
    assert holding == {SilenceState.ACTIVE, SilenceState.EXTENDING, SilenceState.EXPIRING}
    mute = {state for state in SilenceState if silence(state).mutes}
    assert mute == holding - {SilenceState.EXPIRING}
    live = {state for state in SilenceState if silence(state).live}
    assert live == mute | {SilenceState.REQUESTED}
    assert "a1" in silence().marker

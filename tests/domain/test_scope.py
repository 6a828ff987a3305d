"""What a silence is to mute: never everything, and nothing that was not chosen."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind
from receiver.domain.reason import ActionReason
from receiver.domain.scope import LABELS_MOST, chosen_matchers, label_key, shared_labels
from receiver.domain.silence import UNSTABLE_LABELS, SilenceRules, alert_scope, is_safe
from tests.domain.made import LI, NOW, alert, label_sets, notice, world

N1, N2 = alert("n1"), alert("n2")
MADE = world(notice(N1, N2))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())


def asked(*labels: str, scope: str = "group", rules: SilenceRules | None = None) -> Action:
    """Ask for a silence."""
    return Action(
        id="a1",
        kind=ActionKind.SILENCE,
        incident=1,
        actor=LI,
        at=NOW,
        scope=scope,
        labels=labels,
        rules=rules or SilenceRules(),
    )


@given(
    label_sets(),
    label_sets(),
    st.lists(label_sets(), max_size=3),
    st.sampled_from(("group", "labels", "", N1.fingerprint, N2.fingerprint)),
    st.lists(st.integers(0, 5), max_size=3),
)
def test_no_scope_lacks_a_positive_matcher_that_names_a_value(
    group: dict[str, str],
    shared: dict[str, str],
    own: list[dict[str, str]],
    scope: str,
    chosen: list[int],
) -> None:
    known = OPEN._replace(group_labels=group, group_key="{}:{}")
    members = [
        member._replace(labels={**labels, **shared})
        for member, labels in zip(MEMBERS, own, strict=False)
    ]
    offered = shared_labels(members)
    keys = [label_key(*offered[number]) for number in chosen if number < len(offered)]
    found = chosen_matchers(known, members, asked(*keys, scope=scope))
    if isinstance(found, ActionReason):
        return
    assert is_safe(found)
    assert all(name and value for name, value in found)
    if keys:
        assert set(found) <= set(offered)
        assert {label_key(*pair) for pair in found} == set(keys)


@given(label_sets(), st.dictionaries(st.sampled_from(UNSTABLE_LABELS), st.text(min_size=1)))
def test_one_alert_is_known_without_its_unstable_labels(
    labels: dict[str, str], unstable: dict[str, str]
) -> None:
    stable = {name: value for name, value in labels.items() if name not in UNSTABLE_LABELS}
    whole = {**stable, **unstable, "alertname": "CrashLooping"}
    scope = dict(alert_scope(whole, UNSTABLE_LABELS))
    assert not set(scope) & set(UNSTABLE_LABELS)
    assert scope["alertname"] == "CrashLooping"
    assert {name: value for name, value in stable.items() if value}.items() <= scope.items() | {
        ("alertname", stable.get("alertname", ""))
    }


@given(label_sets())
def test_without_a_name_no_label_is_left_out(labels: dict[str, str]) -> None:
    nameless = {name: value for name, value in labels.items() if name != "alertname"}
    every = alert_scope(nameless, [*nameless])
    assert dict(every) == {name: value for name, value in nameless.items() if value}


def test_which_labels_are_unstable_is_configured() -> None:
    rules = SilenceRules(unstable=("instance", "alertname"))
    found = chosen_matchers(OPEN, MEMBERS, asked(scope=N1.fingerprint, rules=rules))
    assert not isinstance(found, ActionReason)
    assert "instance" not in dict(found)
    assert dict(found)["alertname"] == N1.labels["alertname"]


def test_labels_win_over_the_scope_and_must_be_those_that_were_offered() -> None:
    offered = shared_labels(MEMBERS)
    assert offered[0][0] == "alertname"
    found = chosen_matchers(OPEN, MEMBERS, asked(label_key(*offered[0]), scope=N1.fingerprint))
    assert found == (offered[0],)
    gone = chosen_matchers(OPEN, MEMBERS, asked(label_key("alertname", "Other")))
    assert gone is ActionReason.CHANGED
    instance = N1.labels["instance"]
    assert (
        chosen_matchers(OPEN, MEMBERS, asked(label_key("instance", instance)))
        is ActionReason.CHANGED
    )


@given(st.lists(label_sets(), max_size=4))
def test_the_form_offers_only_what_all_firing_alerts_share(sets: list[dict[str, str]]) -> None:
    members = [MEMBERS[0]._replace(fingerprint=str(at), labels=one) for at, one in enumerate(sets)]
    offered = shared_labels(members)
    assert len(offered) <= LABELS_MOST
    for name, value in offered:
        assert name
        assert value
        assert all(member.labels[name] == value for member in members)
    over = [member._replace(firing=False) for member in members]
    assert shared_labels(over) == ()

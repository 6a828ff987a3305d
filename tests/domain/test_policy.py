"""Who may do what: what the rules permit, and what they never do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind
from receiver.domain.admission import admit
from receiver.domain.decide import decide
from receiver.domain.matcher import Matcher, parse_matcher
from receiver.domain.person import Actor
from receiver.domain.policy import (
    FREE,
    PERMISSIONS,
    Access,
    Asker,
    Permission,
    Policy,
    Rule,
    Touched,
    may,
    touched,
)
from receiver.domain.reason import ActionReason
from receiver.domain.ruling import PERMITTED, PolicyReason, Ruling
from receiver.domain.silence import Silence, SilenceState
from tests.domain.made import HOUR, LI, NOW, WANG, alert, notice, world

ACK, SILENCE = ActionKind.ACKNOWLEDGE, ActionKind.SILENCE
N1, N2 = alert("n1"), alert("n2")
OPEN = world(notice(N1, N2))
MEMBERS = tuple(OPEN.members.values())
HERE = Asker(LI, "oc_1")
DB = {"alertname": "Disk", "team": "db", "severity": "critical"}
WEB = {"alertname": "Disk", "team": "web", "severity": "warning"}


def rule(who: str, may: Permission, *matchers: str, longest: int = 0) -> Rule:
    """Make a rule for one person and one permission."""
    parsed = tuple(parse_matcher(text) for text in matchers)
    return Rule(who=(who,), may=frozenset({may}), matchers=parsed, longest=longest)


def access(*rules: Rule, **known: frozenset[str]) -> Access:
    """Make what is known of the asker, with these rules."""
    return Access(Policy(rules), **known)


def silence(lasts: int = HOUR, **labels: str) -> Silence:
    """Make a silence that is asked for."""
    return Silence(
        id="a1",
        state=SilenceState.REQUESTED,
        scope="group",
        matchers=tuple(sorted(labels.items())),
        actor=LI,
        comment="",
        asked_at=NOW,
        ends_at=NOW + lasts,
    )


def ruling(what: Touched, *rules: Rule, kind: ActionKind = ACK, asker: Asker = HERE) -> Ruling:
    """Ask."""
    return may(access(*rules), asker, kind, what, NOW)


def test_every_action_has_a_permission_and_every_permission_an_action() -> None:
    assert set(PERMISSIONS) == set(ActionKind)
    assert set(PERMISSIONS.values()) == set(Permission)


@pytest.mark.parametrize("kind", ActionKind)
def test_without_rules_everybody_may_do_everything(kind: ActionKind) -> None:
    assert may(FREE, HERE, kind, Touched((DB,), (silence(),)), NOW) == PERMITTED


def test_with_rules_nothing_else_is_permitted() -> None:
    acked = rule("all", Permission.ACKNOWLEDGE)
    assert ruling(Touched((DB,)), acked).permitted
    refused = ruling(Touched((DB,)), acked, kind=ActionKind.RESOLVE)
    assert refused == Ruling(PolicyReason.NOT_PERMITTED)


@pytest.mark.parametrize(
    ("entry", "yes"),
    [
        ("all", True),
        ("ou_li", True),
        ("on_li", True),
        ("chat:oc_1", True),
        ("oncall:db", True),
        ("li@example.com", True),
        ("ou_wang", False),
        ("chat:oc_2", False),
        ("chat:", False),
        ("oncall:web", False),
        ("wang@example.com", False),
    ],
)
def test_people_are_named_in_many_ways(entry: str, *, yes: bool) -> None:
    known = access(
        rule(entry, Permission.ACKNOWLEDGE),
        lists=frozenset({"db"}),
        emails=frozenset({"li@example.com"}),
    )
    assert may(known, HERE, ACK, Touched((DB,)), NOW).permitted is yes


def test_somebody_without_ids_is_nobody_in_particular() -> None:
    nobody = Asker(Actor(open_id=""))
    for entry in ("ou_li", "chat:oc_1", "chat:"):
        asked = ruling(Touched((DB,)), rule(entry, Permission.ACKNOWLEDGE), asker=nobody)
        assert asked == Ruling(PolicyReason.NOT_PERMITTED, (entry,))


def test_each_alert_must_be_permitted_by_some_rule() -> None:
    db = rule("all", Permission.ACKNOWLEDGE, 'team="db"')
    web = rule("all", Permission.ACKNOWLEDGE, 'team="web"')
    assert not ruling(Touched((DB, WEB)), db).permitted
    assert ruling(Touched((DB, WEB)), db, web).permitted


def test_who_may_is_told() -> None:
    rules = (
        rule("ou_wang", Permission.ACKNOWLEDGE),
        rule("oncall:db", Permission.ACKNOWLEDGE, 'team="db"'),
        rule("ou_web", Permission.ACKNOWLEDGE, 'team="web"'),
        rule("ou_other", Permission.RESOLVE),
    )
    refused = ruling(Touched((DB,)), *rules)
    assert refused == Ruling(PolicyReason.NOT_PERMITTED, ("ou_wang", "oncall:db"))


def test_an_address_that_is_not_looked_up_yet_is_told() -> None:
    known = access(
        rule("li@example.com", Permission.ACKNOWLEDGE), unresolved=frozenset({"li@example.com"})
    )
    refused = may(known, HERE, ACK, Touched((DB,)), NOW)
    assert refused == Ruling(PolicyReason.UNKNOWN_PERSON, ("li@example.com",))


def test_source_and_receiver_hide_labels_of_the_same_name() -> None:
    asked = touched(OPEN.known, MEMBERS)
    assert ruling(asked, rule("all", Permission.ACKNOWLEDGE, 'source="prod"', 'team="a"')).permitted
    assert not ruling(asked, rule("all", Permission.ACKNOWLEDGE, 'receiver="x"')).permitted


def test_what_has_no_alerts_is_touched_all_the_same() -> None:
    asked = touched(OPEN.known, ())
    assert ruling(asked, rule("all", Permission.ACKNOWLEDGE, 'source="prod"')).permitted
    assert not ruling(asked, rule("all", Permission.ACKNOWLEDGE, 'source="test"')).permitted


def test_a_silence_must_name_the_labels_by_which_a_rule_permits_it() -> None:
    db = rule("all", Permission.SILENCE, 'team="db"')
    narrow = Touched((DB,), (silence(team="db", alertname="Disk"),))
    assert ruling(narrow, db, kind=SILENCE).permitted
    wide = Touched((DB,), (silence(alertname="Disk"),))  # later it would mute others' alerts
    assert ruling(wide, db, kind=SILENCE) == Ruling(PolicyReason.TOO_WIDE, missing=("team",))
    other = Touched((WEB,), (silence(team="web"),))
    assert ruling(other, db, kind=SILENCE) == Ruling(PolicyReason.NOT_PERMITTED)


def test_what_must_not_be_is_named_by_a_silence_too() -> None:
    lesser = rule("all", Permission.SILENCE, 'severity!="critical"')
    wide = Touched((WEB,), (silence(team="web"),))
    assert ruling(wide, lesser, kind=SILENCE).reason is PolicyReason.TOO_WIDE
    named = Touched((WEB,), (silence(team="web", severity="warning"),))
    assert ruling(named, lesser, kind=SILENCE).permitted


def test_one_rule_must_permit_a_silence_whole() -> None:
    short = rule("all", Permission.SILENCE, longest=HOUR)
    long = rule("all", Permission.SILENCE, 'team="web"', longest=8 * HOUR)
    asked = Touched((DB,), (silence(2 * HOUR, team="db"),))
    refused = ruling(asked, short, long, kind=SILENCE)
    assert refused == Ruling(PolicyReason.TOO_LONG, longest=HOUR)
    assert ruling(asked, long, rule("all", Permission.SILENCE), kind=SILENCE).permitted
    exact = Touched((DB,), (silence(HOUR, team="db"),))
    assert ruling(exact, short, kind=SILENCE).permitted


def test_a_refusal_changes_nothing_and_leaves_a_line() -> None:
    click = Action(id="a1", kind=ACK, incident=1, actor=WANG, at=NOW, place="ops:oc_2")
    verdict = decide(OPEN.known, MEMBERS, click, NOW)
    only = access(rule("chat:oc_1", Permission.ACKNOWLEDGE))
    refused = admit(only, click, OPEN.known, verdict, touched(OPEN.known, MEMBERS), NOW)
    assert refused.reason is ActionReason.NOT_PERMITTED
    assert (refused.incident, refused.silences, refused.members) == (None, (), ())
    (line,) = refused.lines
    assert line[:3] == ("refused", "acknowledge: not_permitted", "Wang")
    here = replace(click, place="ops:oc_1")
    assert admit(only, here, OPEN.known, verdict, touched(OPEN.known, MEMBERS), NOW) == verdict


@pytest.mark.parametrize("reason", PolicyReason)
def test_each_refusal_is_what_became_of_the_click(reason: PolicyReason) -> None:
    verdicts = {PolicyReason.PERMITTED, PolicyReason.NEEDS_APPROVAL}
    assert reason in verdicts or ActionReason(reason)


def test_a_broad_silence_needs_a_second_person() -> None:
    some = replace(rule("all", Permission.SILENCE), broad=2)
    named = Touched((DB,), (silence(team="db", alertname="Disk"),), muting=2)
    assert ruling(named, some, kind=SILENCE).permitted
    broad = named._replace(muting=3)
    assert ruling(broad, some, kind=SILENCE) == Ruling(PolicyReason.NEEDS_APPROVAL)
    anything = Touched((DB,), (silence(team="db"),), muting=1)  # alerts of any name
    assert ruling(anything, some, kind=SILENCE) == Ruling(PolicyReason.NEEDS_APPROVAL)
    none = replace(some, broad=0)
    assert not ruling(named._replace(muting=0), none, kind=SILENCE).permitted
    trusted = rule("ou_li", Permission.SILENCE, longest=8 * HOUR)
    assert ruling(broad, some, trusted, kind=SILENCE).permitted


def test_who_approves_needs_nobody_else() -> None:
    both = replace(rule("all", Permission.APPROVE, 'team="db"'), broad=0)
    asked = Touched((DB,), (silence(team="db"),), muting=99)
    assert ruling(asked, both, kind=ActionKind.APPROVE).permitted
    assert ruling(asked, both, kind=ActionKind.DECLINE).permitted
    other = Touched((WEB,), (silence(team="web"),))
    assert not ruling(other, both, kind=ActionKind.APPROVE).permitted
    assert not ruling(asked, rule("all", Permission.SILENCE), kind=ActionKind.APPROVE).permitted


WHO = st.sampled_from(["all", "ou_li", "on_li", "chat:oc_1", "oncall:db", "l@x.y", "w@x.y", "ou_x"])
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "team": st.sampled_from(["db", "web"]),
        "severity": st.sampled_from(["critical", "warning"]),
        "alertname": st.just("Disk"),
    },
)
MATCHERS: st.SearchStrategy[Matcher] = st.sampled_from(
    [
        parse_matcher(text)
        for text in ('team="db"', 'team!="db"', 'severity=~"crit.*"', 'severity!~"crit.*"', "x=")
    ]
)
RULES = st.builds(
    Rule,
    who=st.lists(WHO, min_size=1, max_size=3).map(tuple),
    may=st.frozensets(st.sampled_from(Permission), min_size=1),
    matchers=st.lists(MATCHERS, max_size=2).map(tuple),
    longest=st.sampled_from([0, HOUR, 4 * HOUR]),
    broad=st.sampled_from([None, 0, 3]),
)
SILENCES = st.builds(
    lambda lasts, labels: silence(lasts, **labels),
    st.sampled_from([HOUR, 2 * HOUR, 8 * HOUR]),
    LABELS,
)
TOUCHED = st.builds(
    Touched,
    st.lists(LABELS, min_size=1, max_size=3).map(tuple),
    st.lists(SILENCES, max_size=2).map(tuple),
    muting=st.integers(0, 5),
)
KNOWN = st.sampled_from(
    [
        Access(),
        Access(lists=frozenset({"db"}), emails=frozenset({"l@x.y"})),
        Access(emails=frozenset({"w@x.y"}), unresolved=frozenset({"l@x.y"})),
    ]
)


@given(st.lists(RULES, min_size=1, max_size=4), RULES, KNOWN, st.sampled_from(ActionKind), TOUCHED)
def test_a_rule_more_permits_more(
    rules: list[Rule], more: Rule, known: Access, kind: ActionKind, what: Touched
) -> None:
    before = may(known._replace(policy=Policy(tuple(rules))), HERE, kind, what, NOW)
    after = may(known._replace(policy=Policy((more, *rules))), HERE, kind, what, NOW)
    assert after.permitted or not before.permitted


@given(st.lists(RULES, min_size=1, max_size=4), KNOWN, st.sampled_from(ActionKind), TOUCHED)
def test_what_no_rule_is_about_is_refused(
    rules: list[Rule], known: Access, kind: ActionKind, what: Touched
) -> None:
    others = tuple(replace(rule, may=rule.may - {PERMISSIONS[kind]}) for rule in rules)
    refused = may(known._replace(policy=Policy(others)), HERE, kind, what, NOW)
    assert refused == Ruling(PolicyReason.NOT_PERMITTED)


@given(st.lists(RULES, min_size=1, max_size=4), KNOWN, TOUCHED, LABELS, SILENCES)
def test_a_permitted_silence_mutes_nothing_that_the_rules_are_not_about(
    rules: list[Rule], known: Access, what: Touched, later: dict[str, str], asked: Silence
) -> None:
    """Whatever alert comes later and is muted, a rule about it permitted that."""
    only = what._replace(silences=(asked,))
    if not may(known._replace(policy=Policy(tuple(rules))), HERE, SILENCE, only, NOW).permitted:
        return
    muted = {**later, **dict(asked.matchers)}
    about = [rule for rule in rules if Permission.SILENCE in rule.may]
    assert any(all(one.matches(muted) for one in rule.matchers) for rule in about)
    assert any(not rule.longest or asked.ends_at - NOW <= rule.longest for rule in about)
    named = "alertname" in dict(asked.matchers)
    enough = [rule.broad for rule in about]
    assert any(most is None or (most and named and only.muting <= most) for most in enough)


@given(st.lists(RULES, min_size=1, max_size=4), KNOWN, st.sampled_from(ActionKind), TOUCHED)
def test_what_is_learned_of_a_person_takes_nothing_away(
    rules: list[Rule], known: Access, kind: ActionKind, what: Touched
) -> None:
    now = known._replace(policy=Policy(tuple(rules)))
    then = now._replace(emails=now.emails | now.unresolved, unresolved=frozenset())
    before, after = may(now, HERE, kind, what, NOW), may(then, HERE, kind, what, NOW)
    assert after.permitted or not before.permitted
    if before.reason is PolicyReason.UNKNOWN_PERSON:
        assert after.permitted

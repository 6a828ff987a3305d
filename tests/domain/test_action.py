"""What becomes of a click, and of Alertmanager's answer to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.decide import decide
from receiver.domain.incident import Incident, Kind, Member, muting
from receiver.domain.keeping import lapse, next_lapse
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.scope import scope_matchers
from receiver.domain.silence import COMMENT_LIMIT, DURATIONS, Silence, SilenceState
from receiver.domain.silencing import Conclusion, conclude
from tests.domain.made import HOUR, LI, MINUTE, SECOND, WANG, alert, notice, world

N1, N2 = alert("n1"), alert("n2")
MADE = world(notice(N1, N2))
OPEN, MEMBERS = MADE.known, tuple(MADE.members.values())
CLICKED = MADE.now + SECOND


def click(kind: ActionKind, number: int = 1, **more: str) -> Action:
    """Make a click."""
    return Action(
        id=f"a{number}",
        kind=kind,
        incident=1,
        actor=WANG,
        at=CLICKED,
        duration=more.get("duration", "1h"),
        scope=more.get("scope", "group"),
        comment=more.get("comment", ""),
        silence=more.get("silence", ""),
    )


def always(_: Silence) -> bool:
    """Say that what a silence mutes fires."""
    return True


def muted(known: Incident, members: tuple[Member, ...]) -> int:
    """Count the firing alerts that a silence is known to mute."""
    return sum(1 for member in members if member.firing and muting(known, member.labels))


def after(verdict: Verdict) -> Incident:
    """Return what a click made of the incident."""
    assert verdict.incident is not None
    return verdict.incident


def do(known: Incident, kind: ActionKind, **more: str) -> Verdict:
    """Click."""
    return decide(known, MEMBERS, click(kind, 1, **more), CLICKED)


def told(state: SilenceState, problem: str = "", silence_id: str = "s-1") -> Conclusion:
    """Make Alertmanager's answer to the silence a1."""
    return Conclusion(incident=1, silence="a1", state=state, silence_id=silence_id, problem=problem)


ASKED = after(do(OPEN, ActionKind.SILENCE))
ACTIVE = after(conclude(ASKED, told(SilenceState.ACTIVE), CLICKED))


def test_acknowledging_is_owning() -> None:
    verdict = do(OPEN, ActionKind.ACKNOWLEDGE)
    assert verdict.reason is ActionReason.DONE
    owner = after(verdict).ack
    assert owner is not None
    assert (owner.actor, owner.at) == (WANG, CLICKED)
    assert after(verdict).revision == OPEN.revision + 1
    assert [(line.kind, line.actor) for line in verdict.lines] == [("acknowledge", "Wang")]


def test_a_second_owner_is_told_so() -> None:
    owned = after(do(OPEN, ActionKind.ACKNOWLEDGE))
    verdict = do(owned, ActionKind.ACKNOWLEDGE)
    assert (verdict.reason, verdict.incident) == (ActionReason.ALREADY_ACKNOWLEDGED, None)


def test_giving_back() -> None:
    owned = after(do(OPEN, ActionKind.ACKNOWLEDGE))
    assert after(do(owned, ActionKind.UNACKNOWLEDGE)).ack is None
    handled = after(do(OPEN, ActionKind.RESOLVE))
    assert after(do(handled, ActionKind.UNACKNOWLEDGE)).handled is None
    assert do(OPEN, ActionKind.UNACKNOWLEDGE).reason is ActionReason.NOT_ACKNOWLEDGED


def test_resolving_what_the_source_still_reports_only_says_that_it_is_handled() -> None:
    verdict = do(OPEN, ActionKind.RESOLVE)
    assert verdict.reason is ActionReason.STILL_FIRING
    assert after(verdict).handled is not None
    assert after(verdict).closed_at is None
    assert do(after(verdict), ActionKind.RESOLVE).incident is None


def test_resolving_what_has_no_truth_upstream_closes_it() -> None:
    verdict = do(OPEN._replace(kind=Kind.AGENT), ActionKind.RESOLVE)
    assert (verdict.reason, after(verdict).closed_at) == (ActionReason.DONE, CLICKED)


def test_a_silence_is_asked_for_once_and_counts_from_the_click() -> None:
    late = CLICKED + 40 * MINUTE
    verdict = decide(OPEN, MEMBERS, click(ActionKind.SILENCE, duration="2h"), late)
    assert verdict.reason is ActionReason.REQUESTED
    (silence,) = verdict.silences
    assert after(verdict).silences == (silence,)
    assert (silence.state, silence.id) == (SilenceState.REQUESTED, "a1")
    assert (silence.asked_at, silence.ends_at) == (CLICKED, CLICKED + 2 * HOUR)
    assert silence.matchers == (("alertname", "Disk"), ("team", "a"))
    again = do(after(verdict), ActionKind.SILENCE)
    assert (again.reason, again.incident) == (ActionReason.ALREADY_SILENCED, None)


@pytest.mark.parametrize("duration", DURATIONS)
def test_every_duration(duration: str) -> None:
    (silence,) = do(OPEN, ActionKind.SILENCE, duration=duration).silences
    assert silence.ends_at - silence.asked_at == DURATIONS[duration]


@given(st.text(max_size=6))
def test_a_duration_that_was_not_offered_is_refused(duration: str) -> None:
    if duration not in DURATIONS:
        verdict = do(OPEN, ActionKind.SILENCE, duration=duration)
        assert (verdict.reason, verdict.incident) == (ActionReason.UNKNOWN_CHOICE, None)


@given(st.text(max_size=6))
def test_a_scope_is_the_group_or_a_firing_alert(scope: str) -> None:
    known = {"group", N1.fingerprint, N2.fingerprint}
    verdict = do(OPEN, ActionKind.SILENCE, scope=scope)
    expected = scope in known
    assert (verdict.reason is ActionReason.REQUESTED) == expected
    assert bool(scope_matchers(OPEN, MEMBERS, scope)) == expected


def test_one_alert_is_silenced_by_all_its_labels() -> None:
    (silence,) = do(OPEN, ActionKind.SILENCE, scope=N1.fingerprint).silences
    assert dict(silence.matchers) == N1.labels
    resolved = tuple(one._replace(firing=False) for one in MEMBERS)
    action = click(ActionKind.SILENCE, scope=N1.fingerprint)
    assert decide(OPEN, resolved, action, CLICKED).reason is ActionReason.NOTHING_TO_SILENCE


def test_a_group_without_labels_offers_no_group_scope() -> None:
    bare = OPEN._replace(group_labels={}, group_key="{}:{}")
    assert do(bare, ActionKind.SILENCE).reason is ActionReason.NOTHING_TO_SILENCE


def test_what_alertmanager_does_not_know_cannot_be_silenced_there() -> None:
    agent = OPEN._replace(kind=Kind.AGENT)
    assert do(agent, ActionKind.SILENCE).reason is ActionReason.NOTHING_TO_SILENCE


def test_a_comment_is_cut() -> None:
    (silence,) = do(OPEN, ActionKind.SILENCE, comment="x" * 10_000).silences
    assert len(silence.comment) == COMMENT_LIMIT


def test_a_confirmed_silence_mutes() -> None:
    assert muted(ASKED, MEMBERS) == 0
    assert muted(ACTIVE, MEMBERS) == 2
    (silence,) = ACTIVE.silences
    assert (silence.silence_id, silence.confirmed_at) == ("s-1", CLICKED)
    assert next_lapse(ACTIVE) == silence.ends_at
    assert next_lapse(ASKED) is None


def test_a_refused_one_says_why_and_may_be_asked_for_again() -> None:
    failed = after(conclude(ASKED, told(SilenceState.FAILED, "no such", ""), CLICKED))
    assert (failed.silences[0].state, failed.silences[0].problem) == (
        SilenceState.FAILED,
        "no such",
    )
    again = decide(failed, MEMBERS, click(ActionKind.SILENCE, 2), CLICKED)
    assert [silence.id for silence in after(again).silences] == ["a1", "a2"]


def test_unsilencing_ends_it() -> None:
    verdict = do(ACTIVE, ActionKind.UNSILENCE)
    assert verdict.reason is ActionReason.REQUESTED
    assert [silence.state for silence in verdict.silences] == [SilenceState.EXPIRING]
    done = after(conclude(after(verdict), told(SilenceState.EXPIRED), CLICKED))
    assert done.silences[0].state is SilenceState.EXPIRED
    assert do(done, ActionKind.UNSILENCE).reason is ActionReason.NOT_SILENCED


def test_unsilencing_before_the_confirmation_still_ends_what_comes_to_exist() -> None:
    ending = after(do(ASKED, ActionKind.UNSILENCE))
    late = conclude(ending, told(SilenceState.ACTIVE), CLICKED)
    (silence,) = after(late).silences
    assert (silence.state, silence.silence_id) == (SilenceState.EXPIRING, "s-1")
    over = conclude(after(late), told(SilenceState.EXPIRED), CLICKED)
    assert after(over).silences[0].state is SilenceState.EXPIRED
    refused = conclude(ending, told(SilenceState.FAILED, "no", ""), CLICKED)
    assert after(refused).silences[0].state is SilenceState.EXPIRED


def test_an_unsilence_that_fails_leaves_it_active_and_says_why() -> None:
    ending = after(do(ACTIVE, ActionKind.UNSILENCE))
    still = after(conclude(ending, told(SilenceState.ACTIVE, "gone away"), CLICKED))
    assert (still.silences[0].state, still.silences[0].problem) == (
        SilenceState.ACTIVE,
        "gone away",
    )


def test_unsilencing_one_leaves_the_others() -> None:
    both = after(decide(ACTIVE, MEMBERS, click(ActionKind.SILENCE, 2, scope=N1.fingerprint), 0))
    verdict = do(both, ActionKind.UNSILENCE, silence="a2")
    assert [silence.id for silence in verdict.silences] == ["a2"]
    assert after(verdict).silences[0].state is SilenceState.ACTIVE
    assert do(both, ActionKind.UNSILENCE, silence="a9").reason is ActionReason.NOT_SILENCED


@pytest.mark.parametrize("state", SilenceState)
def test_an_answer_to_nothing_changes_nothing(state: SilenceState) -> None:
    assert conclude(OPEN, told(state), CLICKED).reason is ActionReason.REPEATED
    over = after(conclude(ACTIVE, told(SilenceState.EXPIRED), CLICKED))
    assert conclude(over, told(state), CLICKED).incident is None


def test_the_same_answer_twice_changes_nothing_more() -> None:
    assert conclude(ACTIVE, told(SilenceState.ACTIVE), CLICKED).incident is None


def test_time_ends_silences() -> None:
    ends = ACTIVE.silences[0].ends_at
    assert lapse(ACTIVE, always, ends - 1).incident is None
    verdict = lapse(ACTIVE, always, ends)
    assert after(verdict).silences[0].state is SilenceState.EXPIRED
    assert after(verdict).revision == ACTIVE.revision + 1
    assert next_lapse(after(verdict)) is None
    assert lapse(after(verdict), always, ends).incident is None


clicks = st.builds(
    click,
    st.sampled_from(ActionKind),
    st.integers(min_value=1, max_value=9),
    duration=st.sampled_from(("1h", "8h", "9h")),
    scope=st.sampled_from(("group", N1.fingerprint, "nothing")),
    silence=st.sampled_from(("", "a1", "a2")),
)


@given(clicks)
def test_a_late_click_never_re_opens_what_is_resolved(action: Action) -> None:
    closed = ACTIVE._replace(closed_at=CLICKED)
    verdict = decide(closed, MEMBERS, action, CLICKED)
    if action.kind is ActionKind.NOTE and action.comment.strip():
        assert after(verdict).closed_at == CLICKED  # a note is taken, and nothing else
        assert (
            after(verdict)._replace(
                revision=closed.revision, custody=closed.custody, changed_at=closed.changed_at
            )
            == closed
        )
        return
    assert verdict.incident is None


@given(st.lists(st.one_of(clicks, st.builds(told, st.sampled_from(SilenceState))), max_size=15))
def test_any_sequence_of_clicks_and_answers_keeps_the_rules(
    events: list[Action | Conclusion],
) -> None:
    known, members, used = OPEN, MEMBERS, set[str]()
    for event in events:
        if isinstance(event, Action):
            if event.id in used:
                continue  # the store applies an id once
            used.add(event.id)
            verdict = decide(known, members, event, CLICKED)
        else:
            verdict = conclude(known, event, CLICKED)
        if verdict.incident is not None:
            check_step(known, verdict.incident, members)
            known = verdict.incident


def check_step(before: Incident, now: Incident, members: tuple[Member, ...]) -> None:
    """Hold one step against the rules."""
    assert now.revision == before.revision + 1
    assert now.closed_at is None
    assert len(now.silences) >= len(before.silences)
    live = [
        silence.matchers
        for silence in now.silences
        if silence.state in (SilenceState.REQUESTED, SilenceState.ACTIVE)
    ]
    assert len(set(live)) >= len(live) - sum(1 for one in now.silences if one.problem)
    for silence in now.silences:
        assert silence.matchers
        assert all(name and value for name, value in silence.matchers)
    ended = (SilenceState.EXPIRED, SilenceState.FAILED)
    for old, new in zip(before.silences, now.silences, strict=False):
        assert old.id == new.id
        assert old.state not in ended or new.state is old.state
    assert muted(now, members) <= len(members)


def test_who_acted_is_named_by_what_is_known_of_them() -> None:
    assert (LI.label, Actor(open_id="ou_x").label) == ("Li", "ou_x")

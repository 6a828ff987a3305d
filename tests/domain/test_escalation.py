"""Escalations: a step is due when nobody takes an incident, is taken once, and stops in time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from receiver.domain.action import Action, ActionKind
from receiver.domain.decide import decide
from receiver.domain.escalated import CALLS_KEPT, CallState, EscalationStep, Plan, Via
from receiver.domain.escalation import (
    EscalationReason,
    Told,
    concluded,
    cut_off,
    look_at,
    looked,
    next_escalation,
    planned,
    take,
)
from receiver.domain.incident import Incident, Kind
from receiver.domain.ownership import is_owned
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason

MINUTE = 60_000
OPENED = 1_790_000_000_000
PLAN: Plan = (
    EscalationStep(after=5 * MINUTE, via=Via.MENTION, whom=("oncall:db",)),
    EscalationStep(after=10 * MINUTE, via=Via.APP, whom=("oncall:db",)),
    EscalationStep(after=15 * MINUTE, via=Via.SMS, whom=("oncall:db",)),
    EscalationStep(after=20 * MINUTE, via=Via.PHONE, whom=("li@example.com",)),
)
LI = Actor(open_id="ou_li", name="Li")
DONE = Told(CallState.DONE, ("Li",))
FAILED = Told(CallState.FAILED, problem="the quota is used up")


def opened() -> Incident:
    incident = Incident(
        id=1,
        source="prod",
        receiver="team",
        group_key="g",
        kind=Kind.ALERTS,
        title="HighLoad",
        group_labels={},
        opened_at=OPENED,
        revision=1,
    )
    return planned(incident, "database")


def action(kind: ActionKind, now: int, number: int = 1) -> Action:
    return Action(id=str(number), kind=kind, incident=1, actor=LI, at=now)


def taken(incident: Incident, now: int, told: Told | None = DONE) -> Incident:
    """Take the step that is due, to its end if that is told."""
    after = next_escalation(incident, PLAN, now)
    assert after.step is not None, after
    took, called, _ = take(incident, PLAN, after.step, now)
    ended = None if told is None else concluded(took, called.number, told, now)
    return took if ended is None else ended[0]


def test_the_first_step_is_due_so_long_after_it_opened() -> None:
    waiting = next_escalation(opened(), PLAN, OPENED + 5 * MINUTE - 1)
    assert waiting == (EscalationReason.WAITING, None, OPENED + 5 * MINUTE)
    assert next_escalation(opened(), PLAN, OPENED + 5 * MINUTE) == (EscalationReason.DUE, 0, None)


def test_a_step_under_way_holds_the_next_and_its_outcome_lets_it_go() -> None:
    now = OPENED + 5 * MINUTE
    under_way = taken(opened(), now, None)
    assert next_escalation(under_way, PLAN, now + 60 * MINUTE).reason is EscalationReason.UNDER_WAY
    done = taken(opened(), now)
    assert next_escalation(done, PLAN, now).look_at == now + 5 * MINUTE
    assert next_escalation(taken(opened(), now, FAILED), PLAN, now).step == 1


def test_after_a_long_outage_steps_stay_apart() -> None:
    late = OPENED + 600 * MINUTE
    first = taken(opened(), late)
    assert next_escalation(first, PLAN, late) == (
        EscalationReason.WAITING,
        None,
        late + 5 * MINUTE,
    )


def test_a_clock_set_back_delays_a_step_and_never_repeats_one() -> None:
    first = taken(opened(), OPENED + 5 * MINUTE)
    back = OPENED - 600 * MINUTE
    after = next_escalation(first, PLAN, back)
    assert (after.reason, after.look_at) == (EscalationReason.WAITING, back + 10 * MINUTE)
    seen = looked(first, PLAN, back)
    assert next_escalation(seen, PLAN, back + 10 * MINUTE).step == 1


def test_an_acknowledgement_stops_it_and_its_end_begins_a_new_round() -> None:
    now = OPENED + 5 * MINUTE
    first = taken(opened(), now)
    owned = decide(first, (), action(ActionKind.ACKNOWLEDGE, now), now).incident
    assert owned is not None
    assert next_escalation(owned, PLAN, now + 60 * MINUTE).reason is EscalationReason.OWNED
    later = now + 60 * MINUTE
    freed = decide(owned, (), action(ActionKind.UNACKNOWLEDGE, later, 2), later).incident
    assert freed is not None
    assert next_escalation(freed, PLAN, later).look_at == later + 5 * MINUTE
    assert next_escalation(freed, PLAN, later + 5 * MINUTE).step == 0


def test_what_is_silenced_whole_rests_and_its_end_begins_a_new_round() -> None:
    now = OPENED + 60 * MINUTE
    rested = looked(opened(), PLAN, now, silenced=True)
    assert next_escalation(rested, PLAN, now, silenced=True).reason is EscalationReason.SILENCED
    assert next_escalation(rested, PLAN, now).look_at == now + 5 * MINUTE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: one._replace(closed_at=OPENED), EscalationReason.OVER),
        (lambda one: one, EscalationReason.NO_PLAN),
    ],
)
def test_nothing_is_due_where_it_is_over_or_has_no_plan(
    change: Callable[[Incident], Incident], reason: EscalationReason
) -> None:
    plan = () if reason is EscalationReason.NO_PLAN else PLAN
    assert next_escalation(change(opened()), plan, OPENED + 60 * MINUTE).reason is reason


def test_an_incident_keeps_its_first_plan() -> None:
    assert planned(opened(), "other").escalated.plan == "database"
    assert planned(opened(), "").escalated.plan == "database"


def test_every_change_is_looked_at_and_nothing_that_is_over() -> None:
    incident = opened()
    assert look_at(incident) == 0
    seen = looked(incident, PLAN, OPENED)
    assert look_at(seen) == OPENED + 5 * MINUTE
    assert look_at(seen._replace(revision=2)) == 0
    assert look_at(seen._replace(closed_at=OPENED)) is None
    assert look_at(incident._replace(escalated=type(incident.escalated)())) is None


def test_an_outcome_counts_once_and_only_for_a_step_that_was_taken() -> None:
    took, called, line = take(opened(), PLAN, 0, OPENED)
    assert (line.kind, line.detail) == ("escalation_mention", "step 1: oncall:db")
    ended = concluded(took, called.number, DONE, OPENED)
    assert ended is not None
    assert ended[1].kind == "escalation_mention_done"
    assert ended[0].revision == took.revision + 1
    assert concluded(ended[0], called.number, FAILED, OPENED) is None
    assert concluded(took, 99, DONE, OPENED) is None


def test_a_step_that_nobody_takes_any_more_is_found() -> None:
    took = taken(opened(), OPENED + 5 * MINUTE, None)
    assert cut_off(took, frozenset()) == (1,)
    assert cut_off(took, frozenset({1})) == ()
    assert cut_off(taken(opened(), OPENED + 5 * MINUTE), frozenset()) == ()


def hurried(incident: Incident, now: int) -> Incident:
    verdict = decide(incident, (), action(ActionKind.ESCALATE, now), now)
    assert verdict.reason is ActionReason.DONE
    assert verdict.incident is not None
    return verdict.incident


def test_a_person_has_the_next_step_taken_whoever_owns_it() -> None:
    asked = hurried(opened(), OPENED)
    assert next_escalation(asked, PLAN, OPENED) == (EscalationReason.HURRIED, 0, None)
    again = decide(asked, (), action(ActionKind.ESCALATE, OPENED, 2), OPENED)
    assert again.reason is ActionReason.ESCALATING
    took = taken(asked, OPENED)
    assert next_escalation(took, PLAN, OPENED).reason is EscalationReason.WAITING
    owned = decide(took, (), action(ActionKind.ACKNOWLEDGE, OPENED, 3), OPENED).incident
    assert owned is not None
    assert next_escalation(hurried(owned, OPENED), PLAN, OPENED).step == 1


def test_after_the_last_step_there_is_nothing_to_hurry() -> None:
    incident, now = opened(), OPENED
    for _ in PLAN:
        now += 20 * MINUTE
        incident = taken(incident, now)
    assert next_escalation(incident, PLAN, now).reason is EscalationReason.EXHAUSTED
    refused = decide(incident, (), action(ActionKind.ESCALATE, now), now)
    assert refused.reason is ActionReason.NOTHING_TO_ESCALATE
    no_plan = opened()._replace(escalated=type(incident.escalated)())
    refused = decide(no_plan, (), action(ActionKind.ESCALATE, now), now)
    assert refused.reason is ActionReason.NOTHING_TO_ESCALATE


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.booleans())
def test_a_decision_names_a_step_only_when_it_is_to_be_taken(
    first: int, later: int, silenced: bool
) -> None:
    now = OPENED + first
    after = next_escalation(opened(), PLAN, now, silenced=silenced)
    due = after.reason is EscalationReason.DUE
    assert due is (after.step is not None)
    if due:
        moved = next_escalation(taken(opened(), now), PLAN, now + later)
        assert moved.step in (None, 1)
        assert moved.step is None or later >= 5 * MINUTE


@dataclass
class Calls:
    """Which steps were given out in which round."""

    given: list[tuple[int, int]] = field(default_factory=list)


class Histories(RuleBasedStateMachine):
    """Clicks, clocks and outcomes in any order: each step of a round is given out once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = OPENED
        self.incident = opened()
        self.silenced = False
        self.calls = Calls()
        self.clicks = 0

    @rule(ms=st.integers(-60 * MINUTE, 60 * MINUTE))
    def time(self, ms: int) -> None:
        """Let time pass, or the clock be set back."""
        self.now += ms

    @rule()
    def tick(self) -> None:
        """Look, and record what is due."""
        after = next_escalation(self.incident, PLAN, self.now, silenced=self.silenced)
        if after.step is None:
            self.incident = looked(self.incident, PLAN, self.now, silenced=self.silenced)
            return
        hurried = after.reason is EscalationReason.HURRIED
        assert hurried or not (is_owned(self.incident) or self.silenced)
        self.incident, called, _ = take(self.incident, PLAN, after.step, self.now)
        assert called.number == self.incident.escalated.number
        self.calls.given.append((called.number, after.step))

    @rule(told=st.sampled_from([DONE, FAILED, Told(CallState.UNKNOWN)]), back=st.integers(0, 3))
    def outcome(self, told: Told, back: int) -> None:
        """Tell an outcome, perhaps of a step that is over."""
        number = self.incident.escalated.number - back
        ended = concluded(self.incident, number, told, self.now)
        if ended is not None:
            self.incident = ended[0]

    @rule(
        kind=st.sampled_from(
            [ActionKind.ACKNOWLEDGE, ActionKind.UNACKNOWLEDGE, ActionKind.ESCALATE]
        )
    )
    def click(self, kind: ActionKind) -> None:
        """Let a person click."""
        self.clicks += 1
        verdict = decide(self.incident, (), action(kind, self.now, self.clicks), self.now)
        self.incident = verdict.incident or self.incident

    @precondition(lambda self: self.incident.closed_at is None)
    @rule(silenced=st.booleans())
    def silence(self, silenced: bool) -> None:
        """Mute all that fires, or no more."""
        self.silenced = silenced
        self.incident = self.incident._replace(revision=self.incident.revision + 1)

    @invariant()
    def given_once(self) -> None:
        """No number is given out twice, and one step is under way at the most."""
        numbers = [number for number, _ in self.calls.given]
        assert numbers == sorted(set(numbers))
        kept = self.incident.escalated
        under_way = [each for each in kept.calls if each.state is CallState.UNDER_WAY]
        assert len(under_way) <= 1
        assert len(kept.calls) <= CALLS_KEPT
        assert 0 <= kept.taken <= len(PLAN)


TestHistories = Histories.TestCase

"""Whether it is time to call more people: each step is recorded before it is taken, and once."""

from enum import StrEnum
from typing import NamedTuple

from receiver.domain.action import Action, Verdict, done, raise_revision
from receiver.domain.escalated import CALLS_KEPT, Called, CallState, Escalated, Plan
from receiver.domain.incident import Incident, Line
from receiver.domain.ownership import is_owned, unowned_since
from receiver.domain.reason import ActionReason


class EscalationReason(StrEnum):
    """Why a step is taken, or none."""

    NO_PLAN = "no_plan"  # its routes name no escalation, or one that is configured no more
    OVER = "over"
    UNDER_WAY = "under_way"  # the last step's outcome is not known yet
    OWNED = "owned"
    SILENCED = "silenced"  # all that fires
    EXHAUSTED = "exhausted"  # every step was taken
    WAITING = "waiting"
    DUE = "due"
    HURRIED = "hurried"  # a person asked for it


class Next(NamedTuple):
    """The next step, or None; and when to look again, if nothing changes before (Unix ms)."""

    reason: EscalationReason
    step: int | None = None
    look_at: int | None = None


class Told(NamedTuple):
    """What became of one step."""

    state: CallState
    people: tuple[str, ...] = ()
    problem: str = ""
    trace: str = ""


def counted(incident: Incident, now: int, *, silenced: bool = False) -> Escalated:
    """Return the incident's escalation as the present counts for it: a round may begin anew.

    A time that is still to come was by another clock, and counts as now.
    """
    kept = incident.escalated
    unowned = unowned_since(incident)
    if unowned is None:
        return kept
    if silenced:
        return kept._replace(silenced=True)
    if kept.round != unowned or kept.silenced:
        since = now if kept.silenced else min(unowned, now)
        return kept._replace(round=unowned, since=since, taken=0, at=0, silenced=False, fell=False)
    return kept._replace(since=min(kept.since, now), at=min(kept.at, now))


def next_escalation(incident: Incident, plan: Plan, now: int, *, silenced: bool = False) -> Next:
    """Say whether the next step is to be taken; ``silenced`` says that all that fires is muted."""
    kept = counted(incident, now, silenced=silenced)
    never = _never(incident, plan)
    if never is not None:
        return Next(never)
    if kept.hurried and kept.taken < len(plan):
        return Next(EscalationReason.HURRIED, kept.taken)
    rest = _rest(incident, silenced=silenced)
    if rest is None and kept.taken >= len(plan):
        rest = EscalationReason.EXHAUSTED
    if rest is not None:
        return Next(rest)
    due = _due(kept, plan)
    if due > now:
        return Next(EscalationReason.WAITING, look_at=due)
    return Next(EscalationReason.DUE, kept.taken)


def _never(incident: Incident, plan: Plan) -> EscalationReason | None:
    """Say why no step may be taken, whoever asks for it."""
    if incident.closed_at is not None:
        return EscalationReason.OVER
    if not plan:
        return EscalationReason.NO_PLAN
    return EscalationReason.UNDER_WAY if is_under_way(incident.escalated) else None


def _rest(incident: Incident, *, silenced: bool) -> EscalationReason | None:
    """Say why nobody need be called."""
    if is_owned(incident):
        return EscalationReason.OWNED
    return EscalationReason.SILENCED if silenced else None


def _due(kept: Escalated, plan: Plan) -> int:
    """Return when the next step is due: as far from the last one as the plan has them apart.

    So a clock that jumps ahead, or a long outage of ours, brings one step, and not all at once.
    """
    step = plan[kept.taken]
    if not kept.taken:
        return kept.since + step.after
    if kept.fell:
        return kept.at
    return max(kept.since + step.after, kept.at + step.after - plan[kept.taken - 1].after)


def is_under_way(kept: Escalated) -> bool:
    """Whether the outcome of a step is not known yet."""
    return any(called.state is CallState.UNDER_WAY for called in kept.calls)


def looked(incident: Incident, plan: Plan, now: int, *, silenced: bool = False) -> Incident:
    """Return the incident as it is kept when no step is to be taken."""
    after = next_escalation(incident, plan, now, silenced=silenced)
    kept = counted(incident, now, silenced=silenced)
    hurried = "" if after.reason is EscalationReason.EXHAUSTED else kept.hurried
    return incident._replace(
        escalated=kept._replace(
            steps=len(plan), seen=incident.revision, look_at=after.look_at, hurried=hurried
        )
    )


def take(incident: Incident, plan: Plan, step: int, now: int) -> tuple[Incident, Called, Line]:
    """Return the incident with a step recorded, which is to be called for now, and only now."""
    kept = counted(incident, now)
    number, chosen = kept.number + 1, plan[step]
    called = Called(number, step, chosen.via, now)
    whom = ", ".join(chosen.whom) or "those whom the route mentions"
    line = Line(f"escalation_{chosen.via}", f"step {step + 1}: {whom}", kept.hurried)
    after = kept._replace(
        steps=len(plan),
        taken=step + 1,
        at=now,
        fell=False,
        hurried="",
        number=number,
        seen=incident.revision,
        look_at=None,
        calls=(*kept.calls, called)[-CALLS_KEPT:],
    )
    return incident._replace(escalated=after), called, line


def concluded(
    incident: Incident, number: int, told: Told, now: int
) -> tuple[Incident, Line] | None:
    """Return the incident with a step's outcome; None where it is known already."""
    kept = incident.escalated
    found = next((each for each in kept.calls if each.number == number), None)
    if found is None or found.state is not CallState.UNDER_WAY:
        return None
    ended = found._replace(state=told.state, people=told.people, problem=told.problem)
    line = Line(f"escalation_{found.via}_{told.state}", told.problem or ", ".join(told.people))
    after = kept._replace(
        calls=tuple(ended if each is found else each for each in kept.calls),
        told=kept.told + 1,
        fell=told.state is CallState.FAILED,
    )
    return raise_revision(incident._replace(escalated=after), now, told.trace), line


def cut_off(incident: Incident, busy: frozenset[int]) -> tuple[int, ...]:
    """Return the steps that nobody is taking any more: a crash came between."""
    return tuple(
        called.number
        for called in incident.escalated.calls
        if called.state is CallState.UNDER_WAY and called.number not in busy
    )


def hurry(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a person's asking for the next step does: it is taken whoever owns it."""
    kept = known.escalated
    begins = counted(known, now).taken
    if not kept.plan or (kept.steps and begins >= kept.steps):
        return Verdict(reason=ActionReason.NOTHING_TO_ESCALATE)
    if kept.hurried or is_under_way(kept):
        return Verdict(reason=ActionReason.ESCALATING)
    asked = known._replace(escalated=kept._replace(hurried=action.actor.label))
    return done(asked, action, now)


def planned(incident: Incident, name: str) -> Incident:
    """Return the incident with an escalation, unless it has one."""
    if not name or incident.escalated.plan:
        return incident
    return incident._replace(escalated=incident.escalated._replace(plan=name))


def look_at(incident: Incident) -> int | None:
    """Return when the incident's escalation must be looked at (Unix ms), or None."""
    kept = incident.escalated
    if not kept.plan or incident.closed_at is not None:
        return None
    return kept.look_at if kept.seen == incident.revision else 0

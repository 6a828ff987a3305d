"""A second person for broad silences: asked for, approved, declined, or over without an answer."""

from collections.abc import Callable
from dataclasses import replace

from receiver.domain.action import Action, ActionKind, Verdict, raise_revision
from receiver.domain.audit import Trail, trail
from receiver.domain.incident import Incident, Line
from receiver.domain.ownership import same_person
from receiver.domain.policy import refused
from receiver.domain.reason import ActionReason
from receiver.domain.request import APPROVAL_LIFE, Request
from receiver.domain.ruling import PolicyReason, Ruling
from receiver.domain.silence import KEPT_FOR, Silence, SilenceState

DETAIL_LIMIT = 500


def ask(known: Incident, action: Action, asked: Request, now: int) -> Verdict:
    """Keep a request instead of what it asks for; one at a time awaits its answer."""
    if any(one.until > now for one in known.requests):
        return Verdict(reason=ActionReason.ALREADY_ASKED)
    # What was looked at awaits its answer now.
    looked = None if _looked_at(known, action) else known.proposal
    waiting = known._replace(requests=(asked,), proposal=looked)
    line = Line("approval_requested", told_of(asked), action.actor.label)
    return Verdict(
        reason=ActionReason.AWAITS_APPROVAL,
        incident=raise_revision(waiting, now, action.trace),
        lines=(line,),
    )


def _looked_at(known: Incident, action: Action) -> bool:
    return known.proposal is not None and known.proposal.id == action.silence


def request_of(
    action: Action, silences: tuple[Silence, ...], source: str, muting: int, now: int
) -> Request:
    """Return the request for these silences; it lapses before they would be over anyway."""
    until = min(now + APPROVAL_LIFE, *(silence.latest for silence in silences))
    return Request(action.id, silences, source, now, until, muting)


def approve(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a second person's yes does: it begins exactly what was asked for.

    Whether they may is for the policy to say; the asker never may.
    """
    found = _waiting(known, action, now)
    if found is None:
        return Verdict(reason=ActionReason.NOTHING_ASKED)
    if _is_own(found, action):
        return refused(action, Ruling(PolicyReason.OWN_REQUEST))
    if known.silences and known.source != found.source:
        return Verdict(reason=ActionReason.CHANGED)  # its silences live in another Alertmanager
    begun = tuple(
        silence for asked in found.silences if (silence := _begun(asked, known, now)) is not None
    )
    if len(begun) < len(found.silences):
        return Verdict(reason=ActionReason.CHANGED)
    ids = {silence.id for silence in begun}
    others = tuple(silence for silence in known.silences if silence.id not in ids)
    after = known._replace(requests=(), silences=(*others, *begun), source=found.source)
    return Verdict(
        reason=ActionReason.REQUESTED,
        incident=raise_revision(after, now, action.trace),
        lines=(Line("approved", told_of(found), action.actor.label),),
        silences=begun,
    )


def recounted(known: Incident, action: Action, verdict: Verdict, muting: int, now: int) -> Verdict:
    """Return the verdict of a yes, unless more would be muted by now than the card said."""
    found = _waiting(known, action, now)
    if action.kind is not ActionKind.APPROVE or found is None or muting <= found.muting:
        return verdict
    again = known._replace(requests=(found._replace(muting=muting),))
    return Verdict(reason=ActionReason.CHANGED, incident=raise_revision(again, now, action.trace))


def decline(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a no does; the asker may take back what they asked for."""
    found = _waiting(known, action, now)
    if found is None:
        return Verdict(reason=ActionReason.NOTHING_ASKED)
    own = same_person(found.asker, action.actor)  # for certain: it needs no permission
    line = Line("withdrawn" if own else "declined", told_of(found), action.actor.label)
    return Verdict(
        reason=ActionReason.DONE,
        incident=raise_revision(known._replace(requests=()), now, action.trace),
        lines=(line,),
        concerns=found.silences,
        own=own,
    )


def lapse(known: Incident, now: int) -> Verdict:
    """Forget what nobody answered in time."""
    over = tuple(one for one in known.requests if _lapses_at(known, one) <= now)
    if not over:
        return Verdict(reason=ActionReason.REPEATED)
    left = tuple(one for one in known.requests if _lapses_at(known, one) > now)
    lines = tuple(
        Line("approval_lapsed", told_of(one), one.asker.label, _trail(one, "lapsed"))
        for one in over
    )
    after = raise_revision(known._replace(requests=left), now, "")
    return Verdict(reason=ActionReason.DONE, incident=after, lines=lines)


def next_lapse(incident: Incident) -> int | None:
    """Return when a request lapses, or None."""
    return min((_lapses_at(incident, one) for one in incident.requests), default=None)


def _lapses_at(known: Incident, asked: Request) -> int:
    """Return when a request is over: with the incident, since the next alerts may be others."""
    return asked.until if known.closed_at is None else min(asked.until, known.closed_at)


def _trail(asked: Request, result: str) -> Trail:
    first = asked.silences[0]
    return trail(asked.asker, first.place, result, first.trace)


def told_of(asked: Request) -> str:
    """Return what is asked for, and by whom, for the timeline."""
    who = asked.asker.label
    said = (
        ", ".join(f"{name}={value}" for name, value in silence.matchers)
        for silence in asked.silences
    )
    return f"{who}: {'; '.join(said)} ({asked.muting} firing)"[:DETAIL_LIMIT]


def _waiting(known: Incident, action: Action, now: int) -> Request | None:
    """Return the request that the clicked card showed, unless it is over."""
    for one in known.requests:
        if one.id == action.silence and one.until > now:
            return one
    return None


def _begun(asked: Silence, known: Incident, now: int) -> Silence | None:
    """Return a silence as Alertmanager is told of it, or None where it cannot be done any more.

    Its confirmation is awaited from now on. Only what mutes can be extended, as it is by now.
    """
    if asked.state is SilenceState.REQUESTED:
        ends = min(now + KEPT_FOR, asked.keep_until) if asked.keep_until else asked.ends_at
        return replace(asked, asked_at=now, ends_at=ends)
    there = next((one for one in known.silences if one.id == asked.id and one.mutes), None)
    if there is None or there.latest >= asked.wanted_end:
        return None
    return replace(
        there,
        state=SilenceState.EXTENDING,
        wanted_end=asked.wanted_end,
        extended_at=now,
        extender=asked.extender,
        place=asked.place,
        trace=asked.trace,
    )


def _is_own(asked: Request, action: Action) -> bool:
    """Whether somebody answers themselves; where nobody can tell, they do."""
    who = action.actor
    if asked.asker.open_id == who.open_id or same_person(asked.asker, who):
        return True
    if asked.asker.union_id and who.union_id:
        return False
    # Each app has open_ids of its own, so two of different apps may be one person's.
    return asked.silences[0].place.partition(":")[0] != action.place.partition(":")[0]


DECISIONS: dict[ActionKind, Callable[[Incident, Action, int], Verdict]] = {
    ActionKind.APPROVE: approve,
    ActionKind.DECLINE: decline,
}

"""A second person for broad silences: asked for, approved, declined, or over without an answer."""

from collections.abc import Callable
from dataclasses import replace

from receiver.domain.action import Action, ActionKind, Verdict, raise_revision
from receiver.domain.incident import Incident, Line
from receiver.domain.policy import refused
from receiver.domain.reason import ActionReason
from receiver.domain.request import APPROVAL_LIFE, Request
from receiver.domain.ruling import PolicyReason, Ruling
from receiver.domain.silence import Silence, SilenceState

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
    if not all(_stands(silence, known) for silence in found.silences):
        return Verdict(reason=ActionReason.CHANGED)
    begun = tuple(_begun(silence, now) for silence in found.silences)
    ids = {silence.id for silence in begun}
    others = tuple(silence for silence in known.silences if silence.id not in ids)
    after = known._replace(requests=(), silences=(*others, *begun), source=found.source)
    return Verdict(
        reason=ActionReason.REQUESTED,
        incident=raise_revision(after, now, action.trace),
        lines=(Line("approved", told_of(found), action.actor.label),),
        silences=begun,
    )


def decline(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a no does; the asker may take back what they asked for."""
    found = _waiting(known, action, now)
    if found is None:
        return Verdict(reason=ActionReason.NOTHING_ASKED)
    own = _is_own(found, action)
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
    over = tuple(one for one in known.requests if one.until <= now)
    if not over:
        return Verdict(reason=ActionReason.REPEATED)
    left = tuple(one for one in known.requests if one.until > now)
    lines = tuple(
        Line("approval_lapsed", told_of(one), silence.actor.label, silence.trail("lapsed"))
        for one in over
        for silence in one.silences[:1]
    )
    after = raise_revision(known._replace(requests=left), now, "")
    return Verdict(reason=ActionReason.DONE, incident=after, lines=lines)


def next_lapse(incident: Incident) -> int | None:
    """Return when a request lapses, or None."""
    return min((one.until for one in incident.requests), default=None)


def told_of(asked: Request) -> str:
    """Return what is asked for, and by whom, for the timeline."""
    who = asked.silences[0].actor.label
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


def _stands(silence: Silence, known: Incident) -> bool:
    """Whether it can still be done: only what mutes can be extended."""
    if silence.state is SilenceState.REQUESTED:
        return True
    return any(one.id == silence.id and one.mutes for one in known.silences)


def _begun(silence: Silence, now: int) -> Silence:
    """Return a silence as Alertmanager is told of it: its confirmation is awaited from now on."""
    if silence.state is SilenceState.REQUESTED:
        return replace(silence, asked_at=now)
    return replace(silence, extended_at=now)


def _is_own(asked: Request, action: Action) -> bool:
    """Whether somebody answers themselves; where nobody can tell, they do."""
    asker, place = asked.silences[0].actor, asked.silences[0].place
    who = action.actor
    if asker.open_id == who.open_id:
        return True
    if asker.union_id and who.union_id:
        return asker.union_id == who.union_id
    # Each app has open_ids of its own, so two of different apps may be one person's.
    return place.partition(":")[0] != action.place.partition(":")[0]


DECISIONS: dict[ActionKind, Callable[[Incident, Action, int], Verdict]] = {
    ActionKind.APPROVE: approve,
    ActionKind.DECLINE: decline,
}

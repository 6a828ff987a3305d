"""The decision what becomes of a click."""

from collections.abc import Sequence
from dataclasses import replace

from receiver.domain import approving, ownership
from receiver.domain.action import Action, ActionKind, Verdict, done
from receiver.domain.commanding import request_matching
from receiver.domain.digest import Digest
from receiver.domain.escalation import hurry
from receiver.domain.incident import Incident, Kind, Member
from receiver.domain.notes import add_note
from receiver.domain.reason import ActionReason
from receiver.domain.silencing import decide_silence, request_shared, request_unsilence

_AMONG_PEOPLE = {
    **ownership.DECISIONS,
    **approving.DECISIONS,
    ActionKind.NOTE: add_note,
    ActionKind.ESCALATE: hurry,
}


def decide(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    """Decide what a click does to an incident; the source's own resolve beats any late click."""
    if known.closed_at is not None and action.kind is not ActionKind.NOTE:
        return Verdict(reason=ActionReason.RESOLVED_ALREADY)
    among_people = _AMONG_PEOPLE.get(action.kind)
    if among_people is not None:
        return among_people(known, action, now)
    silence = request_matching if action.matchers else decide_silence
    silenced = silence(known, members, action, now)
    if silenced is not None:
        return silenced
    match action.kind:
        case ActionKind.RESOLVE:
            return _resolve(known, members, action, now)
        case _:
            return Verdict(reason=ActionReason.UNKNOWN_CHOICE)


def decide_digest(known: Incident, digest: Digest, action: Action, now: int) -> Verdict:
    """Decide what a click does to a digest itself; ``digest`` is what it showed when clicked.

    What an acknowledgement does to each gathered incident is decided for each of them.
    """
    if known.closed_at is not None:
        return Verdict(reason=ActionReason.RESOLVED_ALREADY)
    answer = approving.DECISIONS.get(action.kind)
    if answer is not None:
        return answer(known, action, now)
    match action.kind:
        case ActionKind.ACKNOWLEDGE:
            return done(ownership.joined(known, action, now), action, now)
        case ActionKind.SILENCE:
            return request_shared(known, digest, action, now)
        case ActionKind.UNSILENCE:
            return request_unsilence(known, (), action, now)
        case _:
            return Verdict(reason=ActionReason.UNKNOWN_CHOICE)


def _resolve(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    handled = ownership.handle(known, action, now)
    if known.kind is Kind.ALERTS:
        # The source still reports it: only the source can end it.
        if known.handled is not None:
            return Verdict(reason=ActionReason.STILL_FIRING)
        return replace(done(handled, action, now), reason=ActionReason.STILL_FIRING)
    ended = tuple(member._replace(firing=False, until=now) for member in members if member.firing)
    return replace(done(handled._replace(closed_at=now), action, now), members=ended)

"""The decision what becomes of a click."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from receiver.domain.action import Action, ActionKind, Verdict, done
from receiver.domain.digest import Digest
from receiver.domain.incident import Incident, Kind, Member, Ownership
from receiver.domain.reason import ActionReason
from receiver.domain.silencing import request_shared, request_silence, request_unsilence


def decide(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    """Decide what a click does to an incident; the source's own resolve beats any late click."""
    if known.closed_at is not None:
        return Verdict(reason=ActionReason.RESOLVED_ALREADY)
    match action.kind:
        case ActionKind.ACKNOWLEDGE:
            return _acknowledge(known, action, now)
        case ActionKind.UNACKNOWLEDGE:
            return _unacknowledge(known, action, now)
        case ActionKind.SILENCE:
            return request_silence(known, members, action, now)
        case ActionKind.UNSILENCE:
            return request_unsilence(known, action, now)
        case ActionKind.RESOLVE:
            return _resolve(known, members, action, now)
    assert_never(action.kind)


def decide_digest(known: Incident, digest: Digest, action: Action, now: int) -> Verdict:
    """Decide what a click does to a digest itself; ``digest`` is what it showed when clicked.

    What an acknowledgement does to each gathered incident is decided for each of them.
    """
    if known.closed_at is not None:
        return Verdict(reason=ActionReason.RESOLVED_ALREADY)
    match action.kind:
        case ActionKind.ACKNOWLEDGE:
            return done(known._replace(ack=Ownership(action.actor, now)), action, now)
        case ActionKind.SILENCE:
            return request_shared(known, digest, action, now)
        case ActionKind.UNSILENCE:
            return request_unsilence(known, action, now)
        case _:
            return Verdict(reason=ActionReason.UNKNOWN_CHOICE)


def _acknowledge(known: Incident, action: Action, now: int) -> Verdict:
    if known.ack is not None:
        return Verdict(reason=ActionReason.ALREADY_ACKNOWLEDGED)
    owned = known._replace(ack=Ownership(action.actor, now))
    return done(owned, action, now)


def _unacknowledge(known: Incident, action: Action, now: int) -> Verdict:
    if known.ack is None and known.handled is None:
        return Verdict(reason=ActionReason.NOT_ACKNOWLEDGED)
    return done(known._replace(ack=None, handled=None), action, now)


def _resolve(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    handled = known._replace(handled=Ownership(action.actor, now))
    if known.kind is Kind.ALERTS:
        # The source still reports it: only the source can end it.
        if known.handled is not None:
            return Verdict(reason=ActionReason.STILL_FIRING)
        return replace(done(handled, action, now), reason=ActionReason.STILL_FIRING)
    ended = tuple(member._replace(firing=False, until=now) for member in members if member.firing)
    return replace(done(handled._replace(closed_at=now), action, now), members=ended)

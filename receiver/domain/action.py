"""What a person's click asks for, and the decision what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from receiver.domain.digest import Digest, scope_of, shared_matchers, source
from receiver.domain.incident import Incident, Kind, Line, Member, Ownership, muting
from receiver.domain.matcher import group_key_matchers
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.silence import (
    COMMENT_LIMIT,
    DURATIONS,
    GROUP_SCOPE,
    SHARED_SCOPE,
    Silence,
    SilenceState,
    alert_scope,
    group_scope,
)


class ActionKind(StrEnum):
    """The things a card's controls can ask for."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One click; ``id`` is the same for the same click however often it arrives."""

    id: str
    kind: ActionKind
    incident: int
    actor: Actor
    at: int
    card: int = 0
    generation: int = 0
    scope: str = GROUP_SCOPE
    duration: str = ""
    comment: str = ""
    silence: str = ""  # for unsilence: the silence's id, or empty for all
    trace: str = ""
    revision: int = 0  # of a digest, as clicked: what it showed then is acted on


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an action changes; ``incident`` is None when it changes nothing."""

    reason: ActionReason
    incident: Incident | None = None
    lines: tuple[Line, ...] = ()
    silences: tuple[Silence, ...] = ()  # those that Alertmanager must now be told of
    members: tuple[Member, ...] = ()  # alerts that the action itself ends
    done: int = 0  # of a digest: the incidents that the action changed,
    left: int = 0  # and those that it left as they were


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
            return _silence(known, members, action, now)
        case ActionKind.UNSILENCE:
            return _unsilence(known, action, now)
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
            return _done(known._replace(ack=Ownership(action.actor, now)), action, now)
        case ActionKind.SILENCE:
            return _silence_shared(known, digest, action, now)
        case ActionKind.UNSILENCE:
            return _unsilence(known, action, now)
        case _:
            return Verdict(reason=ActionReason.UNKNOWN_CHOICE)


def _silence_shared(known: Incident, digest: Digest, action: Action, now: int) -> Verdict:
    kind, _, shape = action.scope.partition(":")
    if action.duration not in DURATIONS or kind != SHARED_SCOPE:
        return Verdict(reason=ActionReason.UNKNOWN_CHOICE)
    matchers, owner = shared_matchers(digest), source(digest)
    if shape and action.scope != scope_of(matchers):
        return Verdict(reason=ActionReason.CHANGED)  # it would mute other alerts than it said
    if known.silences and known.source != owner:  # its silences live in another Alertmanager
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    asked = replace(action, scope=SHARED_SCOPE)
    return _request(known._replace(source=owner), matchers, asked, now)


def raise_revision(incident: Incident, now: int, trace: str) -> Incident:
    """Return the incident one revision later."""
    return incident._replace(
        revision=incident.revision + 1, changed_at=now, trace=trace or incident.trace
    )


def _acknowledge(known: Incident, action: Action, now: int) -> Verdict:
    if known.ack is not None:
        return Verdict(reason=ActionReason.ALREADY_ACKNOWLEDGED)
    owned = known._replace(ack=Ownership(action.actor, now))
    return _done(owned, action, now)


def _unacknowledge(known: Incident, action: Action, now: int) -> Verdict:
    if known.ack is None and known.handled is None:
        return Verdict(reason=ActionReason.NOT_ACKNOWLEDGED)
    return _done(known._replace(ack=None, handled=None), action, now)


def _resolve(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    handled = known._replace(handled=Ownership(action.actor, now))
    if known.kind is Kind.ALERTS:
        # The source still reports it: only the source can end it.
        if known.handled is not None:
            return Verdict(reason=ActionReason.STILL_FIRING)
        return replace(_done(handled, action, now), reason=ActionReason.STILL_FIRING)
    ended = tuple(member._replace(firing=False, until=now) for member in members if member.firing)
    return replace(_done(handled._replace(closed_at=now), action, now), members=ended)


def _silence(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    if action.duration not in DURATIONS or not action.scope:
        return Verdict(reason=ActionReason.UNKNOWN_CHOICE)
    if known.kind is not Kind.ALERTS:
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    return _request(known, scope_matchers(known, members, action.scope), action, now)


def _request(
    known: Incident, matchers: tuple[tuple[str, str], ...], action: Action, now: int
) -> Verdict:
    """Record the intent to silence what these matchers mean."""
    if not matchers:
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    if any(_same(silence, matchers) for silence in known.silences):
        return Verdict(reason=ActionReason.ALREADY_SILENCED)
    wanted = Silence(
        id=action.id,
        state=SilenceState.REQUESTED,
        scope=action.scope,
        matchers=matchers,
        actor=action.actor,
        comment=action.comment[:COMMENT_LIMIT],
        asked_at=action.at,
        ends_at=action.at + DURATIONS[action.duration],
    )
    asked = raise_revision(known._replace(silences=(*known.silences, wanted)), now, action.trace)
    line = Line("silence_requested", f"{action.duration} {action.scope}", action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=(wanted,))


def scope_matchers(
    known: Incident, members: Sequence[Member], scope: str
) -> tuple[tuple[str, str], ...]:
    """Return the equality matchers of a scope; empty where it cannot be offered."""
    firing = [member.labels for member in members if member.firing]
    if not firing:
        return ()
    if scope == GROUP_SCOPE:
        return group_scope(known.group_labels, group_key_matchers(known.group_key), firing)
    for member in members:
        if member.fingerprint == scope and member.firing:
            return alert_scope(member.labels)
    return ()


def _same(silence: Silence, matchers: tuple[tuple[str, str], ...]) -> bool:
    live = silence.state in (SilenceState.REQUESTED, SilenceState.ACTIVE)
    return live and silence.matchers == matchers


def _unsilence(known: Incident, action: Action, now: int) -> Verdict:
    chosen = tuple(
        replace(silence, state=SilenceState.EXPIRING)
        for silence in known.silences
        if silence.state in (SilenceState.ACTIVE, SilenceState.REQUESTED)
        and action.silence in ("", silence.id)
    )
    if not chosen:
        return Verdict(reason=ActionReason.NOT_SILENCED)
    asked = raise_revision(put_silences(known, chosen), now, action.trace)
    line = Line("unsilence_requested", f"{len(chosen)} silences", action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=chosen)


def _done(incident: Incident, action: Action, now: int) -> Verdict:
    return Verdict(
        reason=ActionReason.DONE,
        incident=raise_revision(incident, now, action.trace),
        lines=(Line(action.kind, action.comment[:COMMENT_LIMIT], action.actor.label),),
    )


def put_silences(incident: Incident, changed: tuple[Silence, ...]) -> Incident:
    """Return the incident with these silences in the place of those with the same id."""
    by_id = {silence.id: silence for silence in changed}
    return incident._replace(
        silences=tuple(by_id.get(silence.id, silence) for silence in incident.silences)
    )


def muted(incident: Incident, members: Sequence[Member]) -> int:
    """Count the firing alerts that a silence is known to mute."""
    return sum(1 for member in members if member.firing and muting(incident, member.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What Alertmanager answered about one silence of one incident."""

    incident: int
    silence: str
    state: SilenceState
    silence_id: str = ""
    problem: str = ""


def conclude(known: Incident, told: Conclusion, now: int) -> Verdict:
    """Decide what Alertmanager's answer about a silence does to its incident."""
    found = next((silence for silence in known.silences if silence.id == told.silence), None)
    then = None if found is None else _becomes(found, told)
    if found is None or then is None:
        return Verdict(reason=ActionReason.REPEATED)
    after = replace(
        found,
        state=then,
        silence_id=told.silence_id or found.silence_id,
        problem=told.problem,
        confirmed_at=now if told.state is SilenceState.ACTIVE else found.confirmed_at,
    )
    line = Line(f"silence_{then}", told.problem or told.silence_id, found.actor.label)
    incident = raise_revision(put_silences(known, (after,)), now, "")
    return Verdict(reason=ActionReason.DONE, incident=incident, lines=(line,), silences=(after,))


def _becomes(silence: Silence, told: Conclusion) -> SilenceState | None:
    """Return the state that an answer leads to, or None where it comes too late to matter."""
    if silence.state is not SilenceState.EXPIRING:
        return told.state if told.state in _NEXT[silence.state] else None
    if told.state is not SilenceState.ACTIVE:
        return SilenceState.EXPIRED
    # Without a problem it is the late answer to the request: what exists must still be ended.
    # With one, ending it failed, and Alertmanager still mutes.
    return SilenceState.ACTIVE if told.problem else SilenceState.EXPIRING


_NEXT: dict[SilenceState, frozenset[SilenceState]] = {
    SilenceState.REQUESTED: frozenset(
        {SilenceState.ACTIVE, SilenceState.FAILED, SilenceState.EXPIRED}
    ),
    SilenceState.ACTIVE: frozenset({SilenceState.EXPIRED}),
    SilenceState.EXPIRED: frozenset(),
    SilenceState.FAILED: frozenset(),
}


def lapse(known: Incident, now: int) -> Verdict:
    """End the silences whose time is over; what they muted is shown as firing again."""
    over = tuple(
        replace(silence, state=SilenceState.EXPIRED)
        for silence in known.silences
        if silence.holds and silence.ends_at <= now
    )
    if not over:
        return Verdict(reason=ActionReason.REPEATED)
    incident = raise_revision(put_silences(known, over), now, "")
    return Verdict(reason=ActionReason.DONE, incident=incident, lines=(Line("silence_expired"),))


def next_lapse(incident: Incident) -> int | None:
    """Return when the clock must look at the incident's silences again, or None."""
    ends = [silence.ends_at for silence in incident.silences if silence.holds]
    return min(ends, default=None)

"""Silences: the decisions what a click, an answer of Alertmanager and the time make of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from receiver.domain.action import Action, Verdict, raise_revision
from receiver.domain.digest import Digest, scope_of, shared_matchers, source
from receiver.domain.incident import Incident, Kind, Line, Member, muting
from receiver.domain.matcher import group_key_matchers
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


def request_silence(
    known: Incident, members: Sequence[Member], action: Action, now: int
) -> Verdict:
    """Decide what a click that silences an alert or its group does to their incident."""
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
        place=action.place,
        trace=action.trace,
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


def request_unsilence(known: Incident, action: Action, now: int) -> Verdict:
    """Decide what a click that ends silences does to their incident."""
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


def request_shared(known: Incident, digest: Digest, action: Action, now: int) -> Verdict:
    """Decide what a click that silences all that a digest's alerts share does to the digest."""
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
    by = found.trail(told.state)
    line = Line(f"silence_{then}", told.problem or told.silence_id, found.actor.label, by)
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
    lines = tuple(
        Line("silence_expired", one.silence_id, one.actor.label, one.trail(one.state))
        for one in over
    )
    return Verdict(reason=ActionReason.DONE, incident=incident, lines=lines)


def next_lapse(incident: Incident) -> int | None:
    """Return when the clock must look at the incident's silences again, or None."""
    ends = [silence.ends_at for silence in incident.silences if silence.holds]
    return min(ends, default=None)

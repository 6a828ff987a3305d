"""Silences: the decisions what a click and an answer of Alertmanager make of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from receiver.domain.action import Action, ActionKind, Verdict, raise_revision
from receiver.domain.audit import trail
from receiver.domain.digest import Digest, scope_of, shared_matchers, source
from receiver.domain.incident import Incident, Kind, Line, Member
from receiver.domain.lasting import Lasting, lasting
from receiver.domain.proposal import Proposal
from receiver.domain.reason import ActionReason
from receiver.domain.repeating import repeatable
from receiver.domain.scope import Matchers, chosen_matchers
from receiver.domain.silence import (
    COMMENT_LIMIT,
    DURATIONS,
    LABELS_SCOPE,
    RESOLVED,
    SHARED_SCOPE,
    Silence,
    SilenceState,
    is_safe,
)

OVER_KEPT = 20  # silences that are over; the timeline keeps all


def decide_silence(
    known: Incident, members: Sequence[Member], action: Action, now: int
) -> Verdict | None:
    """Decide what a click does that is about silences; None for any other."""
    decision = _DECISIONS.get(action.kind)
    if decision is None:
        return None
    if known.kind is not Kind.ALERTS and action.kind is not ActionKind.UNSILENCE:
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    return decision(known, members, action, now)


def request_silence(
    known: Incident, members: Sequence[Member], action: Action, now: int
) -> Verdict:
    """Ask for a silence; chosen labels must be looked at first, since they may mute far more."""
    if action.labels:
        return propose(known, members, action, now)
    matchers = chosen_matchers(known, members, action)
    if isinstance(matchers, ActionReason):
        return Verdict(reason=matchers)
    return _request(known, matchers, action, now)


def propose(known: Incident, members: Sequence[Member], action: Action, now: int) -> Verdict:
    """Show what a silence would mute, and keep exactly this for whoever confirms it."""
    matchers = chosen_matchers(known, members, action)
    if isinstance(matchers, ActionReason):
        return Verdict(reason=matchers)
    lasts = lasting(action.duration, action.until, action.at, action.rules.longest)
    if isinstance(lasts, ActionReason):
        return Verdict(reason=lasts)
    if any(_same(silence, matchers) for silence in known.silences):
        return Verdict(reason=ActionReason.ALREADY_SILENCED)
    if action.found is None:
        return Verdict(reason=ActionReason.CHANGED)
    proposal = Proposal(
        id=action.id,
        card=action.card,
        actor=action.actor,
        at=now,
        scope=LABELS_SCOPE if action.labels else action.scope,
        matchers=matchers,
        chosen=action.duration,
        until=action.until,
        comment=action.comment[:COMMENT_LIMIT],
        found=action.found,
    )
    shown = raise_revision(known._replace(proposal=proposal), now, action.trace)
    line = Line("silence_previewed", f"{action.found.total} alerts", action.actor.label)
    return Verdict(reason=ActionReason.PREVIEWED, incident=shown, lines=(line,))


def confirm(known: Incident, _: Sequence[Member], action: Action, now: int) -> Verdict:
    """Ask for exactly the silence that was previewed, unless it would mute more by now."""
    shown = known.proposal
    if shown is None or shown.id != action.silence or now >= shown.lapses_at:
        return Verdict(reason=ActionReason.PREVIEW_OVER)
    if action.found is None or action.found.more_than(shown.found):
        found = shown.found if action.found is None else action.found
        again = known._replace(proposal=shown._replace(found=found, at=now))
        return Verdict(
            reason=ActionReason.CHANGED, incident=raise_revision(again, now, action.trace)
        )
    asked = replace(
        action,
        scope=shown.scope,
        duration=shown.chosen,
        until=shown.until,
        comment=shown.comment,
    )
    return _request(known._replace(proposal=None), shown.matchers, asked, now)


def cancel(known: Incident, _: Sequence[Member], action: Action, now: int) -> Verdict:
    """Forget what was previewed."""
    if known.proposal is None or known.proposal.id != action.silence:
        return Verdict(reason=ActionReason.PREVIEW_OVER)
    left = raise_revision(known._replace(proposal=None), now, action.trace)
    line = Line("silence_cancelled", "", action.actor.label)
    return Verdict(reason=ActionReason.DONE, incident=left, lines=(line,))


def silence_again(known: Incident, _: Sequence[Member], action: Action, now: int) -> Verdict:
    """Ask for what a silence muted that has ended: the same matchers, for as long."""
    ended = repeatable(known, action.silence)
    if isinstance(ended, ActionReason):
        return Verdict(reason=ended)
    asked = replace(
        action,
        scope=ended.scope,
        duration=ended.lasts,
        until=action.at + ended.span,
        comment=ended.comment,
    )
    return _request(known, ended.matchers, asked, now)


def extend(known: Incident, _: Sequence[Member], action: Action, now: int) -> Verdict:
    """Ask for a later end of the silences that Alertmanager has."""
    added = DURATIONS.get(action.duration)
    if added is None:
        return Verdict(reason=ActionReason.UNKNOWN_CHOICE)
    mute = [one for one in known.silences if one.mutes and action.silence in ("", one.id)]
    # What a digest keeps alive has no ``keep_until`` elsewhere, and would outlive its alerts.
    chosen = [one for one in mute if not one.keep_until and one.lasts != RESOLVED]
    if not chosen:
        reason = ActionReason.ALREADY_KEPT if mute else ActionReason.NOT_SILENCED
        return Verdict(reason=reason)
    later = tuple(_extending(one, added, action, now) for one in chosen)
    if any(one.wanted_end - now > action.rules.longest for one in later):
        return Verdict(reason=ActionReason.TOO_LONG)
    asked = raise_revision(put_silences(known, later), now, action.trace)
    line = Line("silence_extend_requested", action.duration, action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=later)


def _extending(silence: Silence, added: int, action: Action, now: int) -> Silence:
    return replace(
        silence,
        state=SilenceState.EXTENDING,
        wanted_end=max(silence.ends_at, silence.wanted_end, now) + added,
        extended_at=now,
        extender=action.actor,
        place=action.place,
        trace=action.trace,
    )


def request_shared(known: Incident, digest: Digest, action: Action, now: int) -> Verdict:
    """Decide what a click that silences all that a digest's alerts share does to the digest."""
    kind, _, shape = action.scope.partition(":")
    if kind != SHARED_SCOPE:
        return Verdict(reason=ActionReason.UNKNOWN_CHOICE)
    matchers, owner = shared_matchers(digest), source(digest)
    if shape and action.scope != scope_of(matchers):
        return Verdict(reason=ActionReason.CHANGED)  # it would mute other alerts than it said
    if known.silences and known.source != owner:  # its silences live in another Alertmanager
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    asked = replace(action, scope=SHARED_SCOPE)
    return _request(known._replace(source=owner), matchers, asked, now)


def _request(known: Incident, matchers: Matchers, action: Action, now: int) -> Verdict:
    """Record the intent to silence what these matchers mean."""
    lasts = lasting(action.duration, action.until, action.at, action.rules.longest)
    if isinstance(lasts, ActionReason):
        return Verdict(reason=lasts)
    if not is_safe(matchers):
        return Verdict(reason=ActionReason.NOTHING_TO_SILENCE)
    if any(_same(silence, matchers) for silence in known.silences):
        return Verdict(reason=ActionReason.ALREADY_SILENCED)
    wanted = _wanted(matchers, lasts, action)
    asked = raise_revision(known._replace(silences=added(known, wanted)), now, action.trace)
    line = Line("silence_requested", f"{action.duration} {action.scope}", action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=(wanted,))


def _wanted(matchers: Matchers, lasts: Lasting, action: Action) -> Silence:
    return Silence(
        id=action.id,
        state=SilenceState.REQUESTED,
        scope=action.scope,
        matchers=matchers,
        actor=action.actor,
        comment=action.comment[:COMMENT_LIMIT],
        asked_at=action.at,
        ends_at=lasts.ends_at,
        lasts=lasts.chosen,
        keep_until=lasts.keep_until,
        place=action.place,
        trace=action.trace,
    )


def _same(silence: Silence, matchers: Matchers) -> bool:
    return silence.live and silence.matchers == matchers


def request_unsilence(known: Incident, _: Sequence[Member], action: Action, now: int) -> Verdict:
    """Decide what a click that ends silences does to their incident."""
    chosen = tuple(
        replace(silence, state=SilenceState.EXPIRING, unwanted=True)
        for silence in known.silences
        if silence.live and action.silence in ("", silence.id)
    )
    if not chosen:
        return Verdict(reason=ActionReason.NOT_SILENCED)
    asked = raise_revision(put_silences(known, chosen), now, action.trace)
    line = Line("unsilence_requested", f"{len(chosen)} silences", action.actor.label)
    return Verdict(reason=ActionReason.REQUESTED, incident=asked, lines=(line,), silences=chosen)


_Decision = Callable[[Incident, Sequence[Member], Action, int], Verdict]
_DECISIONS: dict[ActionKind, _Decision] = {
    ActionKind.SILENCE: request_silence,
    ActionKind.UNSILENCE: request_unsilence,
    ActionKind.PREVIEW: propose,
    ActionKind.CONFIRM_SILENCE: confirm,
    ActionKind.CANCEL: cancel,
    ActionKind.RESILENCE: silence_again,
    ActionKind.EXTEND: extend,
}


def added(known: Incident, wanted: Silence) -> tuple[Silence, ...]:
    """Return an incident's silences with one more, without the oldest of many that are over."""
    over = [one.id for one in known.silences if one.state is SilenceState.EXPIRED]
    forgotten = set(over[: max(len(over) - OVER_KEPT, 0)])
    return (*(one for one in known.silences if one.id not in forgotten), wanted)


def put_silences(incident: Incident, changed: tuple[Silence, ...]) -> Incident:
    """Return the incident with these silences in the place of those with the same id."""
    by_id = {silence.id: silence for silence in changed}
    return incident._replace(
        silences=tuple(by_id.get(silence.id, silence) for silence in incident.silences)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What Alertmanager answered about one silence of one incident.

    ``ends_at`` is the end that an extension has reached, in Unix ms, and 0 for any other answer.
    """

    incident: int
    silence: str
    state: SilenceState
    silence_id: str = ""
    problem: str = ""
    ends_at: int = 0


def conclude(known: Incident, told: Conclusion, now: int) -> Verdict:
    """Decide what Alertmanager's answer about a silence does to its incident."""
    found = next((silence for silence in known.silences if silence.id == told.silence), None)
    then = None if found is None else _becomes(found, told)
    if found is None or then is None:
        return Verdict(reason=ActionReason.REPEATED)
    after = _answered(found, then, told, now)
    known = put_silences(known, (after,))
    if found.kept and after.kept and found.problem == after.problem:
        # Kept alive once more: no card says when that was.
        return Verdict(reason=ActionReason.DONE, incident=known, silences=(after,), quiet=True)
    incident = raise_revision(known, now, "")
    return Verdict(
        reason=ActionReason.DONE,
        incident=incident,
        lines=(_line(found, after, told),),
        silences=(after,),
    )


def _answered(found: Silence, then: SilenceState, told: Conclusion, now: int) -> Silence:
    active = told.state is SilenceState.ACTIVE
    after = replace(
        found,
        state=then,
        silence_id=told.silence_id or found.silence_id,
        problem=told.problem,
        confirmed_at=now if active else found.confirmed_at,
        ended_at=now if then is SilenceState.EXPIRED else found.ended_at,
        unextended=False,
        # An extension that nobody confirmed may have taken effect all the same.
        wanted_end=found.wanted_end if then in _UNSETTLED else 0,
    )
    if found.state is not SilenceState.EXTENDING:
        return after
    return replace(
        after,
        ends_at=max(found.ends_at, told.ends_at),
        unextended=bool(told.problem) and then is SilenceState.ACTIVE,
    )


_UNSETTLED = (SilenceState.EXTENDING, SilenceState.EXPIRING)


def _line(found: Silence, after: Silence, told: Conclusion) -> Line:
    detail = told.problem or told.silence_id
    if found.state is SilenceState.EXTENDING and after.state is SilenceState.ACTIVE:
        who = found.extender or found.actor
        kind = "silence_unextended" if after.unextended else "silence_extended"
        return Line(kind, detail, who.label, trail(who, found.place, told.state, found.trace))
    by = found.trail(told.state)
    return Line(f"silence_{after.state}", detail, found.actor.label, by)


def _becomes(silence: Silence, told: Conclusion) -> SilenceState | None:
    """Return the state that an answer leads to, or None where it comes too late to matter."""
    if silence.state is SilenceState.EXTENDING:
        return _extended(silence, told)
    if silence.state is not SilenceState.EXPIRING:
        return told.state if told.state in _NEXT[silence.state] else None
    if told.state is not SilenceState.ACTIVE:
        return SilenceState.EXPIRED
    # Without a problem it is the late answer to the request: what exists must still be ended.
    # With one, ending it failed, and Alertmanager still mutes.
    return SilenceState.ACTIVE if told.problem else SilenceState.EXPIRING


def _extended(silence: Silence, told: Conclusion) -> SilenceState | None:
    """Return what an answer makes of a silence whose later end was asked for."""
    if told.state is SilenceState.EXPIRED:
        return SilenceState.EXPIRED  # it had ended there already
    if told.problem:
        return SilenceState.ACTIVE  # as it was
    if not told.ends_at:
        return None  # the late answer to something else
    reached = told.ends_at >= silence.wanted_end
    return SilenceState.ACTIVE if reached else SilenceState.EXTENDING


_NEXT: dict[SilenceState, frozenset[SilenceState]] = {
    SilenceState.REQUESTED: frozenset(
        {SilenceState.ACTIVE, SilenceState.FAILED, SilenceState.EXPIRED}
    ),
    SilenceState.ACTIVE: frozenset({SilenceState.EXPIRED}),
    SilenceState.EXPIRED: frozenset(),
    SilenceState.FAILED: frozenset(),
}

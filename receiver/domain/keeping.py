"""What time makes of silences: some end, some are kept alive, and previews are forgotten."""

from collections.abc import Callable
from dataclasses import replace

from receiver.domain.action import Verdict, raise_revision
from receiver.domain.incident import Incident, Kind, Line
from receiver.domain.reason import ActionReason
from receiver.domain.silence import KEPT_FOR, MINUTE, Silence, SilenceState
from receiver.domain.silencing import put_silences

RENEW_BEFORE = KEPT_FOR // 2  # that long before its end, what is kept alive is extended
RENEW_APART = MINUTE  # after an extension that failed


def lapse(known: Incident, fires: Callable[[Silence], bool], now: int) -> Verdict:
    """End what is over, extend what is kept alive, and forget a preview nobody answered.

    ``fires`` says whether anything still fires that a silence mutes.
    """
    changed = tuple(
        after
        for silence in known.silences
        if (after := _later(known, silence, fires, now)) is not silence
    )
    stale = known.proposal is not None and _proposal_ends(known) <= now
    if not changed and not stale:
        return Verdict(reason=ActionReason.REPEATED)
    left = put_silences(known, changed)
    if stale:
        left = left._replace(proposal=None)
    lines = tuple(line for one in changed if (line := _line(one)) is not None)
    asked = tuple(one for one in changed if one.state is not SilenceState.EXPIRED)
    if not stale and not lines:
        return Verdict(reason=ActionReason.DONE, incident=left, silences=asked, quiet=True)
    raised = raise_revision(left, now, "")
    return Verdict(reason=ActionReason.DONE, incident=raised, lines=lines, silences=asked)


def _later(
    known: Incident, silence: Silence, fires: Callable[[Silence], bool], now: int
) -> Silence:
    """Return a silence as time leaves it; the same one where nothing is due."""
    if silence.state is SilenceState.EXTENDING or not silence.holds:
        return silence
    if max(silence.ends_at, silence.wanted_end) <= now:
        return replace(silence, state=SilenceState.EXPIRED, ended_at=now)
    if not silence.kept:
        return silence
    if not fires(silence):
        return replace(silence, state=SilenceState.EXPIRING, unwanted=True)
    if now < _renews_at(known, silence) or silence.ends_at >= silence.keep_until:
        return silence
    return replace(
        silence,
        state=SilenceState.EXTENDING,
        wanted_end=min(now + KEPT_FOR, silence.keep_until),
        extended_at=now,
    )


def _line(silence: Silence) -> Line | None:
    if silence.state is SilenceState.EXPIRED:
        by = silence.trail(silence.state)
        return Line("silence_expired", silence.silence_id, silence.actor.label, by)
    if silence.state is SilenceState.EXPIRING:
        by = silence.trail(silence.state)
        return Line("silence_released", "what it muted is over", silence.actor.label, by)
    return None


def _renews_at(known: Incident, silence: Silence) -> int:
    """Return when a silence that is kept alive must be looked at."""
    if known.closed_at is not None and known.kind is not Kind.DIGEST:
        return known.closed_at  # what a digest's silence mutes goes on without it
    if silence.ends_at >= silence.keep_until:
        return silence.ends_at
    return max(silence.ends_at - RENEW_BEFORE, silence.extended_at + RENEW_APART)


def _proposal_ends(known: Incident) -> int:
    if known.proposal is None or known.closed_at is not None:
        return 0
    return known.proposal.lapses_at


def next_lapse(incident: Incident) -> int | None:
    """Return when the clock must look at the incident's silences again, or None."""
    times = [
        min(one.ends_at, _renews_at(incident, one))
        if one.kept
        else max(one.ends_at, one.wanted_end)
        for one in incident.silences
        if one.holds and one.state is not SilenceState.EXTENDING
    ]
    if incident.proposal is not None:
        times.append(_proposal_ends(incident))
    return min(times, default=None)

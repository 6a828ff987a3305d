"""Silences and what else mutes alerts, followed as their source tells of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from receiver.domain.incident import Line, Member
from receiver.domain.matcher import Operator
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.suppression import (
    HELD_MOST,
    MATCHERS_MOST,
    OUTSIDE_MOST,
    Held,
    Outside,
    silences_of,
)
from receiver.domain.truth import EXPIRED, SeenAlert, SeenSilence, is_newer

# Alertmanager rounds times, and its clock is not ours.
SAME_END = 2_000
NAME_LIMIT = 120
TEXT_LIMIT = 200
# What says best which alert it is that inhibits another.
_TELLING = ("instance", "node", "host", "pod", "service", "cluster", "namespace", "job")
_TOLD_MOST = 2


class Silenced(NamedTuple):
    """An incident's own silences as the truth has them, and the ids that are theirs."""

    own: tuple[Silence, ...]
    ids: frozenset[str]
    changed: bool = False
    ended: bool = False


def follow(
    own: tuple[Silence, ...], seen: Mapping[str, SeenSilence], at: int, now: int
) -> Silenced:
    """Follow our own silences through what other tools made of them.

    Who replaces a silence gives it another id: the action's id, in its comment or annotation,
    says that it is the same one. ``at`` is when the truth was asked for.
    """
    if not own:
        return Silenced((), frozenset())
    by_action: dict[str, list[SeenSilence]] = {}
    for silence in seen.values():
        if silence.action:
            by_action.setdefault(silence.action, []).append(silence)
    after = tuple(_followed(one, seen, by_action.get(one.id, []), at, now) for one in own)
    ended = any(
        then.state is SilenceState.EXPIRED and before.holds
        for before, then in zip(own, after, strict=True)
    )
    ids = frozenset(
        one.silence_id
        for before, then in zip(own, after, strict=True)
        for one in (before, then)
        if one.silence_id and not _lives_on(then, seen.get(one.silence_id), at, now)
    )
    return Silenced(after, ids, after != own and not ended, ended)


def told_of(own: tuple[Silence, ...], after: tuple[Silence, ...]) -> tuple[Line, ...]:
    """Return the lines of what became of our own silences through others; ``after`` is theirs."""
    return tuple(
        _line(then, before.state) for before, then in zip(own, after, strict=True) if then != before
    )


def _line(silence: Silence, before: SilenceState) -> Line:
    changed = "changed" if silence.state is before else silence.state
    by = silence.trail(changed)
    return Line(f"silence_{changed}", silence.silence_id, silence.actor.label, by)


def _followed(
    own: Silence,
    seen: Mapping[str, SeenSilence],
    same: list[SeenSilence],
    at: int,
    now: int,
) -> Silence:
    """Return one silence as the truth has it; what is being changed right now is left alone."""
    if own.state not in (SilenceState.ACTIVE, SilenceState.FAILED):
        return own
    if own.confirmed_at is not None and is_newer(own.confirmed_at, at, now):
        return own  # the truth may be older than the answer
    live = [one for one in same if one.state != EXPIRED and one.ends_at > now and _means(own, one)]
    kept = next((one for one in live if one.id == own.silence_id), None)
    there = kept or max(live, key=lambda one: (one.ends_at, one.id), default=None)
    if there is None:
        known = seen.get(own.silence_id)
        if known is not None and known.state != EXPIRED and known.ends_at > now:
            there = known if _means(own, known) else None
    if there is not None:
        return _there(own, there)
    if own.state is SilenceState.FAILED:
        return own
    return _over(own, seen.get(own.silence_id), now)


def _lives_on(own: Silence, seen: SeenSilence | None, at: int, now: int) -> bool:
    """Say whether one that was given up is there all the same: then it is as somebody else's.

    The peer that had it was down when it was missed, say. Its end by the clock is no such case.
    """
    if own.state is not SilenceState.EXPIRED or is_newer(own.ended_at, at, now):
        return False
    return seen is not None and seen.state != EXPIRED and seen.ends_at > now + SAME_END


def _means(own: Silence, seen: SeenSilence) -> bool:
    """Say whether a silence still mutes what was asked for, no more and no less."""
    plain = all(one.operator is Operator.EQUAL for one in seen.matchers)
    return plain and {(one.name, one.value) for one in seen.matchers} == set(own.matchers)


def _there(own: Silence, seen: SeenSilence) -> Silence:
    moved = abs(seen.ends_at - own.ends_at) > SAME_END
    replaced = seen.id != own.silence_id
    if not moved and not replaced and own.state is SilenceState.ACTIVE:
        return own
    return replace(
        own,
        state=SilenceState.ACTIVE,
        silence_id=seen.id,
        ends_at=seen.ends_at if moved else own.ends_at,
        problem="",
        elsewhere=own.elsewhere or own.state is SilenceState.ACTIVE,
    )


def _over(own: Silence, seen: SeenSilence | None, now: int) -> Silence:
    ended = now if seen is None else min(seen.ends_at, now)
    early = ended < own.ends_at - SAME_END
    return replace(
        own,
        state=SilenceState.EXPIRED,
        ends_at=min(ended, own.ends_at) if early else own.ends_at,
        ended_at=ended,
        elsewhere=own.elsewhere or early,
    )


def held_by(told: SeenAlert, alerts: Mapping[str, SeenAlert], silenced: Silenced) -> Held | None:
    """Return what mutes an alert besides its incident's own silences."""
    silences = tuple(sorted(one for one in told.silenced_by if one not in silenced.ids))
    if not (silences or told.inhibited_by or told.muted_by):
        return None
    inhibitors = (_named(one, alerts.get(one)) for one in sorted(told.inhibited_by)[:HELD_MOST])
    return Held(
        silences[:HELD_MOST],
        tuple(dict.fromkeys(inhibitors)),
        tuple(name[:NAME_LIMIT] for name in sorted(told.muted_by)[:HELD_MOST]),
    )


def _named(fingerprint: str, inhibitor: SeenAlert | None) -> str:
    """Name an alert that inhibits others: its name, and the labels that say where."""
    if inhibitor is None:
        return fingerprint[:NAME_LIMIT]
    labels = inhibitor.labels
    where = [f"{name}={labels[name]}" for name in _TELLING if labels.get(name)]
    name = labels.get("alertname") or fingerprint
    return " ".join((name, *where[:_TOLD_MOST]))[:NAME_LIMIT]


def outside_of(
    known: tuple[Outside, ...],
    members: Iterable[Member],
    seen: Mapping[str, SeenSilence],
    now: int,
) -> tuple[Outside, ...]:
    """Return the silences made elsewhere that mute an incident's alerts, then those that did.

    One that ended is remembered only where an alert that it muted may fire still.
    """
    firing = [member for member in members if member.firing]
    live = sorted({one for member in firing for one in silences_of(member.held)})
    found = [_outside(one, seen.get(one)) for one in live]
    over = [
        _ended(one, seen.get(one.id), now)
        for one in known
        if one.id not in live and (one.over or _is_over(seen.get(one.id), now))
    ]
    over = [one for one in over if any(_covers(one, member.labels) for member in firing)]
    newest = sorted(over, key=lambda one: (-one.ends_at, one.id))
    return (*found[:OUTSIDE_MOST], *newest)[:OUTSIDE_MOST]


def _outside(silence_id: str, seen: SeenSilence | None) -> Outside:
    if seen is None:
        return Outside(silence_id, "", "", 0, ())
    return Outside(
        seen.id,
        seen.created_by[:NAME_LIMIT],
        seen.comment[:TEXT_LIMIT],
        seen.ends_at,
        tuple((one.name, str(one.operator), one.value) for one in seen.matchers[:MATCHERS_MOST]),
        span=max(seen.ends_at - seen.starts_at, 0),
    )


def _is_over(seen: SeenSilence | None, now: int) -> bool:
    return seen is None or seen.state == EXPIRED or seen.ends_at <= now


def _ended(known: Outside, seen: SeenSilence | None, now: int) -> Outside:
    if known.over:
        return known
    ends_at = min(known.ends_at or now, now) if seen is None else min(seen.ends_at, now)
    return known._replace(over=True, ends_at=ends_at)


def _covers(silence: Outside, labels: Mapping[str, str]) -> bool:
    """Say whether a silence made elsewhere may have muted an alert; expressions are not read."""
    return all(
        (labels.get(name, "") == value) is (operator == Operator.EQUAL)
        for name, operator, value in silence.matchers
        if operator in (Operator.EQUAL, Operator.NOT_EQUAL)
    )

"""Which open incidents lost their group because its route changed, and who holds their alerts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from receiver.domain.incident import Ending, Incident, Kind, Line, Member
from receiver.domain.ownership import inherit
from receiver.domain.reason import TruthReason
from receiver.domain.reconcile import Corrected, Index, is_fresh
from receiver.domain.silence import Silence
from receiver.domain.truth import GroupName, group_name

HEIRS_MOST = 10  # that are named on a card
# That take over in one commit. What was divided into more goes on until its alerts end.
HEIRS_LIMIT = 100


class Standing(NamedTuple):
    """What must be known of every open incident of a source to tell who succeeds whom."""

    id: int
    name: GroupName
    word: tuple[int, int]  # when a body last spoke of it, and when it opened: who is newer
    firing: frozenset[str]  # alerts that fire, and that the source still reports


class Succession(NamedTuple):
    """An incident whose group is gone, and those that hold its alerts, the best first."""

    old: int
    heirs: tuple[int, ...]


class Kept(NamedTuple):
    """An incident with its alerts."""

    incident: Incident
    members: Mapping[str, Member]


def standing(
    incident: Incident, members: Mapping[str, Member], seen: Index, now: int
) -> Standing | None:
    """Return how an incident stands; None where nothing can be said of it by this truth."""
    if incident.closed_at is not None or incident.kind is not Kind.ALERTS:
        return None
    if is_fresh(incident, seen.truth, now):
        return None
    firing = frozenset(one.fingerprint for one in members.values() if one.firing)
    word = (max(incident.peers.values(), default=incident.opened_at), incident.opened_at)
    name = group_name(incident.receiver, incident.group_labels)
    return Standing(incident.id, name, word, firing & seen.truth.alerts.keys())


def successions(standings: Iterable[Standing], seen: Index) -> list[Succession]:
    """Return the incidents that are over, since others hold all their alerts.

    A source shows no group keys: where several incidents share receiver and labels, as many live
    as there are routes that make such a group, and the newest do.
    """
    if not seen.groups:
        return []  # a source that shows no groups shows nothing of routes either
    living, lost = _sorted_out(standings, seen)
    holders: dict[str, list[int]] = {}
    for one in living if lost else ():
        for fingerprint in one.firing:
            holders.setdefault(fingerprint, []).append(one.id)
    found = (_succession(one, holders) for one in lost)
    return [one for one in found if one is not None]


def _sorted_out(
    standings: Iterable[Standing], seen: Index
) -> tuple[list[Standing], list[Standing]]:
    """Return the incidents whose group is there, and those whose group is not."""
    classes: dict[GroupName, list[Standing]] = {}
    for one in standings:
        classes.setdefault(one.name, []).append(one)
    living: list[Standing] = []
    lost: list[Standing] = []
    for name, same in classes.items():
        group = seen.groups.get(name)
        told = frozenset[str]() if group is None else frozenset(group.fingerprints)
        room = 0 if group is None else group.times
        for one in sorted(same, key=lambda each: (each.word, each.id), reverse=True):
            there = room > 0 and bool(told & one.firing)
            room -= there
            (living if there else lost).append(one)
    return living, [one for one in lost if one.firing]


def _succession(lost: Standing, holders: Mapping[str, list[int]]) -> Succession | None:
    counts: dict[int, int] = {}
    for fingerprint in lost.firing:
        holding = holders.get(fingerprint)
        if not holding:
            return None  # its new group has not been told of yet, or there is none
        for one in holding:
            counts[one] = counts.get(one, 0) + 1
    heirs = sorted(counts, key=lambda one: (-counts[one], one))
    return Succession(lost.id, tuple(heirs)) if len(heirs) <= HEIRS_LIMIT else None


def succeed(old: Kept, heirs: Iterable[Kept], now: int) -> tuple[Corrected, tuple[Corrected, ...]]:
    """Close an incident in favour of others, which take over what people said of it.

    Decided on the newest state: nothing is changed where an heir does not hold the alerts any
    more.
    """
    known = old.incident
    firing = [member for member in old.members.values() if member.firing]
    open_ = [one for one in heirs if one.incident.closed_at is None]
    held = {member.fingerprint for one in open_ for member in one.members.values() if member.firing}
    lost = [member for member in firing if member.fingerprint not in held]
    if known.closed_at is not None or lost or not firing:
        return Corrected(), ()
    named = tuple(one.incident.id for one in open_)
    handed = {silence.id for one in open_ for silence in _handed(one, known)}
    closed = known._replace(
        closed_at=now,
        silences=tuple(_left(one) if one.id in handed else one for one in known.silences),
        ending=Ending.SUPERSEDED,
        heirs=named,
        outside=(),
        stale_since=0,
        truncated=0,
        revision=known.revision + 1,
        changed_at=now,
        corrected_at=now,
    )
    over = tuple(
        member._replace(firing=False, until=now, gone=True, held=None, hushed=False)
        for member in firing
    )
    said = ", ".join(f"#{number}" for number in named[:HEIRS_MOST])
    line = Line(f"truth_{TruthReason.SUPERSEDED}", f"by {said}")
    ended = Corrected((TruthReason.SUPERSEDED,), closed, over, lines=(line,))
    return ended, tuple(_inherits(one, known, now) for one in open_)


def _inherits(heir: Kept, old: Incident, now: int) -> Corrected:
    known = heir.incident
    told = inherit(known, old, now)._replace(
        silences=(*known.silences, *_handed(heir, old)),
        ancestors=(*known.ancestors, old.id)[-HEIRS_MOST:],
        revision=known.revision + 1,
        changed_at=now,
        corrected_at=now,
    )
    line = Line(f"truth_{TruthReason.SUPERSEDED}", f"takes over from #{old.id}")
    return Corrected((TruthReason.SUPERSEDED,), told, lines=(line,))


def _left(silence: Silence) -> Silence:
    """Return a silence as it is once an heir keeps it alive: its end here must not end it there."""
    if not silence.keep_until:
        return silence
    return replace(silence, ends_at=max(silence.ends_at, silence.keep_until), keep_until=0)


def _handed(heir: Kept, old: Incident) -> tuple[Silence, ...]:
    """Return the silences that mute the heir's alerts too."""
    known = {silence.id for silence in heir.incident.silences}
    return tuple(
        silence
        for silence in old.silences
        if silence.id not in known
        and (silence.live or silence.holds)
        and any(silence.covers(member.labels) for member in heir.members.values())
    )

"""What a digest comes to: its counts, what explains them, and what all of it shares."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from receiver.channels.base import View
from receiver.domain.alert import shown_labels
from receiver.domain.digest import (
    Digest,
    Gathered,
    by_severity,
    explaining,
    firing,
    shared_matchers,
)
from receiver.domain.incident import Kind
from receiver.domain.reason import State
from receiver.domain.silence import Silence


class Glance(NamedTuple):
    """A digest at a glance; texts are as they came from outside, times in Unix ms."""

    gathered: tuple[Gathered, ...]
    states: Counter[State]
    rank: int  # the worst that fires, or that fired
    since: int
    severities: tuple[tuple[str, int], ...]
    label: str  # the one that explains most, or an empty text
    values: tuple[tuple[str, int], ...]  # the empty one stands for all others
    common: dict[str, str]
    sources: tuple[str, ...]  # of what is not over, or of all
    shares: dict[str, dict[str, str]]  # what all of an Alertmanager's incidents share
    matchers: tuple[tuple[str, str], ...]
    alerts: int  # that fire
    matched: int  # of these, those that the matchers mute
    late: bool
    closed: bool

    @property
    def total(self) -> int:
        """How many incidents were gathered."""
        return len(self.gathered)

    @property
    def firing(self) -> int:
        """How many incidents fire, whoever owns or muted them."""
        states = (State.FIRING, State.ACKNOWLEDGED, State.SUPPRESSED)
        return sum(self.states[each] for each in states)

    @property
    def acts(self) -> bool:
        """Whether there is anything left to do by this card."""
        return not self.closed and self.firing > 0


def look(view: View, digest: Digest) -> Glance:
    """Look at every incident; what explains a storm that is over is counted over all of it."""
    closed = view.incident.closed_at is not None
    fire = firing(digest)
    counted = _ended(digest) if closed else digest
    shown = firing(counted) or counted.gathered
    label, values = explaining(counted, view.scale)
    matchers = shared_matchers(digest)
    return Glance(
        gathered=digest.gathered,
        states=Counter(one.state for one in digest.gathered),
        rank=min((one.rank for one in shown), default=view.incident.rank),
        since=min((one.since for one in digest.gathered), default=view.incident.opened_at),
        severities=_merged(by_severity(counted, view.scale)),
        label=label,
        values=values,
        common=common(shown_labels(one.labels) for one in shown) if len(shown) > 1 else {},
        sources=tuple(dict.fromkeys(one.source for one in shown)),
        shares=_shares(shown),
        matchers=matchers,
        alerts=sum(one.firing for one in fire),
        matched=sum(one.firing for one in fire if _covers(matchers, one)),
        late=digest.late,
        closed=closed,
    )


def _ended(digest: Digest) -> Digest:
    return digest._replace(
        gathered=tuple(one._replace(state=State.RESOLVED) for one in digest.gathered)
    )


def _shares(shown: Iterable[Gathered]) -> dict[str, dict[str, str]]:
    found: dict[str, list[dict[str, str]]] = {}
    for one in shown:
        if one.kind is Kind.ALERTS:
            found.setdefault(one.source, []).append(one.labels)
    return {source: common(labels) for source, labels in found.items()}


def _merged(counts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return one count a name: several ranks may have the same."""
    merged: dict[str, int] = {}
    for name, count in counts:
        merged[name] = merged.get(name, 0) + count
    return tuple(merged.items())


def _covers(matchers: Sequence[tuple[str, str]], one: Gathered) -> bool:
    return bool(matchers) and all(one.labels.get(name) == value for name, value in matchers)


def common(labels: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return what all label sets have in common, in the order of the first."""
    sets = iter(labels)
    shared = dict(next(sets, {}))
    for each in sets:
        for name in [name for name, value in shared.items() if each.get(name) != value]:
            del shared[name]
    return shared


def live(silences: Iterable[Silence]) -> list[Silence]:
    """Return the silences that mute, or were asked for."""
    return [silence for silence in silences if silence.live]

"""A silence that somebody has looked at and not made yet: what it would mute right now."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from receiver.domain.person import Actor
from receiver.domain.silence import MINUTE, UNSTABLE_LABELS

PROPOSAL_LIFE = 10 * MINUTE
NAMES_MOST = 5
NAME_LIMIT = 120
MARKS_MOST = 500  # beyond so many alerts, only their number is compared
_PLACES = ("instance", "pod", "node", "host", "service", "namespace", "cluster", "job")


class Found(NamedTuple):
    """The firing alerts that a silence would mute; ``others`` of them are not the incident's."""

    total: int = 0
    others: int = 0
    names: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()  # which they are

    def more_than(self, seen: "Found") -> bool:
        """Whether it has an alert that was not seen."""
        if max(self.total, seen.total) > MARKS_MOST:
            return self.total > seen.total
        return not set(self.marks) <= set(seen.marks)


class Proposal(NamedTuple):
    """A previewed silence, in the card where it was asked for; times in Unix ms."""

    id: str  # the action's that asked
    card: int
    actor: Actor
    at: int
    scope: str
    matchers: tuple[tuple[str, str], ...]
    chosen: str  # how long, see ``lasting``
    until: int
    comment: str
    found: Found

    @property
    def lapses_at(self) -> int:
        """When it is no longer offered."""
        return self.at + PROPOSAL_LIFE


def count(
    alerts: Iterable[tuple[int, str, dict[str, str]]],
    matchers: tuple[tuple[str, str], ...],
    own: int,
) -> Found:
    """Count and name the firing alerts that matchers mute, each once.

    An alert is given as its incident, its fingerprint and its labels; ``own`` is the incident
    that is looked at, whose alerts are named first.
    """
    mine: dict[str, dict[str, str]] = {}
    others: dict[str, dict[str, str]] = {}
    for incident, fingerprint, labels in alerts:
        if all(labels.get(name, "") == value for name, value in matchers):
            (mine if incident == own else others)[fingerprint] = labels
    for fingerprint in mine:
        others.pop(fingerprint, None)
    every = mine | others
    fixed = dict(matchers)
    return Found(
        len(every),
        len(others),
        tuple(name(labels, fixed) for labels in list(every.values())[:NAMES_MOST]),
        tuple(mark(fingerprint) for fingerprint in every) if len(every) <= MARKS_MOST else (),
    )


def name(labels: dict[str, str], fixed: dict[str, str]) -> str:
    """Name an alert by what it is called, and by what the matchers do not say of it already."""
    told = [labels.get("alertname", "")]
    rest = [place for place in _PLACES if labels.get(place) and place not in fixed]
    if not rest:
        rest = [
            each
            for each in sorted(labels)
            if labels[each] and each not in fixed and each not in UNSTABLE_LABELS
        ]
    told += [labels[place] for place in rest[:2]]
    return " ".join(word for word in dict.fromkeys(told) if word)[:NAME_LIMIT]


def mark(fingerprint: str) -> str:
    """Return a short sign of an alert."""
    text = fingerprint.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=5).hexdigest()

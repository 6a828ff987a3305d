"""Many incidents in one card: what a digest counts, and what its silence would mute."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from receiver.domain.incident import Incident, Kind, Member, state
from receiver.domain.reason import State
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import SHARED_SCOPE

STORM_KEY = "digest:"
LATE_KEY = "late:"
SOURCE = "receiver"
VALUES_MOST = 5  # of the label that explains most
LABELS_MOST = 20  # of one incident; no alert that people write has more
LABEL_LIMIT = 200


class Gathered(NamedTuple):
    """An incident that a digest shows, as of the digest's revision; times in Unix ms."""

    incident: int
    kind: Kind
    source: str
    title: str
    rank: int
    state: State
    firing: int
    since: int
    labels: dict[str, str]  # what all its alerts share
    url: str


class Digest(NamedTuple):
    """What a digest shows, what still fires first; ``late`` when all of it ended unseen."""

    gathered: tuple[Gathered, ...]
    late: bool = False


def gather(incident: Incident, members: Iterable[Member]) -> Gathered:
    """Return an incident as a digest shows it."""
    alerts = tuple(members)
    firing = tuple(member for member in alerts if member.firing) or alerts
    return Gathered(
        incident=incident.id,
        kind=incident.kind,
        source=incident.source,
        title=incident.title[:LABEL_LIMIT],
        rank=incident.rank,
        state=state(incident, alerts),
        firing=sum(member.firing for member in alerts),
        since=incident.opened_at,
        labels=_shared([member.labels for member in firing]),
        url=firing[0].url if firing else "",
    )


def make(gathered: Iterable[Gathered], *, late: bool) -> Digest:
    """Return a digest in its order: what fires before what is over, the worst and oldest first."""
    order = sorted(gathered, key=lambda one: (_over(one), one.rank, one.since, one.incident))
    return Digest(tuple(order), late)


def _over(one: Gathered) -> bool:
    return one.state is State.RESOLVED


def _shared(label_sets: list[dict[str, str]]) -> dict[str, str]:
    if not label_sets:
        return {}
    first, *others = label_sets
    same = {
        name: value
        for name, value in first.items()
        if value
        and len(value) <= LABEL_LIMIT
        and all(labels.get(name) == value for labels in others)
    }
    return dict(list(same.items())[:LABELS_MOST])


def firing(digest: Digest) -> tuple[Gathered, ...]:
    """Return what is not over."""
    return tuple(one for one in digest.gathered if not _over(one))


def worst(digest: Digest, most: int) -> tuple[Gathered, ...]:
    """Return the worst that fire, or that fired where all is over."""
    return (firing(digest) or digest.gathered)[:most]


def by_severity(digest: Digest, scale: SeverityScale) -> tuple[tuple[str, int], ...]:
    """Count the firing incidents, or all where all are over, by severity, the worst first."""
    counts = Counter(one.rank for one in firing(digest) or digest.gathered)
    return tuple((scale.name(rank), counts[rank]) for rank in sorted(counts))


def explaining(digest: Digest, scale: SeverityScale) -> tuple[str, tuple[tuple[str, int], ...]]:
    """Return the label that explains most, and its commonest values with their counts.

    It is the one whose few commonest values cover the most incidents, and among equals the one
    that tells the more apart. The rest is counted under the empty value.
    """
    counted = firing(digest) or digest.gathered
    counts: dict[str, Counter[str]] = {}
    for one in counted:
        for name, value in one.labels.items():
            if name != scale.label:
                counts.setdefault(name, Counter())[value] += 1
    if not counts:
        return "", ()
    name = min(counts, key=lambda label: _weight(label, counts[label]))
    top = sorted(counts[name].items(), key=lambda item: (-item[1], item[0]))[:VALUES_MOST]
    left = len(counted) - sum(count for _, count in top)
    return name, (*top, ("", left)) if left else tuple(top)


def _weight(name: str, counts: Counter[str]) -> tuple[bool, int, int, bool, str]:
    covered = sum(count for _, count in counts.most_common(VALUES_MOST))
    return len(counts) == 1, -covered, -min(len(counts), VALUES_MOST), name != "alertname", name


def shared_matchers(digest: Digest) -> tuple[tuple[str, str], ...]:
    """Return the equality matchers that all firing alerts share.

    Empty unless one Alertmanager has them all: a silence belongs to one.
    """
    fire = firing(digest)
    if not fire or len({one.source for one in fire}) > 1:
        return ()
    if any(one.kind is not Kind.ALERTS for one in fire):
        return ()
    return tuple(sorted(_shared([one.labels for one in fire]).items()))


def scope_of(matchers: tuple[tuple[str, str], ...]) -> str:
    """Return the scope that a form offers for these matchers: a click must mean what it showed."""
    text = "\0".join(f"{name}\0{value}" for name, value in matchers)
    shape = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{SHARED_SCOPE}:{shape}"


def source(digest: Digest) -> str:
    """Return the one source of what fires, or an empty text."""
    names = {one.source for one in firing(digest)}
    return names.pop() if len(names) == 1 else ""

"""What a card has to say about an incident, gathered once and still unescaped."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from receiver.channels.base import View
from receiver.channels.templates import ALERTS_GIVEN
from receiver.domain.alert import shown_labels
from receiver.domain.card import Rung
from receiver.domain.incident import Incident, Kind, Member, state, suppressed
from receiver.domain.reason import CardReason, State

LISTED_MOST = 200  # more lines than this never fit
TITLE = "alertname"
AGENT = "agent"
# What says where, from the wide to the narrow; the first ones that all alerts share are shown.
PLACES = (
    *("cluster", "env", "environment", "region", "namespace", "service", "app", "job"),
    *("pod", "container", "instance", "node", "host", "hostname", "device", "mountpoint"),
)
SUBTITLE_PLACES = ("cluster", "namespace", "service", "instance", "pod", "node", "host")
SUBTITLE_MOST = 3
_ORDER = {name: at for at, name in enumerate(PLACES)}
# Labels that say who scraped rather than what is wrong.
_NOISE = frozenset({"prometheus", "prometheus_replica", "replica", "monitor", "endpoint", "uid"})
HEADLINES = ("summary", "message", "title")
DESCRIPTIONS = ("description", "details", "描述", "message")


class Facts(NamedTuple):
    """An incident at a glance; texts are as they came from outside."""

    state: State
    firing: int
    resolved: int
    muted: int
    new: int
    severity: str
    since: int
    until: int | None
    first: Member | None  # the one that speaks for all: the worst that fires
    common: dict[str, str]
    where: tuple[str, ...]
    shared_summary: bool
    silenced: bool  # a silence is among what mutes them
    gone: int  # of the resolved, those that their source only reports no more
    covered: bool  # every firing alert has a silence that mutes it, or was asked for

    @property
    def total(self) -> int:
        """How many alerts the incident is known to have."""
        return self.firing + self.resolved


class _Tally:
    """One pass over the alerts, however many there are."""

    __slots__ = ("common", "count", "first", "since", "summary")

    def __init__(self) -> None:
        self.count = 0
        self.since: int | None = None
        self.first: Member | None = None
        self.common: dict[str, str] = {}
        self.summary: str | None = None

    def add(self, member: Member) -> None:
        """Take one alert in."""
        self.count += 1
        if self.first is None:
            self.first, self.since = member, member.since
            self.common = dict(shown_labels(member.labels))
            self.summary = headline(member)
            return
        if self.since is None or member.since < self.since:
            self.since = member.since
        if member.rank < self.first.rank:
            self.first = member
        if self.summary is not None and headline(member) != self.summary:
            self.summary = None
        labels = member.labels
        differ = [name for name, value in self.common.items() if labels.get(name) != value]
        for name in differ:
            del self.common[name]


def headline(member: Member) -> str:
    """Return what an alert says of itself in one line."""
    annotations = member.annotations
    for name in HEADLINES:
        if annotations.get(name):
            return annotations[name]
    return ""


def description(member: Member) -> str:
    """Return what an alert says at length: its description, else what its annotations hold."""
    annotations = member.annotations
    said = headline(member)
    for name in DESCRIPTIONS:
        if annotations.get(name) and annotations[name] != said:
            return annotations[name]
    rest = [
        f"{name}: {value}"
        for name, value in annotations.items()
        if value and value != said and _speaks(name, value)
    ]
    return "\n".join(rest)


def _speaks(name: str, value: str) -> bool:
    if name.startswith("__") or name in HEADLINES or name == "markdown":
        return False
    return not value.startswith(("http://", "https://"))


def gather(view: View) -> Facts:
    """Look at every alert once."""
    incident = view.incident
    firing, resolved = _Tally(), _Tally()
    for member in view.members:
        (firing if member.firing else resolved).add(member)
    open_ = incident.closed_at is None or incident.kind is Kind.MESSAGE
    shown = firing if firing.count else resolved
    common = dict(shown.common)
    return Facts(
        state=state(incident, view.members),
        firing=firing.count,
        resolved=resolved.count,
        muted=_muted(incident, view.members),
        new=_new(view),
        severity=view.scale.name(incident.rank),
        since=incident.opened_at if shown.since is None else shown.since,
        until=None if open_ else incident.closed_at,
        first=shown.first,
        common=common,
        where=_where(incident, common),
        shared_summary=shown.summary is not None,
        silenced=any(silence.mutes for silence in incident.silences)
        or any(not silence.over for silence in incident.outside),
        gone=sum(member.gone and not member.firing for member in view.members),
        covered=firing.count > 0 and _covered(incident, view.members),
    )


def _muted(incident: Incident, members: Iterable[Member]) -> int:
    return sum(1 for member in members if member.firing and suppressed(incident, member))


def _covered(incident: Incident, members: Iterable[Member]) -> bool:
    live = [silence for silence in incident.silences if silence.live]
    return bool(live) and all(
        any(silence.covers(member.labels) for silence in live)
        for member in members
        if member.firing
    )


def _new(view: View) -> int:
    """Count the alerts that joined since people were last called."""
    if view.card.last is None or view.incident.closed_at is not None:
        return 0
    return max(view.incident.joined - view.card.marks.joined, 0)


def _where(incident: Incident, common: Mapping[str, str]) -> tuple[str, ...]:
    places = (common.get(name, "") for name in SUBTITLE_PLACES)
    found = dict.fromkeys(place for place in (incident.source, *places) if place)
    return tuple(found)[: SUBTITLE_MOST + 1]


def key_labels(view: View, facts: Facts) -> list[tuple[str, str]]:
    """Return the labels that say most, the best first, without those that the header shows."""
    skipped = {view.scale.label, *(TITLE,)}
    if view.incident.kind is not Kind.ALERTS:
        skipped.add(AGENT)
    group = view.incident.group_labels
    header = set(facts.where)
    found = [
        (name, value)
        for name, value in facts.common.items()
        if value and name not in skipped and not (name in SUBTITLE_PLACES and value in header)
    ]
    return sorted(
        found,
        key=lambda item: (
            item[0] in _NOISE,
            item[0] not in group,
            _ORDER.get(item[0], len(_ORDER)),
            item[0],
        ),
    )


def own_labels(member: Member, common: Mapping[str, str], label: str) -> list[tuple[str, str]]:
    """Return the labels that tell an alert from the others, the best first."""
    found = [
        (name, value)
        for name, value in shown_labels(member.labels).items()
        if value and common.get(name) != value and name != label
    ]
    return sorted(found, key=lambda item: narrow_first(item[0]))


def narrow_first(name: str) -> tuple[bool, int, str]:
    """Return what sorts labels by how narrow a place they name, who scraped it last."""
    return name in _NOISE, -_ORDER.get(name, -1), name


def listed(members: Sequence[Member], most: int) -> list[Member]:
    """Return the alerts to list: what fires first, the worst and newest of it on top."""
    most = min(most, LISTED_MOST)
    firing = heapq.nsmallest(
        most,
        (member for member in members if member.firing),
        key=lambda member: (member.rank, -member.since, member.fingerprint),
    )
    if len(firing) >= most:
        return firing
    over = heapq.nsmallest(
        most - len(firing),
        (member for member in members if not member.firing),
        key=lambda member: (-(member.until or 0), member.fingerprint),
    )
    return firing + over


# When a card calls people by its own appearance.
_APPEARS = frozenset(
    {
        CardReason.FIRST,
        CardReason.LATE,
        CardReason.MESSAGE,
        CardReason.REOPENED,
        CardReason.DIGEST,
        CardReason.MOVED,
    }
)


def calls(view: View, rung: Rung, *, edits: bool) -> bool:
    """Say whether this message may mention people: an edit never does.

    Where messages cannot be edited, each is new, and calls for what its route notifies of.
    """
    card = view.card
    if card.mentions_dropped:
        return False
    if card.last is None:
        return view.reason in _APPEARS and not card.quiet
    return (not edits or rung is Rung.TEXT) and view.reason in card.notify


def for_templates(view: View, facts: Facts) -> dict[str, object]:
    """Return an incident as plain data for the users' templates."""
    incident = view.incident
    first = facts.first
    return {
        "incident": {
            "id": incident.id,
            "source": incident.source,
            "receiver": incident.receiver,
            "title": incident.title,
            "state": str(facts.state),
            "severity": facts.severity,
            "firing": facts.firing,
            "resolved": facts.resolved,
            "new": facts.new,
            "not_shown": incident.truncated,
            "group_labels": dict(incident.group_labels),
        },
        "alerts": [
            {
                "firing": member.firing,
                "labels": dict(member.labels),
                "annotations": dict(member.annotations),
                "url": member.url,
            }
            for member in listed(view.members, ALERTS_GIVEN)
        ],
        "labels": dict(facts.common),
        "annotations": {} if first is None else dict(first.annotations),
    }


def for_links(view: View, facts: Facts) -> dict[str, object]:
    """Return the alert that speaks for all as plain data for the templates of links."""
    first = facts.first
    return {
        "labels": {} if first is None else dict(first.labels),
        "annotations": {} if first is None else dict(first.annotations),
        "starts_at": facts.since,
        "ends_at": view.now if facts.until is None else facts.until,
        "firing": facts.until is None,
    }

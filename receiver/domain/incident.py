"""One continuous life of a group, and the decision what a body does to it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from receiver.domain.alert import Alert
from receiver.domain.person import Actor
from receiver.domain.reason import BodyReason, State
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import Silence, SilenceState

FLAP_WINDOW = 10 * 60_000
# An equal body without a reason field is a repeat only after this long, from the same peer.
REPEAT_AFTER = 60_000
# A cluster has a few peers; those that were renamed or replaced need not be known for ever.
PEERS_MOST = 16
# A group whose alerts come and go for months must not grow with each of them.
RESOLVED_MOST = 400
RESOLVED_KEPT = 200
# Alertmanager flushes a group at most this often, so an earlier "repeat" is the same one again.
REPEAT_APART = 8_000


class Kind(StrEnum):
    """What an incident is made of."""

    ALERTS = "alerts"
    AGENT = "agent"  # a program's message with a state
    MESSAGE = "message"  # a program's message without one: a single revision


class Placement(NamedTuple):
    """Where an incident is shown, and what its route says about calling people there."""

    target: str
    mention: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()


class Rules(NamedTuple):
    """The parts of the configuration that decisions about bodies need."""

    scale: SeverityScale = SeverityScale()
    flap_window: int = FLAP_WINDOW


class Notice(NamedTuple):
    """What one accepted body says, whatever its sender was; times in Unix milliseconds."""

    source: str
    receiver: str
    group_key: str
    alerts: tuple[Alert, ...]
    group_labels: dict[str, str]
    placements: tuple[Placement, ...]  # the union over the firing alerts' routes
    external_url: str = ""  # also the peer's identity: each peer names itself
    truncated: int = 0
    repeat: bool | None = None  # what notification_reason says; None where there is none
    kind: Kind = Kind.ALERTS
    title: str = ""
    links: tuple[tuple[str, str], ...] = ()
    once: str = ""  # an id that is accepted once in 24 hours
    plain: bool = False  # shown as a text, not as a card
    trace: str = ""


class Member(NamedTuple):
    """An alert in an incident; ``episode`` counts its continuous firings, from 1."""

    fingerprint: str
    firing: bool
    episode: int
    since: int
    until: int | None
    rank: int
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str


class Ownership(NamedTuple):
    """Who took an incident, or declared it handled, and when."""

    actor: Actor
    at: int


class Incident(NamedTuple):
    """An incident as the store keeps it; a NamedTuple, because each body replaces one."""

    id: int
    source: str
    receiver: str
    group_key: str
    kind: Kind
    title: str
    group_labels: dict[str, str]
    opened_at: int
    closed_at: int | None = None
    changed_at: int = 0
    revision: int = 0
    rank: int = 0  # the worst that fires, or fired last
    truncated: int = 0
    # Counters that only grow: a card compares them with what it last showed.
    joined: int = 0
    raised: int = 0
    reopened: int = 0
    repeated: int = 0
    updated: int = 0
    ack: Ownership | None = None
    handled: Ownership | None = None
    silences: tuple[Silence, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    external_url: str = ""
    peers: dict[str, int] = {}  # noqa: RUF012  (never mutated) # peer -> time of its last body
    repeat_at: int = 0
    trace: str = ""
    plain: bool = False


class Line(NamedTuple):
    """One line of the timeline: what happened, by whom, and the fact behind it."""

    kind: str
    detail: str = ""
    actor: str = ""


class Change(NamedTuple):
    """What a body or an action changes; the store writes exactly this."""

    reason: BodyReason
    incident: Incident | None = None
    members: tuple[Member, ...] = ()
    opened: bool = False
    raised: bool = False
    forgotten: tuple[str, ...] = ()  # fingerprints of alerts that are over since long
    lines: tuple[Line, ...] = ()


class _Told(NamedTuple):
    """The difference between what is known and what a body says."""

    joined: list[Member]
    resolved: list[Member]
    refreshed: list[Member]


def absorb(
    known: Incident | None,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change:
    """Decide what a body does to its group's newest incident.

    ``members`` are that incident's. Absence from the body proves nothing; the group's own status
    is not looked at.
    """
    if notice.kind is Kind.MESSAGE:
        return _open(notice, rules, now)
    fires = any(alert.firing for alert in notice.alerts)
    if known is None:
        return _open(notice, rules, now) if fires else Change(BodyReason.UNKNOWN_RESOLVED)
    if known.closed_at is None:
        return _continue(known, members, notice, rules, now)
    if not fires:
        return _after_close(known, members, notice)
    if now - known.closed_at <= rules.flap_window:
        return _reopen(known, members, notice, rules, now)
    return _open(notice, rules, now)


def _after_close(known: Incident, members: Mapping[str, Member], notice: Notice) -> Change:
    seen = any(alert.fingerprint in members for alert in notice.alerts)
    reason = BodyReason.DUPLICATE if seen else BodyReason.UNKNOWN_RESOLVED
    return Change(reason, known if seen else None)


def _open(notice: Notice, rules: Rules, now: int) -> Change:
    message = notice.kind is Kind.MESSAGE
    members = tuple(
        _member(alert, rules.scale, now, 1)
        for alert in _once_each(notice.alerts)
        if alert.firing or message
    )
    incident = Incident(
        id=0,
        source=notice.source,
        receiver=notice.receiver,
        group_key=notice.group_key,
        kind=notice.kind,
        title=notice.title or _title(notice),
        group_labels=notice.group_labels,
        opened_at=now,
        closed_at=now if message else None,
        changed_at=now,
        revision=1,
        rank=min((member.rank for member in members), default=0),
        truncated=notice.truncated,
        joined=len(members),
        links=notice.links,
        external_url=notice.external_url,
        peers={notice.external_url: now},
        repeat_at=now,
        trace=notice.trace,
        plain=notice.plain,
    )
    reason = BodyReason.MESSAGE if message else BodyReason.FIRST
    line = Line(reason, f"{len(members)} alerts" if len(members) != 1 else "1 alert")
    return Change(reason, incident, members, opened=True, raised=True, lines=(line,))


def _continue(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change:
    told = _compare(members, notice.alerts, rules.scale, now)
    same = not told.joined and not told.resolved and notice.truncated == known.truncated
    # What an agent says anew of its incident is news; an Alertmanager's new wording is not,
    # since its peers and its Prometheus replicas word the same alert differently.
    if same and not (notice.kind is Kind.AGENT and told.refreshed):
        return _equal(known, notice, told, now)
    return _advance(known, members, notice, told, now)


def _advance(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    told: _Told,
    now: int,
) -> Change:
    changed = (*told.joined, *told.resolved, *told.refreshed)
    after = {**members, **{member.fingerprint: member for member in changed}}
    firing = [member.rank for member in after.values() if member.firing]
    over = not firing and notice.truncated == 0
    rank = min(firing, default=known.rank)
    worse = rank < known.rank
    reason = _reason(told, worse=worse, over=over)
    incident = known._replace(
        title=notice.title or known.title,
        links=notice.links or known.links,
        closed_at=now if over else None,
        changed_at=now,
        revision=known.revision + 1,
        rank=rank,
        truncated=notice.truncated,
        joined=known.joined + len(told.joined),
        raised=known.raised + worse,
        updated=known.updated + bool(told.refreshed and notice.kind is Kind.AGENT),
        ack=None if told.joined or worse else known.ack,
        handled=None if told.joined or worse else known.handled,
        external_url=notice.external_url or known.external_url,
        peers=_heard(known.peers, notice.external_url, now),
        repeat_at=now,
        trace=notice.trace,
    )
    line = _told_line(reason, told)
    gone = _over_since_long(after)
    return Change(reason, incident, changed, raised=True, forgotten=gone, lines=(line,))


def _over_since_long(members: Mapping[str, Member]) -> tuple[str, ...]:
    """Return what may be forgotten of a group that never closes: its oldest resolved alerts."""
    if len(members) <= RESOLVED_MOST:
        return ()
    over = [member for member in members.values() if not member.firing]
    if len(over) <= RESOLVED_MOST:
        return ()
    over.sort(key=lambda member: member.until or 0)
    return tuple(member.fingerprint for member in over[: len(over) - RESOLVED_KEPT])


def share(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change | None:
    """Decide what a body tells another open incident of the same source about shared alerts.

    An alert has one state, whatever groups it is in. None when there is nothing new.
    """
    shared = tuple(alert for alert in notice.alerts if alert.fingerprint in members)
    told = _compare(members, shared, rules.scale, now)
    if known.closed_at is not None or not (told.joined or told.resolved):
        return None
    quiet = notice._replace(alerts=shared, truncated=known.truncated, placements=())
    change = _advance(known, members, quiet, told, now)
    # The other group's peer has not spoken to this group: its clock of repeats stays.
    after = change.incident and change.incident._replace(
        peers=known.peers, repeat_at=known.repeat_at, external_url=known.external_url
    )
    return change._replace(incident=after)


def _reopen(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change:
    told = _compare(members, notice.alerts, rules.scale, now)
    incident = known._replace(
        closed_at=None,
        changed_at=now,
        revision=known.revision + 1,
        rank=min((member.rank for member in told.joined), default=known.rank),
        truncated=notice.truncated,
        joined=known.joined + len(told.joined),
        reopened=known.reopened + 1,
        ack=None,
        handled=None,
        external_url=notice.external_url or known.external_url,
        peers=_heard(known.peers, notice.external_url, now),
        repeat_at=now,
        trace=notice.trace,
    )
    line = _told_line(BodyReason.REOPENED, told)
    written = (*told.joined, *told.refreshed)
    return Change(BodyReason.REOPENED, incident, written, raised=True, lines=(line,))


def _equal(known: Incident, notice: Notice, told: _Told, now: int) -> Change:
    """Tell a genuine repeat from the same notification sent again."""
    peer = notice.external_url
    heard = known._replace(peers=_heard(known.peers, peer, now))
    if not is_repeat(known, peer, notice.repeat, now):
        return Change(BodyReason.DUPLICATE, heard)
    incident = heard._replace(
        changed_at=now,
        revision=known.revision + 1,
        repeated=known.repeated + 1,
        repeat_at=now,
        trace=notice.trace,
    )
    return Change(
        BodyReason.REPEAT,
        incident,
        tuple(told.refreshed),
        raised=True,
        lines=(Line(BodyReason.REPEAT),),
    )


def is_repeat(known: Incident, peer: str, told: bool | None, now: int) -> bool:
    """Say whether an equal body is Alertmanager's own repeat.

    ``told`` is what notification_reason says (0.32 and later). Each HA peer may send the same
    repeat, and a peer may send it again after an answer it did not see, so one that follows
    another too closely is the same one.
    """
    last = known.peers.get(peer)
    since_peer = REPEAT_AFTER if last is None else now - last
    since_repeat = now - known.repeat_at
    if told is None:
        return last is not None and since_peer >= REPEAT_AFTER and since_repeat >= REPEAT_AFTER
    if not told:
        return False
    return since_repeat >= (REPEAT_APART if last == known.repeat_at else REPEAT_AFTER)


def _compare(
    members: Mapping[str, Member], alerts: Iterable[Alert], scale: SeverityScale, now: int
) -> _Told:
    told = _Told([], [], [])
    for alert in _once_each(alerts):
        old = members.get(alert.fingerprint)
        if alert.firing and (old is None or not old.firing):
            told.joined.append(_member(alert, scale, now, 1 if old is None else old.episode + 1))
        elif old is not None and old.firing and not alert.firing:
            told.resolved.append(_ended(old, alert, now))
        elif old is not None and old.firing and _reworded(old, alert):
            told.refreshed.append(_reworded_member(old, alert, scale))
    return told


def _once_each(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Return one alert a fingerprint; where a body contradicts itself, it fires."""
    known: dict[str, Alert] = {}
    for alert in alerts:
        other = known.get(alert.fingerprint)
        if other is None or (alert.firing and not other.firing):
            known[alert.fingerprint] = alert
    return known.values()


def _heard(peers: dict[str, int], peer: str, now: int) -> dict[str, int]:
    """Return when each peer last spoke, forgetting the one that was silent longest."""
    heard = {**peers, peer: now}
    if len(heard) > PEERS_MOST:
        del heard[min(heard, key=lambda name: (heard[name], name == peer))]
    return heard


def _member(alert: Alert, scale: SeverityScale, now: int, episode: int) -> Member:
    starts = alert.starts_at
    return Member(
        alert.fingerprint,
        alert.firing,
        episode,
        now if starts is None else min(starts, now),
        None,
        scale.rank(alert.labels),
        alert.labels,
        alert.annotations,
        alert.url,
    )


def _ended(old: Member, alert: Alert, now: int) -> Member:
    ended = now if alert.ends_at is None else max(min(alert.ends_at, now), old.since)
    return old._replace(firing=False, until=ended, annotations=alert.annotations)


def _reworded(old: Member, alert: Alert) -> bool:
    return (
        old.annotations != alert.annotations
        or old.url != alert.url
        or old.labels != alert.labels  # an agent's: its fingerprint is its key
    )


def _reworded_member(old: Member, alert: Alert, scale: SeverityScale) -> Member:
    return old._replace(
        labels=alert.labels,
        annotations=alert.annotations,
        url=alert.url,
        rank=scale.rank(alert.labels),
    )


def _reason(told: _Told, *, worse: bool, over: bool) -> BodyReason:
    if worse:
        return BodyReason.SEVERITY_RAISED
    if told.joined:
        return BodyReason.NEW_ALERTS
    if over:
        return BodyReason.ALL_RESOLVED
    if told.resolved:
        return BodyReason.SOME_RESOLVED
    return BodyReason.UPDATED if told.refreshed else BodyReason.TRUNCATED


def _told_line(reason: BodyReason, told: _Told) -> Line:
    return Line(reason, f"+{len(told.joined)} firing, {len(told.resolved)} resolved")


def _title(notice: Notice) -> str:
    for labels in (notice.group_labels, *(alert.labels for alert in notice.alerts[:1])):
        if labels.get("alertname"):
            return labels["alertname"]
    shown = [f"{name}={value}" for name, value in sorted(notice.group_labels.items())]
    return ", ".join(shown) or notice.receiver


def muting(incident: Incident, labels: dict[str, str]) -> Silence | None:
    """Return the silence that is known to mute an alert with these labels."""
    for silence in incident.silences:
        if silence.state is SilenceState.ACTIVE and silence.covers(labels):
            return silence
    return None


def state(incident: Incident, members: Iterable[Member]) -> State:
    """Say what the card must show at a glance."""
    if incident.kind is Kind.MESSAGE:
        return State.NOTE
    if incident.closed_at is not None:
        return State.RESOLVED
    firing = [member for member in members if member.firing]
    if firing and all(muting(incident, member.labels) for member in firing):
        return State.SUPPRESSED
    if incident.ack is not None or incident.handled is not None:
        return State.ACKNOWLEDGED
    return State.FIRING

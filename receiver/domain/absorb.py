"""The decision what a body does to its group's incident, and to others that share its alerts."""

from collections.abc import Mapping

from receiver.domain.custody import Custody, Hold
from receiver.domain.escalation import planned
from receiver.domain.incident import (
    Change,
    Ending,
    Flapping,
    Incident,
    Kind,
    Line,
    Member,
    Notice,
    Rules,
)
from receiver.domain.ownership import after_news, begun_anew, narrowed
from receiver.domain.reason import BodyReason
from receiver.domain.told import Told, begun, compare, once_each

# An equal body without a reason field is a repeat only after this long, from the same peer.
REPEAT_AFTER = 60_000
# A cluster has a few peers; those that were renamed or replaced need not be known for ever.
PEERS_MOST = 16
# A group whose alerts come and go for months must not grow with each of them.
RESOLVED_MOST = 400
RESOLVED_KEPT = 200
# Alertmanager flushes a group at most this often, so an earlier "repeat" is the same one again.
REPEAT_APART = 8_000
# Re-openings that are remembered: more are not counted one by one.
REOPENINGS_KEPT = 100


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
    change = _absorb(known, members, notice, rules, now)
    name = next((place.escalation for place in notice.placements if place.escalation), "")
    if change.incident is None or not change.raised or notice.kind is Kind.MESSAGE:
        return change
    return change._replace(incident=planned(change.incident, name))


def _absorb(
    known: Incident | None,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change:
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
        begun(alert, rules.scale, now, 1)
        for alert in once_each(notice.alerts)
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
        omitted=notice.truncated,
        joined=len(members),
        links=notice.links,
        external_url=notice.external_url,
        peers={notice.external_url: now},
        repeat_at=now,
        trace=notice.trace,
        plain=notice.plain,
        custody=Custody(hold=_hold(notice) or Hold()),
    )
    reason = BodyReason.MESSAGE if message else BodyReason.FIRST
    line = Line(reason, f"{len(members)} alerts" if len(members) != 1 else "1 alert")
    return Change(
        reason,
        incident,
        members,
        opened=True,
        raised=True,
        lines=(line,),
        joined=len(members),
    )


def _continue(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    rules: Rules,
    now: int,
) -> Change:
    told = compare(members, notice.alerts, rules.scale, now)
    same = not told.joined and not told.resolved and notice.truncated == known.omitted
    # What an agent says anew of its incident is news; an Alertmanager's new wording is not,
    # since its peers and its Prometheus replicas word the same alert differently.
    if same and not (notice.kind is Kind.AGENT and told.refreshed):
        return _equal(known, notice, told, now)
    return _advance(known, members, notice, told, now)


def _advance(
    known: Incident,
    members: Mapping[str, Member],
    notice: Notice,
    told: Told,
    now: int,
) -> Change:
    changed = (*told.joined, *told.resolved, *told.refreshed)
    after = {**members, **{member.fingerprint: member for member in changed}}
    firing = [member.rank for member in after.values() if member.firing]
    over = not firing and notice.truncated == 0
    rank = min(firing, default=known.rank)
    worse = rank < known.rank
    reason = _reason(told, worse=worse, over=over)
    left = after_news(known, len(told.joined), worse=worse, now=now)
    incident = left._replace(
        title=notice.title or known.title,
        links=notice.links or known.links,
        closed_at=now if over else None,
        changed_at=now,
        revision=known.revision + 1,
        rank=rank,
        truncated=known.truncated if notice.truncated == known.omitted else notice.truncated,
        omitted=notice.truncated,
        joined=known.joined + len(told.joined),
        raised=known.raised + worse,
        updated=known.updated + bool(told.refreshed and notice.kind is Kind.AGENT),
        external_url=notice.external_url or known.external_url,
        peers=_heard(known.peers, notice.external_url, now),
        repeat_at=now,
        trace=notice.trace,
        custody=left.custody._replace(hold=_hold(notice, known.custody.hold) or Hold()),
    )
    line = _told_line(reason, told)
    gone = _over_since_long(after)
    return Change(
        reason,
        incident,
        changed,
        raised=True,
        forgotten=gone,
        lines=(line,),
        joined=len(told.joined),
    )


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
    told = compare(members, shared, rules.scale, now)
    if known.closed_at is not None or not (told.joined or told.resolved):
        return None
    quiet = notice._replace(alerts=shared, truncated=known.omitted, placements=())
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
    told = compare(members, notice.alerts, rules.scale, now)
    flaps = begun_anew(_flaps(known, rules.flapping, now), now)
    incident = flaps._replace(
        closed_at=None,
        changed_at=now,
        revision=known.revision + 1,
        rank=min((member.rank for member in told.joined), default=known.rank),
        truncated=notice.truncated,
        omitted=notice.truncated,
        outside=(),
        stale_since=0,
        ending=Ending.RESOLVED,
        heirs=(),
        joined=known.joined + len(told.joined),
        hushed=known.hushed + (0 if flaps.called_at == now else len(told.joined)),
        custody=flaps.custody._replace(hold=_hold(notice) or known.custody.hold),
        external_url=notice.external_url or known.external_url,
        peers=_heard(known.peers, notice.external_url, now),
        repeat_at=now,
        trace=notice.trace,
    )
    line = _told_line(BodyReason.REOPENED, told, flaps.flapping)
    written = (*told.joined, *told.refreshed)
    return Change(
        BodyReason.REOPENED,
        incident,
        written,
        raised=True,
        lines=(line,),
        joined=len(told.joined),
    )


def _hold(notice: Notice, *before: Hold) -> Hold | None:
    """Return what all routes say about acknowledgements; None where there is none."""
    said = (*before, *(placement.hold for placement in notice.placements))
    return narrowed(*said) if said else None


def _equal(known: Incident, notice: Notice, told: Told, now: int) -> Change:
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


def _heard(peers: dict[str, int], peer: str, now: int) -> dict[str, int]:
    """Return when each peer last spoke, forgetting the one that was silent longest."""
    heard = {**peers, peer: now}
    if len(heard) > PEERS_MOST:
        del heard[min(heard, key=lambda name: (heard[name], name == peer))]
    return heard


def _reason(told: Told, *, worse: bool, over: bool) -> BodyReason:
    if worse:
        return BodyReason.SEVERITY_RAISED
    if told.joined:
        return BodyReason.NEW_ALERTS
    if over:
        return BodyReason.ALL_RESOLVED
    if told.resolved:
        return BodyReason.SOME_RESOLVED
    return BodyReason.UPDATED if told.refreshed else BodyReason.TRUNCATED


def _told_line(reason: BodyReason, told: Told, flaps: int = 0) -> Line:
    often = f", flapping: {flaps} times" if flaps else ""
    return Line(reason, f"+{len(told.joined)} firing, {len(told.resolved)} resolved{often}")


def _flaps(known: Incident, rule: Flapping, now: int) -> Incident:
    """Count a re-opening, and say by ``reopened`` and ``called_at`` whether it calls people.

    Each one does until the group is flapping; from then on, one in each window.
    """
    since = now - rule.window
    times = (*(at for at in known.reopenings if at > since), now)[-REOPENINGS_KEPT:]
    flapping = len(times) if len(times) >= rule.threshold else 0
    calls = not flapping or known.called_at <= since
    return known._replace(
        reopenings=times,
        flapping=flapping,
        flaps_until=times[-rule.threshold] + rule.window if flapping else 0,
        reopened=known.reopened + calls,
        called_at=now if calls else known.called_at,
    )


def _title(notice: Notice) -> str:
    for labels in (notice.group_labels, *(alert.labels for alert in notice.alerts[:1])):
        if labels.get("alertname"):
            return labels["alertname"]
    shown = [f"{name}={value}" for name, value in sorted(notice.group_labels.items())]
    return ", ".join(shown) or notice.receiver

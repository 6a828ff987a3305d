"""What a body says of alerts that are known, and how an alert becomes part of an incident."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from receiver.domain.alert import Alert
from receiver.domain.incident import Member
from receiver.domain.severity import SeverityScale


class Told(NamedTuple):
    """The difference between what is known and what a body says."""

    joined: list[Member]
    resolved: list[Member]
    refreshed: list[Member]


def compare(
    members: Mapping[str, Member], alerts: Iterable[Alert], scale: SeverityScale, now: int
) -> Told:
    """Return what a body's alerts change in what is known."""
    told = Told([], [], [])
    for alert in once_each(alerts):
        old = members.get(alert.fingerprint)
        if alert.firing and (old is None or not old.firing):
            told.joined.append(begun(alert, scale, now, 1 if old is None else old.episode + 1))
        elif old is not None and old.firing and not alert.firing:
            told.resolved.append(_ended(old, alert, now))
        elif old is not None and old.firing and _reworded(old, alert):
            told.refreshed.append(_reworded_member(old, alert, scale))
    return told


def once_each(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Return one alert a fingerprint; where a body contradicts itself, it fires."""
    known: dict[str, Alert] = {}
    for alert in alerts:
        other = known.get(alert.fingerprint)
        if other is None or (alert.firing and not other.firing):
            known[alert.fingerprint] = alert
    return known.values()


def begun(alert: Alert, scale: SeverityScale, now: int, episode: int) -> Member:
    """Return an alert as its episode begins."""
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
    return old._replace(
        firing=False, until=ended, annotations=alert.annotations, held=None, hushed=False
    )


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

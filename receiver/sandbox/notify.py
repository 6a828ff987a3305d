"""How the stand-in Alertmanager groups alerts, and tells its webhook of them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from receiver.sandbox.alerts import YEAR_ONE, Alert, Book, stamp
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.hub import Hub
from receiver.sandbox.ids import Ids
from receiver.sandbox.outgoing import client

# Alertmanager's retry: half a second, growing by half, at most a minute.
FIRST_WAIT_MS = 500
GROWTH = 1.5
MAX_WAIT_MS = 60_000
MIN_FLUSH_MS = 10_000
SERVER_ERROR = 500

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an alert with the source's labels fires, those with the target's are muted.

    ``equal`` names the labels that must be the same in both.
    """

    source: Labels
    target: Labels
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerConfig:
    """One receiver, one webhook, one route. Times in milliseconds."""

    webhook_url: str = ""
    bearer_token: str = ""
    receiver: str = "feishu"
    group_by: tuple[str, ...] = ("alertname",)
    group_wait_ms: int = 30_000
    group_interval_ms: int = 300_000
    repeat_interval_ms: int = 14_400_000
    resolve_timeout_ms: int = 300_000
    external_url: str = ""
    send_resolved: bool = True
    trace: bool = True
    inhibitions: tuple[Inhibition, ...] = ()
    grafana: bool = False  # below Grafana's path, with Grafana's answers
    api_token: str = ""  # what the API wants as Bearer; empty for a door without a lock

    def original(self) -> str:
        """Write the configuration as `GET /api/v2/status` shows it, without the secret."""
        seconds = {
            "group_wait": self.group_wait_ms,
            "group_interval": self.group_interval_ms,
            "repeat_interval": self.repeat_interval_ms,
        }
        resolved = str(self.send_resolved).lower()
        lines = [
            f"global:\n  resolve_timeout: {self.resolve_timeout_ms // 1000}s",
            f"route:\n  receiver: {self.receiver}\n  group_by: [{', '.join(self.group_by)}]",
            *(f"  {name}: {ms / 1000:g}s" for name, ms in seconds.items()),
            f"receivers:\n- name: {self.receiver}\n  webhook_configs:",
            f"  - url: <secret>\n    send_resolved: {resolved}",
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Told:
    """What the receiver was last told of a group."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: int


@dataclass(slots=True)
class Group:
    """Alerts that are notified together."""

    labels: Labels
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: Told | None = None
    task: asyncio.Task[None] | None = None


def reason(told: Told | None, now: Told, repeat_ms: int) -> str | None:
    """Return Alertmanager's `notification_reason` for telling `now`, or None for silence."""
    if told is None or not told.firing:
        return "first notification" if now.firing else None
    if not now.firing <= told.firing:
        return "new alerts added"
    if not now.firing:
        return "all alerts resolved"
    if not now.resolved <= told.resolved:
        return "some alerts resolved"
    return "repeat interval elapsed" if now.at - told.at >= repeat_ms else None


def group_labels(labels: Mapping[str, str], group_by: Sequence[str]) -> Labels:
    """Return the labels that an alert is grouped by; `...` is all of them."""
    if "..." in group_by:
        return tuple(sorted(labels.items()))
    return tuple(sorted((name, labels[name]) for name in group_by if name in labels))


def inhibited_by(rules: Iterable[Inhibition], book: Book, alert: Alert, now: int) -> list[str]:
    """List the fingerprints of the firing alerts that inhibit an alert.

    One that matches both sides of a rule is not inhibited by others that do, itself included.
    """

    def bears(other: Alert, wanted: Labels) -> bool:
        return all(other.labels.get(name, "") == value for name, value in wanted)

    def equal(other: Alert, names: tuple[str, ...]) -> bool:
        return all(other.labels.get(name, "") == alert.labels.get(name, "") for name in names)

    found = {
        other.fingerprint
        for rule in rules
        if bears(alert, rule.target)
        for other in book.alerts.values()
        if not other.resolved(now)
        and bears(other, rule.source)
        and equal(other, rule.equal)
        and not (bears(alert, rule.source) and bears(other, rule.target))
    }
    return sorted(found)


def _common(maps: Iterable[Mapping[str, str]]) -> dict[str, str]:
    pairs = [set(labels.items()) for labels in maps]
    return dict(sorted(set.intersection(*pairs))) if pairs else {}


def _escaped(receiver: str) -> str:
    # Go's regexp.QuoteMeta, which is narrower than re.escape.
    return "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in receiver)


def _go_string(text: str) -> str:
    return msgspec.json.encode(text).decode()


def body(
    config: AlertmanagerConfig, labels: Labels, alerts: Sequence[Alert], why: str, now: int
) -> bytes:
    """Write the webhook's body as Alertmanager 0.33 does."""
    key = ", ".join(f"{name}={_go_string(value)}" for name, value in labels)
    document = {
        "receiver": _escaped(config.receiver),
        "status": "resolved" if all(alert.resolved(now) for alert in alerts) else "firing",
        "alerts": [_alert(alert, now) for alert in alerts],
        "notification_reason": why,
        "groupLabels": dict(labels),
        "commonLabels": _common(alert.labels for alert in alerts),
        "commonAnnotations": _common(alert.annotations for alert in alerts),
        "externalURL": config.external_url,
        "version": "4",
        "groupKey": f"{{}}:{{{key}}}",
        "truncatedAlerts": 0,
    }
    text = msgspec.json.encode(document).decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode() + b"\n"


def _alert(alert: Alert, now: int) -> dict[str, Any]:
    resolved = alert.resolved(now)
    return {
        "status": "resolved" if resolved else "firing",
        "labels": dict(sorted(alert.labels.items())),
        "annotations": dict(sorted(alert.annotations.items())),
        "startsAt": stamp(alert.starts_at),
        "endsAt": stamp(alert.ends_at) if resolved else YEAR_ONE,
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def _order(alert: Alert) -> tuple[str, str, list[tuple[str, str]]]:
    labels = alert.labels
    return labels.get("job", ""), labels.get("instance", ""), sorted(labels.items())


class Dispatcher:
    """One task per group: wait, flush, and flush again every group interval."""

    def __init__(
        self, config: Callable[[], AlertmanagerConfig], book: Book, clock: VirtualClock, ids: Ids
    ) -> None:
        self._config = config
        self._book = book
        self._clock = clock
        self._ids = ids
        self._client = client()
        self.groups: dict[Labels, Group] = {}
        self.hub = Hub()
        self.flushes = 0

    def take(self, alert: Alert) -> None:
        """Put an alert into its group; a new group starts waiting."""
        config, now = self._config(), self._clock.now()
        labels = group_labels(alert.labels, config.group_by)
        group = self.groups.get(labels)
        if group is None and alert.resolved(now):
            return
        if group is None:
            group = self.groups[labels] = Group(labels)
            wait = 0 if alert.starts_at + config.group_wait_ms < now else config.group_wait_ms
            group.task = asyncio.ensure_future(self._run(group, now + wait))
        group.alerts[alert.fingerprint] = alert

    async def close(self) -> None:
        """End every group's task."""
        tasks = [group.task for group in self.groups.values() if group.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.hub.close()
        await self._client.aclose()

    async def _run(self, group: Group, at: int) -> None:
        await self._clock.reach(at)
        while group.alerts:
            at = self._clock.now() + self._config().group_interval_ms
            await self._flush(group)
            self.flushes += 1
            self.hub.publish({"type": "flush", "labels": dict(group.labels)})
            if group.alerts:
                await self._clock.reach(at)
        del self.groups[group.labels]

    async def _flush(self, group: Group) -> None:
        now = self._clock.now()
        frozen = dict(group.alerts)
        shown = sorted(
            (alert for alert in frozen.values() if not self._muted(alert, now)),
            key=_order,
        )
        if not await self._tell(group, shown, now):
            return
        for key, alert in frozen.items():
            if alert.resolved(now) and group.alerts.get(key) is alert:
                del group.alerts[key]

    def _muted(self, alert: Alert, now: int) -> bool:
        book = self._book
        rules = self._config().inhibitions
        return bool(book.silenced_by(alert, now) or inhibited_by(rules, book, alert, now))

    async def _tell(self, group: Group, alerts: Sequence[Alert], now: int) -> bool:
        config = self._config()
        firing = frozenset(a.fingerprint for a in alerts if not a.resolved(now))
        resolved = frozenset(a.fingerprint for a in alerts if a.resolved(now))
        told = Told(firing, resolved if config.send_resolved else frozenset(), now)
        why = reason(group.told, told, config.repeat_interval_ms)
        if not alerts or not why or not config.webhook_url:
            return True
        content = body(config, group.labels, alerts, why, now)
        deadline = max(config.group_interval_ms, MIN_FLUSH_MS)
        try:
            delivered = await self._clock.within(self._post(config, content), deadline)
        except TimeoutError:
            return False
        if delivered:
            group.told = told
        return delivered

    async def _post(self, config: AlertmanagerConfig, content: bytes) -> bool:
        headers = {"User-Agent": "Alertmanager/0.33.1", "Content-Type": "application/json"}
        if config.bearer_token:
            headers["Authorization"] = f"Bearer {config.bearer_token}"
        if config.trace:
            headers["Traceparent"] = f"00-{self._ids.mint()}-{self._ids.mint()[:16]}-01"
        wait: float = FIRST_WAIT_MS
        while True:
            status = await self._once(config.webhook_url, content, headers)
            self.hub.publish({"type": "webhook", "status": status})
            if status < SERVER_ERROR:
                return httpx.codes.is_success(status)
            await self._clock.elapse(int(wait))
            wait = min(wait * GROWTH, MAX_WAIT_MS)

    async def _once(self, url: str, content: bytes, headers: dict[str, str]) -> int:
        try:
            response = await self._client.post(url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL):
            return SERVER_ERROR
        return response.status_code

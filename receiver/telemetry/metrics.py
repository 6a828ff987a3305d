"""What the service counts: every metric by name, built on a registry that is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from receiver.telemetry.families import OTHER, Builder, Family

WEBHOOK_OUTCOMES = (
    "accepted",
    "malformed",
    "unauthorized",
    "unknown_source",
    "too_large",
    "unavailable",
    "quarantined",
    "rate_limited",
)
ALERT_STATUSES = ("firing", "resolved")
SEVERITIES = ("critical", "other")
DELIVERED = "delivered"
RETRY = "retry"
REJECTED = "rejected"
TOKEN_OUTCOMES = ("success", "failure")
CALLBACK_OUTCOMES = ("ok", "forged", "stale", "replayed", "malformed", "challenge", "failed")
ACTIONS = ("acknowledge", "unacknowledge", "silence", "unsilence", "resolve")
ACTION_OUTCOMES = ("done", "requested", "refused", "failed", "repeated", "late")
SILENCE_OUTCOMES = ("created", "failed", "expired", "recovered")
ALERTMANAGER_CALLS = ("create_silence", "get_silences", "expire_silence")
ALERTMANAGER_OUTCOMES = ("success", "refused", "unreachable", "timeout")
STORE_FAILURES = ("timeout", "closed", "disk", "locked", "corrupt", OTHER)

# Edges stand where a rule or a goal asks: 20 ms for a webhook at 64 connections.
WEBHOOK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# 10 s is the promise for critical cards, 300 s for the others.
DELIVERY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
# Feishu gives a callback three seconds:
# https://open.feishu.cn/document/feishu-cards/card-callback-communication
CALLBACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)
COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLabels:
    """A channel's name, the calls that it makes and the limits that it waits for."""

    name: str
    calls: tuple[str, ...]
    limits: tuple[str, ...]


FEISHU_APP = ChannelLabels(
    name="feishu_app",
    calls=("create", "patch", "reply"),
    limits=("chat", "app_second", "app_minute", "message", "connections"),
)
FEISHU_BOT = ChannelLabels(name="feishu_bot", calls=("post",), limits=("bot_second", "bot_minute"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The closed sets of the labels that come from the configuration and from the domain.

    `sources` are all senders, agents included; `alertmanagers` are those that can be asked for
    silences. The reasons are the values of the domain's enums.
    """

    sources: tuple[str, ...] = ()
    alertmanagers: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    channels: tuple[ChannelLabels, ...] = (FEISHU_APP, FEISHU_BOT)
    body_reasons: tuple[str, ...] = ()
    decision_reasons: tuple[str, ...] = ()
    retry_reasons: tuple[str, ...] = ()
    rejection_reasons: tuple[str, ...] = ()
    dead_letter_reasons: tuple[str, ...] = ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channels' names alone."""
        return tuple(channel.name for channel in self.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs: the versions of the program, of Python and of SQLite."""

    version: str
    python: str
    sqlite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """What the store holds at one moment, read in one snapshot; ages in seconds, by channel."""

    cards_waiting: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting_age: Mapping[str, float] = field(default_factory=dict)
    dead_letters: int = 0
    quarantine_rows: int = 0
    queue_length: int = 0
    size_bytes: int = 0


class Ingest:
    """Webhooks in, and what their bodies did."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        sources = {"source": labels.sources}
        rows = [(s, o) for s in labels.sources for o in WEBHOOK_OUTCOMES]
        self.requests = build.counter(
            "receiver_webhook_requests",
            "Webhook requests, by what became of them.",
            {**sources, "outcome": WEBHOOK_OUTCOMES},
            born=[*rows, (OTHER, "unknown_source")],
        )
        self.duration = build.histogram(
            "receiver_webhook_duration_seconds",
            "From a webhook's first byte to its answer, the commit included.",
            sources,
            WEBHOOK_BUCKETS,
        )
        self.alerts = build.counter(
            "receiver_alerts_received",
            "Alerts in accepted webhooks.",
            {**sources, "status": ALERT_STATUSES},
        )
        self.bodies = build.counter(
            "receiver_bodies",
            "Accepted bodies, by what they changed; duplicate and repeat changed nothing.",
            {**sources, "reason": labels.body_reasons},
        )
        self.quarantined = build.counter(
            "receiver_quarantined", "Bodies kept aside because they could not be applied.", sources
        )

    def grow(self, labels: Labels) -> None:
        """Admit the sources of a new configuration."""
        for counter in (self.requests, self.alerts, self.bodies, self.quarantined):
            counter.grow("source", labels.sources)
        self.duration.grow("source", labels.sources)


class Delivery:
    """From an accepted change to the channel's answer."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        channel = {"channel": labels.channel_names}
        self.attempts = _attempts(build, labels)
        self.latency = build.histogram(
            "receiver_delivery_latency_seconds",
            "From the acceptance of a change to the channel's body saying code 0.",
            {**channel, "severity": SEVERITIES},
            DELIVERY_BUCKETS,
        )
        self.decisions = build.counter(
            "receiver_delivery_decisions",
            "What was decided to do with a card, by reason; doing nothing has reasons too.",
            {**channel, "reason": labels.decision_reasons},
        )
        self.possible_duplicates = build.counter(
            "receiver_delivery_possible_duplicates",
            "Cards created again after an outcome that stayed unknown.",
            channel,
        )
        self.dead_lettered = build.counter(
            "receiver_dead_letters",
            "Cards given up, by reason.",
            {**channel, "reason": labels.dead_letter_reasons},
        )
        self.limit_waits = build.counter(
            "receiver_limit_waits",
            "Calls held back, by the platform's limit that they waited for.",
            {**channel, "limit": {limit for c in labels.channels for limit in c.limits}},
            born=[(c.name, limit) for c in labels.channels for limit in c.limits],
        )
        self.never_shown = Counter(
            "receiver_delivery_never_shown",
            "Incidents that ended before anyone could be shown them.",
            registry=build.registry,
        )
        self._mirrors(build, channel)

    def _mirrors(self, build: Builder, channel: Mapping[str, tuple[str, ...]]) -> None:
        self.waiting = build.gauge(
            "receiver_cards_waiting", "Cards whose newest revision is not yet shown.", channel
        )
        self.oldest_waiting_age = build.gauge(
            "receiver_cards_oldest_waiting_age_seconds",
            "How long the card that waits longest has waited; 0 when none does.",
            channel,
        )
        self.dead_letter_rows = Gauge(
            "receiver_dead_letter_rows", "Dead letters kept now.", registry=build.registry
        )


def _attempts(build: Builder, labels: Labels) -> Family[Counter]:
    results = [
        (DELIVERED, DELIVERED),
        *((RETRY, reason) for reason in labels.retry_reasons),
        *((REJECTED, reason) for reason in labels.rejection_reasons),
    ]
    return build.counter(
        "receiver_delivery_attempts",
        "Calls to a channel, by the outcome that its body gave.",
        {
            "channel": labels.channel_names,
            "call": {call for c in labels.channels for call in c.calls},
            "outcome": (DELIVERED, RETRY, REJECTED),
            "reason": {reason for _, reason in results},
        },
        born=[(c.name, call, *row) for c in labels.channels for call in c.calls for row in results],
    )


class Callbacks:
    """People's clicks, the tokens that answer them, and the silences that they ask for."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        app = {"app": labels.apps}
        self.requests = build.counter(
            "receiver_callback_requests",
            "Callbacks, by what became of them.",
            {**app, "outcome": CALLBACK_OUTCOMES},
        )
        self.duration = build.histogram(
            "receiver_callback_duration_seconds",
            "From a callback's first byte to its answer; the platform waits 3 s.",
            app,
            CALLBACK_BUCKETS,
        )
        self.actions = build.counter(
            "receiver_actions",
            "What people asked for, by what became of it.",
            {"action": ACTIONS, "outcome": ACTION_OUTCOMES},
        )
        self.token_refreshes = build.counter(
            "receiver_token_refreshes",
            "Access tokens fetched from the platform.",
            {**app, "outcome": TOKEN_OUTCOMES},
        )
        self.token_expiry = build.gauge(
            "receiver_token_expiry_timestamp_seconds",
            "When the access token in use ends, in Unix time; 0 when there is none.",
            app,
        )
        self._silences(build, {"source": labels.alertmanagers})

    def _silences(self, build: Builder, source: Mapping[str, tuple[str, ...]]) -> None:
        self.silences = build.counter(
            "receiver_silences",
            "Silences asked of Alertmanager; recovered ones were found after an unknown outcome.",
            {**source, "outcome": SILENCE_OUTCOMES},
        )
        self.alertmanager_requests = build.counter(
            "receiver_alertmanager_requests",
            "Calls of Alertmanager's API.",
            {**source, "call": ALERTMANAGER_CALLS, "outcome": ALERTMANAGER_OUTCOMES},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the apps and Alertmanagers of a new configuration."""
        for counter in (self.requests, self.token_refreshes):
            counter.grow("app", labels.apps)
        self.duration.grow("app", labels.apps)
        self.token_expiry.grow("app", labels.apps)
        for asked in (self.silences, self.alertmanager_requests):
            asked.grow("source", labels.alertmanagers)


class Store:
    """The store's commits and its size."""

    def __init__(self, build: Builder) -> None:
        registry = build.registry
        self.commit_duration = Histogram(
            "receiver_store_commit_duration_seconds",
            "One commit of a group, the sync to disk included.",
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self.group_size = Histogram(
            "receiver_store_group_size",
            "Batches that share a commit.",
            buckets=GROUP_BUCKETS,
            registry=registry,
        )
        self.queue_length = Gauge(
            "receiver_store_queue_length", "Batches that wait for the writer.", registry=registry
        )
        self.size = Gauge(
            "receiver_store_size_bytes", "Bytes on disk, the log included.", registry=registry
        )
        self.quarantine_rows = Gauge(
            "receiver_quarantine_rows", "Bodies in quarantine now.", registry=registry
        )
        self.failures = build.counter(
            "receiver_store_failures",
            "Batches that the store could not commit.",
            {"reason": STORE_FAILURES},
        )


class Config:
    """The reload's outcome, named as Prometheus and Alertmanager name theirs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last_reload_successful = Gauge(
            "receiver_config_last_reload_successful",
            "1 if the last reload of the configuration succeeded, otherwise 0.",
            registry=registry,
        )
        self.last_reload_success_timestamp = Gauge(
            "receiver_config_last_reload_success_timestamp_seconds",
            "When the configuration in use was loaded, in Unix time.",
            registry=registry,
        )


class Metrics:
    """All metrics of one process, grouped by stage; children are fetched with `of`."""

    def __init__(self, registry: CollectorRegistry, labels: Labels, build: Build) -> None:
        # The library has no switch per registry; without it each counter is two series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        self._registry = registry
        builder = Builder(registry)
        self.build_info = Gauge(
            "receiver_build_info",
            "1, labelled with the versions of what runs.",
            ["version", "python", "sqlite"],
            registry=registry,
        )
        self.build_info.labels(build.version, build.python, build.sqlite).set(1)
        self.ingest = Ingest(builder, labels)
        self.delivery = Delivery(builder, labels)
        self.callbacks = Callbacks(builder, labels)
        self.store = Store(builder)
        self.config = Config(registry)

    def reload(self, labels: Labels) -> None:
        """Admit the sources and apps of a new configuration; old ones keep their last values."""
        self.ingest.grow(labels)
        self.callbacks.grow(labels)

    def observe_store(self, figures: StoreFigures) -> None:
        """Set the gauges that mirror the store; called at each scrape with a fresh snapshot."""
        for channel in self.delivery.waiting.known("channel"):
            waiting = figures.cards_waiting.get(channel, 0)
            self.delivery.waiting.of(channel).set(waiting)
            age = figures.oldest_waiting_age.get(channel, 0.0)
            self.delivery.oldest_waiting_age.of(channel).set(age)
        self.delivery.dead_letter_rows.set(figures.dead_letters)
        self.store.quarantine_rows.set(figures.quarantine_rows)
        self.store.queue_length.set(figures.queue_length)
        self.store.size.set(figures.size_bytes)

    def expose(self, accept: str | None) -> tuple[bytes, str]:
        """Return the exposition and its content type, OpenMetrics when the scraper asks for it.

        It takes milliseconds, about 6 µs a series, so a server calls it in a thread.
        """
        encoder, content_type = choose_encoder(accept or "")
        return encoder(self._registry), content_type

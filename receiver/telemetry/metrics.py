"""What the service counts: every metric by name, built on a registry that is passed in."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from receiver.telemetry.callback_metrics import Callbacks
from receiver.telemetry.chart_metrics import Charts
from receiver.telemetry.delivery_metrics import Channels, Delivery
from receiver.telemetry.families import Builder
from receiver.telemetry.ingest_metrics import Ingest
from receiver.telemetry.labels import (
    ACTION_OUTCOMES,
    ACTIONS,
    ALERTMANAGER_CALLS,
    ALERTMANAGER_OUTCOMES,
    SILENCE_OUTCOMES,
    Labels,
)
from receiver.telemetry.oncall_metrics import OnCall
from receiver.telemetry.reconcile_metrics import Reconciling
from receiver.telemetry.store_metrics import Store, StoreFigures
from receiver.telemetry.stream_metrics import Streams

__all__ = [
    "ACTIONS",
    "ACTION_OUTCOMES",
    "ALERTMANAGER_CALLS",
    "ALERTMANAGER_OUTCOMES",
    "SILENCE_OUTCOMES",
    "Build",
    "Labels",
    "Metrics",
    "StoreFigures",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs: the versions of the program, of Python and of SQLite."""

    version: str
    python: str
    sqlite: str


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
        self.charts = Charts(builder, labels)
        self.channels = Channels(builder, labels)
        self.callbacks = Callbacks(builder, labels)
        self.oncall = OnCall(builder, labels)
        self.streams = Streams(builder, labels)
        self.reconciling = Reconciling(builder, labels)
        self.store = Store(builder, labels)
        self.config = Config(registry)

    def reload(self, labels: Labels) -> None:
        """Admit the names of a new configuration; counters of old ones keep their last values."""
        self.ingest.grow(labels)
        self.delivery.grow(labels)
        self.channels.grow(labels)
        self.callbacks.grow(labels)
        self.oncall.grow(labels)
        self.streams.grow(labels)
        self.reconciling.grow(labels)
        self.charts.grow(labels)

    def observe_store(self, figures: StoreFigures) -> None:
        """Set the gauges that mirror the store; called at each scrape with a fresh snapshot."""
        for channel in self.delivery.waiting.known("channel"):
            waiting = figures.cards_waiting.get(channel, 0)
            self.delivery.waiting.of(channel).set(waiting)
            age = figures.oldest_waiting_age.get(channel, 0.0)
            self.delivery.oldest_waiting_age.of(channel).set(age)
            critical = figures.oldest_critical_age.get(channel, 0.0)
            self.delivery.oldest_critical_age.of(channel).set(critical)
        self.delivery.dead_letter_rows.set(figures.dead_letters)
        self.store.observe(figures)

    def expose(self, accept: str | None) -> tuple[bytes, str]:
        """Return the exposition and its content type, OpenMetrics when the scraper asks for it.

        It takes milliseconds, about 6 µs a series, so a server calls it in a thread.
        """
        encoder, content_type = choose_encoder(accept or "")
        return encoder(self._registry), content_type

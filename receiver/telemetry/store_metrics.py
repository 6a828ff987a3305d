"""The store: its commits, its size, and its accounts of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import Gauge, Histogram

from receiver.telemetry.families import OTHER, Builder
from receiver.telemetry.labels import STORE_FAILURES, UNIT_STATES, Labels

COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """What the store holds at one moment, read in one snapshot; ages in seconds, by channel.

    `units` are by state, `units_suppressed` by reason.
    """

    cards_waiting: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting_age: Mapping[str, float] = field(default_factory=dict)
    oldest_critical_age: Mapping[str, float] = field(default_factory=dict)
    dead_letters: int = 0
    quarantine_rows: int = 0
    queue_length: int = 0
    size_bytes: int = 0
    units_accepted: int = 0
    units: Mapping[str, int] = field(default_factory=dict)
    units_suppressed: Mapping[str, int] = field(default_factory=dict)


class Store:
    """The store's commits, its size, and whether its accounts balance."""

    def __init__(self, build: Builder, labels: Labels) -> None:
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
        self._accounts(build, labels)

    def _accounts(self, build: Builder, labels: Labels) -> None:
        registry = build.registry
        self.units = build.gauge(
            "receiver_store_units",
            "Units, each an episode of an incident in a target, by the one state each is in.",
            {"state": UNIT_STATES},
        )
        self.units_accepted = Gauge(
            "receiver_store_units_accepted",
            "Units accepted; the sum of their states must be the same.",
            registry=registry,
        )
        self.units_suppressed = build.gauge(
            "receiver_store_units_suppressed",
            "The suppressed units, by reason.",
            {"reason": labels.suppression_reasons},
        )
        self.units_difference = Gauge(
            "receiver_store_units_difference",
            "By how many units totals and rows differed at the last self-check; 0 is right.",
            registry=registry,
        )
        self.selfcheck_timestamp = Gauge(
            "receiver_store_selfcheck_timestamp_seconds",
            "When the last self-check of the store ended, in Unix time; 0 before the first.",
            registry=registry,
        )

    def checked(self, difference: int, at: int) -> None:
        """Note a self-check that ended at Unix ms and found this many units too many or too few."""
        self.units_difference.set(difference)
        self.selfcheck_timestamp.set(at / 1000)

    def observe(self, figures: StoreFigures) -> None:
        """Set the gauges that mirror the store itself."""
        self.quarantine_rows.set(figures.quarantine_rows)
        self.queue_length.set(figures.queue_length)
        self.size.set(figures.size_bytes)
        self.units_accepted.set(figures.units_accepted)
        for state in UNIT_STATES:
            self.units.of(state).set(figures.units.get(state, 0))
        self._observe_suppressed(figures.units_suppressed)

    def _observe_suppressed(self, units: Mapping[str, int]) -> None:
        found: dict[str, int] = dict.fromkeys(self.units_suppressed.known("reason"), 0)
        found[OTHER] = 0
        for reason, count in units.items():
            found[reason if reason in found else OTHER] += count
        for reason, count in found.items():
            self.units_suppressed.of(reason).set(count)

"""What goes out: delivery, its limits and refusals, and the channels' own state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge

from receiver.telemetry.families import Builder, Family
from receiver.telemetry.labels import DELIVERED, REJECTED, RETRY, SEVERITIES, Labels

# 10 s is the promise for critical cards, 300 s for the others.
DELIVERY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)


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
        self._refusals(build, labels)

    def grow(self, labels: Labels) -> None:
        """Admit the channels and tenants of a new configuration."""
        self.moved.grow("channel", labels.outlets)
        self.circuits.grow("channel", labels.outlets)  # who opens a circuit closes it
        for quota in (self.quota_calls, self.quota_limit):
            follow(quota, "tenant", labels.tenants)

    def _mirrors(self, build: Builder, channel: Mapping[str, tuple[str, ...]]) -> None:
        self.waiting = build.gauge(
            "receiver_cards_waiting", "Cards whose newest revision is not yet shown.", channel
        )
        self.oldest_waiting_age = build.gauge(
            "receiver_cards_oldest_waiting_age_seconds",
            "How long the card that waits longest has waited; 0 when none does.",
            channel,
        )
        self.oldest_critical_age = build.gauge(
            "receiver_cards_oldest_critical_waiting_age_seconds",
            "How long the critical card that waits longest has waited; 0 when none does.",
            channel,
        )
        self.dead_letter_rows = Gauge(
            "receiver_dead_letter_rows", "Dead letters kept now.", registry=build.registry
        )

    def _refusals(self, build: Builder, labels: Labels) -> None:
        outlet = {"channel": labels.outlets}
        self.circuits = build.gauge(
            "receiver_delivery_circuits",
            "Open circuits: targets, or the whole channel, that are only probed now, by reason.",
            {**outlet, "reason": labels.circuit_reasons},
        )
        self.moved = build.counter(
            "receiver_delivery_moved",
            "Cards that their target could not take and its fallback took over.",
            outlet,
        )
        self.storms = Gauge(
            "receiver_delivery_storms",
            "Targets that gather lesser incidents in a digest now.",
            registry=build.registry,
        )
        self.digested = Counter(
            "receiver_delivery_digested",
            "Incidents that were gathered in a digest.",
            registry=build.registry,
        )
        tenant = {"tenant": labels.tenants}
        self.quota_calls = build.gauge(
            "receiver_delivery_quota_calls",
            "Calls of a tenant's apps in this month, Beijing time; our own alone.",
            tenant,
        )
        self.quota_limit = build.gauge(
            "receiver_delivery_quota_limit",
            "Calls that a tenant's apps may make a month; 0 when there is no limit.",
            tenant,
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


class Channels:
    """What is observed of the platforms beside the outcomes of calls."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        self.clock_skew = build.gauge(
            "receiver_channel_clock_skew_seconds",
            "How far the platform's clock is ahead of ours; negative when ours is ahead.",
            {"channel": labels.outlets},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the channels of a new configuration."""
        follow(self.clock_skew, "channel", labels.outlets)


def follow(gauge: Family[Gauge], label: str, values: Iterable[str]) -> None:
    """Admit new values of a label; a gauge whose value left the configuration says 0."""
    kept = frozenset(values)
    gauge.grow(label, kept)
    for child in gauge.without(label, kept):
        child.set(0)

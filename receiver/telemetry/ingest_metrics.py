"""What comes in: webhooks, and what their bodies did."""

from __future__ import annotations

from receiver.telemetry.families import OTHER, Builder
from receiver.telemetry.labels import (
    ALERT_STATUSES,
    EVENT_OUTCOMES,
    EVENTS,
    WEBHOOK_OUTCOMES,
    Labels,
)

# Edges stand where a rule or a goal asks: 20 ms for a webhook at 64 connections.
WEBHOOK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
        of_alertmanager = {"source": labels.alertmanagers}
        self.event_requests = build.counter(
            "receiver_event_requests",
            "Posts of Alertmanager's event recorder, by what became of them.",
            {**of_alertmanager, "outcome": EVENT_OUTCOMES},
        )
        self.events = build.counter(
            "receiver_events",
            "Events that Alertmanager recorded, by what happened.",
            {**of_alertmanager, "event": EVENTS},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the sources of a new configuration."""
        for counter in (self.requests, self.alerts, self.bodies, self.quarantined):
            counter.grow("source", labels.sources)
        self.duration.grow("source", labels.sources)
        for told in (self.event_requests, self.events):
            told.grow("source", labels.alertmanagers)

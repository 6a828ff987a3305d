"""The reconciler: how its rounds go, and how often a card differed from the truth."""

from __future__ import annotations

from receiver.telemetry.families import Builder
from receiver.telemetry.labels import RECONCILE_OUTCOMES, Labels

ROUND_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Reconciling:
    """The rounds of each source, and what they corrected."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        source = {"source": labels.alertmanagers}
        self.duration = build.histogram(
            "receiver_reconcile_duration_seconds",
            "One round: the questions to the peers, and the corrections.",
            source,
            ROUND_BUCKETS,
        )
        self.runs = build.counter(
            "receiver_reconcile_runs",
            "Rounds, by what became of them; unanswered ones corrected nothing.",
            {**source, "outcome": RECONCILE_OUTCOMES},
        )
        self.corrections = build.counter(
            "receiver_reconcile_corrections",
            "Incidents that differed from their source's truth and were corrected, by reason.",
            {**source, "reason": labels.truth_reasons},
        )
        self.answered = build.gauge(
            "receiver_reconcile_answered_timestamp_seconds",
            "When the source last told its whole truth, in Unix time; 0 before the first time.",
            {"source": labels.asked},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the sources of a new configuration; one that is not asked has no gauge."""
        self.duration.grow("source", labels.alertmanagers)
        self.runs.grow("source", labels.alertmanagers)
        self.corrections.grow("source", labels.alertmanagers)
        self.answered.grow("source", labels.asked)
        self.answered.keep("source", labels.asked)

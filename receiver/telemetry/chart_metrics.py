"""What became of the charts that cards could have."""

from __future__ import annotations

from receiver.telemetry.families import Builder
from receiver.telemetry.labels import Labels

CHART_OUTCOMES = ("drawn", "empty", "slow", "failed", "busy")


class Charts:
    """The queries of Prometheus for charts."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        self.charts = build.counter(
            "receiver_charts",
            "Charts asked of Prometheus, by what became of them; a card never waits for one long.",
            {"source": labels.alertmanagers, "outcome": CHART_OUTCOMES},
        )

    def grow(self, labels: Labels) -> None:
        """Admit the sources of a new configuration."""
        self.charts.grow("source", labels.alertmanagers)

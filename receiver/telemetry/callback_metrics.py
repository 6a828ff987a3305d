"""What people do: clicks, the tokens that answer them, and silences."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.telemetry.families import Builder
from receiver.telemetry.labels import (
    ACTION_OUTCOMES,
    ACTIONS,
    ALERTMANAGER_CALLS,
    ALERTMANAGER_OUTCOMES,
    CALLBACK_OUTCOMES,
    REFUSALS,
    SILENCE_OUTCOMES,
    TOKEN_OUTCOMES,
    Labels,
)

# Feishu gives a callback three seconds:
# https://open.feishu.cn/document/feishu-cards/card-callback-communication
CALLBACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)


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
        self.refusals = build.counter(
            "receiver_refusals",
            "Clicks that the policy did not permit, by the reason.",
            {"action": ACTIONS, "reason": REFUSALS},
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

"""Clicks as the platform sends them, and what they ask of Alertmanager."""

from __future__ import annotations

from dashboards.expressions import counted, critical, quantiles
from dashboards.grafana import Panel, Row

CALLBACKS = Row(
    title="Callbacks and actions",
    panels=(
        Panel(
            title="Callbacks by outcome",
            description="Clicks as they arrive from the platform.",
            unit="reqps",
            queries=counted("receiver_callback_requests_total", "app", "outcome"),
            stacked=True,
            width=6,
            runbook="ReceiverCallbacksRefused",
        ),
        Panel(
            title="Callback duration",
            description="The platform shows an error after 3 s.",
            unit="s",
            queries=quantiles("receiver_callback_duration_seconds", "app"),
            steps=critical(3),
            width=6,
            runbook="ReceiverCallbacksSlow",
        ),
        Panel(
            title="Actions",
            description="Clicks and commands, by what became of them; more on People and truth.",
            unit="ops",
            queries=counted("receiver_actions_total", "outcome"),
            stacked=True,
            width=6,
        ),
        Panel(
            title="Alertmanager's API",
            description="Calls of its API, by what became of them.",
            unit="reqps",
            queries=counted("receiver_alertmanager_requests_total", "source", "outcome"),
            width=6,
            runbook="ReceiverAlertmanagerUnreachable",
        ),
    ),
)

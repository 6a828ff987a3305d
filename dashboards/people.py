"""What people do: callbacks, actions, silences."""

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
            runbook="ReceiverCallbacksRefused",
        ),
        Panel(
            title="Callback duration",
            description="The platform shows an error after 3 s.",
            unit="s",
            queries=quantiles("receiver_callback_duration_seconds", "app"),
            steps=critical(3),
            runbook="ReceiverCallbacksSlow",
        ),
        Panel(
            title="Actions",
            description="What people asked for, by what became of it.",
            unit="ops",
            queries=counted("receiver_actions_total", "action", "outcome"),
            stacked=True,
        ),
        Panel(
            title="Silences",
            description="Recovered ones were found after an unknown outcome.",
            unit="ops",
            queries=counted("receiver_silences_total", "source", "outcome"),
            width=12,
            runbook="ReceiverSilencesFailing",
        ),
        Panel(
            title="Alertmanager's API",
            description="Calls, by outcome.",
            unit="reqps",
            queries=counted("receiver_alertmanager_requests_total", "source", "call", "outcome"),
            width=12,
            runbook="ReceiverAlertmanagerUnreachable",
        ),
        Panel(
            title="Rounds of the reconciler",
            description="How often each source was asked for its truth, by what became of it.",
            unit="ops",
            queries=counted("receiver_reconcile_runs_total", "source", "outcome"),
            runbook="ReceiverReconcileFailing",
        ),
        Panel(
            title="Cards that differed from the truth",
            description="Incidents that were corrected, by the reason.",
            unit="ops",
            queries=counted("receiver_reconcile_corrections_total", "source", "reason"),
        ),
        Panel(
            title="Round duration",
            description="The questions to the peers, and the corrections.",
            unit="s",
            queries=quantiles("receiver_reconcile_duration_seconds", "source"),
        ),
    ),
)

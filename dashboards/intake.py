"""What comes in: the overview's funnel and the webhooks."""

from __future__ import annotations

from dashboards.expressions import (
    ACKNOWLEDGED,
    CHANGED,
    SHOWN,
    counted,
    critical,
    promised,
    quantiles,
    rate,
    selector,
    stage,
    warning,
)
from dashboards.grafana import Panel, Query, Row, Step

OVERVIEW = Row(
    title="Overview",
    panels=(
        Panel(
            title="Receivers",
            description="Instances that Prometheus scrapes.",
            unit="short",
            queries=(Query(expr=f"count({selector('receiver_build_info')})", legend=""),),
            kind="stat",
            width=3,
            height=4,
            steps=(Step(value=None, color="red"), Step(value=1, color="green")),
            runbook="ReceiverAbsent",
        ),
        Panel(
            title="Critical shown within 10 s",
            description="Of the changes of critical incidents, over the time shown.",
            unit="percentunit",
            queries=(Query(expr=promised(), legend=""),),
            kind="stat",
            width=5,
            height=4,
            steps=(
                Step(value=None, color="red"),
                Step(value=0.99, color="orange"),
                Step(value=0.999, color="green"),
            ),
            runbook="ReceiverDeliveryBudgetBurning",
        ),
        Panel(
            title="Cards waiting",
            description="Cards whose newest revision is not yet shown.",
            unit="short",
            queries=(Query(expr=f"sum({selector('receiver_cards_waiting')})", legend=""),),
            kind="stat",
            width=4,
            height=4,
        ),
        Panel(
            title="Longest wait",
            description="How long the card that waits longest has waited.",
            unit="s",
            queries=(
                Query(
                    expr=f"max({selector('receiver_cards_oldest_waiting_age_seconds')})", legend=""
                ),
            ),
            kind="stat",
            width=4,
            height=4,
            steps=critical(300),
            runbook="ReceiverBacklogOld",
        ),
        Panel(
            title="Dead letters",
            description="Cards that were given up and wait for a person.",
            unit="short",
            queries=(Query(expr=f"sum({selector('receiver_dead_letter_rows')})", legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=critical(1),
            runbook="ReceiverDeadLetters",
        ),
        Panel(
            title="In quarantine",
            description="Bodies that were accepted and could not be applied.",
            unit="short",
            queries=(Query(expr=f"sum({selector('receiver_quarantine_rows')})", legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=warning(1),
            runbook="ReceiverQuarantineGrowing",
        ),
        Panel(
            title="Funnel over the time shown",
            description=(
                "Alerts received, bodies accepted, those that changed something, calls that "
                "showed it, and acknowledgements."
            ),
            unit="short",
            queries=(
                stage("receiver_alerts_received_total", "alerts received"),
                stage("receiver_bodies_total", "bodies accepted"),
                stage("receiver_bodies_total", "bodies that changed something", CHANGED),
                stage("receiver_delivery_attempts_total", "cards and replies shown", SHOWN),
                stage("receiver_actions_total", "acknowledged", ACKNOWLEDGED),
            ),
            kind="bargauge",
            width=12,
        ),
        Panel(
            title="Funnel over time",
            description="The same stages as rates.",
            unit="ops",
            queries=(
                Query(expr=rate("receiver_alerts_received_total", "job"), legend="alerts received"),
                Query(expr=rate("receiver_bodies_total", "job"), legend="bodies accepted"),
                Query(
                    expr=rate("receiver_bodies_total", "job", CHANGED),
                    legend="bodies that changed something",
                ),
                Query(
                    expr=rate("receiver_delivery_attempts_total", "job", SHOWN),
                    legend="cards and replies shown",
                ),
                Query(
                    expr=rate("receiver_actions_total", "job", ACKNOWLEDGED), legend="acknowledged"
                ),
            ),
            width=12,
        ),
    ),
)

INGEST = Row(
    title="Ingest",
    panels=(
        Panel(
            title="Webhooks by outcome",
            description="Alertmanager retries `unavailable` alone.",
            unit="reqps",
            queries=counted("receiver_webhook_requests_total", "source", "outcome"),
            stacked=True,
            runbook="ReceiverIngestRefused",
        ),
        Panel(
            title="Webhook duration",
            description="From the first byte to the answer, the commit included.",
            unit="s",
            queries=quantiles("receiver_webhook_duration_seconds", "source"),
            runbook="ReceiverStoreSlow",
        ),
        Panel(
            title="Alerts received",
            description="Alerts in accepted webhooks.",
            unit="ops",
            queries=counted("receiver_alerts_received_total", "source", "status"),
        ),
        Panel(
            title="What bodies did",
            description="Duplicates and repeats change nothing.",
            unit="ops",
            queries=counted("receiver_bodies_total", "reason"),
            stacked=True,
        ),
        Panel(
            title="Set aside",
            description="Bodies put into quarantine.",
            unit="ops",
            queries=counted("receiver_quarantined_total", "source"),
            runbook="ReceiverQuarantineGrowing",
        ),
        Panel(
            title="Never shown",
            description="Incidents that ended within seconds, before anyone was shown them.",
            unit="ops",
            queries=counted("receiver_delivery_never_shown_total", "instance"),
            runbook="ReceiverNeverShown",
        ),
    ),
)

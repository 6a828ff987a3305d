"""What goes out: delivery by channel, by outcome and by reason."""

from __future__ import annotations

from dashboards.expressions import counted, critical, gauge, quantiles
from dashboards.grafana import Panel, Row

DELIVERY = Row(
    title="Delivery",
    panels=(
        Panel(
            title="Latency of critical changes",
            description="From acceptance to the channel's code 0; 10 s is the promise.",
            unit="s",
            queries=quantiles(
                "receiver_delivery_latency_seconds", "channel", 'severity="critical"'
            ),
            steps=critical(10),
            runbook="ReceiverDeliverySlow",
        ),
        Panel(
            title="Latency of other changes",
            description="They wait behind the critical ones.",
            unit="s",
            queries=quantiles("receiver_delivery_latency_seconds", "channel", 'severity="other"'),
        ),
        Panel(
            title="Cards waiting by channel",
            description="Cards whose newest revision is not yet shown.",
            unit="short",
            queries=gauge("receiver_cards_waiting", "channel"),
            stacked=True,
        ),
        Panel(
            title="Longest wait by channel",
            description="How long the card that waits longest has waited.",
            unit="s",
            queries=gauge("receiver_cards_oldest_waiting_age_seconds", "channel", "max"),
            steps=critical(300),
            runbook="ReceiverBacklogOld",
        ),
        Panel(
            title="Calls by outcome",
            description="Calls to a channel, by what its body said.",
            unit="reqps",
            queries=counted("receiver_delivery_attempts_total", "channel", "call", "outcome"),
            stacked=True,
        ),
        Panel(
            title="Failures by reason",
            description="Calls that are retried or were refused for good.",
            unit="reqps",
            queries=counted(
                "receiver_delivery_attempts_total",
                "channel",
                "outcome",
                "reason",
                labels='outcome!="delivered"',
            ),
            runbook="ReceiverDeliveryFailing",
        ),
        Panel(
            title="Decisions by reason",
            description="What was decided to do with a card; doing nothing has reasons too.",
            unit="ops",
            queries=counted("receiver_delivery_decisions_total", "reason"),
            stacked=True,
        ),
        Panel(
            title="Given up",
            description="Cards that became dead letters.",
            unit="ops",
            queries=counted("receiver_dead_letters_total", "channel", "reason"),
            runbook="ReceiverDeadLetters",
        ),
        Panel(
            title="Possible duplicates",
            description="Cards created again after an outcome that stayed unknown.",
            unit="ops",
            queries=counted("receiver_delivery_possible_duplicates_total", "channel"),
            runbook="ReceiverPossibleDuplicates",
        ),
    ),
)

"""What people do about incidents, and who is called when nobody does."""

from __future__ import annotations

from dashboards.expressions import gauge, happened, warning
from dashboards.grafana import Panel, Row

PEOPLE = Row(
    title="People",
    panels=(
        Panel(
            title="Clicks and commands by outcome",
            description="What became of each; refused also when the card was out of date.",
            unit="short",
            queries=happened("receiver_actions_total", "outcome"),
            stacked=True,
        ),
        Panel(
            title="Done, by action",
            description="What people asked for and got, or what Alertmanager was then asked for.",
            unit="short",
            queries=happened(
                "receiver_actions_total", "action", labels='outcome=~"done|requested"'
            ),
            stacked=True,
        ),
        Panel(
            title="Refusals by reason",
            description="Clicks and commands that the policy did not permit.",
            unit="short",
            queries=happened("receiver_refusals_total", "reason"),
            stacked=True,
        ),
        Panel(
            title="Acknowledgement",
            description="Who took an incident, confirmed it, gave it away, or was handed it.",
            unit="short",
            queries=happened(
                "receiver_actions_total",
                "action",
                labels='action=~"acknowledge|confirm|unacknowledge|hand_over",outcome="done"',
            ),
        ),
        Panel(
            title="Approvals",
            description="Broad silences that a second person answered, by answer and outcome.",
            unit="short",
            queries=happened(
                "receiver_actions_total", "action", "outcome", labels='action=~"approve|decline"'
            ),
        ),
        Panel(
            title="Silences by outcome",
            description="Asked of Alertmanager; recovered: found after an unknown outcome.",
            unit="short",
            queries=happened("receiver_silences_total", "source", "outcome"),
            runbook="ReceiverSilencesFailing",
        ),
    ),
)

ON_CALL = Row(
    title="On call",
    panels=(
        Panel(
            title="Escalation steps",
            description="How people were called, and whether it worked; unknown is never repeated.",
            unit="short",
            queries=happened("receiver_escalation_steps_total", "via", "outcome"),
            width=6,
            runbook="ReceiverEscalationFailing",
        ),
        Panel(
            title="People on call",
            description="By list; 0 is nobody, and a list that is configured no more has no line.",
            unit="short",
            queries=gauge("receiver_oncall_people", "list", "max"),
            width=6,
            runbook="ReceiverOncallEmpty",
        ),
        Panel(
            title="Age of the on-call answer",
            description="Since a calendar or endpoint last answered; 0 for a rotation.",
            unit="s",
            queries=gauge("receiver_oncall_answer_age_seconds", "list", "max"),
            steps=warning(1800),
            width=6,
            runbook="ReceiverOncallStale",
        ),
        Panel(
            title="Questions who is on call",
            description="Calendars and endpoints that were asked, by whether they answered.",
            unit="short",
            queries=happened("receiver_oncall_fetches_total", "list", "outcome"),
            width=6,
            runbook="ReceiverOncallStale",
        ),
    ),
)

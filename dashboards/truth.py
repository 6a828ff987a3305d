"""Whether cards are as their source says: a line of numbers, and the reconciler's rounds."""

from __future__ import annotations

from dashboards.expressions import age, counted, critical, quantiles, selector
from dashboards.grafana import Panel, Query, Row, Step

ANSWERED = "receiver_reconcile_answered_timestamp_seconds"
# What ReceiverReconcileFailing waits for.
SILENT = 900
PEOPLE_ON_CALL = f"min({selector('receiver_oncall_people')} >= 0)"
NO_CONNECTION = (
    f"sum(max by (app) ({selector('receiver_feishu_ws_connected')}) == bool 0) or vector(0)"
)
GLANCE = Row(
    title="At a glance",
    panels=(
        Panel(
            title="Oldest truth",
            description="How long ago the source that is silent longest told its whole truth.",
            unit="s",
            queries=(Query(expr=f"max({age(ANSWERED)})", legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=critical(SILENT),
            runbook="ReceiverReconcileFailing",
        ),
        Panel(
            title="Sources not heard yet",
            description="Sources that never told their truth since the receiver started.",
            unit="short",
            queries=(Query(expr=f"sum({selector(ANSWERED)} == bool 0)", legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=critical(1),
            runbook="ReceiverReconcileFailing",
        ),
        Panel(
            title="Clicks and commands",
            description="What people asked for in the time shown, whatever became of it.",
            unit="short",
            queries=(
                Query(
                    expr=f"round(sum(increase({selector('receiver_actions_total')}[$__range])))",
                    legend="",
                ),
            ),
            kind="stat",
            width=4,
            height=4,
        ),
        Panel(
            title="Smallest on-call list",
            description="People on call now, in the list that has the fewest.",
            unit="short",
            queries=(Query(expr=PEOPLE_ON_CALL, legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=(Step(value=None, color="red"), Step(value=1, color="green")),
            runbook="ReceiverOncallEmpty",
        ),
        Panel(
            title="Escalations gone wrong",
            description="Steps in the time shown that called nobody, or not surely.",
            unit="short",
            queries=(
                Query(
                    expr="round(sum(increase("
                    + selector("receiver_escalation_steps_total", 'outcome=~"failed|unknown"')
                    + "[$__range])))",
                    legend="",
                ),
            ),
            kind="stat",
            width=4,
            height=4,
            steps=critical(1),
            runbook="ReceiverEscalationFailing",
        ),
        Panel(
            title="Apps cut off",
            description="Apps whose clicks come by a long connection, and that have none now.",
            unit="short",
            queries=(Query(expr=NO_CONNECTION, legend=""),),
            kind="stat",
            width=4,
            height=4,
            steps=critical(1),
            runbook="ReceiverLongConnectionDown",
        ),
    ),
)

TRUTH = Row(
    title="Truth",
    panels=(
        Panel(
            title="Rounds by outcome",
            description="How often each source was asked; unanswered: no peer told all.",
            unit="ops",
            queries=counted("receiver_reconcile_runs_total", "source", "outcome"),
            runbook="ReceiverReconcileFailing",
        ),
        Panel(
            title="Age of the last answer",
            description="Since a source told its whole truth; a source never heard has no line.",
            unit="s",
            queries=(Query(expr=f"max by (source) ({age(ANSWERED)})", legend="{{source}}"),),
            steps=critical(SILENT),
            runbook="ReceiverReconcileFailing",
        ),
        Panel(
            title="Round duration",
            description="The questions to the peers, and the corrections.",
            unit="s",
            queries=quantiles("receiver_reconcile_duration_seconds", "source"),
        ),
        Panel(
            title="Corrections by reason",
            description="Incidents whose card differed from the truth and was put right.",
            unit="ops",
            queries=counted("receiver_reconcile_corrections_total", "reason"),
            stacked=True,
        ),
        Panel(
            title="Event pushes by outcome",
            description="Posts of Alertmanager's event recorder, which start rounds at once.",
            unit="reqps",
            queries=counted("receiver_event_requests_total", "source", "outcome"),
        ),
        Panel(
            title="Events by kind",
            description="What Alertmanager recorded; what changes the truth starts a round.",
            unit="ops",
            queries=counted("receiver_events_total", "event"),
            stacked=True,
        ),
    ),
)

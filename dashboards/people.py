"""People and truth: whether cards are true, what people do, who is called, how clicks arrive."""

from __future__ import annotations

from dashboards.answers import ON_CALL, PEOPLE
from dashboards.connections import CONNECTIONS
from dashboards.grafana import RUNBOOKS, Dashboard
from dashboards.truth import GLANCE, TRUTH

DASHBOARD = Dashboard(
    uid="alertmanager-feishu-receiver-people",
    title="Alertmanager Feishu receiver: people and truth",
    description="Whether cards are as their source says, what people do, and who is called.",
    tags=("alertmanager", "feishu"),
    anchor="receiver_build_info",
    runbooks=RUNBOOKS,
    rows=(GLANCE, TRUTH, PEOPLE, ON_CALL, CONNECTIONS),
)

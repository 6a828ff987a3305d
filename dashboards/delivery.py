"""Delivery under pressure: what holds cards back, where they go instead, and the accounts."""

from __future__ import annotations

from dashboards.grafana import RUNBOOKS, Dashboard
from dashboards.pressure import ACCOUNTS, LIMITS, STORMS

DASHBOARD = Dashboard(
    uid="alertmanager-feishu-receiver-delivery",
    title="Alertmanager Feishu receiver: delivery",
    description="Storms, circuits, limits and quotas, and whether everything is accounted for.",
    tags=("alertmanager", "feishu"),
    anchor="receiver_build_info",
    runbooks=RUNBOOKS,
    rows=(STORMS, LIMITS, ACCOUNTS),
)

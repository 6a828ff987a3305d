"""The overview: what comes in, what is shown, what people do, and how the service fares."""

from __future__ import annotations

from dashboards.callbacks import CALLBACKS
from dashboards.grafana import RUNBOOKS, Dashboard
from dashboards.intake import INGEST, OVERVIEW
from dashboards.outgoing import DELIVERY
from dashboards.runtime import STORE

DASHBOARD = Dashboard(
    uid="alertmanager-feishu-receiver",
    title="Alertmanager Feishu receiver",
    description="From a source's webhook to a card that is true, and back.",
    tags=("alertmanager", "feishu"),
    anchor="receiver_build_info",
    runbooks=RUNBOOKS,
    rows=(OVERVIEW, INGEST, DELIVERY, CALLBACKS, STORE),
)

"""The long connections that bring clicks, and the charts that cards are given."""

from __future__ import annotations

from dashboards.expressions import counted, critical, gauge, happened, quantiles
from dashboards.grafana import Panel, Row

CONNECTIONS = Row(
    title="Long connections and charts",
    panels=(
        Panel(
            title="Connected",
            description="Instances with a long connection of the app; one is enough, 0 is none.",
            unit="short",
            queries=gauge("receiver_feishu_ws_connected", "app"),
            runbook="ReceiverLongConnectionDown",
        ),
        Panel(
            title="Reconnects by reason",
            description="Connections that ended or could not be made; now and then is normal.",
            unit="short",
            queries=happened("receiver_feishu_ws_reconnects_total", "app", "reason"),
            runbook="ReceiverLongConnectionDown",
        ),
        Panel(
            title="Frames by type",
            description="What came along the long connections; pongs say that they are alive.",
            unit="ops",
            queries=counted("receiver_feishu_ws_frames_total", "app", "type"),
        ),
        Panel(
            title="Acknowledgement latency",
            description="From a message's last frame to its answer; the platform waits 3 s.",
            unit="s",
            queries=quantiles("receiver_feishu_ws_ack_duration_seconds", "app"),
            steps=critical(3),
            width=12,
            runbook="ReceiverCallbacksSlow",
        ),
        Panel(
            title="Charts by outcome",
            description="Asked of Prometheus for cards; all but drawn leave the card without one.",
            unit="short",
            queries=happened("receiver_charts_total", "source", "outcome"),
            width=12,
        ),
    ),
)

"""The long connections: whether they stand, why they ended, what came, and how soon it was told."""

from __future__ import annotations

from receiver.telemetry.callback_metrics import CALLBACK_BUCKETS
from receiver.telemetry.families import Builder
from receiver.telemetry.labels import STREAM_FRAMES, STREAM_LOSSES, Labels


class Streams:
    """The long connections of the apps that have one."""

    def __init__(self, build: Builder, labels: Labels) -> None:
        app = {"app": labels.streams}
        self.connected = build.gauge(
            "receiver_feishu_ws_connected",
            "1 while the app's long connection is open, otherwise 0.",
            app,
        )
        self.reconnects = build.counter(
            "receiver_feishu_ws_reconnects",
            "Long connections that ended, or could not be made and are tried again, by why.",
            {**app, "reason": STREAM_LOSSES},
        )
        self.frames = build.counter(
            "receiver_feishu_ws_frames",
            "Frames received on long connections, by what they are.",
            {**app, "type": STREAM_FRAMES},
        )
        self.acks = build.histogram(
            "receiver_feishu_ws_ack_duration_seconds",
            "From a message's last frame to its acknowledgement; the platform waits 3 s.",
            app,
            CALLBACK_BUCKETS,
        )

    def grow(self, labels: Labels) -> None:
        """Admit the apps of a new configuration; an app without a connection has no gauge."""
        self.connected.grow("app", labels.streams)
        self.connected.keep("app", labels.streams)
        for family in (self.reconnects, self.frames):
            family.grow("app", labels.streams)
        self.acks.grow("app", labels.streams)

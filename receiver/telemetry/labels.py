"""The closed sets of values that the metrics' labels have."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.telemetry.families import OTHER

WEBHOOK_OUTCOMES = (
    "accepted",
    "malformed",
    "unauthorized",
    "unknown_source",
    "too_large",
    "unavailable",
    "quarantined",
    "rate_limited",
)
ALERT_STATUSES = ("firing", "resolved")
SEVERITIES = ("critical", "other")
DELIVERED = "delivered"
RETRY = "retry"
REJECTED = "rejected"
TOKEN_OUTCOMES = ("success", "failure")
CALLBACK_OUTCOMES = ("ok", "forged", "stale", "replayed", "malformed", "challenge", "failed")
ACTIONS = (
    *("acknowledge", "unacknowledge", "confirm", "hand_over", "note", "silence", "unsilence"),
    *("preview", "confirm_silence", "cancel", "extend", "resilence", "resolve"),
    *("approve", "decline", "escalate"),
)
ACTION_OUTCOMES = ("done", "requested", "refused", "failed", "repeated", "late")
REFUSALS = ("not_permitted", "unknown_person", "too_wide", "too_long", "own_request")
SILENCE_OUTCOMES = ("created", "failed", "expired", "extended", "recovered")
EVENT_OUTCOMES = ("accepted", "unauthorized", "malformed", "too_large")
EVENTS = (
    "alert_created",
    "alert_grouped",
    "alert_resolved",
    "alertmanager_shutdown_event",
    "alertmanager_startup_event",
    "inhibition_muted_alert",
    "notification",
    "other",
    "silence_created",
    "silence_muted_alert",
    "silence_updated",
)
ALERTMANAGER_CALLS = (
    "create_silence",
    "get_silences",
    "expire_silence",
    "get_alerts",
    "get_groups",
    "get_status",
)
STREAM_LOSSES = ("closed", "silent", "unreachable", "busy", "refused")
STREAM_FRAMES = ("event", "card", "ping", "pong", "malformed", OTHER)
ALERTMANAGER_OUTCOMES = ("success", "refused", "unreachable", "timeout")
RECONCILE_OUTCOMES = ("answered", "unanswered", "failed")
# No answer for a while, or what an operator, or the next month, must change.
CIRCUIT_REASONS = ("outage", "target", "credentials", "quota")
SUPPRESSION_REASONS = ("never_shown", "unchanged", "no_edit", "moved", "retention")
UNIT_STATES = ("pending", "shown", "digested", "suppressed", "dead_lettered")
STORE_FAILURES = ("timeout", "closed", "disk", "locked", "corrupt", OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLabels:
    """A channel's name, the calls that it makes and the limits that it waits for."""

    name: str
    calls: tuple[str, ...]
    limits: tuple[str, ...]


FEISHU_APP = ChannelLabels(
    name="feishu_app",
    calls=("create", "patch", "reply", "urgent_app", "urgent_sms", "urgent_phone"),
    limits=("chat", "app_second", "app_minute", "message", "connections"),
)
FEISHU_BOT = ChannelLabels(name="feishu_bot", calls=("post",), limits=("bot_second", "bot_minute"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The closed sets of the labels that come from the configuration and from the domain.

    `sources` are all senders, agents included; `alertmanagers` are those that are no agents, and
    `asked` those of them that have an API to ask; `streams` are the apps with a long connection;
    `outlets` are the names of the configured channels, `channels` their kinds. The reasons are the
    values of the domain's enums.
    """

    sources: tuple[str, ...] = ()
    alertmanagers: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    channels: tuple[ChannelLabels, ...] = (FEISHU_APP, FEISHU_BOT)
    body_reasons: tuple[str, ...] = ()
    truth_reasons: tuple[str, ...] = ()
    decision_reasons: tuple[str, ...] = ()
    retry_reasons: tuple[str, ...] = ()
    rejection_reasons: tuple[str, ...] = ()
    dead_letter_reasons: tuple[str, ...] = ()
    suppression_reasons: tuple[str, ...] = SUPPRESSION_REASONS
    circuit_reasons: tuple[str, ...] = CIRCUIT_REASONS
    outlets: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    oncall_lists: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The channels' names alone."""
        return tuple(channel.name for channel in self.channels)

"""Alertmanager's webhook body, and what a tolerant reader makes of it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import msgspec

from receiver.domain.alert import Alert, fingerprint
from receiver.domain.incident import Notice, Placement

FINGERPRINT_MOST = 64  # Prometheus' has 16; a longer one is no fingerprint
REPEAT = "repeat interval elapsed"
NO_REASON = frozenset({"", "none", "unknown"})
# Go's zero time, which Alertmanager sends for "not yet"
ZERO_TIME = "0001-01-01T00:00:00"

_RULE = re.compile(r"[A-Za-z0-9_-]{1,40}")  # a UID of Grafana's
# regexp.QuoteMeta puts a backslash before these: https://pkg.go.dev/regexp#QuoteMeta
_QUOTED = re.compile(r"\\([\\.+*?()|\[\]{}^$])")


class Malformed(ValueError):
    """The body cannot be read; the message says where it is wrong."""


class _AlertBody(msgspec.Struct, gc=False):
    labels: dict[str, str] = {}
    annotations: dict[str, str] | None = None
    status: str = ""
    startsAt: str | None = None  # noqa: N815  (the wire's names)
    endsAt: str | None = None  # noqa: N815
    generatorURL: str | None = None  # noqa: N815
    fingerprint: str | None = None
    dashboardURL: str | None = None  # noqa: N815  (Grafana's)
    panelURL: str | None = None  # noqa: N815
    silenceURL: str | None = None  # noqa: N815
    ruleUID: str | None = None  # noqa: N815


class Body(msgspec.Struct):
    """The fields that are used; unknown ones are ignored, and ``version`` is not looked at."""

    alerts: list[_AlertBody]
    receiver: str = ""
    groupKey: str | None = None  # noqa: N815
    groupLabels: dict[str, str] | None = None  # noqa: N815
    externalURL: str | None = None  # noqa: N815
    truncatedAlerts: int = 0  # noqa: N815
    notification_reason: str | None = None


# Grafana hashes it, and takes it out of the body: a silence of one rule's alerts must name it.
# https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rules/annotation-label/
RULE_LABEL = "__alert_rule_uid__"

_decoder = msgspec.json.Decoder(Body)


def decode(raw: bytes) -> Body:
    """Read a body.

    Raises:
        Malformed: it is no JSON, or has another shape.

    """
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as problem:
        raise Malformed(str(problem)) from None


def notice(body: Body, source: str, placements: tuple[Placement, ...], trace: str) -> Notice:
    """Say what a body says, in our words."""
    return Notice(
        source=source,
        receiver=unescape(body.receiver),
        group_key=group_key(body),
        alerts=tuple([_alert(alert) for alert in body.alerts]),
        group_labels=body.groupLabels or {},
        placements=placements,
        external_url=body.externalURL or "",
        truncated=max(body.truncatedAlerts, 0),
        repeat=_repeat(body.notification_reason),
        trace=trace,
    )


def unescape(receiver: str) -> str:
    """Undo what regexp.QuoteMeta did to a receiver's name."""
    return _QUOTED.sub(r"\1", receiver) if "\\" in receiver else receiver


def firing(body: Body) -> list[dict[str, str]]:
    """Return the labels of the alerts that fire."""
    return [alert.labels for alert in body.alerts if alert.status != "resolved"]


def group_key(body: Body) -> str:
    """Return a group's key; one made of its labels where the sender has none."""
    if body.groupKey:
        return body.groupKey
    labels = sorted((body.groupLabels or {}).items())
    return "{}:{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def _repeat(reason: str | None) -> bool | None:
    return None if reason is None or reason in NO_REASON else reason == REPEAT


def _alert(told: _AlertBody) -> Alert:
    given = told.fingerprint
    trusted = given if given and len(given) <= FINGERPRINT_MOST else fingerprint(told.labels)
    return Alert(
        trusted,
        told.status != "resolved",
        _labels(told),
        _annotations(told),
        moment(told.startsAt),
        moment(told.endsAt),
        told.generatorURL or "",
    )


def _labels(told: _AlertBody) -> dict[str, str]:
    rule = told.ruleUID or _rule_of(told.silenceURL)
    if not _RULE.fullmatch(rule):
        return told.labels
    return {RULE_LABEL: rule, **told.labels}


def _rule_of(silence_url: str | None) -> str:
    """Return the rule that a link to a new silence names, as ``matcher=name=value``."""
    if not silence_url or RULE_LABEL not in silence_url:
        return ""
    try:
        matchers = parse_qs(urlsplit(silence_url).query).get("matcher", [])
    except ValueError:
        return ""
    pairs = (one.partition("=") for one in matchers)
    return next((rule for name, _, rule in pairs if name == RULE_LABEL), "")


def _annotations(told: _AlertBody) -> dict[str, str]:
    annotations = told.annotations or {}
    if told.dashboardURL or told.panelURL or told.silenceURL:
        grafana = {
            "dashboard_url": told.dashboardURL,
            "panel_url": told.panelURL,
            "silence_url": told.silenceURL,
        }
        return {name: url for name, url in grafana.items() if url} | annotations
    return annotations


@lru_cache(maxsize=4096)  # the alerts of a group often begin together, and come again and again
def moment(text: str | None) -> int | None:
    """Return a time in Unix ms; None for none, for the zero time, and for what is no time."""
    if not text or text.startswith(ZERO_TIME):
        return None
    try:
        told = datetime.fromisoformat(text)
        aware = told if told.tzinfo else told.replace(tzinfo=UTC)
        milliseconds = int(aware.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None
    return milliseconds if milliseconds > 0 else None

"""The alerts and silences that the stand-in Alertmanager holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from receiver.sandbox.matchers import Matcher, all_match, fingerprint

YEAR_ONE = "0001-01-01T00:00:00Z"


class Refusal(Exception):
    """An API v2 error: a status and its body, which is a string, an object or nothing."""

    def __init__(self, status: int, body: object = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def stamp(ms: int) -> str:
    """Write Unix milliseconds as RFC 3339."""
    moment = datetime.fromtimestamp(ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def moment(text: object) -> int | None:
    """Read RFC 3339 as Unix milliseconds; None for absent or year 1; raises Refusal."""
    if text in (None, "") or (isinstance(text, str) and text.startswith("0001-")):
        return None
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        raise Refusal(400, {"code": 400, "message": f"parsing time {text!r} failed"}) from None
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One label set; it is resolved once `ends_at` has passed. Times are Unix milliseconds."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: int
    ends_at: int
    updated_at: int
    generator_url: str = ""
    fingerprint: str = ""

    def resolved(self, now: int) -> bool:
        """Tell whether the alert has ended."""
        return self.ends_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence; times are Unix milliseconds."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: int
    ends_at: int
    updated_at: int
    created_by: str
    comment: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def state(self, now: int) -> str:
        """Say whether it is pending, active or expired."""
        if now < self.starts_at:
            return "pending"
        return "active" if now < self.ends_at else "expired"

    def as_json(self, now: int) -> dict[str, Any]:
        """Draw the silence as the API does."""
        return {
            "id": self.silence_id,
            "status": {"state": self.state(now)},
            "updatedAt": stamp(self.updated_at),
            "annotations": dict(self.annotations),
            "comment": self.comment,
            "createdBy": self.created_by,
            "endsAt": stamp(self.ends_at),
            "matchers": [item.as_json() for item in self.matchers],
            "startsAt": stamp(self.starts_at),
        }


def posted(document: object, now: int, resolve_timeout_ms: int) -> Alert:
    """Read one posted alert; raises Refusal."""
    labels = document.get("labels") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(labels, dict):
        raise Refusal(422, {"code": 602, "message": "0.labels in body is required"})
    labels = {str(name): str(value) for name, value in labels.items() if value != ""}
    if not labels:
        raise Refusal(400, "at least one label pair required")
    starts, ends = moment(document.get("startsAt")), moment(document.get("endsAt"))
    if starts is None:
        starts = min(now, ends) if ends is not None else now
    if ends is None:
        ends = now + resolve_timeout_ms
    if ends < starts:
        raise Refusal(400, "start time must be before end time")
    annotations = document.get("annotations") or {}
    return Alert(
        labels=labels,
        annotations={str(name): str(value) for name, value in annotations.items()},
        starts_at=starts,
        ends_at=ends,
        updated_at=now,
        generator_url=str(document.get("generatorURL") or ""),
        fingerprint=fingerprint(labels),
    )


class Book:
    """All alerts and silences."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.silences: dict[str, Silence] = {}

    def put(self, alert: Alert, now: int) -> Alert:
        """Take an alert in; while the old one lasts, the earlier start is kept."""
        old = self.alerts.get(alert.fingerprint)
        if old and not old.resolved(now):
            alert = replace(alert, starts_at=min(old.starts_at, alert.starts_at))
        self.alerts[alert.fingerprint] = alert
        return alert

    def silenced_by(self, alert: Alert, now: int) -> list[str]:
        """List the ids of the active silences that match the alert."""
        return [
            silence.silence_id
            for silence in self.silences.values()
            if silence.state(now) == "active" and all_match(silence.matchers, alert.labels)
        ]

    def set_silence(self, wanted: Silence, fresh_id: str, now: int) -> str:
        """Create or update a silence and return its id; raises Refusal.

        The id stays only if the matchers, in their order, and the start, to the second, stay.
        """
        old = self.silences.get(wanted.silence_id)
        if wanted.silence_id and old is None:
            raise Refusal(404, "silence not found")
        if old and _updatable(old, wanted, now):
            self.silences[old.silence_id] = replace(wanted, updated_at=now)
            return old.silence_id
        if old and old.state(now) != "expired":
            self.expire(old.silence_id, now)
        starts = max(wanted.starts_at, now)
        self.silences[fresh_id] = replace(
            wanted, silence_id=fresh_id, starts_at=starts, updated_at=now
        )
        return fresh_id

    def expire(self, silence_id: str, now: int) -> None:
        """End a silence; ending it again changes nothing. Raises Refusal for an unknown id."""
        silence = self.silences.get(silence_id)
        if silence is None:
            raise Refusal(404)
        if silence.state(now) != "expired":
            starts = min(silence.starts_at, now)
            self.silences[silence_id] = replace(
                silence, starts_at=starts, ends_at=now, updated_at=now
            )


def _updatable(old: Silence, new: Silence, now: int) -> bool:
    if old.matchers != new.matchers or old.state(now) == "expired":
        return False
    if old.state(now) == "active":
        return old.starts_at // 1000 == new.starts_at // 1000
    return new.starts_at > now

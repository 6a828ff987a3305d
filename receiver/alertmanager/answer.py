"""What Alertmanager's API v2 answers, read into closed types.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from receiver.telemetry.redaction import redact_text

DETAIL_LIMIT = 200
ACTION_ANNOTATION = "receiver_action"  # silences have annotations since 0.32; older ones drop them
EXPIRED = "expired"
UNKNOWN = "silence not found"
# "Limit of concurrent GET requests reached": beyond max(GOMAXPROCS, 8)
# https://github.com/prometheus/alertmanager/blob/main/api/api.go
BUSY = 503

# An id becomes part of a URL's path, so nothing else is taken for one.
SilenceId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


class Status(msgspec.Struct, frozen=True):
    """A silence's ``state`` is pending, active or expired."""

    state: str


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A silence as Alertmanager shows it: the part that recognises ours."""

    id: SilenceId
    status: Status
    comment: str = ""
    annotations: dict[str, str] | None = None
    starts_at: str = ""
    ends_at: str = ""
    created_by: str = ""
    matchers: tuple[dict[str, Any], ...] = ()

    @property
    def live(self) -> bool:
        """Whether it mutes, or will."""
        return self.status.state != EXPIRED

    @property
    def until(self) -> int:
        """When it ends, in Unix ms; 0 where that cannot be read."""
        try:
            ends = datetime.fromisoformat(self.ends_at)
        except ValueError:
            return 0
        if ends.tzinfo is None:
            ends = ends.replace(tzinfo=UTC)
        return (ends - _EPOCH) // _MILLISECOND

    @property
    def pairs(self) -> frozenset[tuple[str, str]] | None:
        """What it mutes by, if by equality alone."""
        for one in self.matchers:
            if one.get("isRegex") or one.get("isEqual", True) is not True:
                return None
        return frozenset((str(one.get("name")), str(one.get("value"))) for one in self.matchers)

    def bears(self, action: str, marker: str) -> bool:
        """Whether it was created for this action."""
        noted = (self.annotations or {}).get(ACTION_ANNOTATION)
        return marker in self.comment if noted is None else noted == action


class Answered:
    """A whole answer that says what was asked."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Created(Answered):
    """Alertmanager has the silence."""

    silence_id: str


@dataclass(frozen=True, slots=True)
class Listed(Answered):
    """One peer's silences."""

    silences: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Expired(Answered):
    """The silence is over; ``gone`` where no peer knew it any more."""

    gone: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Never as it is; nothing was accepted."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No peer was reached: surely nothing was accepted."""

    detail: str


class Busy(Unreachable):
    """The peer answers too many others: the same question may pass a moment later."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have been accepted all the same."""

    detail: str


Failure = Refused | Unreachable | Unknown


class _Posted(msgspec.Struct, frozen=True):
    silence_id: SilenceId = msgspec.field(name="silenceID")


class _Problem(msgspec.Struct, frozen=True):
    message: str


_posted = msgspec.json.Decoder(_Posted)
_listed = msgspec.json.Decoder(tuple[Seen, ...])
_problem = msgspec.json.Decoder(_Problem | str)


def read_created(status: int, body: bytes) -> Created | Failure:
    """Read the answer to POST /silences; Grafana's has the status 202."""
    if status not in (200, 202):
        return failed(status, body)
    try:
        return Created(_posted.decode(body).silence_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown(f"HTTP {status} without a silenceID: is this an Alertmanager?")


def read_listed(status: int, body: bytes) -> Listed | Failure:
    """Read the answer to GET /silences."""
    if status != 200:  # noqa: PLR2004  (HTTP's own number)
        return unread(status, body)
    try:
        return Listed(_listed.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown("HTTP 200 without a list of silences: is this an Alertmanager?")


def read_expired(status: int, body: bytes) -> Expired | Failure:
    """Read the answer to DELETE /silence/{id}.

    An id that the server does not know is answered by an empty 404; before 0.26 by a 500 that
    says so, by Grafana with a 404 that does. Another 404 comes from elsewhere, such as a wrong
    path.
    """
    if status == 200:  # noqa: PLR2004  (HTTP's own number)
        return Expired()
    if (status, body) == (404, b"") or (status in (404, 500) and UNKNOWN in _said(body)):
        return Expired(gone=True)
    return failed(status, body)


def unread(status: int, body: bytes) -> Failure:
    """Read the error of a question, which may be asked again when the server is busy."""
    return Busy(explain(status, body)) if status == BUSY else failed(status, body)


def explain(status: int, body: bytes) -> str:
    """Return an error as a short text that is safe to show.

    Alertmanager has three shapes of it: a JSON string, an object with a message, and nothing. A
    proxy's HTML is left out.
    """
    said = shorten(_said(body))
    return f"HTTP {status}: {said}" if said else f"HTTP {status}"


def shorten(text: str) -> str:
    """Return one line of bounded length, without secrets or control characters."""
    line = redact_text(_CONTROLS.sub(" ", text).strip())
    return line if len(line) <= DETAIL_LIMIT else line[: DETAIL_LIMIT - 1] + "…"


def _said(body: bytes) -> str:
    start = body[: 16 * DETAIL_LIMIT]
    try:
        told = _problem.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = start.decode("utf-8", "replace").strip()
        return "" if text[:1] in ("<", "{", "[") else text
    return told[: 16 * DETAIL_LIMIT] if isinstance(told, str) else told.message[: 16 * DETAIL_LIMIT]


def failed(status: int, body: bytes) -> Failure:
    """Read an error: a gateway's 5xx, 408 or odd 2xx says nothing about what is behind it."""
    detail = explain(status, body)
    if status == 429:  # noqa: PLR2004  (HTTP's own number)
        return Unreachable(detail)
    if 300 <= status < 500 and status != 408:  # noqa: PLR2004
        return Refused(detail)
    return Unknown(detail)

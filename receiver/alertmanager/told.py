"""What Alertmanager's API v2 tells of alerts, silences and groups, read into the domain's words.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
An answer of which one entry is odd is no answer: what is left out would look like an end.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

import msgspec

from receiver.alertmanager.answer import (
    ACTION_ANNOTATION,
    Answered,
    Failure,
    SilenceId,
    Unknown,
    unread,
)
from receiver.domain.matcher import Matcher, Operator, foreign
from receiver.domain.truth import SeenAlert, SeenGroup, SeenSilence

# A decoder does not let others run: entries read at a time, some ms.
PIECE = 500
PIECE_BYTES = 1 << 20  # of such entries together; a larger one is read alone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MARKER = re.compile(r"\[receiver:([^\[\]\s]{1,128})\]")
_OPERATORS = {
    (True, False): Operator.EQUAL,
    (False, False): Operator.NOT_EQUAL,
    (True, True): Operator.MATCHES,
    (False, True): Operator.NOT_MATCHES,
}

T = TypeVar("T")
A = TypeVar("A", bound=Answered)
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z]{1,64}\Z")]
Names = tuple[str, ...] | None  # Go's empty list may be null


class _Wire(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """Fields as they are sent; unknown ones are ignored."""


class _Named(_Wire):
    name: str


class _AlertStatus(_Wire):
    silenced_by: Names = None
    inhibited_by: Names = None
    muted_by: Names = None


class _Alert(_Wire):
    fingerprint: Fingerprint
    labels: dict[str, str]
    status: _AlertStatus
    starts_at: Moment
    ends_at: Moment
    annotations: dict[str, str] | None = None
    updated_at: Moment | None = None
    receivers: tuple[_Named, ...] | None = None
    generator_url: str = msgspec.field(default="", name="generatorURL")


class _Matcher(_Wire):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True  # 0.21 and older do not say


class _SilenceStatus(_Wire):
    state: Literal["pending", "active", "expired"]


class _Silence(_Wire):
    id: SilenceId
    status: _SilenceStatus
    matchers: tuple[_Matcher, ...]
    starts_at: Moment
    ends_at: Moment
    updated_at: Moment | None = None
    created_by: str = ""
    comment: str = ""
    annotations: dict[str, str] | None = None


class _GroupAlert(_Wire):
    fingerprint: Fingerprint


class _Group(_Wire):
    labels: dict[str, str]
    receiver: _Named
    alerts: msgspec.Raw


class _Status(_Wire):
    config: dict[str, object]  # what tells this answer from a stranger's; never looked into
    uptime: Moment | None = None


@dataclass(frozen=True, slots=True)
class Alerts(Answered):
    """What fires, by fingerprint."""

    alerts: dict[str, SeenAlert]


@dataclass(frozen=True, slots=True)
class Silences(Answered):
    """Every silence that is kept, expired ones included."""

    silences: tuple[SeenSilence, ...]


@dataclass(frozen=True, slots=True)
class Groups(Answered):
    """What is notified together."""

    groups: tuple[SeenGroup, ...]


@dataclass(frozen=True, slots=True)
class Started(Answered):
    """When the server began, in Unix ms; None where it does not say."""

    at: int | None


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_alerts = msgspec.json.Decoder(list[_Alert])
_silences = msgspec.json.Decoder(list[_Silence])
_groups = msgspec.json.Decoder(list[_Group])
_group_alerts = msgspec.json.Decoder(list[_GroupAlert])
_status = msgspec.json.Decoder(_Status)


def read_alerts(status: int, body: bytes) -> Alerts | Failure:
    """Read the answer to GET /alerts."""

    def read() -> Alerts:
        return Alerts({one.fingerprint: _alert(one) for one in _list(body, _alerts)})

    return _read(status, body, read, "a list of alerts")


def read_silences(status: int, body: bytes) -> Silences | Failure:
    """Read the answer to GET /silences."""

    def read() -> Silences:
        return Silences(tuple([_silence(one) for one in _list(body, _silences)]))

    return _read(status, body, read, "a list of silences")


def read_groups(status: int, body: bytes) -> Groups | Failure:
    """Read the answer to GET /alerts/groups."""

    def read() -> Groups:
        return Groups(tuple([_group(one) for one in _list(body, _groups)]))

    return _read(status, body, read, "a list of groups")


def read_status(status: int, body: bytes) -> Started | Failure:
    """Read the answer to GET /status."""

    def read() -> Started:
        began = _milliseconds(_status.decode(body).uptime)
        return Started(began if began > 0 else None)

    return _read(status, body, read, "a status")


def _read(status: int, body: bytes, read: Callable[[], A], what: str) -> A | Failure:
    if status != 200:  # noqa: PLR2004  (HTTP's own number)
        return unread(status, body)
    try:
        return read()
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError):
        return Unknown(f"HTTP 200 without {what}: is this an Alertmanager?")


def _list(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[list[T]]) -> Iterable[T]:
    piece: list[msgspec.Raw] = []
    size = 0
    for entry in _raws.decode(body):
        length = len(memoryview(entry))
        if piece and (len(piece) >= PIECE or size + length > PIECE_BYTES):
            yield from decoder.decode(b"[" + b",".join(piece) + b"]")
            piece, size = [], 0
        piece.append(entry)
        size += length
    yield from decoder.decode(b"[" + b",".join(piece) + b"]")


def _alert(told: _Alert) -> SeenAlert:
    return SeenAlert(
        fingerprint=told.fingerprint,
        labels=told.labels,
        annotations=told.annotations or {},
        starts_at=_milliseconds(told.starts_at) or None,
        ends_at=_milliseconds(told.ends_at) or None,
        url=told.generator_url,
        receivers=tuple([one.name for one in told.receivers or ()]),
        silenced_by=told.status.silenced_by or (),
        inhibited_by=told.status.inhibited_by or (),
        muted_by=told.status.muted_by or (),
        updated_at=_milliseconds(told.updated_at),
    )


def _silence(told: _Silence) -> SeenSilence:
    return SeenSilence(
        id=told.id,
        state=told.status.state,
        matchers=tuple([_matcher(one) for one in told.matchers]),
        starts_at=_milliseconds(told.starts_at),
        ends_at=_milliseconds(told.ends_at),
        created_by=told.created_by,
        comment=told.comment,
        action=_action(told),
        updated_at=_milliseconds(told.updated_at),
    )


def _action(told: _Silence) -> str:
    """Return which action of ours asked for it; older servers keep the marker alone."""
    noted = (told.annotations or {}).get(ACTION_ANNOTATION)
    if noted is not None:
        return noted
    markers = _MARKER.findall(told.comment)
    return str(markers[-1]) if markers else ""


def _matcher(told: _Matcher) -> Matcher:
    return foreign(told.name, _OPERATORS[told.is_equal, told.is_regex], told.value)


def _group(told: _Group) -> SeenGroup:
    fingerprints = tuple([one.fingerprint for one in _list(told.alerts, _group_alerts)])
    return SeenGroup(told.receiver.name, told.labels, fingerprints)


def _milliseconds(moment: datetime | None) -> int:
    """Return Unix ms; 0 for none, and for Go's zero time."""
    return 0 if moment is None else max(0, (moment - _EPOCH) // _MILLISECOND)

"""One attempt of a call: its span, its log line, and the outcome that its answer means."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import httpx
import msgspec
from opentelemetry.trace import Span, StatusCode
from structlog.typing import FilteringBoundLogger

from receiver.channels.feishu.codes import classify
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.http import Answer, Request, Timeouts, exchange, explain, skew
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Outcome, Rejected
from receiver.telemetry import attributes
from receiver.telemetry.tracing import Tracing

# The id that the platform's support asks for.
LOG_ID_HEADER = "x-tt-logid"
LOG_ID_LIMIT = 100


def observe_nothing(channel: str, seconds: float) -> None:
    """Take no notice of a clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a channel needs from outside.

    ``now`` is Unix milliseconds; ``share`` returns a number in [0, 1); ``http`` is the channel's
    own, from ``build_client``. ``observe_skew`` is told by how many seconds our clock is ahead of
    the platform's, after each answer to a call that names its channel.
    """

    http: httpx.AsyncClient
    tracing: Tracing
    log: FilteringBoundLogger
    now: Callable[[], int]
    share: Callable[[], float]
    timeouts: Timeouts = field(default_factory=Timeouts)
    observe_skew: Callable[[str, float], None] = observe_nothing


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt, and its body where there is one."""

    outcome: Outcome
    body: bytes = field(default=b"", repr=False)


# A number that no span could carry is no code.
_Code = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class _Detail(msgspec.Struct):
    err_code: _Code | None = None


class _Body(msgspec.Struct):
    code: _Code | None = None
    msg: str | None = None
    old_code: _Code | None = msgspec.field(default=None, name="StatusCode")
    old_msg: str | None = msgspec.field(default=None, name="StatusMessage")
    data: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class _Said:
    code: int | None
    msg: str


_body = msgspec.json.Decoder(_Body).decode
_detail = msgspec.json.Decoder(_Detail).decode


async def attempt(ports: Ports, request: Request, call: Call | None, resend: int = 0) -> Result:
    """Make one attempt; nothing is raised but cancellation.

    Args:
        ports: what the channel works with.
        request: what to send.
        call: the kind of call, or None for one that neither sends nor edits.
        resend: how often this call has been made again on its own accord.

    """
    with ports.tracing.client_span(
        request.method, request.template, request.shown_url, resend=resend
    ) as span:
        asked_at = ports.now()
        answer = await exchange(ports.http, request, ports.timeouts.total)
        if isinstance(answer, Exception):
            result, said = Result(explain(answer)), _Said(None, "")
        else:
            _observe_clock(ports, request, answer, asked_at)
            said = read(answer.body)
            outcome = classify(said.code, said.msg, answer.status, answer.headers, call)
            result = Result(outcome, answer.body)
        _describe(span, answer, said, result.outcome)
        _log(ports.log, request, answer, said, result.outcome)
    return result


def _observe_clock(ports: Ports, request: Request, answer: Answer, asked_at: int) -> None:
    ahead = skew(answer.headers, asked_at, ports.now())
    if request.channel and ahead is not None:
        ports.observe_skew(request.channel, ahead)


def read(body: bytes) -> _Said:
    """Read a body's code and message; a body that is not the platform's has no code."""
    try:
        found = _body(body)
    except UNREADABLE:
        return _Said(None, "")
    code = found.old_code if found.code is None else found.code
    return _Said(code, (found.msg or found.old_msg or "") + _inner(found.data))


def _inner(data: msgspec.Raw) -> str:
    """Return the card's own code in the form in which messages quote it, if it came as data."""
    try:
        code = _detail(data).err_code
    except UNREADABLE:
        return ""
    return "" if code is None else f" ErrCode: {code};"


def _describe(span: Span, answer: Answer | Exception, said: _Said, outcome: Outcome) -> None:
    kind = type(answer).__name__
    if isinstance(answer, Answer):
        span.set_attribute(attributes.HTTP_STATUS, answer.status)
        span.set_attribute(attributes.FEISHU_LOG_ID, _log_id(answer))
        kind = str(said.code or answer.status)
    if said.code is not None:
        span.set_attribute(attributes.FEISHU_CODE, said.code)
    if not isinstance(outcome, Delivered):
        span.set_attribute(attributes.ERROR_TYPE, kind)
        span.set_status(StatusCode.ERROR, outcome.detail)


def _log(
    log: FilteringBoundLogger,
    request: Request,
    answer: Answer | Exception,
    said: _Said,
    outcome: Outcome,
) -> None:
    facts: dict[str, object] = {"api": f"{request.method} {request.template}"}
    if isinstance(answer, Answer):
        facts |= {"status": answer.status, "code": said.code, "log_id": _log_id(answer)}
    if isinstance(outcome, Delivered):
        log.debug("feishu call answered", **facts)
        return
    facts |= {"reason": str(outcome.reason), "detail": outcome.detail}
    level = log.warning if isinstance(outcome, Rejected) else log.info
    level("feishu call failed", **facts)


def _log_id(answer: Answer) -> str:
    return answer.headers.get(LOG_ID_HEADER, "")[:LOG_ID_LIMIT]

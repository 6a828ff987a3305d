"""One call of Alertmanager's API: sent, timed, traced and counted; it ends in a value."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import httpx
from opentelemetry.trace import Span, StatusCode

from receiver.alertmanager.answer import (
    Answered,
    Busy,
    Created,
    Failure,
    Refused,
    Unknown,
    Unreachable,
    shorten,
)
from receiver.alertmanager.peer import Peer
from receiver.alertmanager.tls import Tls, context_of
from receiver.telemetry import attributes
from receiver.telemetry.tracing import Tracing

MAX_CONNECTIONS = 16
ANSWER_LIMIT = 32 * 1024 * 1024  # some keep every silence of five days; beyond is no answer
LARGE = 1 << 20  # bytes; reading more than this would keep the loop from others for 10 ms
BUSY_TRIES = 4
BUSY_WAIT = 100  # ms, doubled each time, times a random share

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Call(StrEnum):
    """The calls that are made; each is a metric label."""

    CREATE = "create_silence"
    GET = "get_silences"
    EXPIRE = "expire_silence"
    STATUS = "get_status"
    ALERTS = "get_alerts"
    GROUPS = "get_groups"


class Result(StrEnum):
    """What became of one attempt; each is a metric label."""

    SUCCESS = "success"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to reach a peer, and to have its whole answer."""

    connect: float = 1.0
    total: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the client needs from outside.

    ``observe`` is told each attempt; ``wait`` takes ms; ``share`` returns a number in [0, 1).
    """

    http: httpx.AsyncClient
    tracing: Tracing
    observe: Callable[[Call, Result], None]
    wait: Callable[[int], Awaitable[None]]
    share: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the API; ``template`` is the path as its span names it."""

    call: Call
    method: str
    path: str
    template: str = ""
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    silence_id: str = ""
    resend: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, whatever it says."""

    status: int
    body: bytes


Answer = TypeVar("Answer", bound=Answered)
Read = Callable[[int, bytes], Answer | Failure]


def build_http(timeouts: Timeouts | None = None, tls: Tls | None = None) -> httpx.AsyncClient:
    """Build a source's HTTP client.

    The environment's proxies are for Feishu, and a .netrc is nobody's intent, so neither is
    read; without a ``ca_file`` certificates are the system's, or SSL_CERT_FILE's.

    Raises:
        BadTls: a file of ``tls`` makes no connection.

    """
    chosen, certificates = timeouts or Timeouts(), tls or Tls()

    async def name_server(request: httpx.Request) -> None:
        # https://www.python-httpx.org/advanced/extensions/#sni_hostname
        request.extensions["sni_hostname"] = certificates.server_name

    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        timeout=httpx.Timeout(chosen.total, connect=chosen.connect, pool=chosen.connect),
        trust_env=False,
        verify=context_of(certificates),
        event_hooks={"request": [name_server]} if certificates.server_name else {},
    )


class Caller:
    """Makes calls for one source; nothing expected is raised."""

    def __init__(self, name: str, ports: Ports, timeouts: Timeouts | None = None) -> None:
        self._name = name
        self._ports = ports
        self._total = (timeouts or Timeouts()).total

    async def patiently(self, peer: Peer, request: Request, read: Read[Answer]) -> Answer | Failure:
        """Ask a question, and ask again after a random wait while the peer is too busy."""
        answer = await self.attempt(peer, request, read)
        for resend in range(1, BUSY_TRIES):
            if not isinstance(answer, Busy):
                break
            await self._ports.wait(int(BUSY_WAIT * 2**resend * (0.5 + self._ports.share())))
            answer = await self.attempt(peer, replace(request, resend=resend), read)
        return answer

    async def attempt(self, peer: Peer, request: Request, read: Read[Answer]) -> Answer | Failure:
        """Make one call of one peer; each is a span, and is counted."""
        more = {attributes.SOURCE: self._name}
        if request.silence_id:
            more[attributes.SILENCE_ID] = request.silence_id
        url = peer.url(request.path)
        with self._ports.tracing.client_span(
            request.method,
            peer.api + (request.template or request.path),
            url,
            resend=request.resend,
            more=more,
        ) as span:
            response = await self._exchange(peer, request)
            result, answer = await _judged(response, read)
            _describe(span, response, answer)
        self._ports.observe(request.call, result)
        return answer

    async def _exchange(self, peer: Peer, request: Request) -> Response | Exception:
        """Send a request and read its answer; what went wrong is returned, not raised."""
        headers = {**peer.headers, "Accept": "application/json"}
        if request.body:
            headers["Content-Type"] = "application/json"
        try:
            # httpx limits each read; only this limits a server that answers byte by byte.
            async with (
                asyncio.timeout(self._total),
                self._ports.http.stream(
                    request.method,
                    peer.url(request.path),
                    params=request.params or None,
                    headers=headers,
                    content=request.body or None,
                ) as response,
            ):
                return await _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # A server that refuses our certificate does so while its answer is read, and httpx
            # lets the OSError of that through.
            return error


class TooLong(httpx.HTTPError):
    """An answer beyond ANSWER_LIMIT."""


async def _read(response: httpx.Response) -> Response:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            raise TooLong(f"the answer is longer than {ANSWER_LIMIT} bytes")
    return Response(response.status_code, bytes(body))


async def _judged(
    response: Response | Exception, read: Read[Answer]
) -> tuple[Result, Answer | Failure]:
    """Read a response: a large one beside the loop, which would stand still for it."""
    if isinstance(response, Response) and len(response.body) > LARGE:
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: _judge(response, read)
        )
    return _judge(response, read)


def _judge(response: Response | Exception, read: Read[Answer]) -> tuple[Result, Answer | Failure]:
    if isinstance(response, Response):
        answer = read(response.status, response.body)
        if isinstance(answer, Answered):
            return Result.SUCCESS, answer
        return Result.REFUSED, answer
    if isinstance(response, _NOT_SENT):
        return Result.UNREACHABLE, Unreachable(_name(response))
    late = isinstance(response, TimeoutError | httpx.TimeoutException)
    return Result.TIMEOUT if late else Result.UNREACHABLE, Unknown(_name(response))


def _name(error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError | TooLong):
        return shorten(str(error)) or "not reached"
    # The text of other errors can quote a header, and so a password; OpenSSL's reasons cannot.
    refused: BaseException | None = error
    while refused is not None and not isinstance(refused, ssl.SSLError):
        refused = refused.__cause__ or refused.__context__
    why = type(error).__name__ if refused is None else f"TLS: {refused.reason}"
    return f"connection broken ({why})"


def _describe(span: Span, response: Response | Exception, answer: Answered | Failure) -> None:
    if isinstance(response, Response):
        span.set_attribute(attributes.HTTP_STATUS, response.status)
    if isinstance(answer, Created):
        span.set_attribute(attributes.SILENCE_ID, answer.silence_id)
    if isinstance(answer, Refused | Unreachable | Unknown):
        kind = str(response.status) if isinstance(response, Response) else type(response).__name__
        span.set_attribute(attributes.ERROR_TYPE, kind)
        span.set_status(StatusCode.ERROR, answer.detail)

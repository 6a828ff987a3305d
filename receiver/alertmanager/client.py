"""Calls one Alertmanager cluster: each call ends in a value that says what is certain."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import httpx
import msgspec
from opentelemetry.trace import Span, StatusCode

from receiver.alertmanager.answer import (
    Busy,
    Created,
    Expired,
    Failure,
    Listed,
    Refused,
    Unknown,
    Unreachable,
    read_created,
    read_expired,
    read_listed,
    shorten,
)
from receiver.alertmanager.peer import API, Peer, Source, peers_of
from receiver.domain.matcher import equal
from receiver.telemetry import attributes
from receiver.telemetry.tracing import Tracing

MAX_CONNECTIONS = 16
ANSWER_LIMIT = 32 * 1024 * 1024  # some keep every silence of five days; beyond is no answer
FILTERS_LIMIT = 4
FILTER_VALUE_LIMIT = 200
BUSY_TRIES = 4
BUSY_WAIT = 100  # ms, doubled each time, times a random share

_PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_encode = msgspec.json.Encoder().encode


class Call(StrEnum):
    """The calls that are made; each is a metric label."""

    CREATE = "create_silence"
    GET = "get_silences"
    EXPIRE = "expire_silence"


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
    """One call of the API; ``template`` names its span."""

    call: Call
    method: str
    path: str
    template: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    silence_id: str = ""
    resend: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, whatever it says."""

    status: int
    body: bytes


Answer = TypeVar("Answer", Created, Listed, Expired)
Read = Callable[[int, bytes], Answer | Failure]


def build_http(timeouts: Timeouts | None = None) -> httpx.AsyncClient:
    """Build the HTTP client that all sources share.

    The environment's proxies are for Feishu, and a .netrc is nobody's intent, so neither is
    read; certificates are the system's, or SSL_CERT_FILE's.
    """
    chosen = timeouts or Timeouts()
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        timeout=httpx.Timeout(chosen.total, connect=chosen.connect, pool=chosen.connect),
        trust_env=False,
        verify=ssl.create_default_context(),
    )


class AlertmanagerClient:
    """One cluster's API; nothing expected is raised, and no answer is taken for more than it is.

    Raises:
        BadAddress: at construction, when a URL of the source is wrong.

    """

    def __init__(self, source: Source, ports: Ports, timeouts: Timeouts | None = None) -> None:
        self.name = source.name
        self._peers = peers_of(source)
        self._ports = ports
        self._total = (timeouts or Timeouts()).total

    def __repr__(self) -> str:
        return f"AlertmanagerClient({self.name!r})"

    async def create(self, body: Mapping[str, object]) -> Created | Failure:
        """Create a silence on one peer; another is tried only where surely nothing was sent."""
        request = Request(
            call=Call.CREATE,
            method="POST",
            path="/silences",
            template=f"{API}/silences",
            body=_encode(body),
        )
        answer: Created | Failure = Unreachable("no peers are configured")
        for resend, peer in enumerate(self._peers):
            answer = await self._attempt(peer, replace(request, resend=resend), read_created)
            if not isinstance(answer, Unreachable):
                break
        return answer

    async def silences(
        self, matchers: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Listed | Failure, ...]:
        """Ask every peer for the silences with these matchers, expired ones included.

        The server only helps: some matchers cannot be said to every version and are left out, so
        more may come than was asked for.
        """
        request = Request(
            call=Call.GET,
            method="GET",
            path="/silences",
            template=f"{API}/silences",
            params=_filters(matchers),
        )
        asked = [self._patiently(peer, request) for peer in self._peers]
        return tuple(await asyncio.gather(*asked))

    async def expire(self, silence_id: str) -> Expired | Failure:
        """End a silence; safe to repeat, so every peer is tried until one has done it.

        It is ``gone`` only if every peer says so: one that was cut off may never have heard.
        """
        request = Request(
            call=Call.EXPIRE,
            method="DELETE",
            path=f"/silence/{silence_id}",
            template=f"{API}/silence/{{silenceID}}",
            silence_id=silence_id,
        )
        failure: Failure | None = None if self._peers else Unreachable("no peers are configured")
        for resend, peer in enumerate(self._peers):
            answer = await self._attempt(peer, replace(request, resend=resend), read_expired)
            if answer == Expired():
                return answer
            if not isinstance(answer, Expired):
                failure = _weaker(failure, answer)
        return failure or Expired(gone=True)

    async def _patiently(self, peer: Peer, request: Request) -> Listed | Failure:
        answer = await self._attempt(peer, request, read_listed)
        for resend in range(1, BUSY_TRIES):
            if not isinstance(answer, Busy):
                break
            await self._ports.wait(int(BUSY_WAIT * 2**resend * (0.5 + self._ports.share())))
            answer = await self._attempt(peer, replace(request, resend=resend), read_listed)
        return answer

    async def _attempt(self, peer: Peer, request: Request, read: Read[Answer]) -> Answer | Failure:
        more = {attributes.SOURCE: self.name}
        if request.silence_id:
            more[attributes.SILENCE_ID] = request.silence_id
        url = peer.url(request.path)
        with self._ports.tracing.client_span(
            request.method, request.template, url, resend=request.resend, more=more
        ) as span:
            response = await self._exchange(peer, request)
            result, answer = _judge(response, read)
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
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
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


def _judge(response: Response | Exception, read: Read[Answer]) -> tuple[Result, Answer | Failure]:
    if isinstance(response, Response):
        answer = read(response.status, response.body)
        if isinstance(answer, Created | Listed | Expired):
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
    # The text of other errors can quote a header, and so a password.
    return f"connection broken ({type(error).__name__})"


def _describe(
    span: Span, response: Response | Exception, answer: Created | Listed | Expired | Failure
) -> None:
    if isinstance(response, Response):
        span.set_attribute(attributes.HTTP_STATUS, response.status)
    if isinstance(answer, Created):
        span.set_attribute(attributes.SILENCE_ID, answer.silence_id)
    if isinstance(answer, Refused | Unreachable | Unknown):
        kind = str(response.status) if isinstance(response, Response) else type(response).__name__
        span.set_attribute(attributes.ERROR_TYPE, kind)
        span.set_status(StatusCode.ERROR, answer.detail)


def _filters(matchers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return filters that every version reads alike: plain names, short printable values."""
    plain = (
        (name, value)
        for name, value in matchers
        if _PLAIN_NAME.fullmatch(name)
        and 0 < len(value) <= FILTER_VALUE_LIMIT
        and value.isprintable()
    )
    return tuple(("filter", str(equal(*pair))) for pair in list(plain)[:FILTERS_LIMIT])


def _weaker(before: Failure | None, answer: Failure) -> Failure:
    """Keep the failure that leaves more hope of succeeding later."""
    return answer if before is None or isinstance(before, Refused) else before

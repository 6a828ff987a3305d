"""One HTTP exchange with the platform: a whole answer, or the reason why there is none."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from receiver.channels.feishu.codes import shorten
from receiver.domain.outcome import Retry, RetryReason

# Servers commonly end idle connections after five seconds; a race with that loses an answer.
KEPT_ALIVE = 4.0
MAX_CONNECTIONS = 16
ANSWER_LIMIT = 4 * 1024 * 1024  # bytes; a page of a hundred members has some 20 KB
LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to reach the platform, and to have its whole answer."""

    connect: float = 2.0
    total: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; ``template`` and ``shown_url`` are what spans may say of it."""

    method: str
    url: str = field(repr=False)
    template: str
    shown_url: str
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    channel: str = ""  # the configured name of who asks


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever it says; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class TooLong(httpx.HTTPError):
    """An answer beyond ``ANSWER_LIMIT``."""


# Nothing was sent: no connection was made, or the request could not be written down.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_LATE = (TimeoutError, httpx.TimeoutException)
_UNREADABLE = (TooLong, httpx.DecodingError)


def build_client(timeouts: Timeouts | None = None) -> httpx.AsyncClient:
    """Build the HTTP client of one destination: at most 16 connections.

    The environment's proxies are followed, except to this very machine, where the sandbox is.
    """
    chosen = timeouts or Timeouts()
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEPT_ALIVE),
        timeout=httpx.Timeout(chosen.total, connect=chosen.connect, pool=chosen.connect),
        verify=ssl.create_default_context(),
        mounts=dict.fromkeys(LOOPBACK),
    )


async def exchange(http: httpx.AsyncClient, request: Request, total: float) -> Answer | Exception:
    """Send a request and read its answer within ``total`` seconds.

    What went wrong is returned, not raised; ``explain`` says what it means.
    """
    headers = {"Accept": "application/json", **request.headers}
    if request.body:
        headers["Content-Type"] = "application/json; charset=utf-8"
    try:
        # httpx limits each read; only this limits a server that answers byte by byte.
        async with (
            asyncio.timeout(total),
            http.stream(
                request.method, request.url, headers=headers, content=request.body or None
            ) as response,
        ):
            return Answer(response.status_code, dict(response.headers), await _read(response))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # Where a connection is refused while its answer is read, httpx lets the OSError through.
        return error


def skew(headers: Mapping[str, str], sent: int, answered: int) -> float | None:
    """Return how many seconds our clock is ahead of the server's, or None if it does not say.

    The server names the second in which it answered, somewhere between two Unix ms of ours; what
    it names is taken for the middle of both. The result is right within half a second and half of
    the time that the exchange took.
    """
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
        theirs = told.timestamp() + 0.5
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if told.tzinfo is None:  # no time of HTTP's; it would be taken for one of this host's zone
        return None
    return (sent + answered) / 2000 - theirs


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            raise TooLong(f"the answer is longer than {ANSWER_LIMIT} bytes")
    return bytes(body)


def explain(error: Exception) -> Retry:
    """Say what a failed exchange means: above all whether anything can have been accepted."""
    name = type(error).__name__
    if isinstance(error, _NOT_SENT):
        # The text of other errors can quote a URL or a header, and so a secret.
        said = shorten(str(error)) if isinstance(error, httpx.ConnectError) else ""
        return Retry(RetryReason.UNREACHABLE, detail=f"not reached: {said or name}")
    if isinstance(error, _LATE):
        return Retry(RetryReason.TIMEOUT, detail="no answer in time")
    if isinstance(error, _UNREADABLE):
        return Retry(RetryReason.SERVER_ERROR, detail=f"unreadable answer ({name})")
    return Retry(RetryReason.CONNECTION_LOST, detail=f"connection broken ({name})")

"""Asks the configured Prometheus for the values behind an alert, and waits two seconds at most.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

import asyncio
import math
from urllib.parse import urlencode

import httpx
import msgspec
from opentelemetry.trace import StatusCode

from receiver.alertmanager.answer import shorten
from receiver.alertmanager.call import Timeouts, TooLong, build_http
from receiver.alertmanager.peer import Peer, Source, peers_of
from receiver.alertmanager.tls import Tls
from receiver.domain.chart import NoChart, Series, Span, Unasked
from receiver.telemetry import attributes
from receiver.telemetry.tracing import Tracing

API = "/api/v1"
TOTAL = 2.0  # seconds for a whole answer; Prometheus itself gives up after as long
ANSWER_LIMIT = 2 << 20  # bytes: some thousand series; what is longer says nothing on a card
LARGE = 64 << 10  # bytes; reading more than this would keep the loop from others for some ms
_TIMEOUTS = Timeouts(connect=1.0, total=TOTAL)
_OK = 200
_WRONG_QUERY = (400, 422)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_PATH = "/query_range"


class _Series(msgspec.Struct):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Series] = []


class _Body(msgspec.Struct):
    data: _Data


class _Wrong(msgspec.Struct):
    error: str = ""


_body = msgspec.json.Decoder(_Body).decode
_wrong = msgspec.json.Decoder(_Wrong).decode


class Prometheus:
    """One source's Prometheus; only its configured address is ever called.

    Raises:
        BadAddress: at construction, when the URL is wrong.

    """

    def __init__(self, source: Source, http: httpx.AsyncClient, tracing: Tracing) -> None:
        self.name = source.name
        (self._peer,) = peers_of(source)
        self._http = http
        self._tracing = tracing

    def __repr__(self) -> str:
        return f"Prometheus({self.name!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def query_range(self, query: str, span: Span) -> tuple[Series, ...] | Unasked:
        """Return a query's values over a time; nothing is raised but cancellation."""
        form = {
            "query": query,
            "start": f"{span.start / 1000:.3f}",
            "end": f"{span.end / 1000:.3f}",
            "step": f"{span.step / 1000:.3f}",
            "timeout": f"{TOTAL:.0f}s",
        }
        with self._tracing.client_span(
            "POST", API + _PATH, self._peer.url(_PATH), more={attributes.SOURCE: self.name}
        ) as traced:
            found = await _asked(self._http, self._peer, urlencode(form, errors="replace"))
            if isinstance(found, Unasked):
                traced.set_attribute(attributes.ERROR_TYPE, found.reason)
                traced.set_status(StatusCode.ERROR, found.detail)
        return found


def build_prometheus_http(tls: Tls | None = None) -> httpx.AsyncClient:
    """Build the HTTP client of a Prometheus, which follows neither proxies nor redirects."""
    return build_http(_TIMEOUTS, tls=tls)


async def _asked(http: httpx.AsyncClient, peer: Peer, form: str) -> tuple[Series, ...] | Unasked:
    headers = {
        **peer.headers,
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        # httpx limits each read; only this limits a server that answers byte by byte.
        async with (
            asyncio.timeout(TOTAL),
            http.stream(
                "POST",
                peer.url(_PATH),
                headers=headers,
                content=form.encode(),
            ) as response,
        ):
            status, body = response.status_code, await _whole(response)
            if len(body) > LARGE:
                return await asyncio.to_thread(_read, status, body)
            return _read(status, body)
    except (TimeoutError, httpx.TimeoutException):
        return Unasked(NoChart.SLOW, f"no answer within {TOTAL:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # A server that refuses our certificate does so while its answer is read, and httpx lets
        # the OSError of that through.
        # The text of most errors can quote a header, and so a password.
        plain = isinstance(error, httpx.ConnectError | TooLong)
        said = shorten(str(error)) if plain else ""
        return Unasked(NoChart.FAILED, said or type(error).__name__)


async def _whole(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            raise TooLong(f"the answer is longer than {ANSWER_LIMIT} bytes")
    return bytes(body)


def _read(status: int, body: bytes) -> tuple[Series, ...] | Unasked:
    if status != _OK:
        try:
            # What refuses credentials might quote them.
            said = shorten(_wrong(body).error) if status in _WRONG_QUERY else ""
        except _UNREADABLE:
            said = ""
        return Unasked(NoChart.FAILED, f"HTTP {status} {said}".strip())
    try:
        found = _body(body).data.result
    except _UNREADABLE:
        return Unasked(NoChart.FAILED, "the answer cannot be read")
    return tuple(Series(each.metric, _points(each.values)) for each in found)


def _points(values: list[tuple[float, str]]) -> tuple[tuple[int, float], ...]:
    found = []
    for at, text in values:
        try:
            found.append((round(at * 1000), float(text)))
        except (ValueError, OverflowError):
            found.append((0, math.nan))  # left out when it is drawn
    return tuple(found)

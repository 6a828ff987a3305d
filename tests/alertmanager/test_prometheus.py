"""The values behind an alert, from the real Prometheus and from servers that mean no good."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from receiver.alertmanager import prometheus
from receiver.alertmanager.peer import Source
from receiver.alertmanager.prometheus import (
    ANSWER_LIMIT,
    API,
    TOTAL,
    Prometheus,
    _read,
    build_prometheus_http,
)
from receiver.domain.chart import MINUTE, NoChart, Series, Span, Unasked
from receiver.sandbox.server import serve_app
from receiver.telemetry.tracing import build_tracing
from tests.real_alertmanager import wall_clock
from tests.real_prometheus import real_prometheus
from tests.refusing import refusing

PASSWORD = "hunter2"  # noqa: S105  (of a server on loopback)
SPAN = Span(1_700_000_000_000, 1_700_000_600_000, MINUTE)
Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def asking(url: str, **more: object) -> AsyncIterator[Prometheus]:
    source = Source(name="prod", urls=(url,), api=API, **more)  # type: ignore[arg-type]
    async with build_prometheus_http() as http:
        yield Prometheus(source, http, build_tracing({}, "1"))


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    app = Starlette(routes=[Route("/{path:path}", handler, methods=["POST", "GET"])])
    async with serve_app(app, closing=lambda: None) as url:
        yield url


async def test_the_real_prometheus_tells_what_was(tmp_path: Path) -> None:
    now = wall_clock() // MINUTE * MINUTE
    past = {'instance="a"': lambda ago: 95.0 - ago / MINUTE, 'instance="b"': lambda _: 5.0}
    async with (
        real_prometheus(tmp_path, "disk_used", past, now, 60 * MINUTE) as url,
        asking(url) as server,
    ):
        span = Span(now - 30 * MINUTE, now, MINUTE)
        found = await server.query_range('disk_used{instance="a"} > 80', span)
        assert not isinstance(found, Unasked)
        (series,) = found
        assert series.labels == {"__name__": "disk_used", "instance": "a"}
        assert series.points[-1] == (now, 95.0)
        assert len(series.points) == 15  # it was above 80 in the last fifteen minutes
        whole = await server.query_range("disk_used", span)
        assert not isinstance(whole, Unasked)
        assert sorted(len(each.points) for each in whole) == [31, 31]
        wrong = await server.query_range("disk_used{", span)
        assert isinstance(wrong, Unasked)
        assert wrong.reason is NoChart.FAILED
        assert "HTTP 400" in wrong.detail
        assert "parse error" in wrong.detail
        assert await server.query_range("nothing_here", span) == ()


async def test_what_is_asked_and_shown() -> None:
    seen: list[tuple[str, str, dict[str, str]]] = []

    async def answer(request: Request) -> Response:
        told = dict(parse_qsl((await request.body()).decode()))
        seen.append((request.url.path, request.headers["authorization"], told))
        return Response(b'{"status":"success","data":{"resultType":"matrix","result":[]}}')

    async with (
        served(answer) as url,
        asking(f"{url}/prom", basic_auth=("me", PASSWORD)) as server,
    ):
        assert await server.query_range("x{a='1'} + 2", SPAN) == ()
    ((path, auth, form),) = seen
    assert path == "/prom/api/v1/query_range"
    assert auth == "Basic bWU6aHVudGVyMg=="
    assert form == {
        "query": "x{a='1'} + 2",
        "start": "1700000000.000",
        "end": "1700000600.000",
        "step": "60.000",
        "timeout": "2s",
    }


async def _slow(_: Request) -> Response:
    async def drip() -> AsyncIterator[bytes]:
        while True:  # never silent for long enough to be noticed by a timeout of reads
            yield b" "
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)

    return StreamingResponse(drip())


async def _endless(_: Request) -> Response:
    async def pour() -> AsyncIterator[bytes]:
        for _ in range(2 + ANSWER_LIMIT // 65_536):
            yield b" " * 65_536

    return StreamingResponse(pour())


async def _elsewhere(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(path="/secret")), 307)


async def _echo(request: Request) -> Response:
    return Response(f'{{"error": "you are {request.headers["authorization"]}"}}', 403)


async def _deep(_: Request) -> Response:
    return Response(b"[" * 100_000)


@pytest.mark.parametrize(
    ("handler", "reason", "detail"),
    [
        (_slow, NoChart.SLOW, f"no answer within {TOTAL:g} s"),
        (_endless, NoChart.FAILED, "longer than"),
        (_elsewhere, NoChart.FAILED, "HTTP 307"),
        (_deep, NoChart.FAILED, "the answer cannot be read"),
        (_echo, NoChart.FAILED, "HTTP 403"),
    ],
)
async def test_a_server_that_means_no_good(handler: Handler, reason: NoChart, detail: str) -> None:
    async with served(handler) as url, asking(url, bearer=PASSWORD) as server:
        found = await server.query_range("up", SPAN)
    assert isinstance(found, Unasked)
    assert found.reason is reason
    assert detail in found.detail
    assert PASSWORD not in found.detail
    assert PASSWORD not in repr(server)


async def test_much_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[threading.Thread] = []

    def watched(status: int, body: bytes) -> tuple[Series, ...] | Unasked:
        readers.append(threading.current_thread())
        return _read(status, body)

    monkeypatch.setattr(prometheus, "_read", watched)
    rows = [{"metric": {"n": str(n)}, "values": [[1, "2"]]} for n in range(5_000)]
    bodies = [msgspec.json.encode({"data": {"result": rows[:count]}}) for count in (5_000, 1)]

    async def answer(_: Request) -> Response:
        return Response(bodies[len(readers)])

    async with served(answer) as url, asking(url) as server:
        found = [await server.query_range("up", SPAN) for _ in bodies]
    assert [len(one) for one in found] == [5_000, 1]
    assert [one is threading.main_thread() for one in readers] == [False, True]


async def test_a_server_that_refuses_our_certificate(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (url, trust), httpx.AsyncClient(verify=trust) as http:
        source = Source(name="prod", urls=(url,), api=API, bearer=PASSWORD)
        found = await Prometheus(source, http, build_tracing({}, "1")).query_range("up", SPAN)
    assert isinstance(found, Unasked)
    assert found.reason is NoChart.FAILED
    assert PASSWORD not in found.detail


async def test_a_server_that_is_not_there() -> None:
    async with asking("http://127.0.0.1:9") as server:
        found = await server.query_range("up", SPAN)
    assert isinstance(found, Unasked)
    assert found.reason is NoChart.FAILED


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 204, 400, 500]))
def test_any_answer_is_survived(body: bytes, status: int) -> None:
    assert isinstance(_read(status, body), tuple)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=10,
)


@given(result=JSON)
def test_any_result_is_survived(result: object) -> None:
    body = msgspec.json.encode({"status": "success", "data": {"result": result}})
    assert isinstance(_read(200, body), tuple)


def test_values_that_are_no_numbers_are_none() -> None:
    row = {"metric": {"a": "1"}, "values": [[1.5, "2"], [2, "NaN"], [3, "no"], [4, "+Inf"]]}
    read = _read(200, msgspec.json.encode({"data": {"result": [row]}}))
    assert not isinstance(read, Unasked)
    (found,) = read
    assert [at for at, _ in found.points] == [1500, 2000, 0, 4000]
    assert found.points[0][1] == 2.0
    assert not any(math.isfinite(value) for _, value in found.points[1:])

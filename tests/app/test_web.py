"""What every endpoint shares: limits of bodies, faults as answers, addresses, and an end."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from receiver.telemetry.logs import build_logging
from receiver.web import TooLarge, address_of, application, listen, problem, read_body, serving

LIMIT = 1000


async def measure(request: Request) -> Response:
    """Answer with the length of the body."""
    try:
        return Response(str(len(await read_body(request, LIMIT))))
    except TooLarge:
        return problem(413, "too large", "more than the limit")


async def fail(_: Request) -> Response:
    """Have a fault, with something in it that must not be shown."""
    raise RuntimeError("the-inner-secret")


def client(log: io.BytesIO) -> httpx.AsyncClient:
    """Return a client of an app with these two endpoints."""
    table = (("/measure", measure, ("POST", "PUT")), ("/fail", fail, ("GET",)))
    app = application(table, build_logging("info", log)("http"))
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def parts(size: int) -> AsyncIterator[bytes]:
    """Yield a body of this size in parts."""
    for _ in range(size // 100):
        yield b"x" * 100
    yield b"x" * (size % 100)


@pytest.mark.parametrize(("size", "status"), [(0, 200), (1000, 200), (1001, 413), (50_000, 413)])
async def test_a_body_is_read_up_to_the_limit(size: int, status: int) -> None:
    async with client(io.BytesIO()) as http:
        whole = await http.post("/measure", content=b"x" * size)
        streamed = await http.post("/measure", content=parts(size))
    assert whole.status_code == streamed.status_code == status
    if status == 200:
        assert whole.text == streamed.text == str(size)


async def test_a_fault_is_logged_and_tells_nothing() -> None:
    log = io.BytesIO()
    async with client(log) as http:
        answer = await http.get("/fail")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    (line,) = log.getvalue().splitlines()
    event = json.loads(line)
    assert event["level"] == "error"
    assert event["path"] == "/fail"
    assert "RuntimeError" in event["exception"]


async def test_nothing_is_redirected() -> None:
    async with client(io.BytesIO()) as http:
        for path in ("/measure/", "/measure"):
            assert (await http.put(path, content=b"abc")).text == "3"
        assert (await http.post("//measure")).status_code == 404


async def test_an_address_in_use_is_refused_and_port_0_takes_any() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert address_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", port)


async def test_an_address_of_six_is_written_with_brackets() -> None:
    if not socket.has_ipv6:
        return
    with listen("::1", 0) as listener:
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


async def test_a_request_under_way_is_answered_before_the_end() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        begun.set()
        await go_on.wait()
        return Response("done")

    app = application((("/slow", slow, ("GET",)),), build_logging("info", io.BytesIO())("http"))
    listener = listen("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=address_of(listener), trust_env=False) as http:
        async with serving(app, listener, 5):
            asked = asyncio.create_task(http.get("/slow"))
            await begun.wait()
            asyncio.get_running_loop().call_soon(go_on.set)
        assert (await asked).text == "done"
        with pytest.raises(httpx.TransportError):
            await http.get("/slow")

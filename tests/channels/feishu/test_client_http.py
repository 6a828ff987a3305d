"""Answers that no platform should give: each ends in an outcome, in time, and within bounds."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route

from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.hook import FeishuBot
from receiver.channels.feishu.http import (
    ANSWER_LIMIT,
    MAX_CONNECTIONS,
    Answer,
    Request,
    Timeouts,
    build_client,
    exchange,
    explain,
    skew,
)
from receiver.channels.feishu.names import PAGES_LIMIT
from receiver.channels.feishu.token import Account
from receiver.domain.outcome import Delivered, Retry, RetryReason
from receiver.sandbox.server import serve_app
from tests.channels.feishu.parts import Parts, parts
from tests.refusing import refusing

SECRET = "s3cr3t"  # noqa: S105 - a test's


@asynccontextmanager
async def server(
    *parts: bytes, stay: bool = False, asked: Callable[[], object] = lambda: None
) -> AsyncIterator[str]:
    """Serve these bytes to every connection; then close it, or stay silent."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked()
        for part in parts:
            writer.write(part)
        try:
            await writer.drain()
            if stay:
                await over.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        try:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/{SECRET}"
        finally:
            over.set()


async def asked(url: str, total: float = 5.0) -> Answer | Exception:
    async with build_client() as http:
        request = Request(
            method="GET", url=url, template="/t", shown_url="s", headers={"Authorization": SECRET}
        )
        return await exchange(http, request, total)


def meaning(answer: Answer | Exception) -> RetryReason:
    assert isinstance(answer, Exception)
    retry = explain(answer)
    assert SECRET not in retry.detail
    return retry.reason


def headed(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % size, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_a_whole_answer_is_returned_with_lower_case_headers() -> None:
    async with server(headed(b"{}", b"X-Tt-Logid: l")) as url:
        answer = await asked(url)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.headers["x-tt-logid"]) == (200, b"{}", "l")


async def test_compressed_answers_are_read() -> None:
    async with server(headed(gzip.compress(b"{}"), b"Content-Encoding: gzip")) as url:
        answer = await asked(url)
    assert isinstance(answer, Answer)
    assert answer.body == b"{}"


@pytest.mark.parametrize(
    ("parts", "stay", "expected"),
    [
        ((), True, RetryReason.TIMEOUT),
        ((headed(b"{", length=10),), True, RetryReason.TIMEOUT),
        ((), False, RetryReason.CONNECTION_LOST),
        ((b"junk\r\n\r\n",), False, RetryReason.CONNECTION_LOST),
        ((headed(b"{", length=10),), False, RetryReason.CONNECTION_LOST),
        ((headed(b"no gzip", b"Content-Encoding: gzip"),), False, RetryReason.SERVER_ERROR),
        ((headed(bytes(ANSWER_LIMIT + 1)),), False, RetryReason.SERVER_ERROR),
        (
            (headed(gzip.compress(bytes(ANSWER_LIMIT + 1)), b"Content-Encoding: gzip"),),
            False,
            RetryReason.SERVER_ERROR,
        ),
    ],
    ids=["silent", "half", "closed", "junk", "cut", "no-gzip", "long", "bomb"],
)
async def test_a_broken_answer_is_ambiguous(
    parts: tuple[bytes, ...], stay: bool, expected: RetryReason
) -> None:
    async with server(*parts, stay=stay) as url:
        reason = meaning(await asked(url, total=0.2 if stay else 5.0))
    assert expected is reason
    assert reason.ambiguous


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/{SECRET}",
        f"http://name.invalid/{SECRET}",
        f"ftp://127.0.0.1/{SECRET}",
        f"http://127.0.0.1:x/{SECRET}",
    ],
)
async def test_what_was_never_sent_is_not_ambiguous(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    reason = meaning(await asked(url))
    assert RetryReason.UNREACHABLE is reason
    assert not reason.ambiguous


async def test_a_connection_refused_after_the_handshake_is_ambiguous(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (url, trust), httpx.AsyncClient(verify=trust) as http:
        request = Request(method="GET", url=f"{url}/{SECRET}", template="/t", shown_url="s")
        found = await exchange(http, request, 5.0)
    assert meaning(found) is RetryReason.CONNECTION_LOST


async def test_a_redirect_is_not_followed() -> None:
    answer_bytes = (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    )
    async with server(answer_bytes) as url:
        answer = await asked(url)
    assert isinstance(answer, Answer)
    assert answer.status == 302


async def test_a_full_pool_has_sent_nothing() -> None:
    busy = asyncio.Semaphore(0)
    async with server(stay=True, asked=busy.release) as url:
        timeouts = Timeouts(connect=1.0, total=30)
        async with build_client(timeouts) as http:
            request = Request(method="GET", url=url, template="/t", shown_url="s")
            waiting = [
                asyncio.ensure_future(exchange(http, request, 30)) for _ in range(MAX_CONNECTIONS)
            ]
            for _ in waiting:
                await asyncio.wait_for(busy.acquire(), 10)
            error = await exchange(http, request, 30)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(error, httpx.PoolTimeout)
    assert RetryReason.UNREACHABLE is meaning(error)


async def test_a_proxy_is_followed_but_not_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    async with server(headed(b"{}")) as url:
        assert isinstance(await asked(url), Answer)
        assert RetryReason.UNREACHABLE is meaning(await asked("http://open.feishu.invalid/"))


def test_a_request_does_not_print_its_secrets() -> None:
    request = Request(
        method="POST",
        url=f"http://x/{SECRET}",
        template="/t",
        shown_url="http://x/***",
        body=SECRET.encode(),
        headers={"Authorization": SECRET},
    )
    assert SECRET not in repr(request)


@asynccontextmanager
async def told(answers: dict[str, object]) -> AsyncIterator[tuple[FeishuApp, Parts]]:
    """Serve these documents by the end of the path, with HTTP 200 and any method."""

    async def answer(request: StarletteRequest) -> Response:
        end = request.url.path.rpartition("/")[2]
        return Response(msgspec.json.encode(answers[end]), media_type="application/json")

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PATCH"])])
    async with serve_app(app, closing=lambda: None) as url, parts(lambda: 0) as around:
        account = Account(name="ops", base_url=url, app_id="a", app_secret=SECRET)
        channel = FeishuApp(account, around.ports, around.observe_token)
        try:
            yield channel, around
        finally:
            await channel.close()


TOKEN = {"code": 0, "tenant_access_token": "t-1", "expire": 7200}
DRAWN = '{"msg_type":"text","content":{"text":"x"}}'


@pytest.mark.parametrize(
    "sent", [{}, {"data": None}, {"data": {}}, {"data": {"message_id": "a/../b"}}]
)
async def test_a_success_without_a_message_id_is_none(sent: dict[str, object]) -> None:
    async with told({"internal": TOKEN, "messages": {"code": 0, **sent}}) as (app, _):
        outcome = await app.send("oc_1", DRAWN, "u")
    assert isinstance(outcome, Retry)
    assert RetryReason.SERVER_ERROR is outcome.reason


@pytest.mark.parametrize(
    "token",
    [
        {},
        {"tenant_access_token": "", "expire": 7200},
        {"tenant_access_token": "t-\r\nX: y", "expire": 7200},
        {"tenant_access_token": "t-é", "expire": 7200},
        {"tenant_access_token": "t-1", "expire": 0},
        {"tenant_access_token": "t-1", "expire": "soon"},
    ],
)
async def test_a_token_that_is_none_is_not_used(token: dict[str, object]) -> None:
    async with told({"internal": {"code": 0, **token}}) as (app, around):
        outcome = await app.send("oc_1", DRAWN, "u")
    assert isinstance(outcome, Retry)
    assert RetryReason.TOKEN is outcome.reason
    assert around.tokens == [("ops", False, 0)]


async def test_a_token_is_believed_for_two_hours_at_most() -> None:
    forever = {**TOKEN, "expire": 10**12}
    async with told({"internal": forever, "messages": {"code": 0}}) as (app, around):
        await app.send("oc_1", DRAWN, "u")
    assert around.tokens == [("ops", True, 7_200_000)]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"user_list": None, "items": None},
        {"user_list": [{}, {"email": None, "user_id": "ou_1"}], "items": [{}, {"name": "x"}]},
        {"user_list": [{"email": "a@x", "user_id": "<at id=all>"}], "has_more": True},
        {"user_list": 1, "items": 1},
    ],
)
async def test_odd_answers_about_people_name_nobody(data: object) -> None:
    answers = {"internal": TOKEN, "batch_get_id": {"code": 0, "data": data}}
    async with told({**answers, "members": {"code": 0, "data": data}}) as (app, _):
        assert await app.people(["a@x"]) == ()
        assert await app.name_of("ou_1", "oc_1") == ""


async def test_a_list_of_members_without_end_is_left() -> None:
    page = {"items": [{"member_id": "ou_1", "name": "n"}], "has_more": True, "page_token": "p"}
    async with told({"internal": TOKEN, "members": {"code": 0, "data": page}}) as (app, around):
        assert await app.name_of("ou_2", "oc_1") == ""
        spans = [span for span in around.spans() if span.name.startswith("GET")]
    assert len(spans) == PAGES_LIMIT


AT = 1_790_000_000_000
TOLD = format_datetime(datetime.fromtimestamp(AT // 1000, UTC), usegmt=True)


@given(st.integers(-200_000_000, 200_000_000), st.integers(0, 999), st.integers(0, 10_000))
def test_our_clock_is_compared_with_the_date_of_an_answer(
    ahead: int, within: int, took: int
) -> None:
    sent = AT + within + ahead * 10
    found = skew({"date": TOLD}, sent, sent + took)
    assert found is not None
    assert abs(found - ahead / 100) <= 0.5 + took / 2000 + 1e-6


@given(st.one_of(st.text(max_size=40), st.just(TOLD.replace("GMT", "-0000"))))
def test_a_date_that_is_none_is_no_news(said: str) -> None:
    found = skew({"date": said}, AT, AT)
    assert found is None or isinstance(found, float)
    assert skew({}, AT, AT) is None
    assert skew({"date": ""}, AT, AT) is None
    assert skew({"date": "Sat, 32 Foo 99999 25:61:61 GMT"}, AT, AT) is None
    assert skew({"date": TOLD.replace("GMT", "-0000")}, AT, AT) is None


@pytest.mark.parametrize(("header", "seen"), [(f"Date: {TOLD}\r\n", 1), ("", 0)])
async def test_each_answer_that_names_its_time_tells_how_wrong_our_clock_is(
    header: str, seen: int
) -> None:
    told: list[tuple[str, float]] = []
    body = b'{"code":0}'
    head = f"HTTP/1.1 200 OK\r\n{header}Content-Length: {len(body)}\r\n\r\n".encode()
    async with server(head, body) as url, parts(lambda: AT + 90_500) as around:
        ports = replace(around.ports, observe_skew=lambda name, ahead: told.append((name, ahead)))
        bot = FeishuBot("legacy", url, "", ports)
        content = '{"msg_type":"text","content":{"text":"hello"}}'
        assert isinstance(await bot.send("", content, ""), Delivered)
    assert told == [("legacy", 90.0)] * seen

"""Faults: what a network and a tired platform do to a call, before its work or after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.knobs import BadKnob, Knobs
from receiver.sandbox.server import Sandbox, real_time, serve_sandbox
from tests.sandbox.driver import CHAT, START, Bot, card, lab


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Sandbox, Bot]]:
    """Yield a sandbox on a real port, and a bot that calls it over TCP."""
    async with (
        serve_sandbox(clock=VirtualClock(start=START)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.platform_url, trust_env=False) as http,
    ):
        assert sandbox.team is not None
        bot = Bot(http, sandbox.team.app.app_id, sandbox.team.app.secret)
        await bot.fetch_token()
        yield sandbox, bot


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
async def test_a_reset_may_come_before_or_after_the_work(after: bool, stored: int) -> None:
    async with served() as (sandbox, bot):
        sandbox.state.fault("create", "reset", after=after)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await bot.send(card(), uuid="u-1")
        assert len(sandbox.state.messages(CHAT)) == stored
        assert sandbox.state.calls[-1].http == 0
        await bot.sent(card(), uuid="u-1")
        assert len(sandbox.state.messages(CHAT)) == 1


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
async def test_a_hanging_call_is_never_answered(
    caplog: pytest.LogCaptureFixture, after: bool, stored: int
) -> None:
    async with served() as (sandbox, bot):
        sandbox.state.fault("create", "hang", after=after)
        with pytest.raises(httpx.ReadTimeout):
            await bot.http.post(
                "/open-apis/im/v1/messages?receive_id_type=chat_id",
                headers={"Authorization": f"Bearer {bot.token}"},
                json={"receive_id": CHAT, "msg_type": "text", "content": '{"text":"x"}'},
                timeout=httpx.Timeout(5, read=0.05),
            )
        await sandbox.state.until(lambda: sandbox.state.calls[-1].call == "create")
        assert len(sandbox.state.messages(CHAT)) == stored
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


async def test_a_sandbox_that_closes_lets_hanging_calls_go() -> None:
    async with served() as (sandbox, bot):
        sandbox.state.fault("create", "hang", after=True)
        call = asyncio.ensure_future(bot.send(card()))
        await sandbox.state.until(lambda: sandbox.state.messages(CHAT))
        sandbox.state.tenant.hub.close()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await call


async def test_a_slow_answer_takes_its_time_on_the_clock() -> None:
    async with served() as (sandbox, bot):
        sandbox.state.fault("create", "latency", ms=700, after=True)
        call = asyncio.ensure_future(bot.send(card()))
        await sandbox.state.until(lambda: sandbox.state.messages(CHAT))
        assert not call.done()
        sandbox.state.clock.advance(700)
        assert (await call).json()["code"] == 0
        assert sandbox.state.calls[-1].ms == 700


@pytest.mark.parametrize(
    ("fault", "http", "code"),
    [
        ({"kind": "code", "code": 230020}, 400, 230020),
        ({"kind": "code", "code": 230020, "http": 500}, 500, 230020),
        ({"kind": "code", "code": 99991400, "ms": 1_500}, 429, 99991400),
        ({"kind": "code", "code": 424242, "msg": "who knows"}, 400, 424242),
        ({"kind": "too_many"}, 400, 9499),
        ({"kind": "json"}, 500, 2200),
    ],
)
async def test_a_forced_code(fault: dict[str, Any], http: int, code: int) -> None:
    async with lab() as here:
        here.desk.fault("create", times=2, **fault)
        assert (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()["code"] == 0
        for _ in range(2):
            answer = await here.bot.send(card())
            assert (answer.status_code, answer.json()["code"]) == (http, code)
            assert answer.json()["error"]["log_id"] == answer.headers["x-tt-logid"]
            if code == 99991400:
                assert answer.headers["x-ogw-ratelimit-reset"] == "2"
        assert (await here.bot.send(card())).json()["code"] == 0


async def test_a_gateways_page_is_no_json() -> None:
    async with lab() as here:
        here.desk.fault("*", "html", after=True)
        answer = await here.bot.send(card())
        assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
        assert b"502 Bad Gateway" in answer.content
        assert len(here.desk.messages(CHAT)) == 1


async def test_the_group_bot_is_told_that_it_is_too_much_in_its_own_shape() -> None:
    async with lab() as here:
        here.desk.fault("hook", "too_many")
        answer = await here.hook({})
        assert answer.status_code == 400
        assert answer.json() == {"code": 9499, "msg": "too many request", "data": {}}
        here.desk.fault("hook", "code", code=11232)
        answer = await here.hook({})
        assert (answer.status_code, answer.json()["code"]) == (200, 11232)


async def test_faults_happen_in_their_order() -> None:
    async with lab() as here:
        here.desk.fault("create", "code", code=230018)
        here.desk.fault("*", "code", code=230020)
        codes = [(await here.bot.send(card())).json()["code"] for _ in range(3)]
        assert codes == [230018, 230020, 0]


async def test_without_a_server_a_reset_is_the_clients_error() -> None:
    async with lab() as here:
        here.desk.fault("create", "reset")
        with pytest.raises(ConnectionResetError):
            await here.bot.send(card())


@pytest.mark.parametrize(
    "fault",
    [{"kind": "code"}, {"kind": "reset", "times": 0}, {"kind": "reset", "often": 1}],
)
async def test_faults_that_cannot_be(fault: dict[str, Any]) -> None:
    async with lab() as here:
        with pytest.raises(BadKnob):
            here.desk.fault("create", **fault)
        assert len(here.desk.tenant.faults) == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kilobyte": 1}, "kilobyte"),
        ({"colour": "red"}, "colour"),
        ({"hook_order": ["parse"]}, "hook_order"),
        ({"callback_limit_ms": "soon"}, "callback_limit_ms"),
    ],
)
def test_knobs_that_cannot_be_turned_are_named(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadKnob, match=why):
        Knobs().turned(changes)


async def test_every_answer_may_be_slowed_down() -> None:
    async with lab() as here:
        here.desk.tenant.clock = VirtualClock(real_time)
        await here.bot.fetch_token()
        here.desk.turn(latency_ms=10)
        await here.bot.call("GET", "/open-apis/bot/v3/info")
        assert here.desk.calls[-1].ms >= 10

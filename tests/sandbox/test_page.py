"""The page's API: what it shows, and what people do through it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from receiver.sandbox import control
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.control import control_app
from receiver.sandbox.preset import ENCRYPT_KEY
from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.sandbox.driver import CHAT, START, Bot, callbacks, card


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Sandbox, Bot, httpx.AsyncClient]]:
    """Yield a sandbox, a bot, and a client of the page."""
    async with (
        serve_sandbox(clock=VirtualClock(start=START)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.platform_url, trust_env=False) as http,
        httpx.AsyncClient(base_url=sandbox.page_url, trust_env=False) as page,
    ):
        assert sandbox.team is not None
        bot = Bot(http, sandbox.team.app.app_id, sandbox.team.app.secret)
        await bot.fetch_token()
        yield sandbox, bot, page


async def test_the_state_holds_what_the_page_draws() -> None:
    async with served() as (sandbox, bot, page):
        assert sandbox.team is not None
        message_id = await bot.sent(card())
        state = (await page.get("/api/state")).json()
        assert state["now"] == START
        assert state["chats"][0]["chat_id"] == CHAT
        assert state["chats"][0]["members"][0] == {"open_id": "ou_li", "name": "李雷"}
        assert state["users"][0]["email"] == "li@example.com"
        assert state["apps"][0] == {
            "app_id": "cli_sandbox",
            "name": "告警助手",
            "bot_open_id": sandbox.team.app.bot_open_id,
            "callback_url": "",
            "long_connection": False,
        }
        assert state["hooks"] == [{"name": "平台组告警机器人", "chat_id": "oc_platform_team"}]
        (message,) = state["chats"][0]["messages"]
        assert message == {
            "message_id": message_id,
            "chat_id": CHAT,
            "sender": {"name": "告警助手", "kind": "app"},
            "msg_type": "interactive",
            "content": card(),
            "create_time": START,
            "update_time": START,
            "updates": 0,
            "root_id": None,
            "parent_id": None,
            "deleted": False,
            "locked": False,
            "mentions": [],
            "buzzes": [],
        }
        assert state["calls"][-1] == {
            "at": START,
            "app": "cli_sandbox",
            "call": "create",
            "chat_id": CHAT,
            "http": 200,
            "code": 0,
            "ms": 0,
        }


async def test_no_secret_is_in_the_state() -> None:
    async with served() as (sandbox, _, page):
        shown = (await page.get("/api/state")).text
        assert sandbox.team is not None
        app, hook = sandbox.team.app, sandbox.team.hook
        for secret in (app.secret, app.encrypt_key, app.tokens[0].value, hook.token, hook.secret):
            assert secret not in shown


async def test_what_happens_is_told_as_it_happens() -> None:
    async with served() as (sandbox, bot, page), page.stream("GET", "/api/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith(":")
        await bot.sent(card())
        seen: list[dict[str, Any]] = []
        async for line in lines:
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
            if len(seen) == 2:
                break
        assert seen[0]["type"] == "message"
        assert seen[0]["message"]["content"] == card()
        assert (seen[1]["type"], seen[1]["call"]["call"]) == ("call", "create")
        sandbox.state.tenant.hub.close()
        assert [line async for line in lines if line] == []


async def test_a_quiet_stream_beats() -> None:
    async with serve_sandbox() as sandbox:
        transport = _Streaming(control_app(sandbox.state, heartbeat_s=0.001))
        assert await transport.first_chunks(2) == [b": here\n\n", b": still here\n\n"]


class _Streaming:
    """Reads a stream from an ASGI app in process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def first_chunks(self, count: int) -> list[bytes]:
        chunks: list[bytes] = []
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.4"},
            "method": "GET",
            "path": "/api/events",
            "headers": [(b"host", b"localhost")],
            "query_string": b"",
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                chunks.append(message["body"])
            if len(chunks) == count:
                raise OSError("the reader has seen enough")

        with pytest.raises(ClientDisconnect):
            await self._app(scope, receive, send)
        return chunks


async def test_a_click_through_the_page() -> None:
    async def answer(got: dict[str, Any]) -> Response:
        who = got["event"]["operator"]["open_id"]
        return JSONResponse({"toast": {"type": "success", "content": who}})

    async with served() as (sandbox, bot, page), callbacks(answer, ENCRYPT_KEY) as server:
        assert sandbox.team is not None
        sandbox.team.app.callback_url = server.url
        message_id = await bot.sent(card())
        ask = {"message_id": message_id, "open_id": "ou_bob", "pointer": "/body/elements/1"}
        clicked = (await page.post("/api/click", json=ask)).json()
        assert clicked == {
            "code": 0,
            "http": 200,
            "latency_ms": 0,
            "toast": {"type": "success", "content": "ou_bob"},
            "card_replaced": False,
            "error": None,
            "blocked": False,
            "open_url": None,
        }
        ask["pointer"] = "/body/elements/0"
        refused = await page.post("/api/click", json=ask)
        assert refused.status_code == 400
        assert "nothing to click" in refused.json()["error"]


async def test_a_card_is_drawn_or_told_what_is_wrong() -> None:
    async with served() as (_, _, page):
        fine = (await page.post("/api/draw", json={"card": card()})).json()
        assert (fine["ok"], fine["elements"]) == (True, 3)
        assert fine["bytes"] > 100
        bad = (await page.post("/api/draw", json={"card": card({"tag": "note"})})).json()
        assert (bad["ok"], bad["code"]) == (False, 200861)
        assert "unsupported tag note" in bad["msg"]
        long = card({"tag": "markdown", "content": "x" * 31_000})
        assert (await page.post("/api/draw", json={"card": long})).json()["code"] == 230025
        assert (await page.post("/api/draw", json={})).json()["code"] == 200621


async def test_people_apps_chats_and_hooks_can_be_created() -> None:
    async with served() as (sandbox, bot, page):
        user = (await page.post("/api/users", json={"name": "Zoë", "email": "z@x.y"})).json()
        app = (await page.post("/api/apps", json={"name": "second"})).json()
        members = {"name": "new", "members": [user["open_id"]], "apps": [app["app_id"]]}
        chat = (await page.post("/api/chats", json=members)).json()
        assert chat["members"] == [{"open_id": user["open_id"], "name": "Zoë"}]
        hook = (await page.post("/api/hooks", json={"chat_id": chat["chat_id"]})).json()
        text = {"msg_type": "text", "content": {"text": "x"}}
        assert (await bot.http.post(hook["path"], json=text)).json()["code"] == 0
        bot.app_id, bot.secret = app["app_id"], app["app_secret"]
        await bot.fetch_token()
        await bot.sent(card(), to=chat["chat_id"])
        assert len(sandbox.state.messages(chat["chat_id"])) == 2


async def test_an_address_that_does_not_answer_is_not_saved() -> None:
    async with served() as (sandbox, _, page):
        ask = {"name": "x", "app_id": "cli_sandbox", "callback_url": "http://127.0.0.1:1/"}
        answer = (await page.post("/api/apps", json=ask)).json()
        assert (answer["ok"], answer["callback_url"]) == (False, "")
        assert answer["error"]
        assert sandbox.state.apps["cli_sandbox"].callback_url == ""


async def test_time_knobs_faults_recalls_and_talk() -> None:
    async with served() as (sandbox, bot, page):
        message_id = await bot.sent(card())
        moved = await page.post("/api/clock", json={"advance_ms": 5})
        assert moved.json() == {"now": START + 5}
        turned = await page.post("/api/knobs", json={"uuid_duplicate": "230049"})
        assert turned.json()["uuid_duplicate"] == "230049"
        assert (await page.get("/api/knobs")).json() == turned.json()
        fault = {"api": "create", "kind": "code", "code": 230018}
        assert (await page.post("/api/fault", json=fault)).json()["times"] == 1
        assert (await bot.send(card())).json()["code"] == 230018
        assert (await page.post("/api/recall", json={"message_id": message_id})).json()["ok"]
        assert sandbox.state.messages(CHAT)[0].gone == "recalled"
        words = {"chat_id": CHAT, "open_id": "ou_li", "text": "hello"}
        said = (await page.post("/api/say", json=words)).json()
        assert (said["sender"]["kind"], said["content"]) == ("user", {"text": "hello"})


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        ("click", {"message_id": "x"}, 400),
        ("clock", {"advance_ms": -1}, 400),
        ("clock", {"advance_ms": "x"}, 400),
        ("knobs", {"no_such": 1}, 400),
        ("fault", {"kind": "earthquake"}, 400),
        ("recall", {"message_id": "om_x"}, 404),
        ("recall", {"message_id": "om_x", "how": "burnt"}, 400),
        ("hooks", {"chat_id": "oc_x"}, 404),
        ("say", {"chat_id": CHAT, "open_id": "ou_x", "text": "x"}, 404),
        ("users", [], 400),
    ],
)
async def test_asks_that_are_refused_in_words(path: str, document: object, status: int) -> None:
    async with served() as (_, _, page):
        answer = await page.post(f"/api/{path}", json=document)
        assert answer.status_code == status
        assert answer.json()["error"]


async def test_foreign_sites_cannot_drive_the_page() -> None:
    async with served() as (_, _, page):
        plain = await page.post(
            "/api/clock", content='{"advance_ms": 1}', headers={"Content-Type": "text/plain"}
        )
        assert plain.status_code == 400
        rebound = await page.get("/api/state", headers={"Host": "evil.example"})
        assert rebound.status_code == 400


async def test_the_page_and_its_files_are_served() -> None:
    async with served() as (_, _, page):
        index = await page.get("/")
        assert index.status_code == 200
        assert index.headers["content-type"].startswith("text/html")
        for path in sorted(control.PAGE.iterdir()):
            assert (await page.get(f"/static/{path.name}")).status_code == 200
        assert (await page.get("/static/../server.py")).status_code == 404


async def test_two_sandboxes_run_side_by_side() -> None:
    async with serve_sandbox(seed="a") as one, serve_sandbox(seed="b", preset=False) as two:
        assert one.platform_url != two.platform_url
        assert one.state.tenant.ids.mint() != two.state.tenant.ids.mint()
        assert one.hook_url.startswith(one.platform_url)
        with pytest.raises(LookupError, match="no group bot"):
            two.hook_url  # noqa: B018 - asking is the test

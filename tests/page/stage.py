"""A sandbox with one chat, an app that answers its callbacks, and somebody who reads the page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from playwright.async_api import Browser, Locator, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.server import Sandbox, serve_app, serve_sandbox
from receiver.sandbox.state import App, Chat, Message, User
from tests.browser import reader
from tests.page.cards import Json

MESSAGES = "/open-apis/im/v1/messages"


@dataclass
class Callbacks:
    """The app's side of a click: what it was asked, what it answers, and when."""

    answer: Json = field(default_factory=dict)
    asked: list[Json] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: Request) -> Response:
        """Take a callback and answer it once the gate is open."""
        document = await request.json()
        if document.get("type") == "url_verification":
            return JSONResponse({"challenge": document["challenge"]})
        async with self.arrived:
            self.asked.append(document)
            self.arrived.notify_all()
        await self.open.wait()
        return JSONResponse(self.answer)

    async def action(self, count: int = 1) -> Json:
        """Wait for the n-th callback and return its action."""
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= count)
        return self.actions[count - 1]

    @property
    def actions(self) -> list[Json]:
        """The `action` of each callback so far."""
        return [document["event"]["action"] for document in self.asked]


@dataclass
class Stage:
    """What a test of the page has at hand."""

    sandbox: Sandbox
    app: App
    chat: Chat
    users: list[User]
    http: httpx.AsyncClient
    callbacks: Callbacks
    page: Page

    async def send(self, content: Json, kind: str = "interactive", **more: str) -> str:
        """Send a message as the app and return its id, once the page shows it."""
        body = {
            "receive_id": more.get("to", self.chat.chat_id),
            "msg_type": kind,
            "content": json.dumps(content),
        }
        answer = await self.http.post(f"{MESSAGES}?receive_id_type=chat_id", json=body)
        message_id = _id(answer)
        if body["receive_id"] == self.chat.chat_id:
            await self.message(message_id).wait_for()
        return message_id

    async def reply(self, message_id: str, text: str) -> str:
        """Reply to a message as the app."""
        body = {"msg_type": "text", "content": json.dumps({"text": text})}
        return _id(await self.http.post(f"{MESSAGES}/{message_id}/reply", json=body))

    async def patch(self, message_id: str, content: Json, updates: int = 1) -> None:
        """Patch a card and wait until the page shows its n-th update."""
        body = {"content": json.dumps(content)}
        answer = await self.http.patch(f"{MESSAGES}/{message_id}", json=body)
        assert answer.json()["code"] == 0, answer.text
        await self.page.locator(
            f"[data-message-id='{message_id}'][data-updates='{updates}']"
        ).wait_for()

    async def place(self, content: Json, kind: str = "interactive") -> str:
        """Put a message into the chat past every check, and wait until the page shows it."""
        tenant = self.sandbox.state.tenant
        now = tenant.clock.now()
        message = Message(
            message_id=tenant.ids.mint("om_"),
            chat_id=self.chat.chat_id,
            sender_id=self.app.app_id,
            sender_name=self.app.name,
            sender_kind="app",
            msg_type=kind,
            content=content,
            create_time=now,
            update_time=now,
        )
        tenant.post(message)
        await self.message(message.message_id).wait_for()
        return message.message_id

    def message(self, message_id: str) -> Locator:
        """Find a message on the page."""
        return self.page.locator(f"[data-message-id='{message_id}']")


def _id(answer: httpx.Response) -> str:
    document = answer.json()
    assert document["code"] == 0, document
    return str(document["data"]["message_id"])


@asynccontextmanager
async def stage(browser: Browser, **circumstances: str | int) -> AsyncIterator[Stage]:
    """Run a sandbox with two people and open its page; `circumstances` go to `reader`."""
    callbacks = Callbacks()
    callbacks.open.set()
    app = Starlette(routes=[Route("/callback", callbacks.receive, methods=["POST"])])
    async with (
        serve_sandbox(preset=False) as sandbox,
        serve_app(app, closing=callbacks.open.set) as bot_url,
        httpx.AsyncClient(base_url=sandbox.platform_url) as http,
    ):
        desk = sandbox.state
        users = [desk.add_user("王小明", "ming@example.com"), desk.add_user("Alice Chen")]
        bot = desk.add_app("告警机器人", callback_url=f"{bot_url}/callback")
        chat = desk.add_chat("存储值班")
        secrets = {"app_id": bot.app_id, "app_secret": bot.secret}
        answer = await http.post("/open-apis/auth/v3/tenant_access_token/internal", json=secrets)
        http.headers["Authorization"] = f"Bearer {answer.json()['tenant_access_token']}"
        async with reader(browser, sandbox.page_url, **circumstances) as page:  # type: ignore[arg-type]
            yield Stage(sandbox, bot, chat, users, http, callbacks, page)

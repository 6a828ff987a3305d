"""A sandbox at hand for its own tests: a clock that stands still, a bot that calls the API."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.desk import Desk
from receiver.sandbox.platform import platform_app
from receiver.sandbox.preset import ENCRYPT_KEY, Team, small_team
from receiver.sandbox.server import serve_app
from receiver.sandbox.state import Tenant

START = 1_700_000_000_000
CHAT = "oc_production_alerts"
MESSAGES = "/open-apis/im/v1/messages"


def button(value: object = None, **more: Any) -> dict[str, Any]:
    """Return a button that calls back with `value`."""
    return {
        "tag": "button",
        "text": {"tag": "plain_text", "content": "Ack"},
        "behaviors": [{"type": "callback", "value": value or {"a": "ack"}}],
        **more,
    }


def card(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a card of JSON 2.0 that may be updated."""
    shown = list(elements) or [{"tag": "markdown", "content": "disk full"}, button()]
    return {
        "schema": "2.0",
        "config": {"update_multi": True},
        "body": {"elements": shown},
        **more,
    }


@dataclass
class Bot:
    """An app bot that calls the platform's API over `http`."""

    http: httpx.AsyncClient
    app_id: str
    secret: str
    token: str = ""

    async def fetch_token(self) -> dict[str, Any]:
        """Fetch a token and use it from now on."""
        answer = await self.http.post(
            "/open-apis/auth/v3/tenant_access_token/internal",
            json={"app_id": self.app_id, "app_secret": self.secret},
        )
        document: dict[str, Any] = answer.json()
        self.token = document.get("tenant_access_token", "")
        return document

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Call an API with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.http.request(method, path, headers=headers, **more)

    async def send(
        self, content: object, kind: str = "interactive", *, to: str = CHAT, **more: Any
    ) -> httpx.Response:
        """Send a message; `content` is dumped unless it is a string."""
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        id_type = more.pop("id_type", "chat_id")
        body = {"receive_id": to, "msg_type": kind, "content": text, **more}
        return await self.call("POST", f"{MESSAGES}?receive_id_type={id_type}", json=body)

    async def sent(self, content: object, kind: str = "interactive", **more: Any) -> str:
        """Send a message that must succeed and return its id."""
        answer = await self.send(content, kind, **more)
        assert answer.json()["code"] == 0, answer.text
        message_id: str = answer.json()["data"]["message_id"]
        return message_id

    async def patch(self, message_id: str, content: object) -> httpx.Response:
        """Patch a card."""
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        return await self.call("PATCH", f"{MESSAGES}/{message_id}", json={"content": text})

    async def reply(self, message_id: str, text: str, **more: Any) -> httpx.Response:
        """Reply with a text."""
        body = {"msg_type": "text", "content": json.dumps({"text": text}), **more}
        return await self.call("POST", f"{MESSAGES}/{message_id}/reply", json=body)


@dataclass
class Lab:
    """A sandbox in process, with its clock in hand."""

    clock: VirtualClock
    desk: Desk
    team: Team
    http: httpx.AsyncClient
    bot: Bot

    async def hook(self, document: object, **headers: str) -> httpx.Response:
        """Post to the preset's group bot."""
        path = f"/open-apis/bot/v2/hook/{self.team.hook.token}"
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.http.post(path, content=content, headers=headers)

    def shown(self, message_id: str) -> dict[str, Any]:
        """Return a message's content."""
        return self.desk.tenant.messages[message_id].content


@asynccontextmanager
async def lab() -> AsyncIterator[Lab]:
    """Yield a sandbox whose clock stands at START, and a bot that has its token."""
    clock = VirtualClock(start=START)
    tenant = Tenant(clock)
    desk = Desk(tenant)
    team = small_team(desk)
    transport = httpx.ASGITransport(app=platform_app(tenant))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(desk.close)
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://feishu")
        )
        bot = Bot(http, team.app.app_id, team.app.secret)
        await bot.fetch_token()
        yield Lab(clock, desk, team, http, bot)


Answering = Callable[[dict[str, Any]], Awaitable[Response]]


@dataclass
class Callbacks:
    """An app's callback server: what it got, and how it answers."""

    answer: Answering
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)


@asynccontextmanager
async def callbacks(answer: Answering, encrypt_key: str = "") -> AsyncIterator[Callbacks]:
    """Serve a callback address that notes each body, decrypted if there is a key."""
    server = Callbacks(answer)

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        server.requests.append(request)
        server.raw.append(body)
        document = json.loads(body)
        if encrypt_key:
            document = json.loads(decrypted(document["encrypt"], encrypt_key))
        server.got.append(document)
        return await server.answer(document)

    app = Starlette(routes=[Route("/callback", endpoint, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        server.url = f"{url}/callback"
        yield server


@asynccontextmanager
async def clickable(
    document: object = None, http: int = 200
) -> AsyncIterator[tuple[Lab, Callbacks]]:
    """Yield a lab whose app answers every callback with `document`."""

    async def answer(_: dict[str, Any]) -> Response:
        return JSONResponse({} if document is None else document, http)

    async with lab() as here, callbacks(answer, ENCRYPT_KEY) as server:
        here.team.app.callback_url = server.url
        yield here, server


def decrypted(text: str, key: str) -> bytes:
    """Undo AES-256-CBC with PKCS7, written here a second time on purpose."""
    raw = base64.b64decode(text)
    secret = hashlib.sha256(key.encode()).digest()
    decryptor = Cipher(algorithms.AES(secret), modes.CBC(raw[:16])).decryptor()
    padded = decryptor.update(raw[16:]) + decryptor.finalize()
    return padded[: -padded[-1]]

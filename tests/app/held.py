"""Servers that answer when the test says so: a platform, and an Alertmanager."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.server import serve_app

TENANT_TOKEN = "t-g104beef5ec2e7t0kenthatnobodymaysee"  # noqa: S105  (a stand-in's)
PATIENCE = 20.0


@dataclass
class Held:
    """What arrived, and the leave to answer it."""

    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    answer: tuple[int, Any] = (200, {})
    bodies: list[bytes] = field(default_factory=list)

    async def hold(self, request: Request) -> Response:
        """Take a request in, and answer once released."""
        self.bodies.append(await request.body())
        self.arrived.set()
        await self.release.wait()
        return JSONResponse(self.answer[1], self.answer[0])

    async def waiting(self) -> None:
        """Wait until a request is held."""
        await asyncio.wait_for(self.arrived.wait(), PATIENCE)


@asynccontextmanager
async def _served(routes: list[Route], held: Held) -> AsyncIterator[Held]:
    async with serve_app(Starlette(routes=routes), closing=held.release.set) as url:
        held.url = url
        yield held


@asynccontextmanager
async def held_platform() -> AsyncIterator[Held]:
    """Run a platform that hands out tokens at once, and messages when released."""
    held = Held(answer=(200, {"code": 0, "msg": "", "data": {"message_id": "om_held"}}))

    async def token(_: Request) -> Response:
        said = {"code": 0, "msg": "ok", "tenant_access_token": TENANT_TOKEN, "expire": 7200}
        return JSONResponse(said)

    async def members(_: Request) -> Response:
        return JSONResponse({"code": 0, "data": {"items": [], "has_more": False}})

    api = "/open-apis"
    routes = [
        Route(f"{api}/auth/v3/tenant_access_token/internal", token, methods=["POST"]),
        Route(f"{api}/im/v1/chats/{{chat}}/members", members),
        Route(f"{api}/im/v1/messages", held.hold, methods=["POST"]),
    ]
    async with _served(routes, held) as running:
        yield running


@asynccontextmanager
async def held_alertmanager(status: int = 200) -> AsyncIterator[Held]:
    """Run an Alertmanager that has no silences, and creates one when released."""
    said: Any = {"silenceID": "3f6c2a50-1111-4222-8333-444455556666"}
    held = Held(answer=(status, said if status == 200 else "no such luck"))

    async def nothing(_: Request) -> Response:
        return JSONResponse([])

    path = "/api/v2/silences"
    routes = [Route(path, held.hold, methods=["POST"]), Route(path, nothing)]
    async with _served(routes, held) as running:
        yield running

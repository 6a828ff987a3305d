"""Stands between Alertmanager and the receiver: notes when each alert came, and hands it on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox.server import serve_app
from tests.stories.cards import Json

KEPT = ("authorization", "content-type", "user-agent")


@dataclass
class Witness:
    """What was heard; ``heard`` has Unix ms by (status, instance), the first time alone.

    ``answers`` is cleared to hold back what the receiver answers.
    """

    now: Callable[[], int]
    url: str = ""
    heard: dict[tuple[str, str], int] = field(default_factory=dict)
    bodies: list[Json] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[[], object], limit: float) -> None:
        """Wait for something that is heard."""
        async with asyncio.timeout(limit), self._more:
            await self._more.wait_for(lambda: bool(condition()))

    async def hears(self, status: str, *instances: str, limit: float = 30) -> None:
        """Wait until each of these was answered as firing or resolved."""
        wanted = {(status, instance) for instance in instances}
        await self.until(lambda: wanted <= self.heard.keys(), limit)

    async def note(self, body: bytes, at: int, answered: int) -> None:
        """Note a body that was answered: it came at this moment, in Unix ms."""
        document = msgspec.json.decode(body)
        async with self._more:
            self.bodies.append(document)
            if answered != httpx.codes.OK:
                self.refusals.append(answered)
            for one in document["alerts"]:
                self.heard.setdefault((one["status"], one["labels"].get("instance", "")), at)
            self._more.notify_all()


@asynccontextmanager
async def witness(to: str, now: Callable[[], int]) -> AsyncIterator[Witness]:
    """Run a witness before a receiver until the block ends; ``now`` is Unix ms."""
    made = Witness(now)
    made.answers.set()
    receiver = urlsplit(to)

    async def hand_on(request: Request) -> Response:
        at, body = now(), await request.body()
        status, answer = await _forward(receiver, request, body)
        await made.note(body, at, status)
        await made.answers.wait()
        return Response(answer, status)

    app = Starlette(routes=[Route("/{path:path}", hand_on, methods=["POST"])])
    async with serve_app(app, closing=made.answers.set) as url:
        made.url = url
        yield made


async def _forward(to: SplitResult, request: Request, body: bytes) -> tuple[int, bytes]:
    """Post a body over a connection of its own, which three hundred at once need be cheap for."""
    head = [f"POST {request.url.path} HTTP/1.1", f"Host: {to.netloc}", "Connection: close"]
    head += [f"{name}: {request.headers[name]}" for name in KEPT if name in request.headers]
    head += [f"Content-Length: {len(body)}", "", ""]
    reader, writer = await asyncio.open_connection(to.hostname, to.port)
    try:
        writer.write("\r\n".join(head).encode() + body)
        answer = await reader.read()
    finally:
        writer.close()
    start, _, told = answer.partition(b"\r\n\r\n")
    return int(start.split(b" ", 2)[1]), told

"""A small Alertmanager that misbehaves on demand, one raw connection at a time."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

TLS_HANDSHAKE = b"\x16"  # https://www.rfc-editor.org/rfc/rfc8446#section-5.1


class Manner(StrEnum):
    """How an answer goes out."""

    WHOLE = "whole"
    HANG = "hang"  # nothing, until the client leaves
    DRIP = "drip"  # the head, and then a byte at a time that never completes the body
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What to do with one request; without ``body`` the honest answer is given."""

    accept: bool = True
    manner: Manner = Manner.WHOLE
    status: int = 200
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Hostile:
    """The server's memory; ``script`` is used up from the left, and honesty follows."""

    name: str
    script: deque[Act] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    uptime: str | None = "2026-01-01T00:00:00Z"
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    unknown: tuple[int, bytes] = (404, b"")

    def honest(self, request: Seen) -> tuple[int, bytes]:
        """Do what Alertmanager does."""
        path = urlsplit(request.target).path
        if request.method == "POST":
            return 200, json.dumps({"silenceID": self.add(json.loads(request.body))}).encode()
        if request.method == "GET":
            return 200, json.dumps(self._asked(path.rpartition("/api/v2")[2])).encode()
        found = self.silences.get(path.rpartition("/")[2])
        if found is None:
            return self.unknown
        found["status"] = {"state": "expired"}
        return 200, b""

    def _asked(self, path: str) -> object:
        if path == "/status":
            return {"config": {"original": ""}, "uptime": self.uptime}
        if path == "/alerts":
            return self.alerts
        if path == "/alerts/groups":
            return [{"alerts": self.alerts, "labels": {}, "receiver": {"name": self.name}}]
        return list(self.silences.values())

    def add(self, body: dict[str, Any]) -> str:
        """Keep a silence, and return its id."""
        silence_id = f"{self.name}-{len(self.silences) + 1}"
        kept = {**body, "id": silence_id, "status": {"state": "active"}}
        kept["updatedAt"] = body.get("startsAt", "")
        self.silences[silence_id] = kept
        return silence_id

    def filters(self, at: int = -1) -> list[str]:
        """Return the filters of a request."""
        return parse_qs(urlsplit(self.seen[at].target).query).get("filter", [])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        gone = (asyncio.IncompleteReadError, ConnectionError, UnicodeDecodeError)
        try:
            with suppress(*gone):
                while await self._turn(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _receive(reader)
        self.seen.append(request)
        self.arrived.set()
        act = self.script.popleft() if self.script else Act()
        return await self._answer(act, request, reader, writer)

    async def _answer(
        self,
        act: Act,
        request: Seen,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        status, body = self.honest(request) if act.accept else (200, b"")
        if act.body is not None:
            status, body = act.status, act.body
        if act.manner is Manner.RESET:
            writer.transport.abort()
            return False
        if act.manner is Manner.HANG:
            await reader.read()
            return False
        length = len(body) + 1 if act.manner is Manner.DRIP else len(body)
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {length}"]
        head += [f"{name}: {value}" for name, value in act.headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
        if act.manner is Manner.DRIP:
            await reader.read()
            return False
        return True


async def _receive(reader: asyncio.StreamReader) -> Seen:
    first = await reader.readexactly(1)
    if first == TLS_HANDSHAKE:
        raise ConnectionError("this is no HTTP")
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method=method, target=target, headers=headers, body=body)


@asynccontextmanager
async def hostile(name: str = "one", *script: Act) -> AsyncIterator[Hostile]:
    """Serve on a port of the kernel's choice until the block ends and all clients have left."""
    server = Hostile(name=name, script=deque(script))
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(server.serve(reader, writer)))

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def closed_port() -> str:
    """Return a URL where nothing listens."""
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    return f"http://127.0.0.1:{port}"

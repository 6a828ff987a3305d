"""One connection from its first ping to its last acknowledgement."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import httpx
import msgspec
from structlog.typing import FilteringBoundLogger
from websockets.exceptions import ConnectionClosed

from receiver.channels.feishu.stream_endpoint import Endpoint, Loss, Trouble
from receiver.channels.feishu.stream_frame import (
    CONTROL,
    DATA,
    BadFrame,
    Frame,
    decode,
    encode,
    ping,
)
from receiver.channels.feishu.stream_pace import Pace, told
from receiver.channels.feishu.stream_parts import BadPart, Parts
from receiver.telemetry.tracing import Tracing

# The platform waits three seconds: https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
ANSWER_MOST: Final = 2.8
ANSWERED_AT_ONCE: Final = 64  # messages; the connection is read no further while so many are open
KINDS: Final = ("event", "card")  # the official clients drop cards; we do not


class Unheard(Exception):
    """A message that could not be kept: it must come again, or the click is to fail visibly."""


class Wire(Protocol):
    """What a session needs of a connection."""

    async def recv(self) -> str | bytes:
        """Return the next message; raises ConnectionClosed at the end."""

    async def send(self, message: bytes) -> None:
        """Send a message; raises ConnectionClosed at the end."""

    async def close(self) -> None:
        """Say farewell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who is told of what happens: for metrics."""

    connected: Callable[[bool], None]
    lost: Callable[[Loss], None]
    framed: Callable[[str], None]
    acknowledged: Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPorts:
    """What a long connection needs from outside.

    ``hear`` gets a message's JSON and returns what answers it, or nothing; it raises Unheard.
    ``timer`` is a clock in seconds that is never set; ``share`` returns a number in [0, 1);
    ``tell`` tells the operators (title, text, cause) what only they can cure.
    """

    http: Callable[[], httpx.AsyncClient]
    hear: Callable[[bytes], Awaitable[bytes]]
    open: Callable[[str], Awaitable[Wire | Trouble]]
    tracing: Tracing
    log: FilteringBoundLogger
    timer: Callable[[], float]
    share: Callable[[], float]
    sleep: Callable[[asyncio.Event, float], Awaitable[None]]
    tell: Callable[[str, str, str], Awaitable[None]]
    seen: Seen


class _Response(msgspec.Struct, omit_defaults=True):
    code: int
    data: str = ""


class Session:
    """One connection: read, answered, probed, and closed once its answers are out."""

    def __init__(self, wire: Wire, endpoint: Endpoint, pace: Pace, ports: StreamPorts) -> None:
        self.pace = pace
        self.proved = False  # whether a ping was ever answered
        self._wire = wire
        self._service = endpoint.service
        self._ports = ports
        self._parts = Parts()
        self._room = asyncio.Semaphore(ANSWERED_AT_ONCE)
        self._answers: set[asyncio.Task[None]] = set()
        self._heard = ports.timer()
        self._repaced = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> Loss:
        """Serve until the connection ends, falls silent, or ``stop`` is set; say which."""
        reading = asyncio.create_task(self._read())
        probing = asyncio.create_task(self._probe())
        stopping = asyncio.create_task(stop.wait())
        tasks = (reading, probing, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await self._drain()
        finally:
            for task in tasks[1:]:
                task.cancel()
            with suppress(ConnectionClosed, OSError):
                await self._wire.close()
            reading.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._drain()  # a click on a lost connection is kept all the same
        if stop.is_set():
            return Loss.STOPPED
        silent = probing.done() and not probing.cancelled() and probing.exception() is None
        return Loss.SILENT if silent else Loss.CLOSED

    async def _drain(self) -> None:
        if self._answers:
            await asyncio.wait(self._answers, timeout=ANSWER_MOST)

    async def _read(self) -> None:
        while True:
            message = await self._wire.recv()
            if isinstance(message, str):
                self._ports.seen.framed("malformed")
                continue
            try:
                await self._take(decode(message))
            except (BadFrame, BadPart) as bad:
                self._ports.seen.framed("malformed")
                self._ports.log.warning("frame not understood", why=str(bad))

    async def _take(self, frame: Frame) -> None:
        kind = frame.header("type")
        if frame.method == CONTROL:
            self._control(kind, frame)
        elif frame.method == DATA and kind in KINDS:
            await self._data(kind, frame)
        else:
            self._ports.seen.framed("other")

    def _control(self, kind: str, frame: Frame) -> None:
        if kind != "pong":
            self._ports.seen.framed("ping" if kind == "ping" else "other")
            return
        self._ports.seen.framed("pong")
        self._heard = self._ports.timer()
        self.proved = True
        pace = told(frame.payload, self.pace) if frame.payload else self.pace
        if pace != self.pace:
            self.pace = pace
            self._repaced.set()  # or the prober would sleep for as long as was right before

    async def _data(self, kind: str, frame: Frame) -> None:
        now = self._ports.timer()
        place = (frame.header("sum"), frame.header("seq"))
        message = frame.header("message_id")
        payload = self._parts.add(message, place, frame.payload or b"", now)
        self._ports.seen.framed(kind)
        if payload is None:
            return
        await self._room.acquire()
        task = asyncio.create_task(self._answer(frame, payload, now))
        self._answers.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        self._room.release()

    async def _answer(self, frame: Frame, payload: bytes, began: float) -> None:
        """Send the same frame back, with what the message is answered with."""
        ports = self._ports
        response = msgspec.json.encode(await self._response(payload))
        took = ports.timer() - began
        headers = (*frame.headers, ("biz_rt", str(max(round(took * 1000), 0))))
        with suppress(ConnectionClosed, OSError):
            await self._wire.send(encode(frame._replace(headers=headers, payload=response)))
            ports.seen.acknowledged(took)

    async def _response(self, payload: bytes) -> _Response:
        try:
            async with asyncio.timeout(ANSWER_MOST):
                said = await self._ports.hear(payload)
        except (Unheard, TimeoutError):
            return _Response(500)
        except Exception:
            self._ports.log.exception("message not answered")
            return _Response(500)
        return _Response(200, base64.b64encode(said).decode())

    async def _probe(self) -> None:
        """Ping at each interval; end when the answers have been missing for too long."""
        ports, sent = self._ports, self._heard
        await self._wire.send(encode(ping(self._service)))
        while (now := ports.timer()) < (end := self._heard + self.pace.silence):
            if now >= sent + self.pace.ping:
                await self._wire.send(encode(ping(self._service)))
                sent = now
            self._repaced.clear()
            await ports.sleep(self._repaced, max(min(sent + self.pace.ping, end) - now, 0))

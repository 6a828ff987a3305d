"""The long connection against the sandbox's: answered, probed, cut, refused, and let go."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from receiver.channels.feishu.http import build_client
from receiver.channels.feishu.stream import Stream
from receiver.channels.feishu.stream_endpoint import Loss, Trouble
from receiver.channels.feishu.stream_pace import SLOW
from receiver.channels.feishu.stream_session import Seen, StreamPorts, Unheard, Wire
from receiver.channels.feishu.stream_wire import open_wire
from receiver.channels.feishu.token import Account
from receiver.sandbox.callbacks import NO_CONNECTION, NOT_200, TOO_LATE
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.telemetry.logs import build_logging
from receiver.telemetry.tracing import build_tracing
from tests.sandbox.driver import CHAT

APP = "cli_sandbox"
EVENT = {"header": {"event_type": "card.action.trigger"}, "event": {"text": "你好" * 50}}
OTHER = {"header": {"event_type": "im.message.receive_v1"}, "event": {}}


@dataclass
class Stand:
    """A sandbox, a stream, its clock, and what it said."""

    sandbox: Sandbox
    at: float = 0.0
    heard: list[Any] = field(default_factory=list)
    lost: list[Loss] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    log: io.BytesIO = field(default_factory=io.BytesIO)
    connected: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ticks: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Callable[[Any], Any] = lambda _: {"toast": {"type": "info", "content": "ok"}}
    secret: str = ""
    watching: asyncio.Task[None] | None = None

    async def hear(self, payload: bytes) -> bytes:
        """Keep a message, and answer it as the test wants."""
        document = json.loads(payload)
        self.heard.append(document)
        self.note()
        answer = self.answer(document)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return json.dumps(answer).encode() if answer is not None else b""

    async def open(self, url: str) -> Wire | Trouble:
        """Connect for real, and remember to where."""
        self.opened.append(url)
        return await open_wire(url)

    async def sleep(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or for the test to say that the time has passed."""
        self.waits.append(seconds)
        self.note()
        passing = asyncio.create_task(self.ticks.wait())
        coming = asyncio.create_task(event.wait())
        try:
            await asyncio.wait((passing, coming), return_when=asyncio.FIRST_COMPLETED)
        finally:
            passing.cancel()
            coming.cancel()

    def tick(self, seconds: float) -> None:
        """Let time pass for all who wait."""
        self.at += seconds
        self.ticks.set()
        self.ticks = asyncio.Event()

    def note(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something holds that the stream or the sandbox shows."""
        if self.watching is None:
            self.watching = asyncio.create_task(self._watch())
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def _watch(self) -> None:
        async for _ in self.sandbox.state.tenant.hub.events(60):
            self.note()  # until the sandbox closes

    def has(self, kind: str, number: int) -> bool:
        """Whether so many frames of a kind came."""
        return self.frames.count(kind) == number

    def waited(self, number: int) -> bool:
        """Whether it has waited so often."""
        return len(self.waits) == number

    def see(self, kind: str, value: Any) -> None:
        """Remember what is observed."""
        if kind == "connected":
            self.connected = value
        else:
            getattr(self, kind).append(value)
        self.note()

    async def tell(self, *note: str) -> None:
        """Take a note to the operators."""
        self.told.append((note[0], note[1], note[2]))
        self.note()

    async def send(self, document: Any = EVENT, limit_ms: int = 3_000) -> Any:
        """Let the platform send a message along the connection."""
        app = self.sandbox.state.apps[APP]
        app.long_connection = True
        return await self.sandbox.state.courier.post(app, document, limit_ms)


def stream_of(stand: Stand, http: Any) -> Stream:
    tracing = build_tracing({}, "1")
    ports = StreamPorts(
        http=lambda: http,
        hear=stand.hear,
        open=stand.open,
        tracing=tracing,
        log=build_logging("debug", stand.log)("stream"),
        timer=lambda: stand.at,
        share=lambda: 0.5,
        sleep=stand.sleep,
        tell=stand.tell,
        seen=Seen(
            connected=lambda value: stand.see("connected", value),
            lost=lambda value: stand.see("lost", value),
            framed=lambda value: stand.see("frames", value),
            acknowledged=lambda value: stand.see("acks", value),
        ),
    )
    account = Account(
        name="ops",
        base_url=stand.sandbox.platform_url,
        app_id=APP,
        app_secret=stand.secret or stand.sandbox.state.apps[APP].secret,
    )
    return Stream(account, ports)


@asynccontextmanager
async def streaming(*, wait: bool = True, secret: str = "", **knobs: Any) -> AsyncIterator[Stand]:
    async with serve_sandbox() as sandbox, build_client() as http:
        sandbox.state.turn(**knobs)
        stand = Stand(sandbox, secret=secret)
        stream = stream_of(stand, http)
        running = asyncio.create_task(stream.run())
        try:
            if wait:
                await stand.until(lambda: stand.connected and "pong" in stand.frames)
            yield stand
        finally:
            stream.stop()
            await asyncio.wait_for(running, 5)
            assert not stand.connected
            for hidden in ("access_key", "ticket", "sandbox-app-secret"):
                assert hidden not in stand.log.getvalue().decode()


@pytest.mark.parametrize("kind", ["event", "card"])
@pytest.mark.parametrize("size", [0, 100])
async def test_a_click_is_answered_whatever_it_is_called_and_however_it_is_cut(
    kind: str, size: int
) -> None:
    async with streaming(ws_click_type=kind, ws_fragment_bytes=size) as stand:
        answered = await stand.send()
        assert (answered.code, json.loads(answered.body)) == (
            0,
            {"toast": {"type": "info", "content": "ok"}},
        )
        assert stand.heard == [EVENT]
        assert stand.frames.count(kind) == (1 if not size else -(-len(json_of(EVENT)) // size))
        (ack,) = stand.sandbox.state.tenant.lines.acks
        assert ack.header("type") == kind
        assert ack.header("biz_rt") == "0"
        assert ack.headers[-1][0] == "biz_rt"
        assert len(stand.acks) == 1


def json_of(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def test_an_event_is_acknowledged_without_data() -> None:
    async with streaming() as stand:
        stand.answer = lambda _: None
        assert (await stand.send(OTHER)).body == b"{}"
        (ack,) = stand.sandbox.state.tenant.lines.acks
        assert json.loads(ack.payload) == {"code": 200}


async def test_what_cannot_be_heard_or_breaks_fails_visibly_and_the_connection_stays() -> None:
    async with streaming() as stand:

        def refuse(_: Any) -> Any:
            raise Unheard

        def breaks(_: Any) -> Any:
            raise LookupError("a fault of ours")

        for answer in (refuse, breaks):
            stand.answer = answer
            assert (await stand.send()).code == NOT_200
        assert stand.connected
        assert b"a fault of ours" in stand.log.getvalue()


async def test_a_slow_answer_is_late_for_the_platform_and_disturbs_no_other() -> None:
    async with streaming() as stand:
        slow = asyncio.Event()

        async def answer(document: Any) -> Any:
            if document == EVENT:
                await slow.wait()
            return {}

        stand.answer = answer
        first = asyncio.create_task(stand.send(limit_ms=100))
        await stand.until(lambda: stand.heard)
        assert (await stand.send(OTHER)).code == 0
        assert (await first).code == TOO_LATE
        slow.set()


async def test_pings_follow_the_interval_that_pongs_bring() -> None:
    async with streaming(ws_ping_interval_s=40) as stand:
        assert stand.waits[-1] == 40
        stand.sandbox.state.turn(ws_ping_interval_s=7)
        stand.tick(40)
        await stand.until(lambda: stand.waits[-1] == 7)
        for pongs in (3, 4):
            stand.tick(7)
            await stand.until(partial(stand.has, "pong", pongs))
        assert stand.connected


async def test_a_connection_without_pongs_is_left_for_a_fresh_one() -> None:
    async with streaming(ws_ping_interval_s=10, ws_reconnect_nonce_s=6) as stand:
        stand.sandbox.state.turn(ws_pong="drop")
        stand.tick(10)
        await stand.until(lambda: len(stand.waits) >= 2)
        assert stand.connected
        stand.tick(10)
        await stand.until(lambda: stand.lost == [Loss.SILENT])
        await stand.until(lambda: stand.waits[-1] == 3)  # half of the nonce
        stand.sandbox.state.turn(ws_pong="answer")
        stand.tick(3)
        await stand.until(lambda: stand.connected)
        assert len(set(stand.opened)) == 2


async def test_a_cut_connection_comes_back_with_a_fresh_address() -> None:
    async with streaming(ws_reconnect_nonce_s=8, ws_reconnect_interval_s=50) as stand:
        assert stand.sandbox.state.cut_connections(APP) == 1
        await stand.until(lambda: stand.lost == [Loss.CLOSED])
        await stand.until(lambda: stand.waits[-1] == 4)
        stand.sandbox.state.fault("ws_endpoint", "json")
        stand.tick(4)
        await stand.until(lambda: stand.lost == [Loss.CLOSED, Loss.BUSY])
        await stand.until(lambda: stand.waits[-1] == 50)
        stand.tick(50)
        await stand.until(lambda: stand.connected)
        assert len(set(stand.opened)) == 2
        assert (await stand.send()).code == 0
        assert stand.told == []


@pytest.mark.parametrize(("kind", "how"), [("reset", {}), ("code", {"code": 1, "http": 200})])
async def test_what_passes_by_itself_is_tried_again_at_the_interval(
    kind: str, how: dict[str, int]
) -> None:
    async with serve_sandbox() as sandbox, build_client() as http:
        sandbox.state.fault("ws_endpoint", kind, times=2, **how)
        stand = Stand(sandbox)
        running = asyncio.create_task(stream_of(stand, http).run())
        for number in (1, 2):
            await stand.until(partial(stand.waited, number))
            stand.tick(120)
        await stand.until(lambda: stand.connected)
        assert stand.waits[:2] == [15, 120]
        assert stand.told == []
        running.cancel()


async def test_a_wrong_secret_is_told_with_the_cure_and_tried_slowly() -> None:
    async with streaming(wait=False, secret="another") as stand:  # noqa: S106
        await stand.until(lambda: stand.told and stand.waits)
        title, text, cause = stand.told[0]
        assert "ops" in title
        assert "app_secret" in text
        assert stand.lost == [Loss.REFUSED]
        assert stand.waits == [SLOW * 0.75]
        stand.tick(SLOW)
        await stand.until(lambda: len(stand.told) == 2)
        assert stand.told[1][2] == cause  # the operators' desk tells one cause once a day


async def test_the_fifty_first_connection_is_refused_and_does_not_hammer() -> None:
    async with streaming() as stand:
        lines = stand.sandbox.state.tenant.lines
        lines.open.extend(lines.open * 49)
        other = Stand(stand.sandbox)
        async with build_client() as http:
            running = asyncio.create_task(stream_of(other, http).run())
            await other.until(lambda: other.waits)
            assert other.lost == [Loss.REFUSED]
            assert "50" in other.told[0][1]
            running.cancel()
        del lines.open[1:]


async def test_a_message_goes_to_one_connection_of_several() -> None:
    async with streaming() as stand, build_client() as http:
        other = Stand(stand.sandbox)
        second = stream_of(other, http)
        running = asyncio.create_task(second.run())
        await other.until(lambda: other.connected)
        for _ in range(16):
            assert (await stand.send()).code == 0
        assert len(stand.heard) + len(other.heard) == 16
        assert stand.heard
        assert other.heard
        second.stop()
        await running


async def test_a_stop_waits_for_the_answers_under_way() -> None:
    async with serve_sandbox() as sandbox, build_client() as http:
        stand = Stand(sandbox)
        stream = stream_of(stand, http)
        running = asyncio.create_task(stream.run())
        await stand.until(lambda: stand.connected)
        go = asyncio.Event()

        async def answer(_: Any) -> Any:
            await go.wait()
            return {"toast": {"type": "info", "content": "late but there"}}

        stand.answer = answer
        click = asyncio.create_task(stand.send())
        await stand.until(lambda: stand.heard)
        stream.stop()
        go.set()
        answered = await click
        assert b"late but there" in answered.body
        await running
        assert (await stand.send()).code == NO_CONNECTION


async def test_an_event_is_pushed_again_after_a_500() -> None:
    async with streaming() as stand:
        stand.sandbox.state.apps[APP].long_connection = True
        failing = [True]

        def answer(_: Any) -> Any:
            if failing:
                failing.pop()
                raise Unheard
            return None

        stand.answer = answer
        stand.sandbox.state.say(CHAT, "ou_li", "help")
        await stand.until(lambda: len(stand.sandbox.state.tenant.lines.acks) == 1)
        await stand.until(lambda: any(call.code for call in stand.sandbox.state.calls))
        stand.sandbox.state.clock.advance(15_000)
        await stand.until(lambda: len(stand.heard) == 2)
        assert stand.heard[0]["header"] == stand.heard[1]["header"]


async def test_frames_that_nobody_can_read_are_counted_and_the_connection_stays() -> None:
    async with streaming() as stand:
        (line,) = stand.sandbox.state.tenant.lines.of(APP)
        await line.socket.send_bytes(b"\xff\xff")
        await line.socket.send_text("hello")
        await stand.until(lambda: stand.frames.count("malformed") == 2)
        assert (await stand.send()).code == 0

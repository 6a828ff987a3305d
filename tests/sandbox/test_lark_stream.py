"""The official SDK's own long connection, an independent witness, works with the sandbox's."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from receiver.sandbox.callbacks import TOO_LATE
from receiver.sandbox.preset import APP_ID, APP_SECRET
from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.sandbox.driver import CHAT, Bot, card

SCRIPT = Path(__file__).with_name("lark_stream.py")
START = 60  # seconds: the SDK takes a while to import
PING = 1


@asynccontextmanager
async def witness(sandbox: Sandbox) -> AsyncIterator[asyncio.StreamReader]:
    """Run the SDK's client in a process of its own, since it keeps a loop of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        sandbox.platform_url,
        APP_ID,
        APP_SECRET,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"NO_PROXY": "127.0.0.1", "PATH": ""},
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def line_of(said: asyncio.StreamReader, kind: str) -> str:
    """Return what follows the kind in its next line; the SDK writes lines of its own."""
    async for line in said:
        if line.startswith(kind.encode()):
            return line.decode().removeprefix(kind).strip()
    raise AssertionError("the witness ended")


async def test_it_connects_pings_and_answers_clicks_and_events_whole_or_in_parts() -> None:
    async with serve_sandbox() as sandbox, witness(sandbox) as said:
        desk = sandbox.state
        desk.turn(ws_ping_interval_s=PING)
        await desk.until(lambda: desk.tenant.lines.of(APP_ID), START)
        assert desk.use_long_connection(APP_ID) is None
        async with httpx.AsyncClient(base_url=sandbox.platform_url, trust_env=False) as http:
            bot = Bot(http, APP_ID, APP_SECRET)
            await bot.fetch_token()
            message = await bot.sent(card())
        clicked = await desk.click(message, "ou_bob", "/body/elements/1")
        assert (clicked.code, clicked.http) == (0, 200)
        assert clicked.toast is not None
        assert clicked.toast["content"] == "acked"
        assert await line_of(said, "click") == "ack"
        desk.turn(ws_fragment_bytes=200)
        desk.say(CHAT, "ou_li", "silence 2h " + "很长" * 100)
        assert json.loads(await line_of(said, "said")) == {"text": "silence 2h " + "很长" * 100}
        await desk.until(lambda: len(desk.tenant.lines.acks) == 2)
        desk.turn(ws_fragment_bytes=0, ws_click_type="card", callback_limit_ms=300)
        # It drops what is called a card, which we answer.
        assert (await desk.click(message, "ou_bob", "/body/elements/1")).code == TOO_LATE
        await desk.until(lambda: desk.tenant.lines.pings >= 2)

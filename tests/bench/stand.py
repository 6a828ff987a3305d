"""A stand-in of the platform with chats for a storm, and the configuration that leads there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from receiver.sandbox.preset import HOOK_SECRET
from receiver.sandbox.server import Sandbox, serve_sandbox

CHATS = 20
LOOK = 0.05
Json = dict[str, Any]

OFF: Json = {"storm": {"enabled": False}}


@contextlib.asynccontextmanager
async def platform(latency: int = 0, chats: int = CHATS) -> AsyncIterator[Sandbox]:
    """Run a sandbox with these chats; each of its answers takes ``latency`` ms."""
    async with serve_sandbox() as sandbox:
        for number in range(chats):
            sandbox.state.add_chat(f"bench {number}", chat_id=_chat(number))
        sandbox.state.turn(latency_ms=latency)
        yield sandbox


def chat_routes(chats: int = CHATS) -> list[Json]:
    """Return the routes that lead an alert with the label ``chat`` to the chat of that number."""
    named: list[Json] = [
        {"match": [f'chat="{number}"'], "targets": [f"ops:{_chat(number)}"]}
        for number in range(chats)
    ]
    return [*named, {"targets": ["ops:oc_platform_team"]}]


def labels(group: int, chats: int = CHATS, *, critical: bool = False) -> Mapping[str, str]:
    """Return the labels that lead a group to its chat."""
    severity = {"severity": "critical"} if critical else {}
    return {"chat": str(group % chats), **severity}


def bot_keys(sandbox: Sandbox) -> Json:
    """Return the keys of a configuration in which a group bot shows everything."""
    bot = {"name": "bot", "webhook_url": sandbox.hook_url, "secret": HOOK_SECRET}
    return {"feishu": [bot], "routes": [{"targets": ["bot"]}]}


async def until(condition: Callable[[], bool], patience: float) -> bool:
    """Wait until something holds, or so many seconds are over; say which."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while not condition():  # noqa: ASYNC110  (what happens in another process, too)
                await asyncio.sleep(LOOK)
    return condition()


def _chat(number: int) -> str:
    return f"oc_bench_{number}"

"""How long a storm takes to be shown, against the shortest time that the limits allow.

Storm mode is off: each incident has a message of its own. The storms run at once, each with its
own receiver and platform in processes of their own: they mostly wait.
"""

import asyncio
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvloop

from receiver.sandbox.server import Sandbox
from tests.bench.bodies import post
from tests.bench.ideal import Rule, ideal
from tests.bench.load import press
from tests.bench.service import service
from tests.bench.stand import OFF, bot_keys, chat_routes, labels, platform, until

# https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
BOT = (Rule(5, 1_000), Rule(100, 60_000))
# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN
APP = (Rule(50, 1_000), Rule(1_000, 60_000))
# https://open.feishu.cn/document/server-docs/im-v1/message/create
CHAT = (Rule(5, 1_000),)

CONNECTIONS = 16
PATIENCE = 3  # times the ideal, after which a storm is given up
MARGIN = 30.0
HALF_HOUR = 1_800_000


@dataclass(frozen=True, slots=True)
class Storm:
    """One-alert groups that all fire at once; without chats they go to one group bot."""

    name: str
    incidents: int
    chats: int

    def limit(self) -> float:
        """Return the ideal in seconds, as the documented limits allow."""
        return self._ideal(*((BOT, ()) if not self.chats else (APP, CHAT)))

    def kept(self) -> float:
        """Return the ideal in seconds with the share kept free for critical cards."""
        shared, each = (BOT, ()) if not self.chats else (APP, CHAT)
        return self._ideal([rule.lesser() for rule in shared], [rule.lesser() for rule in each])

    def _ideal(self, shared: Sequence[Rule], each: Sequence[Rule]) -> float:
        chats = max(self.chats, 1)
        calls = [len(range(number, self.incidents, chats)) for number in range(chats)]
        return ideal(shared, each, calls) / 1_000


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of a storm: seconds from its first webhook to its last message, and calls."""

    seconds: float
    shown: int
    calls: int
    refused: tuple[int, ...]  # with which codes
    crossed: bool  # the half hour, at which sends to group bots are spread on purpose


def storms(scale: float) -> tuple[Storm, ...]:
    """Return the storms that are measured."""
    return (
        Storm("one group bot", round(300 * scale), 0),
        Storm("20 chats, one app", round(2_000 * scale), 20),
        Storm("one chat", round(200 * scale), 1),
    )


async def run(scale: float) -> None:
    """Print the table."""
    chosen = [storm for storm in storms(scale) if storm.incidents]
    loop = asyncio.get_running_loop()
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(chosen), mp_context=spawning) as pool:
        drained = await asyncio.gather(
            *(loop.run_in_executor(pool, measured, storm) for storm in chosen)
        )
    print("\nstorms, storm mode off: seconds until all is shown, and ratios to the ideal")
    print(
        f"{'storm':20} {'groups':>6} {'shown':>6} {'calls':>6} {'refused':>7} {'took s':>7} "
        f"{'ideal s':>8} {'ratio':>6} {'less share':>10} {'ratio':>6}"
    )
    for storm, one in zip(chosen, drained, strict=True):
        _print(storm, one)


def _print(storm: Storm, one: Drained) -> None:
    limit, kept = storm.limit(), storm.kept()
    note = f"  refused with {sorted(set(one.refused))}" if one.refused else ""
    note += "  (over the half hour, where a bot's sends are spread)" if one.crossed else ""
    print(
        f"{storm.name:20} {storm.incidents:6} {one.shown:6} {one.calls:6} {len(one.refused):7} "
        f"{one.seconds:7.1f} {limit:8.1f} {_ratio(one.seconds, limit)} {kept:10.1f} "
        f"{_ratio(one.seconds, kept)}{note}",
        flush=True,
    )


def _ratio(took: float, wanted: float) -> str:
    return f"{took / wanted:6.2f}" if wanted else f"{'-':>6}"


def measured(storm: Storm) -> Drained:
    """Measure one storm in this process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_storm(storm))


async def _storm(storm: Storm) -> Drained:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with platform(chats=storm.chats) as sandbox:
            keys = {"routes": chat_routes(storm.chats)} if storm.chats else bot_keys(sandbox)
            async with service(
                Path(folder), feishu=sandbox.platform_url, keys={**keys, **OFF}
            ) as running:
                return await _drain(storm, sandbox, running.port)


async def _drain(storm: Storm, sandbox: Sandbox, port: int) -> Drained:
    requests = [
        post(group, labels=labels(group, storm.chats) if storm.chats else {})
        for group in range(storm.incidents)
    ]
    now, messages = sandbox.state.clock.now, sandbox.state.tenant.messages
    started = now()
    fired = asyncio.create_task(press(port, iter(requests), CONNECTIONS))
    await until(lambda: len(messages) >= storm.incidents, PATIENCE * storm.kept() + MARGIN)
    await fired
    calls = [call for call in sandbox.state.calls if call.call in ("create", "hook", "patch")]
    last = max((message.create_time for message in messages.values()), default=now())
    return Drained(
        seconds=(last - started) / 1_000,
        shown=len(messages),
        calls=len(calls),
        refused=tuple(call.code for call in calls if call.code),
        crossed=started // HALF_HOUR != last // HALF_HOUR,
    )

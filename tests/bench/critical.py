"""Critical cards while a storm of lesser ones waits: from the webhook to the platform's answer."""

import asyncio
import json
import re
import tempfile
from pathlib import Path
from statistics import quantiles

from receiver.sandbox.server import Sandbox
from tests.bench.bodies import post
from tests.bench.load import paced, press
from tests.bench.service import service
from tests.bench.stand import CHATS, OFF, chat_routes, labels, platform, until

INCIDENTS = 10_000
A_MINUTE = 5_000
CRITICAL_IN = 100  # one in so many is critical
PATIENCE = 60.0

_GROUP = re.compile(r"prod-([0-9]+)")


def _is_critical(group: int) -> bool:
    return group % CRITICAL_IN == CRITICAL_IN // 2


async def run(scale: float) -> None:
    """Print the latencies with storm mode on and off."""
    total = round(INCIDENTS * scale)
    print(
        f"\ncritical cards under a storm: {total} incidents, {A_MINUTE} a minute, {CHATS} chats,"
        f" one in {CRITICAL_IN} critical; webhook to the platform's answer"
    )
    print(
        f"{'storm mode':10} {'critical':>8} {'shown':>6} {'p50 ms':>8} {'p99 ms':>8} "
        f"{'worst ms':>9} {'refused':>7}"
    )
    for name, keys in (("on", {}), ("off", OFF)):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            async with (
                platform() as sandbox,
                service(
                    Path(folder),
                    feishu=sandbox.platform_url,
                    keys={"routes": chat_routes(), **keys},
                ) as running,
            ):
                fired = await _pour(sandbox, running.port, total)
                wanted = sum(map(_is_critical, range(total)))
                await until(lambda: len(_shown(sandbox)) >= wanted, PATIENCE)  # noqa: B023
                _print(name, fired, sandbox)


async def _pour(sandbox: Sandbox, port: int, total: int) -> dict[int, int]:
    """Post at a steady rate, whatever is answered; return when each critical one was sent."""
    sent: dict[int, int] = {}
    tasks: set[asyncio.Task[object]] = set()
    async for group in paced(total, A_MINUTE / 60):
        critical = _is_critical(group)
        # Moved by one with each critical group, so that they meet all chats.
        chat = labels(group + group // CRITICAL_IN, critical=critical)
        request = post(group, labels=chat)
        if critical:
            sent[group] = sandbox.state.clock.now()
        task: asyncio.Task[object] = asyncio.create_task(press(port, iter([request]), 1))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return sent


def _shown(sandbox: Sandbox) -> dict[int, int]:
    """Return when the first card of each critical group was accepted, in Unix ms."""
    first: dict[int, int] = {}
    for message in sandbox.state.tenant.messages.values():
        found = set(map(int, _GROUP.findall(json.dumps(message.content))))
        group = found.pop() if len(found) == 1 else -1  # a digest shows many
        if group >= 0 and _is_critical(group):
            first.setdefault(group, message.create_time)
    return first


def _print(name: str, sent: dict[int, int], sandbox: Sandbox) -> None:
    shown = _shown(sandbox)
    took = sorted(shown[group] - at for group, at in sent.items() if group in shown)
    cuts = quantiles(took, n=100, method="inclusive") if len(took) > 1 else [0.0] * 99
    refused = sum(call.code != 0 for call in sandbox.state.calls)
    print(
        f"{name:10} {len(sent):8} {len(took):6} {cuts[49]:8.0f} {cuts[98]:8.0f} "
        f"{max(took, default=0):9} {refused:7}",
        flush=True,
    )

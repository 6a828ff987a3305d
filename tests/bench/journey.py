"""From a webhook to the platform's answer, with a platform that answers at once."""

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.bench.bodies import posts
from tests.bench.load import press
from tests.bench.service import service

CARDS = 150


def _shown(sandbox: Sandbox, chat: str, number: int) -> bool:
    return len(sandbox.state.messages(chat)) > number


async def run(scale: float) -> None:
    """Print the latency of single cards on an idle service, the sandbox's own time included."""
    cards = max(round(CARDS * scale), 2)
    latencies: list[float] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with (
            serve_sandbox() as sandbox,
            service(Path(folder), feishu=sandbox.platform_url) as running,
        ):
            chat = "oc_platform_team"
            for number, post in enumerate(posts(range(cards), 1)):
                started = time.perf_counter()
                await press(running.port, iter([post]), 1)
                await sandbox.state.until(partial(_shown, sandbox, chat, number))
                latencies.append((time.perf_counter() - started) * 1000)
                await asyncio.sleep(0.25)  # inside the chat's five a second: this is no storm
    cuts = quantiles(latencies, n=100)
    print(
        f"\nwebhook to the platform's answer, idle: p50 {median(latencies):.1f} ms, "
        f"p99 {cuts[98]:.1f} ms, {cards} cards"
    )

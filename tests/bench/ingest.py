"""Accepted webhooks and alerts a second, each durable before its answer."""

import tempfile
from pathlib import Path
from statistics import median

from tests.bench.bodies import posts
from tests.bench.load import Measured, press
from tests.bench.service import service

RUNS = 3
BODIES = {1: 20_000, 10: 4_000, 100: 400}
CONNECTIONS = (1, 16, 64)
KINDS = ("new", "update", "duplicate")


async def run(scale: float) -> None:
    """Print the table: bodies of 1, 10 and 100 alerts over 1, 16 and 64 connections."""
    print("\ningest (medians of", RUNS, "runs; the load shares the machine's cores)")
    print(
        f"{'kind':10} {'alerts':>6} {'conns':>5} {'bodies/s':>9} {'alerts/s':>9} "
        f"{'p50 ms':>7} {'p99 ms':>7}"
    )
    for alerts, total in BODIES.items():
        for connections in CONNECTIONS:
            wanted = round(total * scale)
            count = wanted // 4 if connections == 1 else wanted
            runs = [await _once(alerts, connections, count) for _ in range(RUNS)]
            for kind in KINDS:
                _print(kind, alerts, connections, [one[kind] for one in runs])


async def _once(alerts: int, connections: int, count: int) -> dict[str, Measured]:
    firing = posts(range(count), alerts)
    resolved = posts(range(count), alerts, firing=False)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with service(Path(folder)) as running:
            port = running.port
            await press(port, iter(posts(range(count, count + 200), alerts)), connections)
            return {
                "new": await press(port, iter(firing), connections),
                "duplicate": await press(port, iter(firing), connections),
                "update": await press(port, iter(resolved), connections),
            }


def _print(kind: str, alerts: int, connections: int, runs: list[Measured]) -> None:
    rate = median(one.rate for one in runs)
    p50 = median(one.p50 for one in runs)
    p99 = median(one.p99 for one in runs)
    failed = sum(one.failed for one in runs)
    note = f"  {failed} FAILED" if failed else ""
    print(
        f"{kind:10} {alerts:6} {connections:5} {rate:9.0f} {rate * alerts:9.0f} "
        f"{p50:7.2f} {p99:7.2f}{note}",
        flush=True,
    )

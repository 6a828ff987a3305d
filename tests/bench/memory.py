"""What a receiver needs while 100,000 cards wait for a platform that cannot be reached."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import httpx

from receiver.deliver.dispatcher import ANY_RANK, AT_ONCE
from receiver.sandbox.server import real_time
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
from tests.bench.bodies import post
from tests.bench.load import press
from tests.bench.service import Service, service
from tests.bench.stand import chat_routes, labels

WAITING = 100_000
CONNECTIONS = 16
SETTLE = 10.0  # seconds after the load before anything is measured
WATCHED = 20.0
LOOKS = 20
LONG = 2_000.0  # ms
LATER = 3_600_000  # ms: by then every card is due again


async def run(scale: float) -> None:
    """Print the figures."""
    cards = round(WAITING * scale)
    print(f"\n{cards} cards wait, Feishu refuses connections")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with service(Path(folder), keys={"routes": chat_routes()}) as running:
            idle = running.resident()
            requests = (post(group, labels=labels(group)) for group in range(cards))
            measured = await press(running.port, requests, CONNECTIONS)
            print(f"resident          {idle:.0f} MB before, {running.resident():.0f} MB after")
            if measured.failed:
                print(f"                  {measured.failed} FAILED")
            await asyncio.sleep(SETTLE)
            await _watch(running)
        await looks(Path(folder) / "receiver.db")


async def _watch(running: Service) -> None:
    """Print what the service does when nothing is asked of it, and how soon it answers."""
    before, started = running.cpu(), time.perf_counter()
    await asyncio.sleep(WATCHED)
    used = (running.cpu() - before) / (time.perf_counter() - started)
    print(f"idle, waiting     {used:.1%} of a core, {running.resident():.0f} MB")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for path in ("/metrics", "/api/v1/incidents"):
            url = f"http://127.0.0.1:{running.ops_port}{path}"
            print(f"{path:17} {await _timed(lambda: http.get(url)):.1f} ms")  # noqa: B023
    latencies = [
        (await press(running.port, iter([post(1 << 30 | number)]), 1)).p50
        for number in range(LOOKS)
    ]
    print(f"a webhook         {median(latencies):.1f} ms, worst {max(latencies):.1f} ms")


async def looks(path: Path) -> None:
    """Print how long the questions take that are asked of a store again and again."""
    store = SqliteStore(
        path,
        patience=60.0,
        timer=time.perf_counter,
        commits=Commits(lambda _, __: None, lambda _: None),
    )
    now = real_time()
    try:
        for name, at in (("a look now", now), ("a look, all due", now + LATER)):
            print(f"{name:17} {await _timed(lambda: _look(store, at)):.1f} ms")  # noqa: B023
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "what stirred": lambda: store.stirred(now - 1_000, now),
            "a look for storms": store.loads,
            "figures": store.figures,
            "selfcheck": store.selfcheck,
        }
        for name, ask in asked.items():
            print(f"{name:17} {await _timed(ask):.1f} ms")
    finally:
        await store.close()


async def _look(store: SqliteStore, now: int) -> None:
    backlog = await store.backlog(now)
    for queue in backlog.queues:
        await store.due(queue, now, ANY_RANK, AT_ONCE)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return the median of some tries in ms; of what takes long, there are few."""
    took: list[float] = []
    while len(took) < LOOKS and sum(took) < LONG:
        started = time.perf_counter()
        await work()
        took.append((time.perf_counter() - started) * 1000)
    return median(took)

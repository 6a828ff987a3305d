"""Clicks at a steady rate while a storm comes in: how long a person waits for the answer."""

import asyncio
import tempfile
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from receiver.sandbox.callbacks import Courier
from receiver.sandbox.clicks import callback_body
from receiver.sandbox.preset import APP_ID
from receiver.sandbox.server import Sandbox
from receiver.sandbox.state import Message
from tests.bench.bodies import post
from tests.bench.load import Measured, paced, press
from tests.bench.service import Service, service
from tests.bench.stand import chat_routes, labels, platform, until

CLICKS = 3_000
A_SECOND = 100
STORM = 5_000  # incidents a minute, which the receiver takes in and shows meanwhile
CARDS = 100  # shown before anyone clicks
PATIENCE = 60.0
HISTOGRAM = "receiver_callback_duration_seconds_bucket"
KINDS = ("acknowledge", "unacknowledge")

Json = dict[str, Any]


async def run(scale: float) -> None:
    """Print the latencies on an idle receiver and in a storm."""
    total = round(CLICKS * scale)
    print(f"\nclicks: {total} signed and encrypted, {A_SECOND} a second, each changes an incident")
    print(
        f"{'meanwhile':12} {'clicks':>6} {'failed':>6} {'p50 ms':>8} {'p99 ms':>8} {'worst ms':>9} "
        f"{'own p50':>8} {'own p99':>8}"
    )
    for name, storm in (("nothing", 0), ("a storm", STORM)):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            async with (
                platform() as sandbox,
                service(
                    Path(folder), feishu=sandbox.platform_url, keys={"routes": chat_routes()}
                ) as running,
            ):
                await _measure(name, sandbox, running, total, storm)


async def _measure(name: str, sandbox: Sandbox, running: Service, total: int, storm: int) -> None:
    messages = sandbox.state.tenant.messages
    await press(running.port, (post(n, labels=labels(n)) for n in range(CARDS)), 4)
    await until(lambda: len(messages) >= CARDS, PATIENCE)
    shown = tuple(messages.values())
    seconds = total / A_SECOND
    pouring = asyncio.create_task(_pour(running.port, round(storm * seconds / 60)))
    took, failed = await _click(sandbox, running.port, shown, total)
    await pouring
    cuts = quantiles(took, n=100, method="inclusive")
    own = await _own(running)
    print(
        f"{name:12} {len(took):6} {failed:6} {cuts[49]:8.1f} {cuts[98]:8.1f} {max(took):9.1f} "
        f"{_quantile(own, 0.5):8.1f} {_quantile(own, 0.99):8.1f}",
        flush=True,
    )


async def _pour(port: int, total: int) -> None:
    tasks: set[asyncio.Task[Measured]] = set()
    async for number in paced(total, STORM / 60):
        group = CARDS + number
        request = post(group, labels=labels(group))
        tasks.add(asyncio.create_task(press(port, iter([request]), 1)))
    await asyncio.gather(*tasks)


async def _click(
    sandbox: Sandbox, port: int, shown: tuple[Message, ...], total: int
) -> tuple[list[float], int]:
    """Click on one card after the other; return the latencies in ms, and how many failed."""
    requests = requests_of(sandbox, port, shown)
    tasks = [
        asyncio.create_task(press(port, iter([next(requests)]), 1))
        async for _ in paced(total, A_SECOND)
    ]
    answered = await asyncio.gather(*tasks)
    return [one.p50 for one in answered], sum(one.failed for one in answered)


def requests_of(sandbox: Sandbox, port: int, shown: tuple[Message, ...]) -> Iterator[bytes]:
    tenant = sandbox.state.tenant
    app = tenant.apps[APP_ID]
    app.callback_url = f"http://127.0.0.1:{port}/callbacks/feishu/ops"
    courier = Courier(tenant)
    user = next(iter(tenant.users.values()))
    for kind in cycle(KINDS):
        for message in shown:
            value = next(values_in(message.content)) | {"a": kind}
            document = callback_body(tenant, app, user, message)
            document["event"] |= {"token": "c-bench", "action": {"tag": "button", "value": value}}
            yield written(courier.request(app, document))


def values_in(found: object) -> Iterator[Json]:
    """Yield what the controls of a card send back."""
    if isinstance(found, dict):
        if {"v", "a", "i", "c", "g"} <= found.keys():
            yield found
        found = list(found.values())
    if isinstance(found, list):
        for one in found:
            yield from values_in(one)


def written(request: httpx.Request) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{request.method} {request.url.path} HTTP/1.1"]
    lines.extend(f"{name}: {value}" for name, value in request.headers.items())
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + request.content


async def _own(running: Service) -> list[tuple[float, float]]:
    """Return the receiver's own histogram of callbacks: (seconds, how many at most so long)."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{running.ops_port}/metrics")).text
    return [
        (float(sample.labels["le"]), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == HISTOGRAM
    ]


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """Return a quantile in ms, as Prometheus' histogram_quantile would."""
    wanted = share * buckets[-1][1]
    finite = buckets[:-1]  # the last edge is infinite
    for (below, fewer), (edge, many) in pairwise([(0.0, 0.0), *finite]):
        if many >= wanted > fewer:
            return 1_000 * (below + (edge - below) * (wanted - fewer) / (many - fewer))
    return 1_000 * finite[-1][0]

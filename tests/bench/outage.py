"""Whether accepting webhooks is slower when Feishu is slow, or cannot be reached at all."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.bodies import post
from tests.bench.load import Measured, press
from tests.bench.service import NOWHERE, service
from tests.bench.stand import chat_routes, labels, platform

ROUNDS = 7
BODIES = 10_000
WARM = 300
CONNECTIONS = 16
FEISHU: dict[str, int | None] = {"0 ms": 0, "100 ms": 100, "down": None}


class _Round(NamedTuple):
    """One round: what the load saw, and the µs of processor time that a body took."""

    measured: Measured
    cpu: float


async def run(scale: float) -> None:
    """Print the table; the rounds take turns, so that the machine's moods meet all alike."""
    runs: dict[str, list[_Round]] = {name: [] for name in FEISHU}
    for number in range(ROUNDS):
        names = list(FEISHU) if number % 2 == 0 else list(reversed(FEISHU))
        for name in names:
            runs[name].append(await _once(FEISHU[name], round(BODIES * scale)))
    print(f"\ningest while Feishu is slow or down (medians of {ROUNDS} rounds in turns)")
    print(
        f"{'Feishu':8} {'bodies/s':>9} {'ratio':>6} {'p50 ms':>7} {'p99 ms':>7} {'ratio':>6} "
        f"{'cpu µs':>7} {'ratio':>6} {'spread of bodies/s':>20}"
    )
    for name, measured in runs.items():
        _print(name, measured, runs["0 ms"])


def _print(name: str, rounds: list[_Round], others: list[_Round]) -> None:
    runs, quick = [one.measured for one in rounds], [one.measured for one in others]
    rate, p99 = median(one.rate for one in runs), median(one.p99 for one in runs)
    # Of each round, against the same round: what both met is no difference.
    rates = median(one.rate / other.rate for one, other in zip(runs, quick, strict=True))
    p99s = median(one.p99 / other.p99 for one, other in zip(runs, quick, strict=True))
    cpus = median(one.cpu / other.cpu for one, other in zip(rounds, others, strict=True))
    spread = f"{min(one.rate for one in runs):.0f}-{max(one.rate for one in runs):.0f}"
    failed = sum(one.failed for one in runs)
    note = f"  {failed} FAILED" if failed else ""
    print(
        f"{name:8} {rate:9.0f} {rates:6.2f} {median(one.p50 for one in runs):7.2f} {p99:7.2f} "
        f"{p99s:6.2f} {median(one.cpu for one in rounds):7.0f} {cpus:6.2f} {spread:>20}{note}",
        flush=True,
    )


async def _once(latency: int | None, bodies: int) -> _Round:
    requests = [post(group, labels=labels(group)) for group in range(bodies + WARM)]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with (
            _feishu(latency) as url,
            service(Path(folder), feishu=url, keys={"routes": chat_routes()}) as running,
        ):
            await press(running.port, iter(requests[:WARM]), CONNECTIONS)
            before = running.cpu()
            measured = await press(running.port, iter(requests[WARM:]), CONNECTIONS)
            return _Round(measured, (running.cpu() - before) * 1e6 / bodies)


@contextlib.asynccontextmanager
async def _feishu(latency: int | None) -> AsyncIterator[str]:
    """Run a platform that answers so late; None refuses connections."""
    if latency is None:
        yield NOWHERE
        return
    async with platform(latency) as sandbox:
        yield sandbox.platform_url

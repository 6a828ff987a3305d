"""What accepting an alert costs with 1,000 and with 1,000,000 stored incidents."""

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.bodies import post
from tests.bench.load import Measured, press
from tests.bench.memory import looks
from tests.bench.service import service
from tests.bench.stand import chat_routes, labels
from tests.bench.stored import build, copies, forget_after

STORED = (1_000, 1_000_000)
ROUNDS = 7
BODIES = 4_000
WARM = 300
CONNECTIONS = 16
# A group never seen, one that ended long ago, and the same body again, and the end.
KINDS = ("new", "known", "duplicate", "update")


class Cost(NamedTuple):
    """What one alert cost in one round: in µs of the machine's time, and of processor time."""

    wall: float
    cpu: float
    p99: float  # ms of one body's answer
    failed: int


Round = dict[str, Cost]


async def run(scale: float) -> None:
    """Print the table; the two receivers take turns."""
    few, many = STORED[0], round(STORED[1] * scale)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        started = time.perf_counter()
        paths = await build(Path(folder), (few, many))
        took = time.perf_counter() - started
        size = paths[1].stat().st_size / (1 << 20)
        print(f"\n{many} stored incidents: {size:.0f} MB, made in {took:.0f} s")
        runs: dict[int, list[Round]] = {few: [], many: []}
        for number in range(ROUNDS):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            for one in order:
                total = (few, many)[one]
                runs[total].append(await _once(Path(folder), paths[one], total, scale))
        _table(runs, few, many)
        print(f"with {many} stored incidents")
        await looks(paths[1])


def _table(runs: dict[int, list[Round]], few: int, many: int) -> None:
    print(
        f"ingest cost per alert with {few} and with {many} stored incidents "
        f"(medians of {ROUNDS} rounds in turns, bodies of one alert)"
    )
    print(
        f"{'kind':10} {'µs':>6} {'µs':>6} {'ratio':>6} {'cpu µs':>7} {'cpu µs':>7} {'ratio':>6} "
        f"{'p99 ms':>7} {'p99 ms':>7}"
    )
    for kind in KINDS:
        small, large = ([one[kind] for one in runs[total]] for total in (few, many))
        print(
            f"{kind:10} {_two(small, large, 'wall')} {_two(small, large, 'cpu', 7)} "
            f"{_median(small, 'p99'):7.2f} {_median(large, 'p99'):7.2f}"
            + (f"  {failed} FAILED" if (failed := _failed(small) + _failed(large)) else ""),
            flush=True,
        )


def _two(small: list[Cost], large: list[Cost], name: str, width: int = 6) -> str:
    pairs = zip(small, large, strict=True)
    ratio = median(getattr(more, name) / getattr(less, name) for less, more in pairs)
    return f"{_median(small, name):{width}.0f} {_median(large, name):{width}.0f} {ratio:6.2f}"


def _median(costs: list[Cost], name: str) -> float:
    return median(float(getattr(one, name)) for one in costs)


def _failed(costs: list[Cost]) -> int:
    return sum(one.failed for one in costs)


async def _once(folder: Path, path: Path, total: int, scale: float) -> Round:
    """Measure one receiver on one store, and leave the store as it was."""
    bodies = max(round(BODIES * scale), 100)
    used = path
    if total <= STORED[0]:
        used = folder / "used.db"
        shutil.copyfile(path, used)
    keys = {"store": {"url": f"sqlite:///{used}"}, "routes": chat_routes()}
    async with service(folder, keys=keys) as running:
        warm = [post(number, labels=labels(number)) for number in range(bodies, bodies + WARM)]
        await press(running.port, iter(warm), CONNECTIONS)
        await running.quiet()
        new = [post(number, labels=labels(number)) for number in range(bodies)]
        # Of the fewer only so many can come back.
        known = [post(one, labels=labels(one)) for one in copies(total, min(bodies, STORED[0]))]
        ended = [post(number, firing=False, labels=labels(number)) for number in range(bodies)]
        round_: Round = {}
        for kind, requests in zip(KINDS, (new, known, new, ended), strict=True):
            before = running.cpu()
            measured = await press(running.port, iter(requests), CONNECTIONS)
            round_[kind] = _cost(measured, running.cpu() - before, len(requests))
    if used == path:
        forget_after(path, total)
    else:
        _remove(used)
    return round_


def _cost(measured: Measured, cpu: float, alerts: int) -> Cost:
    return Cost(1e6 / measured.rate, cpu * 1e6 / alerts, measured.p99, measured.failed)


def _remove(path: Path) -> None:
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}.lock")):
        if name.exists():
            name.unlink()

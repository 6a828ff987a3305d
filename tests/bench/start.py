"""Start-up time to ready, and resident memory idle and with 100,000 firing alerts."""

import tempfile
from pathlib import Path
from statistics import median

from tests.bench.bodies import posts
from tests.bench.load import press
from tests.bench.service import service

RUNS = 5
FIRING = 100_000
A_BODY = 100


async def run(scale: float) -> None:
    """Print the figures."""
    firing = round(FIRING * scale)
    ready, idle = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            async with service(Path(folder)) as running:
                ready.append(running.ready_after)
                idle.append(running.resident())
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        async with service(Path(folder)) as running:
            await press(running.port, iter(posts(range(firing // A_BODY), A_BODY)), 16)
            full = running.resident()
    print(f"\nstart to ready   {median(ready):.2f} s (median of {RUNS})")
    print(f"resident, idle   {median(idle):.0f} MB")
    print(f"resident, {firing} firing alerts   {full:.0f} MB")

"""Runs the real Prometheus on loopback with a past: series as they were in the last hour."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.binaries import find
from tests.dashboards.prometheus import running_prometheus

SECOND = 1_000
STEP = 15 * SECOND
NO_TARGET = "http://127.0.0.1:9/metrics"

# A label set, as it is written, and its value at a time (ms before the end).
Past = Mapping[str, Callable[[int], float]]


def backfill(folder: Path, metric: str, past: Past, end: int, lasted: int) -> None:
    """Write blocks of what was, from ``lasted`` ms before ``end`` (Unix ms) until then."""
    text = folder / "past.txt"
    lines = [f"# TYPE {metric} gauge"]
    for labels, value in past.items():
        lines += [
            f"{metric}{{{labels}}} {value(end - at):g} {at / SECOND:.3f}"
            for at in range(end - lasted, end + 1, STEP)
        ]
    text.write_text("\n".join([*lines, "# EOF", ""]))
    command = ["tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    subprocess.run([find("promtool"), *command], check=True, capture_output=True)


@asynccontextmanager
async def real_prometheus(
    folder: Path, metric: str, past: Past, end: int, lasted: int
) -> AsyncIterator[str]:
    """Run Prometheus with this past until the block ends; yield its address."""
    await asyncio.to_thread(backfill, folder, metric, past, end, lasted)
    rules = folder / "rules.yml"
    rules.write_text("groups: []\n")
    with running_prometheus(folder, NO_TARGET, rules) as server:
        await asyncio.to_thread(server.wait_for, f"count_over_time({metric}[2h])")
        yield str(server.client.base_url).rstrip("/")

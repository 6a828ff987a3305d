"""The demonstration's Prometheus, where it is installed: with an hour that never was."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

METRIC = "pg_connections_used_percent"
EXPRESSION = f"{METRIC} > 90"
# As the alert's own address says it; only its expression is used.
GRAPH = f"http://prometheus.example.com:9090/graph?g0.expr={quote(EXPRESSION)}&g0.tab=1"
HOUR, STEP = 3_600, 15  # seconds
# How full each database is at the end, and by how much it grew in each minute before.
DATABASES = (("pg-0", 96.0, 0.9), ("pg-1", 91.0, 0.4))
SECOND = 1_000


def installed() -> bool:
    """Say whether this machine has it."""
    return all(map(shutil.which, ("prometheus", "promtool")))


@contextlib.asynccontextmanager
async def prometheus(folder: Path, port: int, now: int) -> AsyncIterator[str]:
    """Start Prometheus with a made-up past until ``now`` (Unix ms); yield its address at once."""
    past, config, data = _prepared(folder, now)
    filled = await _run("promtool", "tsdb", "create-blocks-from", "openmetrics", past, data)
    await filled.wait()
    address = f"127.0.0.1:{port}"
    process = await _run(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={address}",
    )
    try:
        yield f"http://{address}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _prepared(folder: Path, now: int) -> tuple[str, str, str]:
    """Write the past and a configuration; return their files, and the folder of the data."""
    folder.mkdir()
    past, config = folder / "past.txt", folder / "prometheus.yaml"
    past.write_text(made_up(now), encoding="utf-8")
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    return str(past), str(config), str(folder / "data")


def made_up(now: int) -> str:
    """Return the past hour in the OpenMetrics format; ``now`` is in Unix ms."""
    end = now // SECOND
    lines = [
        f'{METRIC}{{instance="{name}"}} {last - (end - at) / 60 * slope:.2f} {at}'
        for name, last, slope in DATABASES
        for at in range(end - HOUR, end + 1, STEP)
    ]
    return "\n".join([f"# TYPE {METRIC} gauge", *lines, "# EOF", ""])


async def _run(*command: str) -> asyncio.subprocess.Process:
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)

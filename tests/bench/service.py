"""The real service in a process of its own, and where it listens."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from receiver.sandbox.preset import APP_ID, APP_SECRET, ENCRYPT_KEY, VERIFICATION_TOKEN
from tests.bench.bodies import TOKEN

START_PATIENCE = 30.0

NOWHERE = "http://127.0.0.1:9"
QUIET = 0.15  # of a core
QUIET_LOOK = 0.5  # seconds
QUIET_PATIENCE = 120
TICKS = os.sysconf("SC_CLK_TCK")

Json = dict[str, Any]


def settings(folder: Path, feishu: str, keys: Mapping[str, Any]) -> Json:
    """Return a configuration; ``keys`` replace whole top-level keys of it."""
    app = {
        "name": "ops",
        "base_url": feishu,
        "app_id": APP_ID,
        "app_secret": APP_SECRET,
        "encrypt_key": ENCRYPT_KEY,
        "verification_token": VERIFICATION_TOKEN,
    }
    document: Json = {
        "server": {
            "listen": "127.0.0.1:0",
            "ops_listen": "127.0.0.1:0",
            "commit_timeout": "30s",
        },
        "store": {"url": f"sqlite:///{folder}/receiver.db"},
        "alertmanagers": [{"name": "bench", "urls": [NOWHERE], "webhook_token": TOKEN}],
        "feishu": [app],
        "routes": [
            {"match": ['severity="critical"'], "targets": ["ops:oc_production_alerts"]},
            {"targets": ["ops:oc_platform_team"]},
        ],
        "log": "info",
    }
    return {**document, **keys}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    process: asyncio.subprocess.Process
    port: int
    ops_port: int
    ready_after: float

    def resident(self) -> float:
        """Return the resident memory in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu(self) -> float:
        """Return the seconds of processor time used so far, the system's own part included."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    async def quiet(self) -> None:
        """Wait until it does next to nothing: a start has work that goes on behind it."""
        before = self.cpu() - QUIET
        for _ in range(QUIET_PATIENCE):
            if (used := self.cpu()) - before < QUIET * QUIET_LOOK:
                return
            before = used
            await asyncio.sleep(QUIET_LOOK)


@contextlib.asynccontextmanager
async def service(
    folder: Path,
    *,
    feishu: str = NOWHERE,
    environ: Mapping[str, str] | None = None,
    keys: Mapping[str, Any] | None = None,
) -> AsyncIterator[Service]:
    """Run ``receiver serve`` until the block ends; ``keys`` as in ``settings``."""
    path = folder / "receiver.yaml"
    path.write_text(yaml.safe_dump(settings(folder, feishu, keys or {})), encoding="utf-8")
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "receiver",
        "serve",
        "--config",
        str(path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environ or {})},
    )
    drain = None
    try:
        ready = await asyncio.wait_for(_ready(process), START_PATIENCE)
        took = time.perf_counter() - started
        drain = asyncio.create_task(_drain(process))
        url, ops = urlsplit(ready["url"]), urlsplit(ready["ops_url"])
        yield Service(process, url.port or 0, ops.port or 0, took)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if drain is not None:
            await drain


async def _ready(process: asyncio.subprocess.Process) -> dict[str, str]:
    if process.stdout is None:
        raise RuntimeError("the service has no output")
    said = []
    async for line in process.stdout:
        said.append(line.decode(errors="replace"))
        with contextlib.suppress(json.JSONDecodeError):
            event: dict[str, str] = json.loads(line)
            if event.get("event") == "ready":
                return event
    raise RuntimeError("the service ended before it was ready:\n" + "".join(said))


async def _drain(process: asyncio.subprocess.Process) -> None:
    if process.stdout is not None:
        while await process.stdout.read(1 << 16):
            pass

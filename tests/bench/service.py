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
from urllib.parse import urlsplit

from tests.bench.bodies import TOKEN

START_PATIENCE = 30.0

CONFIG = """
server: {{listen: "127.0.0.1:0", ops_listen: "127.0.0.1:0", commit_timeout: 30s}}
store: {{url: "sqlite:///{folder}/receiver.db"}}
alertmanagers:
  - name: bench
    urls: ["http://127.0.0.1:9"]
    webhook_token: {token}
feishu:
  - name: ops
    base_url: {feishu}
    app_id: cli_sandbox
    app_secret: sandbox-app-secret
    encrypt_key: sandbox-encrypt-key
    verification_token: sandbox-verification-token
routes:
  - match: ['severity="critical"']
    targets: ['ops:oc_production_alerts']
  - targets: ['ops:oc_platform_team']
log: error
"""


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


@contextlib.asynccontextmanager
async def service(
    folder: Path, *, feishu: str = "http://127.0.0.1:9", environ: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Run ``receiver serve`` until the block ends."""
    path = folder / "receiver.yaml"
    text = CONFIG.format(folder=folder, token=TOKEN, feishu=feishu)
    path.write_text(text.replace("log: error", "log: info"), encoding="utf-8")
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

"""A real Prometheus on loopback that scrapes one address every second."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.binaries import find

READY_SECONDS = 30.0
_PAUSE = threading.Event()  # never set: a bounded wait between two looks at another process


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its API; times are Unix seconds by its own clock."""

    client: httpx.Client

    def get(self, path: str, **parameters: str | float) -> Any:
        """Return the data of an answer; a refusal fails the test with Prometheus' own words."""
        answer = self.client.get(path, params=parameters).json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def instant(self, query: str) -> list[dict[str, Any]]:
        """Return the series of a query now."""
        result: list[dict[str, Any]] = self.get("/api/v1/query", query=query)["result"]
        return result

    def now(self) -> float:
        """Return its clock, in Unix seconds."""
        (series,) = self.instant("vector(time())")
        return float(series["value"][1])

    def over_time(self, query: str, seconds: int) -> list[dict[str, Any]]:
        """Return the series of a query over the last seconds, one step a second."""
        end = self.now()
        found = self.get("/api/v1/query_range", query=query, start=end - seconds, end=end, step=1)[
            "result"
        ]
        return list(found)

    def wait_for(self, query: str) -> None:
        """Return as soon as a query has a result; fail after half a minute."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.instant(query):
                    return
            except (httpx.TransportError, json.JSONDecodeError):
                pass  # not listening yet
            _PAUSE.wait(0.1)
        raise AssertionError(f"no result within {READY_SECONDS} s: {query}")


def _config(target: str, rules: Path) -> str:
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "receiver", "static_configs": [{"targets": [target]}]}],
        }
    )


@contextmanager
def running_prometheus(folder: Path, url: str, rules: Path) -> Iterator[Prometheus]:
    """Run Prometheus with its data in a folder; it scrapes `url`, which ends in /metrics."""
    program = find("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(_config(httpx.URL(url).netloc.decode(), rules))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        str(program),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with (
        (folder / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://{address}", timeout=10) as client,
    ):
        try:
            yield Prometheus(client)
        finally:
            process.terminate()

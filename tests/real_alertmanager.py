"""Runs the real Alertmanager on loopback for a test, and speaks to it as Prometheus would."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.binaries import find

START_SECONDS = 20
STOP_SECONDS = 5
# https://github.com/prometheus/exporter-toolkit/blob/master/web/tls_config.go
_LISTENING = re.compile(r'msg="Listening on" address=(?P<address>\S+)')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_clock() -> int:
    """Return Unix ms: the real server lives in real time."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One receiver and one route; empty ``webhook_url`` sends nothing. Times as Prometheus says.

    ``config`` may be asked for at any time, and ``reload`` of the running server reads it again.
    """

    webhook_url: str = ""
    token: str = ""
    group_by: tuple[str, ...] = ("alertname",)
    group_wait: str = "0s"
    group_interval: str = "1s"
    repeat_interval: str = "1h"
    max_alerts: int = 0
    external_url: str = "http://alertmanager.test"
    prefix: str = ""  # such as /am: everything is served below it
    web_config: Mapping[str, Any] = field(default_factory=dict)  # basic_auth_users and so on
    inhibit_rules: tuple[Mapping[str, Any], ...] = ()
    routes: tuple[Mapping[str, Any], ...] = ()  # below the one route
    receivers: tuple[str, ...] = ()  # more names for them, with the same webhook
    events_url: str = ""  # where the event recorder posts to: 0.33 and later
    listen: str = "127.0.0.1:0"
    cluster: str = ""  # host:port of its own gossip; empty for one that is alone
    peers: tuple[str, ...] = ()  # the gossip addresses of others

    def config(self) -> dict[str, Any]:
        """Return Alertmanager's configuration."""
        hook: dict[str, Any] = {"url": self.webhook_url, "max_alerts": self.max_alerts}
        if self.token:
            hook["http_config"] = {"authorization": {"credentials": self.token}}
        webhooks = {"webhook_configs": [hook]} if self.webhook_url else {}
        return {
            **self._events(),
            "inhibit_rules": [dict(rule) for rule in self.inhibit_rules],
            "route": {
                "receiver": "receiver",
                "group_by": list(self.group_by),
                "group_wait": self.group_wait,
                "group_interval": self.group_interval,
                "repeat_interval": self.repeat_interval,
                "routes": [dict(route) for route in self.routes],
            },
            "receivers": [{"name": name, **webhooks} for name in ("receiver", *self.receivers)],
        }

    def _events(self) -> dict[str, Any]:
        if not self.events_url:
            return {}
        output: dict[str, Any] = {"url": self.events_url}
        if self.token:
            output["http_config"] = {"authorization": {"credentials": self.token}}
        return {"event_recorder": {"webhook_outputs": [output]}}

    def arguments(self, folder: Path) -> tuple[str, ...]:
        """Write the files that the server reads, and return its arguments."""
        config = folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(self.config()), "utf-8")
        web = folder / "web.yml"
        web.write_text(yaml.safe_dump(dict(self.web_config)), "utf-8")
        return (
            *(("--enable-feature=event-recorder",) if self.events_url else ()),
            *(f"--cluster.peer={peer}" for peer in self.peers),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.listen}",
            f"--web.external-url={self.external_url}{self.prefix}",
            f"--web.config.file={web}",
            f"--cluster.listen-address={self.cluster}",
        )


class RealAlertmanager:
    """A running server; ``url`` is its base with the prefix, ``pid`` is for a test's signals."""

    def __init__(
        self, at: tuple[str, int, Path], http: httpx.AsyncClient, clock: Callable[[], int]
    ) -> None:
        self.url, self.pid, self._folder = at
        self._http = http
        self._clock = clock

    async def fire(
        self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
    ) -> None:
        """Report an alert as firing."""
        # Left out, it would be the server's own time, to the nanosecond: an end in the same
        # millisecond would then be earlier than the start, and move it.
        began = {"startsAt": self._moment()}
        await self._report(
            {"labels": dict(labels), "annotations": dict(annotations or {}), **began}
        )

    async def resolve(
        self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
    ) -> None:
        """Report an alert as over."""
        over = {"endsAt": self._moment()}
        await self._report({"labels": dict(labels), "annotations": dict(annotations or {}), **over})

    def _moment(self) -> str:
        return (_EPOCH + timedelta(milliseconds=self._clock())).isoformat()

    async def reload(self, settings: Settings) -> None:
        """Have it read another configuration; what ``arguments`` says stays as it was."""
        settings.arguments(self._folder)
        (await self._http.post(f"{self.url}/-/reload")).raise_for_status()

    async def silences(self) -> list[dict[str, Any]]:
        """Return all silences, expired ones included."""
        return await self._list("/silences")

    async def alerts(self) -> list[dict[str, Any]]:
        """Return all alerts that are not over."""
        return await self._list("/alerts")

    async def _report(self, alert: dict[str, Any]) -> None:
        answer = await self._http.post(f"{self.url}/api/v2/alerts", json=[alert])
        answer.raise_for_status()

    async def _list(self, path: str) -> list[dict[str, Any]]:
        answer = await self._http.get(f"{self.url}/api/v2{path}")
        answer.raise_for_status()
        listed: list[dict[str, Any]] = answer.json()
        return listed


@asynccontextmanager
async def real_alertmanager(
    folder: Path,
    settings: Settings | None = None,
    *,
    binary: Path | None = None,
    auth: tuple[str, str] | None = None,
    clock: Callable[[], int] = wall_clock,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[RealAlertmanager]:
    """Run Alertmanager with its data in ``folder`` until the block ends.

    The calling test is skipped (or fails, where programs are required) when there is none.
    ``trust`` is how to speak to one with a ``tls_server_config``.
    """
    program = binary or find("alertmanager", "prometheus-alertmanager")
    chosen = settings or Settings()
    process = await asyncio.create_subprocess_exec(
        program, *chosen.arguments(folder), stderr=asyncio.subprocess.PIPE
    )
    log: list[str] = []
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_follow(process, log, listening))
    try:
        async with asyncio.timeout(START_SECONDS):
            address = await listening
        scheme = "https" if "tls_server_config" in chosen.web_config else "http"
        verify = trust or ssl.create_default_context()
        async with httpx.AsyncClient(trust_env=False, auth=auth, verify=verify) as http:
            url = f"{scheme}://{address}{chosen.prefix}"
            # It listens only when all its parts are loaded: the answer comes without asking twice.
            (await http.get(f"{url}/-/ready")).raise_for_status()
            yield RealAlertmanager((url, process.pid, folder), http, clock)
    finally:
        await _stop(process)
        await reading


async def _follow(
    process: asyncio.subprocess.Process, log: list[str], listening: asyncio.Future[str]
) -> None:
    """Keep the log and tell the address; a process that ends before that says why."""
    if process.stderr is None:
        raise RuntimeError("the log is not piped")
    async for line in process.stderr:
        log.append(line.decode("utf-8", "replace"))
        found = _LISTENING.search(log[-1])
        if found and not listening.done():
            listening.set_result(found["address"])
    if not listening.done():
        listening.set_exception(RuntimeError("Alertmanager did not start:\n" + "".join(log)))


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

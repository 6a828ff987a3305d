"""A stand-in Alertmanager at hand: its clock stands still and its webhooks are kept."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox.alertmanager import StandIn, serve_alertmanager
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import serve_app
from tests.sandbox.driver import START

HOUR = 3_600_000
UNKNOWN = "09467f6f-d7e8-47f8-867a-3f215d27055b"


@dataclass
class Sink:
    """A webhook receiver that answers with the statuses in turn, and then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Bench:
    """A stand-in whose clock stands still, its sink, and a client of its API."""

    am: StandIn
    clock: VirtualClock
    sink: Sink
    http: httpx.AsyncClient

    async def flushed(self, count: int) -> None:
        """Wait until so many flushes have ended."""
        await self.am.dispatcher.hub.until(lambda: self.am.dispatcher.flushes >= count)

    async def silence(self, **more: Any) -> httpx.Response:
        """Post a silence for alertname=Disk that lasts an hour."""
        return await self.http.post("/api/v2/silences", json=wish(**more))


def wish(**more: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "alertname", "value": "Disk", "isRegex": False}],
        "startsAt": "2023-11-14T22:13:20Z",
        "endsAt": "2023-11-14T23:13:20.000Z",
        "createdBy": "李雷",
        "comment": "via feishu",
        **more,
    }


def alert(name: str = "Disk", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": "a < b & c"},
    }


@asynccontextmanager
async def bench(**config: Any) -> AsyncIterator[Bench]:
    """Run a stand-in with a group wait of 5 s and a group interval of 30 s."""
    sink = Sink()

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        sink.raw.append(body)
        sink.bodies.append(json.loads(body))
        sink.headers.append(dict(request.headers))
        return Response(status_code=sink.statuses.pop(0) if sink.statuses else 200)

    app = Starlette(routes=[Route("/hook", endpoint, methods=["POST"])])
    clock = VirtualClock(start=START)
    async with serve_app(app, closing=lambda: None) as url:
        sink.url = f"{url}/hook"
        settings = AlertmanagerConfig(
            **{
                "webhook_url": sink.url,
                "bearer_token": "tok",
                "receiver": "team.a+b/中文",
                "group_wait_ms": 5_000,
                "group_interval_ms": 30_000,
                "repeat_interval_ms": HOUR,
                **config,
            }
        )
        async with (
            serve_alertmanager(settings, clock=clock) as am,
            httpx.AsyncClient(base_url=am.url, trust_env=False) as http,
        ):
            yield Bench(am, clock, sink, http)

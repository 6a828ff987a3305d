"""The webhooks as they are served, on a real store, without the rest of the program."""

import contextlib
import io
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from prometheus_client import CollectorRegistry

from receiver.domain.incident import Incident, Placement, Rules
from receiver.domain.reason import BodyReason
from receiver.ingest.agents import AgentGate, Agents, AgentWebhook
from receiver.ingest.alertmanager import AlertmanagerWebhook, Tools
from receiver.ingest.door import Doors, Gate
from receiver.ingest.events import EventsWebhook
from receiver.store.base import Snapshot
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.logs import build_logging
from receiver.telemetry.metrics import Build, Labels, Metrics
from receiver.telemetry.tracing import build_tracing
from receiver.web import application
from tests.domain.made import NOW, SECOND
from tests.store.engines import SqliteEngine

settings.register_profile("core", deadline=None)
settings.load_profile("core")

TOKEN = "tok123"  # noqa: S105  (of the captured request)
SOURCES = ("prod", "guarded", "am025", "am033", "ha025")


def place(
    labels: Iterable[dict[str, str]], source: str, receiver: str, _: str
) -> tuple[Placement, ...]:
    """Route everything that fires to one chat, and what is critical to another as well."""
    found = list(labels)
    worst = any(one.get("severity") == "critical" for one in found)
    named = Placement(f"ops:oc_{source}_{receiver}")
    return ((named, Placement("ops:oc_critical")) if worst else (named,)) if found else ()


@dataclass(slots=True, kw_only=True)
class Stage:
    """A served ingest; ``now`` is its clock, ``woken`` counts the calls for delivery."""

    store: SqliteStore
    engine: SqliteEngine
    http: httpx.AsyncClient
    metrics: Metrics
    registry: CollectorRegistry
    log: io.BytesIO
    webhook: AlertmanagerWebhook | None = None
    told: list[tuple[str, str, str]] = field(default_factory=list)
    hurried: list[str] = field(default_factory=list)
    now: int = NOW
    woken: int = 0

    async def post(
        self, body: bytes, source: str = "prod", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Post a body as an Alertmanager does, a second after the last one."""
        self.now += SECOND
        path = f"/webhooks/alertmanager/{source}"
        return await self.http.post(path, content=body, headers=headers)

    async def say(
        self, body: bytes, agent: str = "helper", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Post an agent's message."""
        token = {"Authorization": f"Bearer {TOKEN}"}
        path = f"/webhooks/agents/{agent}"
        return await self.http.post(path, content=body, headers={**token, **(headers or {})})

    async def incidents(self) -> list[Incident]:
        """Return all incidents, the oldest first."""
        return list(reversed(await self.store.incidents(0, 1000)))

    async def only(self) -> Snapshot:
        """Return the only incident."""
        (incident,) = await self.incidents()
        snapshot = await self.store.snapshot(incident.id)
        assert snapshot is not None
        return snapshot

    def count(self, source: str, outcome: str) -> float:
        """Return how often an outcome was counted."""
        labels = {"source": source, "outcome": outcome}
        return self.registry.get_sample_value("receiver_webhook_requests_total", labels) or 0.0


def gates() -> Doors:
    """Return the configured Alertmanagers: all open, but for the guarded one."""
    made = {name: Gate(name=name, token=None, place=place) for name in SOURCES}
    made["guarded"] = Gate(name="guarded", token=TOKEN, place=place, rules=Rules())
    return Doors(gates=made, body_limit=1 << 20)


def agents() -> Agents:
    """Return the configured agents: one free, one kept short."""
    made = {
        name: AgentGate(
            gate=Gate(name=name, token=TOKEN, place=place),
            types=frozenset(types),
            rate=rate,
            recent=deque(),
        )
        for name, types, rate in (
            ("helper", ("text", "post", "card"), None),
            ("short", ("card",), (2, 60 * SECOND)),
        )
    }
    return Agents(made)


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Stage]:
    """Serve the webhooks on a new store in a folder."""
    engine = SqliteEngine(path=folder / "receiver.db")
    registry = CollectorRegistry()
    labels = Labels(
        sources=(*SOURCES, "helper", "short"),
        alertmanagers=SOURCES,
        body_reasons=tuple(BodyReason),
    )
    log = io.BytesIO()
    logs = build_logging("info", log)
    tracing = build_tracing({}, "0")
    http = httpx.AsyncClient(base_url="http://receiver")
    stage = Stage(
        store=engine.open(),
        engine=engine,
        http=http,
        metrics=Metrics(registry, labels, Build(version="0", python="3", sqlite="3")),
        registry=registry,
        log=log,
    )

    def wake() -> None:
        stage.woken += 1

    async def tell(title: str, text: str, cause: str) -> None:
        stage.told.append((title, text, cause))

    tools = Tools(
        doors=lambda: doors,
        store=stage.store,
        metrics=stage.metrics,
        tracing=tracing,
        log=logs("ingest"),
        now=lambda: stage.now,
        timer=lambda: 0.0,
        wake=wake,
        tell=tell,
        hurry=stage.hurried.append,
    )
    doors, told = gates(), agents()
    stage.webhook = webhook = AlertmanagerWebhook(tools)
    table = (
        ("/webhooks/alertmanager/{source}", webhook, ("POST", "PUT")),
        (
            "/webhooks/alertmanager/{source}/events",
            EventsWebhook(tools),
            ("POST",),
        ),
        ("/webhooks/agents/{agent}", AgentWebhook(tools, lambda: told), ("POST",)),
    )
    app = tracing.middleware(application(table, logs("web")))
    stage.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver")
    await http.aclose()
    async with stage.http:
        yield stage
    await stage.store.close()
    tracing.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with serving(tmp_path) as made:
        yield made

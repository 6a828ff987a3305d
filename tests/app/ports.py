"""A store, and an ops port in front of it, without the rest of the receiver."""

import asyncio
import io
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from receiver.ops import Ops, OpsMeans
from receiver.store.base import Store
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
from receiver.telemetry.logs import build_logging
from receiver.telemetry.metrics import Build, Labels, Metrics, StoreFigures
from receiver.web import application


def store_at(path: Path) -> SqliteStore:
    """Open a store, as the receiver would."""
    commits = Commits(done=lambda *_: None, failed=lambda _: None)
    loop = asyncio.get_running_loop()
    return SqliteStore(path, patience=5.0, timer=loop.time, commits=commits)


def endpoints(store: Store) -> Ops:
    """Return the endpoints of an ops port in front of this store."""
    labels = Labels(sources=("prod",))
    metrics = Metrics(CollectorRegistry(), labels, Build(version="1", python="3", sqlite="3"))

    async def figures() -> StoreFigures:
        return StoreFigures(dead_letters=(await store.figures()).dead)

    async def reload(place: str) -> str:
        return place[:0]

    return Ops(
        OpsMeans(
            store=store,
            metrics=metrics,
            figures=figures,
            reload=reload,
            token=lambda: None,
            now=lambda: 1,
            retry=lambda _: None,
        )
    )


def ops_of(store: Store) -> httpx.AsyncClient:
    """Return a client of an ops port in front of this store."""
    log = build_logging("info", io.BytesIO())("ops")
    transport = httpx.ASGITransport(application(endpoints(store).table(), log))
    return httpx.AsyncClient(transport=transport, base_url="http://ops")

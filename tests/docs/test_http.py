"""docs/http.md names the paths that the two ports serve, no more and no fewer."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

import receiver.app
from receiver.app import App, real_world, running
from receiver.config import parse
from receiver.openapi import document
from receiver.telemetry.logs import build_logging
from receiver.web import Handler, application
from tests.docs.pages import page, section, spans, table

GUIDE = page("docs/http.md")
PORTS = ("Public port (`server.listen`)", "Ops port (`server.ops_listen`)")
CONFIG = """
server: {{listen: "127.0.0.1:0", ops_listen: "127.0.0.1:0"}}
store: {{url: "sqlite:///{folder}/receiver.db"}}
feishu: [{{name: bot, webhook_url: "http://127.0.0.1:9/hook"}}]
routes: [{{targets: [bot]}}]
"""

Served = set[tuple[str, str]]


def told(port: str) -> Served:
    rows = table(section(GUIDE, port), "method")
    return {(method, row[1].strip("`")) for row in rows for method in spans(row[0])}


async def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Served]:
    """Start an app, and return what each of its ports serves."""
    found: list[Served] = []

    def watched(
        rows: Iterable[tuple[str, Handler, tuple[str, ...]]], log: FilteringBoundLogger
    ) -> ASGIApp:
        kept = list(rows)
        found.append({(method, path) for path, _, methods in kept for method in methods})
        return application(kept, log)

    monkeypatch.setattr(receiver.app, "application", watched)
    config = parse(CONFIG.format(folder=folder), {}, folder)
    with (folder / "log").open("wb") as log:
        logs = build_logging("error", log)
        app = App(config, path=folder / "none", environ={}, logs=logs, world=real_world())
        async with running(app):
            return found


async def test_the_guide_and_the_code_know_the_same_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await served(tmp_path, monkeypatch) == [told(port) for port in PORTS]


def test_the_openapi_document_describes_the_whole_api() -> None:
    described = {
        (method.upper(), path)
        for path, methods in document()["paths"].items()
        for method in methods
    }
    own = ("GET", "/api/v1/openapi.json")
    assert described == {each for each in told(PORTS[1]) if "/api/" in each[1]} - {own}

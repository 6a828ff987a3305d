"""A receiver whose time the test moves, and whose incidents escalate to who is on call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from receiver.app import App, World, real_world, running
from receiver.config import parse
from receiver.sandbox.server import serve_sandbox
from receiver.telemetry.logs import build_logging
from tests.stage import PRODUCTION, Stage, connect, settings

MINUTE = 60_000
STEPS = [
    {"after": "5m", "via": "mention", "whom": ["oncall:db"]},
    {"after": "10m", "via": "app"},
    {"after": "15m", "via": "sms"},
    {"after": "20m", "via": "phone"},
]
ROTA = {"zone": "Asia/Shanghai", "start": "2026-01-05", "every": "7d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted(World):
    """The machine's time, moved by the test; loops look again soon."""

    shift: list[int] = field(default_factory=lambda: [0])

    @staticmethod
    async def sleep(event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, but never long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), min(seconds, 0.05))


@dataclass
class Duty(Stage):
    """A stage whose time the test moves."""

    shift: list[int] = field(default_factory=lambda: [0])

    def later(self, ms: int) -> None:
        """Move the receiver's time and the platform's."""
        self.shift[0] += ms
        self.desk.clock.advance(ms)

    def buzzes(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return who was buzzed how, in the order of the messages and calls."""
        return [(buzz.kind, buzz.people) for each in self.messages() for buzz in each.buzzes]


@asynccontextmanager
async def duty(folder: Path, steps: Any = None, **keys: Any) -> AsyncIterator[Duty]:
    """Run a receiver whose incidents escalate to 李雷, who is on call."""
    async with serve_sandbox() as sandbox, httpx.AsyncClient(trust_env=False) as http:
        email = next(user.email for user in sandbox.state.users.values() if user.name == "李雷")
        document = settings(
            sandbox,
            folder,
            oncall=[{"name": "db", "rotation": {**ROTA, "people": [email]}}],
            escalations=[{"name": "database", "steps": steps or STEPS}],
            routes=[{"targets": [f"ops:{PRODUCTION}"], "escalation": "database"}],
        )
        document |= keys
        shift = [0]
        real = real_world()
        world = Shifted(
            now=lambda: real.now() + shift[0], timer=real.timer, luck=real.luck, shift=shift
        )
        path = folder / "receiver.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        with (folder / "receiver.log").open("ab", buffering=0) as log:
            logs = build_logging("info", log)
            app = App(
                parse(path.read_text("utf-8"), {}, folder),
                path=path,
                environ={},
                logs=logs,
                world=world,
            )
            async with running(app):
                await connect(sandbox, app)
                yield Duty(sandbox, app, http, folder, shift)

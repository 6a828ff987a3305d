"""A whole set-up that is well: a sandbox, an Alertmanager, a receiver, and the doctor's eyes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from receiver.app import App, World, real_world
from receiver.doctor import Finding, Verdict, examine
from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.desk import Desk
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import App as SandboxApp
from receiver.sandbox.state import Chat
from tests.stage import PRODUCTION, receiving, settings, source, team_of

Json = dict[str, Any]


@dataclass
class Ward:
    """The set-up, its configuration, and what the doctor says of it."""

    sandbox: Sandbox
    receiver: App
    folder: Path
    config: Json
    environ: dict[str, str] = field(default_factory=dict)
    world: World = field(default_factory=real_world)

    @property
    def desk(self) -> Desk:
        """The platform's administrator."""
        return self.sandbox.state

    @property
    def app(self) -> SandboxApp:
        """The app as the platform knows it."""
        return team_of(self.sandbox).app

    @property
    def chat(self) -> Chat:
        """The chat that the configuration names."""
        return self.desk.chats[PRODUCTION]

    @property
    def feishu(self) -> Json:
        """The app's entry."""
        entry: Json = self.config["feishu"][0]
        return entry

    def written(self) -> Path:
        """Write the configuration down."""
        path = self.folder / "doctor.yaml"
        path.write_text(yaml.safe_dump(self.config, allow_unicode=True), "utf-8")
        return path

    async def findings(self, *, send: bool = False) -> list[Finding]:
        """Let the doctor look."""
        return await examine(self.written(), self.environ, self.world, send=send)

    async def failures(self) -> list[str]:
        """Return what the doctor says is wrong, a line each."""
        return [
            str(finding) for finding in await self.findings() if finding.verdict is Verdict.FAIL
        ]


@asynccontextmanager
async def ward(folder: Path) -> AsyncIterator[Ward]:
    """Run a set-up in which everything is well until the block ends."""
    hook = AlertmanagerConfig(webhook_url="")
    async with serve_sandbox() as sandbox, serve_alertmanager(hook) as alertmanager:
        config = settings(sandbox, folder, alertmanagers=[source(alertmanager.url)])
        config["routes"] = [
            {"targets": [f"ops:{PRODUCTION}", "legacy"], "mention": ["ou_li", "all"]},
        ]
        config["operators_target"] = f"ops:{PRODUCTION}"
        async with receiving(config, folder) as receiver:
            server = {**config["server"], "external_url": receiver.url}
            yield Ward(sandbox, receiver, folder, {**config, "server": server})

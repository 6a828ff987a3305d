"""The real command in a process of its own, and what it says."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.stories.cards import Json

PATIENCE = 20.0


@dataclass
class Process:
    """A running command."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    said: asyncio.Condition = field(default_factory=asyncio.Condition)
    silent: bool = False  # it has ended, or closed its output

    @property
    def output(self) -> str:
        """Everything that it has said."""
        return "".join(self.lines)

    async def says(self, wanted: Callable[[str], bool], since: int = 0) -> str:
        """Wait for a line of which this is true, and return it."""

        def found() -> str | None:
            return next((line for line in self.lines[since:] if wanted(line)), None)

        try:
            async with asyncio.timeout(PATIENCE), self.said:
                await self.said.wait_for(lambda: self.silent or found() is not None)
        except TimeoutError:
            pass
        line = found()
        assert line is not None, f"it did not say that, but:\n{self.output}"
        return line

    async def event(self, name: str, since: int = 0) -> Json:
        """Wait for a line of the log, and return it."""
        return _read(await self.says(lambda line: _read(line).get("event") == name, since))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Press Ctrl-C, which reaches everything that it started too."""
        os.killpg(self.process.pid, signal.SIGINT)

    async def ends(self) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def follow(self) -> None:
        """Keep what it says."""
        if self.process.stdout is None:
            raise RuntimeError("the output is not piped")
        async for line in self.process.stdout:
            async with self.said:
                self.lines.append(line.decode("utf-8", "replace"))
                self.said.notify_all()
        async with self.said:
            self.silent = True
            self.said.notify_all()


def _read(line: str) -> Json:
    try:
        read: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return read if isinstance(read, dict) else {}


@asynccontextmanager
async def command(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run ``receiver`` with these arguments, in a process group of its own, until the block ends.

    Fails if anything that it started is still there when it has ended.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receiver", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
        start_new_session=True,
        preexec_fn=_hear_interrupts,
    )
    running = Process(process)
    following = asyncio.create_task(running.follow())
    try:
        yield running
        await running.ends()
        assert not _alive(process.pid), "it left processes behind"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await following


def _hear_interrupts() -> None:
    """Undo what a shell does to what it starts with ``&``: there Ctrl-C would be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def write(document: Json, path: Path) -> Path:
    """Write a configuration."""
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return path

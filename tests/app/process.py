"""The program as people run it: a process with arguments, output and an exit code."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds; a busy machine is slow, and nothing waits this long otherwise

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what would steer the program."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "RECEIVER_"))
    }
    return {**kept, **(more or {})}


async def run(*arguments: str | Path, environ: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "receiver",
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(environ),
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return Ended(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Serving:
    """A running ``receiver serve``, and every line that it has written."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)
    said: asyncio.Condition = field(default_factory=asyncio.Condition)
    over: bool = False

    @property
    def events(self) -> list[Json]:
        """The lines as JSON; a line that is none fails the test."""
        return [json.loads(line) for line in self.lines]

    async def event(self, name: str, number: int = 1) -> Json:
        """Wait for the n-th log line of this name."""

        def found() -> bool:
            return self.over or self._count(name) >= number

        async with asyncio.timeout(PATIENCE), self.said:
            await self.said.wait_for(found)
        events = [event for event in self.events if event["event"] == name]
        assert len(events) >= number, "".join(self.lines)
        return events[number - 1]

    async def url(self) -> str:
        """Return the public address, once it is ready."""
        return str((await self.event("ready"))["url"])

    async def ops_url(self) -> str:
        """Return the address for operations, once it is ready."""
        return str((await self.event("ready"))["ops_url"])

    async def ended(self) -> int:
        """Wait for the end, and return the exit code."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def listen(self) -> None:
        """Take in what it writes."""
        if self.process.stdout is None:
            raise RuntimeError("the process has no output")
        async for line in self.process.stdout:
            await self._take(line.decode())
        async with self.said:
            self.over = True
            self.said.notify_all()

    async def _take(self, line: str) -> None:
        async with self.said:
            self.lines.append(line)
            self.said.notify_all()

    def _count(self, name: str) -> int:
        return sum(f'"event":"{name}"' in line for line in self.lines)


@contextlib.asynccontextmanager
async def serving(config: Path, environ: Mapping[str, str] | None = None) -> AsyncIterator[Serving]:
    """Run ``receiver serve`` until the block ends; errors are among its lines."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "receiver",
        "serve",
        "--config",
        str(config),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(environ),
    )
    running = Serving(process)
    listening = asyncio.create_task(running.listen())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening

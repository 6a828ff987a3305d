"""A parent that has imported the product once, and forks a real process of it in a moment."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A forked process, with what is used of ``asyncio.subprocess.Process``."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Wait for the end, and return the code."""
        await self._ended.wait()
        if self.returncode is None:
            raise RuntimeError("ended without a code")
        return self.returncode

    def end(self, code: int) -> None:
        """Take note of the end."""
        self.returncode = code
        self._ended.set()

    def terminate(self) -> None:
        """Ask the process to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


class Forks:
    """The parent, started with the first process that is asked for."""

    def __init__(self) -> None:
        self._parent: asyncio.subprocess.Process | None = None
        self._orders: socket.socket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._living: dict[int, Forked] = {}
        self._dead: dict[int, int] = {}

    async def spawn(self, words: Sequence[str]) -> Forked:
        """Start a process with the launcher's words."""
        if self._orders is None:
            self._orders = await self._start()
        reading, writing = os.pipe()
        stdout = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(reading, "rb", 0)
        )
        socket.send_fds(self._orders, [json.dumps(list(words)).encode()], [writing])
        os.close(writing)
        pid = await self._born.get()
        forked = self._living[pid] = Forked(pid, stdout)
        if pid in self._dead:
            forked.end(self._dead.pop(pid))
        return forked

    async def close(self) -> None:
        """End the parent."""
        if self._parent is None or self._orders is None or self._reading is None:
            return
        self._orders.close()
        await self._parent.wait()
        await self._reading

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._parent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.launcher",
            "--forks",
            str(theirs.fileno()),
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            cwd=ROOT,
        )
        theirs.close()
        if self._parent.stdout is None:
            raise RuntimeError("the parent has no output")
        self._reading = asyncio.create_task(self._read(self._parent.stdout))
        return ours

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            said = json.loads(line)
            if "born" in said:
                self._born.put_nowait(said["born"])
            elif said["pid"] in self._living:
                self._living.pop(said["pid"]).end(said["code"])
            else:
                self._dead[said["pid"]] = said["code"]

"""A port between two of our parts, so that a story can break what is between them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx


class Gate:
    """A port that leads to another one: it can refuse, hold answers back, and lose them.

    ``answers`` is cleared to hold them back; ``lost`` counts how many more are lost.
    """

    def __init__(self, to: str) -> None:
        self.url = ""
        self.answers = asyncio.Event()
        self.answers.set()
        self.lost = 0
        self._to = httpx.URL(to)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    def lead_to(self, url: str) -> None:
        """Lead new connections elsewhere."""
        self._to = httpx.URL(url)

    async def open(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def shut(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(here, back))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task

    async def _carry(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        writers = [back]
        try:
            there, out = await asyncio.open_connection(self._to.host, self._to.port)
            writers.append(out)
            both = {
                asyncio.ensure_future(self._ask(here, out)),
                asyncio.ensure_future(self._answer(there, back)),
            }
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        finally:
            for writer in writers:
                writer.transport.abort()

    async def _ask(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(1 << 16):
            sink.write(chunk)
            await sink.drain()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(1 << 16):
            await self.answers.wait()
            if self.lost:
                self.lost -= 1
                return
            sink.write(chunk)
            await sink.drain()


@asynccontextmanager
async def gate(to: str, *, shut: bool = False) -> AsyncIterator[Gate]:
    """Run a gate until the block ends; with ``shut`` it has a port, and refuses."""
    made = Gate(to)
    await made.open()
    try:
        if shut:
            await made.shut()
        yield made
    finally:
        await made.shut()

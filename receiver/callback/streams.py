"""The long connections of the configuration in force: begun, kept and ended by reloads."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx
from structlog.typing import FilteringBoundLogger

from receiver.channels.feishu.stream import Stream
from receiver.channels.feishu.stream_endpoint import Trouble
from receiver.channels.feishu.stream_session import ANSWER_MOST, Seen, StreamPorts, Wire
from receiver.channels.feishu.token import Account
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing

# Answers under way, and then the farewell.
END_MOST = ANSWER_MOST + 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMeans:
    """What long connections need; ``http`` gives an app's client in force, by its name."""

    http: Callable[[str], httpx.AsyncClient]
    hear: Callable[[str, bytes], Awaitable[bytes]]
    open: Callable[[str], Awaitable[Wire | Trouble]]
    metrics: Metrics
    tracing: Tracing
    log: FilteringBoundLogger
    timer: Callable[[], float]
    luck: Callable[[], float]
    sleep: Callable[[asyncio.Event, float], Awaitable[None]]
    tell: Callable[[str, str, str], Awaitable[None]]


class Streams:
    """One connection for each app that is to have one."""

    def __init__(self, means: StreamMeans) -> None:
        self._means = means
        self._streams: dict[str, tuple[Stream, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def adopt(self, accounts: Iterable[Account]) -> None:
        """Begin what is new, end what is gone, keep the rest; who waits tries again at once.

        A changed app is connected anew before its old connection ends, so that no click is lost.
        """
        wanted = {account.name: account for account in accounts}
        for name, (stream, task) in list(self._streams.items()):
            if wanted.get(name) == stream.account:
                stream.hurry()
                del wanted[name]
            else:
                del self._streams[name]
                self._end(stream, task)
        for name, account in wanted.items():
            stream = Stream(account, self._ports(name))
            self._streams[name] = (stream, self._start(stream))

    async def close(self) -> None:
        """Answer what is under way, and end every connection."""
        self.adopt(())
        if self._ending:
            _, late = await asyncio.wait(self._ending, timeout=END_MOST)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, stream: Stream) -> asyncio.Task[None]:
        task = asyncio.create_task(stream.run())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._means.log.critical("a long connection died", problem=repr(task.exception()))

    def _end(self, stream: Stream, task: asyncio.Task[None]) -> None:
        stream.stop()
        self._ending.add(task)
        if task.done():
            self._ending.discard(task)
        elif not stream.open:
            task.cancel()  # nobody waits for its answers

    def _ports(self, name: str) -> StreamPorts:
        means = self._means
        metrics = means.metrics.streams
        return StreamPorts(
            http=lambda: means.http(name),
            hear=lambda payload: means.hear(name, payload),
            open=means.open,
            tracing=means.tracing,
            log=means.log,
            timer=means.timer,
            share=means.luck,
            sleep=means.sleep,
            tell=means.tell,
            seen=Seen(
                connected=lambda here: self._show(name, here=here),
                lost=lambda loss: metrics.reconnects.of(name, loss.value).inc(),
                framed=lambda kind: metrics.frames.of(name, kind).inc(),
                acknowledged=lambda seconds: metrics.acks.of(name).observe(seconds),
            ),
        )

    def _show(self, name: str, *, here: bool) -> None:
        gauge = self._means.metrics.streams.connected
        if name in gauge.known("app"):  # its app may have been reloaded away
            gauge.of(name).set(here)

"""What happens, told to every open page as it happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

# A page that is this far behind is disconnected; it reconnects and loads the state anew.
BACKLOG = 2_000


T = TypeVar("T")
Queue = asyncio.Queue[dict[str, Any] | None]


class Hub:
    """Fans events out to the pages that are open."""

    def __init__(self) -> None:
        self._queues: set[Queue] = set()
        self.closing = asyncio.Event()

    @property
    def watched(self) -> bool:
        """Tell whether anybody is looking, so that nobody formats events for no one."""
        return bool(self._queues)

    def publish(self, event: dict[str, Any]) -> None:
        """Hand `event` to every page; a page that lags too far is let go."""
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    def close(self) -> None:
        """End every stream."""
        self.closing.set()
        for queue in list(self._queues):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def until(self, condition: Callable[[], T | None], limit_s: float = 10) -> T:
        """Wait until `condition` returns something true, asking again after each event.

        Raises TimeoutError after `limit_s` real seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + limit_s
        async with asyncio.timeout(limit_s):
            events = self.events(limit_s)
            try:
                while not (found := condition()):
                    await anext(events)
                    # Python 3.11's wait_for loses a timeout that comes together with an event.
                    if loop.time() >= end:
                        raise TimeoutError
            finally:
                await events.aclose()
        return found

    async def events(self, heartbeat_s: float) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Yield events as they come, and None whenever `heartbeat_s` pass without one."""
        with self._listening() as queue:
            while not self.closing.is_set():
                try:
                    event = await asyncio.wait_for(queue.get(), heartbeat_s)
                except TimeoutError:
                    yield None
                    continue
                if event is None:
                    return
                yield event

    @contextmanager
    def _listening(self) -> Iterator[Queue]:
        queue = Queue(BACKLOG)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

"""The sandbox's own time: real by default, and movable by hand."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """Time in Unix milliseconds that `advance` moves forward at once.

    With a `source` it also ticks by itself; without one it stands still at `start`.
    """

    def __init__(self, source: Callable[[], int] | None = None, *, start: int = 0) -> None:
        self._source = source
        self._offset = start
        self._moved = asyncio.Event()

    def now(self) -> int:
        """Say the time in Unix milliseconds."""
        return self._offset if self._source is None else self._source() + self._offset

    __call__ = now

    def advance(self, ms: int) -> int:
        """Move time forward by `ms`, wake who waits for it, and return the new time.

        Raises ValueError when asked to go back: the limits rely on time that never does.
        """
        if ms < 0:
            raise ValueError(f"advance: {ms} ms would move time back; give 0 or more")
        self._offset += ms
        self._moved.set()
        self._moved = asyncio.Event()
        return self.now()

    async def elapse(self, ms: int) -> None:
        """Wait until `ms` milliseconds of this clock have passed."""
        await self.reach(self.now() + ms)

    async def reach(self, end: int) -> None:
        """Wait until this clock says `end` (Unix milliseconds) or later."""
        while (left := end - self.now()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), left / 1000 if self._source else None)
            except TimeoutError:
                continue

    async def within(self, work: Coroutine[Any, Any, T], ms: int) -> T:
        """Return what `work` returns; raises TimeoutError when `ms` of this clock pass first."""
        running = asyncio.ensure_future(work)
        alarm = asyncio.ensure_future(self.elapse(ms))
        try:
            await asyncio.wait((running, alarm), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            raise TimeoutError
        finally:
            running.cancel()
            alarm.cancel()
            await asyncio.gather(running, alarm, return_exceptions=True)

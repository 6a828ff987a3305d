"""What time alone changes: silences that end, and incidents that are long over."""

import asyncio
from collections.abc import Awaitable, Callable

from structlog.typing import FilteringBoundLogger

from receiver.domain.card import GENERATION_AGE
from receiver.store.base import Store, Unavailable

LOOK_AGAIN = 5_000  # ms; a silence is shown as ended this much late at the most
PRUNE_EVERY = 60_000
AGE_EVERY = 3_600_000  # ms between looks for cards that must be replaced before they die
PRUNE_MOST = 200  # incidents a step, so that no commit is long


class Clock:
    """Applies due rows; ``retention`` is how long ended incidents are kept, in ms.

    ``resume`` takes up the intents to silence that nobody is driving: a click whose answer came
    too late, or a task that died.
    """

    def __init__(  # noqa: PLR0913  (each is one thing that it must reach)
        self,
        *,
        store: Store,
        now: Callable[[], int],
        sleep: Callable[[asyncio.Event, float], Awaitable[None]],
        retention: Callable[[], int],
        resume: Callable[[], Awaitable[None]],
        wake: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._store = store
        self._now = now
        self._sleep = sleep
        self._retention = retention
        self._resume = resume
        self._wake = wake
        self._log = log
        self._stopped = asyncio.Event()
        self._prune_at = 0
        self._age_at = 0

    def stop(self) -> None:
        """End the loop."""
        self._stopped.set()

    async def run(self) -> None:
        """Go on until stopped."""
        while not self._stopped.is_set():
            try:
                pause = await self.tick()
            except Unavailable as failure:
                self._log.warning("clock waits for the store", problem=str(failure))
                pause = LOOK_AGAIN
            except Exception:  # noqa: BLE001  (the one place: the loop must go on)
                self._log.exception("fault of the clock")
                pause = LOOK_AGAIN
            await self._sleep(self._stopped, pause / 1000)

    async def tick(self) -> int:
        """Apply what is due; return the ms until something may be due again."""
        now = self._now()
        ended, next_at = await self._store.lapse(now)
        if ended:
            self._wake()
        await self._resume()
        if now >= self._prune_at:
            await self._prune(now)
        if now >= self._age_at:
            self._age_at = now + AGE_EVERY
            if await self._store.age(now - GENERATION_AGE, now):
                self._wake()
        until = LOOK_AGAIN if next_at is None else min(max(next_at - now, 1), LOOK_AGAIN)
        return 1 if ended else until

    async def _prune(self, now: int) -> None:
        gone = await self._store.prune(now - self._retention(), now, PRUNE_MOST)
        # A full step means that there is more: go on soon, but let others commit between.
        self._prune_at = now + (LOOK_AGAIN if gone == PRUNE_MOST else PRUNE_EVERY)

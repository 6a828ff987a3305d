"""The loop that recomputes the conservation law, and raises the alarm when it does not hold."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from receiver.store.accounts import Discrepancy
from receiver.store.base import StoreError

CHECK_FIRST = 60.0  # seconds after a start, which has enough to do
CHECK_EVERY = 600.0
# Counting a million cards takes seconds: it may take a hundredth of the time, and no more.
SHARE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMeans:
    """What the loop needs; ``observe`` is told how many totals are wrong, and when (Unix ms)."""

    selfcheck: Callable[[], Awaitable[Sequence[Discrepancy]]]  # as the store's
    observe: Callable[[int, int], None]
    now: Callable[[], int]
    sleep: Callable[[asyncio.Event, float], Awaitable[None]]  # until the event, so long at most
    log: FilteringBoundLogger


class Conservation:
    """Looks every ten minutes, in a large store less often, whether all units are accounted for."""

    def __init__(self, means: CheckMeans) -> None:
        self._means = means
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Check until stopped; a store that does not answer is asked again the next time."""
        await self._means.sleep(self._stopped, CHECK_FIRST)
        while not self._stopped.is_set():
            began = self._means.now()
            try:
                wrong = await self._means.selfcheck()
            except StoreError as failure:
                self._means.log.warning("selfcheck not made", problem=str(failure))
            else:
                self._means.observe(len(wrong), self._means.now())
                for each in wrong:
                    self._means.log.error(
                        "units do not add up",
                        state=each.state,
                        kept=each.kept,
                        counted=each.counted,
                    )
            took = max(self._means.now() - began, 0) / 1000
            await self._means.sleep(self._stopped, max(CHECK_EVERY, took * SHARE))

    def stop(self) -> None:
        """End the loop."""
        self._stopped.set()

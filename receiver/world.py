"""Time and chance as the whole program sees them; only here they are the machine's own."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Time and chance, as parameters: Unix ms, a monotonic clock in seconds, luck in [0, 1)."""

    now: Callable[[], int]
    timer: Callable[[], float]
    luck: Callable[[], float]

    @staticmethod
    async def pause(seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    @staticmethod
    async def sleep(event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, that long at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


def real_world() -> World:
    """Return the machine's own time and chance."""
    return World(
        now=lambda: time.time_ns() // 1_000_000,
        timer=time.monotonic,
        luck=random.SystemRandom().random,
    )

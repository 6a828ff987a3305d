"""One task per key: whoever asks while it flies waits for the same answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Runs coroutines, never two at a time under one key; the caller's end does not end them."""

    def __init__(self) -> None:
        self._flying: dict[str, asyncio.Task[T]] = {}

    def start(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Return the task under this key, starting it where there is none."""
        task = self._flying.get(key)
        if task is None:
            task = self._flying[key] = asyncio.create_task(make(), name=key)
            task.add_done_callback(lambda _: self._flying.pop(key))
        return task

    async def wait(self, key: str, seconds: float) -> None:
        """Wait for the task under this key, if there is one, and at most so many seconds."""
        task = self._flying.get(key)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)

    async def close(self) -> None:
        """Cancel what flies, and wait for its end."""
        tasks = list(self._flying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Asks every source for the silences that it has, whoever made them, and waits two seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from receiver.domain.truth import SeenSilence, Unanswered

ASK_WITHIN = 2.0  # seconds, for all sources together
SLOW = f"no answer within {ASK_WITHIN:g} s"

Told = Sequence[SeenSilence] | Unanswered


class Source(Protocol):
    """What can be asked; AlertmanagerClient is one."""

    async def every_silence(self, now: int) -> Sequence[SeenSilence] | Unanswered:
        """Return all silences, expired ones included, as of ``now`` (Unix ms)."""


async def ask_all(
    sources: Mapping[str, Source], now: int, patience: float = ASK_WITHIN
) -> dict[str, Told]:
    """Return what each source says; one that is slow or fails delays and hides no other."""
    asked = {name: asyncio.create_task(one.every_silence(now)) for name, one in sources.items()}
    if asked:
        _, late = await asyncio.wait(asked.values(), timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)
    return {name: _told(task) for name, task in asked.items()}


def _told(task: "asyncio.Task[Sequence[SeenSilence] | Unanswered]") -> Told:
    if task.cancelled():
        return Unanswered(SLOW)
    fault = task.exception()
    return task.result() if fault is None else Unanswered(type(fault).__name__)

"""Intents to silence, driven until Alertmanager's answer is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from structlog.typing import FilteringBoundLogger

from receiver.alertmanager.silences import Silencer
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.store.base import Store, Unavailable

STORE_PAUSE = 0.5  # seconds between tries to keep an answer


def hurry_nobody(_: str) -> None:
    """Ask no source: there is no reconciler."""


class Silencing:
    """One task an intent, whoever asked for it; a restart takes them all up again."""

    def __init__(  # noqa: PLR0913  (each is one thing that it must reach)
        self,
        *,
        silencer: Silencer,
        store: Store,
        log: FilteringBoundLogger,
        now: Callable[[], int],
        pause: Callable[[float], Awaitable[None]],
        wake: Callable[[], None],
        hurry: Callable[[str], None] = hurry_nobody,
    ) -> None:
        self._silencer = silencer
        self._store = store
        self._log = log
        self._now = now
        self._pause = pause
        self._wake = wake
        self._hurry = hurry
        self._closed = False
        self._tasks: dict[tuple[str, SilenceState], asyncio.Task[Silence | None]] = {}

    async def resume(self) -> None:
        """Take up the intents that nobody drives: an earlier run's, or a lost task's."""
        for snapshot, silence in await self._store.intents():
            self._start(snapshot.incident.source, snapshot.incident.id, silence, fresh=False)

    def begin(self, source: str, incident: int, silences: Iterable[Silence]) -> None:
        """Tell Alertmanager of silences whose intent was recorded just now."""
        for silence in silences:
            fresh = silence.state is SilenceState.REQUESTED
            self._start(source, incident, silence, fresh=fresh)

    async def outcomes(self, silences: Iterable[Silence], seconds: float) -> None:
        """Wait until these are answered and kept, but no longer than that."""
        tasks = [self._tasks.get((silence.id, silence.state)) for silence in silences]
        running = [task for task in tasks if task is not None]
        if running:
            await asyncio.wait(running, timeout=seconds)

    async def close(self) -> None:
        """Stop; what is left is taken up at the next start."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, source: str, incident: int, silence: Silence, *, fresh: bool) -> None:
        key = (silence.id, silence.state)
        if key in self._tasks or self._closed:
            return
        task = asyncio.create_task(self._drive(source, incident, silence, fresh=fresh))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: tuple[str, SilenceState], task: "asyncio.Task[Silence | None]") -> None:
        self._tasks.pop(key, None)
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self._log.error("silence left for the next start", silence=key[0], problem=str(problem))

    async def _drive(
        self, source: str, incident: int, silence: Silence, *, fresh: bool
    ) -> Silence | None:
        if silence.state is SilenceState.EXPIRING:
            told: Conclusion | None = await self._silencer.expire(source, incident, silence)
        elif silence.state is SilenceState.EXTENDING:
            told = await self._silencer.extend(source, incident, silence)
        else:
            told = await self._silencer.establish(source, incident, silence, fresh=fresh)
        if told is None:
            return None  # an unsilence overtook it, and concludes for both
        while True:
            try:
                snapshot = await self._store.conclude(told, self._now())
            except Unavailable as failure:
                if failure.reason == "closed":
                    raise
                await self._pause(STORE_PAUSE)
            else:
                self._wake()
                self._hurry(source)  # what it mutes, its source alone knows
                found = () if snapshot is None else snapshot.incident.silences
                return next((one for one in found if one.id == silence.id), None)

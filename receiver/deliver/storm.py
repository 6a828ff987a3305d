"""Storms: what cannot be shown in time is gathered into one digest a target."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from receiver.channels.base import Channel, Limit, split_target
from receiver.deliver.budget import Ledger, keys_of
from receiver.domain.card import Call
from receiver.domain.storm import CALM, Pressure, Rules, StormStep, next_step
from receiver.store.base import Load, Store
from receiver.telemetry.metrics import Metrics

# Ms between two looks at one target's digest: it is patched at most so often.
GATHER_APART = 1_000
# A digest of very many costs more to draw: for each incident in it, the next look is so much later.
GATHER_COST = 0.1
# Ms between two cards of what ended unseen: a backlog must not become many of them.
LATE_APART = 30_000
# Ms in which a target has no new digest after it has refused one for good.
REFUSED_FOR = 15 * 60_000


@dataclass(slots=True)
class _Storm:
    """What is remembered of one target's storm; a restart forgets it, and the digest stays."""

    since: int
    taken: deque[tuple[int, int]] = field(default_factory=deque)  # (Unix ms, incidents)
    look_at: int = 0
    size: int = 0

    def recent(self, now: int) -> int:
        while self.taken and self.taken[0][0] <= now - CALM:
            self.taken.popleft()
        return sum(count for _, count in self.taken)


class Storms:
    """Looks at every target's backlog once a second, and gathers what cannot be shown in time."""

    def __init__(
        self,
        *,
        store: Store,
        ledger: Ledger,
        channels: Callable[[], Mapping[str, Channel]],
        rules: Callable[[], Rules],
        metrics: Metrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._channels = channels
        self._rules = rules
        self._metrics = metrics
        self._log = log
        self._storms: dict[str, _Storm] = {}
        self._late_at: dict[str, int] = {}
        self._refused_until: dict[str, int] = {}
        self._looked_at = 0

    async def look(self, now: int, circuits_open: Callable[[str], bool]) -> None:
        """Gather, or let go, what each target's pressure asks for."""
        if now < self._looked_at:  # the clock was set back
            self._begin_again(now)
        self._looked_at = now
        loads = await self._store.loads()
        waiting = self._waiting(loads)
        for load in loads:
            held = circuits_open(load.target)
            if load.late and not load.digest:
                await self._gather_late(load.target, now, held=held)
            await self._look_at(load, waiting, held=held, now=now)
        open_ = [load.target for load in loads if load.target in self._storms]
        self._storms = {target: self._storms[target] for target in open_}
        self._metrics.delivery.storms.set(len(self._storms))

    def _begin_again(self, now: int) -> None:
        """Forget all times; a storm lasts that much longer."""
        self._storms = {target: _Storm(since=now) for target in self._storms}
        self._late_at.clear()
        self._refused_until.clear()

    async def _look_at(
        self, load: Load, waiting: Mapping[str, int], *, held: bool, now: int
    ) -> None:
        if load.digest and load.target not in self._storms:
            self._storms[load.target] = _Storm(since=now)  # of an earlier run
        storm = self._storms.get(load.target)
        if storm is not None and now < storm.look_at:
            return
        limits = self._limits(load.target)
        recent = dict.fromkeys(keys_of(limits), 0 if storm is None else storm.recent(now))
        pressure = Pressure(
            waiting=load.lesser,
            drain=self._ledger.drain(limits, waiting, now),
            recent_drain=self._ledger.drain(limits, recent, now),
            since=None if storm is None else storm.since,
            held=held or now < self._refused_until.get(load.target, 0),
            untold=load.untold,
            refused=load.refused,
        )
        step = next_step(pressure, self._rules(), now)
        if step in (StormStep.BEGIN, StormStep.GATHER):
            await self._gather(load.target, now)
        elif step is StormStep.END:
            if load.refused:  # one by one, then
                self._refused_until[load.target] = now + REFUSED_FOR
            await self._end(load.target, now)

    async def _gather(self, target: str, now: int) -> None:
        storm = self._storms.get(target)
        while True:
            got = await self._store.gather(target, now)
            if storm is None and got.digest:
                storm = self._storms[target] = _Storm(since=now)
                self._log.warning("storm begins", target=target, digest=got.digest)
            if storm is None:
                return
            storm.taken.append((now, got.taken))
            storm.size += got.taken
            self._metrics.delivery.digested.inc(got.taken)
            if not got.more:
                break
        storm.look_at = now + max(GATHER_APART, int(storm.size * GATHER_COST))

    async def _gather_late(self, target: str, now: int, *, held: bool) -> None:
        if now < self._late_at.get(target, 0) and not held:
            return
        got = await self._store.gather(target, now, late=True)
        if got.taken:
            self._late_at[target] = now + LATE_APART
            self._metrics.delivery.digested.inc(got.taken)
            self._log.info("late incidents gathered", target=target, incidents=got.taken)

    async def _end(self, target: str, now: int) -> None:
        released = await self._store.disperse(target, now)
        self._storms.pop(target, None)
        self._log.warning("storm is over", target=target, still_firing=released)

    def _waiting(self, loads: Iterable[Load]) -> dict[str, int]:
        """Return how many first messages wait for each limit key."""
        waiting: dict[str, int] = {}
        for load in loads:
            for key in keys_of(self._limits(load.target)):
                waiting[key] = waiting.get(key, 0) + load.lesser
        return waiting

    def _limits(self, target: str) -> tuple[Limit, ...]:
        name, address = split_target(target)
        channel = self._channels().get(name)
        return () if channel is None else channel.limits(Call.CREATE, address, "")

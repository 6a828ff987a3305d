"""The loop that looks for cards to show, and hands them to workers inside every limit."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from receiver.channels.base import Channel, split_target
from receiver.deliver.worker import Means, Worker, expected_call
from receiver.domain.outcome import Rejected, RejectReason
from receiver.domain.severity import CRITICAL
from receiver.store.base import Due, Unavailable

LOOK_AGAIN = 1_000  # ms between looks when nothing calls for one earlier
WINDOWS_KEPT = 120_000
AT_ONCE = 64  # cards of one target that are looked at together
STORE_PAUSE = 500
RESCUE_EVERY = 5_000  # ms between looks for cards that a failing store left in flight
MESSAGE_LIMIT = "message"  # the one limit that holds back a single card, not its target


@dataclass(slots=True)
class _Lane:
    """One target's queue: the cards being worked on, and when to look at it again."""

    busy: set[int] = field(default_factory=set)
    look_at: int = 0


class Dispatcher:
    """Drives every card to its newest revision; ``wake`` says that something changed."""

    def __init__(
        self, means: Means, sleep: Callable[[asyncio.Event, float], Awaitable[None]]
    ) -> None:
        """Prepare; ``sleep(event, seconds)`` waits for the event, that long at most."""
        self._means = means
        self._worker = Worker(means)
        self._sleep = sleep
        self._woken = asyncio.Event()
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._rescue_at = 0

    def wake(self) -> None:
        """Look for cards now."""
        self._woken.set()

    async def restore(self) -> None:
        """Take over from an earlier run: its windows, and the calls that it left open."""
        means = self._means
        now = means.now()
        for spent in await means.store.spent(now - WINDOWS_KEPT):
            for key in spent.keys:
                means.ledger.remember(key, spent.at)
        for card in await means.store.recover(now, ()):
            name, address = split_target(card.target)
            channel = means.outlets().channels.get(name)
            if channel is not None and card.in_flight is not None:
                for limit in channel.limits(card.in_flight, address, card.message_id):
                    means.ledger.remember(limit.key, now)

    async def run(self) -> None:
        """Go on until stopped; the calls under way are finished first."""
        try:
            while not self._stopping:
                self._woken.clear()
                pause = await self._look()
                if not self._stopping:
                    await self._sleep(self._woken, pause / 1000)
        finally:
            await self._finish()

    def stop(self) -> None:
        """End the loop."""
        self._stopping = True
        self._woken.set()

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _look(self) -> int:
        """Start what can be started; return the ms until the next look."""
        means = self._means
        now = means.now()
        means.ledger.forget(now - WINDOWS_KEPT)
        try:
            await self._rescue(now)
            waiting = await means.store.waiting(now)
        except Unavailable:
            return STORE_PAUSE
        soonest = now + LOOK_AGAIN
        for target, due_at in waiting:
            if due_at > now:
                soonest = min(soonest, due_at)
                continue
            lane = self._lanes.setdefault(target, _Lane())
            if lane.look_at <= now:
                lane.look_at = await self._start(target, lane, now)
            soonest = min(soonest, lane.look_at)
        return max(soonest - means.now(), 1)

    async def _rescue(self, now: int) -> None:
        """Recover cards in flight that no worker has: the store failed between two steps."""
        if now < self._rescue_at:
            return
        self._rescue_at = now + RESCUE_EVERY
        busy = [card for lane in self._lanes.values() for card in lane.busy]
        for card in await self._means.store.recover(now, busy):
            self._means.log.warning("card rescued", card=card.id, call=card.in_flight)

    async def _start(self, target: str, lane: _Lane, now: int) -> int:
        """Start a target's most urgent cards; return when to look at it again."""
        channel = self._means.outlets().channels.get(split_target(target)[0])
        found = await self._means.store.due(target, now, AT_ONCE)
        free = [due for due in found if due.card not in lane.busy]
        if channel is None:
            for due in free:
                await self._abandon(due, now)
            return now + LOOK_AGAIN
        soonest = now + LOOK_AGAIN  # or as soon as a card that is being worked on is done
        for due in free:
            wait, limit = self._admit(due, target, lane, channel, now)
            soonest = min(soonest, now + wait) if wait else soonest
            if wait and limit != MESSAGE_LIMIT:
                break  # the whole target must wait
        return soonest

    def _admit(
        self, due: Due, target: str, lane: _Lane, channel: Channel, now: int
    ) -> tuple[int, str]:
        means = self._means
        call = expected_call(channel, due)
        limits = channel.limits(call, split_target(target)[1], due.message_id)
        wait, limit = means.ledger.wait(limits, critical=due.rank <= CRITICAL, now=now)
        if wait:
            means.metrics.delivery.limit_waits.of(channel.kind, limit).inc()
            return wait, limit
        means.ledger.start(limits)
        lane.busy.add(due.card)
        task = asyncio.create_task(self._worker.deliver(due, limits, channel))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, lane, due))
        return 0, ""

    def _done(self, task: "asyncio.Task[None]", lane: _Lane, due: Due) -> None:
        self._tasks.discard(task)
        lane.busy.discard(due.card)
        lane.look_at = 0
        self._woken.set()
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self._means.log.error(
                "card left in flight until its rescue", card=due.card, problem=str(problem)
            )

    async def _abandon(self, due: Due, now: int) -> None:
        """Give up a card whose target is no longer configured: a dead letter, not a silence."""
        detail = "the target's channel is no longer configured; add it back and replay"
        with contextlib.suppress(Unavailable):
            await self._means.store.abandon(due.card, Rejected(RejectReason.TARGET, detail), now)

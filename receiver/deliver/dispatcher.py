"""The loop that looks for cards to show, and hands them to workers inside every limit."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from receiver.channels.base import Channel, split_target
from receiver.deliver.budget import windows_of
from receiver.deliver.worker import Means, Worker, expected_call
from receiver.domain.card import Call, Card
from receiver.domain.outcome import Rejected, RejectReason
from receiver.domain.severity import CRITICAL
from receiver.store.base import Due, Queue, Stirred, Unavailable

LOOK_AGAIN = 1_000  # ms between looks at everything, whatever was stirred
# Looks while much is happening: what a burst stirs is looked at together.
LOOKS_APART = 20
# A change is stirred as of its acceptance, a moment before its commit.
COMMIT_MARGIN = 50
WINDOWS_KEPT = 120_000
AT_ONCE = 64  # cards of one queue that are looked at together
ANY_RANK = 1 << 30
STORE_PAUSE = 500
RESCUE_EVERY = 5_000  # between looks for cards that a failing store left in flight
MESSAGE_LIMIT = "message"  # the one limit that holds back a single card, not its queue
NEVER = 1 << 62


@dataclass(slots=True)
class _Lane:
    """One queue: the cards being worked on, when to look at it again, and how many it had."""

    busy: set[int] = field(default_factory=set)
    look_at: int = 0
    served: int = 0


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
        self._lanes: dict[Queue, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._looked_at = 0
        self._sweep_at = 0
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
        for card in await means.store.recover(now, (), self._keys):
            for key in self._keys(card):
                means.ledger.remember(key, now)
            self._count_cut_off(card)

    def _keys(self, card: Card) -> tuple[str, ...]:
        """Return the limits that the call a card has in flight counts against."""
        name, address = split_target(card.target)
        channel = self._means.outlets().channels.get(name)
        if channel is None or card.in_flight is None:
            return ()
        return windows_of(channel.limits(card.in_flight, address, card.message_id))

    async def run(self) -> None:
        """Go on until stopped; the calls under way are finished first."""
        try:
            while not self._stopping:
                self._woken.clear()
                pause = await self._guarded_look()
                if self._stopping:
                    break
                await self._sleep(self._woken, pause / 1000)
                since = self._means.now() - self._looked_at
                if 0 <= since < LOOKS_APART:
                    await self._means.pause((LOOKS_APART - since) / 1000)
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks)

    def stop(self) -> None:
        """End the loop."""
        self._stopping = True
        self._woken.set()

    async def _guarded_look(self) -> int:
        """Look; a fault of ours is logged and looked past, for the next look sees all again."""
        try:
            return await self._look()
        except Unavailable:
            return STORE_PAUSE
        except Exception:
            self._means.log.exception("fault while looking for cards")
            return STORE_PAUSE

    async def _look(self) -> int:
        """Start what can be started; return the ms until the next look."""
        now = self._means.now()
        stirred = await self._stir(now)
        for queue in stirred.queues:
            lane = self._lanes.setdefault(queue, _Lane(look_at=now))
            lane.look_at = min(lane.look_at, now)
        for queue, lane in list(self._lanes.items()):
            if lane.look_at <= now:
                served = lane.served
                lane.look_at = await self._start(queue, lane, now)
                if lane.served > served:  # the others go first next time: they share windows
                    self._lanes[queue] = self._lanes.pop(queue)
            if lane.look_at == NEVER and not lane.busy:
                del self._lanes[queue]
        soonest = min((lane.look_at for lane in self._lanes.values()), default=NEVER)
        soonest = min(soonest, stirred.next_at or NEVER, self._sweep_at)
        return max(soonest - self._means.now(), 1)

    async def _stir(self, now: int) -> Stirred:
        """Ask what became due since the last look, and now and then for everything."""
        means = self._means
        since, self._looked_at = self._looked_at - COMMIT_MARGIN, now
        if now < self._sweep_at:
            return await means.store.stirred(since, now)
        self._sweep_at = now + LOOK_AGAIN
        means.ledger.forget(now - WINDOWS_KEPT)
        await self._rescue(now)
        return await means.store.backlog(now)

    async def _rescue(self, now: int) -> None:
        """Recover cards in flight that no worker has: the store failed between two steps."""
        if now < self._rescue_at:
            return
        self._rescue_at = now + RESCUE_EVERY
        busy = [card for lane in self._lanes.values() for card in lane.busy]
        for card in await self._means.store.recover(now, busy, self._keys):
            self._means.log.warning("card rescued", card=card.id, call=card.in_flight)
            self._count_cut_off(card)

    def _count_cut_off(self, card: Card) -> None:
        """Count a call without a uuid that may have been made, and is made again."""
        channel = self._means.outlets().channels.get(split_target(card.target)[0])
        if channel is not None and card.in_flight is Call.POST and card.attempt is None:
            self._means.metrics.delivery.possible_duplicates.of(channel.kind).inc()

    async def _start(self, queue: Queue, lane: _Lane, now: int) -> int:
        """Start a queue's most urgent cards; return when to look at it again."""
        name, address = split_target(queue.target)
        channel = self._means.outlets().channels.get(name)
        if channel is None:
            return await self._give_up(queue, now)
        limits = channel.limits(expected_call(channel, shown=queue.shown), address, "")
        limits = tuple(limit for limit in limits if limit.name != MESSAGE_LIMIT)
        ledger = self._means.ledger
        wait, name = ledger.wait(limits, critical=True, now=now)
        if wait:
            return self._held_back(channel, name, now + wait)
        wait, name = ledger.wait(limits, critical=False, now=now)
        rank = CRITICAL if wait else ANY_RANK
        found = await self._means.store.due(queue, now, rank, AT_ONCE)
        look_at = self._start_all(found, queue, lane, channel, now)
        return min(look_at, self._held_back(channel, name, now + wait)) if wait else look_at

    def _held_back(self, channel: Channel, limit: str, until: int) -> int:
        self._means.metrics.delivery.limit_waits.of(channel.kind, limit).inc()
        return until

    def _start_all(
        self, dues: Sequence[Due], queue: Queue, lane: _Lane, channel: Channel, now: int
    ) -> int:
        soonest = NEVER
        for due in dues:
            if due.card in lane.busy:
                continue
            wait, limit = self._admit(due, queue, lane, channel, now)
            soonest = min(soonest, now + wait) if wait else soonest
            if wait and limit != MESSAGE_LIMIT:
                return soonest  # the whole queue must wait
        # A full page means that more may wait behind it.
        return min(soonest, now + LOOKS_APART) if len(dues) == AT_ONCE else soonest

    def _admit(
        self, due: Due, queue: Queue, lane: _Lane, channel: Channel, now: int
    ) -> tuple[int, str]:
        means = self._means
        call = expected_call(channel, shown=queue.shown)
        limits = channel.limits(call, split_target(queue.target)[1], due.message_id)
        wait, limit = means.ledger.wait(limits, critical=due.rank <= CRITICAL, now=now)
        if wait:
            self._held_back(channel, limit, now + wait)
            return wait, limit
        means.ledger.start(limits)
        lane.busy.add(due.card)
        lane.served += 1
        task = asyncio.create_task(self._worker.deliver(due, limits, channel))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, lane, due))
        return 0, ""

    def _done(self, task: "asyncio.Task[None]", lane: _Lane, due: Due) -> None:
        self._tasks.discard(task)
        lane.busy.discard(due.card)
        problem = None if task.cancelled() else task.exception()
        lane.look_at = 0 if problem is None else self._means.now() + STORE_PAUSE
        self._woken.set()
        if problem is not None:
            self._means.log.error(
                "card left in flight until its rescue", card=due.card, problem=str(problem)
            )

    async def _give_up(self, queue: Queue, now: int) -> int:
        """Make dead letters of cards whose target is no longer configured: no silence."""
        detail = "the target's channel is no longer configured; add it back and replay"
        found = await self._means.store.due(queue, now, ANY_RANK, AT_ONCE)
        for due in found:
            with contextlib.suppress(Unavailable):
                await self._means.store.abandon(
                    due.card, Rejected(RejectReason.TARGET, detail), now
                )
        return now + LOOKS_APART if found else NEVER

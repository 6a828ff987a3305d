"""The loop that looks for cards to show, and hands them to workers inside every limit."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from receiver.channels.base import Channel, Limit, Spreads, split_target
from receiver.deliver.budget import windows_of
from receiver.deliver.circuit import Gate
from receiver.deliver.lanes import NEVER, Lane, Line
from receiver.deliver.means import Means
from receiver.deliver.watch import Watch
from receiver.deliver.worker import Worker, expected_call
from receiver.domain.card import (
    Call,
    Card,
)
from receiver.domain.outcome import Outcome, Rejected, RejectReason
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
SPREAD = "spread"


class Storms(Protocol):
    """What gathers a backlog that is too long into one card."""

    async def look(self, now: int, circuits_open: Callable[[str], bool]) -> None:
        """Begin and end storms; ``circuits_open`` says whether a target fails at present."""


class Dispatcher:
    """Drives every card to its newest revision; ``wake`` says that something changed."""

    def __init__(
        self,
        means: Means,
        sleep: Callable[[asyncio.Event, float], Awaitable[None]],
        storms: Storms | None = None,
    ) -> None:
        """Prepare; ``sleep(event, seconds)`` waits for the event, that long at most."""
        self._means = means
        self._watch = Watch(means)
        self._worker = Worker(means, self._watch)
        self._sleep = sleep
        self._storms = storms
        self._woken = asyncio.Event()
        self._lanes: dict[Queue, Lane] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._turns = itertools.count(1)
        self._stopping = False
        self._storming = False
        self._gathered_at = NEVER  # what became due by that, became so as of this time
        self._looked_at = 0
        self._sweep_at = 0
        self._rescue_at = 0

    @property
    def watch(self) -> Watch:
        """What is known of the other side, for whoever else makes calls."""
        return self._watch

    def wake(self) -> None:
        """Look for cards now."""
        self._woken.set()

    def charge(self, channel: Channel, outcome: Outcome) -> tuple[str, ...]:
        """Count a call that was no delivery against the month; return the keys to keep it under."""
        return self._watch.count(channel, outcome, self._means.now())

    def retry(self, target: str) -> None:
        """Send a target's next card whatever failed before: an operator asks for it."""
        self._watch.retry(target)
        self._woken.set()

    async def restore(self) -> None:
        """Take over from an earlier run: its windows, and the calls that it left open."""
        means = self._means
        now = means.now()
        for spent in await means.store.spent(now - WINDOWS_KEPT):
            for key in spent.keys:
                means.ledger.remember(key, min(spent.at, now))  # the clock was set back
        for card in await means.store.recover(now, (), self._keys):
            for key in self._keys(card):
                means.ledger.remember(key, now)
            self._count_cut_off(card)
        await self._watch.restore(now)

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
        await self._watch.follow_up(now)
        stirred = await self._stir(now)
        self._rouse(stirred, now)
        await self._serve(now)
        for queue, lane in list(self._lanes.items()):
            if lane.idle:
                del self._lanes[queue]
        soonest = min((lane.look_at for lane in self._lanes.values()), default=NEVER)
        soonest = min(soonest, stirred.next_at or NEVER, self._sweep_at)
        soonest = min(soonest, self._watch.next_trial(now))
        return max(soonest - self._means.now(), 1)

    async def _stir(self, now: int) -> Stirred:
        """Ask what became due since the last look, and now and then for everything."""
        means = self._means
        if now < self._looked_at:  # the clock was set back: nothing that was put off is right
            self._sweep_at = self._rescue_at = 0
            self._watch.rewound(now)
        since, self._looked_at = min(self._looked_at, self._gathered_at) - COMMIT_MARGIN, now
        self._gathered_at = NEVER
        if now < self._sweep_at:
            return await means.store.stirred(since, now)
        self._sweep_at = now + LOOK_AGAIN
        means.ledger.keep_time(now)
        means.ledger.forget(now - WINDOWS_KEPT)
        self._watch.tend(now)
        self._look_for_storms(now)
        await self._rescue(now)
        return await means.store.backlog(now)

    def _look_for_storms(self, now: int) -> None:
        """Have backlogs gathered meanwhile: a critical card does not wait for that."""
        if self._storms is None or self._storming:
            return
        self._storming = True
        task = asyncio.create_task(self._gather(self._storms, now))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self, storms: Storms, now: int) -> None:
        """Look for storms; a fault there stops no delivery."""
        try:
            await storms.look(now, self._watch.is_open)
        except Unavailable:
            pass  # it looks again in a second
        except Exception:
            self._means.log.exception("fault while looking for storms")
        finally:
            self._storming, self._gathered_at = False, now
            self._woken.set()

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

    def _rouse(self, stirred: Stirred, now: int) -> None:
        """Have the lanes read again in which something changed."""
        for queue in stirred.queues:
            self._lanes.setdefault(queue, Lane(queue)).rouse(now)
        scopes = self._watch.roused()
        if scopes:
            for queue, lane in self._lanes.items():
                if queue.target in scopes or split_target(queue.target)[0] in scopes:
                    lane.rouse(now)

    async def _serve(self, now: int) -> None:
        """Start the most urgent cards of all lanes, as far as the limits go."""
        ready = [lane for lane in list(self._lanes.values()) if lane.look_at <= now]
        for lane in ready:
            lane.look_at = NEVER
            try:
                await self._read(lane, now)
            except Unavailable:
                lane.rouse(now + STORE_PAUSE)
                raise
        held: list[tuple[Lane, Due]] = []
        line = Line(lane for lane in ready if lane.look_at > now)
        for lane, due in line:
            if due.card in lane.busy or self._start(lane, due, held):
                line.put_back(lane)
        for lane, due in reversed(held):
            lane.page.appendleft(due)
        for lane in ready:
            if lane.more and not lane.page:
                lane.rouse(now + LOOKS_APART)

    async def _read(self, lane: Lane, now: int) -> None:
        """Read a lane's most urgent cards, unless none could be sent now."""
        target = lane.queue.target
        name, address = split_target(target)
        channel = self._means.outlets().channels.get(name)
        gate = self._watch.gate(target, 0, now)
        if channel is not None and gate is Gate.HOLD:
            lane.page.clear()
            lane.look_at, lane.stale = self._watch.held_until(target, now), True
            return
        if channel is not None and gate not in (Gate.GIVE_UP, Gate.AWAIT):
            call = expected_call(channel, shown=lane.queue.shown)
            limits = _without_message(channel.limits(call, address, ""))
            wait, limit = self._means.ledger.wait(limits, critical=True, now=now)
            if wait:
                self._hold_back(lane, channel, limit, now + wait)
                lane.page.clear()
                lane.stale = True
                return
        if lane.stale:
            lane.fill(await self._means.store.due(lane.queue, now, ANY_RANK, AT_ONCE), AT_ONCE)
        if channel is None:
            self._give_up(lane, None, _UNCONFIGURED)
        elif gate is Gate.AWAIT:
            self._set_aside(lane, channel, now)
            lane.rest(self._watch.held_until(target, now))
        elif gate is Gate.GIVE_UP:
            self._give_up(lane, channel, self._watch.why_given_up(target))

    def _start(self, lane: Lane, due: Due, held: list[tuple[Lane, Due]]) -> bool:
        """Start a card if it may go now; say whether the lane's next one may be looked at."""
        means, target = self._means, lane.queue.target
        name, address = split_target(target)
        channel = means.outlets().channels.get(name)
        now = means.now()
        if channel is None:  # gone since it was read
            lane.rouse(now)
            return False
        gate = self._watch.gate(target, due.card, now)
        if gate in (Gate.HOLD, Gate.AWAIT, Gate.GIVE_UP):
            lane.page.clear()
            if gate is Gate.GIVE_UP:
                lane.rouse(now)
            else:
                lane.rest(self._watch.held_until(target, now))
            return False
        limits = channel.limits(
            expected_call(channel, shown=lane.queue.shown), address, due.message_id
        )
        critical = due.rank <= CRITICAL
        wait, limit = means.ledger.wait(limits, critical=critical, now=now)
        if not wait and not critical and isinstance(channel, Spreads):
            wait, limit = channel.spread(due.card, now), SPREAD
        if wait:
            held.append((lane, due))
            self._hold_back(lane, channel, limit, now + wait)
            return limit in (MESSAGE_LIMIT, SPREAD)
        if gate is Gate.TRIAL:
            self._watch.begun(target, due.card, now)
        means.ledger.start(limits)
        lane.turn = next(self._turns)
        self._run(self._worker.deliver(due, limits, channel), lane, (due,))
        return True

    def _hold_back(self, lane: Lane, channel: Channel, limit: str, until: int) -> None:
        lane.look_at = min(lane.look_at, until)
        if limit != SPREAD:
            self._means.metrics.delivery.limit_waits.of(channel.kind, limit).inc()

    def _run(self, work: Coroutine[Any, Any, object], lane: Lane, dues: Sequence[Due]) -> None:
        lane.busy.update(due.card for due in dues)
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, lane, dues))

    def _done(self, task: "asyncio.Task[Any]", lane: Lane, dues: Sequence[Due]) -> None:
        self._tasks.discard(task)
        problem = None if task.cancelled() else task.exception()
        for due in dues:
            lane.busy.discard(due.card)
            if task.cancelled() or problem is not None or not task.result():
                self._watch.landed(lane.queue.target, due.card)
        lane.rouse(0 if problem is None else self._means.now() + STORE_PAUSE)
        self._woken.set()
        if problem is not None:
            self._means.log.error(
                "card left in flight until its rescue",
                card=dues[0].card,
                problem=str(problem),
            )

    def _give_up(self, lane: Lane, channel: Channel | None, why: Rejected) -> None:
        """Make dead letters of a lane's cards without a call, but for the one that finds out."""
        given_up = self._set_aside(lane, channel, self._means.now())
        if given_up:
            self._run(self._abandon(given_up, channel, why), lane, given_up)

    def _set_aside(self, lane: Lane, channel: Channel | None, now: int) -> list[Due]:
        """Take off a lane's page, and return, all but the card that finds out."""
        others: list[Due] = []
        kept: list[Due] = []
        for due in lane.page:
            gate = self._watch.gate(lane.queue.target, due.card, now)
            (kept if channel is not None and gate is Gate.TRIAL else others).append(due)
        lane.page.clear()
        lane.page.extend(kept)
        return others

    async def _abandon(self, dues: Sequence[Due], channel: Channel | None, why: Rejected) -> bool:
        """Give cards up, together: they may share a commit."""
        await asyncio.gather(*(self._abandon_one(due, channel, why) for due in dues))
        return True

    async def _abandon_one(self, due: Due, channel: Channel | None, why: Rejected) -> None:
        with contextlib.suppress(Unavailable):
            settlement = await self._means.store.abandon(due.card, why, self._means.now())
            if settlement is not None:
                self._watch.buried(channel, settlement, "")


_UNCONFIGURED = Rejected(
    RejectReason.TARGET, "the target's channel is no longer configured; add it back and replay"
)


def _without_message(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    return tuple(limit for limit in limits if limit.name != MESSAGE_LIMIT)

"""Random histories through the real store and loop, against the architecture's promises."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from receiver.channels.base import Limit
from receiver.domain import storm
from receiver.domain.alert import Alert
from receiver.domain.card import (
    Call,
    Card,
    CardState,
    picture,
)
from receiver.domain.incident import Notice
from receiver.domain.outcome import Outcome
from tests.deliver.chat import Chat
from tests.deliver.desk import BOT, CHAT, Desk, delivering
from tests.domain.made import HOUR, MINUTE, PEER, SECOND, TWIN, alert, notice
from tests.domain.platform import Fault
from tests.store.made import group

CHAT2 = "ops:oc_2"
CHAT_MOST, APP_MOST, BOT_MOST = 5, 8, 20
BURST = 24
STORM_AFTER = 3 * SECOND
NAMES = ("a", "b", "c")
# Where each group is shown, and to what it falls back; the first two are critical.
PLACES: tuple[tuple[tuple[str, ...], str], ...] = (
    ((CHAT,), ""),
    ((CHAT, CHAT2), ""),
    ((CHAT,), ""),
    ((CHAT, CHAT2), ""),
    ((CHAT2,), BOT),
    ((BOT,), ""),
)
CRITICAL = 2
FAULTS = (
    Fault.LOST_ANSWER,
    Fault.LOST_REQUEST,
    Fault.LIMITED,
    Fault.LOCKED,
    Fault.UNREACHABLE,
    Fault.CONTENT,
    Fault.NO_RIGHT,
)
OUTAGES = (Fault.UNREACHABLE, Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.LIMITED, Fault.NO_RIGHT)
# An ambiguous create is sent again for 55 minutes, and the platform forgets its id after 60: a
# clock that is set back by less than the difference may not show anything twice.
JUMPS = (-4 * MINUTE, -30 * SECOND, -SECOND, SECOND, 30 * SECOND, 4 * MINUTE, HOUR)
WAITS = (20, SECOND, 5 * SECOND, 20 * SECOND)
SET_BACK_MOST = 5 * MINUTE
STALLS = (10 * SECOND, 61 * SECOND, 11 * MINUTE, 56 * MINUTE)
AFTER_TROUBLE = 3 * MINUTE
CRITICAL_WITHIN = 1_500  # ms: a window, and the looks on its way
QUIET_STEPS = 60


@dataclass
class Strict(Chat):
    """A chat that counts calls over sliding windows as they arrive, as the platform does."""

    outage: Fault | None = None
    arrivals: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    over: list[str] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)  # uuid -> chat

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:
        """Return the limits; a text is a message like any other."""
        return super().limits(Call.CREATE if call is Call.POST else call, address, message_id)

    async def _take(
        self, told: tuple[Call, str, str, str], act: Callable[[Fault], Outcome]
    ) -> Outcome:
        call, to, _, uuid = told
        if call in (Call.CREATE, Call.POST):
            self.addresses[uuid] = to
            self._arrive(self.limits(call, to, ""))
        else:
            address = self.addresses[self.platform.messages[to].uuid]
            self._arrive(self.limits(call, address, to))
        if self.outage is not None and not self.turns:
            self.turns.append(self.outage)
        return await super()._take(told, act)

    def _arrive(self, limits: tuple[Limit, ...]) -> None:
        now = self.clock()
        for limit in limits:
            recent = sum(at > now - limit.window for at in self.arrivals[limit.key])
            if recent >= limit.most:
                self.over.append(f"{limit} at {now}")
        for key in {limit.key for limit in limits}:
            self.arrivals[key].append(now)


class History(RuleBasedStateMachine):
    """What may happen to a receiver; ``firing`` is what the sources said last."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        shared = Path("/dev/shm")  # noqa: S108  (a folder of its own is made in it)
        self.folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
        self.stack = contextlib.AsyncExitStack()
        self.set_at = 0  # the true time at which the clock was set last
        self.set_back = 0  # by how much in all
        self.firing: dict[int, set[str]] = defaultdict(set)
        self.bodies: list[tuple[int, Notice]] = []
        self.accepted: dict[int, set[int]] = defaultdict(set)  # group -> its incidents
        self.units = 0
        self.groups = len(PLACES)
        self.troubled_at = 0
        self.desk: Desk
        self.chat: Strict

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the receiver live for as long as something takes."""
        return self.runner.run(work)

    @property
    def true_now(self) -> int:
        """The time that the platform has."""
        return self.desk.clock.now - self.desk.clock.ahead

    @initialize()
    def begin(self) -> None:
        """Start, with a platform that is strict about its limits."""
        self.run(self._begin())

    async def _begin(self) -> None:
        desk = self.desk = await self.stack.enter_async_context(delivering(self.folder))
        await desk.stop()
        self.chat = Strict(name="ops", kind="feishu_app", clock=lambda: self.true_now)
        self.chat.most = CHAT_MOST
        self.chat.shared = (Limit("ops:app", APP_MOST, SECOND, "app_second"),)
        desk.chat = desk.channels["ops"] = self.chat
        desk.bot.most, desk.bot.window = BOT_MOST, MINUTE
        desk.storm_rules = storm.Rules(after=STORM_AFTER)
        await desk.start()

    # What sources tell.

    @rule(
        number=st.integers(0, len(PLACES) - 1),
        told=st.dictionaries(st.sampled_from(NAMES), st.booleans(), min_size=1),
        peer=st.sampled_from((PEER, TWIN)),
    )
    def body(self, number: int, told: dict[str, bool], peer: str) -> None:
        """Tell that a group's alerts fire or are resolved."""
        alerts = [_alert(number, name, firing=firing) for name, firing in told.items()]
        self.run(self._hear(number, notice(*alerts, peer=peer)))

    @precondition(lambda self: self.bodies)
    @rule(back=st.integers(1, 6))
    def again(self, back: int) -> None:
        """Send a body again: a duplicate, or one that was overtaken by others."""
        self.run(self._hear(*self.bodies[-min(back, len(self.bodies))]))

    @rule()
    def burst(self) -> None:
        """Begin many groups at once."""
        self.run(self._burst())

    async def _burst(self) -> None:
        first, self.groups = self.groups, self.groups + BURST
        for number in range(first, first + BURST):
            await self._hear(number, notice(_alert(number, "a")))

    @precondition(lambda self: self.groups > len(PLACES))
    @rule()
    def burst_over(self) -> None:
        """End all groups of all bursts."""
        self.run(self._burst_over())

    async def _burst_over(self) -> None:
        for number in range(len(PLACES), self.groups):
            if self.firing[number]:
                await self._hear(number, notice(_alert(number, "a", firing=False)))

    async def _hear(self, number: int, told: Notice) -> None:
        targets, fallback = _place(number)
        body = group(number, told)
        applied = await self.desk.hear(body, *targets, fallback=fallback)
        self.bodies.append((number, told))
        for one in told.alerts:
            name = one.labels["instance"]
            if one.firing and name not in self.firing[number]:
                self.firing[number].add(name)
                self.units += len(targets)
            elif not one.firing:
                self.firing[number].discard(name)
        if applied.incident:
            self.accepted[number].add(applied.incident)

    # What becomes of calls, of the process, and of time.

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=4))
    def trouble(self, faults: list[Fault]) -> None:
        """Let the next calls go wrong."""
        self.chat.turns.extend(faults)

    @rule(outage=st.sampled_from((None, *OUTAGES)))
    def outage(self, outage: Fault | None) -> None:
        """Let every call go wrong from now on, or none."""
        self.chat.outage = outage

    @rule(method=st.sampled_from(("due", "begin", "attempt", "settle")), kept=st.booleans())
    def lost(self, method: str, *, kept: bool) -> None:
        """Lose the store's next answer, after the change or instead of it."""
        self.desk.lose[method] = (1, kept)

    @rule(wait=st.sampled_from(WAITS))
    def wait(self, wait: int) -> None:
        """Let time pass."""
        self.run(self.desk.advance(wait))

    @rule(stall=st.sampled_from(STALLS))
    def stall(self, stall: int) -> None:
        """Let time pass while the process is not run."""
        self.run(self._stall(stall))

    async def _stall(self, stall: int) -> None:
        await self.desk.rest()
        clock = self.desk.clock
        clock.until = max(clock.until, clock.now + stall)
        clock.ring()
        await self.desk.rest()

    @rule(jump=st.sampled_from(JUMPS))
    def jump(self, jump: int) -> None:
        """Set the clock; no time passes.

        A create is repeated for 55 minutes by that clock, and the platform forgets it after an
        hour: one that was set back by more than the difference may well show it twice.
        """
        self.set_back += max(-jump, 0)
        if self.set_back < SET_BACK_MOST:
            self.run(self._jump(jump))

    async def _jump(self, jump: int) -> None:
        await self.desk.rest()
        clock = self.desk.clock
        clock.now += jump
        clock.until += jump
        clock.ahead += jump
        self.set_at = self.true_now
        self.troubled_at = self.true_now + abs(jump)

    @rule()
    def restart(self) -> None:
        """Stop in peace, and start."""
        self.run(self._restart(self.desk.stop))

    @rule()
    def crash(self) -> None:
        """Die at any moment, and start."""
        self.run(self._restart(self.desk.crash))

    @rule(number=st.integers(0, len(PLACES) - 1))
    def crash_in_a_call(self, number: int) -> None:
        """Die while the platform has a call, and nobody has its answer."""
        self.run(self._crash_in_a_call(number))

    async def _crash_in_a_call(self, number: int) -> None:
        await self.desk.rest()
        self.chat.arrived.clear()
        self.chat.gate = asyncio.Event()
        await self._hear(number, notice(_alert(number, "a"), _alert(number, "c")))
        arrived = asyncio.create_task(self.chat.arrived.wait())
        resting = asyncio.create_task(self.desk.rest())  # never, with a call that hangs
        await asyncio.wait({arrived, resting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (arrived, resting):
            task.cancel()
        await asyncio.gather(arrived, resting, return_exceptions=True)
        self.chat.gate = None
        await self._restart(self.desk.crash)

    async def _restart(self, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await end()
        if self.true_now - self.set_at < MINUTE:
            # What a run before the clock was set has kept is as old as that clock says.
            self.chat.arrivals.clear()
        await self.desk.start()

    @rule()
    def replay(self) -> None:
        """Send the dead letters again, as an operator does."""
        self.run(self._replay())

    async def _replay(self) -> None:
        for card in await self.desk.store.dead_letters(99):
            await self.desk.store.revive(card.id, self.desk.clock.now)
        self.desk.dispatcher.wake()

    @precondition(lambda self: self._calm())
    @rule(number=st.integers(0, CRITICAL - 1))
    def critical(self, number: int) -> None:
        """Show a critical card within a window, whatever else waits."""
        self.run(self._critical(number))

    async def _critical(self, number: int) -> None:
        await self.desk.rest()
        if not self.firing[number]:
            await self._hear(number, notice(_alert(number, "a")))
            await self.desk.advance(CRITICAL_WITHIN)
            newest = max(self.accepted[number])
            for card in await self.desk.store.cards(newest):
                assert card.shown, f"critical, and not shown: {card}"

    def _calm(self) -> bool:
        """Say whether nothing has gone wrong for so long that nobody need be careful."""
        return (
            not self.chat.turns
            and self.chat.outage is None
            and not any(times for times, _ in self.desk.lose.values())
            and self.true_now > self.troubled_at
        )

    # What always holds.

    @invariant()
    def holds(self) -> None:
        """Hold promises 1, 2, 5 and 6."""
        self.run(self._holds())

    async def _holds(self) -> None:
        await self.desk.rest()
        if self.chat.turns or self.chat.outage or any(n for n, _ in self.desk.lose.values()):
            self.troubled_at = self.true_now + AFTER_TROUBLE
        assert not self.chat.over, f"over the platform's limits: {self.chat.over}"
        await self._nothing_is_lost()
        await self._nothing_is_twice()
        assert await self.desk.store.selfcheck() == ()
        totals = await self.desk.store.units()
        assert totals.accepted == sum(totals.by_state.values())
        assert totals.accepted - self.units == await self._moved()

    async def _moved(self) -> int:
        """Return the units that are counted twice: where they could not be shown, and moved to."""
        store = self.desk.store
        cards = [
            card
            for incidents in self.accepted.values()
            for number in incidents
            for card in await store.cards(number)
        ]
        return sum(
            card.units.suppressed + card.units.shown + card.units.digested
            for card in cards
            if card.state is CardState.MOVED
        ) - sum(card.units.base for card in cards if card.moved_from)

    async def _nothing_is_lost(self) -> None:
        store = self.desk.store
        for number, incidents in self.accepted.items():
            snapshot = await store.snapshot(max(incidents))
            assert snapshot is not None
            firing = {one.labels["instance"] for one in snapshot.members if one.firing}
            assert firing == self.firing[number], f"group {number}"
            shown_in = {card.target for card in await store.cards(max(incidents))}
            assert shown_in >= set(_place(number)[0])

    async def _nothing_is_twice(self) -> None:
        """Count one message a generation, however often it was sent."""
        messages = Counter(
            (self.chat.addresses[one.uuid], json.loads(one.content)["incident"])
            for one in self.chat.platform.of(Call.CREATE)
        )
        for (address, incident), count in messages.items():
            card = await self._card(incident, f"ops:{address}")
            assert count <= card.generation, f"{count} messages: {card}"

    async def _card(self, incident: int, target: str) -> Card:
        cards = await self.desk.store.cards(incident)
        return next(card for card in cards if card.target == target)

    # How it ends.

    def teardown(self) -> None:
        """Let all work again in the end: each chat comes to show the truth."""
        try:
            if hasattr(self, "desk"):
                self.run(self._end())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        self.chat.turns.clear()
        self.chat.outage = None
        self.desk.lose.clear()
        await self._stall(HOUR)
        for _ in range(QUIET_STEPS):
            await self._replay()
            await self.desk.advance(5 * SECOND)
            if not await self._unsettled():
                break
            await self._stall(MINUTE)
        left = await self._unsettled()
        assert not left, f"{len(left)} cards never rest, as {left[0]}: {self._story()}"
        await self._holds()
        for incidents in self.accepted.values():
            await self._shows_the_truth(max(incidents))
        totals = await self.desk.store.units()
        assert (totals.pending, totals.dead_lettered) == (0, 0)

    def _story(self) -> str:
        """Return what was logged last."""
        return self.desk.log.getvalue()[-2000:].decode()

    async def _unsettled(self) -> list[Card]:
        store = self.desk.store
        cards = [
            card
            for incidents in self.accepted.values()
            for card in await store.cards(max(incidents))
        ]
        return [
            card
            for card in cards
            if card.state is not CardState.MOVED
            and (card.due_at is not None or card.digest or _is_behind(card))
        ]

    async def _shows_the_truth(self, number: int) -> None:
        snapshot = await self.desk.store.snapshot(number)
        assert snapshot is not None
        truth = picture(snapshot.incident, snapshot.members)
        for card in await self.desk.store.cards(number):
            if card.state is CardState.MOVED or not card.message_id or card.target == BOT:
                continue
            content = json.loads(self.chat.platform.messages[card.message_id].content)
            assert (content["state"], content["firing"]) == (truth.state, truth.firing), card


def _place(number: int) -> tuple[tuple[str, ...], str]:
    """Return where a group is shown, and its fallback; a burst's is in the first chat."""
    return PLACES[number] if number < len(PLACES) else ((CHAT,), "")


def _alert(number: int, name: str, *, firing: bool = True) -> Alert:
    severity = "critical" if number < CRITICAL else "warning"
    return alert(f"g{number}{name}", firing=firing, severity=severity)


def _is_behind(card: Card) -> bool:
    """Say whether something was never shown; of what ended meanwhile, a digest told."""
    return card.shown < card.wanted and not card.units.digested


CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=CHECKS
)


class LongHistory(History):
    """The same, for longer."""


TestLongHistory = pytest.mark.soak(LongHistory.TestCase)
TestLongHistory.settings = settings(
    max_examples=35,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=CHECKS,
    phases=(Phase.generate,),  # making a long history shorter takes longer than all of the rest
)

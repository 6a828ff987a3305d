"""Delivery on a real store, with a clock that jumps when there is nothing to do."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry

from receiver.channels.base import Channel
from receiver.deliver.budget import Ledger
from receiver.deliver.dispatcher import Dispatcher
from receiver.deliver.means import Means, Outlets
from receiver.deliver.storm import Storms
from receiver.domain import storm
from receiver.domain.card import (
    Ability,
    Card,
)
from receiver.domain.incident import Notice, Placement, Rules
from receiver.domain.outcome import Outcome, RejectReason
from receiver.domain.reason import CardReason
from receiver.domain.settle import Sent, Settlement
from receiver.domain.severity import SeverityScale
from receiver.store.base import Applied, Due, Queue, Unavailable, Work
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
from receiver.telemetry.logs import build_logging
from receiver.telemetry.metrics import Build, Labels, Metrics
from receiver.telemetry.tracing import build_tracing
from tests.deliver.chat import Bot, Chat
from tests.domain.made import NOW, SECOND

T = TypeVar("T")

PATIENCE = 30  # real seconds that a step may take on a busy machine
CHAT, BOT = "ops:oc_1", "legacy"
LIKED = ("reopened", "new_alerts", "severity_raised", "repeat")


class Clock:
    """Time that stands still until the test or an idle dispatcher moves it."""

    def __init__(self) -> None:
        """Begin now."""
        self.now = NOW
        self.ahead = 0  # how far it was set ahead of the true time
        self.event: asyncio.Event | None = None
        self.until = 0
        self._rang = asyncio.Event()

    async def sleep(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or for the clock to be moved far enough."""
        self.event, self.until = event, self.now + round(seconds * SECOND)
        self._rang.clear()
        waits = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._rang.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.event = None
            for wait in waits:
                wait.cancel()

    async def pause(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += round(seconds * SECOND)
        await asyncio.sleep(0)

    def ring(self) -> None:
        """Move on to when the sleeper wants to wake."""
        self.now = max(self.now, self.until)
        self._rang.set()

    @property
    def asleep(self) -> bool:
        """Whether somebody sleeps, and nothing has woken them."""
        return self.event is not None and not self.event.is_set() and not self._rang.is_set()


class Flaky(SqliteStore):
    """A store whose answers get lost when the test says so, before or after the commit."""

    lose: dict[str, tuple[int, bool]]  # method -> how often, and whether it is kept all the same

    async def due(self, queue: Queue, now: int, rank: int, most: int) -> Sequence[Due]:
        """Return what is due, perhaps."""
        return await self._perhaps("due", super().due(queue, now, rank, most))

    async def begin(self, card: int, ability: Ability, now: int) -> Work | None:
        """Begin with a card, perhaps."""
        return await self._perhaps("begin", super().begin(card, ability, now))

    async def attempt(self, card: Card, now: int) -> None:
        """Keep an attempt, perhaps."""
        await self._perhaps("attempt", super().attempt(card, now))

    async def settle(
        self, card: int, sent: Sent, outcome: Outcome, keys: Sequence[str], now: int, luck: float
    ) -> Settlement:
        """Keep what became of a call, perhaps."""
        work = super().settle(card, sent, outcome, keys, now, luck)
        return await self._perhaps("settle", work)

    async def probe(self, scope: str, reasons: Sequence[RejectReason], now: int) -> int:
        """Try one dead letter again, perhaps."""
        return await self._perhaps("probe", super().probe(scope, reasons, now))

    async def revive_matching(
        self, scope: str, reasons: Sequence[RejectReason], now: int, most: int = 500
    ) -> int:
        """Try dead letters again, perhaps."""
        work = super().revive_matching(scope, reasons, now, most)
        return await self._perhaps("revive_matching", work)

    async def _perhaps(self, method: str, work: Coroutine[object, object, T]) -> T:
        times, kept = self.lose.get(method, (0, False))
        if not times:
            return await work
        self.lose[method] = (times - 1, kept)
        if kept:
            await work
        work.close()
        raise Unavailable("timeout")


@dataclass(slots=True, kw_only=True)
class Desk:
    """One run of delivery, and the means to look at it."""

    path: Path
    clock: Clock
    chat: Chat
    bot: Bot
    registry: CollectorRegistry
    metrics: Metrics
    log: io.BytesIO = field(default_factory=io.BytesIO)
    channels: dict[str, Channel] = field(default_factory=dict)
    lose: dict[str, tuple[int, bool]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    notes: list[tuple[str, str, str]] = field(default_factory=list)  # title, text, cause
    operators: str = ""
    duty: dict[str, str] = field(default_factory=dict)  # who is on call, by mention
    storm_rules: storm.Rules | None = None  # without any, nothing looks for storms
    _store: Flaky | None = None
    _dispatcher: Dispatcher | None = None
    _run: asyncio.Task[None] | None = None

    @property
    def store(self) -> Flaky:
        """Return the open store."""
        assert self._store is not None
        return self._store

    @property
    def dispatcher(self) -> Dispatcher:
        """Return the dispatcher of this run."""
        assert self._dispatcher is not None
        return self._dispatcher

    async def start(self) -> None:
        """Open the store, take over from an earlier run, and go."""
        self._store = Flaky(
            self.path,
            patience=60,
            timer=lambda: 0.0,
            commits=Commits(lambda *_: None, lambda *_: None),
        )
        self._store.lose = self.lose
        self.ledger = Ledger(lambda: self.clock.now - self.clock.ahead)
        self._dispatcher = Dispatcher(self._means(), self.clock.sleep, self._storms())
        await self._dispatcher.restore()
        self._run = asyncio.create_task(self._dispatcher.run())

    def _storms(self) -> Storms | None:
        rules = self.storm_rules
        if rules is None:
            return None
        return Storms(
            store=self.store,
            ledger=self.ledger,
            channels=lambda: self.channels,
            rules=lambda: rules,
            metrics=self.metrics,
            log=build_logging("info", self.log)("storm"),
        )

    def _means(self) -> Means:
        return Means(
            outlets=lambda: Outlets(channels=self.channels, scale=SeverityScale(), source_urls={}),
            store=self.store,
            ledger=self.ledger,
            metrics=self.metrics,
            tracing=build_tracing({}, "0"),
            log=build_logging("info", self.log)("deliver"),
            now=lambda: self.clock.now,
            luck=lambda: 0.5,
            pause=self.clock.pause,
            tell=self._tell,
            operators=lambda: self.operators,
            expand=lambda mention: tuple(self.duty.get(who, who) for who in mention),
        )

    async def _tell(self, title: str, text: str, cause: str) -> None:
        self.notes.append((title, text, cause))

    async def stop(self) -> None:
        """Finish what is under way, and close."""
        self.dispatcher.stop()
        if self._run is not None:
            await self._run
        await self.store.close()

    async def crash(self) -> None:
        """End at once: what is under way stays as it is, and its outcome is never kept."""
        run, under_way = self._run, self.under_way()
        assert run is not None
        for task in (run, *under_way):
            task.cancel()
        await asyncio.gather(run, *under_way, return_exceptions=True)
        await self.store.close()

    def under_way(self) -> set[asyncio.Task[None]]:
        """Return the deliveries that have not ended."""
        return set(self.dispatcher._tasks)  # noqa: SLF001  (what nobody needs but a test)

    async def hear(
        self,
        told: Notice,
        *targets: str,
        mention: tuple[str, ...] = (),
        fallback: str = "",
    ) -> Applied:
        """Accept a body, as ingest does."""
        places = tuple(Placement(target, mention, LIKED, fallback) for target in targets or (CHAT,))
        applied = await self.store.apply(told._replace(placements=places), Rules(), self.clock.now)
        if applied.raised:
            self.dispatcher.wake()
        return applied

    async def rest(self) -> None:
        """Wait until nothing is under way and nothing more can be done now."""
        async with asyncio.timeout(PATIENCE):
            while not self.clock.asleep or self.under_way():
                under_way = self.under_way()
                if under_way:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)

    async def advance(self, ms: int) -> None:
        """Let so much time pass, with everything that it brings."""
        end = self.clock.now + ms
        await self.rest()
        while self.clock.until <= end:
            self.clock.ring()
            await self.rest()
        self.clock.now = max(self.clock.now, end)

    async def card(self, incident: int = 1, target: str = CHAT) -> Card:
        """Return an incident's card in a target."""
        return next(one for one in await self.store.cards(incident) if one.target == target)

    async def kinds(self, incident: int = 1) -> list[str]:
        """Return what the timeline tells."""
        return [line.kind for line in await self.store.timeline(incident)]

    def value(self, name: str, **labels: str) -> float:
        """Return a metric's value."""
        return self.registry.get_sample_value(f"receiver_{name}", labels) or 0.0


@contextlib.asynccontextmanager
async def delivering(folder: Path) -> AsyncIterator[Desk]:
    """Run delivery with one chat and one group bot."""
    clock = Clock()
    registry = CollectorRegistry()
    labels = Labels(
        decision_reasons=tuple(CardReason),
        dead_letter_reasons=tuple(RejectReason),
        outlets=("ops", "ops2", "legacy"),
        tenants=("default",),
    )
    chat = Chat(name="ops", kind="feishu_app", clock=lambda: clock.now)
    bot = Bot(name="legacy", kind="feishu_bot", clock=lambda: clock.now)
    desk = Desk(
        path=folder / "receiver.db",
        clock=clock,
        chat=chat,
        bot=bot,
        registry=registry,
        metrics=Metrics(registry, labels, Build(version="0", python="3", sqlite="3")),
        channels={"ops": chat, "legacy": bot},
    )
    await desk.start()
    yield desk
    await desk.stop()

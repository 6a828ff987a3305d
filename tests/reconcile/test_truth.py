"""The reconciler's rounds: when it asks, what it tells, and that one source harms no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.domain.incident import Kind, Rules
from receiver.domain.reason import TruthReason
from receiver.domain.reconcile import STALE_AFTER, nowhere
from receiver.domain.truth import WARM_UP, Truth, Unanswered
from receiver.reconcile.truth import AFTER_END, APART, REST, Means, Reconciler, Subject, next_end
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.labels import Labels
from receiver.telemetry.logs import build_logging
from receiver.telemetry.metrics import Build, Metrics
from tests.domain.made import MINUTE, NOW, SECOND, notice
from tests.domain.truths import seen, silence, truth
from tests.store.engines import SqliteEngine
from tests.store.made import N1, RULES

EVERY = 30 * SECOND
NAMES = ("prod", "other")
LABELS = Labels(alertmanagers=NAMES, asked=NAMES, truth_reasons=tuple(TruthReason))


@dataclass
class Asked:
    """A source that answers as it is told to."""

    answer: Callable[[int], Truth | Unanswered]
    times: int = 0
    gate: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def truth(self, now: int) -> Truth | Unanswered:
        """Answer, once the gate is open."""
        self.times += 1
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        return self.answer(now)


@dataclass
class Bench:
    """A reconciler whose time stands still between the rounds."""

    store: SqliteStore
    metrics: Metrics
    log: BytesIO
    subjects: dict[str, Subject] = field(default_factory=dict)
    now: int = NOW + MINUTE
    pauses: list[float] = field(default_factory=list)
    told: list[tuple[str, bool]] = field(default_factory=list)
    resting: asyncio.Condition = field(default_factory=asyncio.Condition)
    rounds: int = 0
    seconds: float = 0.0  # what the timer shows
    aparts: list[float] = field(default_factory=list)
    reconciler: Reconciler = field(init=False)

    @property
    def configured(self) -> list[str]:
        """Name the sources that are configured."""
        return list(self.subjects)

    def add(self, name: str, asked: Asked) -> Asked:
        """Configure a source."""
        self.subjects[name] = Subject(asked, EVERY, WARM_UP, STALE_AFTER, Rules(), nowhere)
        return asked

    async def sleep(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for the bell alone; the pause between two rounds takes no time."""
        if len(self.aparts) <= len(self.pauses):
            self.aparts.append(seconds)
            return
        self.pauses.append(seconds)
        async with self.resting:
            self.rounds += 1
            self.resting.notify_all()
        await event.wait()

    async def rested(self, rounds: int) -> None:
        """Wait until so many rounds have ended."""
        async with self.resting, asyncio.timeout(10):
            await self.resting.wait_for(lambda: self.rounds >= rounds)

    async def trouble(self, title: str, text: str, cause: str, lasts: bool) -> None:  # noqa: ARG002
        """Note what the operators are told."""
        async with self.resting:
            self.told.append((cause, lasts))
            self.resting.notify_all()

    async def heard(self, cause: str) -> None:
        """Wait until the operators were told of the end of something."""
        async with self.resting, asyncio.timeout(10):
            await self.resting.wait_for(lambda: (cause, False) in self.told)

    async def closed(self, incident: int = 1) -> bool:
        """Say whether an incident is over."""
        snapshot = await self.store.snapshot(incident)
        assert snapshot is not None
        return snapshot.incident.closed_at is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the block ends."""
        task = asyncio.create_task(self.reconciler.run())
        yield
        self.reconciler.stop()
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = SqliteEngine(path=tmp_path / "receiver.db").open()
    log = BytesIO()
    build = Build(version="1", python="3", sqlite="3")
    made = Bench(store, Metrics(CollectorRegistry(), LABELS, build), log)
    made.reconciler = Reconciler(
        Means(
            subjects=lambda: made.subjects,
            configured=lambda: made.configured,
            store=store,
            metrics=made.metrics.reconciling,
            log=build_logging("info", log)("reconcile"),
            now=lambda: made.now,
            timer=lambda: made.seconds,
            luck=lambda: 0.5,
            sleep=made.sleep,
            wake=lambda: None,
            trouble=made.trouble,
        )
    )
    yield made
    await store.close()


def runs(made: Bench, outcome: str, source: str = "prod") -> float:
    return float(made.metrics.reconciling.runs.of(source, outcome)._value.get())  # noqa: SLF001


async def test_a_start_asks_at_once_and_corrects(bench: Bench) -> None:
    await bench.store.apply(notice(N1), RULES, NOW)
    bench.add("prod", Asked(truth))
    async with bench.running():
        await bench.rested(1)
    assert await bench.closed()
    assert runs(bench, "answered") == 1
    gone = bench.metrics.reconciling.corrections.of("prod", TruthReason.GONE)
    assert gone._value.get() == 1  # noqa: SLF001
    assert bench.pauses == [(EVERY - APART) / 1000]
    assert bench.told == [("unanswered:prod", False)]


async def test_whatever_hurries_during_a_round_is_one_more(bench: Bench) -> None:
    asked = bench.add("prod", Asked(truth, gate=asyncio.Event()))
    async with bench.running():
        await asked.arrived.wait()
        for _ in range(5):
            bench.reconciler.hurry("prod")
        assert asked.times == 1
        assert asked.gate is not None
        asked.gate.set()
        await bench.rested(2)
        bench.reconciler.hurry("nobody")
        bench.reconciler.hurry("prod")
        await bench.rested(3)
        assert asked.times == 3


@pytest.mark.parametrize(("took", "apart"), [(0.1, APART), (1.0, 1000 * REST), (40.0, EVERY)])
async def test_what_takes_long_rests_long_however_much_hurries(
    bench: Bench, took: float, apart: float
) -> None:
    def slow(now: int) -> Truth:
        bench.seconds += took
        return truth(now)

    bench.add("prod", Asked(slow))
    async with bench.running():
        await bench.rested(1)
    assert bench.aparts == [apart / 1000]
    assert bench.pauses == [(EVERY - apart) / 1000]


async def test_a_source_that_hangs_or_fails_delays_no_other(bench: Bench) -> None:
    def broken(_: int) -> Truth:
        raise ValueError("a fault of ours")

    bench.add("hangs", Asked(truth, gate=asyncio.Event()))
    bench.add("other", Asked(broken))
    bench.add("prod", Asked(truth))
    async with bench.running():
        await bench.rested(2)
        bench.reconciler.hurry("prod")
        await bench.rested(3)
    assert (runs(bench, "answered"), runs(bench, "unanswered", "other")) == (2, 1)
    assert b"a fault of ours" in bench.log.getvalue()


async def test_cards_of_a_source_that_is_configured_no_more_say_so(bench: Bench) -> None:
    """Nobody will ever tell of their end; an agent's are not Alertmanager's to tell of."""
    await bench.store.apply(notice(N1), RULES, NOW)
    agent = notice(N1)._replace(source="bot", kind=Kind.AGENT)
    await bench.store.apply(agent, RULES, NOW)
    bench.add("other", Asked(truth))
    async with bench.running():
        await bench.heard("unanswered:prod")
        found = [await bench.store.snapshot(number) for number in (1, 2)]
        assert [one.incident.stale_since for one in found if one is not None] == [bench.now, 0]
        bench.add("prod", Asked(lambda now: truth(now, seen(N1))))
        bench.reconciler.reload()
        await bench.rested(3)
    back = await bench.store.snapshot(1)
    assert back is not None
    assert (back.incident.stale_since, back.incident.closed_at) == (0, None)


async def test_the_operators_are_told_of_each_end_once(bench: Bench) -> None:
    await bench.store.apply(notice(N1), RULES, NOW)
    up: list[bool] = [True]
    bench.add("prod", Asked(lambda now: truth(now, seen(N1)) if up[0] else Unanswered("no peer")))
    async with bench.running():
        await bench.rested(1)
        up[0] = False
        for _ in range(3):
            bench.now += STALE_AFTER // 2
            bench.reconciler.hurry("prod")
            await bench.rested(bench.rounds + 1)
        snapshot = await bench.store.snapshot(1)
        assert snapshot is not None
        assert snapshot.incident.stale_since == NOW + MINUTE
        up[0] = True
        bench.reconciler.hurry("prod")
        await bench.rested(bench.rounds + 1)
    assert [lasts for _, lasts in bench.told] == [False, True, False]
    assert not await bench.closed()


async def test_a_reload_takes_sources_up_and_lets_them_go(bench: Bench) -> None:
    old = bench.add("prod", Asked(truth))
    async with bench.running():
        await bench.rested(1)
        del bench.subjects["prod"]
        new = bench.add("other", Asked(truth))
        bench.reconciler.reload()
        await bench.rested(2)
        bench.reconciler.hurry("prod")
        bench.reconciler.hurry("other")
        await bench.rested(3)
        assert (old.times, new.times) == (1, 2)
        bench.add("prod", old)
        bench.reconciler.reload()
        await bench.rested(5)
        assert old.times == 2


async def test_the_end_of_a_silence_is_asked_for(bench: Bench) -> None:
    ends = bench.now + 5 * SECOND

    def muted(now: int) -> Truth:
        return truth(now, seen(N1, silenced_by=("x",)), silences=(silence("x", ends_at=ends),))

    bench.add("prod", Asked(muted))
    async with bench.running():
        await bench.rested(1)
    assert bench.pauses == [(5 * SECOND + AFTER_END - APART) / 1000]


def test_only_what_mutes_something_now_has_an_end_to_look_for() -> None:
    sooner = silence("y", ends_at=NOW + 1)
    later = silence("x", ends_at=NOW + 2)
    told = truth(NOW, seen(N1, silenced_by=("x",)), silences=(sooner, later))
    assert next_end(told, NOW) == NOW + 2
    assert next_end(told, NOW + 2) is None

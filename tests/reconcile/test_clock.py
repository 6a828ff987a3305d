"""What time alone changes: silences end, old incidents are forgotten, a failing store is borne."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from receiver.domain.action import Action, ActionKind
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.card import (
    GENERATION_AGE,
    Ability,
)
from receiver.domain.incident import Notice, Placement, Rules
from receiver.domain.person import Actor
from receiver.domain.reason import CardReason
from receiver.domain.silence import DURATIONS, Silence, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.step import (
    Create,
    Replace,
)
from receiver.reconcile import clock as module
from receiver.reconcile.clock import AGE_EVERY, LOOK_AGAIN, PRUNE_EVERY, PRUNE_MOST, Clock
from receiver.store.base import Unavailable
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
from receiver.telemetry.logs import build_logging
from tests.store.made import due_cards, show

START = 1_790_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
RETENTION = 30 * DAY


class Failing(SqliteStore):
    """A store that cannot be asked until it is told that it can."""

    ill = False

    async def lapse(self, now: int) -> tuple[int, int | None]:
        """Fail while ill."""
        if self.ill:
            raise Unavailable("disk", "no space left")
        return await super().lapse(now)


@dataclass
class Bench:
    """A clock, its store, and the time that it looks at."""

    store: Failing
    clock: Clock
    log: io.BytesIO
    now: int = START
    woken: int = 0
    resumed: int = 0
    sleeps: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    woke: asyncio.Event = field(default_factory=asyncio.Event)

    async def fire(self, name: str, *, firing: bool = True) -> int:
        """Apply a body with one alert, and return the incident's number."""
        labels = {"alertname": name, "severity": "warning"}
        ends = None if firing else self.now
        notice = Notice(
            source="prod",
            receiver="team",
            group_key=name,
            alerts=(Alert(fingerprint(labels), firing, labels, {}, ends_at=ends),),
            group_labels={"alertname": name},
            placements=(Placement("ops:oc_1"),) if firing else (),
        )
        return (await self.store.apply(notice, Rules(), self.now)).incident

    async def silence(self, incident: int, duration: str) -> str:
        """Silence an incident as a click does, with Alertmanager's consent."""
        action = Action(
            id=f"silence-{incident}-{duration}",
            kind=ActionKind.SILENCE,
            incident=incident,
            actor=Actor(open_id="ou_li"),
            at=self.now,
            duration=duration,
        )
        await self.store.act(action, self.now)
        told = Conclusion(
            incident=incident, silence=action.id, state=SilenceState.ACTIVE, silence_id="am-1"
        )
        await self.store.conclude(told, self.now)
        return action.id

    async def silences(self, incident: int) -> tuple[Silence, ...]:
        """Return an incident's silences."""
        snapshot = await self.store.snapshot(incident)
        assert snapshot is not None
        return snapshot.incident.silences

    async def sleep(self, _: asyncio.Event, seconds: float) -> None:
        """Let the time pass at once."""
        self.sleeps.put_nowait(seconds)
        self.now += int(seconds * 1000)
        await asyncio.sleep(0)

    async def resume(self) -> None:
        """Count."""
        self.resumed += 1

    def wake(self) -> None:
        """Count."""
        self.woken += 1
        self.woke.set()


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """Set up a clock on a store of its own."""
    log = io.BytesIO()
    commits = Commits(done=lambda *_: None, failed=lambda _: None)
    store = Failing(folder / "receiver.db", patience=5.0, timer=lambda: 0.0, commits=commits)
    made = Bench(store, clock=_unset(), log=log)
    made.clock = Clock(
        store=store,
        now=lambda: made.now,
        sleep=made.sleep,
        retention=lambda: RETENTION,
        resume=made.resume,
        wake=made.wake,
        log=build_logging("info", log)("clock"),
    )
    try:
        yield made
    finally:
        await store.close()


def _unset() -> Any:
    return None


async def test_a_silence_lapses_at_its_end_and_wakes_delivery(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        incident = await at.fire("Disk")
        await at.silence(incident, "30m")
        before = await at.store.snapshot(incident)
        assert before is not None
        assert await at.clock.tick() == LOOK_AGAIN
        at.now += DURATIONS["30m"] - 2_000
        assert await at.clock.tick() == 2_000
        assert (await at.silences(incident))[0].state is SilenceState.ACTIVE
        assert at.woken == 0
        at.now += 2_000
        assert await at.clock.tick() == 1  # something ended: look again at once
        assert at.woken == 1
        (silence,) = await at.silences(incident)
        assert silence.state is SilenceState.EXPIRED
        after = await at.store.snapshot(incident)
        assert after is not None
        assert after.incident.revision == before.incident.revision + 1
        (card,) = await at.store.cards(incident)
        assert card.wanted == after.incident.revision
        assert (await at.store.timeline(incident))[-1].kind == "silence_expired"
        assert await at.clock.tick() == LOOK_AGAIN
        assert at.woken == 1


async def test_of_several_silences_each_ends_in_its_time(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        first, second = await at.fire("Disk"), await at.fire("Memory")
        await at.silence(first, "1h")
        at.now += HOUR - 3_000
        await at.silence(second, "30m")
        assert await at.clock.tick() == 3_000
        at.now += 3_000
        await at.clock.tick()
        assert (await at.silences(first))[0].state is SilenceState.EXPIRED
        assert (await at.silences(second))[0].state is SilenceState.ACTIVE
        at.now += DAY
        await at.clock.tick()
        assert (await at.silences(second))[0].state is SilenceState.EXPIRED
        assert at.woken == 2


async def test_incidents_are_forgotten_after_the_retention_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        closed, still_open = await at.fire("Closed"), await at.fire("Open")
        await at.fire("Closed", firing=False)
        at.now += RETENTION - 1
        await at.clock.tick()
        assert len(await at.store.incidents(0, 10)) == 2
        at.now += PRUNE_EVERY
        await at.clock.tick()
        assert [incident.id for incident in await at.store.incidents(0, 10)] == [still_open]
        assert await at.store.snapshot(closed) is None
        assert await at.store.cards(closed) == []
        assert await at.store.timeline(closed) == []


async def test_much_is_forgotten_in_steps_with_time_for_others_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_MOST", 3)
    assert PRUNE_MOST > 3
    async with bench(tmp_path) as at:
        for number in range(7):
            await at.fire(f"Alert{number}")
            await at.fire(f"Alert{number}", firing=False)
        at.now += RETENTION + DAY
        left = []
        for _ in range(4):
            assert await at.clock.tick() <= LOOK_AGAIN
            left.append(len(await at.store.incidents(0, 10)))
            at.now += LOOK_AGAIN
        assert left == [4, 1, 0, 0]


async def test_a_store_that_fails_is_asked_again_and_nothing_is_lost(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        incident = await at.fire("Disk")
        await at.silence(incident, "30m")
        at.now += HOUR
        at.store.ill = True
        running = asyncio.create_task(at.clock.run())
        async with asyncio.timeout(10):
            for _ in range(3):
                assert await at.sleeps.get() == LOOK_AGAIN / 1000
            at.store.ill = False
            await at.woke.wait()
            at.clock.stop()
            await running
        assert (await at.silences(incident))[0].state is SilenceState.EXPIRED
        events = [json.loads(line) for line in at.log.getvalue().splitlines()]
        assert len(events) >= 3
        assert {event["event"] for event in events} == {"clock waits for the store"}
        assert "no space left" in events[0]["problem"]


async def test_it_stops_when_told_to(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.clock.stop()
        async with asyncio.timeout(10):
            await at.clock.run()
        assert at.sleeps.empty()


async def test_each_tick_takes_up_the_intents_that_nobody_drives(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.clock.tick()
        await at.clock.tick()
        assert at.resumed == 2


async def test_old_cards_of_what_still_fires_become_due_hour_by_hour(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        lasting, ended = await at.fire("Lasting"), await at.fire("Ended")
        for incident in (lasting, ended):
            await show(at.store, incident, at.now)
        await at.fire("Ended", firing=False)
        await show(at.store, ended, at.now)
        at.now += GENERATION_AGE - AGE_EVERY // 2
        await at.clock.tick()
        assert await due_cards(at.store, "ops:oc_1", at.now) == []
        at.now += AGE_EVERY - LOOK_AGAIN  # old enough, but not yet looked for
        await at.clock.tick()
        assert (at.woken, await due_cards(at.store, "ops:oc_1", at.now)) == (0, [])
        at.now += LOOK_AGAIN
        await at.clock.tick()
        assert at.woken == 1
        assert await due_cards(at.store, "ops:oc_1", at.now) == [lasting]
        work = await at.store.begin(lasting, Ability.EDITS, at.now)
        assert work is not None
        assert work.step == Replace(CardReason.REPLACED)
        assert work.card.generation == 2
        work = await at.store.begin(lasting, Ability.EDITS, at.now)
        assert work is not None
        assert work.step == Create(CardReason.REPLACED)


class Faulty(Failing):
    """A store with a fault of ours in it."""

    faults = 1

    async def lapse(self, now: int) -> tuple[int, int | None]:
        """Fail once as no store should."""
        if self.faults:
            self.faults -= 1
            raise ValueError("a fault of ours")
        return await super().lapse(now)


async def test_a_fault_of_ours_is_logged_and_time_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.store.__class__ = Faulty
        incident = await at.fire("Disk")
        await at.silence(incident, "30m")
        at.now += HOUR
        running = asyncio.create_task(at.clock.run())
        async with asyncio.timeout(10):
            await at.woke.wait()
            at.clock.stop()
            await running
        assert (await at.silences(incident))[0].state is SilenceState.EXPIRED
        (event,) = [json.loads(line) for line in at.log.getvalue().splitlines()]
        assert event["event"] == "fault of the clock"
        assert "a fault of ours" in event["exception"]

"""Intents to silence are driven to their end, whatever the store and the process do meanwhile."""

import asyncio
from pathlib import Path

from receiver.domain.action import ActionKind
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.store.base import Snapshot, Unavailable
from receiver.store.sqlite import SqliteStore
from tests.app.held import held_alertmanager
from tests.callback.bench import Bench, bench
from tests.stage import PRODUCTION, source, stage
from tests.stories.bodies import alert
from tests.stories.cards import words

FORM = {"scope": "group", "duration": "1h", "comment": "planned"}


class Stubborn(SqliteStore):
    """A store that refuses to keep the first two answers."""

    refusals = 2

    async def conclude(self, told: Conclusion, now: int) -> Snapshot | None:
        """Refuse at first."""
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("locked", "somebody else has the file")
        return await super().conclude(told, now)


async def asked(at: Bench) -> Silence:
    """Record an intent, and return the silence."""
    acted = await at.store.act(at.action(ActionKind.SILENCE), at.clock.at)
    (silence,) = acted.verdict.silences
    return silence


async def stands(at: Bench) -> SilenceState:
    """Return where the only silence stands."""
    (silence,) = (await at.snapshot()).incident.silences
    return silence.state


async def test_an_answer_is_kept_as_soon_as_the_store_takes_it(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url, open_store=Stubborn) as at,
    ):
        alertmanager.release.set()
        reply = await at.click(ActionKind.SILENCE)
        assert reply.toast.en == "Silenced"
        assert at.paused == [0.5, 0.5]
        assert await stands(at) is SilenceState.ACTIVE
        assert len(alertmanager.bodies) == 1


async def test_an_intent_is_driven_by_one_task_however_often_it_is_begun(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        silence = await asked(at)
        for _ in range(5):
            at.silencing.begin("prod", 1, (silence,))
        await at.silencing.resume()
        await alertmanager.waiting()
        alertmanager.release.set()
        await at.silencing.outcomes((silence,), 10)
        assert await stands(at) is SilenceState.ACTIVE
        assert len(alertmanager.bodies) == 1


async def test_a_restart_takes_up_what_was_left(tmp_path: Path) -> None:
    async with held_alertmanager() as alertmanager:
        async with bench(tmp_path, alertmanager=alertmanager.url) as at:
            silence = await asked(at)
            at.silencing.begin("prod", 1, (silence,))
            await alertmanager.waiting()
        alertmanager.release.set()
        async with bench(tmp_path, alertmanager=alertmanager.url, fire=False) as again:
            await again.silencing.resume()
            await again.silencing.outcomes((silence,), 10)
            assert await stands(again) is SilenceState.ACTIVE
            assert again.woken
            assert await again.store.intents() == []


async def test_a_store_that_closes_leaves_the_intent_for_the_next_start(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        silence = await asked(at)
        at.silencing.begin("prod", 1, (silence,))
        await alertmanager.waiting()
        await at.shut()
        alertmanager.release.set()
        await at.silencing.outcomes((silence,), 10)
        await asyncio.sleep(0)  # the task's end is noted in the loop's next turn
        (event,) = at.events()
        assert event["event"] == "silence left for the next start"
    async with bench(tmp_path, fire=False) as again:
        ((_, left),) = await again.store.intents()
        assert left == silence


async def test_outcomes_of_what_nobody_drives_are_not_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        silence = await asked(at)
        async with asyncio.timeout(5):
            await at.silencing.outcomes((silence,), 60)


async def test_a_late_success_is_shown_on_the_card(tmp_path: Path) -> None:
    async with held_alertmanager() as held, stage(tmp_path, alertmanagers=[source(held.url)]) as at:
        await at.fire(alert())
        card = await at.message()
        await at.quiet()
        clicked = await at.click(card, "silence", **FORM)
        assert clicked.toast is not None
        assert "requested" in clicked.toast["i18n"]["en_us"]
        assert clicked.card_replaced
        held.release.set()
        await at.shows(card, "planned", "silenced this group until")
        assert len(held.bodies) == 1
        assert await at.metric("receiver_silences_total", outcome="created") == 1


async def test_the_clicker_is_told_by_a_reply_when_a_silence_fails_late(tmp_path: Path) -> None:
    async with (
        held_alertmanager(400) as held,
        stage(tmp_path, alertmanagers=[source(held.url)]) as at,
    ):
        await at.fire(alert())
        card = await at.message()
        await at.quiet()
        clicked = await at.click(card, "silence", **FORM)
        assert clicked.toast is not None
        assert "requested" in clicked.toast["i18n"]["en_us"]
        held.release.set()
        await at.shows(card, "no such luck")
        reply = await at.message(PRODUCTION, 2)
        assert reply.root_id == card.message_id
        assert at.people["韩梅梅"].open_id in str(reply.content)
        assert "silence" in words(reply).lower()

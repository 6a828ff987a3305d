"""More of a store's promises, as tests: what time, other routes and long lives do to cards."""

import asyncio
from dataclasses import replace

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.card import (
    AFTER_CLICK,
    ANSWER_WITHIN,
    GENERATION_AGE,
    Ability,
    CardState,
    Rung,
)
from receiver.domain.incident import Kind, Placement
from receiver.domain.outcome import Delivered, Rejected, RejectReason
from receiver.domain.reason import BodyReason, CardReason
from receiver.domain.silence import SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Replace,
    Wait,
)
from receiver.store.base import Store
from tests.domain.made import HOUR, MINUTE, NOW, SECOND, TARGET, alert, notice
from tests.store.engines import Engine
from tests.store.made import (
    GONE1,
    GONE2,
    N1,
    N2,
    RULES,
    card_of,
    click,
    due_cards,
    group,
    open_one,
    settle,
    show,
    take,
)

WORST = alert("n3", severity="critical")
TIMELINE_MOST = 1000


def placed(target: str, *mention: str, notify: tuple[str, ...] = ()) -> Placement:
    """Say where a body is shown, and whom its route calls there."""
    return Placement(target, mention, notify)


async def post_again(store: Store, message: str, now: int) -> None:
    """Show the first card by another message, once its last one is too old to be edited."""
    await store.age(now - GENERATION_AGE, now)
    work = await take(store, 1, now)
    if isinstance(work.step, Replace):
        work = await take(store, 1, now)
    assert isinstance(work.step, Create)
    await settle(store, work, Delivered(message), now)


class Routes:
    """An alert that joins by another route brings that route's targets and people along."""

    async def test_a_worse_alert_brings_its_route_s_people(self, store: Store) -> None:
        """One card in the target, for whom both routes name; and one where only it is sent."""
        first = notice(N1)._replace(placements=(placed(TARGET, "li", notify=("repeat",)),))
        await open_one(store, first)
        await show(store, 1)
        places = (placed(TARGET, "boss", "li", notify=("new_alerts", "repeat")), placed("b:2"))
        worse = notice(WORST)._replace(placements=places)
        applied = await store.apply(worse, RULES, NOW + 1)
        assert applied.reason is BodyReason.SEVERITY_RAISED
        here, there = await store.cards(1)
        assert (here.mention, here.notify) == (("li", "boss"), ("repeat", "new_alerts"))
        assert (here.target, here.wanted, here.shown, here.message_id) == (TARGET, 2, 1, "om_1")
        assert (there.target, there.wanted, there.mention) == ("b:2", 2, ())
        assert await due_cards(store, TARGET, NOW + 1) == [1]

    async def test_a_widened_card_keeps_what_is_under_way(self, store: Store) -> None:
        """A card in flight is widened without being given to anybody else."""
        await open_one(store, notice(N1)._replace(placements=(placed(TARGET, "li"),)))
        await take(store, 1)
        more = notice(N2)._replace(placements=(placed(TARGET, "boss"),))
        await store.apply(more, RULES, NOW + 1)
        card = await card_of(store)
        assert (card.mention, card.in_flight is None) == (("li", "boss"), False)
        assert await due_cards(store, TARGET, NOW + 1) == []

    @pytest.mark.parametrize("ended", [(GONE1,), (GONE1, GONE2), ()])
    async def test_nothing_is_widened_by_what_fires_no_more(
        self, store: Store, ended: tuple[object, ...]
    ) -> None:
        """A resolve, or the same body again, calls nobody new and opens no card elsewhere."""
        before = (placed(TARGET, "li", notify=("repeat",)),)
        await open_one(store, notice(N1, N2)._replace(placements=before))
        places = placed(TARGET, "boss", notify=("new_alerts",)), placed("b:2")
        told = notice(*(ended or (N1, N2)))._replace(placements=places)  # type: ignore[arg-type]
        await store.apply(told, RULES, NOW + 1)
        card = await card_of(store)
        assert (card.mention, card.notify) == (("li",), ("repeat",))


class Lives:
    """Long lives: old cards, groups that never close, and timelines without an end."""

    async def test_an_open_incident_s_old_card_becomes_due(self, store: Store) -> None:
        """Before its message can be edited no more it is replaced; the others are left alone."""
        await open_one(store)
        await open_one(store, group(2, notice(N2)))
        await open_one(store, group(3, notice(alert("n4"))), NOW + HOUR)
        for number, shown_at in ((1, NOW), (2, NOW), (3, NOW + HOUR)):
            await show(store, number, shown_at)
        await store.apply(group(2, notice(GONE2)), RULES, NOW + MINUTE)
        await show(store, 2, NOW + MINUTE)
        old = NOW + GENERATION_AGE
        assert await store.age(old - 1 - GENERATION_AGE, old - 1) == 0
        assert await store.age(old - GENERATION_AGE, old) == 1
        assert await due_cards(store, TARGET, old) == [1]
        work = await take(store, 1, old)
        assert work.step == Replace(CardReason.REPLACED)
        assert (await take(store, 1, old)).step == Create(CardReason.REPLACED)
        assert (await store.cards(1))[0].generation == 2
        # One that is due, or in flight, is looked at anyway.
        assert await store.age(old - GENERATION_AGE, old) == 0

    async def test_the_messages_that_showed_a_card_before_are_known(self, engine: Engine) -> None:
        """An answer to a message whose place another took is still about the card."""
        store = engine.open()
        await open_one(store)
        for number in range(12):
            await post_again(store, f"om_{number}", NOW + number * GENERATION_AGE)
        assert [name for name in range(12) if await store.card_of([f"om_{name}"])] == [
            *range(3, 12)
        ]
        await store.close()
        again = engine.open()
        card = await again.card_of(["om_nobody", "om_3"])
        assert card is not None
        assert (card.id, card.message_id, card.generation) == (1, "om_11", 12)
        await again.apply(notice(GONE1), RULES, NOW + 12 * GENERATION_AGE)
        assert await again.prune(NOW + 13 * GENERATION_AGE, NOW + 13 * GENERATION_AGE, 9) == 1
        assert await again.card_of(["om_3"]) is None

    async def test_a_dead_card_does_not_age(self, store: Store) -> None:
        """What was given up stays so until something changes."""
        await open_one(store)
        await show(store, 1)
        await open_one(store, notice(N1, N2), NOW)
        await store.abandon(1, Rejected(RejectReason.TARGET, "gone"), NOW)
        assert (await card_of(store)).state is CardState.DEAD
        assert await store.age(NOW + 1, NOW + GENERATION_AGE) == 0

    async def test_what_is_over_since_long_is_forgotten_in_a_group_that_never_closes(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its rows are gone, also for the next start; what fires stays."""
        monkeypatch.setattr("receiver.domain.absorb.RESOLVED_MOST", 6)
        monkeypatch.setattr("receiver.domain.absorb.RESOLVED_KEPT", 3)
        store = engine.open()
        await open_one(store, notice(N1))
        most = 0
        for number in range(20):
            for firing in (True, False):
                told = notice(alert(f"m{number}", firing=firing))
                await store.apply(told, RULES, NOW + 2 * number + (not firing))
            snapshot = await store.snapshot(1)
            assert snapshot is not None
            assert snapshot.members[0].fingerprint == N1.fingerprint
            most = max(most, len(snapshot.members))
        assert most == 7
        await store.close()
        again = engine.open()
        kept = await again.snapshot(1)
        assert kept is not None
        left = [one.labels["instance"] for one in kept.members if not one.firing]
        assert len(left) <= 6
        assert "m19" in left
        assert "m0" not in left
        assert kept.incident.closed_at is None
        # An alert that was forgotten may open an incident elsewhere, and fires in that one alone.
        await again.apply(group(2, notice(alert("m0"))), RULES, NOW + MINUTE)
        unchanged = await again.snapshot(1)
        assert unchanged is not None
        assert unchanged.incident == kept.incident
        await again.close()

    async def test_10_a_long_timeline_is_told_from_its_newest_part(self, store: Store) -> None:
        """The newest lines, in their order; the oldest are left out."""
        extra = 7
        bodies = (
            store.apply(notice(N1, truncated=number), RULES, NOW + number)
            for number in range(TIMELINE_MOST + extra)
        )
        await asyncio.gather(*bodies)
        told = [line.at for line in await store.timeline(1)]
        assert told == [NOW + number for number in range(extra, TIMELINE_MOST + extra)]

    @pytest.mark.parametrize(("plain", "rung"), [(True, Rung.TEXT), (False, Rung.WHOLE)])
    async def test_a_replay_begins_at_the_top_but_a_text_stays_one(
        self, store: Store, *, plain: bool, rung: Rung
    ) -> None:
        """A card that went down the ladder is whole again; a text was never a card."""
        await open_one(store, notice(N1)._replace(kind=Kind.MESSAGE, plain=plain))
        await store.abandon(1, Rejected(RejectReason.TARGET, "gone"), NOW)
        assert await store.revive(1, NOW + 1)
        assert (await card_of(store)).rung is rung
        step = (await take(store, 1, NOW + 1)).step
        assert step == (Post if plain else Create)(CardReason.MESSAGE)


class Leases:
    """While a click is being answered, the answer alone may change its card."""

    async def test_no_edit_begins_while_alertmanager_may_be_asked(self, store: Store) -> None:
        """A silence's answer leaves when Alertmanager has answered, or its time is over."""
        await open_one(store)
        await show(store, 1)
        acted = await store.act(click(ActionKind.SILENCE, card=1), NOW)
        assert acted.card is not None
        assert acted.card.clicked_at == NOW + ANSWER_WITHIN
        free = NOW + ANSWER_WITHIN + AFTER_CLICK
        told = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s")
        await store.conclude(told, NOW + 200)  # raises the card at once
        await store.apply(notice(N1, N2), RULES, NOW + 300)
        for now in (NOW + 300, NOW + AFTER_CLICK, NOW + ANSWER_WITHIN, free - 1):
            assert await due_cards(store, TARGET, now) == []
            work = await store.begin(1, Ability.EDITS, now)
            assert work is not None
            assert work.step == Wait(free)
            assert work.card.in_flight is None
        assert await due_cards(store, TARGET, free) == [1]
        assert isinstance((await take(store, 1, free)).step, Patch)

    async def test_a_quick_click_does_not_shorten_a_slow_one(self, store: Store) -> None:
        """Two people click: the edit waits for both answers."""
        await open_one(store)
        await show(store, 1)
        await store.act(click(ActionKind.SILENCE, "a1", card=1), NOW)
        acted = await store.act(click(ActionKind.ACKNOWLEDGE, "a2", card=1), NOW + 100)
        assert acted.card is not None
        assert acted.card.clicked_at == NOW + ANSWER_WITHIN
        work = await take(store, 1, NOW + 100 + AFTER_CLICK)
        assert work.step == Wait(NOW + ANSWER_WITHIN + AFTER_CLICK)

    async def test_a_click_that_asks_nobody_holds_edits_back_for_a_moment(
        self, store: Store
    ) -> None:
        """Nothing more than the answer's own way is waited for."""
        await open_one(store)
        await show(store, 1)
        action = replace(click(ActionKind.ACKNOWLEDGE, card=1), generation=1)
        await store.act(action, NOW + SECOND)
        work = await take(store, 1, NOW + SECOND + AFTER_CLICK - 1)
        assert work.step == Wait(NOW + SECOND + AFTER_CLICK)
        assert isinstance((await take(store, 1, NOW + SECOND + AFTER_CLICK)).step, Patch)

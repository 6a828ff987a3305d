"""More of a store's promises, as tests: storms, fallbacks, and the conservation of units."""

from dataclasses import replace

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.alert import Alert
from receiver.domain.card import (
    LEISURE,
    NO_DIGEST,
    Ability,
    CardState,
)
from receiver.domain.digest import firing, scope_of, shared_matchers
from receiver.domain.incident import Flapping, Notice, Placement
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.reason import ActionReason, CardReason, State
from receiver.domain.settle import Sent
from receiver.domain.silence import SHARED_SCOPE, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.step import (
    Create,
    Patch,
)
from receiver.domain.units import UnitState
from receiver.store.base import Acted, Queue, Store
from receiver.store.gathering import LATE_MANY
from tests.domain.made import HOUR, MINUTE, NOW, SECOND, TARGET, alert, notice
from tests.store.engines import Engine
from tests.store.made import (
    ANY_RANK,
    GONE1,
    MANY,
    N1,
    N2,
    RULES,
    attempted,
    card_of,
    click,
    due_cards,
    group,
    open_one,
    sent_of,
    settle,
    show,
    take,
)

DAY = 24 * HOUR
REFUSED = Rejected(RejectReason.TARGET, "the bot was removed")


async def storm(store: Store, count: int, now: int = NOW) -> int:
    """Open so many incidents and gather them; return the digest's number."""
    for number in range(count):
        await store.apply(group(number, notice(alert(f"m{number}"))), RULES, now)
    return (await store.gather(TARGET, now)).digest


async def balance(store: Store) -> dict[str, int]:
    """Return how many units are in each state, which the rows must confirm."""
    assert await store.selfcheck() == ()
    totals = await store.units()
    counts = {str(state): count for state, count in totals.by_state.items() if count}
    assert sum(counts.values()) == totals.accepted
    return counts


async def press(
    store: Store, digest: int, kind: ActionKind, *, revision: int, **more: str
) -> Acted:
    """Click on a digest's card."""
    (card,) = await store.cards(digest)
    action = replace(click(kind, incident=digest, card=card.id), revision=revision, scope="")
    return await store.act(replace(action, **more), NOW + MINUTE)  # type: ignore[arg-type]


async def _posted(store: Store, outcome: Outcome) -> tuple[Sent, Outcome]:
    work = await store.begin(1, Ability.POSTS_ONLY, NOW + SECOND)
    assert work is not None
    return sent_of(work), outcome


def falling_back(told: Notice, fallback: str = "legacy") -> Notice:
    """Route a body to a target with a fallback."""
    return told._replace(placements=(Placement(TARGET, ("ou_li",), (), fallback),))


class Storms:
    """Digests: gathered, told, clicked, let go."""

    async def test_what_waits_is_gathered_and_not_due(self, store: Store) -> None:
        """One card stands for all that wait."""
        digest = await storm(store, 5)
        snapshot = await store.snapshot(digest)
        assert snapshot is not None
        assert snapshot.digest is not None
        assert [one.incident for one in snapshot.digest.gathered] == [1, 2, 3, 4, 5]
        (card,) = await store.cards(digest)
        assert await due_cards(store, TARGET, NOW) == [card.id]
        assert [card.digest for card in await store.cards(1)] == [digest]
        (load,) = await store.loads()
        assert (load.target, load.lesser, load.digest) == (TARGET, 0, digest)

    async def test_a_digest_calls_those_whom_its_cards_would_call(self, store: Store) -> None:
        """Once, for all of them."""
        for number, who in enumerate(("ou_li", "ou_wang", "ou_li")):
            told = group(number)._replace(placements=(Placement(TARGET, (who,)),))
            await store.apply(told, RULES, NOW)
        (card,) = await store.cards((await store.gather(TARGET, NOW)).digest)
        assert (card.mention, card.notify) == (("ou_li", "ou_wang"), ("lapsed",))

    async def test_critical_ones_and_tried_ones_keep_their_own_cards(self, store: Store) -> None:
        """What may have been accepted is sent again as it was; what is critical waits for none."""
        worst = await open_one(store, notice(alert("w", severity="critical")))
        await store.apply(group(1), RULES, NOW)
        work = await take(store, 2)
        await store.attempt(attempted(work), NOW)
        await settle(store, work, Retry(RetryReason.TIMEOUT))
        digest = await storm(store, 0)
        assert digest == 0
        assert (await store.loads())[0].lesser == 1
        assert (await card_of(store, worst.incident)).digest == NO_DIGEST

    async def test_units_are_digested_when_the_digest_is_delivered(self, store: Store) -> None:
        """Gathered is not told: only a delivered digest tells."""
        digest = await storm(store, 3)
        assert await balance(store) == {UnitState.PENDING: 3}
        (card,) = await store.cards(digest)
        await show(store, card.id)
        assert await balance(store) == {UnitState.DIGESTED: 3}
        kinds = [line.kind for line in await store.timeline(2)]
        assert kinds == ["first", "digested"]

    async def test_what_changes_is_told_by_the_next_revision(self, store: Store) -> None:
        """A digest follows its incidents, and lets go what became critical."""
        digest = await storm(store, 3)
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await store.apply(group(0, notice(alert("m0", firing=False))), RULES, NOW + SECOND)
        more = notice(alert("m1"), alert("more", severity="critical"))
        await store.apply(group(1, more), RULES, NOW + SECOND)
        await store.apply(group(2, notice(alert("m2"), alert("m9"))), RULES, NOW + SECOND)
        assert await due_cards(store, TARGET, NOW + SECOND) == []
        assert (await store.gather(TARGET, NOW + 2 * SECOND)).taken == 0
        snapshot = await store.snapshot(digest)
        assert snapshot is not None
        assert snapshot.digest is not None
        assert [(one.incident, one.state) for one in snapshot.digest.gathered] == [
            (3, State.FIRING),
            (1, State.RESOLVED),
        ]
        assert await due_cards(store, TARGET, NOW + 2 * SECOND) == [2, card.id]
        work = await take(store, card.id, NOW + 2 * SECOND)
        assert work.step == Patch(CardReason.DIGEST)
        await show(store, 2, NOW + 2 * SECOND)
        assert await balance(store) == {
            UnitState.SHOWN: 2,
            UnitState.DIGESTED: 2,
            UnitState.PENDING: 1,
        }

    async def test_a_look_without_news_changes_nothing(self, store: Store) -> None:
        """A digest is patched only for a reason."""
        digest = await storm(store, 3)
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await store.gather(TARGET, NOW + SECOND)
        assert (await store.cards(digest))[0].wanted == 1
        assert await due_cards(store, TARGET, NOW + SECOND) == []

    async def test_the_end_gives_what_fires_a_card_at_leisure(self, store: Store) -> None:
        """After a storm the rest is shown last, and calls nobody."""
        digest = await storm(store, 3)
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await store.apply(group(0, notice(alert("m0", firing=False))), RULES, NOW + SECOND)
        assert await store.disperse(TARGET, NOW + MINUTE) == 2
        assert (await store.cards(1))[0].due_at is None
        assert [(await card_of(store, one)).digest for one in (1, 2, 3)] == [0, LEISURE, LEISURE]
        fresh = await open_one(store, group(9, notice(alert("new", severity="info"))))
        first, *others = await store.due(Queue(TARGET, shown=False), NOW + MINUTE, ANY_RANK, MANY)
        assert first.card == (await card_of(store, fresh.incident)).id
        assert [due.leisure for due in others] == [True, True]
        work = await take(store, 2, NOW + MINUTE)
        assert (work.step, work.card.quiet) == (Create(CardReason.FIRST), True)
        closing = await take(store, card.id, NOW + MINUTE)
        assert closing.step == Patch(CardReason.DIGEST_CLOSED)
        assert [load.digest for load in await store.loads()] == [0]

    async def test_what_was_never_told_is_shown_after_the_storm(self, store: Store) -> None:
        """A digest that nobody saw has told nothing: its incidents are shown as others are."""
        await storm(store, 2)
        await store.apply(group(0, notice(alert("m0", firing=False))), RULES, NOW + MINUTE)
        await store.disperse(TARGET, NOW + MINUTE)
        cards = [await card_of(store, one) for one in (1, 2)]
        assert [(card.due_at, card.quiet) for card in cards] == [(NOW + MINUTE, False)] * 2
        await show(store, 1, NOW + MINUTE)
        assert "card_late" in [line.kind for line in await store.timeline(1)]

    async def test_a_storm_outlives_a_restart(self, engine: Engine) -> None:
        """The digest stays open, and takes more."""
        store = engine.open()
        digest = await storm(store, 2)
        await store.close()
        again = engine.open()
        assert await storm(again, 4, NOW + MINUTE) == digest
        snapshot = await again.snapshot(digest)
        assert snapshot is not None
        assert snapshot.digest is not None
        assert len(snapshot.digest.gathered) == 4
        await again.close()

    async def test_what_ended_unseen_is_gathered_where_it_is_much(self, store: Store) -> None:
        """A few late cards are shown one by one; many are one."""
        for number in range(LATE_MANY):
            told = group(number, notice(alert(f"m{number}")))
            await store.apply(told, RULES, NOW)
            if number:
                gone = told._replace(alerts=(alert(f"m{number}", firing=False),))
                await store.apply(gone, RULES, NOW + HOUR)
        assert (await store.gather(TARGET, NOW + HOUR, late=True)).taken == 0
        gone = group(0, notice(alert("m0", firing=False)))
        await store.apply(gone, RULES, NOW + HOUR)
        got = await store.gather(TARGET, NOW + HOUR, late=True)
        assert got.taken == LATE_MANY
        snapshot = await store.snapshot(got.digest)
        assert snapshot is not None
        assert snapshot.digest is not None
        assert snapshot.digest.late
        (card,) = await store.cards(got.digest)
        assert await due_cards(store, TARGET, NOW + HOUR) == [card.id]
        assert (await take(store, card.id, NOW + HOUR)).step == Create(CardReason.LATE)

    async def test_a_late_one_that_fires_again_is_shown(self, store: Store) -> None:
        """Being told that it ended is not being told that it fires."""
        for number in range(LATE_MANY):
            told = group(number, notice(alert(f"m{number}")))
            await store.apply(told, RULES, NOW)
            gone = told._replace(alerts=(alert(f"m{number}", firing=False),))
            await store.apply(gone, RULES, NOW + HOUR)
        await store.gather(TARGET, NOW + HOUR, late=True)
        again = group(1, notice(alert("m1")))
        await store.apply(again, RULES, NOW + HOUR + SECOND)
        assert 2 in await due_cards(store, TARGET, NOW + HOUR + SECOND)
        assert (await take(store, 2, NOW + HOUR + SECOND)).step == Create(CardReason.FIRST)

    async def test_a_click_acts_on_what_it_saw(self, store: Store) -> None:
        """What joined after the clicked revision is left as it is."""
        digest = await storm(store, 2)
        await storm(store, 3, NOW + SECOND)
        acted = await press(store, digest, ActionKind.ACKNOWLEDGE, revision=1)
        assert (acted.verdict.reason, acted.verdict.done) == (ActionReason.DONE, 2)
        owned = [(await store.snapshot(one)).incident.ack for one in (1, 2, 4)]  # type: ignore[union-attr]
        assert [ack is not None for ack in owned] == [True, True, False]
        assert acted.snapshot is not None
        assert acted.snapshot.digest is not None
        states = [one.state for one in acted.snapshot.digest.gathered]
        assert states.count(State.ACKNOWLEDGED) == 2
        again = await press(store, digest, ActionKind.ACKNOWLEDGE, revision=1)
        assert again.verdict.reason is ActionReason.REPEATED

    async def test_a_silence_of_all_is_known_to_all(self, store: Store) -> None:
        """One silence in Alertmanager, and every card that it mutes says so."""
        digest = await storm(store, 2)
        acted = await press(store, digest, ActionKind.SILENCE, revision=1, scope=SHARED_SCOPE)
        assert acted.verdict.reason is ActionReason.REQUESTED
        assert acted.snapshot is not None
        assert acted.snapshot.incident.source == "prod"
        assert acted.snapshot.digest is not None
        (silence,) = acted.verdict.silences
        assert silence.matchers == shared_matchers(acted.snapshot.digest)
        assert dict(silence.matchers) == {"alertname": "Disk", "severity": "warning", "team": "a"}
        ((snapshot, _),) = await store.intents()
        assert snapshot.incident.id == digest
        told = Conclusion(
            incident=digest, silence=silence.id, state=SilenceState.ACTIVE, silence_id="am-1"
        )
        await store.conclude(told, NOW + 2 * MINUTE)
        for number in (1, 2):
            owner = await store.snapshot(number)
            assert owner is not None
            assert [one.silence_id for one in owner.incident.silences] == ["am-1"]
        assert await store.intents() == []
        await store.gather(TARGET, NOW + 3 * MINUTE)
        final = await store.snapshot(digest)
        assert final is not None
        assert final.digest is not None
        assert {one.state for one in firing(final.digest)} == {State.SUPPRESSED}

    async def test_a_click_mutes_what_the_card_said(self, store: Store) -> None:
        """A form that showed other labels than all share now is refused."""
        digest = await storm(store, 2)
        snapshot = await store.snapshot(digest)
        assert snapshot is not None
        assert snapshot.digest is not None
        scope = scope_of(shared_matchers(snapshot.digest))
        odd = Alert("odd", True, {"alertname": "Disk", "team": "b", "severity": "warning"}, {})
        told = group(1, notice(alert("m1")))
        await store.apply(told._replace(alerts=(*told.alerts, odd)), RULES, NOW + SECOND)
        await store.gather(TARGET, NOW + SECOND)
        late = await press(store, digest, ActionKind.SILENCE, revision=1, scope=scope)
        assert late.verdict.reason is ActionReason.CHANGED
        assert await store.intents() == []

    async def test_the_end_of_a_shared_silence_is_known_to_all(self, store: Store) -> None:
        """Whoever's card it is ended on: Alertmanager mutes none of them any more."""
        digest = await storm(store, 3)
        acted = await press(store, digest, ActionKind.SILENCE, revision=1, scope=SHARED_SCOPE)
        (silence,) = acted.verdict.silences
        for state in (SilenceState.ACTIVE, SilenceState.EXPIRED):
            told = Conclusion(
                incident=digest if state is SilenceState.ACTIVE else 2,
                silence=silence.id,
                state=state,
                silence_id="am-1",
            )
            await store.conclude(told, NOW + 2 * MINUTE)
            for number in (1, 2, 3, digest):
                owner = await store.snapshot(number)
                assert owner is not None
                assert [one.state for one in owner.incident.silences] == [state]

    async def test_the_end_of_what_a_digest_told_is_told_too(self, store: Store) -> None:
        """However short it was."""
        digest = await storm(store, 1)
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await store.disperse(TARGET, NOW + SECOND)
        await store.apply(group(0, notice(alert("m0", firing=False))), RULES, NOW + 2 * SECOND)
        assert isinstance((await take(store, 1, NOW + 2 * SECOND)).step, Create)

    async def test_many_that_cannot_be_gathered_do_not_hide_the_others(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A page of cards whose outcome is unknown is not all there is."""
        monkeypatch.setattr("receiver.store.gathering.GATHER_MOST", 2)
        for number in range(3):
            await store.apply(group(number, notice(alert(f"m{number}"))), RULES, NOW)
            if number < 2:
                work = await take(store, number + 1)
                await store.attempt(attempted(work), NOW)
                await settle(store, work, Retry(RetryReason.TIMEOUT))
        assert (await store.gather(TARGET, NOW)).taken == 1

    async def test_a_digest_that_is_refused_is_known(self, store: Store) -> None:
        """Its incidents must not wait behind it."""
        digest = await storm(store, 2)
        (card,) = await store.cards(digest)
        await store.abandon(card.id, REFUSED, NOW)
        (load,) = await store.loads()
        assert (load.untold, load.refused) == (2, True)

    async def test_a_digest_is_no_place_for_other_clicks(self, store: Store) -> None:
        """What a digest does not offer is refused."""
        digest = await storm(store, 2)
        acted = await press(store, digest, ActionKind.RESOLVE, revision=1)
        assert acted.verdict.reason is ActionReason.UNKNOWN_CHOICE

    async def test_forgetting_closes_the_accounts(self, store: Store) -> None:
        """The law holds for what is no longer there."""
        digest = await storm(store, 3)
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await storm(store, 4, NOW + SECOND)
        for number in range(4):
            gone = group(number, notice(alert(f"m{number}", firing=False)))
            await store.apply(gone, RULES, NOW + MINUTE)
        assert await store.prune(NOW + HOUR, NOW + DAY, MANY) == 4
        assert await balance(store) == {UnitState.DIGESTED: 3, UnitState.SUPPRESSED: 1}
        assert (await store.units()).reasons == (("retention", 1),)


class Fallbacks:
    """What a target refuses for good is taken over."""

    async def test_a_refused_card_moves_to_its_fallback(self, store: Store) -> None:
        """The same incident, in the other target, with its people."""
        await open_one(store, falling_back(notice(N1)))
        work = await take(store, 1)
        settlement = await settle(store, work, REFUSED)
        assert (settlement.dead, settlement.moved) == (RejectReason.TARGET, "legacy")
        old, new = await store.cards(1)
        assert (old.state, old.due_at) == (CardState.MOVED, None)
        assert (new.target, new.mention, new.moved_from) == ("legacy", ("ou_li",), TARGET)
        assert await store.dead_letters(9) == []
        assert await balance(store) == {UnitState.SUPPRESSED: 1, UnitState.PENDING: 1}
        await show(store, new.id)
        assert await balance(store) == {UnitState.SUPPRESSED: 1, UnitState.SHOWN: 1}
        assert [line.kind for line in await store.timeline(1)] == ["first", "moved", "card_moved"]

    async def test_what_moved_stays_there(self, store: Store) -> None:
        """News goes to the card that lives."""
        await open_one(store, falling_back(notice(N1)))
        await store.abandon(1, REFUSED, NOW)
        await store.apply(falling_back(notice(N1, N2)), RULES, NOW + SECOND)
        old, new = await store.cards(1)
        assert (old.state, old.due_at, old.wanted) == (CardState.MOVED, None, 1)
        assert new.wanted == 2
        assert await balance(store) == {UnitState.SUPPRESSED: 1, UnitState.PENDING: 2}

    async def test_a_fallback_that_refuses_is_a_dead_letter(self, store: Store) -> None:
        """A fallback has no fallback."""
        await open_one(store, falling_back(notice(N1)))
        await store.abandon(1, REFUSED, NOW)
        await store.abandon(2, REFUSED, NOW)
        (dead,) = await store.dead_letters(9)
        assert dead.target == "legacy"
        assert await balance(store) == {UnitState.SUPPRESSED: 1, UnitState.DEAD_LETTERED: 1}

    async def test_two_that_fall_back_on_each_other_lose_nothing(self, store: Store) -> None:
        """What both refuse is a dead letter."""
        there = Placement("ops:oc_1", fallback="ops2:oc_2")
        back = Placement("ops2:oc_2", fallback="ops:oc_1")
        await open_one(store, notice(N1)._replace(placements=(there, back)))
        await store.abandon(1, REFUSED, NOW)
        settlement = await store.abandon(2, REFUSED, NOW)
        assert settlement is not None
        assert settlement.moved == ""
        (dead,) = await store.dead_letters(9)
        assert dead.target == "ops2:oc_2"
        assert await balance(store) == {UnitState.SUPPRESSED: 1, UnitState.DEAD_LETTERED: 1}

    async def test_what_needs_nothing_is_not_given_up(self, store: Store) -> None:
        """A click that changed nothing makes no second card."""
        await open_one(store, falling_back(notice(N1)))
        await show(store, 1)
        await store.hasten(TARGET, NOW)
        assert await store.abandon(1, REFUSED, NOW + SECOND) is None
        assert [card.state for card in await store.cards(1)] == [CardState.OPEN]
        assert (await card_of(store)).due_at is None

    async def test_what_was_given_up_is_not_looked_at_again(self, store: Store) -> None:
        """A click on a card that moved makes it due, once."""
        await open_one(store, falling_back(notice(N1)))
        await show(store, 1)
        await open_one(store, falling_back(notice(N1, N2)), NOW + SECOND)
        await store.abandon(1, REFUSED, NOW + SECOND)
        await store.act(click(ActionKind.ACKNOWLEDGE, card=1), NOW + MINUTE)
        assert await store.abandon(1, REFUSED, NOW + HOUR) is None
        assert 1 not in await due_cards(store, TARGET, NOW + HOUR)

    async def test_a_told_card_calls_nobody_from_its_fallback(self, store: Store) -> None:
        """A digest called them."""
        told = falling_back(notice(N1))
        await open_one(store, told)
        digest = (await store.gather(TARGET, NOW)).digest
        (card,) = await store.cards(digest)
        await show(store, card.id)
        await store.disperse(TARGET, NOW + MINUTE)
        await store.abandon(1, REFUSED, NOW + MINUTE)
        assert [one.quiet for one in await store.cards(1)] == [True, True]

    async def test_a_card_that_turned_critical_waits_for_nothing(self, store: Store) -> None:
        """Also where it had been put off."""
        await open_one(store, notice(N1))
        await take(store, 1)
        await store.release(1, NOW + HOUR)
        await open_one(store, notice(alert("w", severity="critical")), NOW + SECOND)
        assert await due_cards(store, TARGET, NOW + SECOND) == [1]

    async def test_the_dead_letters_of_a_scope_are_tried_again(self, store: Store) -> None:
        """A cure sends what it cured, and nothing else."""
        for number, target in enumerate(("ops:oc_1", "ops:oc_2", "opsy:oc_1", "ops")):
            told = group(number)._replace(placements=(Placement(target),))
            await store.apply(told, RULES, NOW)
            await store.abandon(number + 1, REFUSED, NOW)
        reasons = (RejectReason.TARGET,)
        assert await store.revive_matching("ops", (RejectReason.QUOTA,), NOW) == 0
        assert await store.probe("ops:oc_2", reasons, NOW) == 2
        assert await store.revive_matching("ops", reasons, NOW) == 2
        assert [dead.target for dead in await store.dead_letters(9)] == ["opsy:oc_1"]
        assert await store.probe("ops:oc_2", reasons, NOW) == 0

    async def test_a_scope_s_cards_need_not_wait_any_longer(self, store: Store) -> None:
        """After an outage everything is tried at once."""
        for number, target in enumerate(("ops:oc_1", "legacy")):
            told = group(number)._replace(placements=(Placement(target),))
            await store.apply(told, RULES, NOW)
            work = await take(store, number + 1)
            await settle(store, work, Retry(RetryReason.UNREACHABLE, 60_000))
        assert await store.hasten("ops", NOW + SECOND) == 1
        assert await due_cards(store, "ops:oc_1", NOW + SECOND) == [1]
        assert await due_cards(store, "legacy", NOW + SECOND) == []

    async def test_one_card_in_a_chat_whatever_app_serves_it(self, store: Store) -> None:
        """A list of apps that changes makes no second card."""
        first = Placement("ops:oc_1", others=("ops2:oc_1",))
        then = Placement("ops2:oc_1", others=("ops:oc_1",))
        await open_one(store, notice(N1)._replace(placements=(first,)))
        await open_one(store, notice(N1, N2)._replace(placements=(then,)))
        assert [card.target for card in await store.cards(1)] == ["ops:oc_1"]


class Accounts:
    """Promise 12: every unit is in exactly one state."""

    async def test_units_are_accepted_pending_and_shown(self, store: Store) -> None:
        """An episode counts once for each target."""
        told = notice(N1, N2)._replace(placements=(Placement("ops:oc_1"), Placement("legacy")))
        await open_one(store, told)
        assert await balance(store) == {UnitState.PENDING: 4}
        await show(store, 1)
        assert await balance(store) == {UnitState.PENDING: 2, UnitState.SHOWN: 2}
        await open_one(store, told)
        assert (await store.units()).accepted == 4
        later = notice(alert("n3"))._replace(
            placements=(Placement("ops:oc_1"), Placement("ops:oc_2"))
        )
        await open_one(store, later, NOW + SECOND)
        assert await balance(store) == {UnitState.PENDING: 5, UnitState.SHOWN: 2}

    async def test_what_nobody_is_shown_is_suppressed_with_a_reason(self, store: Store) -> None:
        """An incident that came and went."""
        await open_one(store, notice(N1))
        await open_one(store, notice(GONE1), NOW + SECOND)
        await take(store, 1, NOW + SECOND)
        assert await balance(store) == {UnitState.SUPPRESSED: 1}
        assert (await store.units()).reasons == ((CardReason.NEVER_SHOWN, 1),)

    async def test_a_replay_that_has_nothing_to_show_settles_its_units(self, store: Store) -> None:
        """What came and went while it was a dead letter is no dead letter for ever."""
        await open_one(store, notice(N1))
        work = await store.begin(1, Ability.POSTS_ONLY, NOW)
        assert work is not None
        await settle(store, work, Delivered(""), NOW)
        await open_one(store, notice(GONE1), NOW + SECOND)
        await store.settle(1, *await _posted(store, Delivered("")), ("key",), NOW + SECOND, 0.5)
        rules = RULES._replace(flapping=Flapping(threshold=1))
        for _ in range(2):
            await store.apply(notice(N1), rules, NOW + MINUTE)
            await store.apply(notice(GONE1), rules, NOW + MINUTE)
        await store.abandon(1, REFUSED, NOW + MINUTE)
        assert (await balance(store))[UnitState.DEAD_LETTERED]
        await store.revive(1, NOW + MINUTE)
        step = await store.begin(1, Ability.POSTS_ONLY, NOW + MINUTE)
        assert step is not None
        assert UnitState.DEAD_LETTERED not in await balance(store)

    async def test_what_joins_a_dead_letter_is_pending(self, store: Store) -> None:
        """A change tries it again, and shows all of it."""
        await open_one(store, notice(N1))
        await settle(store, await take(store, 1), REFUSED)
        assert await balance(store) == {UnitState.DEAD_LETTERED: 1}
        await open_one(store, notice(N1, N2), NOW + SECOND)
        assert await balance(store) == {UnitState.DEAD_LETTERED: 1, UnitState.PENDING: 1}
        await show(store, 1, NOW + SECOND)
        assert await balance(store) == {UnitState.SHOWN: 2}

    async def test_what_joins_while_a_refused_call_flies_is_given_up_too(
        self, store: Store
    ) -> None:
        """Nothing stays behind in a card that is no more."""
        await open_one(store, falling_back(notice(N1)))
        work = await take(store, 1)
        await open_one(store, falling_back(notice(N1, N2)), NOW + SECOND)
        await settle(store, work, REFUSED, NOW + SECOND)
        assert await balance(store) == {UnitState.SUPPRESSED: 2, UnitState.PENDING: 2}

    async def test_a_month_s_calls_are_counted(self, engine: Engine) -> None:
        """The count outlives a restart, and no window remembers it."""
        store = engine.open()
        await open_one(store, notice(N1))
        work = await take(store, 1)
        keys = ("app:ops", "month:default:2026-11")
        await store.settle(1, sent_of(work), Delivered("om_1"), keys, NOW, 0.5)
        assert [spent.keys for spent in await store.spent(0)] == [("app:ops",)]
        await store.close()
        again = engine.open()
        assert await again.counted() == {"month:default:2026-11": 1}
        # An outcome that is kept twice, since its first answer was lost, is one call.
        await again.settle(1, sent_of(work), Delivered("om_1"), keys, NOW, 0.5)
        assert await again.counted() == {"month:default:2026-11": 1}
        await again.close()

"""The numbered promises of a store, each as tests that any engine must pass."""

import asyncio
from dataclasses import replace

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.card import (
    AFTER_CLICK,
    Ability,
    Call,
    CardState,
)
from receiver.domain.outcome import Delivered, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.reason import ActionReason, BodyReason, CardReason
from receiver.domain.silence import SilenceState
from receiver.domain.silencing import Conclusion
from receiver.domain.step import (
    Create,
    Patch,
    Settle,
    Wait,
)
from receiver.store.base import Poisoned, Queue, Store, Unavailable
from tests.domain.made import HOUR, MINUTE, NOW, SECOND, TARGET, TWIN, alert, notice
from tests.store.engines import Engine
from tests.store.made import (
    BROKEN,
    GONE1,
    GONE2,
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
    to,
)

DAY = 24 * HOUR


class Bodies:
    """Promises 1 to 4: bodies become incidents, whole, in order, and apart from one another."""

    async def test_1_what_was_answered_is_there_after_a_new_start(self, engine: Engine) -> None:
        """A change is durable when its method returns."""
        store = engine.open()
        applied = await open_one(store, notice(N1, N2))
        assert (applied.reason, applied.revision, applied.raised) == (BodyReason.FIRST, 1, True)
        await store.close()
        again = engine.open()
        snapshot = await again.snapshot(applied.incident)
        assert snapshot is not None
        assert snapshot.incident.group_labels == {"alertname": "Disk"}
        assert {one.fingerprint for one in snapshot.members} == {N1.fingerprint, N2.fingerprint}
        assert (await card_of(again)).target == TARGET
        await again.close()

    async def test_2_a_body_that_fails_leaves_nothing(self, store: Store) -> None:
        """A change is whole or not at all."""
        with pytest.raises(Poisoned):
            await store.apply(BROKEN, RULES, NOW)
        half = notice(N1)._replace(once="id-1", trace=object())  # type: ignore[arg-type]
        with pytest.raises(Poisoned):
            await store.apply(half, RULES, NOW)
        assert await store.incidents(0, 9) == []
        assert await store.once("id-1", NOW + DAY, NOW)

    async def test_2_the_same_body_again_changes_nothing_more(self, store: Store) -> None:
        """What is sent again, because nobody answered, is a duplicate."""
        await open_one(store)
        lines = await store.timeline(1)
        for peer in ("http://alertmanager-0:9093", TWIN):
            told = notice(N1, peer=peer)
            assert (await store.apply(told, RULES, NOW + 1)).reason is BodyReason.DUPLICATE
        assert await store.timeline(1) == lines
        assert (await card_of(store)).wanted == 1

    async def test_2_an_id_is_accepted_once(self, store: Store) -> None:
        """A message with an id that was seen within a day changes nothing."""
        told = notice(N1)._replace(once="id-1")
        assert (await store.apply(told, RULES, NOW)).raised
        again = await store.apply(group(2, told), RULES, NOW + DAY - 1)
        assert (again.reason, again.incident) == (BodyReason.DUPLICATE, 0)
        assert (await store.apply(group(2, told), RULES, NOW + DAY)).raised

    async def test_3_bodies_are_decided_one_after_another(self, store: Store) -> None:
        """Sixty-four bodies at once open one incident, with every alert in it."""
        names = [f"m{number}" for number in range(64)]
        bodies = (notice(alert(name)) for name in names)
        made = await asyncio.gather(*(store.apply(told, RULES, NOW) for told in bodies))
        assert sorted(one.revision for one in made) == list(range(1, 65))
        assert {one.incident for one in made} == {1}
        snapshot = await store.snapshot(1)
        assert snapshot is not None
        assert sorted(one.labels["instance"] for one in snapshot.members) == sorted(names)
        assert snapshot.incident.joined == 64

    async def test_3_each_group_is_its_own(self, store: Store) -> None:
        """Source, receiver and group key make a group; no one of them does alone."""
        told = notice(N1)
        others = (
            told._replace(source="other"),
            told._replace(receiver="other"),
            group(9, told),
            told._replace(source="prodteam", receiver=""),
        )
        numbers = [(await store.apply(one, RULES, NOW)).incident for one in (told, *others)]
        assert len(set(numbers)) == 5

    async def test_3_an_alert_has_one_state_in_all_groups_of_its_source(self, store: Store) -> None:
        """A resolve that reaches one group is known to the others, and to no other source."""
        await open_one(store, notice(N1, N2))
        await open_one(store, notice(N1)._replace(receiver="second"))
        await open_one(store, notice(N1)._replace(source="elsewhere"))
        told = notice(GONE1)._replace(receiver="third")
        assert (await store.apply(told, RULES, NOW + 1)).reason is BodyReason.UNKNOWN_RESOLVED
        first, second, third = [await store.snapshot(number) for number in (1, 2, 3)]
        assert first is not None
        assert second is not None
        assert third is not None
        assert [one.firing for one in first.members] == [True, False]
        assert (first.incident.closed_at, second.incident.closed_at) == (None, NOW + 1)
        assert third.incident.closed_at is None
        assert [(await card_of(store, number)).wanted for number in (1, 2, 3)] == [2, 2, 1]

    async def test_4_a_broken_body_harms_no_other(self, store: Store) -> None:
        """A body that cannot be applied fails alone, though it shares a commit."""
        bodies = [BROKEN if number % 7 == 3 else group(number) for number in range(64)]
        tasks = (store.apply(told, RULES, NOW) for told in bodies)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for told, result in zip(bodies, results, strict=True):
            assert isinstance(result, Poisoned) == (told is BROKEN)
        assert len(await store.incidents(0, 99)) == sum(told is not BROKEN for told in bodies)

    async def test_after_the_close_everything_is_unavailable(self, engine: Engine) -> None:
        """A store that is closed says so, to readers and writers."""
        store = engine.open()
        await open_one(store)
        await store.close()
        for attempt in (open_one(store), store.snapshot(1), store.once("k", NOW, NOW)):
            with pytest.raises(Unavailable) as refused:
                await attempt
            assert refused.value.reason == "closed"

    async def test_what_waits_is_finished_by_the_close(self, engine: Engine) -> None:
        """A change that was taken before the close is kept."""
        store = engine.open()
        tasks = [asyncio.create_task(open_one(store, group(number))) for number in range(64)]
        await asyncio.sleep(0)  # every change is in the queue
        await store.close()
        assert all(applied.raised for applied in await asyncio.gather(*tasks))


class Cards:
    """Promises 5, 7, 8 and 9: cards follow incidents, and calls are safe from crashes."""

    async def test_5_a_change_raises_every_card(self, store: Store) -> None:
        """All targets want the newest revision, from the same transaction."""
        await open_one(store, to(notice(N1), "a:1", "b:2"))
        await store.apply(to(notice(N1, N2), "b:2", "c:3"), RULES, NOW + 5)
        cards = await store.cards(1)
        assert [(card.target, card.wanted) for card in cards] == [
            ("a:1", 2),
            ("b:2", 2),
            ("c:3", 2),
        ]
        assert [card.pending_since for card in cards] == [NOW, NOW, NOW + 5]

    async def test_5_a_group_has_one_open_incident(self, store: Store) -> None:
        """A group that flaps re-opens its incident; later it is a new one."""
        for told, after in ((N1, 0), (GONE1, 1), (N1, 2), (GONE1, 3)):
            await store.apply(notice(told), RULES, NOW + after)
        assert [one.reopened for one in await store.incidents(0, 9)] == [1]
        await store.apply(notice(N1), RULES, NOW + HOUR)
        assert [one.closed_at for one in await store.incidents(0, 9)] == [None, NOW + 3]

    async def test_5_a_card_that_is_shown_waits_for_the_next_change(self, store: Store) -> None:
        """Nothing is due when everything is shown; the next change makes it due."""
        await open_one(store)
        assert await due_cards(store, TARGET, NOW) == [1]
        await show(store, 1)
        assert await due_cards(store, TARGET, NOW + DAY) == []
        await store.apply(notice(N1, N2), RULES, NOW + 5)
        assert await due_cards(store, TARGET, NOW + 5) == [1]
        assert (await card_of(store)).pending_since == NOW + 5

    async def test_5_a_dead_letter_comes_alive_with_the_next_change(self, store: Store) -> None:
        """A change gives a card that was given up another chance."""
        await open_one(store)
        await settle(store, await take(store, 1), Rejected(RejectReason.TARGET, "no bot"))
        assert (await card_of(store)).state is CardState.DEAD
        await store.apply(notice(N1, N2), RULES, NOW + 5)
        assert (await card_of(store)).state is CardState.OPEN
        assert await due_cards(store, TARGET, NOW + 5) == [1]

    async def test_the_most_urgent_card_comes_first(self, store: Store) -> None:
        """Severity, then age; the never shown and the shown have queues of their own."""
        mild, worst = alert("n1", severity="info"), alert("n2", severity="critical")
        for number, told in enumerate((mild, N1, worst, N2)):
            await open_one(store, group(number, notice(told)), NOW + number)
        await show(store, 2, NOW + 10)
        await store.apply(group(1, notice(GONE1)), RULES, NOW + 11)
        late = NOW + 20
        fresh = [due.card for due in await store.due(Queue(TARGET, False), late, 99, 9)]
        seen = [due.card for due in await store.due(Queue(TARGET, True), late, 99, 9)]
        assert (fresh, seen) == ([3, 4, 1], [2])
        critical = await store.due(Queue(TARGET, False), late, 0, 9)
        assert [(due.card, due.rank) for due in critical] == [(3, 0)]
        assert len(await store.due(Queue(TARGET, False), late, 99, 2)) == 2

    async def test_what_became_due_is_stirred(self, store: Store) -> None:
        """A look at what is new finds the queues of new work, and when there is more."""
        await open_one(store, to(notice(N1), "a:1"), NOW)
        await open_one(store, group(2, to(notice(N1), "b:2")), NOW + 100)
        assert await store.stirred(NOW - 1, NOW) == ((Queue("a:1", False),), NOW + 100)
        later = await store.stirred(NOW, NOW + 100)
        assert (later.queues, later.next_at) == ((Queue("b:2", False),), None)
        everything = await store.backlog(NOW + 100)
        assert {queue.target for queue in everything.queues} == {"a:1", "b:2"}

    async def test_7_a_card_in_flight_is_given_to_nobody_else(self, store: Store) -> None:
        """Of sixty-four that want a card, one gets it."""
        await open_one(store)
        works = await asyncio.gather(*(store.begin(1, Ability.EDITS, NOW) for _ in range(64)))
        given = [work for work in works if work is not None]
        assert [type(work.step) for work in given] == [Create]
        assert await due_cards(store, TARGET, NOW) == []
        await settle(store, given[0], Delivered("om_1"))
        assert await store.begin(1, Ability.EDITS, NOW) is not None

    async def test_7_a_change_reaches_a_card_that_is_in_flight(self, store: Store) -> None:
        """Settling keeps what was raised meanwhile."""
        await open_one(store)
        work = await take(store, 1)
        await store.apply(notice(N1, N2), RULES, NOW + 5)
        await settle(store, work, Delivered("om_1"), NOW + 6)
        card = await card_of(store)
        assert (card.shown, card.wanted, card.message_id) == (1, 2, "om_1")
        assert isinstance((await take(store, 1, NOW + 6)).step, Patch)

    async def test_7_a_crash_leaves_a_call_of_unknown_outcome(self, engine: Engine) -> None:
        """What a crash left in flight is recovered at the next start, and told of once."""
        store = engine.open()
        await open_one(store)
        work = await take(store, 1)
        await store.attempt(attempted(work), NOW)
        await store.close()
        again = engine.open()
        assert await due_cards(again, TARGET, NOW + 1) == []
        assert await again.recover(NOW + 1, [1]) == []
        (found,) = await again.recover(NOW + 1, [])
        assert (found.id, found.in_flight, found.flown_at) == (1, Call.CREATE, NOW)
        card = await card_of(again)
        assert card.attempt is not None
        assert (card.in_flight, card.attempt.ambiguous, card.attempt.content) == (
            None,
            True,
            "content",
        )
        assert await again.recover(NOW + 2, []) == []
        await again.close()

    async def test_7_a_post_that_a_crash_cut_off_may_appear_twice(self, store: Store) -> None:
        """The timeline says so."""
        await open_one(store)
        assert await store.begin(1, Ability.POSTS_ONLY, NOW) is not None
        await store.recover(NOW + 1, [])
        assert [line.kind for line in await store.timeline(1)][-1:] == ["possible_duplicate"]

    async def test_7_an_outcome_that_is_kept_twice_counts_once(self, store: Store) -> None:
        """Settling again, because the first answer came too late, changes nothing more."""
        await open_one(store)
        for outcome in (
            Rejected(RejectReason.CONTENT, "bad"),
            Retry(RetryReason.UNREACHABLE),
            Delivered("om_1"),
        ):
            work = await take(store, 1)
            first = await settle(store, work, outcome)
            card, lines = await card_of(store), await store.timeline(1)
            second = await settle(store, work, outcome, NOW + 1)
            assert second.delivered == first.delivered
            assert (await card_of(store), await store.timeline(1)) == (card, lines)

    async def test_a_call_that_was_never_made_is_released(self, store: Store) -> None:
        """A released card is free again, later."""
        await open_one(store)
        await take(store, 1)
        await store.release(1, NOW + 50)
        card = await card_of(store)
        assert (card.in_flight, card.due_at, card.tried) == (None, NOW + 50, False)
        assert await due_cards(store, TARGET, NOW + 49) == []
        assert await due_cards(store, TARGET, NOW + 50) == [1]

    async def test_doing_nothing_is_kept_with_its_reason(self, store: Store) -> None:
        """A decision to do nothing settles the card and stands in the timeline."""
        await open_one(store)
        await store.apply(notice(GONE1), RULES, NOW + 1)
        work = await take(store, 1, NOW + 2)
        assert work.step == Settle(CardReason.NEVER_SHOWN)
        assert (await store.timeline(1))[-1].kind == "card_never_shown"
        assert (await take(store, 1, NOW + 2)).step == Wait(None)

    async def test_8_exactly_what_is_sent_is_kept_before(self, engine: Engine) -> None:
        """Any content survives, byte for byte, and so does what it showed."""
        content = '{"a":"\\u0000 \U0001f525 \u202e ’</at>"}\n\x7f'
        store = engine.open()
        await open_one(store)
        work = await take(store, 1)
        await store.attempt(attempted(work, content), NOW)
        await store.close()
        again = engine.open()
        kept = (await card_of(again)).attempt
        assert kept == attempted(work, content).attempt
        assert kept is not None
        assert kept.shown == sent_of(work).shown
        await again.close()

    async def test_9_answered_calls_are_remembered(self, engine: Engine) -> None:
        """A restart forgets no window, and what no window reaches is dropped."""
        store = engine.open()
        await open_one(store)
        work = await take(store, 1)
        await store.settle(1, sent_of(work), Delivered("om_1"), ("chat", "app"), NOW, 0.5)
        await store.close()
        again = engine.open()
        (spent,) = await again.spent(NOW - MINUTE)
        assert (spent.keys, spent.at) == (("chat", "app"), NOW)
        assert await again.spent(NOW + 1) == []
        await again.apply(notice(N1, N2), RULES, NOW + MINUTE)
        await settle(again, await take(again, 1, NOW + MINUTE), Delivered(), NOW + MINUTE)
        assert [one.at for one in await again.spent(NOW)] == [NOW, NOW + MINUTE]
        await again.apply(notice(N1), RULES, NOW + HOUR)
        await again.apply(notice(GONE1, N2), RULES, NOW + HOUR)
        await settle(again, await take(again, 1, NOW + HOUR), Delivered(), NOW + HOUR)
        assert [one.at for one in await again.spent(0)] == [NOW + HOUR]
        await again.close()

    async def test_dead_letters_are_listed_and_replayed(self, store: Store) -> None:
        """A card that was given up can be tried again, once."""
        await open_one(store, to(notice(N1), "gone:1"))
        await store.abandon(1, Rejected(RejectReason.TARGET, "no such channel"), NOW)
        (dead,) = await store.dead_letters(9)
        assert (dead.id, dead.problem) == (1, "target: no such channel")
        assert (await store.figures()).dead == 1
        assert await due_cards(store, "gone:1", NOW + DAY) == []
        assert await store.revive(1, NOW + 9)
        assert not await store.revive(1, NOW + 9)
        assert await store.dead_letters(9) == []
        assert await due_cards(store, "gone:1", NOW + 9) == [1]
        kinds = [line.kind for line in await store.timeline(1)]
        assert kinds == ["first", "dead_lettered", "replayed"]


class Clicks:
    """Promise 6: an action is applied once, and the rest of a click's way."""

    async def test_6_a_click_is_applied_once(self, store: Store) -> None:
        """Sixty-four arrivals of one click are one, however they race."""
        await open_one(store)
        action = click(ActionKind.ACKNOWLEDGE)
        acted = await asyncio.gather(*(store.act(action, NOW + 1) for _ in range(64)))
        reasons = sorted(one.verdict.reason for one in acted)
        assert reasons == ["done"] + ["repeated"] * 63
        assert all(one.snapshot is not None for one in acted)
        assert {one.snapshot.incident.revision for one in acted if one.snapshot} == {2}
        assert [line.kind for line in await store.timeline(1)] == ["first", "acknowledge"]

    async def test_6_it_is_still_once_after_a_new_start(self, engine: Engine) -> None:
        """An id is remembered as long as its incident."""
        store = engine.open()
        await open_one(store)
        await store.act(click(ActionKind.SILENCE), NOW)
        await store.close()
        again = engine.open()
        acted = await again.act(click(ActionKind.SILENCE), NOW + HOUR)
        assert acted.verdict.reason is ActionReason.REPEATED
        assert len(await again.intents()) == 1
        await again.close()

    async def test_6_a_refused_click_is_remembered_too(self, store: Store) -> None:
        """What came too late stays too late, even when the incident opens again."""
        await open_one(store)
        await store.apply(notice(GONE1), RULES, NOW + 1)
        action = click(ActionKind.ACKNOWLEDGE)
        late = await store.act(action, NOW + 2)
        assert late.verdict.reason is ActionReason.RESOLVED_ALREADY
        await store.apply(notice(N1), RULES, NOW + 3)
        assert (await store.act(action, NOW + 4)).verdict.incident is None

    async def test_a_click_on_nothing_is_answered(self, store: Store) -> None:
        """Forged numbers find nothing."""
        await open_one(store)
        await open_one(store, group(2))
        unknown = ActionReason.UNKNOWN_CARD
        for action in (
            click(ActionKind.RESOLVE, incident=9),
            click(ActionKind.RESOLVE, card=9),
            click(ActionKind.RESOLVE, incident=1, card=2),
        ):
            assert (await store.act(action, NOW)).verdict.reason is unknown

    async def test_a_click_on_an_old_card_changes_nothing(self, store: Store) -> None:
        """Only the live generation's controls act."""
        await open_one(store)
        action = replace(click(ActionKind.ACKNOWLEDGE, card=1), generation=2)
        assert (await store.act(action, NOW)).verdict.reason is ActionReason.OLD_CARD
        snapshot = await store.snapshot(1)
        assert snapshot is not None
        assert snapshot.incident.ack is None

    async def test_edits_wait_for_the_answer_to_a_click(self, store: Store) -> None:
        """The answer carries the new card, so no edit races with it, nor with a repeated one."""
        await open_one(store)
        await show(store, 1)
        for number in range(2):
            now = NOW + number * 100
            acted = await store.act(click(ActionKind.ACKNOWLEDGE, card=1), now)
            assert acted.card is not None
            assert (acted.busy, acted.card.clicked_at) == (False, now)
            assert await due_cards(store, TARGET, now + AFTER_CLICK - 1) == []
            assert await due_cards(store, TARGET, now + AFTER_CLICK) == [1]

    @pytest.mark.parametrize("arrival", [1, 2])
    async def test_an_unsettled_edit_makes_a_card_busy(self, store: Store, arrival: int) -> None:
        """While an edit's outcome is unknown, no answer carries a card, at any arrival."""
        await open_one(store)
        await show(store, 1)
        await store.apply(notice(N1, N2), RULES, NOW + 1)
        work = await take(store, 1, NOW + 1)
        for _ in range(arrival):
            acted = await store.act(click(ActionKind.ACKNOWLEDGE, card=1), NOW + 2)
        assert acted.busy
        await settle(store, work, Retry(RetryReason.TIMEOUT), NOW + 3)
        assert (await store.act(click(ActionKind.ACKNOWLEDGE, card=1), NOW + 4)).busy

    async def test_an_intent_stands_until_it_is_answered(self, store: Store) -> None:
        """Alertmanager is asked until its answer is kept, and the answer is kept once."""
        await open_one(store)
        await store.act(click(ActionKind.SILENCE), NOW)
        ((snapshot, silence),) = await store.intents()
        assert (snapshot.incident.id, silence.id, silence.state) == (
            1,
            "a1",
            SilenceState.REQUESTED,
        )
        told = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s-1")
        after = await store.conclude(told, NOW + 1)
        assert after is not None
        assert after.incident.silences[0].silence_id == "s-1"
        assert await store.intents() == []
        assert await store.conclude(told, NOW + 2) is None
        assert await store.conclude(replace(told, incident=9), NOW + 2) is None

    async def test_time_ends_a_silence(self, store: Store) -> None:
        """The clock is told when to look again, and the card is raised when it is over."""
        await open_one(store)
        await store.act(click(ActionKind.SILENCE), NOW)
        assert await store.lapse(NOW) == (0, None)
        told = Conclusion(incident=1, silence="a1", state=SilenceState.ACTIVE, silence_id="s")
        await store.conclude(told, NOW + 1)
        ends = NOW + SECOND + HOUR
        assert await store.lapse(ends - 1) == (0, ends)
        before = (await card_of(store)).wanted
        assert await store.lapse(ends) == (1, None)
        assert (await card_of(store)).wanted == before + 1
        assert await store.lapse(ends + 1) == (0, None)


class Records:
    """Promises 10 to 12: the timeline, the quarantine, and cost that does not grow."""

    async def test_10_the_timeline_tells_the_whole_story_in_order(self, store: Store) -> None:
        """Bodies, deliveries and clicks, each once; duplicates are no events."""
        await open_one(store)
        await show(store, 1)
        await store.apply(notice(N1, N2), RULES, NOW + 1)
        await store.apply(notice(N1, N2), RULES, NOW + 2)
        await store.act(click(ActionKind.ACKNOWLEDGE), NOW + 3)
        await show(store, 1, NOW + 4)
        await store.apply(notice(GONE1, GONE2), RULES, NOW + 5)
        lines = await store.timeline(1)
        assert [line.kind for line in lines] == [
            "first",
            "card_first",
            "new_alerts",
            "acknowledge",
            "card_new_alerts",
            "all_resolved",
        ]
        assert [line.at for line in lines] == sorted(line.at for line in lines)
        assert lines[3].actor == "Li"
        before = [*lines]
        await store.apply(notice(N1), RULES, NOW + 6)
        assert (await store.timeline(1))[: len(before)] == before

    async def test_11_a_body_is_kept_once_with_a_count(self, store: Store) -> None:
        """Equal bodies of one source are one row."""
        for number in range(3):
            assert await store.quarantine("prod", b"\xff\x00{", "no JSON", NOW + number)
        assert await store.quarantine("test", b"\xff\x00{", "no JSON", NOW)
        assert (await store.figures()).quarantined == 2

    async def test_11_the_quarantine_is_bounded(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes so many bodies and bytes, and says when it takes no more."""
        monkeypatch.setattr("receiver.store.changes.QUARANTINE_MOST", 3)
        monkeypatch.setattr("receiver.store.changes.QUARANTINE_BYTES", 100)
        assert not await store.quarantine("prod", b"x" * 101, "large", NOW)
        kept = [await store.quarantine("prod", b"%d" % one, "bad", NOW) for one in range(5)]
        assert kept == [True, True, True, False, False]
        assert await store.quarantine("prod", b"0", "bad", NOW + 1)
        assert (await store.figures()).quarantined == 3

    async def test_12_what_is_over_is_forgotten_in_steps(self, store: Store) -> None:
        """Retention takes the oldest first, a few at a time, and nothing that is open."""
        for number in range(5):
            told = notice(alert(f"m{number}"))
            await open_one(store, group(number, told), NOW)
            if number:
                over = notice(alert(f"m{number}", firing=False))
                await store.apply(group(number, over), RULES, NOW + number)
        await store.act(click(ActionKind.ACKNOWLEDGE), NOW + 1)
        before = NOW + DAY
        assert await store.prune(before, before, 3) == 3
        assert await store.snapshot(2) is None
        assert (await store.cards(2), await store.timeline(2)) == ([], [])
        assert await store.prune(before, before, 3) == 1
        assert await store.prune(before, before, 3) == 0
        assert [one.id for one in await store.incidents(0, 9)] == [1]
        assert len(await store.timeline(1)) == 2

    async def test_12_the_quarantine_is_emptied_with_time(self, store: Store) -> None:
        """A body that nobody replayed is forgotten after the retention."""
        await store.quarantine("prod", b"old", "bad", NOW)
        await store.quarantine("prod", b"new", "bad", NOW + 9)
        await store.prune(NOW + 5, NOW + DAY, 9)
        assert (await store.figures()).quarantined == 1

    async def test_a_call_for_what_was_forgotten_is_settled(self, store: Store) -> None:
        """An outcome that finds no card any more is no fault."""
        await open_one(store)
        work = await take(store, 1)
        await store.apply(notice(GONE1), RULES, NOW + 1)
        await store.prune(NOW + DAY, NOW + DAY, 9)
        settlement = await settle(store, work, Delivered("om_1"))
        assert not settlement.delivered
        assert await store.begin(1, Ability.EDITS, NOW) is None

    async def test_a_key_is_new_until_it_is_forgotten(self, store: Store) -> None:
        """Of sixty-four that bring a key, one is the first; after its time it is new again."""
        found = await asyncio.gather(*(store.once("k", NOW + 9, NOW) for _ in range(64)))
        assert sum(found) == 1
        assert not await store.once("k", NOW + 99, NOW + 8)
        assert await store.once("k", NOW + 99, NOW + 9)
        assert not await store.once("k", NOW + 99, NOW + 10)

    async def test_the_figures_are_of_one_moment(self, store: Store) -> None:
        """They count what waits, since when, and what was given up."""
        await open_one(store, to(notice(N1), "a:1", "b:2"), NOW)
        await open_one(store, group(2, to(notice(N1), "b:2")), NOW + 5)
        figures = await store.figures()
        assert figures.waiting == {"a:1": 1, "b:2": 2}
        assert figures.oldest == {"a:1": NOW, "b:2": NOW}
        assert (figures.dead, figures.quarantined, figures.open_incidents) == (0, 0, 2)
        assert figures.size > 0
        await show(store, 1, NOW + 6)
        assert (await store.figures()).waiting == {"b:2": 2}
        assert [card.id for card in await store.cards(0)] == [2, 3]

    async def test_incidents_are_read_in_pages(self, store: Store) -> None:
        """The newest first, each page from where the one before ended."""
        for number in range(5):
            await open_one(store, group(number))
        assert [one.id for one in await store.incidents(0, 2)] == [5, 4]
        assert [one.id for one in await store.incidents(4, 9)] == [3, 2, 1]
        assert await store.snapshot(9) is None

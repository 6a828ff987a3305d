"""Cards are driven to the newest revision, whatever becomes of single calls."""

import asyncio
from dataclasses import replace

import pytest

from receiver.domain.action import ActionKind
from receiver.domain.card import (
    CREATE_HORIZON,
    SETTLE_AGAIN,
    Call,
    CardState,
    Rung,
)
from receiver.domain.outcome import Rejected, RejectReason, Retry, RetryReason
from receiver.domain.reason import CardReason
from receiver.domain.settle import UNKNOWN_PATIENCE
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, NOW, SECOND, alert, notice
from tests.domain.platform import Fault
from tests.store.made import click, group

N1, N2, N3 = alert("n1"), alert("n2"), alert("n3", severity="critical")
GONE1, GONE2 = alert("n1", firing=False), alert("n2", firing=False)
CONTENT = Rejected(RejectReason.CONTENT, "bad")


async def test_a_new_incident_becomes_one_card(desk: Desk) -> None:
    await desk.hear(notice(N1), mention=("li@example.com",))
    await desk.rest()
    (made,) = desk.chat.made
    assert (made.call, made.to, made.content["reason"]) == (Call.CREATE, "oc_1", "first")
    assert made.content["people"] == ["id-of-li@example.com"]
    card = await desk.card()
    assert (card.shown, card.wanted, card.called, card.message_id) == (1, 1, 1, "om_1")
    assert (card.due_at, card.in_flight, card.attempt) == (None, None, None)
    assert await desk.kinds() == ["first", "card_first"]
    told = {"channel": "feishu_app", "severity": "other"}
    assert desk.value("delivery_latency_seconds_count", **told) == 1
    await desk.advance(10 * MINUTE)
    assert len(desk.chat.made) == 1


async def test_a_life_is_a_create_and_patches_with_replies_for_what_matters(desk: Desk) -> None:
    for told in (notice(N1), notice(N1, N2), notice(GONE1, N2), notice(GONE2)):
        await desk.hear(told, mention=("li",))
        await desk.advance(MINUTE)
    assert desk.chat.story() == [
        ("create", "first"),
        ("patch", "new_alerts"),
        ("reply", "new_alerts"),
        ("patch", "some_resolved"),
        ("patch", "all_resolved"),
    ]
    assert [one.content["people"] for one in desk.chat.made[:3]] == [["id-of-li"], [], ["id-of-li"]]
    assert len(desk.chat.platform.of(Call.CREATE)) == 1


async def test_a_storm_is_a_few_calls(desk: Desk) -> None:
    desk.chat.gate = asyncio.Event()
    names = [f"m{number}" for number in range(100)]
    await desk.hear(notice(alert(names[0])))
    await desk.chat.arrived.wait()
    for name in names[1:]:
        await desk.hear(notice(alert(name)))
    desk.chat.gate.set()
    await desk.advance(SECOND)
    assert [one.call for one in desk.chat.made] == [Call.CREATE, Call.PATCH, Call.REPLY]
    assert desk.chat.made[1].content["firing"] == 100
    assert (await desk.card()).shown == 100


async def test_a_crash_before_the_outcome_is_kept_leaves_one_message(desk: Desk) -> None:
    desk.chat.gate = asyncio.Event()
    await desk.hear(notice(N1))
    await desk.chat.arrived.wait()  # the platform has it, and nobody knows
    await desk.hear(notice(N1, N2))
    await desk.crash()
    desk.chat.gate = None
    desk.clock.now += MINUTE
    await desk.start()
    await desk.advance(SECOND)
    (message,) = desk.chat.platform.of(Call.CREATE)
    created, patched = desk.chat.calls(Call.CREATE, Call.PATCH)
    assert (created.uuid, created.content["firing"]) == (message.uuid, 1)
    assert patched.content["firing"] == 2
    assert (await desk.card()).message_id == message.id


async def test_a_restart_forgets_no_window(desk: Desk) -> None:
    desk.chat.most, desk.chat.window = 2, 10_000
    desk.chat.gate = asyncio.Event()
    await desk.hear(notice(N3))
    await desk.chat.arrived.wait()
    await desk.crash()
    desk.chat.gate = None
    await desk.start()
    await desk.hear(group(2, notice(alert("n3", severity="critical"))))
    await desk.advance(9_000)
    assert len(desk.chat.made) == 1  # one more was made, and cut off: two in the window
    await desk.advance(2_000)
    assert len(desk.chat.made) == 2


async def test_an_ambiguous_create_is_repeated_exactly_until_its_outcome_is_known(
    desk: Desk,
) -> None:
    lost = [Fault.LOST_ANSWER, Fault.LOST_REQUEST, Fault.LIMITED, Fault.UNREACHABLE]
    desk.chat.turns.extend(lost)
    await desk.hear(notice(N1))
    await desk.rest()
    await desk.hear(notice(N1, N2))
    await desk.advance(MINUTE)
    created = desk.chat.calls(Call.CREATE)
    assert len(created) == 5
    assert {(one.uuid, str(one.content)) for one in created} == {
        (created[0].uuid, str(created[0].content))
    }
    assert len(desk.chat.platform.of(Call.CREATE)) == 1
    assert desk.chat.story()[5:] == [("patch", "new_alerts"), ("reply", "new_alerts")]


async def test_a_create_that_surely_failed_is_drawn_anew(desk: Desk) -> None:
    desk.chat.turns.append(Fault.UNREACHABLE)
    await desk.hear(notice(N1))
    await desk.rest()
    await desk.hear(notice(N1, N2))
    await desk.advance(MINUTE)
    first, second = desk.chat.calls(Call.CREATE)
    assert (first.content["firing"], second.content["firing"]) == (1, 2)


async def test_after_the_horizon_it_is_a_new_generation_and_counted(desk: Desk) -> None:
    desk.chat.turns.extend([Fault.LOST_REQUEST] * 5000)
    await desk.hear(notice(N1))
    await desk.advance(CREATE_HORIZON - MINUTE)
    first = {one.uuid for one in desk.chat.made}
    assert len(first) == 1
    await desk.advance(3 * MINUTE)
    assert len({one.uuid for one in desk.chat.made}) == 2
    desk.chat.turns.clear()
    await desk.advance(2 * MINUTE)
    assert (await desk.card()).generation == 2
    assert (await desk.kinds()).count("possible_duplicate") == 1
    assert desk.chat.made[-1].content["firing"] == 1


@pytest.mark.parametrize("changed", [True, False])
async def test_an_ambiguous_patch_is_made_again_half_a_minute_later(
    desk: Desk, *, changed: bool
) -> None:
    await desk.hear(notice(N1, N2))
    await desk.rest()
    desk.chat.turns.append(Fault.LOST_ANSWER)
    await desk.hear(notice(GONE1, N2))
    await desk.rest()
    lost_at = desk.chat.made[-1].ended
    if changed:
        await desk.hear(notice(N1, N2))
    await desk.advance(SETTLE_AGAIN - 2 * SECOND)
    assert len(desk.chat.calls(Call.PATCH)) == 1
    await desk.advance(3 * SECOND)
    again = desk.chat.calls(Call.PATCH)[-1]
    assert again.began - lost_at == pytest.approx(SETTLE_AGAIN, abs=50)
    assert again.content["firing"] == (2 if changed else 1)
    assert again.content["reason"] == ("new_alerts" if changed else "some_resolved")
    card = await desk.card()
    assert (card.shown, card.settle_at) == (card.wanted, None)


async def test_a_lost_reply_is_repeated_with_its_id(desk: Desk) -> None:
    await desk.hear(notice(N1))
    await desk.rest()
    desk.chat.turns.extend([Fault.NONE, Fault.LOST_ANSWER, Fault.LOST_ANSWER])
    await desk.hear(notice(N1, N2))
    await desk.advance(MINUTE)
    replies = desk.chat.calls(Call.REPLY)
    assert len(replies) == 3
    assert len({one.uuid for one in replies}) == 1
    assert len(desk.chat.platform.of(Call.REPLY)) == 1
    await desk.hear(notice(N1, N2, N3))
    await desk.advance(MINUTE)
    assert len(desk.chat.platform.of(Call.REPLY)) == 2


async def test_a_refused_card_goes_down_the_ladder(desk: Desk) -> None:
    desk.chat.turns.extend([CONTENT] * 3)
    await desk.hear(notice(N1))
    await desk.advance(SECOND)
    rungs = [one.content["rung"] for one in desk.chat.made]
    assert rungs == ["WHOLE", "FEWER", "MINIMAL", "TEXT"]
    assert len({one.uuid for one in desk.chat.made}) == 4
    assert (await desk.card()).shown == 1


async def test_a_refused_patch_ends_as_a_text_of_its_own(desk: Desk) -> None:
    await desk.hear(notice(N1, N2))
    await desk.rest()
    desk.chat.turns.extend([CONTENT] * 3)
    await desk.hear(notice(GONE1, N2))
    await desk.advance(SECOND)
    assert [(one.call, one.content["rung"]) for one in desk.chat.made[1:]] == [
        (Call.PATCH, "WHOLE"),
        (Call.PATCH, "FEWER"),
        (Call.PATCH, "MINIMAL"),
        (Call.CREATE, "TEXT"),
    ]
    card = await desk.card()
    assert (card.rung, card.generation, card.shown) == (Rung.TEXT, 2, card.wanted)


async def test_a_card_that_cannot_be_drawn_is_drawn_plainer(desk: Desk) -> None:
    desk.chat.undrawable = frozenset({Rung.WHOLE, Rung.FEWER})
    await desk.hear(notice(N1))
    await desk.advance(SECOND)
    assert [one.content["rung"] for one in desk.chat.made] == ["MINIMAL"]
    assert b"card cannot be drawn" in desk.log.getvalue()


async def test_a_refused_mention_is_dropped_and_the_card_sent_without(desk: Desk) -> None:
    desk.chat.turns.append(Rejected(RejectReason.MENTION, "no such person"))
    await desk.hear(notice(N1), mention=("li",))
    await desk.advance(SECOND)
    assert [one.content["people"] for one in desk.chat.made] == [["id-of-li"], []]
    assert len({one.uuid for one in desk.chat.made}) == 2


async def test_what_is_refused_for_good_is_a_dead_letter_and_can_be_replayed(desk: Desk) -> None:
    refused = Rejected(RejectReason.CONTENT, "bad")
    desk.chat.turns.extend([refused] * 4)
    await desk.hear(notice(N1))
    await desk.advance(MINUTE)
    (dead,) = await desk.store.dead_letters(9)
    assert dead.problem == "content: bad"
    assert len(desk.chat.made) == 4  # the whole ladder
    assert await desk.store.revive(dead.id, desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(SECOND)
    assert (await desk.card()).state is CardState.OPEN
    assert (await desk.card()).shown == 1
    assert await desk.kinds() == ["first", "dead_lettered", "replayed", "card_first"]


async def test_an_unknown_code_is_tried_for_ten_minutes(desk: Desk) -> None:
    desk.chat.turns.extend([Retry(RetryReason.UNKNOWN_CODE, 0, "code 4711")] * 500)
    await desk.hear(notice(N1))
    await desk.advance(UNKNOWN_PATIENCE - MINUTE)
    assert (await desk.card()).state is CardState.OPEN
    await desk.advance(3 * MINUTE)
    assert (await desk.card()).problem == "unknown_code: code 4711"
    desk.chat.turns.clear()
    await desk.hear(notice(N1, N2))
    await desk.advance(SECOND)
    created = desk.chat.calls(Call.CREATE)
    assert len({str(one.content) for one in created}) == 1  # it may have been accepted
    assert desk.chat.calls(Call.PATCH)[-1].content["firing"] == 2


async def test_a_target_that_is_gone_is_a_dead_letter_until_it_is_back(desk: Desk) -> None:
    del desk.channels["ops"]
    await desk.hear(notice(N1))
    await desk.advance(MINUTE)
    (dead,) = await desk.store.dead_letters(9)
    assert "no longer configured" in dead.problem
    assert desk.value("dead_letters_total", channel="other", reason="target") == 1
    ((title, text, _),) = desk.notes
    assert title == f"Dead letter: {CHAT}"
    assert "add it back and replay" in text
    desk.channels["ops"] = desk.chat
    await desk.store.revive(dead.id, desk.clock.now)
    await desk.advance(2 * SECOND)
    assert len(desk.chat.made) == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_an_outcome_is_kept_however_long_the_store_needs(desk: Desk, *, kept: bool) -> None:
    for outcome in (CONTENT, Fault.NONE):
        desk.lose["settle"] = (5, kept)
        desk.chat.turns.append(outcome)
        await desk.hear(notice(N1))
        await desk.advance(10 * SECOND)
    assert [one.content["rung"] for one in desk.chat.made] == ["WHOLE", "FEWER"]
    card = await desk.card()
    assert (card.shown, card.rung, card.generation) == (1, Rung.FEWER, 1)
    assert (await desk.kinds()).count("card_first") == 1


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("method", ["begin", "attempt", "due"])
async def test_a_store_that_fails_between_two_steps_delays_and_loses_nothing(
    desk: Desk, method: str, *, kept: bool
) -> None:
    desk.chat.most = 2
    for number in range(6):
        desk.lose[method] = (1, kept)
        await desk.hear(group(number, notice(alert(f"m{number}"))))
        await desk.advance(20 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 6
    assert (await desk.store.figures()).waiting == {}


async def test_a_channel_that_raises_is_tried_again(desk: Desk) -> None:
    desk.chat.turns.append(ZeroDivisionError("ours"))
    await desk.hear(notice(N1))
    await desk.advance(10 * SECOND)
    assert len(desk.chat.made) == 2
    assert (await desk.card()).shown == 1
    assert b"ZeroDivisionError" in desk.log.getvalue()


async def test_a_group_bot_is_posted_to_only_for_what_matters(desk: Desk) -> None:
    lives = (
        notice(N1, N2),
        notice(GONE1, N2),
        notice(N1, N2, N3),
        notice(GONE1, GONE2, alert("n3", firing=False, severity="critical")),
        notice(N1),
    )
    for told in lives:
        await desk.hear(told, BOT)
        await desk.advance(2 * MINUTE)
    await desk.store.act(click(ActionKind.ACKNOWLEDGE), desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * MINUTE)
    assert desk.bot.story() == [
        ("post", "first"),
        ("post", "severity_raised"),
        ("post", "all_resolved"),
        ("post", "reopened"),
    ]
    assert (await desk.kinds()).count("card_no_edit") == 2
    labels = {"channel": "feishu_bot", "reason": str(CardReason.NO_EDIT)}
    assert desk.value("delivery_decisions_total", **labels) == 2


async def test_an_ambiguous_post_is_repeated_and_counted(desk: Desk) -> None:
    desk.bot.turns.append(Fault.LOST_REQUEST)
    await desk.hear(notice(N1), BOT)
    await desk.advance(10 * SECOND)
    assert len(desk.bot.made) == 2
    assert desk.value("delivery_possible_duplicates_total", channel="feishu_bot") == 1


async def test_a_post_that_a_crash_cut_off_is_counted(desk: Desk) -> None:
    desk.bot.gate = asyncio.Event()
    await desk.hear(notice(N1), BOT)
    await desk.bot.arrived.wait()
    await desk.crash()
    desk.bot.gate = None
    await desk.start()
    await desk.advance(SECOND)
    assert desk.value("delivery_possible_duplicates_total", channel="feishu_bot") == 1
    assert "possible_duplicate" in await desk.kinds()


async def test_a_repeat_calls_people_only_while_nobody_owns_it(desk: Desk) -> None:
    await desk.hear(notice(N1))
    await desk.advance(2 * MINUTE)
    await desk.hear(notice(N1))
    await desk.advance(2 * MINUTE)
    assert [one.content["reason"] for one in desk.chat.calls(Call.REPLY)] == ["repeat"]
    await desk.store.act(click(ActionKind.ACKNOWLEDGE), desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * MINUTE)
    await desk.hear(notice(N1))
    await desk.advance(2 * MINUTE)
    assert len(desk.chat.calls(Call.REPLY)) == 1
    await desk.store.act(click(ActionKind.UNACKNOWLEDGE, "a2"), desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * MINUTE)
    assert len(desk.chat.calls(Call.REPLY)) == 1  # what came meanwhile is no news
    await desk.hear(notice(N1))
    await desk.advance(2 * MINUTE)
    assert len(desk.chat.calls(Call.REPLY)) == 2


async def test_edits_wait_for_the_answer_to_a_click(desk: Desk) -> None:
    await desk.hear(notice(N1))
    await desk.advance(MINUTE)
    clicked = desk.clock.now
    action = replace(click(ActionKind.ACKNOWLEDGE, card=1), generation=1)
    await desk.store.act(action, clicked)
    desk.dispatcher.wake()
    await desk.advance(5 * SECOND)
    (patched,) = desk.chat.calls(Call.PATCH)
    assert patched.began >= clicked + SECOND
    assert patched.content["reason"] == "acknowledged"


async def test_critical_comes_first_and_the_limit_is_kept(desk: Desk) -> None:
    desk.chat.most = 3
    desk.chat.turns.extend([Fault.NONE] * 2)
    for number in range(12):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.hear(group(99, notice(N3)))
    await desk.rest()
    early = {one.content["incident"] for one in desk.chat.made}
    assert 13 in early  # its share is free, however many wait
    await desk.advance(20 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 13
    starts = sorted(one.began for one in desk.chat.made)
    for start in starts:
        assert sum(start <= other < start + 1000 for other in starts) <= 3
    assert desk.value("limit_waits_total", channel="feishu_app", limit="chat") > 0


async def test_a_queue_of_mild_cards_does_not_hold_up_another_target(desk: Desk) -> None:
    desk.chat.most = 2
    for number in range(10):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.hear(group(99, notice(N3)), "ops:oc_2", BOT)
    await desk.rest()
    assert [one.to for one in desk.chat.made if one.content["incident"] == 11] == ["oc_2"]
    assert len(desk.bot.made) == 1


async def test_an_incident_that_nobody_could_be_shown_is_counted(desk: Desk) -> None:
    desk.chat.most, desk.chat.window = 2, 20_000
    await desk.hear(group(1, notice(alert("m1"))))
    await desk.rest()
    await desk.hear(group(2, notice(N1)))
    await desk.rest()
    await desk.hear(group(2, notice(GONE1)))
    await desk.advance(MINUTE)
    assert len(desk.chat.made) == 1
    assert desk.value("delivery_never_shown_total") == 1
    assert (await desk.kinds(2))[-1] == "card_never_shown"


async def test_a_recalled_card_is_replaced(desk: Desk) -> None:
    await desk.hear(notice(N1))
    await desk.rest()
    desk.chat.platform.recall(0)
    await desk.hear(notice(N1, N2))
    await desk.advance(SECOND)
    assert desk.chat.story()[:3] == [
        ("create", "first"),
        ("patch", "new_alerts"),
        ("create", "replaced"),
    ]
    card = await desk.card()
    assert (card.generation, card.message_id, card.shown) == (2, "om_2", 2)


async def test_stopping_finishes_the_calls_under_way(desk: Desk) -> None:
    desk.chat.gate = asyncio.Event()
    await desk.hear(notice(N1))
    await desk.chat.arrived.wait()
    desk.dispatcher.stop()
    assert (await desk.card()).in_flight is Call.CREATE
    desk.chat.gate.set()
    await asyncio.wait(desk.under_way())
    assert (await desk.card()).shown == 1
    assert desk.clock.now >= NOW
    assert CHAT.startswith("ops")

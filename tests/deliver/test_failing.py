"""What fails for a reason of its own is left alone, found out about, and delays nobody else."""

import asyncio
from typing import ClassVar

import pytest

from receiver.deliver.circuit import OUTAGE_MOST, TRIAL_FIRST
from receiver.deliver.watch import OUTAGE_TOLD
from receiver.domain.card import (
    Call,
    CardState,
)
from receiver.domain.outcome import Outcome, Rejected, RejectReason, Retry, RetryReason
from tests.deliver.chat import Chat
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, SECOND, alert, notice
from tests.domain.platform import Fault
from tests.store.made import group

N1, N2 = alert("n1"), alert("n2")
WORST = alert("n3", severity="critical")
OTHER = "ops:oc_2"
CURE = "add the bot to the chat"
NO_BOT = Rejected(RejectReason.TARGET, CURE)
CONTENT = Rejected(RejectReason.CONTENT, "bad card")
NO_APP = Rejected(RejectReason.CREDENTIALS, "check app_secret")
HOUR = 60 * MINUTE


def only(outcome: Outcome, *addresses: str) -> "type[Chat]":
    """Make an app whose calls to these chats have this outcome, until told otherwise."""

    class Failing(Chat):
        __slots__ = ()
        broken: ClassVar[set[str]] = set(addresses)

        async def send(self, address: str, content: str, uuid: str) -> Outcome:
            """Take a new message, but for the broken chats."""
            if address in self.broken:
                self.turns.appendleft(outcome)
            return await super().send(address, content, uuid)

    return Failing


def to(desk: Desk, address: str) -> int:
    """Count the calls to a chat."""
    return sum(one.to == address for one in desk.chat.made)


async def dead(desk: Desk) -> int:
    """Count the dead letters."""
    return len(await desk.store.dead_letters(1000))


async def test_a_chat_without_the_bot_is_asked_once_and_told_once(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    await desk.hear(group(0, notice(N1)))
    await desk.rest()
    for number in range(1, 20):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.advance(5 * SECOND)
    assert len(desk.chat.made) == 1
    assert await dead(desk) == 20
    assert desk.value("delivery_circuits", channel="ops", reason="target") == 1
    assert desk.value("dead_letters_total", channel="feishu_app", reason="target") == 20
    told = [cause for _, _, cause in desk.notes]
    assert told == [f"circuit:{CHAT}:target"]  # once, with the cure
    assert all(CURE in text for _, text, _ in desk.notes)
    assert desk.log.getvalue().count(b"circuit opened") == 1


async def test_when_the_trial_succeeds_all_that_was_given_up_is_sent(desk: Desk) -> None:
    desk.chat.turns.extend([NO_BOT, NO_BOT, NO_BOT])
    for number in range(12):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
        await desk.rest()
    first = desk.chat.made[0].ended
    await desk.advance(2 * MINUTE)
    tried = [one.began - first for one in desk.chat.made[1:4]]
    for at, after in zip(tried, (10, 30, 70), strict=True):
        assert after * SECOND <= at < (after + 2) * SECOND  # each pause is twice the last
    assert await dead(desk) == 0
    assert len(desk.chat.platform.of(Call.CREATE)) == 12
    assert desk.value("delivery_circuits", channel="ops", reason="target") == 0
    assert [cause for _, _, cause in desk.notes].count(f"circuit:{CHAT}:target") == 1


async def test_a_broken_chat_delays_no_other(desk: Desk) -> None:
    desk.chat.__class__ = only(NO_BOT, "oc_1")
    for number in range(200):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.hear(group(999, notice(N2)), OTHER, BOT)
    began = desk.clock.now
    await desk.advance(SECOND)
    assert to(desk, "oc_2") == 1
    assert desk.chat.made[-1].began - began <= 100
    assert len(desk.bot.made) == 1
    assert to(desk, "oc_1") <= 64 + 1
    await desk.advance(MINUTE)
    assert await dead(desk) == 200
    assert to(desk, "oc_1") <= 64 + 1 + 5


async def test_a_refused_app_is_left_alone_in_all_its_chats(desk: Desk) -> None:
    desk.chat.turns.append(NO_APP)
    await desk.hear(notice(N1))
    await desk.rest()
    await desk.hear(group(2, notice(WORST)), OTHER)
    await desk.hear(group(3), BOT)
    await desk.advance(SECOND)
    assert (len(desk.chat.made), len(desk.bot.made)) == (1, 1)
    assert desk.value("delivery_circuits", channel="ops", reason="credentials") == 1
    await desk.advance(TRIAL_FIRST)
    assert desk.chat.made[1].to == "oc_2"  # the most urgent finds out
    assert len(desk.chat.platform.of(Call.CREATE)) == 2


async def test_what_cannot_be_sent_goes_to_its_fallback_without_a_call(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    for number in range(5):
        await desk.hear(group(number, notice(alert(f"m{number}"))), fallback=BOT)
        await desk.rest()
    await desk.advance(5 * SECOND)
    assert len(desk.chat.made) == 1
    assert len(desk.bot.made) == 5
    assert await dead(desk) == 0
    assert desk.value("delivery_moved_total", channel="ops") == 5
    assert desk.value("dead_letters_total", channel="feishu_app", reason="target") == 0
    assert [cause for _, _, cause in desk.notes] == [f"circuit:{CHAT}:target"]
    # Nothing is left to try with, so a later card finds out.
    await desk.advance(30 * SECOND)
    await desk.hear(group(9, notice(alert("later"))), fallback=BOT)
    await desk.advance(SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 1
    assert desk.value("delivery_circuits", channel="ops", reason="target") == 0


async def test_the_operators_are_not_told_about_their_own_chat_in_it(desk: Desk) -> None:
    desk.operators = CHAT
    desk.chat.turns.append(NO_BOT)
    await desk.hear(notice(N1))
    await desk.advance(SECOND)
    assert desk.notes == []
    assert await dead(desk) == 1


async def test_a_dead_letter_names_its_incident_and_the_cure(desk: Desk) -> None:
    desk.chat.turns.extend([Rejected(RejectReason.CONTENT, "code 230099: bad card")] * 4)
    await desk.hear(notice(N1)._replace(title="Disk full"))
    await desk.advance(SECOND)
    ((title, text, cause),) = desk.notes
    assert (title, cause) == (f"Dead letter: {CHAT}", f"dead:{CHAT}:content")
    assert "Disk full" in text
    assert "code 230099: bad card" in text
    assert "receiver replay" in text


async def test_a_restart_tries_again_at_once_and_sends_what_was_given_up(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    for number in range(5):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
        await desk.rest()
    assert await dead(desk) == 5
    await desk.stop()
    await desk.start()
    await desk.advance(2 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 5
    assert desk.value("delivery_circuits", channel="ops", reason="target") == 0


@pytest.mark.parametrize("mended", [True, False])
async def test_after_a_restart_nothing_is_given_up_before_the_first_trial_has_ended(
    desk: Desk, *, mended: bool
) -> None:
    desk.chat.turns.append(NO_BOT)
    await desk.hear(group(0, notice(N1)))
    await desk.rest()
    await desk.stop()
    await desk.start()
    desk.chat.gate = gate = asyncio.Event()
    desk.chat.turns.extend([] if mended else [NO_BOT])
    desk.chat.arrived.clear()
    desk.clock.ring()
    await desk.chat.arrived.wait()  # the trial is under way
    await desk.hear(group(1, notice(WORST)), CHAT, fallback=BOT)
    hangs_until = desk.clock.now + 8 * SECOND
    while desk.clock.now < hangs_until:
        desk.clock.ring()
        await asyncio.sleep(0)
    meanwhile = len(desk.under_way()), (await desk.card(2)).state
    gate.set()
    assert meanwhile == (1, CardState.OPEN)
    await desk.advance(SECOND)
    assert len(desk.bot.made) == (0 if mended else 1)
    assert len(desk.chat.made) == 1 + (2 if mended else 1)
    assert (await desk.card(2)).state is (CardState.OPEN if mended else CardState.MOVED)


@pytest.mark.parametrize("outcome", [Retry(RetryReason.TIMEOUT), CONTENT])
async def test_a_first_trial_that_decides_nothing_gives_up_nothing(
    desk: Desk, outcome: Outcome
) -> None:
    desk.chat.turns.append(NO_BOT)
    await desk.hear(group(0, notice(N1)))
    await desk.rest()
    await desk.stop()
    await desk.start()
    desk.chat.turns.append(outcome)
    for number in range(1, 100):
        await desk.hear(group(number, notice(WORST)), CHAT, fallback=BOT)
    await desk.advance(10 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 100
    assert desk.bot.made == []


async def test_an_update_of_a_dead_letter_is_no_new_one(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    for firing in range(1, 9):
        await desk.hear(notice(*(alert(f"m{number}") for number in range(firing))))
        await desk.advance(100)
    assert await dead(desk) == 1
    assert desk.value("dead_letters_total", channel="feishu_app", reason="target") == 1
    await desk.stop()
    await desk.start()
    desk.chat.turns.append(NO_BOT)
    await desk.advance(SECOND)
    assert len(desk.chat.made) == 2
    assert desk.value("dead_letters_total", channel="feishu_app", reason="target") == 1
    await desk.advance(MINUTE)
    assert await dead(desk) == 0
    desk.chat.turns.append(NO_BOT)  # it was shown, and is given up again
    await desk.hear(notice(N1))
    await desk.advance(SECOND)
    assert desk.value("dead_letters_total", channel="feishu_app", reason="target") == 2


async def test_a_channel_that_is_configured_anew_is_tried_at_once(desk: Desk) -> None:
    desk.chat.turns.extend([NO_APP] * 9)
    await desk.hear(notice(N1))
    await desk.advance(8 * MINUTE)
    assert await dead(desk) == 1
    fresh = Chat(name="ops", kind="feishu_app", clock=lambda: desk.clock.now)
    desk.channels["ops"] = fresh
    await desk.advance(2 * SECOND)
    assert len(fresh.made) == 1
    del desk.channels["ops"]
    await desk.advance(2 * SECOND)
    assert desk.value("delivery_circuits", channel="ops", reason="credentials") == 0


async def test_a_card_that_is_sent_again_by_hand_is_tried_at_once(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    await desk.hear(notice(N1))
    await desk.advance(SECOND)
    (card,) = await desk.store.dead_letters(9)
    assert await desk.store.revive(card.id, desk.clock.now)
    desk.dispatcher.retry(CHAT)
    await desk.advance(SECOND)
    assert (await desk.card()).state is CardState.OPEN
    assert len(desk.chat.made) == 2


OUTAGES: list[Outcome] = [
    Retry(RetryReason.UNREACHABLE),
    Retry(RetryReason.TIMEOUT),
    Retry(RetryReason.CONNECTION_LOST),
    Retry(RetryReason.SERVER_ERROR),
    Retry(RetryReason.TOKEN),
]


@pytest.mark.parametrize("outcome", OUTAGES)
async def test_in_an_outage_one_card_finds_out_and_then_all_are_shown(
    desk: Desk, outcome: Outcome
) -> None:
    chats = [f"oc_{number}" for number in range(4)]
    desk.chat.__class__ = only(outcome, *chats)
    for number in range(60):
        told = notice(alert(f"m{number}"))
        await desk.hear(group(number, told), f"ops:{chats[number % 4]}")
    await desk.advance(10 * SECOND)
    assert desk.value("delivery_circuits", channel="ops", reason="outage") == 1
    before = len(desk.chat.made)
    for _ in range(9):
        await desk.advance(10 * SECOND)
    tried = desk.chat.made[before:]
    assert 90 * SECOND / OUTAGE_MOST <= len(tried) <= 90 * SECOND / (OUTAGE_MOST // 2) + 1
    assert await dead(desk) == 0
    desk.chat.broken.clear()  # type: ignore[attr-defined]
    back = desk.clock.now
    await desk.advance(OUTAGE_MOST + SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 60
    assert max(one.began for one in desk.chat.made) - back <= OUTAGE_MOST
    assert desk.value("delivery_circuits", channel="ops", reason="outage") == 0
    assert [cause for _, _, cause in desk.notes] == ["circuit:ops:outage"]
    assert (await desk.store.figures()).waiting == {}


async def test_a_short_outage_is_no_news_for_the_operators(desk: Desk) -> None:
    desk.chat.turns.extend([Fault.UNREACHABLE] * 6)
    await desk.hear(notice(N1))
    await desk.advance(OUTAGE_TOLD)
    assert desk.log.getvalue().count(b"circuit opened") == 1
    assert (await desk.card()).shown == 1
    assert desk.notes == []


async def test_calls_under_way_when_the_outage_ends_are_the_only_ones(desk: Desk) -> None:
    """While a trial hangs, nothing else is sent, however long it takes."""
    desk.chat.turns.extend([Retry(RetryReason.TIMEOUT)] * 3)
    for number in range(3):
        await desk.hear(group(number, notice(alert(f"m{number}"))), f"ops:oc_{number}")
    await desk.rest()
    assert desk.value("delivery_circuits", channel="ops", reason="outage") == 1
    desk.chat.gate = gate = asyncio.Event()
    before = len(desk.chat.made)
    for number in range(3, 30):
        await desk.hear(group(number, notice(WORST)), f"ops:oc_{number % 4}")
    while not desk.chat.platform.asked:
        desk.clock.ring()
        await asyncio.sleep(0)
    hangs_until = desk.clock.now + 20 * SECOND
    under_way = []
    while desk.clock.now < hangs_until:
        desk.clock.ring()
        await asyncio.sleep(0)
        under_way.append(len(desk.under_way()))
    asked, made = len(desk.chat.platform.asked), len(desk.chat.made)
    gate.set()
    assert (set(under_way), asked, made) == ({1}, 1, before)
    await desk.advance(SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 30


async def test_one_card_that_never_works_holds_up_no_other(desk: Desk) -> None:
    """Only its own content is the trouble, but nothing else was sent when it failed."""

    class Poisoned(Chat):
        __slots__ = ()

        async def send(self, address: str, content: str, uuid: str) -> Outcome:
            """Take a new message, but for the first incident's."""
            if '"incident": 1,' in content:
                self.turns.appendleft(Retry(RetryReason.SERVER_ERROR))
            return await super().send(address, content, uuid)

    desk.chat.__class__ = Poisoned
    await desk.hear(group(1, notice(WORST)))
    await desk.advance(MINUTE)
    assert desk.value("delivery_circuits", channel="ops", reason="outage") == 1
    for number in range(2, 30):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.advance(2 * OUTAGE_MOST)
    assert len(desk.chat.platform.of(Call.CREATE)) == 28


async def test_when_the_platform_takes_calls_again_nobody_sits_out_a_pause(desk: Desk) -> None:
    desk.chat.turns.extend([Retry(RetryReason.UNKNOWN_CODE)] * 8)
    await desk.hear(group(1, notice(N1)))
    while desk.chat.turns:
        await desk.advance(SECOND)
    desk.chat.turns.append(Retry(RetryReason.RATE_LIMITED))
    await desk.hear(group(2, notice(N2)))
    await desk.rest()
    card = await desk.card()
    assert (card.due_at or 0) > desk.clock.now + 10 * SECOND
    await desk.advance(2 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 2


async def test_a_clock_that_is_set_back_holds_up_nothing(desk: Desk) -> None:
    desk.chat.turns.extend([Retry(RetryReason.UNREACHABLE)] * 30)
    await desk.hear(group(1, notice(N1)))
    await desk.hear(group(2, notice(N2)), OTHER)
    while desk.chat.turns:
        await desk.advance(SECOND)
    desk.chat.turns.append(Retry(RetryReason.UNREACHABLE))
    await desk.advance(OUTAGE_MOST)
    desk.clock.now -= HOUR
    desk.clock.until = desk.clock.now
    await desk.hear(group(3, notice(WORST)), OTHER)
    await desk.advance(2 * OUTAGE_MOST)
    assert len(desk.chat.platform.of(Call.CREATE)) == 3
    assert desk.value("delivery_circuits", channel="ops", reason="outage") == 0


async def test_what_the_store_refuses_of_the_follow_up_is_done_later(desk: Desk) -> None:
    desk.chat.turns.append(NO_BOT)
    for number in range(3):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
        await desk.rest()
    desk.lose["revive_matching"] = (2, False)
    desk.lose["probe"] = (2, False)
    await desk.advance(MINUTE)
    assert len(desk.chat.platform.of(Call.CREATE)) == 3

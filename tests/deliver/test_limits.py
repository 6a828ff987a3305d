"""What a platform refuses is learned, and what is scarce is shared fairly among the chats."""

import asyncio
import json
from itertools import pairwise

import httpx
import pytest

from receiver.channels.base import Limit
from receiver.deliver.budget import BLOCK_FIRST
from receiver.deliver.dispatcher import RESCUE_EVERY
from receiver.domain.card import (
    CREATE_HORIZON,
    GENERATION_AGE,
    Call,
)
from receiver.domain.outcome import Retry, RetryReason
from receiver.openapi import LETTERS_MOST
from receiver.ops.client import OpsClient, Refused, replayed, table
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, SECOND, alert, notice
from tests.domain.platform import Fault
from tests.store.made import group

N1 = alert("n1")
WORST = alert("n3", severity="critical")
LIMITED = Retry(RetryReason.RATE_LIMITED)
OTHER = "ops:oc_2"
APP = Limit("app", 1_000, 1_000, "app_second")


def sent_to(desk: Desk, address: str) -> list[int]:
    """Return when calls to a chat began, in ms after the first of all."""
    return [one.began - desk.chat.made[0].began for one in desk.chat.made if one.to == address]


async def test_a_chat_that_is_refused_is_left_alone_and_the_others_go_on(desk: Desk) -> None:
    desk.chat.shared = (APP,)
    desk.chat.turns.append(LIMITED)
    await desk.hear(group(1))
    await desk.rest()
    for number in range(2, 6):
        await desk.hear(group(number, notice(WORST)))
    await desk.hear(group(6), OTHER)
    await desk.rest()
    assert sent_to(desk, "oc_1") == [0]
    assert len(sent_to(desk, "oc_2")) == 1
    await desk.advance(2 * SECOND)
    tried = sent_to(desk, "oc_1")
    assert len(tried) == 6
    assert min(tried[1:]) >= BLOCK_FIRST
    assert len(desk.chat.platform.of(Call.CREATE)) == 6


async def test_each_refusal_leaves_the_chat_alone_for_twice_as_long(desk: Desk) -> None:
    desk.chat.shared = (APP,)
    desk.chat.turns.extend([LIMITED] * 4)
    await desk.hear(group(1, notice(WORST)))
    await desk.advance(MINUTE)
    tried = sent_to(desk, "oc_1")
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert len(tried) == 5
    for number, gap in enumerate(gaps):
        assert gap >= 2**number * BLOCK_FIRST


async def test_an_app_that_is_refused_is_left_alone_in_all_chats(desk: Desk) -> None:
    desk.chat.shared = (APP,)
    desk.chat.turns.append(Retry(RetryReason.RATE_LIMITED, 7 * SECOND))
    await desk.hear(group(1))
    await desk.rest()
    await desk.hear(group(2, notice(WORST)), OTHER, BOT)
    await desk.advance(7 * SECOND - 50)
    assert len(desk.chat.made) == 1
    assert len(desk.bot.made) == 1  # another account
    await desk.advance(8 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 2


async def test_a_success_that_was_under_way_does_not_open_the_chat(desk: Desk) -> None:
    desk.chat.gate = asyncio.Event()
    desk.chat.turns.append(LIMITED)
    for number in range(2):
        await desk.hear(group(number))
        await desk.chat.arrived.wait()
        desk.chat.arrived.clear()
    desk.chat.gate.set()
    await desk.rest()
    refused, accepted = desk.chat.made
    assert len(desk.chat.platform.of(Call.CREATE)) == 1
    await desk.hear(group(3, notice(WORST)))
    await desk.advance(MINUTE)
    later = [one.began for one in desk.chat.made[2:]]
    assert len(later) == 2
    assert min(later) - max(refused.ended, accepted.ended) >= BLOCK_FIRST - 50


async def test_a_lone_card_is_not_starved_by_a_storm_in_other_chats(desk: Desk) -> None:
    desk.chat.shared = (Limit("app", 5, 1_000, "app_second"),)
    for number in range(200):
        told = notice(alert(f"m{number}"))
        await desk.hear(group(number, told), f"ops:oc_{number % 5}")
    await desk.rest()
    await desk.hear(group(999, notice(alert("lone"))), "ops:oc_lone")
    await desk.advance(15 * SECOND)
    assert len(sent_to(desk, "oc_lone")) == 1
    served = [len(sent_to(desk, f"oc_{number}")) for number in range(5)]
    assert sum(served) < 100  # the storm goes on
    assert min(served) >= 3


@pytest.mark.parametrize("kept", [True, False])
async def test_a_post_that_is_rescued_is_counted(desk: Desk, *, kept: bool) -> None:
    desk.lose["begin"] = (1, kept)
    await desk.hear(notice(N1), BOT)
    await desk.advance(3 * RESCUE_EVERY)
    assert len(desk.bot.made) == 1
    counted = desk.value("delivery_possible_duplicates_total", channel="feishu_bot")
    assert (counted, (await desk.kinds()).count("possible_duplicate")) == (kept, kept)


async def test_a_new_message_in_the_place_of_one_that_may_exist_is_counted(desk: Desk) -> None:
    desk.chat.turns.extend([Fault.LOST_REQUEST] * 5000)
    await desk.hear(notice(N1))
    await desk.advance(CREATE_HORIZON - MINUTE)
    app = {"channel": "feishu_app"}
    assert desk.value("delivery_possible_duplicates_total", **app) == 0
    await desk.advance(3 * MINUTE)
    assert (await desk.card()).generation == 2
    assert desk.value("delivery_possible_duplicates_total", **app) == 1


async def test_a_replacement_of_what_is_known_to_be_old_is_not_counted(desk: Desk) -> None:
    await desk.hear(notice(N1))
    await desk.rest()
    desk.clock.now += GENERATION_AGE
    assert await desk.store.age(desk.clock.now - GENERATION_AGE, desk.clock.now) == 1
    desk.dispatcher.wake()
    await desk.advance(2 * SECOND)
    assert desk.chat.story() == [("create", "first"), ("create", "replaced")]
    card = await desk.card(target=CHAT)
    assert (card.generation, card.message_id) == (2, "om_2")
    replaced = {"channel": "feishu_app", "reason": "replaced"}
    assert desk.value("delivery_decisions_total", **replaced) == 2  # to replace, and to create
    assert desk.value("delivery_possible_duplicates_total", channel="feishu_app") == 0


async def test_a_clock_that_was_set_back_before_a_restart_stops_no_chat(desk: Desk) -> None:
    desk.chat.most, desk.chat.window = 5, MINUTE
    for number in range(5):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    await desk.advance(MINUTE)
    await desk.stop()
    desk.clock.now -= 60 * MINUTE
    desk.clock.ahead -= 60 * MINUTE
    desk.clock.until = desk.clock.now
    await desk.start()
    await desk.hear(group(9, notice(WORST)))
    await desk.advance(MINUTE + SECOND)
    assert len(desk.chat.made) == 6


def dead_letters(target: str, count: int) -> bytes:
    """Tell so many dead letters of one target as the API does."""
    letter = {"incident": 1, "target": target, "since": 0, "reason": "target"}
    return json.dumps({"dead_letters": [{"id": one, **letter} for one in range(count)]}).encode()


@pytest.mark.parametrize("count", [LETTERS_MOST, LETTERS_MOST - 1])
def test_more_dead_letters_than_are_listed_are_not_passed_over_in_silence(count: int) -> None:
    content = dead_letters(CHAT, count)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    with OpsClient("http://ops", "", transport) as client:
        found = client.dead_letters(CHAT)
        sent = list(replayed(client, [found[0].id]))
        told = "newest 5000" in table(found)[-1], any("again for older" in said for said, _ in sent)
        assert (told, all(good for _, good in sent)) == (
            ((True, True), False) if count == LETTERS_MOST else ((False, False), True)
        )
        if count == LETTERS_MOST:
            with pytest.raises(Refused, match="none is of legacy"):
                client.dead_letters("legacy")
        else:
            assert client.dead_letters("legacy") == []

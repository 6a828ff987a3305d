"""People: mentions become ids, names come from chats, and neither holds anything up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from receiver.channels.feishu.api import Api
from receiver.channels.feishu.http import Timeouts
from receiver.channels.feishu.names import Names
from receiver.channels.feishu.people import People
from tests.channels.feishu.parts import CHAT, Scene, scene

MINUTE = 60_000
HOUR = 60 * MINUTE
LI = "ou_li"


@asynccontextmanager
async def people(scene: Scene, budget: float = 2.0) -> AsyncIterator[People]:
    api = Api(scene.account, scene.parts.ports, scene.parts.observe_token)
    found = People(api, scene.parts.ports, budget)
    try:
        yield found
    finally:
        await found.close()
        await api.close()


@asynccontextmanager
async def names(scene: Scene, budget: float = 2.0, most: int = 1_000) -> AsyncIterator[Names]:
    api = Api(scene.account, scene.parts.ports, scene.parts.observe_token)
    found = Names(api, scene.parts.ports, budget, most)
    try:
        yield found
    finally:
        await found.close()
        await api.close()


def dropped(scene: Scene) -> list[str]:
    lines = [json.loads(line) for line in scene.parts.log.splitlines()]
    return [line["mention"] for line in lines if "mention" in line]


async def test_mentions_become_ids_in_order_and_once() -> None:
    async with scene() as here, people(here) as known:
        mention = ["all", "han@example.com", "ou_x", LI, "li@example.com", "han@example.com"]
        assert await known.resolve(mention) == ("all", "ou_han", "ou_x", LI)
        assert here.calls("batch_get_id") == 1
        assert dropped(here) == []


@pytest.mark.parametrize(
    "odd", ["ou_", "ou_x></at><at id=all>", "on_union", "ALL", "", "everyone", "nobody@example.com"]
)
async def test_an_unknown_mention_is_dropped_with_a_log_line(odd: str) -> None:
    async with scene() as here, people(here) as known:
        assert await known.resolve([odd, LI]) == (LI,)
        assert [odd] == dropped(here)


async def test_ids_need_no_call() -> None:
    async with scene() as here, people(here) as known:
        assert await known.resolve(("all", LI)) == ("all", LI)
        assert here.sandbox.state.calls == []


async def test_a_found_person_is_kept_for_a_day() -> None:
    async with scene() as here, people(here) as known:
        for wait, calls in ((0, 1), (24 * HOUR - 1, 1), (1, 2)):
            here.clock.advance(wait)
            assert await known.resolve(["li@example.com"]) == (LI,)
            assert calls == here.calls("batch_get_id")


async def test_a_missing_person_is_asked_for_again_after_ten_minutes() -> None:
    async with scene() as here, people(here) as known:
        for wait, calls in ((0, 1), (10 * MINUTE - 1, 1)):
            here.clock.advance(wait)
            assert await known.resolve(["new@example.com"]) == ()
            assert calls == here.calls("batch_get_id")
        here.sandbox.state.add_user("新人", "new@example.com", open_id="ou_new")
        here.clock.advance(1)
        assert await known.resolve(["new@example.com"]) == ("ou_new",)


async def test_many_askers_share_one_call() -> None:
    async with scene() as here, people(here) as known:
        found = await asyncio.gather(*(known.resolve(["li@example.com"]) for _ in range(20)))
        assert {(LI,)} == set(found)
        assert here.calls("batch_get_id") == 1


async def test_more_people_than_a_call_may_name_take_two() -> None:
    async with scene() as here, people(here) as known:
        for number in range(51):
            here.sandbox.state.add_user(f"p{number}", f"p{number}@x.com", open_id=f"ou_p{number}")
        wanted = [f"p{number}@x.com" for number in range(51)]
        assert len(await known.resolve(wanted)) == 51
        assert here.calls("batch_get_id") == 2


@pytest.mark.parametrize("kind", ["hang", "reset", "html", "json"])
async def test_trouble_drops_the_mention_and_is_remembered_for_a_minute(kind: str) -> None:
    async with scene(timeouts=Timeouts(total=1.0)) as here, people(here) as known:
        here.sandbox.state.fault("batch_get_id", kind)
        assert await known.resolve(["li@example.com"]) == ()
        here.clock.advance(MINUTE - 1)
        assert await known.resolve(["li@example.com"]) == ()
        here.clock.advance(1)
        assert await known.resolve(["li@example.com"]) == (LI,)


async def test_what_was_known_outlives_trouble() -> None:
    async with scene() as here, people(here) as known:
        await known.resolve(["li@example.com"])
        here.clock.advance(24 * HOUR)
        here.sandbox.state.fault("batch_get_id", "html")
        assert await known.resolve(["li@example.com"]) == (LI,)


async def test_a_slow_answer_serves_the_next_card() -> None:
    async with scene() as here, people(here, budget=0.05) as known:
        here.sandbox.state.fault("batch_get_id", "latency", ms=5_000)
        assert await known.resolve(["li@example.com"]) == ()
        while asking := set(known._asking.values()):  # noqa: SLF001 - what runs behind
            here.clock.advance(5_000)
            await asyncio.wait(asking, timeout=0.05)
        assert await known.resolve(["li@example.com"]) == (LI,)
        assert here.calls("batch_get_id") == 1


async def test_closing_ends_what_hangs() -> None:
    async with scene() as here, people(here, budget=1.0) as known:
        here.sandbox.state.fault("batch_get_id", "hang")
        assert await known.resolve(["li@example.com"]) == ()
        await known.close()
        assert await known.resolve(["li@example.com"]) == (LI,)


async def test_only_so_many_names_are_kept() -> None:
    async with scene() as here, names(here, most=2) as known:
        assert await known.find("ou_priya", CHAT) == "Priya Nair"
        assert (known.known(LI), known.known("ou_bob")) == ("", "Bob Smith")


async def test_names_come_from_the_chats_members() -> None:
    async with scene() as here, names(here) as known:
        assert known.known(LI) == ""
        assert await known.find(LI, CHAT) == "李雷"
        assert known.known("ou_han") == "韩梅梅"
        assert await known.find("ou_nobody", CHAT) == ""
        assert here.calls("members") == 1


async def test_names_are_read_page_by_page() -> None:
    async with scene() as here, names(here) as known:
        chat = here.sandbox.state.chats[CHAT]
        chat.members += [
            here.sandbox.state.add_user(f"p{number}", open_id=f"ou_p{number}").open_id
            for number in range(230)
        ]
        assert await known.find("ou_p229", CHAT) == "p229"
        assert here.calls("members") == 3


async def test_a_chat_is_read_again_after_an_hour() -> None:
    async with scene() as here, names(here) as known:
        await known.find(LI, CHAT)
        here.sandbox.state.users[LI].name = "李磊"
        here.clock.advance(HOUR - 1)
        known.prefetch(CHAT)
        assert await known.find(LI, CHAT) == "李雷"
        here.clock.advance(1)
        known.prefetch(CHAT)
        await known._flights.wait(CHAT, 10)  # noqa: SLF001 - what runs behind
        assert known.known(LI) == "李磊"


async def test_trouble_leaves_a_name_empty_for_a_minute() -> None:
    async with scene() as here, names(here) as known:
        here.sandbox.state.fault("members", "html")
        for _ in range(3):
            assert await known.find(LI, CHAT) == ""
        assert here.calls("members") == 1
        here.clock.advance(MINUTE)
        assert await known.find(LI, CHAT) == "李雷"


async def test_nobody_waits_long_for_a_name() -> None:
    async with scene() as here, names(here, budget=0.05) as known:
        here.sandbox.state.fault("members", "hang")
        assert await known.find(LI, CHAT) == ""


async def test_no_chat_means_no_name() -> None:
    async with scene() as here, names(here) as known:
        assert await known.find(LI, "") == ""
        known.prefetch("")
        assert here.sandbox.state.calls == []


async def test_a_name_is_of_bounded_length() -> None:
    async with scene() as here, names(here) as known:
        here.sandbox.state.users[LI].name = "x" * 10_000
        assert len(await known.find(LI, CHAT)) == 100


async def test_whose_an_address_is_is_known_once_it_was_learned() -> None:
    async with scene() as here, people(here) as known:
        assert known.known("li@example.com") is None
        await known.learn(["li@example.com", "nobody@example.com"])
        assert known.known("li@example.com") == LI
        assert known.known("nobody@example.com") == ""
        assert here.calls("batch_get_id") == 1
        told = [json.loads(line).get("mail") for line in here.parts.log.splitlines()]
        assert [mail for mail in told if mail] == ["nobody@example.com"]


async def test_trouble_leaves_it_open_whose_an_address_is_until_there_is_an_answer() -> None:
    async with scene() as here, people(here) as known:
        here.sandbox.state.fault("batch_get_id", "html")
        await known.learn(["li@example.com"])
        assert known.known("li@example.com") is None
        here.clock.advance(MINUTE)
        await known.learn(["li@example.com"])
        assert known.known("li@example.com") == LI
        here.clock.advance(24 * HOUR)
        here.sandbox.state.fault("batch_get_id", "html")
        await known.learn(["li@example.com"])
        assert known.known("li@example.com") == LI

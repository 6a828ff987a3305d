"""Cards when Feishu is away, slow, full, or does not say what it did."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.stage import PRODUCTION, Json, Stage, alert, gated, stage, words

LIMITED = 99991400  # "request trigger frequency limit"
BAD_TOKEN = 99991663
CHAT_LIMITED = 230020
REFUSED_CARD = 230099
RESET_MS = 2_000


@pytest.mark.parametrize("code", [LIMITED, CHAT_LIMITED])
async def test_a_rate_limit_is_waited_for(tmp_path: Path, code: int) -> None:
    async with stage(tmp_path) as at:
        at.desk.fault("create", "code", code=code, ms=RESET_MS)
        await at.fire(alert())
        await at.message()
        first, second = [call for call in at.desk.calls if call.call == "create"]
        assert first.code == code
        assert second.code == 0
        if code == LIMITED:
            assert second.at - first.at >= RESET_MS


TROUBLE: list[Json] = [
    {"kind": "json"},
    {"kind": "json", "after": True},
    {"kind": "html"},
    {"kind": "html", "after": True},
    {"kind": "reset"},
    {"kind": "reset", "after": True},
    {"kind": "too_many"},
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda one: "-".join(map(str, one.values())))
async def test_there_is_one_card_whatever_feishu_answers(tmp_path: Path, trouble: Json) -> None:
    async with stage(tmp_path) as at:
        at.desk.fault("create", **trouble)
        await at.fire(alert(instance="db-1"))
        await at.until(lambda: at.calls("create")[-1:] == [0] and len(at.calls("create")) == 2)
        [card] = at.messages()
        await at.quiet()
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        await at.shows(card, "2 firing")
        reply = await at.message(number=2)
        assert reply.root_id == card.message_id


@pytest.mark.parametrize(
    ("times", "kind", "marks"),
    [
        (1, "interactive", ("1 firing",)),
        (2, "interactive", ("This card is shortened", "1 firing")),
        (3, "text", ("[critical] HighLoad",)),
    ],
)
async def test_a_refused_card_comes_plainer(
    tmp_path: Path, times: int, kind: str, marks: tuple[str, ...]
) -> None:
    async with stage(tmp_path) as at:
        at.desk.fault("create", "code", code=REFUSED_CARD, times=times)
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        assert card.msg_type == kind
        said = words(card)
        assert all(mark in said for mark in marks), said
        assert at.calls("create") == [REFUSED_CARD] * times + [0]
        assert (await at.incident(1))["cards"][0]["rung"] == ["", "fewer", "minimal", "text"][times]


async def test_a_card_that_feishu_never_takes_is_a_dead_letter_and_can_be_sent_again(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as at:
        at.desk.remove_bot(PRODUCTION, at.app.app_id)
        await at.fire(alert())
        letters = await at.when(partial(_dead_letters, at))
        assert "230002" in letters[0]["problem"]
        at.desk.chats[PRODUCTION].apps.add(at.app.app_id)
        url = f"{at.receiver.ops_url}/api/v1/dead-letters/{letters[0]['id']}/replay"
        (await at.http.post(url)).raise_for_status()
        await at.message()
        assert await _dead_letters(at) == []


async def _dead_letters(at: Stage) -> list[Json]:
    answer = await at.http.get(f"{at.receiver.ops_url}/api/v1/dead-letters")
    found: list[Json] = answer.json()["dead_letters"]
    return found


async def test_feishu_may_come_up_after_the_receiver(tmp_path: Path) -> None:
    async with gated(tmp_path, shut=True) as (at, door):
        assert await at.fire(alert(instance="db-1")) == "first"
        assert await at.fire(alert(instance="db-1"), alert(instance="db-2")) == "new_alerts"
        assert (await at.http.get(f"{at.receiver.ops_url}/-/ready")).status_code == 200
        assert at.messages() == []
        await door.open()
        card = await at.message()
        await at.shows(card, "2 firing")
        await at.quiet()
        assert len([one for one in at.messages() if one.root_id is None]) == 1


async def test_a_token_that_ends_before_its_time_is_fetched_once_more(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        await at.fire(alert("First"))
        await at.message()
        at.desk.revoke_tokens(at.app.app_id)
        await at.fire(alert("Second"))
        await at.message(number=2)
        assert at.calls("create") == [0, BAD_TOKEN, 0]
        assert at.calls("token") == [0, 0]


async def test_a_storm_of_incidents_meets_no_limit_and_the_critical_one_goes_first(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as at:
        at.desk.turn(refused_calls_count=True)
        warnings = [alert(f"Warning{number}", severity="warning") for number in range(12)]
        await asyncio.gather(*(at.fire(one) for one in warnings))
        await at.fire(alert("Outage"))
        await at.until(lambda: len(at.messages()) == 13)
        assert set(at.calls("create")) == {0}
        order = [one.content["header"]["title"]["content"] for one in at.messages()]
        assert order.index("Outage") < 9, order

"""Urgent notices: whom they reach, and what they are refused for."""

from typing import Any

import httpx
import pytest

from tests.sandbox.driver import CHAT, MESSAGES, Lab, card, lab


async def buzz(here: Lab, message_id: str, *who: str, kind: str = "app") -> httpx.Response:
    path = f"{MESSAGES}/{message_id}/urgent_{kind}?user_id_type=open_id"
    return await here.bot.call("PATCH", path, json={"user_id_list": list(who)})


async def test_a_buzz_is_stored_with_the_people_it_reached() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        answer = await buzz(here, message_id, "ou_li", "ou_nobody", kind="phone")
        assert answer.json() == {
            "code": 0,
            "msg": "success",
            "data": {"invalid_user_id_list": ["ou_nobody"]},
        }
        (message,) = here.desk.messages(CHAT)
        (shown,) = message.as_json()["buzzes"]
        assert (shown["kind"], len(shown["people"])) == ("phone", 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 99992402),
        ({"user_id_list": []}, 99992402),
        ({"user_id_list": [1]}, 99992402),
        ({"user_id_list": [f"ou_{number}" for number in range(201)]}, 99992402),
        ({"user_id_list": ["ou_nobody"]}, 230001),
    ],
)
async def test_a_wrong_list_is_refused(body: dict[str, Any], code: int) -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        path = f"{MESSAGES}/{message_id}/urgent_sms?user_id_type=open_id"
        assert (await here.bot.call("PATCH", path, json=body)).json()["code"] == code


async def test_paid_notices_have_quotas_of_their_own() -> None:
    async with lab() as here:
        here.desk.turn(urgent_sms_quota=1, urgent_phone_quota=0)
        message_id = await here.bot.sent(card())
        codes = [
            (await buzz(here, message_id, "ou_li", kind=kind)).json()["code"]
            for kind in ("sms", "sms", "phone", "app", "app")
        ]
        assert codes == [0, 230024, 230024, 0, 0]


async def test_only_the_sender_may_and_only_where_the_group_lets_it() -> None:
    async with lab() as here:
        message_id = await here.bot.sent(card())
        (message,) = here.desk.messages(CHAT)
        message.sender_id = "cli_other"
        assert (await buzz(here, message_id, "ou_li")).json()["code"] == 230012
        message.sender_id = here.bot.app_id
        here.desk.chats[CHAT].urgent = False
        assert (await buzz(here, message_id, "ou_li")).json()["code"] == 230052

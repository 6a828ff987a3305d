"""What else an app is sent, and the update after a click's answer."""

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from receiver.sandbox.preset import VERIFICATION_TOKEN
from receiver.sandbox.state import Call
from tests.sandbox.driver import card, clickable

BUTTON = "/body/elements/1"


UPDATE = "/open-apis/interactive/v1/card/update"


async def test_after_the_answer_the_token_updates_twice_within_30_minutes() -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card())
        for _ in range(2):
            await here.desk.click(message_id, "ou_li", BUTTON)
        first, second = (got["event"]["token"] for got in server.got)
        for number in (1, 2):
            new = card({"tag": "markdown", "content": str(number)})
            body = {"token": first, "card": new}
            assert (await here.bot.call("POST", UPDATE, json=body)).json()["code"] == 0
            assert here.shown(message_id) == new
        body = {"token": first, "card": card()}
        assert (await here.bot.call("POST", UPDATE, json=body)).json()["code"] == 300040
        here.clock.advance(1_800_001)
        body = {"token": second, "card": card()}
        assert (await here.bot.call("POST", UPDATE, json=body)).json()["code"] == 300030


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"token": "c-x", "card": card()}, 300020),
        ({"card": card()}, 300020),
        ({"card": "x"}, 10002),
        ({"card": card({"tag": "note"})}, 11311),
        ({"card": {"elements": []}}, 200830),
        ({"card": card({"tag": "markdown", "content": "x" * 31_000})}, 230025),
        ([], 100030),
    ],
)
@pytest.mark.parametrize("http", [200, 400])
async def test_delayed_updates_that_are_refused(body: Any, code: int, http: int) -> None:
    async with clickable() as (here, server):
        here.desk.turn(delayed_update_http=http)
        await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        if isinstance(body, dict) and code != 300020:
            body = {"token": server.got[0]["event"]["token"], **body}
        answer = await here.bot.call("POST", UPDATE, json=body)
        assert (answer.status_code, answer.json()["code"]) == (http, code)


async def test_another_app_or_a_recalled_message_ends_a_delayed_update() -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card())
        await here.desk.click(message_id, "ou_li", BUTTON)
        body = {"token": server.got[0]["event"]["token"], "card": card()}
        here.desk.recall(message_id)
        assert (await here.bot.call("POST", UPDATE, json=body)).json()["code"] == 200000
        other = here.desk.add_app("another")
        here.bot.app_id, here.bot.secret = other.app_id, other.secret
        await here.bot.fetch_token()
        assert (await here.bot.call("POST", UPDATE, json=body)).json()["code"] == 200310


@pytest.mark.parametrize(("knob", "code"), [("revert", 0), ("300030", 300030)])
async def test_before_the_answer_a_delayed_update_has_no_effect(knob: str, code: int) -> None:
    codes: list[int] = []
    async with clickable() as (here, server):
        here.desk.turn(early_update=knob)
        message_id = await here.bot.sent(card())

        async def early(got: dict[str, Any]) -> Response:
            new = card({"tag": "markdown", "content": "early"})
            body = {"token": got["event"]["token"], "card": new}
            codes.append((await here.bot.call("POST", UPDATE, json=body)).json()["code"])
            return JSONResponse({})

        server.answer = early
        await here.desk.click(message_id, "ou_li", BUTTON)
        assert codes == [code]
        assert here.shown(message_id) == card()


async def test_an_address_is_saved_only_if_it_answers_the_challenge() -> None:
    async def answer(got: dict[str, Any]) -> Response:
        return JSONResponse({"challenge": got["challenge"]})

    async with clickable() as (here, server):
        app_id, url = here.bot.app_id, f"{server.url}?"
        error = await here.desk.set_callback_url(app_id, url)
        assert error == "the answer does not repeat the challenge"
        assert here.team.app.callback_url == server.url
        server.answer = answer
        assert await here.desk.set_callback_url(app_id, url) is None
        assert here.team.app.callback_url == url
        assert server.got[0]["type"] == "url_verification"
        assert server.got[0]["token"] == VERIFICATION_TOKEN
        assert "x-lark-signature" not in server.requests[0].headers


async def test_a_message_in_a_chat_is_pushed_to_its_apps() -> None:
    async with clickable() as (here, server):
        root = await here.bot.sent(card())
        words = f'<at user_id="{here.team.app.bot_open_id}">bot</at> silence 2h'
        said = here.desk.say("oc_production_alerts", "ou_li", words, reply_to=root)
        await here.desk.until(lambda: server.got)
        got = server.got[0]
        assert got["header"]["event_type"] == "im.message.receive_v1"
        assert got["header"]["create_time"] == "1700000000000"
        message = got["event"]["message"]
        assert message["message_id"] == said.message_id
        assert (message["root_id"], message["parent_id"]) == (root, root)
        assert json.loads(message["content"]) == {"text": "@_user_1 silence 2h"}
        assert message["mentions"][0]["mentioned_type"] == "bot"
        assert got["event"]["sender"]["sender_id"]["open_id"] == "ou_li"


async def test_an_event_is_retried_four_times_and_a_callback_never() -> None:
    async def failing(_: dict[str, Any]) -> Response:
        return JSONResponse({}, 500)

    async with clickable() as (here, server):
        server.answer = failing
        await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        here.clock.advance(3_600_000)
        here.desk.say("oc_production_alerts", "ou_li", "hello")

        def pushes() -> list[Call]:
            return [call for call in here.desk.calls if call.call == "im.message.receive_v1"]

        start = here.clock.now()
        for tries, delay in enumerate((15_000, 300_000, 3_600_000, 21_600_000), 1):
            await here.desk.until(lambda tries=tries: len(pushes()) == tries)  # type: ignore[misc]
            here.clock.advance(delay)
        await here.desk.until(lambda: len(pushes()) == 5)
        here.clock.advance(100_000_000)
        assert [call.at - start for call in pushes()] == [0, 15_000, 315_000, 3_915_000, 25_515_000]
        kinds = [got["header"]["event_type"] for got in server.got]
        assert kinds.count("card.action.trigger") == 1
        assert len({got["header"]["event_id"] for got in server.got[1:]}) == 1


async def test_the_same_event_may_come_twice() -> None:
    async with clickable() as (here, server):
        here.desk.turn(event_copies=2)
        said = here.desk.say("oc_production_alerts", "ou_li", "hello")
        await here.desk.until(lambda: len(server.got) == 2)
        assert {got["event"]["message"]["message_id"] for got in server.got} == {said.message_id}
        assert len({got["header"]["event_id"] for got in server.got}) == 2


async def test_a_callbacks_clock_may_be_wrong() -> None:
    async with clickable() as (here, server):
        here.desk.turn(callback_skew_s=-3_601)
        await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert server.requests[0].headers["x-lark-request-timestamp"] == "1699996399"

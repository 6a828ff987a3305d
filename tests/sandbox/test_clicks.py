"""Clicks: built from the stored card, signed, answered in time, judged and applied."""

import asyncio
import json
from hashlib import sha256
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from receiver.sandbox.component import Impossible
from receiver.sandbox.preset import ENCRYPT_KEY, VERIFICATION_TOKEN
from tests.sandbox.driver import MESSAGES, button, callbacks, card, clickable, lab

BUTTON = "/body/elements/1"
TOAST = {"type": "success", "content": "已认领"}


async def test_the_callback_carries_what_the_stored_card_says() -> None:
    async with clickable({"toast": TOAST}) as (here, server):
        message_id = await here.bot.sent(card())
        clicked = await here.desk.click(message_id, "ou_li", BUTTON)
        assert (clicked.code, clicked.http, clicked.toast) == (0, 200, TOAST)
        assert not clicked.card_replaced
        (got,) = server.got
        header, event = got["header"], got["event"]
        assert got["schema"] == "2.0"
        assert header["event_type"] == "card.action.trigger"
        assert header["token"] == VERIFICATION_TOKEN
        assert header["app_id"] == here.bot.app_id
        assert header["create_time"] == "1700000000000000"
        assert event["operator"]["open_id"] == "ou_li"
        assert event["operator"]["union_id"] == here.team.users[0].union_id
        assert event["token"].startswith("c-")
        assert event["action"] == {"tag": "button", "value": {"a": "ack"}}
        assert event["host"] == "im_message"
        assert event["context"] == {
            "open_message_id": message_id,
            "open_chat_id": "oc_production_alerts",
        }


async def test_the_raw_body_is_signed() -> None:
    async with clickable() as (here, server):
        await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        headers, raw = server.requests[0].headers, server.raw[0]
        timestamp = headers["x-lark-request-timestamp"]
        nonce = headers["x-lark-request-nonce"]
        assert timestamp == "1700000000"
        expected = sha256(f"{timestamp}{nonce}{ENCRYPT_KEY}".encode() + raw).hexdigest()
        assert headers["x-lark-signature"] == expected
        assert list(json.loads(raw)) == ["encrypt"]


async def test_without_an_encrypt_key_nothing_is_signed_or_encrypted() -> None:
    async def answer(_: dict[str, Any]) -> Response:
        return JSONResponse({})

    async with lab() as here, callbacks(answer) as server:
        here.team.app.callback_url, here.team.app.encrypt_key = server.url, ""
        await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert "x-lark-signature" not in server.requests[0].headers
        assert server.got[0]["event"]["action"]["tag"] == "button"


async def test_a_returned_card_replaces_the_stored_one() -> None:
    new = card({"tag": "markdown", "content": "acked"})
    async with clickable({"card": {"type": "raw", "data": new}}) as (here, _):
        message_id = await here.bot.sent(card())
        clicked = await here.desk.click(message_id, "ou_li", BUTTON)
        assert clicked.card_replaced
        assert here.shown(message_id) == new
        with pytest.raises(Impossible, match="leads nowhere"):
            await here.desk.click(message_id, "ou_li", BUTTON)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], 200672),
        ("x", 200672),
        ({"toast": "x"}, 200672),
        ({"toast": {"type": "loud", "content": "x"}}, 200672),
        ({"toast": {"type": "info"}}, 200672),
        ({"card": "x"}, 200673),
        ({"card": {"data": {}}}, 200673),
        ({"card": {"type": "raw", "data": []}}, 200673),
        ({"card": {"type": "raw", "data": card({"tag": "note"})}}, 200673),
        ({"card": {"type": "raw", "data": card({"tag": "markdown", "content": "x" * 31_000})}}, 200673),  # noqa: E501
        ({"card": {"type": "template", "data": {"template_id": "x"}}}, 200673),
        ({"card": {"type": "raw", "data": {"elements": []}}}, 200830),
    ],
)  # fmt: skip
async def test_answers_that_the_client_shows_as_errors(document: object, code: int) -> None:
    async with clickable(document) as (here, _):
        message_id = await here.bot.sent(card())
        clicked = await here.desk.click(message_id, "ou_li", BUTTON)
        assert (clicked.code, clicked.http) == (code, 200)
        assert clicked.error
        assert clicked.toast is None
        assert here.shown(message_id) == card()


@pytest.mark.parametrize(
    "document", [{}, {"toast": None, "card": None}, {"toast": {"i18n": {"zh_cn": "好"}}}]
)
async def test_answers_that_are_fine(document: object) -> None:
    async with clickable(document) as (here, _):
        clicked = await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert (clicked.code, clicked.error) == (0, None)


@pytest.mark.parametrize("status", [201, 204, 400, 500])
async def test_only_http_200_counts(status: int) -> None:
    async with clickable({"toast": TOAST} if status != 204 else None, status) as (here, server):
        if status == 204:
            server.answer = _empty
        clicked = await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert (clicked.code, clicked.http, clicked.toast) == (200671, status, None)


async def _empty(_: dict[str, Any]) -> Response:
    return Response(status_code=204)


async def test_a_redirect_is_not_followed() -> None:
    async with clickable() as (here, server):

        async def elsewhere(_: dict[str, Any]) -> Response:
            return RedirectResponse(server.url)

        server.answer = elsewhere
        clicked = await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert (clicked.code, len(server.got)) == (200671, 1)


async def test_an_answer_that_is_no_json() -> None:
    async def answer(_: dict[str, Any]) -> Response:
        return PlainTextResponse("ok")

    async with clickable() as (here, server):
        server.answer = answer
        clicked = await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert clicked.code == 200672


async def test_after_three_seconds_nobody_waits_any_more() -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def slow(_: dict[str, Any]) -> Response:
        asked.set()
        await released.wait()
        return JSONResponse({"toast": TOAST})

    async with clickable() as (here, server):
        server.answer = slow
        message_id = await here.bot.sent(card())
        click = asyncio.ensure_future(here.desk.click(message_id, "ou_li", BUTTON))
        await asked.wait()
        here.clock.advance(2_999)
        await asyncio.sleep(0)
        assert not click.done()
        here.clock.advance(1)
        clicked = await click
        assert (clicked.code, clicked.http, clicked.latency_ms) == (200341, None, 3_000)
        assert len(server.got) == 1
        released.set()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", 200340),
        ("not a url", 200345),
        ("ftp://127.0.0.1/", 200345),
        ("http://127.0.0.1:1/", 200342),
        ("http://nobody.invalid/", 200343),
    ],
)
async def test_addresses_that_cannot_be_called(url: str, code: int) -> None:
    async with lab() as here:
        here.team.app.callback_url = url
        clicked = await here.desk.click(await here.bot.sent(card()), "ou_li", BUTTON)
        assert (clicked.code, clicked.http) == (code, None)
        assert clicked.error


async def test_during_a_click_the_card_is_locked() -> None:
    codes: list[int] = []
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card())

        async def patching(_: dict[str, Any]) -> Response:
            assert here.desk.tenant.messages[message_id].as_json()["locked"]
            refused = await here.bot.patch(message_id, card())
            codes.append(refused.json()["code"])
            assert "ErrCode: 11310; ErrMsg: card action is lock" in refused.json()["msg"]
            return JSONResponse({})

        server.answer = patching
        await here.desk.click(message_id, "ou_li", BUTTON)
        codes.append((await here.bot.patch(message_id, card())).json()["code"])
        assert codes == [230099, 0]


async def test_a_card_can_be_clicked_for_14_days() -> None:
    async with clickable({"toast": TOAST}) as (here, _):
        message_id = await here.bot.sent(card())
        here.clock.advance(14 * 24 * 3_600_000)
        assert (await here.desk.click(message_id, "ou_li", BUTTON)).code == 0
        here.clock.advance(1)
        assert (await here.desk.click(message_id, "ou_li", BUTTON)).code == 300000


@pytest.mark.parametrize(
    ("pointer", "who", "why"),
    [
        ("/body/elements/0", "ou_li", "nothing to click"),
        ("/body/elements/9", "ou_li", "leads nowhere"),
        ("body", "ou_li", "must start with"),
        (BUTTON, "ou_nobody", "not in the chat"),
        ("/body/elements/2", "ou_li", "disabled"),
    ],
)
async def test_clicks_that_no_client_would_let_happen(pointer: str, who: str, why: str) -> None:
    async with clickable() as (here, server):
        document = card({"tag": "hr"}, button(), button(disabled=True))
        message_id = await here.bot.sent(document)
        with pytest.raises(Impossible, match=why):
            await here.desk.click(message_id, who, pointer)
        assert server.got == []


async def test_what_is_gone_cannot_be_clicked() -> None:
    async with clickable() as (here, _):
        message_id = await here.bot.sent(card())
        here.desk.recall(message_id)
        with pytest.raises(Impossible, match="gone"):
            await here.desk.click(message_id, "ou_li", BUTTON)
        text_id = await here.bot.sent({"text": "x"}, "text")
        with pytest.raises(Impossible, match="is no card"):
            await here.desk.click(text_id, "ou_li", BUTTON)


async def test_a_link_opens_and_calls_nobody_back() -> None:
    link = {"type": "open_url", "default_url": "https://a.example"}
    async with clickable({"toast": TOAST}) as (here, server):
        both = [link, {"type": "callback", "value": {"a": 1}}]
        message_id = await here.bot.sent(card(button(behaviors=[link]), button(behaviors=both)))
        clicked = await here.desk.click(message_id, "ou_li", "/body/elements/0")
        assert (clicked.open_url, clicked.http, server.got) == ("https://a.example", None, [])
        clicked = await here.desk.click(message_id, "ou_li", "/body/elements/1")
        assert (clicked.open_url, clicked.http) == ("https://a.example", 200)


async def test_the_message_shows_the_card_that_a_click_put_there() -> None:
    new = card({"tag": "markdown", "content": "acked"})
    async with clickable({"card": {"type": "raw", "data": new}}) as (here, _):
        message_id = await here.bot.sent(card())
        await here.desk.click(message_id, "ou_li", BUTTON)
        path = f"{MESSAGES}/{message_id}?card_msg_content_type=user_card_content"
        item = (await here.bot.call("GET", path)).json()["data"]["items"][0]
        assert item["updated"] is True
        assert json.loads(item["body"]["content"]) == new

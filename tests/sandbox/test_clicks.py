"""Clicks: built from the stored card, signed, answered in time, judged and applied."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from receiver.sandbox.component import Impossible
from receiver.sandbox.preset import ENCRYPT_KEY, VERIFICATION_TOKEN
from receiver.sandbox.state import Call
from tests.sandbox.driver import MESSAGES, Callbacks, Lab, button, callbacks, card, lab

BUTTON = "/body/elements/1"
TOAST = {"type": "success", "content": "已认领"}


def plain(content: str) -> dict[str, Any]:
    return {"tag": "plain_text", "content": content}


@asynccontextmanager
async def clickable(
    document: object = None, http: int = 200
) -> AsyncIterator[tuple[Lab, Callbacks]]:
    """Yield a lab whose app answers every callback with `document`."""

    async def answer(_: dict[str, Any]) -> Response:
        return JSONResponse({} if document is None else document, http)

    async with lab() as here, callbacks(answer, ENCRYPT_KEY) as server:
        here.team.app.callback_url = server.url
        yield here, server


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


def options(*values: str) -> list[dict[str, Any]]:
    return [{"text": plain(value), "value": value} for value in values]


CONTROLS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"tag": "select_static", "options": options("1h", "4h")}, {"option": "4h"}, {"option": "4h"}),
    ({"tag": "select_person"}, {"option": "ou_bob"}, {"option": "ou_bob"}),
    ({"tag": "overflow", "options": options("a")}, {"option": "a"}, {"option": "a"}),
    (
        {"tag": "date_picker"},
        {"option": "2025-06-10"},
        {"option": "2025-06-10 +0800", "timezone": "Asia/Shanghai"},
    ),
    (
        {"tag": "picker_datetime"},
        {"option": "2025-06-10 19:19 +0900"},
        {"option": "2025-06-10 19:19 +0900", "timezone": "Asia/Shanghai"},
    ),
    ({"tag": "input"}, {"input_value": "why"}, {"input_value": "why"}),
    (
        {"tag": "checker", "behaviors": [{"type": "callback", "value": {"n": 1}}]},
        {"checked": True},
        {"checked": True, "value": {"n": 1}},
    ),
    (
        {"tag": "interactive_container", "elements": [], **button(tag="x", text=None)}
        | {"tag": "interactive_container"},
        {},
        {"value": {"a": "ack"}},
    ),
]


@pytest.mark.parametrize(("control", "chosen", "action"), CONTROLS)
async def test_controls_outside_forms_say_what_was_chosen(
    control: dict[str, Any], chosen: dict[str, Any], action: dict[str, Any]
) -> None:
    control.pop("text", None)
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card(control))
        clicked = await here.desk.click(message_id, "ou_li", "/body/elements/0", **chosen)
        assert clicked.code == 0
        assert server.got[0]["event"]["action"] == {"tag": control["tag"], **action}


@pytest.mark.parametrize(
    ("control", "chosen"),
    [
        ({"tag": "select_static", "options": options("1h")}, {"option": "2h"}),
        ({"tag": "select_static", "options": options("1h")}, {}),
        ({"tag": "select_person"}, {"option": "ou_nobody"}),
        ({"tag": "picker_time"}, {"option": "late"}),
        ({"tag": "input", "max_length": 3}, {"input_value": "long"}),
    ],
)
async def test_what_is_not_on_the_card_cannot_be_chosen(
    control: dict[str, Any], chosen: dict[str, Any]
) -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card(control))
        with pytest.raises(Impossible):
            await here.desk.click(message_id, "ou_li", "/body/elements/0", **chosen)
        assert server.got == []


async def test_a_checker_without_behaviors_calls_nobody_back() -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card({"tag": "checker"}))
        await here.desk.click(message_id, "ou_li", "/body/elements/0", checked=True)
        assert server.got == []


FORM: dict[str, Any] = {
    "tag": "form",
    "name": "silence",
    "elements": [
        {
            "tag": "collapsible_panel",
            "header": {"title": plain("静默")},
            "elements": [
                {
                    "tag": "select_static",
                    "name": "duration",
                    "required": True,
                    "options": options("1h", "4h"),
                },
                {"tag": "picker_datetime", "name": "until"},
                {"tag": "multi_select_person", "name": "tell"},
            ],
        },
        {"tag": "input", "name": "comment", "max_length": 200, "default_value": "known"},
        button({"a": "silence"}, name="go", form_action_type="submit"),
        button(name="reset", form_action_type="reset"),
    ],
}
SUBMIT = "/body/elements/0/elements/2"


async def test_a_form_sends_its_values_by_name() -> None:
    async with clickable({"toast": TOAST}) as (here, server):
        message_id = await here.bot.sent(card(FORM))
        values = {"duration": "4h", "until": "2025-06-10 19:19", "tell": ["ou_bob"]}
        await here.desk.click(message_id, "ou_li", SUBMIT, form_value=values)
        assert server.got[0]["event"]["action"] == {
            "tag": "button",
            "name": "go",
            "value": {"a": "silence"},
            "form_value": {
                "duration": "4h",
                "until": "2025-06-10 19:19 +0800",
                "tell": ["ou_bob"],
                "comment": "known",
            },
        }


@pytest.mark.parametrize(
    ("empty", "values"),
    [
        ("omit", {"duration": "1h", "comment": ""}),
        ("blank", {"duration": "1h", "comment": "", "until": "", "tell": []}),
    ],
)
async def test_what_empty_fields_send_is_a_knob(empty: str, values: dict[str, Any]) -> None:
    async with clickable() as (here, server):
        here.desk.turn(form_empty=empty)
        message_id = await here.bot.sent(card(FORM))
        given = {"duration": "1h", "comment": ""}
        await here.desk.click(message_id, "ou_li", SUBMIT, form_value=given)
        assert server.got[0]["event"]["action"]["form_value"] == values


async def test_an_empty_required_field_blocks_the_click() -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card(FORM))
        clicked = await here.desk.click(message_id, "ou_li", SUBMIT)
        assert clicked.blocked
        assert clicked.error == "required fields are empty: duration"
        assert server.got == []


async def test_inside_a_form_only_its_submit_button_calls_back() -> None:
    async with clickable() as (here, server):
        message_id = await here.bot.sent(card(FORM))
        inside = "/body/elements/0/elements"
        for pointer in (f"{inside}/0/elements/0", f"{inside}/1", f"{inside}/3"):
            assert (await here.desk.click(message_id, "ou_li", pointer)).http is None
        assert server.got == []


async def test_a_form_has_no_fields_but_its_own() -> None:
    async with clickable() as (here, _):
        message_id = await here.bot.sent(card(FORM))
        with pytest.raises(Impossible, match="no field"):
            await here.desk.click(message_id, "ou_li", SUBMIT, form_value={"x": "y"})


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


async def test_the_message_shows_the_card_that_a_click_put_there() -> None:
    new = card({"tag": "markdown", "content": "acked"})
    async with clickable({"card": {"type": "raw", "data": new}}) as (here, _):
        message_id = await here.bot.sent(card())
        await here.desk.click(message_id, "ou_li", BUTTON)
        path = f"{MESSAGES}/{message_id}?card_msg_content_type=user_card_content"
        item = (await here.bot.call("GET", path)).json()["data"]["items"][0]
        assert item["updated"] is True
        assert json.loads(item["body"]["content"]) == new

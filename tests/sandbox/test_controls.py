"""Controls and forms: what a click carries, and what no client would let happen."""

from typing import Any

import pytest

from receiver.sandbox.component import Impossible
from tests.sandbox.driver import button, card, clickable

TOAST = {"type": "success", "content": "已认领"}


def plain(content: str) -> dict[str, Any]:
    return {"tag": "plain_text", "content": content}


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

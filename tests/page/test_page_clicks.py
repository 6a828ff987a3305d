"""Clicks: what they send, what holds them back, and what the person sees after."""

import json

import pytest
from playwright.async_api import Browser, expect

from tests.page.cards import TICK, button, card, firing_card, option, silence_form, text
from tests.page.stage import Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOAST = {"type": "success", "content": "已认领", "i18n": {"zh_cn": "已认领", "en_us": "Acked"}}
OPTIONS = [option("a", text("甲")), option("b", text("乙"))]
CONFIRM = {"title": text("静默 4 小时？"), "text": text("将静默 3 条告警")}


async def test_a_button_calls_back_as_the_chosen_person_and_its_toast_appears(at: Stage) -> None:
    at.callbacks.answer = {"toast": TOAST}
    shown = at.message(await at.send(card(button(text("认领")))))
    await at.page.get_by_test_id("who").select_option(label="Alice Chen")
    await shown.get_by_role("button", name="认领").click()
    toast = at.page.get_by_test_id("toast")
    await expect(toast).to_have_text("已认领")
    await expect(toast).to_have_attribute("data-kind", "success")
    operator = at.callbacks.asked[0]["event"]["operator"]
    assert operator["union_id"] == at.users[1].union_id
    assert at.callbacks.actions == [{"tag": "button", "value": {"v": 1, "a": "ack"}}]


async def test_a_toast_is_for_whom_it_is_and_comes_once(at: Stage) -> None:
    at.callbacks.answer = {"toast": TOAST}
    message_id = await at.send(card(button(text("认领"))))
    await at.page.get_by_test_id("who").select_option(label="Alice Chen")
    await at.sandbox.state.click(message_id, at.users[0].open_id, "/body/elements/0")
    await at.sandbox.state.click(message_id, at.users[1].open_id, "/body/elements/0")
    await expect(at.page.get_by_test_id("toast")).to_have_count(1)
    await at.page.get_by_test_id("lang-en").click()
    await at.message(message_id).get_by_role("button", name="认领").click()
    await expect(at.page.get_by_test_id("toast")).to_have_text(["已认领", "Acked"])


async def test_the_answers_card_replaces_the_old_one(at: Stage) -> None:
    at.callbacks.answer = {"card": {"type": "raw", "data": firing_card(template="blue")}}
    shown = at.message(await at.send(firing_card()))
    await shown.get_by_role("button", name="认领").click()
    await expect(shown.locator(".card-header")).to_have_attribute("data-template", "blue")
    await expect(shown.get_by_test_id("edited")).to_have_text("· 已更新 1 次")


async def test_a_form_submits_what_was_filled_in(at: Stage) -> None:
    shown = at.message(await at.send(card(silence_form())))
    await shown.locator("[data-name=duration]").select_option("4h")
    await shown.locator("[data-name=comment]").fill("换盘 <b>")
    await shown.get_by_role("button", name="静默", exact=True).click()
    action = await at.callbacks.action()
    assert action["name"] == "submit_silence"
    assert action["form_value"] == {"duration": "4h", "comment": "换盘 <b>"}
    await expect(shown.locator(".card")).not_to_have_class("busy")


async def test_the_page_posts_the_forms_json(browser: Browser) -> None:
    fields = [
        {"tag": "multi_select_static", "name": "many", "options": OPTIONS},
        {"tag": "select_person", "name": "who"},
        {"tag": "date_picker", "name": "day"},
        {"tag": "picker_time", "name": "hour"},
        {"tag": "picker_datetime", "name": "until"},
        {"tag": "checker", "name": "sure", "text": text("确认")},
        {"tag": "input", "name": "note", "input_type": "multiline_text", "default_value": "早"},
        button(text("提交"), name="go", form_action_type="submit"),
    ]
    async with stage(browser, zone="America/New_York") as at:
        form = {"tag": "form", "name": "f", "elements": fields}
        shown = at.message(await at.send(card(form)))
        await shown.locator("[data-name=many]").click()
        await shown.get_by_text("乙").click()
        await at.page.keyboard.press("Escape")
        await shown.locator("[data-name=who]").select_option(label="Alice Chen")
        await shown.locator("[data-name=day]").fill("2025-06-10")
        await shown.locator("[data-name=hour]").fill("05:05")
        await shown.locator("[data-name=until]").fill("2025-12-10T19:19")
        await shown.locator("[data-name=sure]").check()
        async with at.page.expect_request("**/api/click") as posted:
            await shown.get_by_role("button", name="提交").click()
        sent = json.loads((await posted.value).post_data or "")
        assert sent["pointer"] == "/body/elements/0/elements/7"
        value = sent["form_value"]
        assert value.pop("hour").startswith("05:05 -0")
        assert value == {
            "many": ["b"],
            "who": at.users[1].open_id,
            "day": "2025-06-10 -0400",
            "until": "2025-12-10 19:19 -0500",
            "sure": True,
            "note": "早",
        }
        assert (await at.callbacks.action())["form_value"]["many"] == ["b"]


async def test_a_required_field_blocks_the_submit_and_opens_its_panel(at: Stage) -> None:
    shown = at.message(await at.send(card(silence_form(folded=True))))
    submit = shown.get_by_role("button", name="静默", exact=True)
    await shown.locator(".panel-head").click()
    await submit.click()
    await expect(shown.get_by_role("alert").filter(visible=True)).to_have_text("此项为必填项")
    await expect(shown.locator("[data-name=duration]")).to_be_focused()
    await shown.locator(".panel-head").click()
    await shown.locator("[data-submit]").dispatch_event("click")
    await expect(shown.locator("[data-name=duration]")).to_be_visible()
    assert at.callbacks.asked == []
    await shown.locator("[data-name=duration]").select_option("1h")
    await submit.click()
    assert (await at.callbacks.action())["form_value"]["duration"] == "1h"


async def test_reset_brings_the_form_back(at: Stage) -> None:
    shown = at.message(await at.send(card(silence_form())))
    await shown.locator("[data-name=comment]").fill("x")
    await shown.get_by_role("button", name="重置").click()
    assert await shown.locator("[data-name=comment]").input_value() == ""
    assert at.callbacks.asked == []


async def test_a_confirm_dialog_gates_the_click(at: Stage) -> None:
    shown = at.message(await at.send(card(button(text("静默"), confirm=CONFIRM))))
    press = shown.get_by_role("button", name="静默")
    dialog = at.page.get_by_test_id("confirm")
    await press.click()
    await expect(dialog).to_contain_text("将静默 3 条告警")
    assert at.callbacks.asked == []
    await at.page.get_by_test_id("confirm-cancel").click()
    await expect(dialog).to_have_count(0)
    await press.click()
    await at.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert at.callbacks.asked == []
    await press.click()
    await at.page.get_by_test_id("confirm-ok").click()
    await at.callbacks.action()
    assert len(at.callbacks.asked) == 1


async def test_selects_menus_inputs_and_checkers_send_what_was_chosen(at: Stage) -> None:
    made = card(
        {"tag": "select_static", "options": OPTIONS, "behaviors": [TICK]},
        {"tag": "overflow", "options": OPTIONS, "behaviors": [TICK]},
        {"tag": "input", "behaviors": [TICK]},
        {"tag": "checker", "text": text("确认"), "behaviors": [TICK]},
        {"tag": "date_picker", "behaviors": [TICK]},
        {"tag": "interactive_container", "behaviors": [TICK], "elements": [button(text("内"))]},
    )
    message_id = await at.send(made)
    shown = at.message(message_id)
    idle = shown.locator(".card:not([aria-busy])")
    await shown.locator("select").select_option("b")
    assert (await at.callbacks.action(1))["option"] == "b"
    await idle.wait_for()
    await shown.get_by_role("button", name="更多").click()
    await shown.get_by_role("menuitem", name="甲").click()
    assert (await at.callbacks.action(2))["option"] == "a"
    await idle.wait_for()
    await shown.locator("input.input").fill("磁盘")
    await at.page.keyboard.press("Enter")
    assert (await at.callbacks.action(3))["input_value"] == "磁盘"
    await idle.wait_for()
    await shown.get_by_role("checkbox").check()
    assert (await at.callbacks.action(4))["checked"] is True
    await idle.wait_for()
    await shown.locator("input[type=date]").fill("2025-06-10")
    assert len(at.callbacks.asked) == 4
    await shown.locator("[data-tag=date_picker]").get_by_role("button").click()
    assert (await at.callbacks.action(5))["option"] == "2025-06-10 +0800"
    await idle.wait_for()
    await shown.get_by_role("button", name="内").last.click()
    assert (await at.callbacks.action(6))["tag"] == "button"
    await idle.wait_for()
    assert len(at.callbacks.asked) == 6


async def test_a_choice_stays_when_it_went_through_and_else_goes_back(at: Stage) -> None:
    select = {"tag": "select_static", "options": OPTIONS, "initial_option": "a"}
    asking = select | {"confirm": CONFIRM}
    shown = at.message(await at.send(card(select, asking)))
    first, second = shown.locator("select").nth(0), shown.locator("select").nth(1)
    await first.select_option("b")
    await at.callbacks.action()
    await shown.locator(".card:not([aria-busy])").wait_for()
    await expect(first).to_have_value("b")
    await second.select_option("b")
    await at.page.get_by_test_id("confirm-cancel").click()
    await expect(second).to_have_value("a")
    at.callbacks.answer = {"toast": "bad"}
    await second.select_option("b")
    await at.page.get_by_test_id("confirm-ok").click()
    await expect(shown.get_by_test_id("card-error")).to_contain_text("200672")
    await expect(second).to_have_value("a")
    await expect(first).to_have_value("b")
    assert len(at.callbacks.asked) == 2


async def test_the_card_is_busy_while_the_click_is_under_way(at: Stage) -> None:
    at.callbacks.open.clear()
    shown = at.message(await at.send(firing_card()))
    press = shown.get_by_role("button", name="认领")
    await press.click()
    await expect(shown.locator(".card")).to_have_attribute("aria-busy", "true")
    assert await press.is_disabled()
    await at.callbacks.action()
    at.callbacks.open.set()
    await expect(press).to_be_enabled()
    await expect(press).to_be_focused()


async def test_a_click_that_nobody_answers_shows_feishus_code(at: Stage) -> None:
    at.sandbox.state.turn(callback_limit_ms=50)
    at.callbacks.open.clear()
    shown = at.message(await at.send(card(button(text("认领")))))
    await shown.get_by_role("button", name="认领").click()
    wanted = "目标回调服务超时未响应 code: 200341"
    await expect(shown.get_by_test_id("card-error")).to_have_text(wanted)
    await expect(at.page.get_by_test_id("toast")).to_have_text(wanted)
    at.callbacks.open.set()
    await shown.get_by_role("button", name="认领").click()
    await expect(shown.get_by_test_id("card-error")).to_have_count(0)


async def test_a_link_button_opens_its_page_and_calls_nobody(at: Stage) -> None:
    behavior = {"type": "open_url", "default_url": "https://example.com/runbook"}
    made = card({"tag": "button", "text": text("手册"), "behaviors": [behavior]})
    shown = at.message(await at.send(made)).get_by_role("link", name="手册")
    assert await shown.get_attribute("href") == "https://example.com/runbook"
    assert "noopener" in (await shown.get_attribute("rel") or "")

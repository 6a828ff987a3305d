"""The page follows the chat: new messages, changed cards, replies, and a lost connection."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from receiver.sandbox.server import serve_sandbox
from tests.browser import reader
from tests.page.cards import card, firing_card, md, silence_form, text
from tests.page.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_update_redraws_without_losing_what_was_typed(at: Stage) -> None:
    message_id = await at.send(card(md("1 alert"), silence_form()))
    shown = at.message(message_id)
    comment = shown.locator("[data-name=comment]")
    await shown.locator("[data-name=duration]").select_option("4h")
    await comment.press_sequentially("half a sen")
    await comment.press("ArrowLeft")
    await at.patch(message_id, card(md("2 alerts"), md("one more"), silence_form()))
    await expect(shown.get_by_text("2 alerts")).to_be_visible()
    assert await comment.input_value() == "half a sen"
    assert await shown.locator("[data-name=duration]").input_value() == "4h"
    await expect(comment).to_be_focused()
    await at.page.keyboard.type("X")
    assert await comment.input_value() == "half a seXn"


async def test_a_changed_form_starts_afresh(at: Stage) -> None:
    message_id = await at.send(card(silence_form()))
    comment = at.message(message_id).locator("[data-name=comment]")
    await comment.fill("typed")
    await at.patch(message_id, card(silence_form(comment="Why?")))
    assert await comment.input_value() == ""


async def test_an_opened_panel_stays_open(at: Stage) -> None:
    message_id = await at.send(firing_card())
    shown = at.message(message_id)
    head = shown.locator("[data-element-id=alerts] .panel-head")
    await head.click()
    await at.patch(message_id, firing_card(template="blue"))
    await expect(shown.locator(".card-header")).to_have_attribute("data-template", "blue")
    await expect(head).to_have_attribute("aria-expanded", "true")


async def test_a_changed_card_flashes(at: Stage) -> None:
    message_id = await at.send(card(md("before")))
    await at.patch(message_id, card(md("after")))
    await expect(at.message(message_id).locator(".card.flash")).to_have_count(1)
    await expect(at.message(message_id).locator(".card.flash")).to_have_count(0)


async def test_a_reply_quotes_its_parent_and_leads_to_it(at: Stage) -> None:
    made = firing_card()
    parent = await at.send(made)
    for number in range(4):
        await at.place(firing_card() | {"header": made["header"] | {"title": text(str(number))}})
    reply = at.message(await at.reply(parent, "3 new alerts"))
    quote = reply.get_by_test_id("quote")
    await expect(quote).to_have_text("回复 告警机器人: [严重] 磁盘将满 · db-3 · 5 条")
    await expect(at.message(parent).locator(".card-title")).not_to_be_in_viewport()
    await quote.click()
    await expect(at.message(parent).locator(".card-title")).to_be_in_viewport()


async def test_scrolled_up_the_view_stays_and_a_pill_counts(at: Stage) -> None:
    for number in range(4):
        await at.place(firing_card() | {"i": number})
    scroller = at.page.get_by_test_id("chat")
    await scroller.evaluate("node => { node.scrollTop = 0; }")
    pill = at.page.get_by_test_id("new-messages")
    await at.place(card(md("latest")))
    await expect(pill).to_have_text("1 条新消息")
    assert await scroller.evaluate("node => node.scrollTop") == 0
    await pill.click()
    await expect(at.page.get_by_text("latest")).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_at_the_bottom_the_view_follows(at: Stage) -> None:
    for number in range(4):
        await at.place(card(md(f"{number}\n" * 12)))
    await at.place(card(md("latest")))
    await expect(at.page.get_by_text("latest")).to_be_in_viewport()
    await expect(at.page.get_by_test_id("new-messages")).to_be_hidden()


async def test_other_chats_count_what_is_unread(at: Stage) -> None:
    other = at.sandbox.state.add_chat("平台组")
    await at.send(card(md("here")))
    await at.send(card(md("x"), title="there"), to=other.chat_id)
    item = at.page.locator(f"[data-chat-id='{other.chat_id}']")
    await expect(item.locator(".badge")).to_have_text("1")
    await expect(item.locator(".chat-item-preview")).to_have_text("there")
    await item.click()
    await expect(item.locator(".badge")).to_have_count(0)
    await expect(at.page.locator(".card-title")).to_have_text("there")


async def test_a_recalled_message_says_so(at: Stage) -> None:
    message_id = await at.send(card(md("secret")))
    at.sandbox.state.recall(message_id)
    await expect(at.message(message_id).locator(".bubble")).to_have_text("此消息已被撤回")
    await expect(at.page.get_by_text("secret")).to_have_count(0)


async def test_text_messages_of_people_and_mentions(at: Stage) -> None:
    at.sandbox.state.say(at.chat.chat_id, at.users[1].open_id, "on it")
    message = at.page.get_by_test_id("message").last
    await expect(message.locator(".sender")).to_have_text("Alice Chen")
    await expect(message.locator(".bubble")).to_have_text("on it")
    await expect(message.locator(".bot-badge")).to_have_count(0)
    content = {"text": '看一下 <at user_id="all"></at>'}
    shown = at.message(await at.send(content, "text"))
    await expect(shown.locator(".mention")).to_have_text("@所有人")


async def test_after_an_outage_the_page_comes_back_and_catches_up(browser: Browser) -> None:
    async with AsyncExitStack() as later:
        async with serve_sandbox() as before:
            ports = (0, urlsplit(before.page_url).port or 0)
            page = await later.enter_async_context(reader(browser, before.page_url, outage=True))
            live = page.get_by_test_id("live")
            await expect(live).to_have_attribute("data-live", "1")
        await expect(live).to_have_attribute("data-live", "0")
        async with serve_sandbox(ports=ports) as after:
            chat = after.state.add_chat("新群")
            after.state.say(chat.chat_id, next(iter(after.state.users)), "back again")
            await expect(live).to_have_attribute("data-live", "1", timeout=10_000)
            item = page.locator(f"[data-chat-id='{chat.chat_id}']")
            await expect(item.locator(".chat-item-preview")).to_have_text("back again")
            await expect(item.locator(".badge")).to_have_text("1")
            await later.aclose()


async def test_the_inspector_is_closed_at_first_and_shows_the_json(at: Stage) -> None:
    message_id = await at.send(firing_card())
    drawer = at.page.get_by_test_id("inspector")
    await expect(drawer).to_be_hidden()
    await at.message(message_id).get_by_test_id("inspect").click()
    await expect(drawer.get_by_test_id("json")).to_contain_text('"template": "red"')
    await at.patch(message_id, firing_card(template="blue"))
    await expect(drawer.get_by_test_id("json")).to_contain_text('"template": "blue"')
    await at.page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


async def test_the_calls_show_refusals_and_limits(at: Stage) -> None:
    await at.send(card(md("fine")))
    await at.http.post("/open-apis/im/v1/messages?receive_id_type=chat_id", json={})
    at.sandbox.state.fault("*", "code", code=230020)
    await at.http.post("/open-apis/im/v1/messages?receive_id_type=chat_id", json={})
    await at.page.get_by_test_id("inspector-toggle").click()
    await at.page.get_by_test_id("tab-calls").click()
    rows = at.page.locator("[data-testid=calls] > li")
    states = [await row.get_attribute("data-state") for row in await rows.all()]
    assert states[:3] == ["limit", "bad", "ok"]


async def test_the_design_view_draws_and_judges(at: Stage) -> None:
    await at.page.get_by_test_id("inspector-toggle").click()
    await at.page.get_by_test_id("tab-design").click()
    verdict = at.page.get_by_test_id("verdict")
    preview = at.page.get_by_test_id("design-preview")
    await expect(verdict).to_have_attribute("data-state", "ok")
    await expect(preview.locator(".card-title > span").first).to_have_text("磁盘将满")
    editor = at.page.get_by_test_id("design-json")
    await editor.fill('{"schema": "2.0", "body": {"elements": [{"tag": "note"}]}}')
    await expect(verdict).to_have_attribute("data-state", "bad")
    await expect(verdict).to_contain_text("note")
    await expect(preview.get_by_test_id("unknown-component")).to_have_text("未知组件：note")
    await editor.fill("{")
    await expect(verdict).to_contain_text("JSON 有误")

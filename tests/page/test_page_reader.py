"""What the reader chooses: language, theme, who they are, and the width of the screen."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser import READY
from tests.page.cards import firing_card
from tests.page.stage import Stage, stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]


async def test_the_language_switches_the_page_and_the_cards_and_is_kept(at: Stage) -> None:
    shown = at.message(await at.send(firing_card()))
    title = shown.locator(".card-title > span").first
    await expect(title).to_have_text("磁盘将满")
    await expect(shown.get_by_test_id("inspect")).to_have_attribute("aria-label", "查看 JSON")
    await at.page.get_by_test_id("lang-en").click()
    await expect(title).to_have_text("Disk almost full")
    await expect(shown.get_by_role("button", name="Acknowledge")).to_be_visible()
    await expect(shown.get_by_test_id("inspect")).to_have_attribute("aria-label", "Show JSON")
    assert await at.page.locator("html").get_attribute("lang") == "en"
    await at.page.reload()
    await at.page.wait_for_selector(READY)
    await expect(title).to_have_text("Disk almost full")


@pytest.mark.parametrize(
    ("language", "wanted"),
    [("zh-CN", "磁盘将满"), ("en-US", "Disk almost full"), ("de-DE", "Disk almost full")],
)
async def test_the_browser_chooses_first(browser: Browser, language: str, wanted: str) -> None:
    async with stage(browser, language=language) as at:
        shown = at.message(await at.send(firing_card()))
        await expect(shown.locator(".card-title > span").first).to_have_text(wanted)


async def test_a_locale_that_the_card_does_not_allow_falls_back(at: Stage) -> None:
    made = firing_card()
    made["config"]["locales"] = ["zh_cn"]
    shown = at.message(await at.send(made))
    await at.page.get_by_test_id("lang-en").click()
    await expect(shown.locator(".card-title > span").first).to_have_text("磁盘将满")


async def test_the_theme_is_light_until_chosen_and_is_kept(at: Stage) -> None:
    root = at.page.locator("html")
    await expect(root).to_have_attribute("data-theme", "light")
    await at.page.get_by_test_id("theme").click()
    await expect(root).to_have_attribute("data-theme", "dark")
    await at.page.reload()
    await at.page.wait_for_selector(READY)
    await expect(root).to_have_attribute("data-theme", "dark")


async def test_who_you_are_is_kept(at: Stage) -> None:
    who = at.page.get_by_test_id("who")
    await who.select_option(label="Alice Chen")
    await at.page.reload()
    await at.page.wait_for_selector(READY)
    assert await who.input_value() == at.users[1].open_id


async def test_typed_text_survives_a_change_of_language(at: Stage) -> None:
    shown = at.message(await at.send(firing_card()))
    await shown.locator("[data-element-id=silence_panel] .panel-head").click()
    await shown.locator("[data-name=comment]").fill("换盘")
    await at.page.get_by_test_id("lang-en").click()
    await expect(shown.get_by_role("button", name="Reset")).to_be_visible()
    assert await shown.locator("[data-name=comment]").input_value() == "换盘"


async def test_the_phone_preview_narrows_the_cards(at: Stage) -> None:
    shown = at.message(await at.send(firing_card())).locator(".card")
    width = "node => node.getBoundingClientRect().width"
    assert await shown.evaluate(width) == 600
    await at.page.get_by_test_id("phone").click()
    assert await shown.evaluate(width) < 400


async def test_on_a_phone_the_list_and_the_chat_take_turns(browser: Browser) -> None:
    async with stage(browser, width=390, height=844) as at:
        await at.send(firing_card())
        chats = at.page.get_by_test_id("chat-list")
        await expect(chats).to_be_hidden()
        await at.page.get_by_role("button", name="返回").click()
        await expect(chats).to_be_visible()
        await at.page.get_by_test_id("chat-item").click()
        await expect(at.page.locator(".card-title")).to_be_visible()

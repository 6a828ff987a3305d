"""A person asks the bot on the page, alone and in a group, and reads its answers."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import serve_sandbox
from tests.browser import reader
from tests.stage import app_of, bot_of, played, source
from tests.stories.bodies import alert

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(page: Page, text: str) -> None:
    """Write a line to the open chat."""
    await page.get_by_test_id("say-text").fill(text)
    await page.get_by_test_id("say-text").press("Enter")


async def shows(page: Page, text: str) -> None:
    """Wait until a message of the open chat says so."""
    await expect(page.get_by_test_id("chat").get_by_text(text).last).to_be_visible()


async def test_a_silence_is_asked_for_and_ended_in_words(browser: Browser, tmp_path: Path) -> None:
    pictures = os.environ.get("PICTURES")
    async with serve_alertmanager(AlertmanagerConfig()) as made, serve_sandbox() as sandbox:
        feishu = [{**app_of(sandbox), "callbacks": "long_connection"}, bot_of(sandbox)]
        keys = {"alertmanagers": [source(made.url)], "feishu": feishu}
        async with (
            played(sandbox, tmp_path, **keys) as at,
            reader(browser, sandbox.page_url, language="en-US") as page,
        ):
            await at.until(lambda: at.desk.tenant.lines.of(at.app.app_id))
            assert at.desk.use_long_connection(at.app.app_id) is None
            await at.fire(alert(), alert(instance="db-2"))
            card = page.locator(f"[data-message-id='{(await at.message()).message_id}']")
            await card.wait_for()
            await ask(page, "help")
            await shows(page, "The commands")
            await card.get_by_test_id("answer").click()
            await ask(page, "silence 2h a new disk is on its way")
            await shows(page, "Silenced")
            await expect(card.locator(".card-header")).to_have_attribute("data-template", "grey")
            if pictures:
                await page.screenshot(path=f"{pictures}/commands.png")
            await page.get_by_test_id("say-alone").click()
            await expect(page.get_by_test_id("say-call")).to_have_count(0)
            await ask(page, "silences")
            await shows(page, "Silences that hold: 1")
            await ask(page, "告警 severity=~(")
            await shows(page, "This is no matcher")
            if pictures:
                await page.screenshot(path=f"{pictures}/alone.png")

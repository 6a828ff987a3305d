"""A person asks the bot on the page, alone and in a group, and reads its answers."""

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


WORDS = {
    "en-US": {
        "help": ("help", "The commands"),
        "silence": ("silence 2h a new disk is on its way", "Silenced"),
        "why": ("why #1", "2 of 2 alerts fire"),
        "oncall": ("oncall", "db: 李雷"),
        "silences": ("silences", "Silences that hold: 1"),
        "wrong": ("alerts severity=~(", "This is no matcher"),
    },
    "zh-CN": {
        "help": ("帮助", "可用的命令"),
        "silence": ("静默 2h 新磁盘在路上", "已静默"),
        "why": ("为什么 #1", "2 条告警中 2 条在告警"),
        "oncall": ("值班", "db: 李雷"),
        "silences": ("静默列表", "生效的静默:1"),
        "wrong": ("告警 severity=~(", "匹配条件写错了"),
    },
}
LISTS = [
    {
        "name": "db",
        "rotation": {
            "zone": "Asia/Shanghai",
            "start": "2026-01-05",
            "every": "7d",
            "people": ["li@example.com"],
        },
    }
]


@pytest.mark.parametrize("language", WORDS)
async def test_a_person_works_in_words_alone(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    words = WORDS[language]
    async with serve_alertmanager(AlertmanagerConfig()) as made, serve_sandbox() as sandbox:
        feishu = [{**app_of(sandbox), "callbacks": "long_connection"}, bot_of(sandbox)]
        keys = {"alertmanagers": [source(made.url)], "feishu": feishu, "oncall": LISTS}
        async with (
            played(sandbox, tmp_path, **keys) as at,
            reader(browser, sandbox.page_url, language=language) as page,
        ):
            await at.until(lambda: at.desk.tenant.lines.of(at.app.app_id))
            assert at.desk.use_long_connection(at.app.app_id) is None
            await at.fire(alert(), alert(instance="db-2"))
            card = page.locator(f"[data-message-id='{(await at.message()).message_id}']")
            await card.wait_for()
            await asks(page, words["help"])
            await card.get_by_test_id("answer").click()
            await asks(page, words["silence"])
            await expect(card.locator(".card-header")).to_have_attribute("data-template", "grey")
            await expect(page.get_by_test_id("new-messages")).to_be_hidden()
            await page.screenshot(path=tmp_path / f"group-{language}.png")
            await page.get_by_test_id("say-alone").click()
            await expect(page.get_by_test_id("say-call")).to_have_count(0)
            for what in ("why", "oncall", "silences", "wrong"):
                await asks(page, words[what])
            await page.screenshot(path=tmp_path / f"alone-{language}.png")


async def asks(page: Page, said: tuple[str, str]) -> None:
    """Write a line, and wait for what it is answered."""
    await ask(page, said[0])
    await shows(page, said[1])

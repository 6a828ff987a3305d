"""A person at the sandbox's page: reads, clicks, writes, and takes pictures in both languages."""

from pathlib import Path

from playwright.async_api import Locator, Page, expect

from receiver.sandbox.state import Message
from tests.stage import PRODUCTION

LANGUAGES = ("en", "zh")


class Onlooker:
    """Somebody who looks at one chat."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self._taken = 0

    async def opens(self, chat: str = PRODUCTION) -> None:
        """Open a chat."""
        await self.page.locator(f"[data-chat-id='{chat}']").click()

    async def is_(self, name: str) -> None:
        """Take a person's place."""
        await self.page.get_by_test_id("who").select_option(label=name)

    async def reads(self, language: str) -> None:
        """Choose the language, ``en`` or ``zh``."""
        await self.page.get_by_test_id(f"lang-{language}").click()

    def card(self, message: Message) -> Locator:
        """Find a message on the page."""
        return self.page.locator(f"[data-message-id='{message.message_id}']")

    async def sees(self, message: Message, *texts: str) -> None:
        """Wait until a message says all of these on the page."""
        for text in texts:
            await expect(self.card(message)).to_contain_text(text)

    async def sees_both(self, message: Message, en: str, zh: str) -> None:
        """Wait until a message says this in each language; Chinese stays chosen."""
        for language, text in zip(LANGUAGES, (en, zh), strict=True):
            await self.reads(language)
            await self.sees(message, text)

    async def sees_colour(self, message: Message, template: str) -> None:
        """Wait until a card has this colour on the page."""
        header = self.card(message).locator(".card-header")
        await expect(header).to_have_attribute("data-template", template)

    async def told(self, text: str) -> None:
        """Wait for a toast."""
        await expect(self.page.get_by_test_id("toast").last).to_contain_text(text)

    async def unfolds(self, message: Message, title: str) -> Locator:
        """Open a panel of a card, and return the card."""
        shown = self.card(message)
        await shown.locator(".panel-head").filter(has_text=title).click()
        return shown

    async def presses(self, message: Message, name: str, *, sure: bool = False) -> None:
        """Press a button of a card, and confirm where that is asked."""
        await self.card(message).get_by_role("button", name=name, exact=True).click()
        if sure:
            await self.page.get_by_test_id("confirm-ok").click()

    async def replies(self, message: Message, text: str) -> None:
        """Write into a message's thread, to the people there and not to the bot."""
        await self.card(message).get_by_test_id("answer").click()
        call = self.page.get_by_test_id("say-call")
        if await call.get_attribute("aria-pressed") == "true":
            await call.click()
        await self.page.get_by_test_id("say-text").fill(text)
        await self.page.get_by_test_id("say-text").press("Enter")

    async def picture(self, name: str) -> None:
        """Take a picture in each language; Chinese stays chosen."""
        self._taken += 1
        for language in LANGUAGES:
            await self.reads(language)
            path = self.folder / f"{self._taken:02}-{name}-{language}.png"
            await self.page.screenshot(path=path, animations="disabled")

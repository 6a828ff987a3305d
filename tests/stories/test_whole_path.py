"""The whole path: a real Alertmanager, a card, clicks in a browser, a real silence, and back."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from receiver.sandbox.state import Message
from tests.browser import reader
from tests.real_alertmanager import RealAlertmanager, real_alertmanager
from tests.stage import PRODUCTION, Stage, colour, controls, notify, source, stage, words

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = 3_600_000
SHARED = {"alertname": "PostgresConnectionsNearLimit", "cluster": "prod-east"}
ONE = {**SHARED, "severity": "critical", "instance": "pg-0", "namespace": "payments"}
TWO = {**SHARED, "severity": "critical", "instance": "pg-1", "namespace": "payments"}
ABOUT = {
    "summary": "The database runs out of connections",
    "description": "New sessions will be refused soon. 连接数即将耗尽。",
    "runbook_url": "https://runbooks.example.com/postgres",
}


class Reader:
    """A person who looks at the card on the page, and takes pictures of it."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.taken = 0

    def card(self, message: Message) -> Locator:
        """Find a message on the page."""
        return self.page.locator(f"[data-message-id='{message.message_id}']")

    async def sees(self, message: Message, template: str) -> Locator:
        """Wait until the card has this colour on the page, and take its picture."""
        card = self.card(message)
        await expect(card.locator(".card-header")).to_have_attribute("data-template", template)
        await self.picture(template)
        return card

    async def picture(self, name: str) -> None:
        """Take a picture in each language."""
        self.taken += 1
        for language in ("en", "zh"):
            await self.page.get_by_test_id(f"lang-{language}").click()
            path = self.folder / f"{self.taken:02}-{name}-{language}.png"
            await self.page.screenshot(path=path)


async def test_from_an_alert_to_a_card_to_a_silence_and_back(
    browser: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    async with (
        real_alertmanager(folder) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        await notify(alertmanager, folder, at)
        person = Reader(page, tmp_path)
        card = await _fires(at, alertmanager, person)
        await _is_acknowledged(at, person, card)
        await _is_silenced(at, alertmanager, person, card)
        await _is_unsilenced(at, alertmanager, person, card)
        await _resolves(at, alertmanager, person, card)


async def _fires(at: Stage, alertmanager: RealAlertmanager, person: Reader) -> Message:
    await alertmanager.fire(ONE, ABOUT)
    card = await at.message()
    assert colour(card) == "red"
    assert {"acknowledge", "silence"} <= set(controls(card.content))
    await person.page.locator(f"[data-chat-id='{PRODUCTION}']").click()
    await person.sees(card, "red")
    await alertmanager.fire(TWO, ABOUT)
    await at.until(lambda: card.updates == 1)
    reply = await at.message(number=2)
    assert reply.root_id == card.message_id
    assert "1 new" in words(reply)
    assert "2 firing" in words(card)
    await person.sees(card, "red")
    return card


async def _is_acknowledged(at: Stage, person: Reader, card: Message) -> None:
    await person.page.get_by_test_id("who").select_option(label="韩梅梅")
    await person.card(card).get_by_role("button", name="认领", exact=True).click()
    await expect(person.page.get_by_test_id("toast")).to_have_text("已认领")
    shown = await person.sees(card, "blue")
    await expect(shown).to_contain_text("韩梅梅 于")
    await at.quiet()


async def _is_silenced(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    shown = person.card(card)
    await shown.locator(".panel-head").filter(has_text="静默").click()
    form = shown.locator("form")
    await form.locator("[data-name=duration]").select_option("1h")
    await form.locator("[data-name=comment]").fill("扩容中 <at id=all></at>")
    await person.picture("form")
    clicked = time.time_ns() // 1_000_000
    await form.get_by_role("button", name="开始静默").click()
    await expect(person.page.get_by_test_id("toast").last).to_have_text("已静默")
    [silence] = await alertmanager.silences()
    _check(silence, clicked)
    await expect(await person.sees(card, "grey")).to_contain_text("韩梅梅 静默整组至")
    await expect(shown).to_contain_text("扩容中 <at id=all></at>")
    assert set(controls(card.content)) >= {"unsilence"}
    assert "silence" not in controls(card.content)
    await at.quiet()


def _check(silence: dict[str, Any], clicked: int) -> None:
    assert silence["status"]["state"] == "active"
    assert sorted(silence["matchers"], key=lambda matcher: matcher["name"]) == [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in sorted(SHARED.items())
    ]
    assert silence["createdBy"] == "韩梅梅"
    assert silence["comment"].startswith("扩容中 <at id=all></at> (ou_han) [receiver:")
    ends = datetime.fromisoformat(silence["endsAt"]).timestamp() * 1_000
    assert clicked + HOUR <= ends <= clicked + HOUR + 5_000


async def _is_unsilenced(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    shown = person.card(card)
    await shown.get_by_role("button", name="解除静默").click()
    await person.page.get_by_test_id("confirm-ok").click()
    await expect(person.page.get_by_test_id("toast").last).to_have_text("已解除静默")
    [silence] = await alertmanager.silences()
    assert silence["status"]["state"] == "expired"
    await expect(await person.sees(card, "blue")).to_contain_text("对整组的静默已结束")
    await at.quiet()


async def _resolves(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    for labels in (ONE, TWO):
        await alertmanager.resolve(labels, ABOUT)
    shown = await person.sees(card, "green")
    await at.quiet()
    assert controls(card.content) == {}
    assert await shown.locator("form, select, .btn-primary-filled").count() == 0
    assert [one.root_id for one in at.messages()] == [None, card.message_id]

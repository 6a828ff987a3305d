"""A broad silence on the page: one person asks, another approves, and then it is made."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from receiver.sandbox.state import Message
from tests.app.held import held_alertmanager
from tests.browser import reader
from tests.stage import PRODUCTION, Stage, alert, controls, source, stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKER, ASKER_MAIL, OTHER = "李雷", "li@example.com", "韩梅梅"
# One may ask; another approves, and may do little else.
RULES = [
    {"who": ["all"], "may": ["acknowledge", "approve"]},
    {"who": [ASKER_MAIL], "may": ["silence"], "broad": 1},
]


class Person:
    """Somebody at the page, in either language."""

    def __init__(self, page: Page, folder: Path, card: Message) -> None:
        self.page, self.folder = page, folder
        self.card: Locator = page.locator(f"[data-message-id='{card.message_id}']")

    async def is_(self, name: str) -> None:
        """Take a person's place."""
        await self.page.get_by_test_id("who").select_option(label=name)

    async def told(self, text: str) -> None:
        """Wait for a toast."""
        await expect(self.page.get_by_test_id("toast").last).to_contain_text(text)

    async def presses(self, name: str, *, sure: bool = False) -> None:
        """Press a button of the card, and confirm where that is asked."""
        await self.card.get_by_role("button", name=name, exact=True).click()
        if sure:
            await self.page.get_by_test_id("confirm-ok").click()

    async def picture(self, name: str) -> None:
        """Take a picture in each language."""
        for language in ("en", "zh"):
            await self.page.get_by_test_id(f"lang-{language}").click()
            await self.page.screenshot(path=self.folder / f"{name}-{language}.png")


async def _audited(at: Stage) -> list[tuple[str, str, str]]:
    timeline = (await at.incident(1))["timeline"]
    return [(line["kind"], line["actor"], line["result"]) for line in timeline if line["result"]]


async def _asks(person: Person) -> None:
    await person.card.locator(".panel-head").filter(has_text="静默").click()
    form = person.card.locator("form")
    await form.locator("[data-name=duration]").select_option("2h")
    await form.locator("[data-name=comment]").fill("机房断电演练 <at id=all></at>")
    await form.get_by_role("button", name="开始静默").click()


async def _shown(at: Stage, page: Page, folder: Path) -> tuple[Message, Person]:
    """Fire two alerts, once the policy's addresses are looked up, and open their chat."""

    async def known() -> bool:
        return at.receiver.parts.apps["ops"].channel.known_person(ASKER_MAIL) is not None

    await at.when(known)
    await at.fire(alert(instance="db-1"), alert(instance="db-2"))
    card = await at.message()
    await at.quiet()
    await page.locator(f"[data-chat-id='{PRODUCTION}']").click()
    return card, Person(page, folder, card)


async def _is_refused(person: Person) -> None:
    await person.is_(OTHER)
    await _asks(person)
    await person.told("没有权限")
    await person.page.reload()  # what was filled in is gone
    await person.page.locator(f"[data-chat-id='{PRODUCTION}']").click()


async def _is_asked(person: Person, card: Message) -> None:
    await person.is_(ASKER)
    await _asks(person)
    await person.told("需另一人在 15 分钟内")
    await expect(person.card).to_contain_text(f"{ASKER} 请求静默至")
    await expect(person.card).to_contain_text("机房断电演练 <at id=all></at>")
    await person.picture("1-asked")
    assert {"approve", "decline", "acknowledge"} == set(controls(card.content))
    await person.presses("批准静默", sure=True)
    await person.told("不能批准自己的请求")


async def _is_approved(at: Stage, person: Person, card: Message) -> None:
    await person.is_(OTHER)
    await person.presses("批准静默", sure=True)
    await person.told("已静默")
    await at.turns(card, "grey")
    await expect(person.card).to_contain_text(f"{ASKER} 静默整组至")
    await person.picture("2-approved")
    assert "approve" not in controls(card.content)


async def test_a_second_person_approves_on_the_page(browser: Browser, tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)], policy=RULES) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        alertmanager.release.set()
        card, person = await _shown(at, page, tmp_path)
        await _is_refused(person)
        await _is_asked(person, card)
        posted = [body for body in alertmanager.bodies if body]
        assert posted == []
        await _is_approved(at, person, card)
        assert len([body for body in alertmanager.bodies if body]) == 1
        assert await _audited(at) == [
            ("refused", OTHER, "not_permitted"),
            ("approval_requested", ASKER, "awaits_approval"),
            ("refused", ASKER, "own_request"),
            ("approved", OTHER, "requested"),
            ("silence_active", ASKER, "active"),
        ]


async def test_it_can_be_taken_back_on_the_page(browser: Browser, tmp_path: Path) -> None:
    async with (
        stage(tmp_path, policy=RULES) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        card, person = await _shown(at, page, tmp_path)
        await person.is_(ASKER)
        await _asks(person)
        await person.told("需另一人")
        await at.quiet()
        await person.presses("拒绝")
        await person.told("已拒绝")
        await expect(person.card).not_to_contain_text("请求静默至")
        assert "silence" in controls(card.content)
        assert [kind for kind, _, _ in await _audited(at)] == ["approval_requested", "withdrawn"]

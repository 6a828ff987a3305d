"""Who looks after an incident, at the page: notes, a hand-over, a reminder, and its lapse."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from receiver.sandbox.state import Message
from tests.browser import reader
from tests.stage import NOWHERE, PRODUCTION, Stage, alert, source, words
from tests.stories.duty import MINUTE, duty
from tests.stories.onlooker import Onlooker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

HAN, LI = "韩梅梅", "李雷"
KEYS = {
    "alertmanagers": [{**source(NOWHERE), "stale_after": "24h"}],
    "routes": [{"targets": [f"ops:{PRODUCTION}"], "acknowledge_for": "30m"}],
}


async def _owned(at: Stage, person: Onlooker) -> Message:
    await at.fire(alert("DiskFull", instance="db-1"), alert("DiskFull", instance="db-2"))
    card = await at.message()
    await at.quiet()
    await person.opens()
    await person.is_(HAN)
    await person.presses(card, "认领")
    await person.sees_colour(card, "blue")
    await at.quiet()
    return card


async def test_notes_are_written_on_the_card_and_in_its_thread(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        duty(tmp_path, **KEYS) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _owned(at, person)
        await person.replies(card, "我在看 db-1, restarting it")
        await person.sees_both(card, "Notes: 1", "1 条备注")
        await person.is_(LI)
        shown = await person.unfolds(card, "更多")
        await shown.locator("[data-name=note]").fill("换盘 **now** <at id=all></at>")
        await person.picture("form")
        await shown.get_by_role("button", name="添加备注", exact=True).click()
        await person.told("备注")
        await person.sees_both(card, "Notes: 2", "2 条备注")
        await expect(shown.locator(".mention")).to_have_count(0)
        await person.picture("notes")
        notes = [line for line in (await at.incident(1))["timeline"] if line["kind"] == "note"]
        assert [line["actor"] for line in notes] == [HAN, LI]


async def test_a_person_who_is_chosen_takes_over(browser: Browser, tmp_path: Path) -> None:
    async with (
        duty(tmp_path, **KEYS) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _owned(at, person)
        shown = await person.unfolds(card, "更多")
        await shown.locator("[data-name=person]").select_option(label=LI)
        await person.picture("chosen")
        await shown.get_by_role("button", name="转交", exact=True).click()
        await person.told("转交")
        await person.sees(card, f"{LI} 于")
        await expect(shown).not_to_contain_text(f"{HAN} 于")
        reply = await at.message(number=2)
        await expect(person.card(reply).locator(".mention")).to_have_text(f"@{LI}")
        await person.sees_both(reply, "Handed over to you", "已转交给你")
        await at.quiet()
        await person.picture("handed-over")


async def test_who_is_asked_confirms_once_and_then_it_lapses(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        duty(tmp_path, **KEYS) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _owned(at, person)
        at.later(26 * MINUTE)
        asked = await at.message(number=2)
        await expect(person.card(asked).locator(".mention")).to_have_text(f"@{HAN}")
        await person.sees_both(asked, "Still on it?", "仍在处理吗")
        await person.sees_both(card, "Still on it?", "仍在处理吗")
        await person.picture("asked")
        await person.presses(card, "仍在处理")
        await expect(person.card(card)).not_to_contain_text("仍在处理吗")
        await at.quiet()
        at.later(26 * MINUTE)
        await at.message(number=3)
        await at.quiet()
        at.later(6 * MINUTE)
        lapsed = await at.message(number=4)
        await person.sees_both(lapsed, "nobody is on it", "现在无人跟进")
        await person.sees_colour(card, "red")
        await at.quiet()
        await person.picture("lapsed")
        assert "Acknowledged by" not in words(card)

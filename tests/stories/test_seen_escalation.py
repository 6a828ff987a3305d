"""Nobody takes an incident, at the page: who is called is seen there, and one click ends it."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from receiver.sandbox.state import Message
from tests.browser import reader
from tests.stage import NOWHERE, Stage, alert, source
from tests.stories.duty import MINUTE, Duty, duty
from tests.stories.onlooker import Onlooker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]


# Nothing is asked of it here: its cards are not to say so.
TRUSTED = {"alertmanagers": [{**source(NOWHERE), "stale_after": "24h"}]}


async def _fired(at: Stage, person: Onlooker) -> Message:
    await at.fire(alert("DiskFull", instance="db-1"))
    card = await at.message()
    await at.quiet()
    await person.opens()
    await person.sees_colour(card, "red")
    return card


async def test_people_are_called_until_one_click(browser: Browser, tmp_path: Path) -> None:
    async with (
        duty(tmp_path, **TRUSTED) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _fired(at, person)
        reply = await _is_mentioned(at, person, card)
        called = await _is_buzzed(at, person, reply)
        await person.is_("李雷")
        await person.presses(card, "认领")
        await person.told("已认领")
        await person.sees_colour(card, "blue")
        await at.quiet()
        at.later(20 * MINUTE)  # the phone's step is long past, the acknowledgement holds
        await at.quiet()
        await expect(page.get_by_test_id("buzzes").locator("li")).to_have_count(called)
        assert [kind for kind, _ in at.buzzes()] == ["app", "sms"]
        await person.picture("acknowledged")


async def _is_mentioned(at: Duty, person: Onlooker, card: Message) -> Message:
    at.later(5 * MINUTE)
    reply = await at.message(number=2)
    assert reply.root_id == card.message_id
    await expect(person.card(reply).locator(".mention")).to_have_text("@李雷")
    await person.sees_both(reply, "Escalated: nobody is on it", "无人跟进,已升级")
    await person.sees_both(card, "Called 李雷 by a mention", "已 @ 李雷")
    await person.picture("mentioned")
    return reply


async def _is_buzzed(at: Duty, person: Onlooker, reply: Message) -> int:
    """Wait for two more steps on the page; return how many buzzes it lists."""
    listed = person.page.get_by_test_id("buzzes").locator("li")
    for number, (kind, en, zh) in enumerate(
        (
            ("app", "Buzzed in the app 李雷", "应用内加急 李雷"),
            ("sms", "Buzzed by SMS 李雷", "短信加急 李雷"),
        )
    ):
        at.later(5 * MINUTE)
        await expect(listed).to_have_count(number + 1)
        await expect(listed.nth(number)).to_have_attribute("data-kind", kind)
        for language, text in (("en", en), ("zh", zh)):
            await person.reads(language)
            await expect(listed.nth(number)).to_contain_text(text)
    await at.quiet()
    await person.picture("buzzed")
    assert reply.root_id
    return 2


async def test_a_quota_that_is_used_up_is_seen_on_the_card(
    browser: Browser, tmp_path: Path
) -> None:
    steps = [
        {"after": "5m", "via": "sms", "whom": ["oncall:db"]},
        {"after": "30m", "via": "phone"},
    ]
    async with (
        duty(tmp_path, steps, **TRUSTED) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        at.desk.turn(urgent_sms_quota=0)
        person = Onlooker(page, tmp_path)
        card = await _fired(at, person)
        at.later(5 * MINUTE)
        await at.until(lambda: at.buzzes() == [("phone", ("李雷",))])
        await at.shows(card, "Phoned")
        await person.sees_both(card, "quota of urgent messages is used up", "加急额度已用完")
        await person.sees_both(card, "Phoned 李雷", "已电话通知 李雷")
        await expect(page.get_by_test_id("buzzes")).to_contain_text("电话加急 李雷")
        await person.picture("quota")


async def test_a_person_escalates_at_once(browser: Browser, tmp_path: Path) -> None:
    async with (
        duty(tmp_path, **TRUSTED) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _fired(at, person)
        await person.is_("韩梅梅")
        shown = person.card(card)
        await person.unfolds(card, "更多")
        await shown.get_by_role("button", name="立即升级", exact=True).click()
        await expect(page.get_by_test_id("confirm")).to_contain_text("可能会拨打电话")
        await page.screenshot(path=tmp_path / "sure.png", animations="disabled")
        await page.get_by_test_id("confirm-ok").click()
        await at.message(number=2)
        await person.sees(card, "已 @ 李雷")
        await person.picture("escalated")

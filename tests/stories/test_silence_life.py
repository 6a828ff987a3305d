"""The whole life of a silence, by a person at the page, before a real Alertmanager."""

import time
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from receiver.domain.silence import SilenceState
from receiver.domain.silencing import Conclusion
from receiver.sandbox.state import Message
from tests.browser import reader
from tests.real_alertmanager import RealAlertmanager, real_alertmanager
from tests.stage import PRODUCTION, Stage, alert, colour, controls, notify, over, source, stage
from tests.stories.test_whole_path import ABOUT, ONE, TWO, Reader

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

MINUTE = 60
ELSEWHERE = {**ONE, "alertname": "ReplicationLag", "instance": "pg-7"}


async def test_by_labels_previewed_confirmed_extended_and_ended(
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
        await page.get_by_test_id("who").select_option(label="韩梅梅")
        await _previews(at, alertmanager, person, card)
        await _confirms(at, alertmanager, person, card)
        await _extends(at, alertmanager, person, card)
        await _ends(at, alertmanager, person, card)


async def _fires(at: Stage, alertmanager: RealAlertmanager, person: Reader) -> Message:
    await alertmanager.fire(ELSEWHERE, ABOUT)
    await at.message()
    await alertmanager.fire(ONE, ABOUT)
    card = await at.message(number=2)
    await alertmanager.fire(TWO, ABOUT)
    await at.until(lambda: card.updates == 1)
    await at.quiet()
    await person.page.locator(f"[data-chat-id='{PRODUCTION}']").click()
    return card


async def _opened(shown: Locator, word: str = "静默") -> Locator:
    await shown.locator(".panel-head").filter(has_text=word).click()
    return shown.locator("form")


async def _previews(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    shown = person.card(card)
    form = await _opened(shown)
    await form.locator("[data-name=labels]").click()
    await form.locator(".menu").get_by_text("cluster=prod-east").click()
    await person.page.keyboard.press("Escape")
    await form.locator("[data-name=duration]").select_option("tomorrow")
    await form.locator("[data-name=comment]").fill("机房切换")
    await person.picture("form")
    await form.get_by_role("button", name="开始静默").click()
    await expect(person.page.get_by_test_id("toast").last).to_contain_text("请核对卡片上的预览")
    await expect(shown).to_contain_text("现在会静默 3 条告警,其中 1 条属于其他事件")
    await expect(shown).to_contain_text("ReplicationLag pg-7")
    await person.picture("preview")
    assert await alertmanager.silences() == []
    assert set(controls(card.content)) == {"acknowledge", "confirm_silence", "cancel"}
    await at.quiet()


async def _confirms(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    shown = person.card(card)
    await shown.get_by_role("button", name="确认静默").click()
    await expect(person.page.get_by_test_id("toast").last).to_have_text("已静默")
    [silence] = await alertmanager.silences()
    assert [(one["name"], one["value"]) for one in silence["matchers"]] == [
        ("cluster", "prod-east")
    ]
    # Nine o'clock in the zone of the reader's page.
    assert silence["endsAt"][11:16] == "01:00"
    await person.sees(card, "grey")
    await at.quiet()


async def _extends(
    at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message
) -> None:
    [before] = await alertmanager.silences()
    shown = person.card(card)
    await shown.locator(".panel-head").filter(has_text="更多").click()
    await shown.get_by_label("延长静默").select_option("2h")
    await person.picture("more")
    await shown.get_by_role("button", name="延长", exact=True).click()
    await expect(person.page.get_by_test_id("toast").last).to_have_text("静默已延长")
    [after] = await alertmanager.silences()
    assert after["id"] == before["id"]
    ends = [datetime.fromisoformat(one["endsAt"]).timestamp() for one in (before, after)]
    assert ends[1] - ends[0] == 120 * MINUTE
    await person.picture("extended")
    await at.quiet()


async def _ends(at: Stage, alertmanager: RealAlertmanager, person: Reader, card: Message) -> None:
    shown = person.card(card)
    await shown.get_by_role("button", name="解除静默").click()
    await person.page.get_by_test_id("confirm-ok").click()
    await expect(person.page.get_by_test_id("toast").last).to_have_text("已解除静默")
    await person.sees(card, "red")
    assert [one["status"]["state"] for one in await alertmanager.silences()] == ["expired"]
    assert colour(card) == "red"
    assert "resilence" not in controls(card.content)
    await at.quiet()


async def test_until_resolved_it_is_kept_and_then_it_ends(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    async with (
        real_alertmanager(folder) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
        reader(browser, at.sandbox.page_url, language="en-US", height=1_000) as page,
    ):
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        await at.quiet()
        await page.locator(f"[data-chat-id='{PRODUCTION}']").click()
        await page.get_by_test_id("who").select_option(label="Alice Chen")
        person = Reader(page, tmp_path)
        form = await _opened(person.card(card), "Silence")
        await form.locator("[data-name=duration]").select_option("resolved")
        await form.get_by_role("button", name="Silence", exact=True).click()
        await at.shows(card, "until it is resolved")
        assert [one["status"]["state"] for one in await alertmanager.silences()] == ["active"]
        await person.picture("kept")
        await at.fire(over(alert(instance="db-1")))
        await at.turns(card, "green")

        async def ended() -> bool:
            return [one["status"]["state"] for one in await alertmanager.silences()] == ["expired"]

        await at.when(ended)


async def test_once_more_in_one_tap(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    async with (
        real_alertmanager(folder) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
        reader(browser, at.sandbox.page_url, language="en-US", height=1_000) as page,
    ):
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        await page.locator(f"[data-chat-id='{PRODUCTION}']").click()
        await at.click(card, "silence", scope="group", duration="2h", comment="")
        await at.turns(card, "grey")
        await at.quiet()
        await _over(at, alertmanager)
        await at.shows(card, "has ended, and it still fires")
        person = Reader(page, tmp_path)
        await person.picture("again")
        await page.get_by_test_id("lang-en").click()
        await person.card(card).get_by_role("button", name="Silence again").click()
        await at.turns(card, "grey")
        states = [one["status"]["state"] for one in await alertmanager.silences()]
        assert sorted(states) == ["active", "expired"]


async def _over(at: Stage, alertmanager: RealAlertmanager) -> None:
    """End the silence in Alertmanager, and have the receiver told of it."""
    [silence] = await alertmanager.silences()
    gone = await at.http.delete(f"{alertmanager.url}/api/v2/silence/{silence['id']}")
    gone.raise_for_status()
    found = await at.receiver.store.snapshot(1)
    assert found is not None
    [ours] = found.incident.silences
    told = Conclusion(incident=1, silence=ours.id, state=SilenceState.EXPIRED)
    await at.receiver.store.conclude(told, time.time_ns() // 1_000_000)

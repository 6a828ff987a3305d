"""At the page of an app without a public address: clicks come along the long connection."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from receiver.sandbox.state import Message
from tests.browser import reader
from tests.real_alertmanager import real_alertmanager
from tests.stage import Stage, alert, over, source
from tests.stories.onlooker import Onlooker
from tests.stories.test_stream import streaming

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]


async def test_a_person_works_along_the_long_connection(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    async with (
        real_alertmanager(folder) as alertmanager,
        streaming(tmp_path, keys={"alertmanagers": [source(alertmanager.url)]}) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        card = await _acknowledges(at, person)
        await _silences(person, card)
        [silence] = await alertmanager.silences()
        assert (silence["status"]["state"], silence["createdBy"]) == ("active", "韩梅梅")
        await at.quiet()
        await person.picture("silenced")
        await person.presses(card, "解除静默", sure=True)
        await person.told("已解除静默")
        await person.sees_colour(card, "blue")
        await at.fire(over(alert("DiskFull", instance="db-1")))
        await person.sees_colour(card, "green")
        await at.quiet()
        answered = "receiver_feishu_ws_ack_duration_seconds_count"
        assert await at.metric(answered, app="ops") == 3
        assert not at.app.callback_url


async def _acknowledges(at: Stage, person: Onlooker) -> Message:
    await at.fire(alert("DiskFull", instance="db-1"))
    card = await at.message()
    await at.quiet()
    await person.opens()
    await person.is_("韩梅梅")
    await person.presses(card, "认领")
    await person.told("已认领")
    await person.sees_colour(card, "blue")
    await at.quiet()
    return card


async def _silences(person: Onlooker, card: Message) -> None:
    form = (await person.unfolds(card, "静默")).locator("form")
    await form.locator("[data-name=duration]").select_option("2h")
    await form.locator("[data-name=comment]").fill("换盘")
    await form.get_by_role("button", name="开始静默").click()
    await person.told("已静默")
    await person.sees_colour(card, "grey")

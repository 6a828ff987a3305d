"""The chart at the page: drawn of the real Prometheus' past, or left out with a word."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from receiver.domain.chart import MINUTE
from tests.browser import reader
from tests.real_alertmanager import wall_clock
from tests.real_prometheus import real_prometheus
from tests.stage import NOWHERE, Stage, stage
from tests.stories.charted import METRIC, PAST, charted, charted_by
from tests.stories.onlooker import Onlooker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]


async def test_a_person_sees_what_led_to_the_alert(browser: Browser, tmp_path: Path) -> None:
    now = wall_clock() // MINUTE * MINUTE
    (tmp_path / "prometheus").mkdir()
    async with (
        real_prometheus(tmp_path / "prometheus", METRIC, PAST, now, 60 * MINUTE) as url,
        stage(tmp_path, **charted_by(url)) as at,
        reader(browser, at.sandbox.page_url, height=1_100) as page,
    ):
        person = Onlooker(page, tmp_path)
        await at.fire(charted("db-1"), charted("db-2"))
        card = await at.message()
        await at.quiet()
        await person.opens()
        drawn = person.card(card).locator(".chart-svg")
        await expect(drawn).to_be_visible()
        for series in ("db-1", "db-2", "> 80"):
            await person.sees(card, series)
        await person.sees_both(card, "disk_used_percent", "横轴为触发后的分钟数")
        await person.picture("chart")
        await person.presses(card, "认领")
        await person.sees_colour(card, "blue")
        await expect(drawn).to_be_visible()


async def test_without_an_answer_the_card_says_so(browser: Browser, tmp_path: Path) -> None:
    async with (
        stage(tmp_path, **charted_by(NOWHERE)) as at,
        reader(browser, at.sandbox.page_url, height=1_000) as page,
    ):
        person = Onlooker(page, tmp_path)
        await _omitted(at, person)
        await person.picture("omitted")


async def _omitted(at: Stage, person: Onlooker) -> None:
    await at.fire(charted())
    card = await at.message()
    await at.quiet()
    await person.opens()
    await person.sees_both(
        card, "Without a chart: the query of Prometheus failed", "无图表:Prometheus 查询失败"
    )
    await expect(person.card(card).locator(".chart-svg")).to_have_count(0)

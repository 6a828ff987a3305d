"""Takes the pictures of the pages anew: ``python -m docs.images.take`` plays the demo."""  # noqa: INP001

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from docs.images.shoot import shoot
from receiver.domain.chart import MINUTE
from tests.browser import READY, chromium
from tests.real_alertmanager import wall_clock
from tests.real_prometheus import real_prometheus
from tests.stage import stage
from tests.stories.charted import METRIC, PAST, charted, charted_by

HERE = Path(__file__).parent
# A browser at 75 %: the picture is 1360 by 900, and three cards are to be seen.
SCALE = 0.75
VIEW = ViewportSize(width=1813, height=1200)
LOOKS = (("sandbox.png", "en-US", "Open in Design"), ("sandbox-zh.png", "zh-CN", "在设计中打开"))
PATIENCE = 60.0
RED, BLUE, GREY = (
    "PostgresConnectionsNearLimit",
    "支付接口延迟过高",
    "NodeFilesystemAlmostOutOfSpace",
)


async def take() -> None:
    """Run the demo, act as two people, and take a picture for each language."""
    async with _demo() as url, chromium() as browser:
        async with _page(browser, url, "zh-CN") as page:
            await _acknowledge(page)
            await _silence(page)
        for name, language, design in LOOKS:
            async with _page(browser, url, language) as page:
                if name == LOOKS[0][0]:
                    await _cards(page)
                await _design(page, design)
                await _picture(page, HERE / name)
        await chart(browser)
        await shoot(browser)


async def _cards(page: Page) -> None:
    """Take the cards that ``docs/on-call.md`` explains, each by itself."""
    for title, colour, name in (
        (RED, "red", "card-firing.png"),
        (BLUE, "blue", "card-acknowledged.png"),
        (GREY, "grey", "card-silenced.png"),
    ):
        await _sees(page, title, colour)
        await _card(page, title).locator(".card").first.screenshot(path=HERE / name)


async def chart(browser: Browser) -> None:
    """Take the picture of a card with a chart, of a real Prometheus with a made-up past."""
    now = wall_clock() // MINUTE * MINUTE
    with TemporaryDirectory() as folder:
        prometheus = Path(folder) / "prometheus"
        prometheus.mkdir()
        async with (
            real_prometheus(prometheus, METRIC, PAST, now, 60 * MINUTE) as url,
            stage(Path(folder), **charted_by(url)) as at,
        ):
            await at.fire(charted("db-1"), charted("db-2"))
            await at.message()
            async with _page(browser, at.sandbox.page_url, "en-US") as page:
                card = _card(page, "DiskAlmostFull")
                await expect(card.locator(".chart-svg")).to_be_visible()
                await card.locator(".card").first.screenshot(path=HERE / "card-chart.png")


@asynccontextmanager
async def _demo() -> AsyncIterator[str]:
    """Run ``receiver demo`` and yield its page's address, once the second database has joined."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "receiver",
        "demo",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        async with asyncio.timeout(PATIENCE):
            url = await _said(process.stdout, r"page\s+(\S+)")
            await _said(process.stdout, r"(second database)")
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _said(lines: asyncio.StreamReader | None, pattern: str) -> str:
    if lines is None:
        raise LookupError("the demo's output is not read")
    while line := (await lines.readline()).decode():
        if found := re.search(pattern, line):
            return found[1]
    raise RuntimeError(f"the demo ended before it said {pattern}")


@asynccontextmanager
async def _page(browser: Browser, url: str, language: str) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport=VIEW,
        device_scale_factor=SCALE,
        locale=language,
        timezone_id="Asia/Shanghai",
    )
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector(READY)
    yield page
    await context.close()


def _card(page: Page, title: str) -> Locator:
    """Find a card by its title; replies to it have no header."""
    header = page.locator(".card-header").filter(has_text=title)
    return page.get_by_test_id("message").filter(has=header)


async def _sees(page: Page, title: str, colour: str) -> None:
    header = _card(page, title).locator(".card-header")
    await expect(header).to_have_attribute("data-template", colour)


async def _acknowledge(page: Page) -> None:
    await page.get_by_test_id("who").select_option(label="韩梅梅")
    await _card(page, BLUE).get_by_role("button", name="认领", exact=True).click()
    await _sees(page, BLUE, "blue")


async def _silence(page: Page) -> None:
    await page.get_by_test_id("who").select_option(label="Alice Chen")
    card = _card(page, GREY)
    await card.locator(".panel-head").filter(has_text="静默").click()
    form = card.locator("form")
    await form.locator("[data-name=duration]").select_option("2h")
    await form.locator("[data-name=comment]").fill("Growing the volume")
    await form.get_by_role("button", name="开始静默").click()
    await _sees(page, GREY, "grey")


async def _design(page: Page, button: str) -> None:
    """Open the silenced card in the drawer where cards are designed."""
    await _card(page, GREY).get_by_test_id("inspect").click()
    await page.get_by_role("button", name=button).click()
    drawn = page.get_by_test_id("design-preview").locator(".card-header")
    await expect(drawn).to_have_attribute("data-template", "grey")


async def _picture(page: Page, path: Path) -> None:
    for title, colour in ((RED, "red"), (BLUE, "blue"), (GREY, "grey")):
        await _sees(page, title, colour)
    await page.evaluate("document.fonts.ready")
    await _card(page, RED).evaluate("card => card.scrollIntoView({block: 'start'})")
    await page.screenshot(path=path)


if __name__ == "__main__":
    asyncio.run(take())

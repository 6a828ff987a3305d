"""Takes pictures of single cards, and of a talk with the bot, on the sandbox's page."""  # noqa: INP001

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, FloatRect, Page, expect

from docs.images.cards import ENGLISH, shots
from receiver.channels.feishu.card import render_app
from receiver.domain.card import Rung
from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from tests.browser import reader
from tests.page.stage import stage
from tests.stage import alert, source
from tests.stage import stage as played

HERE = Path(__file__).parent
HEIGHT = 2_400
TALK = (660, 1_400)
TALK_WIDE = 560
MARGIN = 8
# The bot's answers, by the words that they begin with.
SAID = (
    ("alerts", "Incidents that fire"),
    ("silence DiskFull 2h new disk arrives at noon", "Silenced"),
    ("silences", "Silences that hold"),
)


async def shoot(browser: Browser) -> None:
    """Take each card of ``shots``, and the talk."""
    for name, shot in shots().items():
        async with stage(browser, language=shot.language, height=HEIGHT) as at:
            await _small(at.page)
            drawn = json.loads(render_app(shot.view, Rung.WHOLE))["content"]
            shown = at.message(await at.send(drawn))
            if shot.opens:
                await shown.locator(".panel-head").filter(has_text=shot.opens).first.click()
            await at.page.mouse.move(0, 0)
            await shown.locator(".card").first.screenshot(path=HERE / f"card-{name}.png")
    await _talk(browser)


async def _talk(browser: Browser) -> None:
    """Ask the bot for something in a group, and take what it answers."""
    width, height = TALK
    with TemporaryDirectory() as folder:
        async with (
            serve_alertmanager(AlertmanagerConfig()) as made,
            played(Path(folder), alertmanagers=[source(made.url)]) as at,
            reader(
                browser, at.sandbox.page_url, language=ENGLISH, width=width, height=height
            ) as page,
        ):
            await _small(page)
            await at.fire(alert(alertname="DiskFull"))
            await at.message()
            await at.quiet()
            for text, begins in SAID:
                await page.get_by_test_id("say-text").fill(text)
                await page.get_by_test_id("say-text").press("Enter")
                answer = page.get_by_test_id("chat").get_by_text(begins).last
                await expect(answer).to_be_visible()
            await at.quiet()
            said = page.get_by_test_id("message")
            first, last = await said.nth(1).bounding_box(), await said.last.bounding_box()
            if first is None or last is None:
                raise LookupError("the talk is not to be seen")
            top = first["y"]
            clip = FloatRect(
                x=0, y=top, width=TALK_WIDE, height=last["y"] + last["height"] - top + MARGIN
            )
            await page.screenshot(path=HERE / "commands.png", clip=clip)


async def _small(page: Page) -> None:
    """Draw all of it a quarter smaller, as in the other pictures."""
    await page.evaluate("document.documentElement.style.zoom = 0.75; document.fonts.ready")

"""The demonstration as a newcomer meets it."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.binaries import find
from tests.browser import reader
from tests.stories.process import command

pytestmark = pytest.mark.asyncio(loop_scope="session")

CARDS_WITHIN = 20.0


async def test_cards_appear_within_twenty_seconds_and_ctrl_c_ends_it_cleanly(
    browser: Browser, tmp_path: Path
) -> None:
    find("alertmanager", "prometheus-alertmanager")
    find("prometheus")
    find("promtool")
    started = time.perf_counter()
    home = tmp_path / "home"
    home.mkdir()
    async with command("demo", "--port", "0", environ={"TMPDIR": str(home)}) as demo:
        said = await demo.says(lambda line: line.startswith("Alertmanager"))
        assert "the real Alertmanager" in said
        assert "http://" in await demo.says(lambda line: line.startswith("charts"))
        page_url = (await demo.says(lambda line: line.startswith("page"))).split()[1]
        async with reader(browser, page_url) as page:
            cards = page.get_by_test_id("message").locator(".card-header")
            await expect(cards.first).to_be_visible()
            assert time.perf_counter() - started < CARDS_WITHIN
            await expect(page.locator(".chart-svg").first).to_be_visible(timeout=15_000)
            await page.screenshot(path=tmp_path / "demo.png")
        demo.interrupt()
        assert await demo.ends() == 0
        assert "Traceback" not in demo.output
    assert list(home.iterdir()) == []


async def test_without_the_binary_a_stand_in_plays_alertmanager_and_it_is_said(
    browser: Browser, tmp_path: Path
) -> None:
    started = time.perf_counter()
    home = tmp_path / "home"
    home.mkdir()
    environ = {"PATH": str(Path(sys.executable).parent), "TMPDIR": str(home)}
    async with command("demo", "--port", "0", environ=environ) as demo:
        said = await demo.says(lambda line: line.startswith("Alertmanager"))
        assert "stand-in" in said
        assert "prometheus-alertmanager" in said
        assert "install prometheus" in await demo.says(lambda line: line.startswith("charts"))
        page_url = (await demo.says(lambda line: line.startswith("page"))).split()[1]
        async with asyncio.timeout(CARDS_WITHIN), reader(browser, page_url) as page:
            await expect(page.locator(".card-header").first).to_be_visible()
            assert time.perf_counter() - started < CARDS_WITHIN
        demo.interrupt()
        assert await demo.ends() == 0
        assert "Traceback" not in demo.output
    assert list(home.iterdir()) == []


@pytest.mark.soak(90)
@pytest.mark.parametrize("real", [True, False])
async def test_the_whole_story_shows_what_other_tools_do(
    browser: Browser, tmp_path: Path, *, real: bool
) -> None:
    environ = {"TMPDIR": str(tmp_path)}
    if not real:
        environ["PATH"] = str(Path(sys.executable).parent)
    async with command("demo", "--port", "0", environ=environ) as demo:
        page_url = (await demo.says(lambda line: line.startswith("page"))).split()[1]
        async with reader(browser, page_url, language="en-US") as page:
            header = page.locator(".card-header").filter(has_text="CertificateExpiresSoon")
            for colour, said in (("grey", "silenced"), ("green", "no longer reported")):
                await expect(header).to_have_attribute("data-template", colour, timeout=60_000)
                await expect(header).to_contain_text(said)
            await page.get_by_test_id("say-text").fill("oncall")
            await page.get_by_test_id("say-text").press("Enter")
            await expect(page.get_by_test_id("chat").get_by_text("payments: ").last).to_be_visible()
        demo.interrupt()
        assert await demo.ends() == 0

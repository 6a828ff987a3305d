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
    started = time.perf_counter()
    home = tmp_path / "home"
    home.mkdir()
    async with command("demo", "--port", "0", environ={"TMPDIR": str(home)}) as demo:
        said = await demo.says(lambda line: line.startswith("Alertmanager"))
        assert "the real Alertmanager" in said
        page_url = (await demo.says(lambda line: line.startswith("page"))).split()[1]
        async with reader(browser, page_url) as page:
            cards = page.get_by_test_id("message").locator(".card-header")
            await expect(cards.first).to_be_visible()
            await page.screenshot(path=tmp_path / "demo.png")
            assert time.perf_counter() - started < CARDS_WITHIN
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
        page_url = (await demo.says(lambda line: line.startswith("page"))).split()[1]
        async with asyncio.timeout(CARDS_WITHIN), reader(browser, page_url) as page:
            await expect(page.locator(".card-header").first).to_be_visible()
            assert time.perf_counter() - started < CARDS_WITHIN
        demo.interrupt()
        assert await demo.ends() == 0
        assert "Traceback" not in demo.output
    assert list(home.iterdir()) == []

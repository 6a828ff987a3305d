"""One Chromium for all tests of the page; each test opens its own profile in it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import chromium
from tests.page.stage import Stage, stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run headless Chromium."""
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def at(browser: Browser) -> AsyncIterator[Stage]:
    """Open a Chinese reader's page of a fresh sandbox."""
    async with stage(browser) as opened:
        yield opened

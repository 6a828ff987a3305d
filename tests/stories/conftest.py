"""One Chromium for all stories of a worker; each reader opens a profile of their own in it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run headless Chromium."""
    async with chromium() as running:
        yield running

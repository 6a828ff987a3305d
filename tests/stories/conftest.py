"""One Chromium for all stories of a worker; and the longest stories first, so that none is last."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import chromium

SHORT = 20  # seconds of a story that does not say how long it takes


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order stories in real time by ``soak(seconds)``, the longest first on each worker.

    A worker takes as many in a row as there are for each, and then from the end of the others'.
    """
    if not all(item.get_closest_marker("soak") for item in items):
        return
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.sort(key=_seconds, reverse=True)
    items[:] = [item for worker in range(workers) for item in items[worker::workers]]


def _seconds(item: pytest.Item) -> int:
    marker = item.get_closest_marker("soak")
    return marker.args[0] if marker and marker.args else SHORT


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run headless Chromium."""
    async with chromium() as running:
        yield running

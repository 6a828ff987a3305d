"""Delivery for each test, and examples that may take as long as a busy machine needs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.deliver.desk import Desk, delivering

settings.register_profile("core", deadline=None)
settings.load_profile("core")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with delivering(tmp_path) as made:
        yield made

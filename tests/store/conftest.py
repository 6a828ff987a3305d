"""Every test of the contract runs on every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.store.base import Store
from tests.store.engines import ENGINES, Engine


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    opened = engine.open()
    yield opened
    await opened.close()

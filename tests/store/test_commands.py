"""Commands in the store: known once, waiting until they are answered, and bounded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from receiver.store.base import Asked, Unavailable
from receiver.store.commands import REMEMBERED, WAITING_MOST
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits

NOW = 1_790_000_000_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    """Open a store, and close it."""
    commits = Commits(done=lambda *_: None, failed=lambda _: None)
    path = folder / "receiver.db"
    store = SqliteStore(path, patience=5.0, timer=lambda: 0.0, commits=commits)
    try:
        yield store
    finally:
        await store.close()


async def test_a_command_is_new_once_and_waits_across_a_restart(tmp_path: Path) -> None:
    first = Asked("ops:om_1", NOW, b"one")
    async with opened(tmp_path) as store:
        assert await store.ask(first)
        assert not await store.ask(first)
        assert await store.ask(Asked("ops:om_2", NOW + 1, b"two"))
    async with opened(tmp_path) as store:
        assert await store.asked() == [first, Asked("ops:om_2", NOW + 1, b"two")]
        await store.answered("ops:om_1", ("chat:oc_1", "month:default:2026-09"), NOW + 2)
        assert [one.id for one in await store.asked()] == ["ops:om_2"]
        assert not await store.ask(first)
        assert [each.keys for each in await store.spent(NOW)] == [("chat:oc_1",)]
        assert await store.counted() == {"month:default:2026-09": 1}


async def test_what_nobody_pushes_any_more_is_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.ask(Asked("old", NOW, b""))
        await store.answered("old", (), NOW)
        later = NOW + REMEMBERED + 1
        await store.ask(Asked("new", later, b""))
        assert await store.ask(Asked("old", later, b""))


async def test_too_many_that_wait_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(WAITING_MOST):
            assert await store.ask(Asked(f"{number}", NOW, b""))
        with pytest.raises(Unavailable):
            await store.ask(Asked("one more", NOW, b""))
        assert not await store.ask(Asked("0", NOW, b""))
        await store.answered("0", (), NOW)
        assert await store.ask(Asked("one more", NOW, b""))

"""Another process holds a lock on the store."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.stage import staged
from tests.faults.trouble import ROUTES, Trouble, end

pytestmark = pytest.mark.soak  # a process each, and disks that fill

LOCKED = ("another process holds a lock on the store", "fuser -v", "goes on by itself")
_HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.asynccontextmanager
async def locked(store: Path) -> AsyncIterator[None]:
    """Hold the lock in another process until the block ends."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _HOLDER, str(store)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        yield
    finally:
        await holder.communicate(b"")


async def test_a_lock_is_told_and_waited_for(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        await stage.start()
        assert await trouble.post()
        await stage.settled()
        async with locked(stage.store):
            assert not await trouble.post()
            await trouble.told("locked", *LOCKED)
        await trouble.over()
        await end(stage)


async def test_a_body_that_meets_a_short_lock_is_accepted(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        await stage.start()
        async with locked(stage.store):
            posting = asyncio.create_task(trouble.post())
            await stage.ask("/-/healthy")  # the body has arrived before this one
        assert await posting
        await stage.settled()
        await end(stage)


async def test_a_start_that_meets_a_lock_says_so(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        await stage.start()
        assert await trouble.post()
        await stage.settled()
        await stage.stop()
        async with locked(stage.store):
            life = await stage.start()
            assert not life.ready
            assert await life.ended() == 1
        said = "".join(life.said)
        assert "Traceback" not in said, said
        for word in ("Error: store.url: ", *LOCKED[:2]):
            assert word in said, said
        await stage.start()
        await end(stage)

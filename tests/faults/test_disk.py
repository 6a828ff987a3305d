"""The disk: full, read-only, refusing to be written; while it runs, and at a start."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.crash.stage import Life, Stage, staged
from tests.faults.disk import Disk, small_disk
from tests.faults.trouble import ROUTES, Trouble, end

pytestmark = pytest.mark.soak  # a process each, and disks that fill

FULL = ("the disk is full: free space on the store's disk", "goes on by itself")
REFUSES = ("the disk refuses to be read or written", "look at the kernel's log")


@contextlib.contextmanager
def no_growth(life: Life) -> Iterator[None]:
    """Let a process write nothing any more: each write is answered with an error."""
    pid = life.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextlib.contextmanager
def read_only(life: Life, store: Path) -> Iterator[None]:
    """Make the store's files read-only, for a process too that has them open.

    A remount is refused while a file is open for writing; the flag of the file itself is not. Where
    nobody may set it, writing is refused in another way.
    """
    files = [str(store), f"{store}-wal"]
    chattr = shutil.which("chattr")
    if chattr is None or subprocess.run([chattr, "+i", *files], check=False).returncode:
        with no_growth(life):
            yield
        return
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", *files], check=True)


async def _start(stage: Stage, disk: Disk) -> Life:
    stage.configure(ROUTES, disk.place)
    return await stage.start(under=disk.under)


async def test_a_full_disk_refuses_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    async with small_disk(tmp_path) as disk, staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        await _start(stage, disk)
        assert await trouble.post()
        disk.fill()
        await trouble.refused()
        await trouble.told("disk", *FULL)
        disk.free()
        await trouble.over()
        await end(stage, partial(disk.fetch, tmp_path))


async def test_a_kill_while_the_disk_is_full_loses_nothing_that_was_accepted(
    tmp_path: Path,
) -> None:
    async with small_disk(tmp_path) as disk, staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        life = await _start(stage, disk)
        disk.fill()
        await trouble.refused()
        life.process.kill()
        await life.ended()
        again = await _start(stage, disk)  # on the full disk
        if not again.ready:
            assert "the disk is full: free space" in stage.story()
            assert "Traceback" not in stage.story()
            assert await again.ended() == 1
            disk.free()
            await _start(stage, disk)
        else:
            disk.free()
        await trouble.over()
        await end(stage, partial(disk.fetch, tmp_path))


async def test_a_disk_that_refuses_to_be_written(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        life = await stage.start()
        assert await trouble.post()
        with no_growth(life):
            await trouble.refused()
            await trouble.told("disk", *REFUSES)
        await trouble.over()
        await end(stage)


async def test_files_that_become_read_only(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        trouble = Trouble(stage)
        life = await stage.start()
        assert await trouble.post()
        await stage.settled()
        with read_only(life, stage.store):
            await trouble.refused()
            await trouble.told("disk", *REFUSES)
        await trouble.over()
        await end(stage)


@pytest.mark.parametrize("known", [False, True])
async def test_a_start_on_a_read_only_disk_says_so(tmp_path: Path, *, known: bool) -> None:
    async with small_disk(tmp_path) as disk, staged(tmp_path, ROUTES) as stage:
        if known:
            await _start(stage, disk)
            await stage.stop()
        shell = 'mount -o "remount,ro" "$0" && exec "$@"'
        under = (*disk.under, "sh", "-c", shell, str(disk.place))
        stage.configure(ROUTES, disk.place)
        life = await stage.start(under=under)
        assert not life.ready
        assert await life.ended() == 1
        said = "".join(life.said)
        assert f"Error: store.url: {disk.place}" in said
        assert "Read-only file system" in said
        assert "Traceback" not in said

"""A small disk of its own, in a mount namespace that ends with it: no privilege, no trace."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.binaries import find, required

SIZE = 4 << 20
FILLER = "filler"
PIECE = 64 << 10
_HOLD = 'mount -t tmpfs -o "size=$2" receiver-test "$1" && echo mounted && exec cat'


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted disk: where lives see it, where the test does, and what starts a life on it."""

    place: Path
    view: Path
    under: tuple[str, ...]

    def fill(self) -> None:
        """Leave no room."""
        piece = PIECE
        with (self.view / FILLER).open("ab", buffering=0) as filler:
            while piece:
                try:
                    filler.write(bytes(piece))
                except OSError:
                    piece //= 2

    def free(self) -> None:
        """Give the room back."""
        (self.view / FILLER).unlink()

    def fetch(self, folder: Path) -> None:
        """Copy the store of a life that has ended to where it can be opened."""
        for file in self.view.glob("receiver.db*"):
            shutil.copy(file, folder / file.name)


@contextlib.asynccontextmanager
async def small_disk(folder: Path, size: int = SIZE) -> AsyncIterator[Disk]:
    """Mount a disk, for the processes that are started with ``under`` alone."""
    place = folder / "disk"
    place.mkdir()
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    enter = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    holder = await asyncio.create_subprocess_exec(
        str(find("unshare")),
        *own,
        "--mount",
        *("sh", "-c", _HOLD, "sh", str(place), str(size)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        if holder.stdout is None or (said := await holder.stdout.readline()) != b"mounted\n":
            _refused(said)
        view = Path(f"/proc/{holder.pid}/root{place}")
        target = ("--target", str(holder.pid), "--mount")
        yield Disk(place, view, (str(find("nsenter")), *target, *enter, "--"))
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.communicate()


def _refused(said: bytes) -> None:
    message = f"this machine lets nobody mount a disk: {said.decode(errors='replace')}"
    if required(os.environ):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)

"""Damaged files: nothing is accepted any more, and it is said what to do."""

import os
import random
import signal
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from receiver.store.base import Unavailable
from receiver.store.sound import lost_commits
from tests.crash.stage import Stage, staged
from tests.faults.trouble import ROUTES, Trouble
from tests.store.engines import SqliteEngine
from tests.store.made import group, open_one

DAMAGED = ("damaged: stop the receiver", "restore a backup, or move the file away with its -wal")
PAGE = 4096
LOG_HEAD, FRAME = 32, 24 + PAGE
SEED = 7
MANY = 60  # incidents; those that nothing changes any more are on pages that nothing mends


def damage(file: Path, start: int = PAGE) -> None:
    """Overwrite a file with what was never in it, but for its beginning."""
    chance = random.Random(SEED)  # noqa: S311  (chance that can be repeated)
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(chance.randbytes(max(size - start, 0)))


def _content(file: Path) -> bytes:
    return file.read_bytes()


def _rewrite(file: Path, content: bytes) -> None:
    file.write_bytes(content)


async def _shown(stage: Stage, groups: int = 3) -> Trouble:
    """Run a life that has accepted and shown some groups."""
    trouble = Trouble(stage)
    await stage.start()
    for _ in range(groups):
        assert await trouble.post()
    await stage.settled()
    return trouble


@pytest.mark.soak
async def test_damage_while_it_runs_ends_acceptance(tmp_path: Path) -> None:
    """What is in memory hides it for a moment: from the first refusal on, nothing is accepted."""
    async with staged(tmp_path, ROUTES) as stage:
        trouble = await _shown(stage)
        for _ in range(MANY):
            assert await trouble.post()
        with _standing_still(stage):
            damage(stage.store)
            damage(Path(f"{stage.store}-wal"), LOG_HEAD)
        assert await _met(stage, trouble)
        assert not await trouble.post()
        await trouble.told("corrupt", *DAMAGED)
        for _ in range(5):
            assert not await trouble.post()
        life = stage.life
        assert life is not None
        life.process.terminate()
        assert await life.ended() == 0
        await _refused_start(stage, f"Error: store.url: {stage.store}")


@contextmanager
def _standing_still(stage: Stage) -> Iterator[None]:
    """Stop the process meanwhile: folding its log back between two damages would mend the first."""
    life = stage.life
    assert life is not None
    os.kill(life.process.pid, signal.SIGSTOP)
    yield
    os.kill(life.process.pid, signal.SIGCONT)


async def _met(stage: Stage, trouble: Trouble) -> bool:
    """Write and read until the damage is met: each write makes the readers' memory older."""
    for _ in range(MANY):
        await trouble.post()
        if not (await stage.ask("/api/v1/incidents")).is_success:
            return True
    return False


async def _refused_start(stage: Stage, *words: str) -> None:
    life = await stage.start()
    assert not life.ready
    assert await life.ended() == 1
    said = "".join(life.said)
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


async def test_damage_that_a_reader_meets_ends_acceptance_too(tmp_path: Path) -> None:
    """What is written can be shown no more: a promise to show it would be an empty one."""
    engine = SqliteEngine(path=tmp_path / "receiver.db")
    store = engine.open()
    for number in range(50):
        await open_one(store, group(number))
    await store.close()
    store = engine.open()
    damage(engine.path)
    for _ in range(2):
        with pytest.raises(Unavailable, match="restore a backup") as failure:
            await store.incidents(0, 50)
        assert failure.value.reason == "corrupt"
    with pytest.raises(Unavailable, match="restore a backup"):
        await open_one(store, group(51))
    assert set(engine.failures) == {"corrupt"}
    await store.close()


@pytest.mark.soak
async def test_a_start_on_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        await _shown(stage)
        await stage.stop()
        damage(stage.store)
        content = _content(stage.store)
        for _ in range(2):
            await _refused_start(
                stage, f"Error: store.url: {stage.store} cannot be opened: ", DAMAGED[1]
            )
        assert _content(stage.store) == content


@pytest.mark.soak
async def test_a_start_on_a_damaged_log_says_what_would_be_lost(tmp_path: Path) -> None:
    """SQLite itself would go on with what comes before the damage, and say nothing."""
    async with staged(tmp_path, ROUTES) as stage:
        await _shown(stage)
        life = stage.life
        assert life is not None
        life.process.kill()
        await life.ended()
        log = Path(f"{stage.store}-wal")
        whole = _content(log)
        damaged = whole[: LOG_HEAD + 100] + b"\xff" + whole[LOG_HEAD + 101 :]
        _rewrite(log, damaged)
        await _refused_start(
            stage, f"Error: store.url: {log} is damaged: ", "move the -wal away to go on"
        )
        assert _content(log) == damaged
        _rewrite(log, whole)
        await stage.start()
        await stage.stop()
        stage.check()
        stage.check_store()


def _log_of(folder: Path, commits: int) -> bytes:
    """Return a log with so many commits that were never folded back."""
    file = folder / "made.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(commits):
            db.execute("INSERT INTO t VALUES (?)", (number,))
        return Path(f"{file}-wal").read_bytes()


def _commits_after(log: bytes, place: int) -> Iterator[int]:
    """Yield the commits that a damage at this place costs, by their frames."""
    for start in range(LOG_HEAD, len(log), FRAME):
        if start + FRAME > place and struct.unpack(">I", log[start + 4 : start + 8])[0]:
            yield start


@pytest.mark.parametrize("place", [9, 40, 60, LOG_HEAD + 5 * FRAME + 700, -FRAME + 300])
def test_a_damaged_byte_costs_every_commit_after_it_but_perhaps_the_last(
    tmp_path: Path, place: int
) -> None:
    log = _log_of(tmp_path, 9)
    place %= len(log)
    path = tmp_path / "log"
    path.write_bytes(log)
    assert lost_commits(path) == 0
    path.write_bytes(log[:place] + bytes([log[place] ^ 0x40]) + log[place + 1 :])
    after = len(list(_commits_after(log, place)))
    # The last may never have been on the disk, and one with a damaged head is not known as ours.
    assert max(after - 2, 0) <= lost_commits(path) <= max(after - 1, 0)


@pytest.mark.parametrize("left", [0, 10, LOG_HEAD, LOG_HEAD + 30, LOG_HEAD + 3 * FRAME + 99])
def test_a_log_that_was_cut_off_costs_nothing_for_certain(tmp_path: Path, left: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(_log_of(tmp_path, 9)[:left])
    assert lost_commits(path) == 0
    assert lost_commits(tmp_path / "none") == 0


def test_what_is_left_of_an_older_log_is_not_lost(tmp_path: Path) -> None:
    """A log is written over from its beginning, with other salts."""
    old = _log_of(tmp_path, 9)
    file = tmp_path / "new.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        for number in range(9):
            db.execute("INSERT INTO t VALUES (?)", (number,))
        db.execute("PRAGMA wal_checkpoint(RESTART)")
        db.execute("INSERT INTO t VALUES (9)")
        log = Path(f"{file}-wal").read_bytes()
    assert len(log) >= len(old)
    path = tmp_path / "log"
    path.write_bytes(log)
    assert lost_commits(path) == 0

"""What holds of the embedded engine alone."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from receiver.domain.card import Ability
from receiver.domain.reason import BodyReason
from receiver.store import schema
from receiver.store import statements as sql
from receiver.store.base import Poisoned, Unavailable, Unusable
from receiver.store.file import check, migrate
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import (
    LOG_CHECKED_EVERY,
    LOG_KEPT,
    LOG_MOST,
    Commits,
    Writer,
    failure_reason,
    is_own_fault,
)
from tests.domain.made import HOUR, NOW, SECOND, alert, notice
from tests.store.engines import SqliteEngine, connection_of, rows_of
from tests.store.made import BROKEN, RULES, group, open_one

CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"

SECOND_PROCESS = """
import asyncio, sys
from pathlib import Path
from receiver.store.base import Unusable
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits

async def main():
    quiet = Commits(lambda *_: None, lambda *_: None)
    try:
        SqliteStore(Path(sys.argv[1]), patience=1, timer=lambda: 0.0, commits=quiet)
    except Unusable as refusal:
        print(refusal)
        return
    sys.exit("it was opened twice")

asyncio.run(main())
"""


@pytest.fixture
def engine(tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(path=tmp_path / "receiver.db")


def pragma(db: sqlite3.Connection, name: str) -> object:
    """Return a pragma's value."""
    return db.execute(f"PRAGMA {name}").fetchone()[0]


async def test_the_connection_that_writes_is_durable(engine: SqliteEngine) -> None:
    store = engine.open()
    db = connection_of(store)
    assert pragma(db, "journal_mode") == "wal"
    assert pragma(db, "synchronous") == 2  # FULL
    assert pragma(db, "wal_autocheckpoint") == 0
    assert pragma(db, "journal_size_limit") == LOG_KEPT < LOG_MOST
    assert pragma(db, "user_version") == schema.VERSION
    await store.close()


async def test_readers_cannot_write(engine: SqliteEngine) -> None:
    store = engine.open()
    read: Callable[[Callable[[sqlite3.Connection], object]], Awaitable[object]]
    read = store._read  # noqa: SLF001  (what no caller may touch, a test must see)
    assert await read(lambda db: pragma(db, "query_only")) == 1
    with pytest.raises(Unavailable):
        await read(lambda db: db.execute("DELETE FROM incidents"))
    await open_one(store)  # neither harms the writer
    assert await read(lambda db: db.in_transaction) is True
    assert len(await store.incidents(0, 9)) == 1
    await store.close()


def log_of(engine: SqliteEngine) -> Path:
    """Return where SQLite keeps its log."""
    return Path(f"{engine.path}-wal")


async def test_an_answer_means_that_a_stranger_can_read_it(engine: SqliteEngine) -> None:
    store = engine.open()
    await open_one(store)
    assert rows_of(engine.path, "SELECT COUNT(*) FROM incidents") == [(1,)]
    await store.close()
    assert not log_of(engine).exists()


async def test_a_second_process_is_refused_and_told_whom_to_stop(engine: SqliteEngine) -> None:
    store = engine.open()
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SECOND_PROCESS, str(engine.path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr
    assert f"is in use by another receiver (process {os.getpid()}); stop it" in result.stdout
    await store.close()
    engine_again = engine.open()  # the lock ends with its owner
    await engine_again.close()


async def test_a_second_store_in_the_same_process_is_refused_too(engine: SqliteEngine) -> None:
    store = engine.open()
    with pytest.raises(Unusable, match="is in use by another receiver"):
        engine.open()
    check(engine.path)  # looking is allowed: a running receiver's configuration can be checked
    await open_one(store)
    await store.close()
    check(engine.path)


async def test_a_newer_schema_is_refused_with_the_cure(engine: SqliteEngine) -> None:
    await engine.open().close()
    db = sqlite3.connect(engine.path)
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    for attempt in (engine.open, lambda: check(engine.path)):
        with pytest.raises(Unusable) as refused:
            attempt()
        assert f"has schema version {schema.VERSION + 1}" in str(refused.value)
        assert "start the newer receiver that wrote it" in str(refused.value)
    db = sqlite3.connect(engine.path)
    assert pragma(db, "user_version") == schema.VERSION + 1  # left as it was
    db.close()


NEXT_STEP = (
    "ALTER TABLE incidents ADD COLUMN note TEXT",
    "CREATE INDEX by_note ON incidents (note)",
)
BAD_STEP = ("CREATE TABLE extra (x)", "CREATE TABLE incidents (x)")


async def test_an_older_file_is_brought_up_step_by_step(engine: SqliteEngine) -> None:
    store = engine.open()
    await open_one(store)
    await store.close()
    db = sqlite3.connect(engine.path, isolation_level=None)
    steps = (*schema.MIGRATIONS, NEXT_STEP, ("CREATE TABLE extra (x)",))
    migrate(db, engine.path, steps)
    assert pragma(db, "user_version") == len(steps)
    assert db.execute("SELECT note FROM incidents").fetchall() == [(None,)]
    migrate(db, engine.path, steps)  # nothing is left to do
    db.close()


def test_an_empty_file_goes_through_every_step(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    migrate(db, tmp_path / "new.db", (("CREATE TABLE a (x)",), ("DROP TABLE a",)))
    assert pragma(db, "user_version") == 2
    db.close()


def test_a_step_that_fails_leaves_the_version_before_it(engine: SqliteEngine) -> None:
    db = sqlite3.connect(engine.path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, engine.path, (*schema.MIGRATIONS, BAD_STEP))
    db.execute("ROLLBACK")
    assert pragma(db, "user_version") == schema.VERSION
    assert db.execute("SELECT name FROM sqlite_master WHERE name = 'extra'").fetchall() == []
    db.close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 99])
def test_a_damaged_file_is_refused_with_the_cure(engine: SqliteEngine, content: bytes) -> None:
    engine.path.write_bytes(content)

    async def start() -> None:
        engine.open()

    attempts: tuple[Callable[[], None], ...] = (
        lambda: asyncio.run(start()),
        lambda: check(engine.path),
    )
    for attempt in attempts:
        with pytest.raises(Unusable) as refused:
            attempt()
        assert str(refused.value).startswith(f"store.url: {engine.path} cannot be opened: ")
        assert "restore a backup, or move the file away" in str(refused.value)
    assert engine.path.read_bytes() == content


async def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unusable, match="cannot be written"):
        SqliteEngine(path=tmp_path / "file" / "receiver.db").open()
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unusable, match="cannot be opened"):
        SqliteEngine(path=tmp_path / "folder.db").open()


async def test_a_full_disk_is_unavailable_and_loses_nothing(engine: SqliteEngine) -> None:
    store = engine.open()
    await open_one(store)
    db = connection_of(store)
    db.execute(f"PRAGMA max_page_count = {pragma(db, 'page_count')}")
    large = notice(alert("n2")._replace(annotations={"text": "x" * 200_000}))
    with pytest.raises(Unavailable) as refused:
        await store.apply(group(2, large), RULES, NOW)
    assert refused.value.reason == "disk"
    assert engine.failures == ["disk"]
    assert len(await store.incidents(0, 9)) == 1
    db.execute("PRAGMA max_page_count = 1000000")
    assert (await store.apply(group(2, large), RULES, NOW)).raised
    await store.close()


async def test_a_full_disk_is_nobody_s_poison(engine: SqliteEngine) -> None:
    """When the store fails, so does the whole group: a body must not land in quarantine."""
    store = engine.open()
    await open_one(store)
    db = connection_of(store)
    db.execute(f"PRAGMA max_page_count = {pragma(db, 'page_count')}")
    large = notice(alert("n2")._replace(annotations={"text": "x" * 200_000}))
    told = (group(2, large), BROKEN, group(3, large))
    results = await asyncio.gather(
        *(store.apply(one, RULES, NOW) for one in told), return_exceptions=True
    )
    assert not [one for one in results[::2] if not isinstance(one, Unavailable)]
    await store.close()


async def test_a_read_only_file_is_unavailable(engine: SqliteEngine) -> None:
    store = engine.open()
    connection_of(store).execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable) as refused:
        await open_one(store)
    assert refused.value.reason == "disk"
    await store.close()


async def test_a_statement_of_ours_that_is_wrong_harms_its_own_job_alone(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = engine.open()
    monkeypatch.setattr("receiver.store.statements.INSERT_QUARANTINE", "INSERT INTO nothing")
    results = await asyncio.gather(
        open_one(store), store.quarantine("prod", b"x", "bad", NOW), return_exceptions=True
    )
    assert isinstance(results[1], Poisoned)
    assert not isinstance(results[0], BaseException)
    assert engine.failures == []
    await store.close()


async def test_all_that_waits_shares_a_commit(engine: SqliteEngine) -> None:
    store = engine.open()
    db = sqlite3.connect(engine.path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")  # holds the writer back while the others queue up
    tasks = [asyncio.create_task(open_one(store, group(number))) for number in range(50)]
    await asyncio.sleep(0)
    db.execute("ROLLBACK")
    db.close()
    await asyncio.gather(*tasks)
    assert sum(engine.groups) == 50
    assert len(engine.groups) <= 3
    await store.close()


async def test_a_commit_that_takes_too_long_is_unavailable_and_may_be_made_again(
    engine: SqliteEngine,
) -> None:
    store = engine.open()
    db = sqlite3.connect(engine.path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(open_one(store))
    await asyncio.sleep(0)
    engine.clock += engine.patience
    with pytest.raises(Unavailable) as refused:
        await task
    assert (refused.value.reason, engine.failures) == ("timeout", ["timeout"])
    db.execute("ROLLBACK")
    db.close()
    again = await open_one(store, now=NOW + SECOND)
    assert again.reason in (BodyReason.FIRST, BodyReason.DUPLICATE)
    assert len(await store.incidents(0, 9)) == 1
    await store.close()


async def test_more_than_fits_the_queue_is_unavailable(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.store.writer.QUEUE_MOST", 5)
    store = engine.open()
    tasks = [asyncio.create_task(open_one(store, group(number))) for number in range(400)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [one for one in results if isinstance(one, Unavailable)]
    assert {one.reason for one in refused} == {"capacity"}
    kept = len(results) - len(refused)
    assert 5 <= kept < 400
    assert len(await store.incidents(0, 999)) == kept
    await store.close()


@pytest.mark.parametrize("_", range(30))
async def test_a_close_never_hangs_on_what_came_with_it(engine: SqliteEngine, _: int) -> None:
    store = engine.open()
    task = asyncio.create_task(open_one(store))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await store.close()
    assert (await task).raised


class Traced:
    """A writer whose statements can be seen."""

    def __init__(self, path: Path, log_size: int) -> None:
        """Open a file with one table."""
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("CREATE TABLE t (x)")
        self.checkpoints = 0
        self.checkpointed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.db.set_trace_callback(self._see)
        self.writer = Writer(
            self.db,
            patience=60,
            timer=lambda: 0.0,
            log_size=lambda: log_size,
            commits=Commits(lambda *_: None, lambda *_: None),
        )

    def _see(self, statement: str) -> None:
        if statement == CHECKPOINT:
            self.checkpoints += 1
            self._loop.call_soon_threadsafe(self.checkpointed.set)

    async def write(self, times: int) -> None:
        """Commit so many times."""
        for _ in range(times):
            await self.writer.submit(lambda db: db.execute("INSERT INTO t VALUES (1)").rowcount)

    async def close(self) -> None:
        """End the thread."""
        await self.writer.close()
        self.db.close()


async def test_the_log_is_folded_back_when_nothing_waits(tmp_path: Path) -> None:
    traced = Traced(tmp_path / "t.db", log_size=0)
    await traced.write(1)
    async with asyncio.timeout(20):
        await traced.checkpointed.wait()
    await traced.close()
    assert traced.checkpoints == 1


@pytest.mark.parametrize(
    ("size", "commits", "expected"),
    [
        (LOG_MOST, 3 * LOG_CHECKED_EVERY, 0),
        (LOG_MOST + 1, LOG_CHECKED_EVERY - 1, 0),
        (LOG_MOST + 1, 3 * LOG_CHECKED_EVERY, 3),
    ],
)
async def test_while_something_waits_it_is_only_when_the_log_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, commits: int, expected: int
) -> None:
    monkeypatch.setattr("receiver.store.writer.IDLE", 60)
    traced = Traced(tmp_path / "t.db", log_size=size)
    await traced.write(commits)
    await traced.close()
    assert traced.checkpoints == expected


HOT = (
    (sql.NEWEST_OF_GROUP, (b"k",)),
    (sql.INCIDENT, (1,)),
    (sql.INCIDENTS_BEFORE, (9, 9)),
    (sql.LAPSING, (1,)),
    (sql.NEXT_LAPSE, ()),
    (sql.MEMBERS, (1,)),
    (sql.RAISE_CARDS, (1, 1, 1, 1, 0)),
    (sql.CARD, (1,)),
    (sql.CARDS_OF, (1,)),
    (sql.CARDS_WAITING, ()),
    (sql.IN_FLIGHT, ()),
    (sql.DEAD, (9,)),
    (sql.STIRRED, (1, 2)),
    (sql.BACKLOG, ()),
    (sql.NEXT_DUE, (1,)),
    (sql.DUE, ("t", 0, 1, 1, 1)),
    (sql.WAITING_CARDS, ()),
    (sql.LOADS, ()),
    (sql.STORM, ("t",)),
    (sql.LESSER, ("t", 9)),
    (sql.ENDED, ("t", 9)),
    (sql.ASTIR, (1,)),
    (sql.REGATHER, (1, 1, 1, 1, 1, b"")),
    (sql.PART, (1, 1, 1)),
    (sql.GATHERED, (1,)),
    (sql.GATHERED_AS_OF, (1, 1)),
    (sql.UNTOLD, (1, 1)),
    (sql.TOLD, (1, 1, 1)),
    (sql.DEAD_IN_SCOPE, ("t", 9)),
    (sql.HASTEN, ("t", 1)),
    (sql.ACCEPT_UNITS, (1,)),
    (sql.COUNT_DEAD, ()),
    (sql.TIMELINE, (1,)),
    (sql.ACTION, ("a",)),
    (sql.CALLS, (1,)),
    (sql.LAST_OWNER, (1, "x")),
    (sql.DROP_CALLS, (1,)),
    (sql.DROP_SEEN, (1,)),
    (sql.OVER, (1, 1)),
    (sql.DROP_QUARANTINE, (1, 1)),
    *((statement, (1,)) for statement in sql.DROP_INCIDENT if "intents" not in statement),
)


async def test_no_statement_reads_a_whole_table(engine: SqliteEngine) -> None:
    await engine.open().close()
    db = sqlite3.connect(engine.path)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for statement, values in HOT:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
        assert plan, statement
        for step in plan:
            whole = step.startswith("SCAN") and "INDEX" not in step
            assert not (whole and step.split()[1] in tables), (statement, plan)
    db.close()


async def test_a_queue_is_read_in_the_order_of_its_index(engine: SqliteEngine) -> None:
    await engine.open().close()
    db = sqlite3.connect(engine.path)
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql.DUE}", ("t", 0, 1, 1, 1))]
    assert any("cards_due " in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
    db.close()


async def test_the_cost_of_a_change_does_not_grow_with_what_is_over(engine: SqliteEngine) -> None:
    store = engine.open()
    few = await cost_of_a_life(store, 10_000)
    for number in range(300):
        told = group(number, notice(alert(f"m{number}")))
        await open_one(store, told)
        over = group(number, notice(alert(f"m{number}", firing=False)))
        await store.apply(over, RULES, NOW + SECOND)
    assert (await store.figures()).open_incidents == 0
    many = await cost_of_a_life(store, 20_000)
    assert many <= few * 1.1
    await store.close()


async def cost_of_a_life(store: SqliteStore, number: int) -> int:
    """Count SQLite's own steps for a body, its card, its update and its end."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    names = [f"c{number}", f"d{number}"]
    db = connection_of(store)
    db.set_progress_handler(count, 1)
    first = await store.apply(group(number, notice(alert(names[0]))), RULES, NOW + HOUR)
    await store.apply(group(number, notice(*map(alert, names))), RULES, NOW + HOUR + 1)
    (card,) = await store.cards(first.incident)
    await store.begin(card.id, Ability.EDITS, NOW + HOUR + 2)
    over = notice(*(alert(name, firing=False) for name in names))
    await store.apply(group(number, over), RULES, NOW + HOUR + 3)
    db.set_progress_handler(None, 1)
    return steps


@pytest.mark.parametrize(
    ("code", "reason", "own"),
    [
        (sqlite3.SQLITE_FULL, "disk", False),
        (sqlite3.SQLITE_IOERR_FSYNC, "disk", False),
        (sqlite3.SQLITE_BUSY, "locked", False),
        (sqlite3.SQLITE_CORRUPT, "corrupt", False),
        (sqlite3.SQLITE_NOMEM, "other", False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, "other", True),
        (sqlite3.SQLITE_ERROR, "other", True),
        (sqlite3.SQLITE_TOOBIG, "other", True),
    ],
)
def test_whose_fault_a_failure_is(code: int, reason: str, *, own: bool) -> None:
    problem = sqlite3.DatabaseError("x")
    problem.sqlite_errorcode = code
    assert (failure_reason(problem), is_own_fault(problem)) == (reason, own)


def test_a_value_that_sqlite_never_saw_is_our_own_fault() -> None:
    assert is_own_fault(sqlite3.InterfaceError("x"))

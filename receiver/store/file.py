"""The file of the SQLite engine: locked, opened, brought up to date, read, checked."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

from receiver.store import accounts, schema
from receiver.store.accounts import Discrepancy, Totals
from receiver.store.base import (
    Unusable,
)
from receiver.store.sound import inspect, inspect_log, unusable
from receiver.store.writer import LOG_KEPT

T = TypeVar("T")
Connection = sqlite3.Connection

CACHE_KIB = 32 * 1024
STATEMENTS_CACHED = 256
LOCK_PATIENCE = 800  # ms; a click has three seconds, and readiness two, to be told of a lock


class Readers:
    """One thread that reads, each piece of work in one snapshot of its own."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._db: Connection | None = None  # the thread's own

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work; raises what SQLite raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    async def close(self) -> None:
        """End the thread and its connection."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._end)
        await asyncio.to_thread(self._pool.shutdown)

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            db = self._db = self._db or open_reader(self._path)
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.execute("ROLLBACK")  # ends the snapshot, so that the log can be folded back
        except sqlite3.Error:
            self._end()  # whatever it was, the next read begins anew
            raise

    def _end(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


def lock(path: Path) -> IO[str]:
    """Make sure that this process alone has the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{path}.lock").open("a+", encoding="utf-8")  # noqa: SIM115  (kept open)
    except OSError as problem:
        raise Unusable(
            f"store.url: {path.parent} cannot be written: {problem.strerror};"
            " create it, or give it to the user that runs the receiver"
        ) from problem
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        lock.seek(0)
        owner = lock.read(32).strip() or "unknown"
        lock.close()
        raise Unusable(
            f"store.url: {path} is in use by another receiver (process {owner}); stop it first,"
            " or give each receiver a file of its own"
        ) from problem
    with contextlib.suppress(OSError):  # a full disk: the lock holds, it only bears no name
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    return lock


def open_writer(path: Path) -> Connection:
    """Open the connection that writes: the file is sound, and its schema brought up to date."""
    inspect_log(path)
    db = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
        timeout=5,
    )
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it, when nobody waits
        db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT}")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute("PRAGMA temp_store = MEMORY")
        inspect(db, path)
        db.execute("BEGIN IMMEDIATE")  # fails, and says why, while another process holds the lock
        db.execute("ROLLBACK")
        migrate(db, path)
        db.execute(f"PRAGMA busy_timeout = {LOCK_PATIENCE}")
    except BaseException:
        db.close()
        raise
    return db


def open_reader(path: Path) -> Connection:
    """Open a connection that changes nothing."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    return db


def migrate(db: Connection, path: Path, steps: Sequence[schema.Step] = schema.MIGRATIONS) -> None:
    """Bring a file's schema up to this program's version, a numbered step at a time.

    Raises:
        Unusable: the file is newer than this program knows.

    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise _newer(path, version)
    for number in range(version, len(steps)):
        db.execute("BEGIN IMMEDIATE")
        for statement in steps[number]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("COMMIT")


def selfcheck(path: Path) -> tuple[Totals, tuple[Discrepancy, ...]]:
    """Count the units anew from the rows, while a receiver may be writing.

    Raises:
        Unusable: the file cannot be read.

    """
    if not path.exists():
        raise Unusable(f"store.url: {path} does not exist: no receiver has kept anything there")
    check(path)
    try:
        with contextlib.closing(open_reader(path)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < schema.VERSION:
                raise Unusable(f"store.url: {path} is of an older version: start the receiver once")
            db.execute("BEGIN")  # one snapshot for the totals and the rows
            return accounts.recount(db)
    except sqlite3.Error as problem:
        raise unusable(path, problem) from problem


def check(path: Path) -> None:
    """Look whether a start could open a store, and change nothing: a receiver may be using it.

    Raises:
        Unusable: it could not be opened; the message says why, and the cure.

    """
    if not path.exists():
        parent = next(folder for folder in path.absolute().parents if folder.exists())
        if not os.access(parent, os.W_OK):
            raise Unusable(
                f"store.url: {path} cannot be created: {parent} cannot be written;"
                " give it to the user that runs the receiver"
            )
        return
    try:
        with contextlib.closing(open_reader(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as problem:
        raise unusable(path, problem) from problem
    if version > schema.VERSION:
        raise _newer(path, version)


def _newer(path: Path, version: int) -> Unusable:
    return Unusable(
        f"store.url: {path} has schema version {version}, this program knows up to"
        f" {schema.VERSION}; start the newer receiver that wrote it, or restore a backup"
    )

"""The embedded engine: SQLite with one connection that writes, and one that reads."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from receiver.domain.action import Action, Conclusion
from receiver.domain.card import Ability, Card
from receiver.domain.incident import Incident, Notice, Rules
from receiver.domain.outcome import Outcome, Rejected, RejectReason
from receiver.domain.settle import Sent, Settlement
from receiver.domain.silence import Silence
from receiver.store import accounts, changes, deliveries, gathering, letters, schema
from receiver.store import statements as sql
from receiver.store.accounts import Discrepancy, Totals
from receiver.store.base import (
    Acted,
    Applied,
    Due,
    Entry,
    Figures,
    Gathering,
    KeysOf,
    Load,
    Queue,
    Snapshot,
    Spent,
    Stirred,
    Unavailable,
    Unusable,
    Work,
    no_keys,
)
from receiver.store.codec import decode_card, decode_incident
from receiver.store.holders import Holders
from receiver.store.rows import load_snapshot
from receiver.store.sound import inspect, inspect_log, unusable
from receiver.store.writer import LOG_KEPT, Commits, Writer, cause_and_cure, failure_reason

T = TypeVar("T")
Connection = sqlite3.Connection

CACHE_KIB = 32 * 1024
STATEMENTS_CACHED = 256
REVIVED_MOST = 500  # dead letters in one step, so that no commit is long
LOCK_PATIENCE = 800  # ms; a click has three seconds, and readiness two, to be told of a lock


class SqliteStore:
    """The Store on one SQLite file; one process at a time."""

    def __init__(
        self,
        path: Path,
        *,
        patience: float,
        timer: Callable[[], float],
        commits: Commits,
    ) -> None:
        """Open the file, bring its schema up to date, and start writing.

        Raises:
            Unusable: the file cannot be used; the message says why, and the cure.

        """
        self._path = path
        self._log = Path(f"{path}-wal")
        self._lock = _lock(path)
        self._holders = Holders()
        try:
            connection = _open(path)
            self._renew(connection)
        except (sqlite3.Error, OSError, Unusable) as problem:
            self._lock.close()
            if isinstance(problem, sqlite3.Error):
                raise unusable(path, problem) from problem
            raise
        self._connection = connection
        self._writer = Writer(
            connection,
            patience=patience,
            timer=timer,
            log_size=self._log_size,
            commits=commits,
            renew=self._renew,
        )
        self._commits = commits
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._reading = threading.local()

    def _renew(self, db: Connection) -> None:
        """Read again what is kept in memory."""
        self._holders.renew(db.execute(sql.OPEN_MEMBERS))

    async def apply(self, notice: Notice, rules: Rules, now: int) -> Applied:
        """Apply one body (see the protocol)."""
        return await self._writer.submit(
            partial(
                changes.apply_notice, notice=notice, rules=rules, now=now, holders=self._holders
            )
        )

    async def quarantine(self, source: str, body: bytes, problem: str, now: int) -> bool:
        """Keep a body that cannot be applied (see the protocol)."""
        return await self._writer.submit(
            partial(changes.quarantine, source=source, body=body, problem=problem, now=now)
        )

    async def act(self, action: Action, now: int) -> Acted:
        """Apply a click (see the protocol)."""
        return await self._writer.submit_first(partial(changes.act, action=action, now=now))

    async def conclude(self, told: Conclusion, now: int) -> Snapshot | None:
        """Keep Alertmanager's answer (see the protocol)."""
        changed = await self._writer.submit_first(
            partial(changes.apply_conclusion, told=told, now=now)
        )
        return await self.snapshot(told.incident) if changed else None

    async def lapse(self, now: int) -> tuple[int, int | None]:
        """End silences whose time is over (see the protocol)."""
        return await self._writer.submit(partial(changes.apply_lapse, now=now))

    async def intents(self) -> Sequence[tuple[Snapshot, Silence]]:
        """Return the silences that still need Alertmanager (see the protocol)."""
        return await self._read(_intents)

    async def stirred(self, since: int, now: int) -> Stirred:
        """Return the queues that something became due in (see the protocol)."""
        return await self._read(partial(_stirred, since=since, now=now))

    async def backlog(self, now: int) -> Stirred:
        """Return every queue that may have cards to look at (see the protocol)."""
        return await self._read(partial(_backlog, now=now))

    async def due(self, queue: Queue, now: int, rank: int, most: int) -> Sequence[Due]:
        """Return a queue's due cards (see the protocol)."""
        values = (queue.target, queue.shown, rank, now, most)
        return await self._read(
            lambda db: [
                Due(card, rank, message_id, bool(leisure), since)
                for card, rank, message_id, leisure, since in db.execute(sql.DUE, values)
            ]
        )

    async def begin(self, card: int, ability: Ability, now: int) -> Work | None:
        """Decide what to do with a card (see the protocol)."""
        return await self._writer.submit(
            partial(deliveries.begin, number=card, ability=ability, now=now)
        )

    async def attempt(self, card: Card, now: int) -> None:  # noqa: ARG002  (part of the promise)
        """Keep a create's exact content (see the protocol)."""
        await self._writer.submit(partial(deliveries.keep_attempt, attempted=card))

    async def release(self, card: int, due_at: int) -> None:
        """Take a card out of flight (see the protocol)."""
        await self._writer.submit(partial(deliveries.release, number=card, due_at=due_at))

    async def settle(
        self, card: int, sent: Sent, outcome: Outcome, keys: Sequence[str], now: int, luck: float
    ) -> Settlement:
        """Keep what became of a call (see the protocol)."""
        return await self._writer.submit(
            partial(
                deliveries.apply_settlement,
                number=card,
                sent=sent,
                outcome=outcome,
                keys=keys,
                now=now,
                luck=luck,
            )
        )

    async def loads(self) -> Sequence[Load]:
        """Return what waits in each target (see the protocol)."""
        return await self._read(gathering.loads)

    async def gather(self, target: str, now: int, *, late: bool = False) -> Gathering:
        """Take what waits in a target into a digest (see the protocol)."""
        job = gathering.gather_late if late else gathering.gather
        return await self._writer.submit(partial(job, target=target, now=now))

    async def disperse(self, target: str, now: int) -> int:
        """Close a target's digest (see the protocol)."""
        return await self._writer.submit(partial(gathering.disperse, target=target, now=now))

    async def hasten(self, scope: str, now: int) -> int:
        """Make cards due that wait for another try (see the protocol)."""
        return await self._writer.submit(partial(deliveries.hasten, scope=scope, now=now))

    async def revive_matching(
        self, scope: str, reasons: Sequence[RejectReason], now: int, most: int = REVIVED_MOST
    ) -> int:
        """Try a scope's dead letters again (see the protocol)."""
        return len(await self._revive(scope, reasons, now, most))

    async def probe(self, scope: str, reasons: Sequence[RejectReason], now: int) -> int:
        """Try the most urgent of them again (see the protocol)."""
        return next(iter(await self._revive(scope, reasons, now, 1)), 0)

    async def _revive(
        self, scope: str, reasons: Sequence[RejectReason], now: int, most: int
    ) -> list[int]:
        return await self._writer.submit(
            partial(
                letters.revive_matching, scope=scope, reasons=tuple(reasons), now=now, most=most
            )
        )

    async def counted(self) -> dict[str, int]:
        """Return the durable counters (see the protocol)."""
        return await self._read(lambda db: dict(db.execute(sql.COUNTED).fetchall()))

    async def units(self) -> Totals:
        """Return how many units there are in each state (see the protocol)."""
        return await self._read(accounts.totals)

    async def selfcheck(self) -> tuple[Discrepancy, ...]:
        """Return where the totals are not what the rows say (see the protocol)."""
        return (await asyncio.to_thread(selfcheck, self._path))[1]

    async def recover(
        self, now: int, busy: Sequence[int], keys: KeysOf = no_keys
    ) -> Sequence[Card]:
        """Put cards that were left in flight out of it (see the protocol)."""
        return await self._writer.submit(
            partial(deliveries.recover, now=now, busy=tuple(busy), keys=keys)
        )

    async def abandon(self, card: int, rejected: Rejected, now: int) -> Settlement | None:
        """Give a card up without a call (see the protocol)."""
        return await self._writer.submit(
            partial(letters.abandon, number=card, rejected=rejected, now=now)
        )

    async def spent(self, since: int) -> Sequence[Spent]:
        """Return the calls answered since then (see the protocol)."""
        return await self._read(
            lambda db: [
                Spent(tuple(msgspec.json.decode(keys)), at)
                for at, keys in db.execute(sql.CALLS, (since,))
            ]
        )

    async def once(self, key: str, until: int, now: int) -> bool:
        """Say whether a key is new (see the protocol)."""
        return await self._writer.submit_first(
            partial(changes.first_time, key=key, until=until, now=now)
        )

    async def snapshot(self, incident: int) -> Snapshot | None:
        """Return an incident with its alerts (see the protocol)."""
        return await self._read(lambda db: load_snapshot(db, incident))

    async def incidents(self, before: int, most: int) -> Sequence[Incident]:
        """Return incidents, the newest first (see the protocol)."""
        start = before or (1 << 62)
        return await self._read(
            lambda db: [
                decode_incident(number, value)
                for number, value in db.execute(sql.INCIDENTS_BEFORE, (start, most))
            ]
        )

    async def timeline(self, incident: int) -> Sequence[Entry]:
        """Return what an incident went through (see the protocol)."""
        return await self._read(
            lambda db: [Entry(*row) for row in db.execute(sql.TIMELINE, (incident,))]
        )

    async def cards(self, incident: int) -> Sequence[Card]:
        """Return an incident's cards, or those not yet shown (see the protocol)."""
        if incident:
            return await self._read(lambda db: _cards(db, sql.CARDS_OF, (incident,)))
        return await self._read(lambda db: _cards(db, sql.CARDS_WAITING, ()))

    async def dead_letters(self, most: int) -> Sequence[Card]:
        """Return the cards that were rejected for good (see the protocol)."""
        return await self._read(lambda db: _cards(db, sql.DEAD, (most,)))

    async def age(self, before: int, now: int) -> int:
        """Make old cards due (see the protocol)."""
        return await self._writer.submit(partial(deliveries.age, before=before, now=now))

    async def revive(self, card: int, now: int) -> bool:
        """Try a dead letter again (see the protocol)."""
        return await self._writer.submit(partial(letters.revive, number=card, now=now))

    async def figures(self) -> Figures:
        """Return what the store holds (see the protocol)."""
        size = await asyncio.to_thread(self._size)
        return await self._read(partial(_figures, size=size))

    async def prune(self, before: int, now: int, most: int) -> int:  # noqa: ARG002
        """Forget incidents that are long over (see the protocol)."""
        return await self._writer.submit(partial(changes.prune, before=before, most=most))

    @property
    def queue_length(self) -> int:
        """How many changes wait to be committed."""
        return self._writer.waiting

    async def close(self) -> None:
        """Finish what waits, and close (see the protocol)."""
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._readers, self._close_reader)
        await asyncio.to_thread(self._readers.shutdown)
        self._connection.close()
        self._lock.close()

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if self._writer.closed:
            raise Unavailable("closed")
        if self._writer.damage:
            raise Unavailable("corrupt", self._writer.damage)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, self._run_reader, work)
        except sqlite3.Error as problem:
            reason = failure_reason(problem)
            self._commits.failed(reason)
            said = cause_and_cure(problem)
            if reason == "corrupt":
                self._writer.refuse(said)  # what is written can be read no more
            raise Unavailable(reason, said) from problem

    def _run_reader(self, work: Callable[[Connection], T]) -> T:
        try:
            db: Connection | None = getattr(self._reading, "db", None)
            if db is None:
                db = self._reading.db = _open_reader(self._path)
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.execute("ROLLBACK")  # ends the snapshot, so that the log can be folded back
        except sqlite3.Error:
            self._close_reader()  # whatever it was, the next read begins anew
            raise

    def _close_reader(self) -> None:
        db: Connection | None = getattr(self._reading, "db", None)
        if db is not None:
            self._reading.db = None
            db.close()

    def _log_size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _size(self) -> int:
        return self._log_size() + (self._path.stat().st_size if self._path.exists() else 0)


def _lock(path: Path) -> IO[str]:
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


def _open(path: Path) -> Connection:
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


def _open_reader(path: Path) -> Connection:
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


def _intents(db: Connection) -> list[tuple[Snapshot, Silence]]:
    rows = db.execute(sql.INTENTS).fetchall()
    snapshots = {incident: load_snapshot(db, incident) for _, incident in rows}
    asked = {silence_id for silence_id, _ in rows}
    return [
        (snapshot, silence)
        for snapshot in snapshots.values()
        if snapshot is not None
        for silence in snapshot.incident.silences
        if silence.id in asked
    ]


def _stirred(db: Connection, since: int, now: int) -> Stirred:
    rows = db.execute(sql.STIRRED, (since, now)).fetchall()
    queues = tuple(Queue(target, bool(shown)) for target, shown in rows)
    return Stirred(queues, db.execute(sql.NEXT_DUE, (now,)).fetchone()[0])


def _backlog(db: Connection, now: int) -> Stirred:
    targets = [row[0] for row in db.execute(sql.BACKLOG)]
    queues = tuple(Queue(target, shown) for target in targets for shown in (False, True))
    return Stirred(queues, db.execute(sql.NEXT_DUE, (now,)).fetchone()[0])


def _cards(db: Connection, statement: str, values: tuple[object, ...]) -> list[Card]:
    return [decode_card(row) for row in db.execute(statement, values)]


def _figures(db: Connection, size: int) -> Figures:
    rows = db.execute(sql.WAITING_CARDS).fetchall()
    return Figures(
        waiting={target: count for target, count, _, _ in rows},
        oldest={target: oldest for target, _, oldest, _ in rows},
        critical={target: oldest for target, _, _, oldest in rows if oldest is not None},
        dead=db.execute(sql.COUNT_DEAD).fetchone()[0],
        quarantined=db.execute(sql.COUNT_QUARANTINE).fetchone()[0],
        size=size,
        open_incidents=db.execute(sql.OPEN_INCIDENTS).fetchone()[0],
    )


def selfcheck(path: Path) -> tuple[Totals, tuple[Discrepancy, ...]]:
    """Count the units anew from the rows, while a receiver may be writing.

    Raises:
        Unusable: the file cannot be read.

    """
    if not path.exists():
        raise Unusable(f"store.url: {path} does not exist: no receiver has kept anything there")
    check(path)
    try:
        with contextlib.closing(_open_reader(path)) as db:
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
        with contextlib.closing(_open_reader(path)) as db:
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

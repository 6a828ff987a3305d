"""One thread that writes: all jobs that wait share one transaction, each in its own savepoint."""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from receiver.store.base import Poisoned, StoreError, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

GROUP_MOST = 512  # jobs in one commit
QUEUE_MOST = 20_000  # jobs that may wait; more is over capacity
IDLE = 0.01  # seconds without a job before the log is folded back into the file
# https://sqlite.org/wal.html: the log must not grow without end while there is never an idle moment
LOG_MOST = 128 << 20
# What the file of a log that begins anew shrinks to; otherwise one that grew would stay large.
LOG_KEPT = LOG_MOST // 2
LOG_CHECKED_EVERY = 32  # commits
SWEEP_EVERY = 0.1  # seconds between looks for jobs that have waited too long
TOO_SLOW = "the store did not commit in time: look at the load of its disk"


class _Job(NamedTuple):
    work: Work
    answer: "asyncio.Future[Any]"


_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Commits(NamedTuple):
    """Observers of commits: the seconds one took and the jobs it held; and failures by reason."""

    done: Callable[[float, int], None]
    failed: Callable[[str], None]


def _keep(_: sqlite3.Connection) -> None:
    """Jobs keep nothing in memory."""


class Writer:
    """Runs jobs on the one connection that writes; each is answered after its commit."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        patience: float,
        timer: Callable[[], float],
        log_size: Callable[[], int],
        commits: Commits,
        renew: Callable[[sqlite3.Connection], None] = _keep,
    ) -> None:
        """Start the thread; ``patience`` is the longest that a caller waits, in seconds.

        ``renew`` reads again what jobs keep in memory, after some of them were undone.
        """
        self._connection = connection
        self._patience = patience
        self._timer = timer
        self._log_size = log_size
        self._commits = commits
        self._renew = renew
        self._undone = False
        self._damage = ""
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._urgent: SimpleQueue[_Job] = SimpleQueue()
        self._pending: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._closed = False
        self._folded = True
        self._unchecked = 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()
        self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Queue a job; the future ends after the commit that holds it.

        Raises:
            Unavailable: too many jobs wait, the file is damaged, or the store is closed.

        """
        job = self._job(work)
        self._jobs.put(job)
        return job.answer

    def submit_first(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Queue a job before all that wait: a person waits for it."""
        job = self._job(work)
        self._urgent.put(job)
        self._jobs.put(None)  # wakes the thread; it looks at the urgent queue first
        return job.answer

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._jobs.qsize()

    @property
    def closed(self) -> bool:
        """Whether no more work is taken."""
        return self._closed

    @property
    def damage(self) -> str:
        """What is wrong with a damaged file, and the cure; empty while it is sound."""
        return self._damage

    def refuse(self, damage: str) -> None:
        """Take no more jobs: a damaged file keeps nothing for sure, and each write may harm it."""
        self._damage = self._damage or damage

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._closed = True
        self._sweeper.cancel()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _job(self, work: Work) -> _Job:
        if self._closed:
            raise Unavailable("closed")
        if self._damage:
            self._commits.failed("corrupt")
            raise Unavailable("corrupt", self._damage)
        if self._jobs.qsize() >= QUEUE_MOST:
            raise Unavailable("capacity", f"{QUEUE_MOST} changes wait for the store")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._pending.append((self._timer() + self._patience, answer))
        return _Job(work, answer)

    def _sweep(self) -> None:
        """Give up, for their callers, on jobs that have waited too long."""
        now = self._timer()
        pending = self._pending
        while pending and (pending[0][1].done() or pending[0][0] <= now):
            _, answer = pending.popleft()
            if not answer.done():
                answer.set_exception(Unavailable("timeout", TOO_SLOW))
                self._commits.failed("timeout")
        self._sweeper = self._loop.call_later(SWEEP_EVERY, self._sweep)

    def _run(self) -> None:
        while True:
            group = self._gather()
            if group:
                self._commit(group)
            # The wake-up call of close may have come with the last group.
            if self._closed and self._jobs.empty() and self._urgent.empty():
                return

    def _gather(self) -> list[_Job]:
        """Wait for a job, then take all that wait, the urgent ones first."""
        first = self._first()
        group = self._take_urgent()
        if first is not None:
            group.append(first)
        with contextlib.suppress(Empty):
            while len(group) < GROUP_MOST:
                job = self._jobs.get_nowait()
                if job is not None:
                    group.append(job)
        return group

    def _first(self) -> _Job | None:
        if not self._folded:
            try:
                return self._jobs.get(timeout=IDLE)
            except Empty:
                self._fold()
        return self._jobs.get()

    def _take_urgent(self) -> list[_Job]:
        taken: list[_Job] = []
        with contextlib.suppress(Empty):
            while True:
                taken.append(self._urgent.get_nowait())
        return taken

    def _commit(self, group: list[_Job]) -> None:
        started = self._timer()
        # Nobody waits any more for a job whose answer is there, and it was never begun.
        wanted = [job for job in group if not job.answer.done()]
        try:
            if self._undone:
                self._renew(self._connection)
                self._undone = False
            answers = self._together(wanted) or self._apart(wanted)
        except Exception as problem:  # noqa: BLE001  (told to all; without this thread nobody writes)
            self._undo(group, problem)
            return
        self._folded = False
        self._undone = any(isinstance(problem, Poisoned) for _, _, problem in answers)
        self._commits.done(self._timer() - started, len(group))
        self._reply(answers)
        self._unchecked += 1
        if self._unchecked >= LOG_CHECKED_EVERY:
            self._unchecked = 0
            if self._log_size() > LOG_MOST:
                self._fold()

    def _together(self, group: list[_Job]) -> list[_Answer] | None:
        """Commit all jobs without savepoints; None, and nothing kept, if one of them fails.

        Savepoints cost a tenth of a commit, and are needed only where a job raises.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            answers: list[_Answer] = [(job.answer, job.work(connection), None) for job in group]
        except Exception as problem:
            if isinstance(problem, sqlite3.Error) and not is_own_fault(problem):
                raise  # the store itself fails: so does the whole group
            connection.execute("ROLLBACK")
            return None  # which job it was is found out, and isolated, by doing them apart
        connection.execute("COMMIT")
        return answers

    def _apart(self, group: list[_Job]) -> list[_Answer]:
        """Commit all jobs, each in a savepoint of its own."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        answers = [_attempt(connection, job) for job in group]
        connection.execute("COMMIT")
        return answers

    def _undo(self, group: list[_Job], problem: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        reason = self._note(problem)
        self._undone = self._undone or reason != "locked"  # then no job was begun
        failure = Unavailable(reason, cause_and_cure(problem))
        self._reply([(job.answer, None, failure) for job in group])

    def _note(self, problem: Exception) -> str:
        """Count a failure of the store, and return its name."""
        reason = failure_reason(problem)
        self._commits.failed(reason)
        if reason == "corrupt":
            self.refuse(cause_and_cure(problem))
        return reason

    def _reply(self, answers: list[_Answer]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended: nobody waits for an answer
            self._loop.call_soon_threadsafe(_deliver, answers)

    def _fold(self) -> None:
        """Fold the log back into the file, off the path of any commit where there is a choice."""
        self._folded = True
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as problem:  # nothing is lost, but the log grows while this lasts
            self._note(problem)


def _attempt(connection: sqlite3.Connection, job: _Job) -> _Answer:
    """Run a job in a savepoint of its own: what it breaks is its own alone."""
    connection.execute("SAVEPOINT job")
    try:
        result = job.work(connection)
    except StoreError as problem:
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return job.answer, None, problem
    except Exception as problem:
        if isinstance(problem, sqlite3.Error) and not is_own_fault(problem):
            raise  # the store itself fails: so does the whole group
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        poisoned = Poisoned(f"{type(problem).__name__}: {problem}")
        poisoned.__cause__ = problem
        return job.answer, None, poisoned
    connection.execute("RELEASE job")
    return job.answer, result, None


def _deliver(answers: list[_Answer]) -> None:
    for future, result, problem in answers:
        if future.done():
            continue
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)


# What a statement or a value does wrong; all other failures are the store's.
_OWN_FAULTS = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_MISUSE,
    }
)


def is_own_fault(problem: sqlite3.Error) -> bool:
    """Say whether a failure is that of one job alone; one without a code never reached SQLite."""
    return getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF in _OWN_FAULTS


def failure_reason(problem: Exception) -> str:
    """Name a failure of the store, for the metric."""
    return {
        sqlite3.SQLITE_FULL: "disk",
        sqlite3.SQLITE_IOERR: "disk",
        sqlite3.SQLITE_READONLY: "disk",
        sqlite3.SQLITE_CANTOPEN: "disk",
        sqlite3.SQLITE_BUSY: "locked",
        sqlite3.SQLITE_LOCKED: "locked",
        sqlite3.SQLITE_CORRUPT: "corrupt",
        sqlite3.SQLITE_NOTADB: "corrupt",
    }.get(_code(problem), "other")


_GOES_ON = "the receiver goes on by itself then"
_READ_ONLY = (
    "make the file and its folder writable for the user that runs the receiver, and look whether"
    " the file system was mounted read-only"
)
_LOCKED = "find who holds it with `fuser -v` on the file, and end that"
_DAMAGED = (
    "stop the receiver, then restore a backup, or move the file away with its -wal to start with an"
    " empty store"
)
# What to do about a failure, by SQLite's code for it: https://sqlite.org/rescode.html
_CURES = {
    sqlite3.SQLITE_FULL: f"the disk is full: free space on the store's disk; {_GOES_ON}",
    sqlite3.SQLITE_IOERR: (
        "the disk refuses to be read or written: look at the kernel's log and at the mount, which"
        f" may have become read-only; {_GOES_ON}"
    ),
    sqlite3.SQLITE_READONLY: f"the file cannot be written: {_READ_ONLY}",
    sqlite3.SQLITE_CANTOPEN: f"a file of the store cannot be opened: {_READ_ONLY}",
    sqlite3.SQLITE_BUSY: f"another process holds a lock on the store: {_LOCKED}; {_GOES_ON}",
    sqlite3.SQLITE_CORRUPT: f"the store is damaged: {_DAMAGED}",
    sqlite3.SQLITE_NOTADB: f"the file is no store, or damaged: {_DAMAGED}",
}


def cause_and_cure(problem: Exception) -> str:
    """Say what failed and, where SQLite's code tells, what to do about it."""
    cure = _CURES.get(_code(problem))
    said = str(problem) or type(problem).__name__
    return f"{said}: {cure}" if cure else said


def _code(problem: Exception) -> int:
    code: int = getattr(problem, "sqlite_errorcode", 0)
    return code & 0xFF

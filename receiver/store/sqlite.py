"""The embedded engine: SQLite with one connection that writes, and others that read."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from receiver.domain.action import Action
from receiver.domain.card import (
    Ability,
    Card,
)
from receiver.domain.escalated import Plan
from receiver.domain.escalation import Told
from receiver.domain.incident import Line, Notice, Rules
from receiver.domain.outcome import Outcome, Rejected, RejectReason
from receiver.domain.policy import FREE, Access
from receiver.domain.reconcile import TruthRules
from receiver.domain.settle import Sent, Settlement
from receiver.domain.silence import Silence
from receiver.domain.silencing import Conclusion
from receiver.domain.truth import Truth, Unanswered
from receiver.store import (
    changes,
    commands,
    deliveries,
    escalating,
    gathering,
    letters,
    trail,
    truths,
)
from receiver.store import statements as sql
from receiver.store.base import (
    Acted,
    Applied,
    Asked,
    Due,
    Escalating,
    Gathering,
    KeysOf,
    Load,
    Queue,
    Reconciled,
    Snapshot,
    Spent,
    Stirred,
    Unavailable,
    Unusable,
    Work,
    no_keys,
)
from receiver.store.file import lock, open_writer
from receiver.store.holders import Holders
from receiver.store.reading import Reading, log_size
from receiver.store.rows import load_snapshot
from receiver.store.sound import unusable
from receiver.store.writer import Commits, Writer

T = TypeVar("T")
Connection = sqlite3.Connection

REVIVED_MOST = 500  # dead letters in one step, so that no commit is long


class SqliteStore(Reading):
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
        self._lock = lock(path)
        self._holders = Holders()
        try:
            connection = open_writer(path)
            self._renew(connection)
        except (sqlite3.Error, OSError, Unusable) as problem:
            self._lock.close()
            if isinstance(problem, sqlite3.Error):
                raise unusable(path, problem) from problem
            raise
        self._connection = connection
        writer = Writer(
            connection,
            patience=patience,
            timer=timer,
            log_size=partial(log_size, path),
            commits=commits,
            renew=self._renew,
        )
        super().__init__(path, writer, commits)

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

    async def act(self, action: Action, now: int, access: Access = FREE) -> Acted:
        """Apply a click (see the protocol)."""
        return await self._writer.submit_first(
            partial(changes.act, action=action, now=now, access=access)
        )

    async def note(self, line: Line, now: int) -> None:
        """Append a line that belongs to no incident (see the protocol)."""
        await self._writer.submit(partial(trail.note, line=line, now=now))

    async def conclude(self, told: Conclusion, now: int) -> Snapshot | None:
        """Keep Alertmanager's answer (see the protocol)."""
        changed = await self._writer.submit_first(
            partial(changes.apply_conclusion, told=told, now=now)
        )
        return await self.snapshot(told.incident) if changed else None

    async def lapse(self, now: int) -> tuple[int, int | None]:
        """End silences whose time is over (see the protocol)."""
        return await self._writer.submit(partial(changes.apply_lapse, now=now))

    async def reconcile(
        self, source: str, told: Truth | Unanswered, rules: TruthRules, now: int
    ) -> Reconciled:
        """Bring a source's open incidents in line with what it says (see the protocol)."""
        engine = truths.Engine(self._look, self._writer.submit, self._holders)
        return await truths.reconcile(engine, source, told, rules, now)

    async def next_escalation(self) -> int | None:
        """Return when an escalation must be looked at (see the protocol)."""
        return await self._read(lambda db: db.execute(sql.NEXT_ESCALATION).fetchone()[0])

    async def escalate(
        self,
        plans: Mapping[str, Plan],
        now: int,
        busy: Sequence[tuple[int, int]] = (),
        since: int | None = None,
    ) -> Escalating:
        """Record the steps that are to be taken (see the protocol)."""
        return await self._writer.submit(
            partial(escalating.escalate, plans=plans, now=now, busy=tuple(busy), since=since)
        )

    async def conclude_step(
        self, incident: int, number: int, told: Told, keys: Sequence[str], now: int
    ) -> bool:
        """Keep what became of a step (see the protocol)."""
        return await self._writer.submit(
            partial(
                escalating.conclude_step,
                incident=incident,
                number=number,
                told=told,
                keys=tuple(keys),
                now=now,
            )
        )

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

    async def ask(self, asked: Asked) -> bool:
        """Keep a command (see the protocol)."""
        kept = await self._writer.submit_first(partial(commands.keep, asked=asked))
        if kept is None:
            raise Unavailable("capacity", f"{commands.WAITING_MOST} commands wait")
        return kept

    async def asked(self) -> Sequence[Asked]:
        """Return the commands that are not answered (see the protocol)."""
        return await self._read(commands.waiting)

    async def answered(self, command: str, keys: Sequence[str], now: int) -> None:
        """Keep that a command was answered (see the protocol)."""
        await self._writer.submit(
            partial(commands.finish, command=command, keys=tuple(keys), now=now)
        )

    async def alive(self, most: int) -> Sequence[Snapshot]:
        """Return the newest incidents that go on (see the protocol)."""
        return await self._read(partial(commands.alive, most=most))

    async def age(self, before: int, now: int) -> int:
        """Make old cards due (see the protocol)."""
        return await self._writer.submit(partial(deliveries.age, before=before, now=now))

    async def revive(self, card: int, now: int) -> str:
        """Try a dead letter again (see the protocol)."""
        return await self._writer.submit(partial(letters.revive, number=card, now=now))

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
        await self.close_readers()
        self._connection.close()
        self._lock.close()


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

"""The reads of the SQLite engine: those of people and of monitoring, apart from deliveries."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from receiver.domain.card import (
    Card,
)
from receiver.domain.incident import Incident
from receiver.domain.proposal import Found, count
from receiver.store import (
    accounts,
    trail,
)
from receiver.store import statements as sql
from receiver.store.accounts import Discrepancy, Totals
from receiver.store.base import (
    Deed,
    Deeds,
    Entry,
    Figures,
    Snapshot,
    Unavailable,
)
from receiver.store.codec import decode_card, decode_incident
from receiver.store.file import Readers, selfcheck
from receiver.store.rows import firing_of, load_snapshot
from receiver.store.writer import Commits, Writer, cause_and_cure, failure_reason

T = TypeVar("T")
Connection = sqlite3.Connection


class Reading:
    """The reads of the Store, each a snapshot of its own."""

    def __init__(self, path: Path, writer: Writer, commits: Commits) -> None:
        self._path = path
        self._writer = writer
        self._commits = commits
        # What people and monitoring ask for must not hold up the search for cards to show.
        self._readers = Readers(path, "store-reader")
        self._aside = Readers(path, "store-reader-aside")

    async def counted(self) -> dict[str, int]:
        """Return the durable counters (see the protocol)."""
        return await self._look(lambda db: dict(db.execute(sql.COUNTED).fetchall()))

    async def units(self) -> Totals:
        """Return how many units there are in each state (see the protocol)."""
        return await self._look(accounts.totals)

    async def selfcheck(self) -> tuple[Discrepancy, ...]:
        """Return where the totals are not what the rows say (see the protocol)."""
        return (await asyncio.to_thread(selfcheck, self._path))[1]

    async def open_sources(self) -> Sequence[str]:
        """Return whose incidents are open (see the protocol)."""
        return await self._look(lambda db: [row[0] for row in db.execute(sql.OPEN_SOURCES)])

    async def snapshot(self, incident: int) -> Snapshot | None:
        """Return an incident with its alerts (see the protocol)."""
        return await self._look(lambda db: load_snapshot(db, incident))

    async def matching(self, incident: Incident, matchers: Sequence[tuple[str, str]]) -> Found:
        """Return what a silence would mute (see the protocol)."""
        return await self._look(
            lambda db: count(firing_of(db, incident.source), tuple(matchers), incident.id)
        )

    async def incidents(self, before: int, most: int) -> Sequence[Incident]:
        """Return incidents, the newest first (see the protocol)."""
        start = before or (1 << 62)
        return await self._look(
            lambda db: [
                decode_incident(number, value)
                for number, value in db.execute(sql.INCIDENTS_BEFORE, (start, most))
            ]
        )

    async def timeline(self, incident: int) -> Sequence[Entry]:
        """Return what an incident went through (see the protocol)."""
        return await self._look(
            lambda db: [Entry(*row) for row in db.execute(sql.TIMELINE, (incident,))]
        )

    async def audit(self, deeds: Deeds, after: int, most: int) -> Sequence[Deed]:
        """Return what people did (see the protocol)."""
        return await self._look(lambda db: trail.deeds(db, deeds, after, most))

    async def cards(self, incident: int) -> Sequence[Card]:
        """Return an incident's cards, or those not yet shown (see the protocol)."""
        if incident:
            return await self._look(lambda db: _cards(db, sql.CARDS_OF, (incident,)))
        return await self._look(lambda db: _cards(db, sql.CARDS_WAITING, ()))

    async def card_of(self, message_ids: Sequence[str]) -> Card | None:
        """Return the card that one of these messages shows (see the protocol)."""
        ways = (sql.CARD_OF_MESSAGE, sql.CARD_OF_FORMER)
        return await self._look(
            lambda db: next(
                (one for name in message_ids for way in ways for one in _cards(db, way, (name,))),
                None,
            )
        )

    async def dead_letters(self, most: int) -> Sequence[Card]:
        """Return the cards that were rejected for good (see the protocol)."""
        return await self._look(lambda db: _cards(db, sql.DEAD, (most,)))

    async def figures(self) -> Figures:
        """Return what the store holds (see the protocol)."""
        size = await asyncio.to_thread(self._size)
        return await self._look(partial(_figures, size=size))

    async def _look(self, work: Callable[[Connection], T]) -> T:
        """Read for a person or for monitoring."""
        return await self._read(work, self._aside)

    async def _read(self, work: Callable[[Connection], T], readers: Readers | None = None) -> T:
        if self._writer.closed:
            raise Unavailable("closed")
        if self._writer.damage:
            raise Unavailable("corrupt", self._writer.damage)
        try:
            return await (readers or self._readers).run(work)
        except sqlite3.Error as problem:
            reason = failure_reason(problem)
            self._commits.failed(reason)
            said = cause_and_cure(problem)
            if reason == "corrupt":
                self._writer.refuse(said)  # what is written can be read no more
            raise Unavailable(reason, said) from problem

    async def close_readers(self) -> None:
        """Read no more."""
        await self._readers.close()
        await self._aside.close()

    def _size(self) -> int:
        return log_size(self._path) + (self._path.stat().st_size if self._path.exists() else 0)


def log_size(path: Path) -> int:
    """Return how large the file is that changes are written to first, in bytes."""
    try:
        return Path(f"{path}-wal").stat().st_size
    except OSError:
        return 0


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

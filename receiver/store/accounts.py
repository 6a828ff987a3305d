"""The totals of the conservation law, moved in the transaction that moves the unit."""

import sqlite3
from typing import NamedTuple

from receiver.domain.units import Units, UnitState
from receiver.store import statements as sql

Connection = sqlite3.Connection

TOTALS = 1
FORGOTTEN = 2  # of the totals, the part whose cards were forgotten since


class Totals(NamedTuple):
    """How many units there are in each state; ``accepted`` is the sum that must come out."""

    accepted: int
    pending: int
    shown: int
    digested: int
    suppressed: int
    dead_lettered: int
    reasons: tuple[tuple[str, int], ...] = ()  # why the suppressed ones are

    @property
    def by_state(self) -> dict[UnitState, int]:
        """Return the number of units in each state."""
        return {
            UnitState.PENDING: self.pending,
            UnitState.SHOWN: self.shown,
            UnitState.DIGESTED: self.digested,
            UnitState.SUPPRESSED: self.suppressed,
            UnitState.DEAD_LETTERED: self.dead_lettered,
        }


class Discrepancy(NamedTuple):
    """A total that is not what the rows say; ``state`` is accepted, sum, or that of units."""

    state: str
    kept: int
    counted: int


def accept(db: Connection, count: int) -> None:
    """Count new units, which are pending."""
    if count:
        db.execute(sql.ACCEPT_UNITS, (count,))


def move(db: Connection, before: Units, after: Units, reason: str) -> None:
    """Count units that left one state for another; ``reason`` is that of a suppression."""
    if before == after:
        return
    shown = after.shown - before.shown
    digested = after.digested - before.digested
    suppressed = after.suppressed - before.suppressed
    dead = after.dead_lettered - before.dead_lettered
    pending = -(shown + digested + suppressed + dead)
    db.execute(sql.MOVE_UNITS, (TOTALS, 0, pending, shown, digested, suppressed, dead))
    if suppressed:
        db.execute(sql.SUPPRESS, (reason, suppressed))


def forget(db: Connection, units: Units, joined: int) -> None:
    """Keep in the totals what a card that is forgotten had."""
    values = (
        joined - units.base,
        units.pending(joined),
        units.shown,
        units.digested,
        units.suppressed,
        units.dead_lettered,
    )
    db.execute(sql.MOVE_UNITS, (FORGOTTEN, *values))


def totals(db: Connection) -> Totals:
    """Return the totals as kept."""
    row = db.execute(sql.UNITS, (TOTALS,)).fetchone()
    reasons = tuple((reason, count) for reason, count in db.execute(sql.SUPPRESSED))
    accepted, pending, shown, digested, suppressed, dead = row
    return Totals(accepted, pending, shown, digested, suppressed, dead, reasons)


def recount(db: Connection) -> tuple[Totals, tuple[Discrepancy, ...]]:
    """Return the totals, and where the rows say otherwise, as of one snapshot."""
    kept = totals(db)
    forgotten = db.execute(sql.UNITS, (FORGOTTEN,)).fetchone()
    rows = db.execute(sql.COUNT_UNITS).fetchone()
    counted = [int(one) + gone for one, gone in zip(rows, forgotten, strict=True)]
    names = ("accepted", *UnitState)
    wrong = [
        Discrepancy(str(name), mine, theirs)
        for name, mine, theirs in zip(names, kept[:6], counted, strict=True)
        if mine != theirs
    ]
    total = sum(kept.by_state.values())
    if total != kept.accepted:
        wrong.append(Discrepancy("sum", kept.accepted, total))
    explained = sum(count for _, count in kept.reasons)
    if explained != kept.suppressed:
        wrong.append(Discrepancy("suppressed reasons", kept.suppressed, explained))
    return kept, tuple(wrong)

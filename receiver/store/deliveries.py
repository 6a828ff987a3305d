"""The changes of the SQLite engine that deliver a card: begun, attempted, settled, recovered."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from receiver.domain.card import (
    Ability,
    Call,
    Card,
)
from receiver.domain.incident import Line
from receiver.domain.outcome import Delivered, Outcome
from receiver.domain.reason import CardReason
from receiver.domain.settle import Sent, Settlement, crashed, settle, taken
from receiver.domain.step import (
    Replace,
    Settle,
    Step,
    next_step,
)
from receiver.store import statements as sql
from receiver.store.base import KeysOf, Work
from receiver.store.codec import decode_card
from receiver.store.gathering import tell
from receiver.store.letters import give_up
from receiver.store.rows import (
    keep_lines,
    load_card,
    load_snapshot,
    put_card,
    put_moved,
)

Connection = sqlite3.Connection

CALLS_KEPT = 120_000  # twice the longest limit window
MONTH = "month:"  # what a limit key begins with that counts the calls of a month


def begin(db: Connection, number: int, ability: Ability, now: int) -> Work | None:
    """Decide what to do with a card, and put it in flight if that is a call."""
    card = load_card(db, number)
    if card is None or card.in_flight is not None:
        return None
    snapshot = load_snapshot(db, card.incident)
    if snapshot is None:
        return None
    step = next_step(card, snapshot.incident, snapshot.members, ability, now)
    after = taken(card, step, snapshot.incident, now)
    put_moved(db, card, after, step.reason if isinstance(step, Settle) else "")
    keep_lines(db, card.incident, _step_lines(card, step), now, "")
    return Work(card=after, snapshot=snapshot, step=step)


def _step_lines(card: Card, step: Step) -> tuple[Line, ...]:
    match step:
        case Settle(reason):
            return (Line(f"card_{reason}", card.target),)
        case Replace(reason, duplicate):
            kind = "possible_duplicate" if duplicate else f"card_{reason}"
            return (Line(kind, card.target),)
        case _:
            return ()


def keep_attempt(db: Connection, attempted: Card) -> None:
    """Keep a create's exact content before its first call."""
    card = load_card(db, attempted.id)
    if card is not None:
        put_card(db, replace(card, attempt=attempted.attempt))


def release(db: Connection, number: int, due_at: int) -> None:
    """Take a card out of flight: its call was never made."""
    card = load_card(db, number)
    if card is not None:
        put_card(db, replace(card, in_flight=None, flown_at=None, due_at=due_at))


def hasten(db: Connection, scope: str, now: int) -> int:
    """Make cards due that wait for another try."""
    return db.execute(sql.HASTEN, (scope, now)).rowcount


def age(db: Connection, before: int, now: int) -> int:
    """Make open incidents' cards due that were sent before then."""
    return db.execute(sql.AGE_CARDS, (now, before)).rowcount


def apply_settlement(  # noqa: PLR0913  (an outcome needs all of its circumstances)
    db: Connection,
    *,
    number: int,
    sent: Sent,
    outcome: Outcome,
    keys: Sequence[str],
    now: int,
    luck: float,
) -> Settlement:
    """Keep what became of a call."""
    card = load_card(db, number)
    if card is not None and card.in_flight is not sent.call:
        # Kept by an earlier try, whose answer came too late.
        return Settlement(card=card, delivered=isinstance(outcome, Delivered))
    keep_call(db, keys, now)
    db.execute(sql.DROP_CALLS, (now - CALLS_KEPT,))
    if card is None:  # its incident was forgotten while the call was made
        return Settlement(card=Card(id=number, incident=0, target="", due_at=None))
    settlement = settle(card, sent, outcome, now, luck)
    if settlement.dead:
        settlement = give_up(db, card, settlement, now, sent.trace)
    else:
        put_moved(db, card, settlement.card, "")
    keep_lines(db, card.incident, _lines(settlement, sent, card), now, sent.trace)
    if settlement.delivered and sent.call is not Call.REPLY:
        tell(db, card.incident, sent.revision, card.target, now)
    return settlement


def keep_call(db: Connection, keys: Sequence[str], now: int) -> None:
    """Remember a call that was answered now, by what it counts against."""
    windows = [key for key in keys if not key.startswith(MONTH)]
    for key in keys:
        if key.startswith(MONTH):
            db.execute(sql.COUNT_UP, (key,))
    if windows:
        db.execute(sql.INSERT_CALL, (now, msgspec.json.encode(windows).decode()))


def _lines(settlement: Settlement, sent: Sent, card: Card) -> list[Line]:
    lines = []
    if settlement.delivered:
        kind = "called" if sent.call is Call.REPLY else "card"
        lines.append(Line(f"{kind}_{sent.reason}", card.target))
    if settlement.possible_duplicate:
        lines.append(Line("possible_duplicate", card.target))
    if settlement.card.generation > card.generation:
        lines.append(Line(f"card_{CardReason.REPLACED}", card.target))
    return lines


def recover(db: Connection, now: int, busy: tuple[int, ...], keys: KeysOf) -> list[Card]:
    """Put the cards that were left in flight out of it, as calls of unknown outcome."""
    rows = db.execute(sql.IN_FLIGHT).fetchall()
    cut_off = [decode_card(row) for row in rows if row[0] not in busy]
    for card in cut_off:
        put_card(db, crashed(card, now))
        # Kept with it: once out of flight, nothing else would tell the next start of this call.
        keep_call(db, keys(card), now)
        # A post without an attempt has no uuid: made again, it may appear twice.
        if card.in_flight is Call.POST and card.attempt is None:
            keep_lines(db, card.incident, (Line("possible_duplicate", card.target),), now, "")
    return cut_off

"""Cards that were given up: dead letters, what takes over, and their return."""

import sqlite3
from dataclasses import replace

from receiver.domain.card import (
    Card,
    CardState,
    Rung,
)
from receiver.domain.incident import Incident, Line, Placement
from receiver.domain.outcome import Rejected, RejectReason
from receiver.domain.reason import CardReason
from receiver.domain.settle import Settlement, dead_letter
from receiver.domain.units import Units, bury, give_away
from receiver.store import statements as sql
from receiver.store.accounts import accept
from receiver.store.codec import decode_card, new_card
from receiver.store.rows import (
    insert_card,
    keep_lines,
    load_card,
    load_snapshot,
    put_card,
    put_moved,
)

Connection = sqlite3.Connection

DEAD_LOOKED_AT = 5_000


def abandon(db: Connection, number: int, rejected: Rejected, now: int) -> Settlement | None:
    """Give a card up without a call; None when it is given up already, or gone."""
    card = load_card(db, number)
    snapshot = None if card is None else load_snapshot(db, card.incident)
    if card is None or snapshot is None or card.state is not CardState.OPEN:
        return None
    settlement = dead_letter(card, rejected, snapshot.incident.joined)
    give_up(db, card, settlement, now, "")
    return settlement


def give_up(db: Connection, card: Card, settlement: Settlement, now: int, trace: str) -> None:
    """Write a card that was given up; its fallback, if it has one, takes over."""
    snapshot = load_snapshot(db, card.incident)
    if snapshot is None:
        return
    joined = snapshot.incident.joined  # episodes may have begun while the call was under way
    given_up = settlement.card
    detail = f"{card.target}: {given_up.problem}"
    if settlement.moved:
        units = give_away(given_up.units, joined)
        line = Line(CardReason.MOVED, f"to {settlement.moved}; {detail}")
        keep_lines(db, card.incident, (line,), now, trace)
        _take_over(db, card, settlement.moved, snapshot.incident, units, now)
    else:
        units = bury(given_up.units, joined)
        if card.problem != given_up.problem:  # a probe that fails again is no news
            keep_lines(db, card.incident, (Line("dead_lettered", detail),), now, trace)
    put_moved(db, card, replace(given_up, units=units), CardReason.MOVED)


def _take_over(
    db: Connection, card: Card, target: str, incident: Incident, units: Units, now: int
) -> None:
    """Make the card in the fallback target; what was not shown yet is pending there."""
    unshown = units.suppressed - card.units.suppressed
    placement = Placement(target, card.mention, card.notify)
    value = new_card(
        placement,
        plain=incident.plain,
        base=incident.joined - unshown,
        moved_from=card.target,
    )
    if insert_card(db, card.incident, incident, target, value, now):
        accept(db, unshown)


def revive_matching(
    db: Connection, scope: str, reasons: tuple[RejectReason, ...], now: int, most: int
) -> list[int]:
    """Try a scope's dead letters again that died for these reasons, the most urgent first."""
    revived: list[int] = []
    for row in db.execute(sql.DEAD_IN_SCOPE, (scope, DEAD_LOOKED_AT)).fetchall():
        card = decode_card(row)
        if len(revived) < most and died_of(card) in reasons and revive(db, card.id, now):
            revived.append(card.id)
    return revived


def died_of(card: Card) -> RejectReason | None:
    """Return why a card became a dead letter."""
    name = card.problem.partition(":")[0]
    return next((reason for reason in RejectReason if reason == name), None)


def revive(db: Connection, number: int, now: int) -> bool:
    """Try a dead letter again, from the top of the ladder."""
    card = load_card(db, number)
    if card is None or card.state is not CardState.DEAD:
        return False
    snapshot = load_snapshot(db, card.incident)
    plain = snapshot is not None and snapshot.incident.plain
    rung = Rung.TEXT if plain else Rung.WHOLE
    fresh = replace(card, state=CardState.OPEN, rung=rung, due_at=now, failures=0, tried=True)
    put_card(db, fresh)
    keep_lines(db, card.incident, (Line("replayed", card.target),), now, "")
    return True

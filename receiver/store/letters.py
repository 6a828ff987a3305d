"""Cards that were given up: dead letters, what takes over, and their return."""

import sqlite3
from dataclasses import replace

from receiver.domain.card import (
    Ability,
    Card,
    CardState,
    Rung,
)
from receiver.domain.incident import Incident, Line, Placement
from receiver.domain.outcome import Rejected, RejectReason
from receiver.domain.reason import CardReason
from receiver.domain.settle import Settlement, dead_letter
from receiver.domain.step import (
    Wait,
    next_step,
)
from receiver.domain.units import Units, bury, give_away
from receiver.store import statements as sql
from receiver.store.accounts import accept
from receiver.store.base import Snapshot
from receiver.store.codec import decode_card, encode, new_card
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
    """Give a card up without a call; None where there is nothing to give up.

    That is what is given up already, and what nothing is to be done about.
    """
    card = load_card(db, number)
    snapshot = None if card is None else load_snapshot(db, card.incident)
    if card is None or snapshot is None:
        return None
    if card.state is not CardState.OPEN or _idle(card, snapshot, now):
        put_card(db, replace(card, due_at=None))
        return None
    return give_up(db, card, dead_letter(card, rejected, snapshot.incident.joined), now, "")


def _idle(card: Card, snapshot: Snapshot, now: int) -> bool:
    """Whether nothing is to be done about a card; one without a message id cannot be edited."""
    edits = bool(card.message_id) or card.last is None
    ability = Ability.EDITS if edits else Ability.POSTS_ONLY
    step = next_step(card, snapshot.incident, snapshot.members, ability, now)
    return isinstance(step, Wait)


def give_up(db: Connection, card: Card, settlement: Settlement, now: int, trace: str) -> Settlement:
    """Write a card that was given up; its fallback, if it has one and can, takes over."""
    snapshot = load_snapshot(db, card.incident)
    if snapshot is None:
        return settlement
    joined = snapshot.incident.joined  # episodes may have begun while the call was under way
    given_up = settlement.card
    detail = f"{card.target}: {given_up.problem}"
    moves = settlement.moved and _can_take_over(db, card.incident, settlement.moved)
    if moves:
        units = give_away(card.units, joined)
        line = Line(CardReason.MOVED, f"to {settlement.moved}; {detail}")
        keep_lines(db, card.incident, (line,), now, trace)
        _take_over(db, card, settlement.moved, snapshot.incident, units, now)
    else:
        units = bury(card.units, joined)
        if card.problem != given_up.problem:  # a probe that fails again is no news
            keep_lines(db, card.incident, (Line("dead_lettered", detail),), now, trace)
    state = CardState.MOVED if moves else CardState.DEAD
    final = replace(given_up, state=state, units=units)
    put_moved(db, card, final, CardReason.MOVED)
    return replace(settlement, card=final, moved=settlement.moved if moves else "")


def _can_take_over(db: Connection, incident: int, target: str) -> bool:
    """Whether a fallback has not given the incident up itself: two may name each other."""
    row = db.execute(sql.CARD_IN_TARGET, (incident, target)).fetchone()
    return row is None or decode_card(row).state is CardState.OPEN


def _take_over(
    db: Connection, card: Card, target: str, incident: Incident, units: Units, now: int
) -> None:
    """Make the card in the fallback target; what was not shown yet is pending there."""
    unshown = units.suppressed - card.units.suppressed
    placement = Placement(target, card.mention, card.notify)
    fresh = new_card(
        placement,
        plain=incident.plain,
        base=incident.joined - unshown,
        moved_from=card.target,
    )
    told = card.quiet or card.units.digested > 0  # a digest told of it: nobody is called again
    value = encode(replace(fresh, quiet=told))
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


def revive(db: Connection, number: int, now: int) -> str:
    """Try a dead letter again, from the top of the ladder; return its target."""
    card = load_card(db, number)
    if card is None or card.state is not CardState.DEAD:
        return ""
    snapshot = load_snapshot(db, card.incident)
    plain = snapshot is not None and snapshot.incident.plain
    rung = Rung.TEXT if plain else Rung.WHOLE
    fresh = replace(card, state=CardState.OPEN, rung=rung, due_at=now, failures=0, tried=True)
    put_card(db, fresh)
    keep_lines(db, card.incident, (Line("replayed", card.target),), now, "")
    return card.target

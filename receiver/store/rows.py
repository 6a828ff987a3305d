"""Reading and writing whole values inside one transaction of the SQLite engine."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace

from receiver.domain.action import ActionKind, Verdict
from receiver.domain.admission import begun
from receiver.domain.card import Card
from receiver.domain.digest import LATE_KEY, Digest, make
from receiver.domain.due import next_due
from receiver.domain.escalation import look_at
from receiver.domain.incident import Change, Incident, Kind, Line, Member, Placement
from receiver.domain.policy import Access
from receiver.domain.reason import BodyReason
from receiver.store import statements as sql
from receiver.store.accounts import accept, move
from receiver.store.base import Snapshot
from receiver.store.codec import (
    STATES,
    decode_card,
    decode_gathered,
    decode_incident,
    decode_member,
    encode,
    encoded_new,
)

Connection = sqlite3.Connection

IDLE_RANK = 1 << 16  # behind every severity


def newest_of_group(db: Connection, key: bytes) -> Incident | None:
    """Return the newest incident of a group."""
    row = db.execute(sql.NEWEST_OF_GROUP, (key,)).fetchone()
    return None if row is None else decode_incident(row[0], row[1])


def last_owner(db: Connection, incident: int) -> str:
    """Return who acknowledged an incident last, as its newest lines say; empty for nobody."""
    row = db.execute(sql.LAST_OWNER, (incident, str(ActionKind.ACKNOWLEDGE))).fetchone()
    return "" if row is None else str(row[0])


def load_members(db: Connection, incident: int) -> dict[str, Member]:
    """Return an incident's alerts by fingerprint."""
    rows = db.execute(sql.MEMBERS, (incident,))
    return {fingerprint: decode_member(value) for fingerprint, value in rows}


def load_named(db: Connection, incident: int, names: Iterable[str]) -> dict[str, Member]:
    """Return those of an incident's alerts that have these fingerprints."""
    rows = ((name, db.execute(sql.MEMBER, (incident, name)).fetchone()) for name in names)
    return {name: decode_member(row[0]) for name, row in rows if row is not None}


def load_snapshot(db: Connection, incident: int) -> Snapshot | None:
    """Return an incident with its alerts, the longest firing first, the resolved last."""
    row = db.execute(sql.INCIDENT, (incident,)).fetchone()
    if row is None:
        return None
    members = sorted(
        load_members(db, incident).values(),
        key=lambda member: (not member.firing, member.rank, member.since, member.fingerprint),
    )
    found = decode_incident(incident, row[1])
    digest = _load_digest(db, found) if found.kind is Kind.DIGEST else None
    return Snapshot(found, tuple(members), digest)


def _load_digest(db: Connection, incident: Incident) -> Digest:
    rows = db.execute(sql.GATHERED, (incident.id,)).fetchall()
    late = incident.group_key.startswith(LATE_KEY)
    return make((decode_gathered(value) for (value,) in rows), late=late)


def firing_of(db: Connection, source: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield the firing alerts of a source's open incidents: incident, fingerprint and labels."""
    for number, fingerprint, value in db.execute(sql.FIRING_OF_SOURCE, (source,)):
        member = decode_member(value)
        if member.firing:
            yield number, fingerprint, member.labels


def count_muting(db: Connection, access: Access, verdict: Verdict) -> int:
    """Count the firing alerts that a verdict's silences would mute; 0 where no rule asks."""
    silences = begun(verdict)
    if not silences or verdict.incident is None or not access.policy.counts:
        return 0
    muted = {
        fingerprint
        for _, fingerprint, labels in firing_of(db, verdict.incident.source)
        if any(silence.covers(labels) for silence in silences)
    }
    return len(muted)


def keep_change(
    db: Connection, key: bytes, change: Change, placements: tuple[Placement, ...], now: int
) -> int:
    """Write what a body changes; return the incident's number."""
    incident = change.incident
    if incident is None:
        return 0
    if change.opened:
        number = insert_incident(db, key, incident)
    else:
        number = incident.id
        update_incident(db, incident)
    keep_members(db, number, change.members)
    if any(one.kept for one in incident.silences) and not all(one.firing for one in change.members):
        db.execute(sql.LAPSE_NOW, (number, now))  # a silence may be kept alive for nothing
    if change.forgotten:
        rows = [(number, fingerprint) for fingerprint in change.forgotten]
        db.executemany(sql.DROP_MEMBER, rows)
    if not change.raised:
        return number
    keep_lines(db, number, change.lines, now, incident.trace)
    raised = 0 if change.opened else raise_cards(db, incident, now)
    placed = 0
    if change.reason in _PLACING:
        base = incident.joined - change.joined
        placed = place(db, number, incident, placements, now, base)
    accept(db, change.joined * (raised + placed))
    return number


# What can bring a route that the incident has not had: an alert that did not fire before.
_PLACING = frozenset(
    {
        BodyReason.FIRST,
        BodyReason.MESSAGE,
        BodyReason.REOPENED,
        BodyReason.NEW_ALERTS,
        BodyReason.SEVERITY_RAISED,
        BodyReason.UPDATED,
    }
)


def insert_incident(db: Connection, key: bytes, incident: Incident) -> int:
    """Write a new incident; return its number."""
    cursor = db.execute(
        sql.INSERT_INCIDENT,
        (key, incident.source, incident.closed_at, look_at(incident), encode(incident)),
    )
    number = cursor.lastrowid
    if number is None:  # pragma: no cover  (an INSERT always has one)
        raise sqlite3.InternalError("no row number")
    return number


def update_incident(db: Connection, incident: Incident) -> None:
    """Write an incident that exists."""
    due, escalate = next_due(incident), look_at(incident)
    values = (incident.closed_at, due, escalate, encode(incident), incident.id)
    db.execute(sql.UPDATE_INCIDENT, values)


def keep_members(db: Connection, number: int, members: Iterable[Member]) -> None:
    """Write alerts of an incident."""
    rows = [(number, member.fingerprint, encode(member)) for member in members]
    if rows:
        db.executemany(sql.PUT_MEMBER, rows)


def place(
    db: Connection,
    number: int,
    incident: Incident,
    placements: tuple[Placement, ...],
    now: int,
    base: int = 0,
) -> int:
    """Give an incident a card in each target; one that is there takes over whom to call.

    Return how many cards are new. ``base`` is how many of its episodes are not theirs.
    """
    made = 0
    for wanted in placements:
        placement = _settled(db, number, wanted) if wanted.others else wanted
        value = encoded_new(placement, plain=incident.plain, base=base)
        if insert_card(db, number, incident, placement.target, value, now):
            made += 1
        else:
            _widen(db, number, placement)
    return made


def insert_card(
    db: Connection, number: int, incident: Incident, target: str, value: bytes, now: int
) -> bool:
    """Write a new card, unless the incident has one in the target."""
    phase = _phase(incident)
    values = (number, target, incident.revision, now, incident.rank, phase, value)
    return db.execute(sql.INSERT_CARD, values).rowcount > 0


def _settled(db: Connection, number: int, placement: Placement) -> Placement:
    """Return a placement by the app that shows the incident in that chat already, if one does."""
    for row in db.execute(sql.CARDS_OF, (number,)).fetchall():
        if row[2] in placement.others:
            return placement._replace(target=row[2])
    return placement


def _phase(incident: Incident) -> int:
    if incident.kind not in (Kind.ALERTS, Kind.AGENT):
        return 2
    return 0 if incident.closed_at is None else 1


def _widen(db: Connection, number: int, placement: Placement) -> None:
    row = db.execute(sql.CARD_IN_TARGET, (number, placement.target)).fetchone()
    card = decode_card(row)
    mention = tuple(dict.fromkeys((*card.mention, *placement.mention)))
    notify = tuple(dict.fromkeys((*card.notify, *placement.notify)))
    if (mention, notify) != (card.mention, card.notify):
        put_card(db, replace(card, mention=mention, notify=notify))


def raise_cards(db: Connection, incident: Incident, now: int) -> int:
    """Make an incident's cards want its revision; return how many there are."""
    values = (incident.id, incident.revision, now, incident.rank, _phase(incident))
    return db.execute(sql.RAISE_CARDS, values).rowcount


def raise_cards_idly(db: Connection, incident: Incident, now: int) -> int:
    """Make cards want a revision that can wait for everything else; return how many."""
    values = (incident.id, incident.revision, now, IDLE_RANK)
    return db.execute(sql.RAISE_IDLY, values).rowcount


def keep_lines(db: Connection, number: int, lines: Iterable[Line], now: int, trace: str) -> None:
    """Append to an incident's timeline."""
    for line in lines:
        union_id, open_id, place, result, own = line.trail
        by = (union_id, open_id, place, str(result), own or trace)
        db.execute(sql.INSERT_LINE, (number, now, str(line.kind), line.detail, line.actor, *by))


def keep_incident(db: Connection, incident: Incident, lines: Iterable[Line], now: int) -> None:
    """Write an incident that an action or an answer changed, with its cards and timeline."""
    update_incident(db, incident)
    keep_lines(db, incident.id, lines, now, incident.trace)
    raise_cards(db, incident, now)


def load_card(db: Connection, number: int) -> Card | None:
    """Return a card."""
    row = db.execute(sql.CARD, (number,)).fetchone()
    return None if row is None else decode_card(row)


def put_card(db: Connection, card: Card) -> None:
    """Write a card that exists."""
    values = (
        card.wanted,
        card.shown,
        card.due_at,
        card.pending_since,
        STATES.index(card.state),
        card.in_flight is not None,
        card.message_id,
        card.digest,
        encode(card),
        card.id,
    )
    db.execute(sql.PUT_CARD, values)


def put_moved(db: Connection, before: Card, after: Card, reason: str) -> None:
    """Write a card, and count its units that left one state for another."""
    put_card(db, after)
    move(db, before.units, after.units, reason)

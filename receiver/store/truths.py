"""What a source's truth changes: decided on what was read, written only if that still holds."""

import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from receiver.domain.incident import Incident, Member
from receiver.domain.reason import TruthReason
from receiver.domain.reconcile import Corrected, Index, TruthRules, correct, index, unheard
from receiver.domain.succession import Kept, Standing, Succession, standing, succeed, successions
from receiver.domain.truth import Truth, Unanswered
from receiver.store import statements as sql
from receiver.store.accounts import accept
from receiver.store.base import Reconciled
from receiver.store.codec import decode_incident
from receiver.store.gathering import share
from receiver.store.holders import Holders
from receiver.store.rows import (
    keep_lines,
    keep_members,
    load_members,
    load_named,
    place,
    raise_cards,
    raise_cards_idly,
    update_incident,
)

T = TypeVar("T")
Connection = sqlite3.Connection
Job = Callable[[Connection], T]

PAGE = 200  # incidents read in one snapshot
# Of one commit, so that a webhook never waits for long; an alert counts one, an incident more.
WEIGHT_MOST = 400
INCIDENT_WEIGHT = 4
HANDED_MOST = 40  # incidents that end or take over in one commit
NAMES_MOST = 100  # alerts that are looked up one by one; for more, all of an incident are read


class Asked(NamedTuple):
    """What is known of a source, and what decides what follows from it."""

    source: str
    seen: Index | None  # None while it does not answer
    rules: TruthRules
    now: int


class Planned(NamedTuple):
    """What is to be changed in an incident that was read as ``value``."""

    number: int
    value: bytes
    corrected: Corrected


class Page(NamedTuple):
    """Some of a source's open incidents: what is to be changed, and how each stands."""

    last: int
    planned: list[Planned]
    standings: list[Standing]


class Engine(NamedTuple):
    """How truths reads and writes: each call is a snapshot or a transaction of its own."""

    read: Callable[[Job[Page]], Awaitable[Page]]
    write: Callable[[Job[Counter[str]]], Awaitable[Counter[str]]]
    holders: Holders


async def reconcile(
    engine: Engine, source: str, told: Truth | Unanswered, rules: TruthRules, now: int
) -> Reconciled:
    """Bring a source's open incidents in line with what it says."""
    seen = index(told) if isinstance(told, Truth) else None
    asked = Asked(source, seen, rules, now)
    counts: Counter[str] = Counter()
    standings: list[Standing] = []
    last: int | None = 0
    while last is not None:
        page = await engine.read(partial(_look, asked=asked, after=last))
        standings += page.standings
        last = page.last or None
        while page.planned:
            for batch in _batches(page.planned):
                job = partial(_keep, asked=asked, batch=batch, engine=engine)
                counts += await engine.write(job)
            left = tuple(one.number for one in page.planned if one.corrected.more)
            page = await engine.read(partial(_look_again, asked=asked, numbers=left))
    for some in () if seen is None else _together(successions(standings, seen)):
        counts += await engine.write(partial(_succeed_all, asked=asked, some=some, engine=engine))
    return Reconciled({TruthReason(reason): count for reason, count in counts.items()})


def _look(db: Connection, asked: Asked, after: int) -> Page:
    """Read a page of open incidents, and decide what the truth changes in them."""
    rows = db.execute(sql.OPEN_OF_SOURCE, (asked.source, after, PAGE)).fetchall()
    return _page(db, asked, rows, rows[-1][0] if len(rows) == PAGE else 0)


def _look_again(db: Connection, asked: Asked, numbers: tuple[int, ...]) -> Page:
    """Read incidents in which one step could not change everything."""
    rows = ((number, db.execute(sql.INCIDENT, (number,)).fetchone()) for number in numbers)
    return _page(db, asked, [(number, row[1]) for number, row in rows if row is not None], 0)


def _page(db: Connection, asked: Asked, rows: list[tuple[int, bytes]], last: int) -> Page:
    planned: list[Planned] = []
    standings: list[Standing] = []
    for number, value in rows:
        known = decode_incident(number, value)
        members = {} if asked.seen is None else load_members(db, number)
        corrected = _decide(asked, known, members)
        if corrected.incident is not None:
            planned.append(Planned(number, value, corrected))
        if asked.seen is not None:
            stands = standing(known, members, asked.seen, asked.now)
            standings += () if stands is None else (stands,)
    return Page(last, planned, standings)


def _decide(asked: Asked, known: Incident, members: dict[str, Member]) -> Corrected:
    if asked.seen is None:
        return unheard(known, asked.rules, asked.now)
    return correct(known, members, asked.seen, asked.rules, asked.now)


def _batches(planned: Sequence[Planned]) -> Iterator[list[Planned]]:
    """Divide changes into commits that are short enough."""
    batch: list[Planned] = []
    weight = 0
    for one in planned:
        weight += INCIDENT_WEIGHT + len(one.corrected.members)
        if batch and weight > WEIGHT_MOST:
            yield batch
            batch, weight = [], INCIDENT_WEIGHT + len(one.corrected.members)
        batch.append(one)
    if batch:
        yield batch


def _keep(db: Connection, asked: Asked, batch: list[Planned], engine: Engine) -> Counter[str]:
    """Write changes; what became different since it was read is decided once more."""
    counts: Counter[str] = Counter()
    for one in batch:
        row = db.execute(sql.INCIDENT, (one.number,)).fetchone()
        if row is None:
            continue
        corrected = one.corrected
        if row[1] != one.value:
            known = decode_incident(one.number, row[1])
            corrected = _decide(asked, known, load_members(db, one.number))
        if corrected.incident is not None:
            keep(db, corrected, asked.now, engine.holders)
            counts[corrected.reason] += 1
    return counts


def keep(db: Connection, corrected: Corrected, now: int, holders: Holders) -> None:
    """Write what the truth changes in one incident."""
    incident = corrected.incident
    if incident is None:
        return
    number = incident.id
    before = decode_incident(number, db.execute(sql.INCIDENT, (number,)).fetchone()[1])
    update_incident(db, incident)
    keep_members(db, number, corrected.members)
    keep_lines(db, number, corrected.lines, now, "")
    raised = (raise_cards_idly if corrected.idle else raise_cards)(db, incident, now)
    if corrected.joined:
        base = incident.joined - corrected.joined
        placed = place(db, number, incident, corrected.placements, now, base)
        accept(db, corrected.joined * (raised + placed))
        holders.add((member.fingerprint for member in corrected.members), number)
    if incident.closed_at is not None:
        names = [name for (name,) in db.execute(sql.MEMBER_NAMES, (number,))]
        holders.drop(names, number)
    for silence in incident.silences:
        if silence not in before.silences:
            share(db, incident, silence, now)


def _together(found: Sequence[Succession]) -> Iterator[list[Succession]]:
    """Divide successions into commits that are short enough; each heir counts one."""
    some: list[Succession] = []
    for one in found:
        if some and sum(len(each.heirs) + 1 for each in (*some, one)) > HANDED_MOST:
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def _succeed_all(
    db: Connection, asked: Asked, some: list[Succession], engine: Engine
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in some:
        counts += _succeed(db, asked, one, engine)
    return counts


def _succeed(db: Connection, asked: Asked, one: Succession, engine: Engine) -> Counter[str]:
    """Close an incident in favour of those that hold its alerts now."""
    old = _kept(db, one.old)
    if old is None:
        return Counter()
    # An heir may hold thousands of alerts, and inherit thousands of times. All of them need be
    # looked at only where silences come along, which may mute any.
    silenced = any(silence.latest > asked.now for silence in old.incident.silences)
    few = not silenced and len(old.members) <= NAMES_MOST
    names = tuple(old.members) if few else None
    heirs = (_kept(db, number, names) for number in one.heirs)
    ended, inherited = succeed(old, (heir for heir in heirs if heir is not None), asked.now)
    for corrected in (ended, *inherited):
        keep(db, corrected, asked.now, engine.holders)
    return Counter() if ended.incident is None else Counter({TruthReason.SUPERSEDED: 1})


def _kept(db: Connection, number: int, names: Sequence[str] | None = None) -> Kept | None:
    """Read an incident with its alerts, or with those of them that are named."""
    row = db.execute(sql.INCIDENT, (number,)).fetchone()
    if row is None:
        return None
    members = load_members(db, number) if names is None else load_named(db, number, names)
    return Kept(decode_incident(number, row[1]), members)

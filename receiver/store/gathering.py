"""Digests in the SQLite engine: what a storm gathers, what it lets go, and clicks on it."""

import itertools
import sqlite3
from dataclasses import replace

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.action import raise_revision as raised
from receiver.domain.action import told as told_of
from receiver.domain.admission import admit
from receiver.domain.card import (
    LEISURE,
    NO_DIGEST,
    Card,
)
from receiver.domain.decide import decide, decide_digest
from receiver.domain.digest import (
    LATE_KEY,
    SOURCE,
    STORM_KEY,
    Digest,
    Gathered,
    make,
)
from receiver.domain.digest import gather as drawn
from receiver.domain.incident import Incident, Kind, Line, Placement
from receiver.domain.ownership import is_owned, released
from receiver.domain.policy import FREE, Access, Touched, touched
from receiver.domain.reason import ActionReason, NotifyReason
from receiver.domain.severity import CRITICAL
from receiver.domain.silence import Silence
from receiver.domain.silencing import put_silences
from receiver.domain.step import unseen
from receiver.domain.units import digest as digested
from receiver.store import statements as sql
from receiver.store.base import Gathering, Load, Snapshot
from receiver.store.codec import decode_card, decode_gathered, encode, group_digest
from receiver.store.rows import (
    count_muting,
    insert_incident,
    keep_incident,
    keep_lines,
    load_card,
    load_snapshot,
    newest_of_group,
    place,
    put_card,
    put_moved,
    update_incident,
)

Connection = sqlite3.Connection

GATHER_MOST = 1_000  # in one step, so that no commit is long
LATE_MANY = 5  # so many that ended unseen are gathered; fewer are shown one by one
LESSER = CRITICAL + 1
LINKS_MOST = 5  # sources whose address a digest knows
MENTIONS_MOST = 20  # people whom a digest calls


def loads(db: Connection) -> list[Load]:
    """Return what waits in each target, and the digest that is open there."""
    storms = {
        target: (digest, untold, bool(refused))
        for target, digest, untold, refused in db.execute(sql.STORMS)
    }
    waiting = {target: (lesser, late) for target, lesser, late in db.execute(sql.LOADS)}
    return [
        Load(target, *waiting.get(target, (0, 0)), *storms.get(target, (0, 0, False)))
        for target in sorted({*waiting, *storms})
    ]


def gather(db: Connection, target: str, now: int) -> Gathering:
    """Take what waits in a target into its digest, and note there what changed of the rest."""
    found = _gatherable(db, sql.LESSER, target)
    row = db.execute(sql.STORM, (target,)).fetchone()
    if row is None and not found:
        return Gathering(0, 0, more=False)
    number = _begin(db, target, found, now) if row is None else row[0]
    snapshot = load_snapshot(db, number)
    if snapshot is None:  # forgotten by hand
        db.execute(sql.END_STORM, (target,))
        return Gathering(0, 0, more=False)
    incident = snapshot.incident
    revision = incident.revision if row is None else incident.revision + 1
    changed = _follow(db, number, revision, now)
    for card, owner in found:
        _take(db, number, revision, card, owner)
    if row is None:
        update_incident(db, _linked(incident, found))
    elif found or changed:
        linked = _linked(incident, found)
        _advance(db, released(linked, now) if found else linked, target, (), now)
    return Gathering(number, len(found), more=len(found) == GATHER_MOST)


def gather_late(db: Connection, target: str, now: int) -> Gathering:
    """Show what ended unseen in one card of its own, where it is much."""
    found = _gatherable(db, sql.ENDED, target)
    fresh = _linked(_digest(f"{LATE_KEY}{target}", now), found)
    fresh = fresh._replace(closed_at=now, rank=LESSER)
    known = _unsent(db, _key(fresh), target)
    if not found or (known is None and len(found) < LATE_MANY):
        return Gathering(0, 0, more=False)
    if known is None:
        number, revision = _insert(db, fresh, _placement(target, found), now), 1
    else:
        number, revision = known.id, known.revision + 1
        _follow(db, number, revision, now)
        keep_incident(db, raised(_linked(known, found), now, ""), (), now)
    for card, owner in found:
        _take(db, number, revision, card, owner)
        put_card(db, replace(card, digest=NO_DIGEST, due_at=None, attempt=None))
    return Gathering(number, len(found), more=len(found) == GATHER_MOST)


def _unsent(db: Connection, key: bytes, target: str) -> Incident | None:
    """Return the newest digest of a key if nobody has tried to send it: it can take more."""
    known = newest_of_group(db, key)
    row = None if known is None else db.execute(sql.CARD_IN_TARGET, (known.id, target)).fetchone()
    card = None if row is None else decode_card(row)
    free = card is not None and not card.tried and card.in_flight is None and card.attempt is None
    return known if free else None


def disperse(db: Connection, target: str, now: int) -> int:
    """Close a target's digest; what still fires gets a card of its own, at leisure."""
    row = db.execute(sql.STORM, (target,)).fetchone()
    db.execute(sql.END_STORM, (target,))
    snapshot = None if row is None else load_snapshot(db, row[0])
    if snapshot is None:
        return 0
    number = snapshot.incident.id
    _follow(db, number, snapshot.incident.revision + 1, now)
    released = 0
    for card_id, told in db.execute(sql.GATHERED_CARDS, (number,)).fetchall():
        card = load_card(db, card_id)
        if card is None or card.digest != number:
            continue
        owner = load_snapshot(db, card.incident)
        fires = owner is not None and owner.incident.closed_at is None
        released += fires
        put_card(db, _released(card, fires=fires, told=bool(told), now=now))
    line = Line("digest_closed", f"{target}: {released} still fire")
    _advance(db, snapshot.incident._replace(closed_at=now), target, (line,), now)
    return released


def _released(card: Card, *, fires: bool, told: bool, now: int) -> Card:
    """Return a card that its digest lets go: nothing waits for what is over and was told."""
    if not told:
        return replace(card, digest=NO_DIGEST, due_at=now)
    if not fires:
        return replace(card, digest=NO_DIGEST, due_at=None)
    return replace(card, digest=LEISURE, quiet=True, due_at=now, pending_since=now)


def _gatherable(db: Connection, statement: str, target: str) -> list[tuple[Card, Snapshot]]:
    """Return cards that nobody has tried to show, or whose tries are known to have failed."""
    found = []
    for row in db.execute(statement, (target, GATHER_MOST)).fetchall():
        card = decode_card(row)
        if card.last is not None or (card.attempt is not None and card.attempt.ambiguous):
            continue
        snapshot = load_snapshot(db, card.incident)
        if snapshot is not None and not unseen(card, snapshot.incident):
            found.append((card, snapshot))
    return found


def _take(db: Connection, number: int, revision: int, card: Card, taken: Snapshot) -> None:
    values = (
        number,
        card.incident,
        card.id,
        revision,
        card.wanted,
        taken.incident.joined,
        encode(drawn(taken.incident, taken.members)),
    )
    db.execute(sql.GATHER, values)
    put_card(db, replace(card, digest=number, due_at=None, attempt=None))


def _follow(db: Connection, number: int, revision: int, now: int) -> int:
    """Note what became of the gathered; some of it leaves for a card of its own.

    That is what is critical now and, of what had ended unseen, what fires again.
    """
    changed = db.execute(sql.ASTIR, (number,)).fetchall()
    for incident, card_id in changed:
        card, snapshot = load_card(db, card_id), load_snapshot(db, incident)
        if card is None or snapshot is None:
            continue
        fires = snapshot.incident.closed_at is None
        if fires and (snapshot.incident.rank <= CRITICAL or card.digest != number):
            put_card(db, replace(card, digest=NO_DIGEST, due_at=now))
            db.execute(sql.PART, (number, incident, revision))
            continue
        value = encode(drawn(snapshot.incident, snapshot.members))
        joined = snapshot.incident.joined
        db.execute(sql.REGATHER, (number, incident, revision, card.wanted, joined, value))
    return len(changed)


def _begin(db: Connection, target: str, found: list[tuple[Card, Snapshot]], now: int) -> int:
    placement = _placement(target, found)
    number = _insert(db, _digest(f"{STORM_KEY}{target}", now), placement, now)
    db.execute(sql.BEGIN_STORM, (target, number))
    return number


def _digest(key: str, now: int) -> Incident:
    """Return a digest's incident; until it is shown nothing but what is critical goes first."""
    return Incident(
        id=0,
        source=SOURCE,
        receiver="",
        group_key=key,
        kind=Kind.DIGEST,
        title="",
        group_labels={},
        opened_at=now,
        changed_at=now,
        revision=1,
        rank=CRITICAL,
    )


def _linked(incident: Incident, found: list[tuple[Card, Snapshot]]) -> Incident:
    """Add the addresses at which the gathered incidents' sources show their alerts."""
    links = dict(incident.links)
    for _, owner in found:
        if len(links) < LINKS_MOST and owner.incident.external_url:
            links.setdefault(owner.incident.source, owner.incident.external_url)
    return incident._replace(links=tuple(links.items()))


def _key(incident: Incident) -> bytes:
    return group_digest(SOURCE, "digest", incident.group_key)


def _placement(target: str, found: list[tuple[Card, Snapshot]]) -> Placement:
    """Return a digest's placement: its first appearance calls those whom its cards would call."""
    called = (
        who for card, owner in found if owner.incident.closed_at is None for who in card.mention
    )
    mention = tuple(itertools.islice(dict.fromkeys(called), MENTIONS_MOST))
    # Of what it tells later, only that nobody owns it any more calls anybody.
    lapsed = (str(NotifyReason.LAPSED),)
    return Placement(target, mention, lapsed, fallback=found[0][0].fallback)


def _insert(db: Connection, incident: Incident, placement: Placement, now: int) -> int:
    number = insert_incident(db, _key(incident), incident)
    keep_lines(db, number, (Line("digest", placement.target),), now, "")
    place(db, number, incident, (placement,), now)
    return number


def _advance(
    db: Connection, incident: Incident, target: str, lines: tuple[Line, ...], now: int
) -> None:
    shown = db.execute(sql.CARD_IN_TARGET, (incident.id, target)).fetchone()
    rank = LESSER if shown is not None and decode_card(shown).sent_at is not None else CRITICAL
    after = raised(incident, now, "")._replace(updated=incident.updated + 1, rank=rank)
    keep_incident(db, after, lines, now)


def tell(db: Connection, number: int, revision: int, target: str, now: int) -> None:
    """Count what a digest's delivered revision showed."""
    for incident, card_id, episodes, told in db.execute(sql.UNTOLD, (number, revision)).fetchall():
        card = load_card(db, card_id)
        if card is not None:
            put_moved(db, card, replace(card, units=digested(card.units, episodes)), "")
        if not told:
            keep_lines(db, incident, (Line("digested", target),), now, "")
        db.execute(sql.TOLD, (number, incident, episodes))


def act_on(
    db: Connection, known: Incident, action: Action, now: int, access: Access = FREE
) -> Verdict:
    """Apply a click on a digest to what it showed then, as far as the policy permits it."""
    clicked = _as_of(db, known.id, action.revision or known.revision)
    verdict = decide_digest(known, clicked, action, now)
    if verdict.incident is None:
        return verdict
    done = refused = 0
    if action.kind is ActionKind.ACKNOWLEDGE:
        each = [_acknowledge(db, one, action, now, access) for one in clicked.gathered]
        done = sum(one is not None and one.incident is not None for one in each)
        kept = [one for one in each if one is not None and one.ruling is not None]
        refused, left = len(kept), len(clicked.gathered) - done - len(kept)
        if not done and kept:
            return replace(kept[0], refused=refused, left=left)
        if not done:
            return Verdict(reason=ActionReason.ALREADY_ACKNOWLEDGED, left=left)
    else:
        left = len(clicked.gathered)
        what = _touched(db, clicked, verdict.incident)
        what = what._replace(muting=count_muting(db, access, verdict))
        verdict = admit(access, action, known, verdict, what, now)
    if verdict.incident is None:
        return verdict
    _follow(db, known.id, verdict.incident.revision, now)
    seen = verdict.incident._replace(updated=known.updated + 1)
    return replace(verdict, incident=seen, done=done, left=left, refused=refused)


def _acknowledge(
    db: Connection, one: Gathered, action: Action, now: int, access: Access
) -> Verdict | None:
    """Acknowledge one gathered incident; a refusal leaves a line there."""
    snapshot = load_snapshot(db, one.incident)
    if snapshot is None or is_owned(snapshot.incident):
        return None
    # It is owned from elsewhere than its own card: there is no better place to ask than all.
    verdict = decide(snapshot.incident, snapshot.members, replace(action, card=0), now)
    what = touched(snapshot.incident, snapshot.members)
    verdict = admit(access, action, snapshot.incident, verdict, what, now)
    if verdict.incident is None:
        keep_lines(db, one.incident, told_of(action, verdict) if verdict.ruling else (), now, "")
    else:
        keep_incident(db, verdict.incident, told_of(action, verdict), now)
    return verdict


def _touched(db: Connection, clicked: Digest, after: Incident) -> Touched:
    """Return what a click on a whole digest touches: the alerts of all that it showed."""
    found = [load_snapshot(db, one.incident) for one in clicked.gathered]
    parts = [touched(one.incident, one.members) for one in found if one is not None]
    receivers = {part.common["receiver"] for part in parts}
    common = {"source": after.source, "receiver": receivers.pop() if len(receivers) == 1 else ""}
    labels = tuple(each for part in parts for each in part.labels)
    return Touched(labels or (common,), common=common)


def share(db: Connection, told: Incident, silence: Silence, now: int) -> None:
    """Note what became of a silence in every incident that knows it through a digest."""
    numbers = [row[0] for row in db.execute(sql.DIGESTS_OF, (told.id,)).fetchall()]
    if told.kind is Kind.DIGEST:
        _mirror(db, told.id, silence, now)
    for number in numbers:
        snapshot = load_snapshot(db, number)
        known = () if snapshot is None else snapshot.incident.silences
        if snapshot is not None and any(one.id == silence.id for one in known):
            after = put_silences(snapshot.incident, (silence,))
            keep_incident(db, raised(after, now, "")._replace(updated=after.updated + 1), (), now)
            _mirror(db, number, silence, now)


def _mirror(db: Connection, number: int, silence: Silence, now: int) -> None:
    """Note a digest's silence in all that it mutes: their own cards must say so.

    The digest alone keeps it alive; to the others it ends when it may be kept no longer.
    """
    if silence.keep_until:
        silence = replace(
            silence, ends_at=max(silence.ends_at, silence.keep_until), keep_until=0, wanted_end=0
        )
    for (incident,) in db.execute(sql.GATHERED_INCIDENTS, (number,)).fetchall():
        snapshot = load_snapshot(db, incident)
        if snapshot is None or snapshot.incident.closed_at is not None:
            continue
        if not any(silence.covers(member.labels) for member in snapshot.members):
            continue
        if silence in snapshot.incident.silences:
            continue
        others = tuple(one for one in snapshot.incident.silences if one.id != silence.id)
        muted = snapshot.incident._replace(silences=(*others, silence))
        by = silence.trail(silence.state)
        line = Line(f"silence_{silence.state}", silence.silence_id, silence.actor.label, by)
        keep_incident(db, raised(muted, now, ""), (line,), now)


def _as_of(db: Connection, number: int, revision: int) -> Digest:
    rows = db.execute(sql.GATHERED_AS_OF, (number, revision)).fetchall()
    return make((decode_gathered(value) for (value,) in rows), late=False)

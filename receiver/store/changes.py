"""The changes of the SQLite engine: each is read, decided and written in one transaction."""

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import msgspec

from receiver.domain.absorb import absorb, share
from receiver.domain.action import Action, Verdict
from receiver.domain.action import told as told_of
from receiver.domain.admission import admit
from receiver.domain.card import (
    AFTER_CLICK,
    ANSWER_WITHIN,
    Call,
    Card,
    CardState,
)
from receiver.domain.decide import decide
from receiver.domain.due import fall_due
from receiver.domain.history import recall
from receiver.domain.incident import Change, Incident, Kind, Member, Notice, Rules
from receiver.domain.policy import Access, touched
from receiver.domain.reason import ActionReason, BodyReason
from receiver.domain.silence import Silence, SilenceState
from receiver.domain.silencing import Conclusion, conclude
from receiver.domain.units import suppress
from receiver.store import statements as sql
from receiver.store.accounts import forget, move
from receiver.store.base import Acted, Applied, Snapshot
from receiver.store.codec import decode_card, group_digest
from receiver.store.gathering import act_on
from receiver.store.gathering import share as share_silence
from receiver.store.holders import Holders
from receiver.store.rows import (
    count_muting,
    keep_change,
    keep_incident,
    keep_lines,
    keep_members,
    last_owner,
    load_card,
    load_members,
    load_snapshot,
    newest_of_group,
    put_card,
    update_incident,
)

Connection = sqlite3.Connection

ONCE_FOR = 24 * 3_600_000  # an agent's message id is shown once in this time
QUARANTINE_MOST = 1_000
QUARANTINE_BYTES = 256 << 20
RETENTION = "retention"  # why what was never shown is suppressed when it is forgotten


def apply_notice(
    db: Connection, notice: Notice, rules: Rules, now: int, holders: Holders
) -> Applied:
    """Apply one body: read what is known, decide, write."""
    if notice.once and not first_time(db, notice.once, now + ONCE_FOR, now):
        return Applied(BodyReason.DUPLICATE, 0, 0, raised=False)
    key = group_digest(notice.source, notice.receiver, notice.group_key)
    known = newest_of_group(db, key)
    members = {} if known is None else load_members(db, known.id)
    change = absorb(known, members, notice, rules, now)
    if change.opened and change.incident is not None and known is not None:
        opened = recall(change.incident, known, last_owner(db, known.id))
        change = change._replace(incident=opened)
    number = keep_change(db, key, change, notice.placements, now)
    if change.members or change.incident is None:
        told = [member.fingerprint for member in change.members or notice.alerts]
        _share(db, holders.others(told, number), notice, rules, now, holders)
    if change.incident is not None:
        _hold(holders, number, members, change)
    revision = 0 if change.incident is None else change.incident.revision
    return Applied(change.reason, number, revision, change.raised)


def _hold(holders: Holders, number: int, members: Mapping[str, Member], change: Change) -> None:
    """Note which alerts an incident holds while it is open."""
    told = [member.fingerprint for member in change.members]
    if change.incident is None or change.incident.closed_at is not None:
        holders.drop((*members, *told), number)
    elif change.reason is BodyReason.REOPENED:
        holders.add((*members, *told), number)
    else:
        holders.add(told, number)
        holders.drop(change.forgotten, number)


def _share(
    db: Connection, others: list[int], notice: Notice, rules: Rules, now: int, holders: Holders
) -> None:
    """Tell the other open incidents of the source that hold the same alerts."""
    for other in others:
        snapshot = load_snapshot(db, other)
        if snapshot is None or snapshot.incident.source != notice.source:
            continue
        members = {member.fingerprint: member for member in snapshot.members}
        shared = share(snapshot.incident, members, notice, rules, now)
        if shared is not None and shared.incident is not None:
            keep_change(db, b"", shared, (), now)
            _hold(holders, other, members, shared)


def first_time(db: Connection, key: str, until: int, now: int) -> bool:
    """Say whether a key is new, and remember it."""
    return db.execute(sql.ONCE, (key, until, now)).rowcount == 1


def quarantine(db: Connection, source: str, body: bytes, problem: str, now: int) -> bool:
    """Keep a body that cannot be applied; equal bodies are one row."""
    digest = hashlib.sha256(source.encode() + b"\0" + body).digest()
    if db.execute(sql.QUARANTINED, (now, digest)).rowcount:
        return True
    count, size = db.execute(sql.SIZE_QUARANTINE).fetchone()
    if count >= QUARANTINE_MOST or size + len(body) > QUARANTINE_BYTES:
        return False
    db.execute(sql.INSERT_QUARANTINE, (digest, source, body, problem, now))
    return True


def act(db: Connection, action: Action, now: int, access: Access) -> Acted:
    """Apply a click once, if the policy permits it."""
    card = load_card(db, action.card) if action.card else None
    snapshot = load_snapshot(db, action.incident)
    if snapshot is None or (action.card and (card is None or card.incident != action.incident)):
        unknown = Verdict(reason=ActionReason.UNKNOWN_CARD)
        keep_lines(db, 0, told_of(action, unknown), now, action.trace)
        return Acted(verdict=unknown)
    if db.execute(sql.ACTION, (action.id,)).fetchone() is None:
        verdict = _judge(db, snapshot, card, action, now, access)
        _keep_action(db, action, verdict, now)
        lines = told_of(action, verdict)
    else:
        verdict, lines = Verdict(reason=ActionReason.REPEATED), ()
    if verdict.incident is not None:
        keep_members(db, action.incident, verdict.members)
        keep_incident(db, verdict.incident, lines, now)
        for silence in verdict.silences:
            db.execute(sql.PUT_INTENT, (silence.id, action.incident))
    else:
        keep_lines(db, action.incident, lines, now, action.trace)
    busy = card is not None and _busy(card)
    patience = ANSWER_WITHIN if verdict.silences else 0
    return Acted(
        verdict=verdict,
        snapshot=load_snapshot(db, action.incident),
        card=None if card is None else _clicked(db, card.id, now + patience, busy=busy),
        busy=busy,
    )


def _judge(
    db: Connection,
    snapshot: Snapshot,
    card: Card | None,
    action: Action,
    now: int,
    access: Access,
) -> Verdict:
    if card is not None and action.generation and action.generation != card.generation:
        return Verdict(reason=ActionReason.OLD_CARD)
    if snapshot.incident.kind is Kind.DIGEST:
        return act_on(db, snapshot.incident, action, now, access)
    verdict = decide(snapshot.incident, snapshot.members, action, now)
    what = touched(snapshot.incident, snapshot.members)
    what = what._replace(muting=count_muting(db, access, verdict))
    return admit(access, action, snapshot.incident, verdict, what, now)


def _keep_action(db: Connection, action: Action, verdict: Verdict, now: int) -> None:
    value = msgspec.json.encode(replace(action, found=None))  # the proposal has it
    db.execute(sql.INSERT_ACTION, (action.id, action.incident, now, str(verdict.reason), value))


def _busy(card: Card) -> bool:
    """Whether an edit of the card is unsettled, so that an answer must not carry a card."""
    return card.in_flight is Call.PATCH or card.settle_at is not None


def _clicked(db: Connection, number: int, answered: int, *, busy: bool) -> Card | None:
    """Hold edits back until a moment after the answer to the click, which carries a card."""
    card = load_card(db, number)
    if card is None or busy:
        return card
    answered = max(answered, card.clicked_at or 0)  # an earlier click may still be answered
    later = answered + AFTER_CLICK
    held = replace(card, clicked_at=answered, due_at=max(card.due_at or later, later))
    put_card(db, held)
    return held


def apply_conclusion(db: Connection, told: Conclusion, now: int) -> bool:
    """Keep Alertmanager's answer; the intent is over when nothing is left to be asked."""
    snapshot = load_snapshot(db, told.incident)
    if snapshot is None:
        db.execute(sql.DROP_INTENT, (told.silence,))
        return False
    for heir in snapshot.incident.heirs:  # which took the silence over
        apply_conclusion(db, replace(told, incident=heir), now)
    verdict = conclude(snapshot.incident, told, now)
    if verdict.incident is not None:
        _keep_silences(db, verdict, verdict.incident, now)
        if not verdict.quiet:
            for silence in verdict.silences:
                share_silence(db, verdict.incident, silence, now)
    # What a late answer leaves alone may have been asked for since.
    after = verdict.incident or snapshot.incident
    if not any(one.id == told.silence and one.state.asks for one in after.silences):
        db.execute(sql.DROP_INTENT, (told.silence,))
    return verdict.incident is not None


def _keep_silences(db: Connection, verdict: Verdict, incident: Incident, now: int) -> None:
    """Write what became of an incident's silences; its cards learn only what they show."""
    if verdict.quiet:
        update_incident(db, incident)
    else:
        keep_incident(db, incident, verdict.lines, now)


def apply_lapse(db: Connection, now: int) -> tuple[int, int | None]:
    """Do what time alone does: end silences, remind owners, let acknowledgements lapse."""
    ended = 0
    for (number,) in db.execute(sql.LAPSING, (now,)).fetchall():
        snapshot = load_snapshot(db, number)
        if snapshot is None:
            continue
        verdict = fall_due(snapshot.incident, now, partial(_fires, db, snapshot))
        if verdict.incident is None:
            update_incident(db, snapshot.incident)  # it is due later than its row says
            continue
        _keep_silences(db, verdict, verdict.incident, now)
        for silence in verdict.silences:
            db.execute(sql.PUT_INTENT, (silence.id, number))
        _share_ends(db, snapshot.incident, verdict.incident, now)
        ended += 1
    row = db.execute(sql.NEXT_LAPSE).fetchone()
    db.execute(sql.DROP_SEEN, (now,))
    return ended, row[0]


def _fires(db: Connection, snapshot: Snapshot, silence: Silence) -> bool:
    """Say whether anything fires that a silence mutes: here, or in what a digest gathered."""
    if snapshot.incident.kind is not Kind.DIGEST:
        open_ = snapshot.incident.closed_at is None
        return open_ and any(
            member.firing and silence.covers(member.labels) for member in snapshot.members
        )
    rows = db.execute(sql.GATHERED_INCIDENTS, (snapshot.incident.id,)).fetchall()
    gathered = (load_snapshot(db, number) for (number,) in rows)
    return any(one is not None and _fires(db, one, silence) for one in gathered)


def _share_ends(db: Connection, before: Incident, after: Incident, now: int) -> None:
    """Tell what a digest gathered of the end of a silence that was kept alive."""
    if before.kind is not Kind.DIGEST:
        return
    for was, now_is in zip(before.silences, after.silences, strict=True):
        if was.kept and now_is.state is SilenceState.EXPIRED:
            share_silence(db, after, now_is, now)


def _forget(db: Connection, number: int) -> None:
    """Close the accounts of an incident's cards; what nobody was shown is suppressed."""
    snapshot = load_snapshot(db, number)
    if snapshot is None:
        return
    joined = snapshot.incident.joined
    for row in db.execute(sql.CARDS_OF, (number,)).fetchall():
        card = decode_card(row)
        if card.state is CardState.MOVED:
            joined_here = joined - card.units.pending(joined)
        else:
            joined_here = joined
        units = suppress(card.units, joined_here)
        move(db, card.units, units, RETENTION)
        forget(db, units, joined_here)


def prune(db: Connection, before: int, most: int) -> int:
    """Forget incidents that ended before then."""
    over = [row[0] for row in db.execute(sql.OVER, (before, most)).fetchall()]
    for number in over:
        _forget(db, number)
        for statement in sql.DROP_INCIDENT:
            db.execute(statement, (number,))
    db.execute(sql.DROP_NOTES, (before, most))
    db.execute(sql.DROP_QUARANTINE, (before, most))
    return len(over)

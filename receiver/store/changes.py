"""The changes of the SQLite engine: each is read, decided and written in one transaction."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from receiver.domain.absorb import absorb, share
from receiver.domain.action import (
    Action,
    Conclusion,
    Verdict,
    conclude,
    decide,
    lapse,
)
from receiver.domain.card import (
    AFTER_CLICK,
    ANSWER_WITHIN,
    Ability,
    Call,
    Card,
    CardState,
    Replace,
    Rung,
    Settle,
    Step,
    next_step,
)
from receiver.domain.incident import Change, Incident, Kind, Line, Member, Notice, Placement, Rules
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason
from receiver.domain.reason import ActionReason, BodyReason, CardReason
from receiver.domain.settle import Sent, Settlement, crashed, dead_letter, settle, taken
from receiver.domain.silence import SilenceState
from receiver.domain.units import Units, bury, give_away, suppress
from receiver.store import statements as sql
from receiver.store.accounts import accept, forget, move
from receiver.store.base import Acted, Applied, KeysOf, Snapshot, Work
from receiver.store.codec import decode_card, group_digest, new_card
from receiver.store.gathering import act_on, mirror, tell
from receiver.store.holders import Holders
from receiver.store.rows import (
    insert_card,
    keep_change,
    keep_incident,
    keep_lines,
    keep_members,
    load_card,
    load_members,
    load_snapshot,
    newest_of_group,
    put_card,
    put_moved,
)

Connection = sqlite3.Connection

ONCE_FOR = 24 * 3_600_000  # an agent's message id is shown once in this time
QUARANTINE_MOST = 1_000
QUARANTINE_BYTES = 256 << 20
CALLS_KEPT = 120_000  # twice the longest limit window
MONTH = "month:"  # what a limit key begins with that counts the calls of a month
RETENTION = "retention"  # why what was never shown is suppressed when it is forgotten
DEAD_LOOKED_AT = 5_000


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


def act(db: Connection, action: Action, now: int) -> Acted:
    """Apply a click once."""
    card = load_card(db, action.card) if action.card else None
    snapshot = load_snapshot(db, action.incident)
    if snapshot is None or (action.card and (card is None or card.incident != action.incident)):
        return Acted(verdict=Verdict(reason=ActionReason.UNKNOWN_CARD))
    if db.execute(sql.ACTION, (action.id,)).fetchone() is None:
        verdict = _judge(db, snapshot, card, action, now)
        _keep_action(db, action, verdict, now)
    else:
        verdict = Verdict(reason=ActionReason.REPEATED)
    if verdict.incident is not None:
        keep_members(db, action.incident, verdict.members)
        keep_incident(db, verdict.incident, verdict.lines, now)
        for silence in verdict.silences:
            db.execute(sql.PUT_INTENT, (silence.id, action.incident))
    busy = card is not None and _busy(card)
    patience = ANSWER_WITHIN if verdict.silences else 0
    return Acted(
        verdict=verdict,
        snapshot=load_snapshot(db, action.incident),
        card=None if card is None else _clicked(db, card.id, now + patience, busy=busy),
        busy=busy,
    )


def _judge(
    db: Connection, snapshot: Snapshot, card: Card | None, action: Action, now: int
) -> Verdict:
    if card is not None and action.generation and action.generation != card.generation:
        return Verdict(reason=ActionReason.OLD_CARD)
    if snapshot.incident.kind is Kind.DIGEST:
        return act_on(db, snapshot.incident, action, now)
    return decide(snapshot.incident, snapshot.members, action, now)


def _keep_action(db: Connection, action: Action, verdict: Verdict, now: int) -> None:
    value = msgspec.json.encode(action)
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
    verdict = conclude(snapshot.incident, told, now)
    if verdict.incident is not None:
        keep_incident(db, verdict.incident, verdict.lines, now)
        if verdict.incident.kind is Kind.DIGEST:
            for silence in verdict.silences:
                mirror(db, told.incident, silence, now)
    if not any(silence.state is SilenceState.EXPIRING for silence in verdict.silences):
        db.execute(sql.DROP_INTENT, (told.silence,))
    return verdict.incident is not None


def apply_lapse(db: Connection, now: int) -> tuple[int, int | None]:
    """End silences whose time is over."""
    ended = 0
    for (number,) in db.execute(sql.LAPSING, (now,)).fetchall():
        snapshot = load_snapshot(db, number)
        verdict = None if snapshot is None else lapse(snapshot.incident, now)
        if verdict is not None and verdict.incident is not None:
            keep_incident(db, verdict.incident, verdict.lines, now)
            ended += 1
    row = db.execute(sql.NEXT_LAPSE).fetchone()
    db.execute(sql.DROP_SEEN, (now,))
    return ended, row[0]


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


def abandon(db: Connection, number: int, rejected: Rejected, now: int) -> None:
    """Make a card a dead letter without a call."""
    card = load_card(db, number)
    snapshot = None if card is None else load_snapshot(db, card.incident)
    if card is not None and snapshot is not None and card.state is CardState.OPEN:
        settlement = dead_letter(card, rejected, snapshot.incident.joined)
        _bury(db, card, settlement, now, "")


def _bury(db: Connection, card: Card, settlement: Settlement, now: int, trace: str) -> None:
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


def hasten(db: Connection, scope: str, now: int) -> int:
    """Make cards due that wait for another try."""
    return db.execute(sql.HASTEN, (scope, now)).rowcount


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


def age(db: Connection, before: int, now: int) -> int:
    """Make open incidents' cards due that were sent before then."""
    return db.execute(sql.AGE_CARDS, (now, before)).rowcount


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
    _keep_call(db, keys, now)
    db.execute(sql.DROP_CALLS, (now - CALLS_KEPT,))
    card = load_card(db, number)
    if card is None:  # its incident was forgotten while the call was made
        return Settlement(card=Card(id=number, incident=0, target="", due_at=None))
    if card.in_flight is not sent.call:  # kept by an earlier try, whose answer came too late
        return Settlement(card=card, delivered=isinstance(outcome, Delivered))
    settlement = settle(card, sent, outcome, now, luck)
    if settlement.dead:
        _bury(db, card, settlement, now, sent.trace)
    else:
        put_moved(db, card, settlement.card, "")
    keep_lines(db, card.incident, _lines(settlement, sent, card), now, sent.trace)
    if settlement.delivered and sent.call is not Call.REPLY:
        tell(db, card.incident, sent.revision, card.target, now)
    return settlement


def _keep_call(db: Connection, keys: Sequence[str], now: int) -> None:
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
        _keep_call(db, keys(card), now)
        # A post without an attempt has no uuid: made again, it may appear twice.
        if card.in_flight is Call.POST and card.attempt is None:
            keep_lines(db, card.incident, (Line("possible_duplicate", card.target),), now, "")
    return cut_off


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
    db.execute(sql.DROP_QUARANTINE, (before, most))
    return len(over)

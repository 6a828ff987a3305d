"""The changes of the SQLite engine about escalations: steps recorded before they are taken."""

import sqlite3
from collections.abc import Mapping, Sequence

from receiver.domain.escalated import CallState, Plan
from receiver.domain.escalation import (
    EscalationReason,
    Told,
    concluded,
    cut_off,
    looked,
    next_escalation,
    take,
)
from receiver.domain.incident import Incident, state
from receiver.domain.reason import State
from receiver.store import statements as sql
from receiver.store.base import Escalating, Snapshot, Taking
from receiver.store.codec import decode_card
from receiver.store.deliveries import keep_call
from receiver.store.rows import keep_incident, keep_lines, load_snapshot, update_incident

Connection = sqlite3.Connection

AT_ONCE = 100  # incidents in one commit
NOT_SHOWN = 3_000  # ms until an incident is looked at again that no card shows yet
SURE_AFTER = 60_000  # a step whose process died is looked for so often

_TAKEN = (EscalationReason.DUE, EscalationReason.HURRIED)


def escalate(
    db: Connection,
    *,
    plans: Mapping[str, Plan],
    now: int,
    busy: Sequence[tuple[int, int]],
    since: int | None,
) -> Escalating:
    """Look at the escalations that are due, and record the steps that are to be taken."""
    chosen = (sql.ESCALATING, now) if since is None else (sql.ESCALATIONS, since)
    due = db.execute(chosen[0], (chosen[1], AT_ONCE)).fetchall()
    takings = []
    for (number,) in due:
        snapshot = load_snapshot(db, number)
        if snapshot is not None:
            mine = frozenset(call for incident, call in busy if incident == number)
            taking = _look(db, snapshot, plans, now, mine)
            takings += [] if taking is None else [taking]
    return Escalating(tuple(takings), db.execute(sql.NEXT_ESCALATION).fetchone()[0])


def _look(
    db: Connection, snapshot: Snapshot, plans: Mapping[str, Plan], now: int, busy: frozenset[int]
) -> Taking | None:
    incident = _ended(db, snapshot.incident, busy, now)
    plan = plans.get(incident.escalated.plan, ())
    silenced = state(incident, snapshot.members) is State.SUPPRESSED
    after = next_escalation(incident, plan, now, silenced=silenced)
    if after.step is None or after.reason not in _TAKEN:
        seen = looked(incident, plan, now, silenced=silenced)
        again = now + SURE_AFTER if after.reason is EscalationReason.UNDER_WAY else after.look_at
        update_incident(db, _again(seen, again))
        return None
    if not _is_shown(db, incident.id):
        update_incident(db, _again(looked(incident, plan, now, silenced=silenced), now + NOT_SHOWN))
        return None
    taken, called, line = take(incident, plan, after.step, now)
    # Looked for again: should this process die, another one finds the step without an outcome.
    update_incident(db, _again(taken, now + SURE_AFTER))
    keep_lines(db, incident.id, (line,), now, incident.trace)
    return Taking(snapshot._replace(incident=taken), called.number, plan[after.step])


def _again(incident: Incident, at: int | None) -> Incident:
    return incident._replace(escalated=incident.escalated._replace(look_at=at))


def _ended(db: Connection, incident: Incident, busy: frozenset[int], now: int) -> Incident:
    """End the steps that a crash cut off: somebody may have been called, so never again."""
    for number in cut_off(incident, busy):
        told = Told(CallState.UNKNOWN, problem="cut off by a restart")
        ended = concluded(incident, number, told, now)
        if ended is not None:
            incident, line = ended
            keep_incident(db, incident, (line,), now)
    return incident


def _is_shown(db: Connection, number: int) -> bool:
    rows = db.execute(sql.CARDS_OF, (number,)).fetchall()
    return any(decode_card(row).sent_at is not None for row in rows)


def conclude_step(
    db: Connection, *, incident: int, number: int, told: Told, keys: Sequence[str], now: int
) -> bool:
    """Keep what became of a step, and the windows that its calls count against."""
    keep_call(db, keys, now)
    snapshot = load_snapshot(db, incident)
    ended = None if snapshot is None else concluded(snapshot.incident, number, told, now)
    if ended is None:
        return False
    keep_incident(db, ended[0], (ended[1],), now)
    return True

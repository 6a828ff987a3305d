"""What the API says: incidents, cards, dead letters and units, as JSON; times in Unix ms."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from receiver.domain.card import (
    Card,
    CardState,
)
from receiver.domain.incident import Incident
from receiver.domain.ownership import owners
from receiver.phrases.story import now_of
from receiver.store.accounts import Totals
from receiver.store.base import Entry, Snapshot

# How the timeline says that a card became a dead letter: its target stands before the reason.
DEAD_LETTERED = "dead_lettered"


class Letter(NamedTuple):
    """A dead letter, with what its incident knows about it."""

    card: Card
    title: str
    since: int


def since(card: Card, timeline: Sequence[Entry]) -> int:
    """Return when a card became a dead letter, as the timeline tells it."""
    mine = f"{card.target}: "
    found = [
        entry.at
        for entry in timeline
        if entry.kind == DEAD_LETTERED and entry.detail.startswith(mine)
    ]
    return found[-1] if found else card.pending_since


def incident(told: Incident) -> dict[str, Any]:
    """Tell an incident."""
    return {
        "id": told.id,
        "source": told.source,
        "receiver": told.receiver,
        "group_key": told.group_key,
        "title": told.title,
        "kind": told.kind,
        "opened_at": told.opened_at,
        "closed_at": told.closed_at,
        "revision": told.revision,
        "reopened": told.reopened,
        "reopenings": told.reopenings,
        "flapping": told.flapping,
        "acknowledged_by": None if told.ack is None else told.ack.actor.label,
        "owners": [
            {"who": owner.actor.label, "since": owner.at, "confirmed": owner.confirmed or None}
            for owner in owners(told)
        ],
        "notes": told.custody.noted,
        "silences": [
            {
                "state": silence.state,
                "silence_id": silence.silence_id,
                "by": silence.actor.label,
                "ends_at": silence.ends_at,
                "comment": silence.comment,
                "problem": silence.problem,
            }
            for silence in told.silences
        ],
    }


def whole(snapshot: Snapshot, cards: Sequence[Card], timeline: Sequence[Entry]) -> dict[str, Any]:
    """Tell an incident with its alerts, its cards and its timeline; a digest with its members."""
    gathered = () if snapshot.digest is None else snapshot.digest.gathered
    return {
        **incident(snapshot.incident),
        "alerts": [
            {
                "fingerprint": member.fingerprint,
                "firing": member.firing,
                "episode": member.episode,
                "since": member.since,
                "until": member.until,
                "labels": member.labels,
                "annotations": member.annotations,
            }
            for member in snapshot.members
        ],
        "gathered": [
            {"incident": each.incident, "title": each.title, "state": each.state}
            for each in gathered
        ],
        "cards": [card(each) for each in cards],
        "timeline": [entry._asdict() for entry in timeline],
        "now": now_of(snapshot.incident, snapshot.members, cards),
    }


def card(told: Card) -> dict[str, Any]:
    """Tell a card; ``digest`` is the number of the digest that shows its incident meanwhile."""
    digested = told.state is CardState.OPEN and told.digest > 0
    return {
        "id": told.id,
        "incident": told.incident,
        "target": told.target,
        "state": "digested" if digested else told.state,
        "digest": told.digest if digested else None,
        "wanted": told.wanted,
        "shown": told.shown,
        "called": told.called,
        "generation": told.generation,
        "rung": told.rung.name.lower(),
        "message_id": told.message_id,
        "failures": told.failures,
        "problem": told.problem,
        "due_at": told.due_at,
        "fallback": told.fallback,
        "moved_from": told.moved_from,
        "trace": told.trace,
    }


def letter(told: Letter) -> dict[str, Any]:
    """Tell a dead letter: why it is one, and since when."""
    reason, _, detail = told.card.problem.partition(": ")
    return {
        **card(told.card),
        "title": told.title,
        "reason": reason,
        "detail": detail,
        "since": told.since,
    }


def units(totals: Totals) -> dict[str, Any]:
    """Tell how many units, (episode, target) pairs, there are in each state, and in all."""
    return {
        "accepted": totals.accepted,
        "states": {str(state): count for state, count in totals.by_state.items()},
        "suppressed_reasons": dict(totals.reasons),
    }

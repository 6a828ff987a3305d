"""What a call's outcome makes of its card."""

from dataclasses import dataclass, replace
from typing import assert_never

from receiver.domain.card import (
    MINUTE,
    NO_DIGEST,
    SECOND,
    SETTLE_AGAIN,
    Call,
    Card,
    CardState,
    Marks,
    Rung,
    Shown,
    replaced,
)
from receiver.domain.incident import Incident
from receiver.domain.outcome import (
    Delivered,
    Outcome,
    Rejected,
    RejectReason,
    Retry,
    RetryReason,
)
from receiver.domain.reason import CardReason, State
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Replace,
    Reply,
    Settle,
    Step,
    Wait,
)
from receiver.domain.units import bury, give_away, show

BACKOFF_BASE = SECOND // 2
BACKOFF_CAP = MINUTE
LOCK_RETRY = SECOND
# A code that nobody has documented may still be a passing fault, but not for ever.
UNKNOWN_PATIENCE = 10 * MINUTE
REPLY_HORIZON = 55 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A card after an outcome, and what the operators must learn of it."""

    card: Card
    delivered: bool = False
    dead: str = ""  # why it was given up just now: a dead letter, or moved
    moved: str = ""  # the fallback target that takes over
    possible_duplicate: bool = False


def back_off(failures: int, after: int, luck: float) -> int:
    """Return how long to wait in ms: full jitter up to a doubling cap, never below ``after``.

    ``luck`` is a random number in [0, 1).
    """
    ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(failures, 16))
    return max(after, int(ceiling * luck)) + (int(BACKOFF_BASE * luck) if after else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The call that was made: what it showed, and as of which revision."""

    call: Call
    reason: CardReason
    revision: int
    shown: Shown
    trace: str = ""


def settle(card: Card, sent: Sent, outcome: Outcome, now: int, luck: float) -> Settlement:
    """Decide what a call's outcome makes of the card."""
    landed = replace(card, in_flight=None, flown_at=None, tried=True)
    match outcome:
        case Delivered(receipt):
            return Settlement(card=_delivered(landed, sent, receipt, now), delivered=True)
        case Retry() as retry:
            return _retry(landed, sent, retry, now, luck)
        case Rejected() as rejected:
            return _rejected(landed, sent, rejected, now)
    assert_never(outcome)


def _delivered(card: Card, sent: Sent, receipt: str, now: int) -> Card:
    calm = replace(
        card,
        failures=0,
        unknown_since=None,
        problem="",
        trace=sent.trace,
        mentions_dropped=False,  # the next message tries them again
    )
    if sent.call is Call.REPLY:
        called = max(sent.revision, card.called + 1)
        return _due(replace(calm, called=called, marks=sent.shown.marks, reply_at=None), now)
    first = sent.call in (Call.CREATE, Call.POST)
    shown = replace(
        calm,
        shown=max(card.shown, sent.revision),
        last=sent.shown,
        settle_at=None,
        attempt=None,
        message_id=receipt if first and receipt else card.message_id,
        sent_at=now if first else card.sent_at,
        edited_at=now,
        called=max(card.called, sent.revision) if first else card.called,
        marks=sent.shown.marks if first else _heeded(card.marks, sent.shown),
        units=show(card.units, sent.shown.episodes),
        digest=NO_DIGEST,
    )
    return _due(shown, now)


def _heeded(marks: Marks, shown: Shown) -> Marks:
    """Count repeats that came while somebody owned the incident as told: nobody is called later."""
    if shown.state is State.ACKNOWLEDGED:
        return marks._replace(repeated=shown.marks.repeated)
    return marks


def _due(card: Card, now: int) -> Card:
    """Look at a card that was just shown once more: a reply, or a newer revision, may wait."""
    return replace(card, due_at=now)


def _retry(card: Card, sent: Sent, retry: Retry, now: int, luck: float) -> Settlement:
    since = card.unknown_since
    if retry.reason is RetryReason.UNKNOWN_CODE:
        since = now if since is None else since
        if now - since >= UNKNOWN_PATIENCE:
            return _rejected(card, sent, Rejected(RejectReason.UNKNOWN_CODE, retry.detail), now)
    unsure = retry.reason.ambiguous
    failed = replace(
        card,
        failures=card.failures + 1,
        unknown_since=since,
        problem=retry.detail or retry.reason,
        due_at=now + _pause(card, retry, luck),
    )
    if sent.call is Call.PATCH and unsure:
        again = now + SETTLE_AGAIN
        return Settlement(card=replace(failed, settle_at=again, due_at=again))
    if sent.call in (Call.CREATE, Call.POST) and card.attempt is not None:
        attempt = card.attempt._replace(ambiguous=card.attempt.ambiguous or unsure)
        return Settlement(card=replace(failed, attempt=attempt))
    if sent.call is Call.REPLY and now - (card.reply_at or now) >= REPLY_HORIZON:
        given_up = replace(failed, called=card.called + 1, marks=sent.shown.marks, reply_at=None)
        return Settlement(card=given_up, possible_duplicate=unsure)
    return Settlement(card=failed, possible_duplicate=sent.call is Call.POST and unsure)


def _pause(card: Card, retry: Retry, luck: float) -> int:
    if retry.reason in (RetryReason.CARD_LOCKED, RetryReason.IN_FLIGHT):
        return max(LOCK_RETRY, retry.after)
    return back_off(card.failures, retry.after, luck)


_MAYBE_MENTION = frozenset({RejectReason.MENTION, RejectReason.CONTENT})


def _rejected(card: Card, sent: Sent, rejected: Rejected, now: int) -> Settlement:
    reason = rejected.reason
    calls = sent.call is not Call.PATCH  # a patch mentions nobody
    if calls and reason in _MAYBE_MENTION and card.mention and not card.mentions_dropped:
        # How a forbidden mention of all fails is documented nowhere: it may look like bad content.
        plain = replace(card, mentions_dropped=True, attempt=None, due_at=now)
        return Settlement(card=plain)
    if _is_lost(sent.call, reason):
        return Settlement(card=replaced(card, now))
    if sent.call is Call.REPLY:
        # The card itself is shown; a reply that is refused for good is given up, and counted.
        given_up = replace(
            card,
            called=card.called + 1,
            marks=sent.shown.marks,
            reply_at=None,
            due_at=now,
            problem=rejected.detail,
        )
        return Settlement(card=given_up)
    # A mention that is refused though none was made is bad content like any other.
    if (reason.ladder or reason is RejectReason.MENTION) and card.rung < Rung.TEXT:
        lower = Rung(card.rung + 1)
        if sent.call is Call.PATCH and lower is Rung.TEXT:
            # A card cannot be edited into a text: the text is a message of its own.
            return Settlement(card=replace(replaced(card, now), rung=Rung.TEXT))
        return Settlement(card=replace(card, rung=lower, attempt=None, due_at=now))
    return dead_letter(card, rejected, sent.shown.episodes)


def _is_lost(call: Call, reason: RejectReason) -> bool:
    """Whether the message can serve no more, and another must take its place."""
    if reason is RejectReason.TOO_OLD:
        return call is Call.PATCH
    return reason is RejectReason.GONE and call in (Call.PATCH, Call.REPLY)


def dead_letter(card: Card, rejected: Rejected, joined: int) -> Settlement:
    """Give a card up: its fallback target takes over, or it waits for a change or a replay.

    A create that may have been accepted is kept: only its exact repetition finds out. ``joined``
    is how many episodes its incident has had.
    """
    unsure = card.attempt is not None and card.attempt.ambiguous
    why = f"{rejected.reason}: {rejected.detail}" if rejected.detail else str(rejected.reason)
    moved = bool(card.fallback)
    dead = replace(
        card,
        state=CardState.MOVED if moved else CardState.DEAD,
        units=give_away(card.units, joined) if moved else bury(card.units, joined),
        problem=why,
        due_at=None,
        attempt=card.attempt if unsure else None,
        settle_at=None,
        unknown_since=None,
    )
    return Settlement(card=dead, dead=rejected.reason, moved=card.fallback)


_CALLS: dict[type[Step], Call] = {
    Create: Call.CREATE,
    Patch: Call.PATCH,
    Post: Call.POST,
    Reply: Call.REPLY,
}


def taken(card: Card, step: Step, incident: Incident, now: int) -> Card:
    """Return the card as a step begins: in flight for a call, settled or put off for none."""
    match step:
        case Settle():
            return replace(
                card,
                shown=max(card.shown, incident.revision),
                failures=0,
                unknown_since=None,
                due_at=now,
                units=give_away(card.units, incident.joined),
            )
        case Wait(None) if card.reply_at is not None:
            # Nobody need be called any more; the next reply is another one, with its own uuid.
            return replace(card, due_at=None, reply_at=None, called=card.called + 1)
        case Wait(until):
            return replace(card, due_at=until)
        case Replace():
            return replaced(card, now)
        case Reply():
            first = now if card.reply_at is None else card.reply_at
            return replace(card, in_flight=Call.REPLY, flown_at=now, reply_at=first)
        case _:
            return replace(card, in_flight=_CALLS[type(step)], flown_at=now)


def crashed(card: Card, now: int) -> Card:
    """Return a card whose call was cut off by a crash: its outcome is unknown."""
    if card.in_flight is None:
        return card
    landed = replace(card, in_flight=None, flown_at=None, due_at=now, tried=True)
    if card.in_flight is Call.PATCH:
        again = (card.flown_at or now) + SETTLE_AGAIN
        return replace(landed, settle_at=again, due_at=max(now, again))
    if card.attempt is not None:
        return replace(landed, attempt=card.attempt._replace(ambiguous=True))
    return landed

"""What to do next with a card: decided at the moment of sending, with a named reason."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from receiver.domain.card import (
    AFTER_CLICK,
    CREATE_HORIZON,
    DIGEST_EDIT_APART,
    DIGEST_POST_APART,
    GENERATION_AGE,
    NO_DIGEST,
    UNSEEN_GRACE,
    Ability,
    Card,
    CardState,
    Marks,
    Rung,
    Shown,
    picture,
)
from receiver.domain.incident import Incident, Kind, Member
from receiver.domain.reason import CardReason, NotifyReason, State
from receiver.domain.severity import CRITICAL
from receiver.domain.silence import SilenceState


@dataclass(frozen=True, slots=True)
class Create:
    """Send the card: the attempt's content if there is one, else the newest state."""

    reason: CardReason


@dataclass(frozen=True, slots=True)
class Patch:
    """Replace the message's content by the newest state."""

    reason: CardReason


@dataclass(frozen=True, slots=True)
class Reply:
    """Bring the card up again with one short reply that calls people."""

    reason: CardReason


@dataclass(frozen=True, slots=True)
class Post:
    """Send a message of its own to a target that cannot edit."""

    reason: CardReason


@dataclass(frozen=True, slots=True)
class Settle:
    """Do nothing, and say why: the wanted revision counts as shown."""

    reason: CardReason


@dataclass(frozen=True, slots=True)
class Replace:
    """Begin a new generation: the old message is left as it is."""

    reason: CardReason
    duplicate: bool = False  # the old message may exist beside the new one


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing before this time (Unix ms), or nothing at all until something changes."""

    until: int | None


Step = Create | Patch | Reply | Post | Settle | Replace | Wait


def why_edit(last: Shown | None, now: Shown) -> CardReason:
    """Name the most important thing that a target has not been shown yet."""
    if last is None:
        if now.state is State.NOTE:
            return CardReason.MESSAGE
        return CardReason.LATE if now.state is State.RESOLVED else CardReason.FIRST
    for reason, differs in _differences(last, now):
        if differs:
            return reason
    return CardReason.UNCHANGED


def _differences(last: Shown, now: Shown) -> tuple[tuple[CardReason, bool], ...]:
    resolved = now.state is State.RESOLVED and last.state is not State.RESOLVED
    return (
        (CardReason.SUPERSEDED, now.superseded and not last.superseded),
        (CardReason.ALL_RESOLVED, resolved),
        (CardReason.REOPENED, now.marks.reopened > last.marks.reopened),
        (CardReason.FLAPPING, last.state is State.RESOLVED and now.state is not State.RESOLVED),
        (CardReason.SEVERITY_RAISED, now.marks.raised > last.marks.raised),
        (CardReason.NEW_ALERTS, now.marks.joined > last.marks.joined),
        (CardReason.ESCALATED, now.escalated > last.escalated),
        (CardReason.SILENCE_FAILED, now.marks.failed > last.marks.failed),
        (CardReason.SILENCED, bool(_holding(now) - set(last.silences))),
        (CardReason.UNSILENCED, now.silences != last.silences),
        (CardReason.APPROVAL, now.requests != last.requests),
        (CardReason.HANDLED, now.handled != last.handled),
        (CardReason.LAPSED, now.marks.lapsed > last.marks.lapsed),
        (CardReason.HANDED_OVER, now.marks.handed > last.marks.handed),
        (CardReason.ACKNOWLEDGED, bool(set(now.ack.split()) - set(last.ack.split()))),
        (CardReason.UNACKNOWLEDGED, now.ack != last.ack),
        (CardReason.REMINDED, now.marks.reminded > last.marks.reminded),
        (CardReason.CONFIRMED, now.until != last.until),
        (CardReason.SOME_RESOLVED, now.firing < last.firing),
        (CardReason.NOTED, now.marks.noted > last.marks.noted),
        (CardReason.JOINED, now.episodes > last.episodes),
        (CardReason.UNSUPPRESSED, now.muted < last.muted),
        (CardReason.SUPPRESSED, now.muted > last.muted or now.held != last.held),
        (CardReason.TRUNCATED, now.truncated != last.truncated),
        (CardReason.UPDATED, _updated(last, now)),
        (CardReason.REPEAT, now.marks.repeated > last.marks.repeated),
        (CardReason.STALE, now.stale and not last.stale),
        (CardReason.FRESH, last.stale and not now.stale),
    )


def _updated(last: Shown, now: Shown) -> bool:
    return now.marks.updated > last.marks.updated or now.proposed != last.proposed


def _holding(shown: Shown) -> set[tuple[str, SilenceState]]:
    live = (SilenceState.REQUESTED, SilenceState.ACTIVE, SilenceState.EXTENDING)
    return {(silence, stand) for silence, stand in shown.silences if stand in live}


def why_call(marks: Marks, now: Shown, notify: Sequence[str]) -> CardReason | None:
    """Name what people must notice and have not been called for, or None."""
    news = now.marks
    if news.failed > marks.failed:
        return CardReason.SILENCE_FAILED  # the clicker may have left: they are told all the same
    if now.leads and news.handed > marks.handed and now.state not in _OVER:
        return CardReason.HANDED_OVER  # and so is who was chosen to take over
    if now.state not in (State.FIRING, State.ACKNOWLEDGED):
        return None
    unowned = now.state is State.FIRING
    for reason, happened in (
        (NotifyReason.REOPENED, news.reopened > marks.reopened),
        (NotifyReason.SEVERITY_RAISED, news.raised > marks.raised),
        (NotifyReason.NEW_ALERTS, news.joined > marks.joined),
        (NotifyReason.LAPSED, news.lapsed > marks.lapsed and unowned),
        (NotifyReason.REPEAT, news.repeated > marks.repeated and unowned),
    ):
        if happened and reason in notify:
            return CardReason(reason)
    return CardReason.REMINDED if now.asked and news.reminded > marks.reminded else None


_OVER = (State.RESOLVED, State.NOTE)


# What a target that cannot edit gets a message for.
POSTED = frozenset(
    {
        CardReason.FIRST,
        CardReason.LATE,
        CardReason.MESSAGE,
        CardReason.SEVERITY_RAISED,
        CardReason.NEW_ALERTS,
        CardReason.REOPENED,
        CardReason.ALL_RESOLVED,
    }
)


def next_step(
    card: Card, incident: Incident, members: Sequence[Member], ability: Ability, now: int
) -> Step:
    """Decide, at the moment of sending, what to do with a card."""
    step = _next(card, incident, members, ability, now)
    if incident.kind is Kind.DIGEST and isinstance(step, Create | Patch):
        return replace(step, reason=_digest_reason(step.reason, incident))
    return step


def _next(
    card: Card, incident: Incident, members: Sequence[Member], ability: Ability, now: int
) -> Step:
    if card.state is not CardState.OPEN or card.digest > NO_DIGEST:
        return Wait(None)
    news = picture(incident, members, card.id)
    if card.last is None and card.attempt is None:
        if card.shown >= card.wanted:
            return Wait(None)
        if unseen(card, incident):
            return Settle(CardReason.NEVER_SHOWN)
    if ability is Ability.POSTS_ONLY or card.rung is Rung.TEXT:
        # A text cannot be edited into anything, whatever the channel can do with cards.
        return _next_post(card, incident, news, now)
    if not card.message_id:
        return _next_create(card, news, now)
    return _next_edit(card, news, now)


def unseen(card: Card, incident: Incident) -> bool:
    """Whether an incident came and went before anyone could be shown it, and may be left so."""
    over = incident.closed_at is not None and incident.kind in (Kind.ALERTS, Kind.AGENT)
    told = card.quiet or card.units.digested  # by a digest: its end must be told too
    if not over or card.tried or told or incident.rank <= CRITICAL:
        return False
    return (incident.closed_at or 0) - incident.opened_at < UNSEEN_GRACE


def _next_post(card: Card, incident: Incident, news: Shown, now: int) -> Step:
    if card.shown >= card.wanted:
        return Wait(None)
    if incident.kind is Kind.DIGEST:
        return _next_digest_post(card, incident, news, now)
    if card.generation > 1 and not card.shown:
        return Post(CardReason.REPLACED)  # in the place of a card that can be edited no more
    reason = why_edit(card.last, news)
    if card.last is not None and card.last.state is news.state is State.RESOLVED:
        return Settle(_quiet(reason))  # it came and went again: nobody need read of it now
    return Post(reason) if reason in POSTED else Settle(_quiet(reason))


def _next_digest_post(card: Card, incident: Incident, news: Shown, now: int) -> Step:
    again = _later(card.sent_at, DIGEST_POST_APART, now)
    if now < again:
        return Wait(again)
    return Post(_digest_reason(why_edit(card.last, news), incident))


def _digest_reason(reason: CardReason, incident: Incident) -> CardReason:
    if reason in (CardReason.LATE, CardReason.REPLACED, CardReason.SETTLED_AGAIN):
        return reason
    return CardReason.DIGEST if incident.closed_at is None else CardReason.DIGEST_CLOSED


def _quiet(reason: CardReason) -> CardReason:
    return reason if reason is CardReason.UNCHANGED else CardReason.NO_EDIT


def _next_create(card: Card, news: Shown, now: int) -> Step:
    tried = card.attempt
    if tried is not None and tried.ambiguous and now - tried.first_at >= CREATE_HORIZON:
        return Replace(CardReason.REPLACED, duplicate=True)
    if card.generation > 1 and card.last is not None:
        return Create(CardReason.REPLACED)
    if card.moved_from and card.last is None:
        return Create(CardReason.MOVED)
    return Create(why_edit(None, news))


def _next_edit(card: Card, news: Shown, now: int) -> Step:
    not_before = max(
        card.settle_at or 0,
        0 if card.clicked_at is None else card.clicked_at + AFTER_CLICK,
        _apart(card, news, now),
    )
    if now < not_before:
        return Wait(not_before)
    if card.shown < card.wanted or card.settle_at is not None:
        return _edit(card, why_edit(card.last, news), now)
    call = why_call(card.marks, news, card.notify)
    if call is not None:
        return Reply(call)
    if news.state is not State.RESOLVED and _aged(card, now):
        return Replace(CardReason.REPLACED)  # nothing is new, but its buttons are about to die
    return Wait(None)


def _apart(card: Card, news: Shown, now: int) -> int:
    """Return when a digest may be edited again: it changes all the time."""
    waits = news.gathers and card.shown < card.wanted
    return _later(card.edited_at, DIGEST_EDIT_APART, now) if waits else 0


def _later(last: int | None, apart: int, now: int) -> int:
    """Return when the next time may be; a last one that is still to come was by another clock."""
    return 0 if last is None or last > now else last + apart


def _aged(card: Card, now: int) -> bool:
    return now - (card.sent_at or now) >= GENERATION_AGE


def _edit(card: Card, reason: CardReason, now: int) -> Step:
    if reason is CardReason.UNCHANGED and card.settle_at is None:
        return Settle(reason)
    if _aged(card, now):
        return Replace(CardReason.REPLACED)
    return Patch(CardReason.SETTLED_AGAIN if reason is CardReason.UNCHANGED else reason)

"""The message that shows one incident in one target, and what to do with it next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple

from receiver.domain.incident import Incident, Kind, Member, state
from receiver.domain.reason import CardReason, NotifyReason, State
from receiver.domain.severity import CRITICAL
from receiver.domain.silence import SilenceState
from receiver.domain.units import Units

SECOND = 1_000
MINUTE = 60 * SECOND
# The platform forgets a uuid after an hour; five minutes are left for a last attempt's answer.
CREATE_HORIZON = 55 * MINUTE
# A card can be edited for 14 days; half a day is left to replace it in peace.
GENERATION_AGE = int(13.5 * 24 * 60) * MINUTE
SETTLE_AGAIN = 30 * SECOND
UNSEEN_GRACE = 30 * SECOND
# A patch while a click is being answered is lost or refused.
AFTER_CLICK = SECOND
# The platform waits 3 s for the answer to a click; Alertmanager gets half of them.
ANSWER_WITHIN = 1_500


# A digest on a channel that cannot edit is posted at most this often.
DIGEST_POST_APART = MINUTE
DIGEST_EDIT_APART = SECOND
# What a card's ``digest`` says besides the number of one.
NO_DIGEST = 0
LEISURE = -1  # a digest showed it, and the storm is over: it is shown when nothing else waits


class Rung(IntEnum):
    """How much of the incident a message carries; one step down after a definite rejection."""

    WHOLE = 0
    FEWER = 1
    MINIMAL = 2
    TEXT = 3


class CardState(StrEnum):
    """Where a card stands."""

    OPEN = "open"  # shown or to be shown
    DEAD = "dead"  # rejected for good: a dead letter until something changes or it is replayed
    MOVED = "moved"  # rejected for good, and taken over by the fallback target


class Marks(NamedTuple):
    """The incident's counters when people were last told of them."""

    joined: int = 0
    raised: int = 0
    reopened: int = 0
    repeated: int = 0
    failed: int = 0  # silences that Alertmanager refused or did not confirm
    updated: int = 0


class Shown(NamedTuple):
    """What a target was last shown, as far as later decisions depend on it."""

    state: State
    firing: int
    marks: Marks
    rank: int
    truncated: int
    ack: str
    handled: str
    silences: tuple[tuple[str, SilenceState], ...]
    episodes: int = 0  # of the incident so far
    gathers: bool = False  # it is a digest, which changes all the time


class Attempt(NamedTuple):
    """A create that was tried: exactly this is sent again until its outcome is known."""

    uuid: str
    content: str
    revision: int
    first_at: int
    shown: Shown
    ambiguous: bool = False


class Call(StrEnum):
    """The kinds of calls to a platform; also the metric label."""

    CREATE = "create"
    PATCH = "patch"
    REPLY = "reply"
    POST = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as the store keeps it; revisions are the incident's, times Unix milliseconds."""

    id: int
    incident: int
    target: str
    mention: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    wanted: int = 1
    shown: int = 0
    called: int = 0
    generation: int = 1
    state: CardState = CardState.OPEN
    due_at: int | None = 0
    pending_since: int = 0  # when the oldest revision that is not shown was accepted
    message_id: str = ""
    sent_at: int | None = None
    edited_at: int | None = None
    rung: Rung = Rung.WHOLE
    attempt: Attempt | None = None
    in_flight: Call | None = None
    flown_at: int | None = None
    last: Shown | None = None
    marks: Marks = Marks()  # noqa: RUF009  (an immutable value)
    reply_at: int | None = None  # first attempt of the reply that is being made
    settle_at: int | None = None  # an edit's outcome is unknown: edit again then
    clicked_at: int | None = None  # when a callback's answer, with a card, left at the latest
    failures: int = 0
    tried: bool = False  # a call was made, whatever became of it
    unknown_since: int | None = None  # when a code that nobody knows first stood in the way
    mentions_dropped: bool = False
    problem: str = ""
    trace: str = ""
    units: Units = Units()  # noqa: RUF009  (an immutable value)
    digest: int = NO_DIGEST  # the open digest that shows its incident meanwhile, or LEISURE
    quiet: bool = False  # a digest showed it first: its own appearance calls nobody
    fallback: str = ""
    moved_from: str = ""  # the target that refused it


class Ability(StrEnum):
    """What a target's channel can do with a message once it is sent."""

    EDITS = "edits"
    POSTS_ONLY = "posts_only"


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


def picture(incident: Incident, members: Sequence[Member]) -> Shown:
    """Return what a card drawn now would show, as far as later decisions depend on it."""
    return Shown(
        state=state(incident, members),
        firing=sum(member.firing for member in members),
        marks=Marks(
            incident.joined - incident.hushed,
            incident.raised,
            incident.reopened,
            incident.repeated,
            sum(silence.state is SilenceState.FAILED for silence in incident.silences),
            incident.updated,
        ),
        rank=incident.rank,
        truncated=incident.truncated,
        ack="" if incident.ack is None else incident.ack.actor.open_id,
        handled="" if incident.handled is None else incident.handled.actor.open_id,
        silences=tuple((silence.id, silence.state) for silence in incident.silences),
        episodes=incident.joined,
        gathers=incident.kind is Kind.DIGEST,
    )


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
        (CardReason.ALL_RESOLVED, resolved),
        (CardReason.REOPENED, now.marks.reopened > last.marks.reopened),
        (CardReason.FLAPPING, last.state is State.RESOLVED and now.state is not State.RESOLVED),
        (CardReason.SEVERITY_RAISED, now.marks.raised > last.marks.raised),
        (CardReason.NEW_ALERTS, now.marks.joined > last.marks.joined),
        (CardReason.SILENCE_FAILED, now.marks.failed > last.marks.failed),
        (CardReason.SILENCED, bool(_holding(now) - set(last.silences))),
        (CardReason.UNSILENCED, now.silences != last.silences),
        (CardReason.HANDLED, now.handled != last.handled),
        (CardReason.ACKNOWLEDGED, bool(now.ack) and now.ack != last.ack),
        (CardReason.UNACKNOWLEDGED, bool(last.ack) and not now.ack),
        (CardReason.SOME_RESOLVED, now.firing < last.firing),
        (CardReason.TRUNCATED, now.truncated != last.truncated),
        (CardReason.UPDATED, now.marks.updated > last.marks.updated),
        (CardReason.REPEAT, now.marks.repeated > last.marks.repeated),
    )


def _holding(shown: Shown) -> set[tuple[str, SilenceState]]:
    live = (SilenceState.REQUESTED, SilenceState.ACTIVE)
    return {(silence, stand) for silence, stand in shown.silences if stand in live}


def why_call(marks: Marks, now: Shown, notify: Sequence[str]) -> CardReason | None:
    """Name what people must notice and have not been called for, or None."""
    news = now.marks
    if news.failed > marks.failed:
        return CardReason.SILENCE_FAILED  # the clicker may have left: they are told all the same
    if now.state not in (State.FIRING, State.ACKNOWLEDGED):
        return None
    unowned = now.state is State.FIRING
    for reason, happened in (
        (NotifyReason.REOPENED, news.reopened > marks.reopened),
        (NotifyReason.SEVERITY_RAISED, news.raised > marks.raised),
        (NotifyReason.NEW_ALERTS, news.joined > marks.joined),
        (NotifyReason.REPEAT, news.repeated > marks.repeated and unowned),
    ):
        if happened and reason in notify:
            return CardReason(reason)
    return None


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
    news = picture(incident, members)
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


def create_uuid_text(card: Card) -> str:
    """Return the text that a create's uuid derives from: never the revision."""
    return f"create:{card.id}:{card.generation}:{int(card.rung)}:{int(card.mentions_dropped)}"


def post_uuid_text(card: Card) -> str:
    """Return the text that the uuid of a message of its own derives from."""
    return f"post:{card.id}:{card.generation}:{card.shown}:{int(card.mentions_dropped)}"


def reply_uuid_text(card: Card) -> str:
    """Return the text that a reply's uuid derives from."""
    return f"reply:{card.id}:{card.generation}:{card.called}:{int(card.mentions_dropped)}"


def replaced(card: Card, now: int) -> Card:
    """Return the card as its next generation, to be created."""
    return replace(
        card,
        generation=card.generation + 1,
        message_id="",
        sent_at=None,
        attempt=None,
        settle_at=None,
        clicked_at=None,
        reply_at=None,
        rung=Rung.WHOLE,
        shown=0,
        failures=0,
        unknown_since=None,
        due_at=now,
    )

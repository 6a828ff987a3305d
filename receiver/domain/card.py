"""The message that shows one incident in one target, and what it shows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple

from receiver.domain.incident import Ending, Incident, Kind, Member, state, suppressed
from receiver.domain.ownership import owned_until, owners
from receiver.domain.reason import State
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
    lapsed: int = 0
    handed: int = 0
    reminded: int = 0
    noted: int = 0


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
    until: int = 0  # when the acknowledgements lapse
    asked: bool = False  # its owners have taken it here, and are asked whether they are on it
    leads: bool = False  # its lead was chosen, or came, here
    proposed: str = ""  # the silence that somebody looks at in this card
    muted: int = 0  # firing alerts that something mutes
    held: str = ""  # a digest of what mutes them besides the silences
    stale: bool = False
    superseded: bool = False
    requests: tuple[str, ...] = ()  # what awaits a second person
    escalated: int = 0  # steps whose outcome is known


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
    URGENT_APP = "urgent_app"
    URGENT_SMS = "urgent_sms"
    URGENT_PHONE = "urgent_phone"


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


def picture(incident: Incident, members: Sequence[Member], card: int = 0) -> Shown:
    """Return what a card drawn now would show, as far as later decisions depend on it.

    ``card`` is its number: people are asked where they took the incident.
    """
    having = owners(incident)
    here = [owner for owner in having if owner.card in (0, card)]
    proposal = incident.proposal
    shows = proposal is not None and proposal.card == card
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
            incident.custody.lapsed,
            incident.custody.handed,
            incident.custody.reminded,
            incident.custody.noted,
        ),
        rank=incident.rank,
        truncated=incident.truncated,
        ack=" ".join(owner.actor.open_id for owner in having),
        handled="" if incident.handled is None else incident.handled.actor.open_id,
        silences=tuple((silence.id, silence.state) for silence in incident.silences),
        episodes=incident.joined,
        gathers=incident.kind is Kind.DIGEST,
        until=owned_until(incident),
        asked=any(owner.reminded for owner in here),
        leads=incident.ack in here,
        proposed=f"{proposal.id} {proposal.at}" if proposal is not None and shows else "",
        muted=sum(member.firing and suppressed(incident, member) for member in members),
        held=_held(incident, members),
        stale=bool(incident.stale_since) and incident.closed_at is None,
        superseded=incident.closed_at is not None and incident.ending is Ending.SUPERSEDED,
        requests=tuple(
            f"{one.id} {one.muting}" for one in incident.requests if incident.closed_at is None
        ),
        escalated=incident.escalated.told,
    )


def _held(incident: Incident, members: Sequence[Member]) -> str:
    """Return a digest of what the lines about silences made elsewhere, and the like, say."""
    found: set[str] = {repr(silence) for silence in incident.outside}
    found.update(
        repr((member.held.inhibitors, member.held.intervals))
        for member in members
        if member.firing and member.held is not None
    )
    found.update(  # of one that is kept alive no card says each end
        repr((one.id, 0 if one.kept else one.ends_at)) for one in incident.silences if one.elsewhere
    )
    if incident.ancestors:
        found.add(repr(incident.ancestors))
    if not found:
        return ""
    text = "\n".join(sorted(found)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


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

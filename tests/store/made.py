"""What the tests of the store do with one, in the words of its promises."""

from dataclasses import replace

from receiver.domain.action import Action, ActionKind
from receiver.domain.card import (
    Ability,
    Attempt,
    Call,
    Card,
    picture,
)
from receiver.domain.incident import Notice, Placement, Rules
from receiver.domain.outcome import Delivered, Outcome
from receiver.domain.person import Actor
from receiver.domain.settle import Sent, Settlement
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Reply,
)
from receiver.store.base import Applied, Queue, Store, Work
from tests.domain.made import NOW, SECOND, alert, notice

RULES = Rules()
LI = Actor(open_id="ou_li", name="Li")
ANY_RANK = 99
MANY = 1000
N1, N2 = alert("n1"), alert("n2")
GONE1, GONE2 = alert("n1", firing=False), alert("n2", firing=False)
BROKEN = notice(N1)._replace(alerts=(None,))  # type: ignore[arg-type]  # our own fault, made


def group(number: int, told: Notice | None = None) -> Notice:
    """Make a body of another group."""
    return (told or notice(N1))._replace(group_key=f'{{}}:{{number="{number}"}}')


def to(told: Notice, *targets: str) -> Notice:
    """Route a body."""
    return told._replace(placements=tuple(Placement(target) for target in targets))


async def open_one(store: Store, told: Notice | None = None, now: int = NOW) -> Applied:
    """Open an incident."""
    return await store.apply(told or notice(N1), RULES, now)


async def card_of(store: Store, incident: int = 1) -> Card:
    """Return an incident's only card."""
    (card,) = await store.cards(incident)
    return card


async def take(store: Store, card: int, now: int = NOW) -> Work:
    """Begin with a card, which must be free."""
    work = await store.begin(card, Ability.EDITS, now)
    assert work is not None
    return work


def sent_of(work: Work) -> Sent:
    """Say what a piece of work sends."""
    assert isinstance(work.step, Create | Patch | Reply | Post)
    return Sent(
        call=work.card.in_flight or Call.CREATE,
        reason=work.step.reason,
        revision=work.snapshot.incident.revision,
        shown=picture(work.snapshot.incident, work.snapshot.members),
    )


def attempted(work: Work, content: str = "content", now: int = NOW) -> Card:
    """Return the card with a create about to be sent."""
    sent = sent_of(work)
    return replace(work.card, attempt=Attempt("uuid", content, sent.revision, now, sent.shown))


async def settle(store: Store, work: Work, outcome: Outcome, now: int = NOW) -> Settlement:
    """Keep what became of a piece of work."""
    return await store.settle(work.card.id, sent_of(work), outcome, ("key",), now, 0.5)


async def show(store: Store, card: int, now: int = NOW) -> None:
    """Do all that is to be done about a card, with success."""
    while True:
        work = await take(store, card, now)
        if isinstance(work.step, Create | Patch | Reply | Post):
            await settle(store, work, Delivered("om_1"), now)
        elif work.card.due_at is None:
            return


def click(kind: ActionKind, action: str = "a1", incident: int = 1, card: int = 0) -> Action:
    """Make a click."""
    return Action(
        id=action,
        kind=kind,
        incident=incident,
        actor=LI,
        at=NOW + SECOND,
        card=card,
        duration="1h",
    )


async def due_cards(store: Store, target: str, now: int, rank: int = ANY_RANK) -> list[int]:
    """Return the cards of both queues of a target that something is to be done about."""
    found: list[int] = []
    for shown in (False, True):
        dues = await store.due(Queue(target, shown), now, rank, MANY)
        found += [due.card for due in dues]
    return found

"""What the stages may expect of a store, as numbered promises, and the values it speaks in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from receiver.domain.action import Action, Verdict
from receiver.domain.card import (
    Ability,
    Card,
)
from receiver.domain.digest import Digest
from receiver.domain.escalated import EscalationStep, Plan
from receiver.domain.escalation import Told
from receiver.domain.incident import Incident, Line, Member, Notice, Rules
from receiver.domain.outcome import Outcome, Rejected, RejectReason
from receiver.domain.policy import FREE, Access
from receiver.domain.proposal import Found
from receiver.domain.reason import BodyReason, TruthReason
from receiver.domain.reconcile import TruthRules
from receiver.domain.settle import Sent, Settlement
from receiver.domain.silence import Silence
from receiver.domain.silencing import Conclusion
from receiver.domain.step import Step
from receiver.domain.truth import Truth, Unanswered
from receiver.store.accounts import Discrepancy, Totals

ENDLESS = (1 << 63) - 1  # SQLite's largest integer, as a time

# Errors:
#
# StoreError
#   Unavailable   the change is not known to be durable: answer 503, the sender tries again
#   Poisoned      this batch cannot be applied because of our own fault: quarantine it
#   Unusable      the store cannot be opened: the message says why, and the cure


class StoreError(Exception):
    """Something the store could not do."""


class Unavailable(StoreError):
    """The change is not known to be durable; ``reason`` is the metric label."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class Poisoned(StoreError):
    """A batch that cannot be applied, through our own fault; nothing of it is kept."""


class Unusable(StoreError):
    """The store cannot be opened; the message says why, and the cure."""


class Applied(NamedTuple):
    """What a notice did; ``incident`` is 0 where it kept nothing."""

    reason: BodyReason
    incident: int
    revision: int
    raised: bool


class Snapshot(NamedTuple):
    """An incident as of one moment, with its alerts; a digest, with what it gathers."""

    incident: Incident
    members: tuple[Member, ...]
    digest: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What an action did; ``card`` is the clicked one, ``busy`` when its edit is unsettled."""

    verdict: Verdict
    snapshot: Snapshot | None = None
    card: Card | None = None
    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A card, its incident, and what was decided to do; a call's card is in flight from here."""

    card: Card
    snapshot: Snapshot
    step: Step


class Due(NamedTuple):
    """A card that something is to be done about, in the order of its target's queue."""

    card: int
    rank: int
    message_id: str
    leisure: bool = False  # a digest showed it already
    since: int = 0  # when the oldest revision that is not shown was accepted (Unix ms)


class Load(NamedTuple):
    """What waits in a target to be shown for the first time."""

    target: str
    lesser: int  # cards of incidents that are not critical and go on
    late: int  # cards of incidents that are over
    digest: int  # the open digest's number, or 0
    untold: int = 0  # what it took in and nobody was shown yet
    refused: bool = False  # its card is a dead letter


class Gathering(NamedTuple):
    """What a digest took in; ``more`` says that there is more to take."""

    digest: int
    taken: int
    more: bool


class Queue(NamedTuple):
    """One of a target's two queues: the cards never shown, or those that were."""

    target: str
    shown: bool


class Taking(NamedTuple):
    """A step of an escalation that is recorded, and is now to be taken; ``number`` names it."""

    snapshot: Snapshot
    number: int
    step: EscalationStep


class Escalating(NamedTuple):
    """The steps to take now, and when the next one may be due."""

    takings: tuple[Taking, ...]
    next_at: int | None


class Stirred(NamedTuple):
    """The queues that something became due in, and when the next card becomes due."""

    queues: tuple[Queue, ...]
    next_at: int | None


class Spent(NamedTuple):
    """A call that was answered: the limit keys it counts against, and when (Unix ms)."""

    keys: tuple[str, ...]
    at: int


# The limit keys that the call a card has in flight counts against.
KeysOf = Callable[[Card], Sequence[str]]


def no_keys(_: Card) -> Sequence[str]:
    """Count a call against nothing."""
    return ()


class Entry(NamedTuple):
    """A line of the timeline, as kept."""

    at: int
    kind: str
    detail: str
    actor: str
    trace: str
    union_id: str = ""
    open_id: str = ""
    place: str = ""
    result: str = ""


class Deed(NamedTuple):
    """A line of the audit; ``incident`` is 0 where it belongs to none."""

    id: int
    incident: int
    entry: Entry


class Deeds(NamedTuple):
    """Which lines of the audit are wanted: from ``since`` to before ``until``, in Unix ms."""

    since: int = 0
    until: int = ENDLESS
    incident: int | None = None
    kind: str = ""


class Reconciled(NamedTuple):
    """How many open incidents a source's truth corrected, by reason."""

    corrected: dict[TruthReason, int]


class Asked(NamedTuple):
    """A command as it is kept; ``value`` is for whoever carries it out."""

    id: str
    at: int
    value: bytes


class Figures(NamedTuple):
    """What the store holds, read in one snapshot; ages and times in ms."""

    waiting: dict[str, int]  # target -> cards to show
    oldest: dict[str, int]  # target -> when the oldest of them was accepted
    critical: dict[str, int]  # target -> when the oldest critical one was accepted
    dead: int
    quarantined: int
    size: int
    open_incidents: int


class Store(Protocol):
    """The only place where the stages meet.

    1. A method that changes something returns only after the change is durable.
    2. A change is whole or not at all, whatever crashes; one that raised ``Unavailable`` may
       have been kept all the same, and making it again changes nothing more.
    3. ``apply`` decides on the newest kept state; bodies are applied one after another.
    4. A body that cannot be applied harms no other body, though they share a commit.
    5. Each change that cards show of an incident raises ``wanted`` on all of them in the same
       transaction;
       a group has at most one open incident, and a target at most one card of an incident.
    6. An action is applied once, however often its id arrives; again it answers the same.
    7. A card in flight is given to nobody else until it is settled; one that a crash left in
       flight is recovered at the next start as a call with an unknown outcome.
    8. ``attempt`` keeps exactly what is about to be sent, before it is sent.
    9. Calls that were answered, or cut off, are remembered longer than the longest limit window.
    10. What an incident went through is in its timeline, in order, and never changed; with it, each
        click, whatever became of it.
    11. A body in quarantine is kept once, with a count; the total is bounded.
    12. Each unit, an (episode, target), is in exactly one state; the totals change in the
        transaction that moves it.
    13. The cost of a change does not grow with the number of incidents that are over.
    14. A source's truth is compared with each of its open incidents as it is kept then, and what
        differs is corrected in commits that are short, however much there is to correct.
    15. A step of an escalation is recorded before it is given out, and given out once: one whose
        outcome a crash kept from us is never given out again.
    """

    async def apply(self, notice: Notice, rules: Rules, now: int) -> Applied:
        """Apply one body.

        Raises:
            Unavailable: it is not known to be durable.
            Poisoned: it cannot be applied.

        """

    async def quarantine(self, source: str, body: bytes, problem: str, now: int) -> bool:
        """Keep a body that cannot be applied; False when the room for such bodies is used up."""

    async def act(self, action: Action, now: int, access: Access = FREE) -> Acted:
        """Apply a click if the policy permits it, before any body that waits."""

    async def note(self, line: Line, now: int) -> None:
        """Append a line that belongs to no incident."""

    async def conclude(self, told: Conclusion, now: int) -> Snapshot | None:
        """Keep Alertmanager's answer about a silence; None when it changes nothing."""

    async def lapse(self, now: int) -> tuple[int, int | None]:
        """End silences whose time is over; return how many, and when to look again."""

    async def reconcile(
        self, source: str, told: Truth | Unanswered, rules: TruthRules, now: int
    ) -> Reconciled:
        """Bring a source's open incidents in line with what it says, or cannot be asked."""

    async def open_sources(self) -> Sequence[str]:
        """Return the sources, agents too, that have open incidents."""

    async def next_escalation(self) -> int | None:
        """Return when an escalation must be looked at (Unix ms); None where there is none."""

    async def escalate(
        self,
        plans: Mapping[str, Plan],
        now: int,
        busy: Sequence[tuple[int, int]] = (),
        since: int | None = None,
    ) -> Escalating:
        """Look at the escalations that are due, and record the steps that are to be taken.

        ``busy`` are the steps, (incident, number), that this process is taking. With ``since``,
        look at those instead whose time is later: the clock was set back, or this is a start.
        """

    async def conclude_step(
        self, incident: int, number: int, told: Told, keys: Sequence[str], now: int
    ) -> bool:
        """Keep what became of a step, and the windows that its calls count against."""

    async def intents(self) -> Sequence[tuple[Snapshot, Silence]]:
        """Return the silences that Alertmanager must still be told of, or asked about."""

    async def stirred(self, since: int, now: int) -> Stirred:
        """Return the queues with cards that became due after ``since`` and until now."""

    async def backlog(self, now: int) -> Stirred:
        """Return every queue that may have cards to look at."""

    async def due(self, queue: Queue, now: int, rank: int, most: int) -> Sequence[Due]:
        """Return a queue's due cards of at most that rank, the most urgent first."""

    async def begin(self, card: int, ability: Ability, now: int) -> Work | None:
        """Decide what to do with a card, and put it in flight if that is a call.

        None when it is in flight already, or gone.
        """

    async def attempt(self, card: Card, now: int) -> None:
        """Keep a create's exact content before its first call."""

    async def release(self, card: int, due_at: int) -> None:
        """Take a card out of flight: its call was never made."""

    async def settle(
        self, card: int, sent: Sent, outcome: Outcome, keys: Sequence[str], now: int, luck: float
    ) -> Settlement:
        """Keep what became of a call, and the windows it counts against."""

    async def recover(
        self, now: int, busy: Sequence[int], keys: KeysOf = no_keys
    ) -> Sequence[Card]:
        """Return the cards that were left in flight, but for the busy, and put them out of it.

        Their calls may have been made, so they count as answered now, against their keys.
        """

    async def loads(self) -> Sequence[Load]:
        """Return what waits in each target where something waits, or a digest is open."""

    async def gather(self, target: str, now: int, *, late: bool = False) -> Gathering:
        """Take what waits in a target into its open digest, or a new one.

        With ``late``, what ended unseen, into one of its own that is closed at once; nothing
        where it is little.
        """

    async def disperse(self, target: str, now: int) -> int:
        """Close a target's digest; return how many incidents of it still fire."""

    async def hasten(self, scope: str, now: int) -> int:
        """Make cards due that wait for another try; ``scope`` is a target, or a channel's name."""

    async def revive_matching(
        self, scope: str, reasons: Sequence[RejectReason], now: int, most: int = 500
    ) -> int:
        """Try a scope's dead letters again that died for these reasons; return how many."""

    async def probe(self, scope: str, reasons: Sequence[RejectReason], now: int) -> int:
        """Try the most urgent of them again; return its number, or 0."""

    async def counted(self) -> dict[str, int]:
        """Return the durable counters: calls by key, of keys that count a month's."""

    async def units(self) -> Totals:
        """Return how many units there are in each state, in one snapshot."""

    async def selfcheck(self) -> tuple[Discrepancy, ...]:
        """Return where the totals are not what the rows say."""

    async def abandon(self, card: int, rejected: Rejected, now: int) -> Settlement | None:
        """Give a card up without a call: it moves to its fallback, or is a dead letter.

        None when it is given up already, or gone.
        """

    async def spent(self, since: int) -> Sequence[Spent]:
        """Return the calls answered since then."""

    async def once(self, key: str, until: int, now: int) -> bool:
        """Say whether this key is new; it is remembered until then."""

    async def ask(self, asked: Asked) -> bool:
        """Keep a command; False where its id is known, also of one that is done.

        Raises:
            Unavailable: it is not known to be durable, or too many wait.

        """

    async def asked(self) -> Sequence[Asked]:
        """Return the commands that are not answered, the oldest first."""

    async def answered(self, command: str, keys: Sequence[str], now: int) -> None:
        """Keep that a command was answered, by a call that counts against these keys."""

    async def alive(self, most: int) -> Sequence[Snapshot]:
        """Return the newest incidents that go on."""

    async def snapshot(self, incident: int) -> Snapshot | None:
        """Return an incident with its alerts."""

    async def matching(self, incident: Incident, matchers: Sequence[tuple[str, str]]) -> Found:
        """Return the firing alerts of an incident's source that these equality matchers mute."""

    async def incidents(self, before: int, most: int) -> Sequence[Incident]:
        """Return incidents with a smaller id, the newest first; ``before`` 0 means from the end."""

    async def timeline(self, incident: int) -> Sequence[Entry]:
        """Return what an incident went through, the oldest first."""

    async def audit(self, deeds: Deeds, after: int, most: int) -> Sequence[Deed]:
        """Return what people did, the oldest first, with larger ids than ``after``."""

    async def cards(self, incident: int) -> Sequence[Card]:
        """Return an incident's cards, or with 0 those that are not yet shown."""

    async def card_of(self, message_ids: Sequence[str]) -> Card | None:
        """Return the card that one of these messages shows or showed, the first that does.

        Of a card that was replaced often, only the last eight messages are remembered.
        """

    async def dead_letters(self, most: int) -> Sequence[Card]:
        """Return the cards that were rejected for good, the newest first."""

    async def age(self, before: int, now: int) -> int:
        """Make open incidents' cards due that were sent before then; return how many."""

    async def revive(self, card: int, now: int) -> str:
        """Try a dead letter again; return its target, empty when there is no such."""

    async def figures(self) -> Figures:
        """Return what the store holds, in one snapshot."""

    async def prune(self, before: int, now: int, most: int) -> int:
        """Forget incidents that ended before then, a few at a time; return how many."""

    async def close(self) -> None:
        """Finish what waits, and close."""

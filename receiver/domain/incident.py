"""One continuous life of a group: its values, and what they mean at a glance."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from receiver.domain.alert import Alert
from receiver.domain.audit import Trail
from receiver.domain.custody import Custody, Hold, Ownership
from receiver.domain.escalated import Escalated
from receiver.domain.proposal import Proposal
from receiver.domain.reason import BodyReason, State
from receiver.domain.request import Request
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import Silence
from receiver.domain.suppression import Held, Outside

FLAP_WINDOW = 10 * 60_000
# What a group's coming and going is counted over, and from how many times on it is flapping.
FLAPPING_WINDOW = 60 * 60_000
FLAPPING_THRESHOLD = 4


class Kind(StrEnum):
    """What an incident is made of."""

    ALERTS = "alerts"
    AGENT = "agent"  # a program's message with a state
    MESSAGE = "message"  # a program's message without one: a single revision
    DIGEST = "digest"  # ours: what gathers the incidents of a storm


class Ending(StrEnum):
    """How an incident came to its end."""

    RESOLVED = "resolved"  # its source said so
    GONE = "gone"  # its source no longer reports it
    SUPERSEDED = "superseded"  # its source now groups its alerts otherwise


class Placement(NamedTuple):
    """Where an incident is shown, and what its route says about calling people there."""

    target: str
    mention: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    fallback: str = ""  # the target that takes over what this one refuses for good
    # The targets by which other apps serve the same chat: one card there is enough.
    others: tuple[str, ...] = ()
    hold: Hold = Hold()  # what its routes say about acknowledgements
    escalation: str = ""  # the name of the first one that its routes name


class Flapping(NamedTuple):
    """From how many re-openings within a window (ms) on a group flaps."""

    threshold: int = FLAPPING_THRESHOLD
    window: int = FLAPPING_WINDOW


class Rules(NamedTuple):
    """The parts of the configuration that decisions about bodies need."""

    scale: SeverityScale = SeverityScale()
    flap_window: int = FLAP_WINDOW
    flapping: Flapping = Flapping()


class Notice(NamedTuple):
    """What one accepted body says, whatever its sender was; times in Unix milliseconds."""

    source: str
    receiver: str
    group_key: str
    alerts: tuple[Alert, ...]
    group_labels: dict[str, str]
    placements: tuple[Placement, ...]  # the union over the firing alerts' routes
    external_url: str = ""  # also the peer's identity: each peer names itself
    truncated: int = 0
    repeat: bool | None = None  # what notification_reason says; None where there is none
    kind: Kind = Kind.ALERTS
    title: str = ""
    links: tuple[tuple[str, str], ...] = ()
    once: str = ""  # an id that is accepted once in 24 hours
    plain: bool = False  # shown as a text, not as a card
    trace: str = ""


class Member(NamedTuple):
    """An alert in an incident; ``episode`` counts its continuous firings, from 1."""

    fingerprint: str
    firing: bool
    episode: int
    since: int
    until: int | None
    rank: int
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str
    gone: bool = False  # it ended since its source no longer reports it
    held: Held | None = None  # what mutes it besides our own silences, while it fires
    hushed: bool = False  # nobody was called for it, since it was muted when it began


class Past(NamedTuple):
    """A group's earlier incidents within a week: when they opened, and how the last one went."""

    openings: tuple[int, ...] = ()  # the oldest first
    owner: str = ""  # who acknowledged the last one, if anybody did
    lasted: int = 0  # ms


class Incident(NamedTuple):
    """An incident as the store keeps it; a NamedTuple, because each body replaces one."""

    id: int
    source: str
    receiver: str
    group_key: str
    kind: Kind
    title: str
    group_labels: dict[str, str]
    opened_at: int
    closed_at: int | None = None
    changed_at: int = 0
    revision: int = 0
    rank: int = 0  # the worst that fires, or fired last
    truncated: int = 0
    # Counters that only grow: a card compares them with what it last showed.
    joined: int = 0
    raised: int = 0
    reopened: int = 0
    repeated: int = 0
    updated: int = 0
    ack: Ownership | None = None  # of those who acknowledged, the one who leads
    handled: Ownership | None = None
    silences: tuple[Silence, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    external_url: str = ""
    peers: dict[str, int] = {}  # noqa: RUF012  (never mutated) # peer -> time of its last body
    repeat_at: int = 0
    trace: str = ""
    plain: bool = False
    reopenings: tuple[int, ...] = ()  # when it re-opened, within the flapping window
    flapping: int = 0  # how often that was at the last re-opening, 0 where it was not flapping
    flaps_until: int = 0  # when it has calmed down, if it does not re-open again
    called_at: int = 0  # the last re-opening that people were called for
    hushed: int = 0  # of ``joined``, those that came with news nobody was called for
    past: Past = Past()
    custody: Custody = Custody()
    proposal: Proposal | None = None  # a silence that somebody looks at before it is made
    outside: tuple[Outside, ...] = ()  # silences made elsewhere that mute its alerts, or did
    stale_since: int = 0  # when its source was last heard, while it cannot be asked
    omitted: int = 0  # how many alerts its last body left out: ``truncated`` is what is unknown
    corrected_at: int = 0  # when its source's truth changed it last
    ending: Ending = Ending.RESOLVED  # once it is closed
    heirs: tuple[int, ...] = ()  # the incidents that hold its alerts since it was superseded
    ancestors: tuple[int, ...] = ()  # those that it took over from
    requests: tuple[Request, ...] = ()  # silences that await a second person
    escalated: Escalated = Escalated()


class Line(NamedTuple):
    """One line of the timeline: what happened, by whom, and the fact behind it."""

    kind: str
    detail: str = ""
    actor: str = ""
    trail: Trail = Trail()


class Change(NamedTuple):
    """What a body or an action changes; the store writes exactly this."""

    reason: BodyReason
    incident: Incident | None = None
    members: tuple[Member, ...] = ()
    opened: bool = False
    raised: bool = False
    forgotten: tuple[str, ...] = ()  # fingerprints of alerts that are over since long
    joined: int = 0  # episodes that began
    lines: tuple[Line, ...] = ()


def flapping(incident: Incident, now: int) -> int:
    """Return how often a flapping group re-opened within its window; 0 when it does not flap."""
    return incident.flapping if now < incident.flaps_until else 0


def muting(incident: Incident, labels: dict[str, str]) -> Silence | None:
    """Return the silence that is known to mute an alert with these labels."""
    for silence in incident.silences:
        if silence.mutes and silence.covers(labels):
            return silence
    return None


def suppressed(incident: Incident, member: Member) -> bool:
    """Say whether Alertmanager notifies nobody of a firing alert, by whatever mutes it."""
    return member.held is not None or muting(incident, member.labels) is not None


def state(incident: Incident, members: Iterable[Member]) -> State:
    """Say what the card must show at a glance."""
    if incident.kind is Kind.MESSAGE:
        return State.NOTE
    if incident.closed_at is not None:
        return State.RESOLVED
    firing = [member for member in members if member.firing]
    if firing and all(suppressed(incident, member) for member in firing):
        return State.SUPPRESSED
    if incident.ack is not None or incident.handled is not None:
        return State.ACKNOWLEDGED
    return State.FIRING

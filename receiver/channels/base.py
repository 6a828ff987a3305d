"""What a platform must be able to do, and what it is given to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from receiver.channels.templates import Templates
from receiver.domain.card import (
    Call,
    Card,
    Rung,
)
from receiver.domain.chart import Chart, NoChart
from receiver.domain.digest import Digest
from receiver.domain.incident import Incident, Member
from receiver.domain.outcome import Outcome
from receiver.domain.reason import CardReason
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import SilenceRules


class Limit(NamedTuple):
    """At most ``most`` calls in any ``window`` ms share this key; ``name`` is the metric label."""

    key: str
    most: int
    window: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that a card is drawn from; ``people`` are resolved ids, or ``all``."""

    incident: Incident
    members: Sequence[Member]
    card: Card
    now: int
    reason: CardReason
    scale: SeverityScale = SeverityScale()  # noqa: RUF009  (a frozen value)
    people: tuple[str, ...] = ()
    source_url: str = ""  # overrides the peer's own address in links
    console_url: str = ""  # where the whole list can be read; empty while there is no such page
    templates: Templates = Templates()  # noqa: RUF009  (never changes)
    silences: SilenceRules = SilenceRules()  # noqa: RUF009  (never changes)
    chart: Chart | NoChart | None = None  # None where there is nothing to draw
    digest: Digest | None = None  # what the incident shows in the place of alerts of its own


class Channel(Protocol):
    """A platform account that can send a message to an address of its own."""

    @property
    def name(self) -> str:
        """The configured name, as in ``targets``."""

    @property
    def kind(self) -> str:
        """The kind of channel: a metric label, such as ``feishu_app``."""

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:
        """Return every limit that a call must stay below."""

    async def people(self, mention: Sequence[str]) -> tuple[str, ...]:
        """Resolve configured mentions to ids that may stand in a card; unknown ones are dropped."""

    def render(self, view: View, rung: Rung) -> str:
        """Return the content to send, as text that can be stored and sent again unchanged."""

    async def send(self, address: str, content: str, uuid: str) -> Outcome:
        """Send a new message; a receipt, where there is one, is the message's id."""


@runtime_checkable
class Edits(Protocol):
    """A channel that can also change a message and answer to it."""

    async def patch(self, message_id: str, content: str) -> Outcome:
        """Replace a message's content."""

    def render_reply(self, view: View) -> str:
        """Return the short reply that calls people back to the card."""

    async def reply(self, message_id: str, content: str, uuid: str) -> Outcome:
        """Answer to a message, which brings it up again."""


class Urged(NamedTuple):
    """What became of an urgent notice, and whom it did not reach though others were called."""

    outcome: Outcome
    missed: tuple[str, ...] = ()


@runtime_checkable
class Urges(Protocol):
    """A channel that can also call people to a message in the app, by SMS or by phone."""

    async def urge(self, message_id: str, call: Call, people: Sequence[str]) -> Urged:
        """Call people, given by their resolved ids; it cannot be made once by any key."""


@runtime_checkable
class Speaks(Protocol):
    """A channel that can word a short message about an incident which calls people."""

    def render_reply(self, view: View) -> str:
        """Return that message, to be sent or to be a reply."""


@runtime_checkable
class Spreads(Protocol):
    """A channel whose lesser sends keep away from moments when everybody sends."""

    def spread(self, card: int, now: int) -> int:
        """Return how many ms a card that is not critical waits; 0 at most moments."""


@runtime_checkable
class Directory(Protocol):
    """A channel that knows whose an e-mail address is, and what people are called; at once."""

    def known_person(self, email: str) -> str | None:
        """Return an address's id, empty where nobody has it; None while that is not known."""

    def known_name(self, open_id: str) -> str:
        """Return a person's name, or an empty text."""


class Quota(NamedTuple):
    """Who pays for a channel's calls, and how many a month there are; 0 when any number is."""

    tenant: str
    most: int = 0


@runtime_checkable
class Metered(Protocol):
    """A channel whose calls are counted by the month."""

    @property
    def quota(self) -> Quota:
        """The quota that its calls count against."""


def split_target(target: str) -> tuple[str, str]:
    """Return a target's channel name and its address there (empty where it has only one)."""
    name, _, address = target.partition(":")
    return name, address

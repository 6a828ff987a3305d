"""A silence that a person asked for, from intent to its end."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from receiver.domain.audit import Trail, trail
from receiver.domain.matcher import Matcher, Operator
from receiver.domain.person import Actor

MINUTE = 60_000
HOUR = 60 * MINUTE

DURATIONS: dict[str, int] = {
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "8h": 8 * HOUR,
    "24h": 24 * HOUR,
}
TOMORROW = "tomorrow"  # until nine in the morning of the reader's next day
RESOLVED = "resolved"  # kept alive while what it mutes fires
UNTIL = "until"  # a moment that a person picked
GROUP_SCOPE = "group"
SHARED_SCOPE = "shared"  # what all alerts of a digest share
LABELS_SCOPE = "labels"  # chosen labels
CONFIRM_WITHIN = MINUTE  # an intent that Alertmanager has not confirmed by then has failed
COMMENT_LIMIT = 200
LONGEST = 7 * 24 * HOUR
KEPT_FOR = 15 * MINUTE  # what is kept alive ends this long after the last time that we did it
# Labels that change when what an alert is about is only started again, or asked by another.
UNSTABLE_LABELS = (
    "pod",
    "pod_name",
    "pod_template_hash",
    "container_id",
    "uid",
    "replica",
    "prometheus",
    "prometheus_replica",
)
IDENTITY = "alertname"


class SilenceRules(NamedTuple):
    """What the configuration in force says about silences; times in ms."""

    longest: int = LONGEST
    unstable: tuple[str, ...] = UNSTABLE_LABELS


class SilenceState(StrEnum):
    """Where a silence stands; each state says how it is left."""

    REQUESTED = "requested"  # the intent is durable; Alertmanager's answer ends it
    ACTIVE = "active"  # Alertmanager has it; its end or an unsilence ends it
    EXTENDING = "extending"  # a later end is durable; Alertmanager's answer ends it
    EXPIRING = "expiring"  # an unsilence is durable; Alertmanager's answer ends it
    EXPIRED = "expired"  # over
    FAILED = "failed"  # Alertmanager refused, or did not confirm in time

    @property
    def asks(self) -> bool:
        """Whether Alertmanager must still be told, or asked again."""
        return self in _ASKING


_ASKING = frozenset({SilenceState.REQUESTED, SilenceState.EXTENDING, SilenceState.EXPIRING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence; ``id`` is the action's, ``silence_id`` is Alertmanager's. Times in ms."""

    id: str
    state: SilenceState
    scope: str  # GROUP_SCOPE, LABELS_SCOPE, SHARED_SCOPE, or the fingerprint of one alert
    matchers: tuple[tuple[str, str], ...]  # equality only: positive by construction
    actor: Actor
    comment: str
    asked_at: int
    ends_at: int
    silence_id: str = ""
    problem: str = ""
    confirmed_at: int | None = None
    elsewhere: bool = False  # another tool than ours ended or changed it
    place: str = ""  # where it was asked for, and the trace of that
    trace: str = ""
    lasts: str = ""  # as it was chosen: one of DURATIONS, TOMORROW, RESOLVED or UNTIL
    keep_until: int = 0  # kept alive until then at the most; 0 where it just ends
    wanted_end: int = 0  # while EXTENDING: the end that Alertmanager must be told
    extended_at: int = 0  # when an extension was last asked for
    extender: Actor | None = None
    unextended: bool = False  # ``problem`` is why it could not be extended
    unwanted: bool = False  # it was ended on purpose
    ended_at: int = 0

    def trail(self, result: str) -> Trail:
        """Return who asked for it and where, beside what became of it."""
        return trail(self.actor, self.place, result, self.trace)

    @property
    def live(self) -> bool:
        """Whether it mutes or is about to, and nobody has asked to end it."""
        return self.state is SilenceState.REQUESTED or self.mutes

    @property
    def mutes(self) -> bool:
        """Whether Alertmanager is known to mute by it, and nobody has asked to end it."""
        return self.state in (SilenceState.ACTIVE, SilenceState.EXTENDING)

    @property
    def holds(self) -> bool:
        """Whether Alertmanager is known to mute by it."""
        return self.mutes or self.state is SilenceState.EXPIRING

    @property
    def kept(self) -> bool:
        """Whether it is kept alive while what it mutes fires."""
        return self.mutes and self.keep_until > 0

    @property
    def latest(self) -> int:
        """When it is over at the latest, as far as anybody has asked."""
        return max(self.ends_at, self.keep_until, self.wanted_end)

    @property
    def span(self) -> int:
        """How long it was to last, in ms."""
        return (self.keep_until or self.ends_at) - self.asked_at

    @property
    def marker(self) -> str:
        """The text that finds this silence in Alertmanager, whoever created it."""
        return f"[receiver:{self.id}]"

    def covers(self, labels: dict[str, str]) -> bool:
        """Whether an alert with these labels is muted by it."""
        return all(labels.get(name, "") == value for name, value in self.matchers)


def group_scope(
    group_labels: dict[str, str], key_matchers: tuple[Matcher, ...], firing: list[dict[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return the matchers that mute a group: its labels, and what its route demands of all.

    Empty where nothing positive describes the group: then the scope must not be offered, since
    such a silence would mute everything.
    """
    chosen = {name: value for name, value in group_labels.items() if value}
    for demand in key_matchers:
        same = all(labels.get(demand.name) == demand.value for labels in firing)
        if demand.operator is Operator.EQUAL and demand.value and same and firing:
            chosen.setdefault(demand.name, demand.value)
    return tuple(sorted(chosen.items()))


def alert_scope(
    labels: dict[str, str], unstable: Collection[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Return the matchers that mute one alert, whatever its unstable labels become.

    Without a name the other labels may say too little of it, so all of them count.
    """
    chosen = {name: value for name, value in labels.items() if value}
    if chosen.get(IDENTITY):
        chosen = {
            name: value
            for name, value in chosen.items()
            if name == IDENTITY or name not in unstable
        }
    return tuple(sorted(chosen.items()))


def is_safe(matchers: Iterable[tuple[str, str]]) -> bool:
    """Whether a silence of these matchers has a positive one that names a value.

    Alertmanager would take a set without one, and mute everything.
    """
    return any(name and value for name, value in matchers)

"""A silence that a person asked for, from intent to its end."""

from dataclasses import dataclass
from enum import StrEnum

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
GROUP_SCOPE = "group"
SHARED_SCOPE = "shared"  # what all alerts of a digest share
CONFIRM_WITHIN = MINUTE  # an intent that Alertmanager has not confirmed by then has failed
COMMENT_LIMIT = 200


class SilenceState(StrEnum):
    """Where a silence stands; each state says how it is left."""

    REQUESTED = "requested"  # the intent is durable; Alertmanager's answer ends it
    ACTIVE = "active"  # Alertmanager has it; its end or an unsilence ends it
    EXPIRING = "expiring"  # an unsilence is durable; Alertmanager's answer ends it
    EXPIRED = "expired"  # over
    FAILED = "failed"  # Alertmanager refused, or did not confirm in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence; ``id`` is the action's, ``silence_id`` is Alertmanager's. Times in ms."""

    id: str
    state: SilenceState
    scope: str  # GROUP_SCOPE, or the fingerprint of one alert
    matchers: tuple[tuple[str, str], ...]  # equality only: positive by construction
    actor: Actor
    comment: str
    asked_at: int
    ends_at: int
    silence_id: str = ""
    problem: str = ""
    confirmed_at: int | None = None
    place: str = ""  # where it was asked for, and the trace of that
    trace: str = ""

    def trail(self, result: str) -> Trail:
        """Return who asked for it and where, beside what became of it."""
        return trail(self.actor, self.place, result, self.trace)

    @property
    def holds(self) -> bool:
        """Whether Alertmanager is known to mute by it."""
        return self.state in (SilenceState.ACTIVE, SilenceState.EXPIRING)

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


def alert_scope(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the matchers that mute exactly one label set."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))

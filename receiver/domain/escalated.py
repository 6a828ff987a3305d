"""What an escalation is, and what was done of it: the values that an incident keeps."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

CALLS_KEPT = 12
# Why a step called nobody, where no platform was asked.
NOBODY = "nobody to call: the list is empty, or the app knows none of them"
NO_CARD = "no app that can do this shows the card"
NO_ROOM = "no room within the platform's limits"
NOT_NEEDED = "not needed any more: nobody was called"
MONTH_SPENT = "the month's calls are used up"


class Via(StrEnum):
    """How people are called."""

    MENTION = "mention"  # by a reply to the card
    APP = "app"  # urgent, in the app
    SMS = "sms"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationStep:
    """Call these people so long (ms) after nobody looks after an incident any more."""

    after: int
    via: Via
    whom: tuple[str, ...] = ()  # mentions; empty: those of the step before, or of the route


Plan = tuple[EscalationStep, ...]


class CallState(StrEnum):
    """What became of one step; the last three are metric labels."""

    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"  # nobody was called
    UNKNOWN = "unknown"  # somebody may have been called: it is not done again


class Called(NamedTuple):
    """One step that was taken; ``number`` counts an incident's."""

    number: int
    step: int
    via: Via
    at: int
    people: tuple[str, ...] = ()  # what they are called, once it is known
    state: CallState = CallState.UNDER_WAY
    problem: str = ""


class Escalated(NamedTuple):
    """How far an incident's escalation is; times are Unix ms."""

    plan: str = ""  # the escalation's name; empty where its routes name none
    steps: int = 0  # how many it had when it was last looked at
    taken: int = 0  # of them, in this round
    round: int = -1  # since when nobody looks after it: another time is another round
    since: int = 0  # from when this round counts
    at: int = 0  # when its last step was taken
    silenced: bool = False  # all of it was, when it was last looked at
    fell: bool = False  # the last step called nobody: the next one is due at once
    hurried: str = ""  # who asked for the next step at once
    number: int = 0  # of the last step that was ever taken
    told: int = 0  # how many of them are over
    seen: int = 0  # the revision as of which it was last looked at,
    look_at: int | None = 0  # and when to look again, if nothing changes before
    calls: tuple[Called, ...] = ()  # the newest last

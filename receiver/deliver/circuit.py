"""Circuits: what fails for a reason of its own is left alone, tried now and then, and told once.

A circuit is open for a scope: a target (``ops:oc_1``) or all of a channel (``ops``). Where the
platform is out, the cards wait and one at a time is sent to find out. Where an operator must act,
or the month's calls are used up, the cards are given up without a call until a trial succeeds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from receiver.channels.base import split_target
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason

# Failures in a row, with no answer between them, after which nobody is thought to be there.
IN_A_ROW = 3
OUTAGE_FIRST = 500
OUTAGE_MOST = 5_000
# What is due goes first; only where nothing is, a card's own pause is cut short for a trial.
OUTAGE_GRACE = 20
TRIAL_FIRST = 10_000
TRIAL_MOST = 300_000
# A card that happens to be there, such as one that an operator sends again, is a trial so often.
LIVE_APART = 30_000
# A trial that has not ended by then is none.
TRIAL_PATIENCE = 60_000
# What an earlier run found may be mended: so long its first trial may take to find out.
FIRST_PATIENCE = 120_000
FOR_EVER = 1 << 62


class Cause(StrEnum):
    """Why a circuit is open; also the metric label."""

    OUTAGE = "outage"
    TARGET = "target"
    CREDENTIALS = "credentials"
    QUOTA = "quota"


# Whose cards a refusal gives up, and why: of the target, or of the whole channel.
OWN_CAUSES: dict[RejectReason, Cause] = {
    RejectReason.TARGET: Cause.TARGET,
    RejectReason.CREDENTIALS: Cause.CREDENTIALS,
    RejectReason.QUOTA: Cause.QUOTA,
}
OUTAGES = frozenset(
    {
        RetryReason.UNREACHABLE,
        RetryReason.TIMEOUT,
        RetryReason.CONNECTION_LOST,
        RetryReason.SERVER_ERROR,
        RetryReason.TOKEN,
    }
)


class Sign(StrEnum):
    """What one outcome says about the other side."""

    ALIVE = "alive"  # delivered
    ANSWERED = "answered"  # not delivered, but for no reason of the whole scope
    OUT = "out"
    REFUSED = "refused"
    UNCLEAR = "unclear"


class Gate(StrEnum):
    """What may be done with a card now."""

    PASS = "pass"  # noqa: S105  (no password)
    TRIAL = "trial"  # this one card may go: it finds out
    AWAIT = "await"  # nothing is sent, or given up, before the one that finds out is answered
    HOLD = "hold"
    GIVE_UP = "give_up"


class Turn(StrEnum):
    """What one outcome did to one circuit."""

    NONE = "none"
    OPENED = "opened"
    FAILED_AGAIN = "failed_again"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """An open circuit; times are Unix milliseconds."""

    scope: str
    cause: Cause
    detail: str  # what the platform said, and the cure
    opened_at: int
    trial_at: int  # when the next trial may begin
    tried_at: int
    failures: int = 0  # trials in a row
    trial: int = 0  # the card that is being tried
    trial_since: int = 0
    hastened_at: int = 0  # when what waits in the scope was last made due for a trial
    until: int = FOR_EVER  # when it closes by itself
    doubted_until: int = 0  # an earlier run opened it: the first trial decides, until then
    begun_at: int = 0  # when the first trial's call began

    def trying(self, now: int) -> bool:
        """Whether a trial is under way."""
        return self.trial != 0 and now - self.trial_since < TRIAL_PATIENCE

    def doubted(self, now: int) -> bool:
        """Whether only an earlier run says that it is open."""
        return now < self.doubted_until

    @property
    def prepare_at(self) -> int:
        """When a card is to be found for the next trial, if none has gone by then."""
        if self.cause is Cause.QUOTA:
            return FOR_EVER
        if self.cause is not Cause.OUTAGE:
            return self.trial_at
        again = self.hastened_at + OUTAGE_MOST if self.hastened_at else 0
        return max(self.trial_at + OUTAGE_GRACE, again)


class Answer(NamedTuple):
    """An outcome of a call: of which card, in which target, and when it began and ended."""

    target: str
    card: int
    call: Call
    outcome: Outcome
    began: int
    now: int


def read(answer: Answer) -> Sign:
    """Say what an outcome tells about the other side; total."""
    match answer.outcome:
        case Delivered():
            return Sign.ALIVE
        case Retry(reason):
            if reason in OUTAGES:
                return Sign.OUT
            return Sign.UNCLEAR if reason is RetryReason.UNKNOWN_CODE else Sign.ANSWERED
        case Rejected(refusal):
            # A reply may be refused where a card is not; the reply alone is given up.
            own = refusal in OWN_CAUSES and answer.call is not Call.REPLY
            return Sign.REFUSED if own else Sign.ANSWERED
    raise AssertionError(answer.outcome)  # pragma: no cover


def scope_of(target: str, cause: Cause) -> str:
    """Return the scope in which a refusal is true."""
    return target if cause is Cause.TARGET else split_target(target)[0]


def gate(circuit: Circuit | None, card: int, now: int) -> Gate:
    """Say what an open circuit lets one card do."""
    if circuit is None:
        return Gate.PASS
    if circuit.trial == card and circuit.cause is not Cause.OUTAGE and circuit.trying(now):
        return Gate.TRIAL  # again, perhaps: one that is tried may need several calls
    if circuit.cause is Cause.OUTAGE:
        free = not circuit.trying(now) and now >= circuit.trial_at
        return Gate.TRIAL if free else Gate.HOLD
    if circuit.doubted(now):  # whichever card is the first to go is the trial
        return Gate.AWAIT if circuit.begun_at else Gate.TRIAL
    if circuit.cause is Cause.QUOTA or circuit.trying(now):
        return Gate.GIVE_UP
    return Gate.TRIAL if now - circuit.tried_at >= LIVE_APART else Gate.GIVE_UP


_STRICTEST = (Gate.GIVE_UP, Gate.HOLD, Gate.AWAIT, Gate.TRIAL, Gate.PASS)


def strictest(*gates: Gate) -> Gate:
    """Return the gate that lets the least through."""
    return min(gates, key=_STRICTEST.index)


def turn(circuit: Circuit, answer: Answer, sign: Sign) -> Turn:
    """Say what an outcome in its scope does to an open circuit."""
    if circuit.cause is Cause.OUTAGE:
        if sign in (Sign.ALIVE, Sign.ANSWERED, Sign.REFUSED):
            return Turn.CLOSED
        return Turn.FAILED_AGAIN if circuit.trial == answer.card else Turn.NONE
    if sign is Sign.ALIVE and answer.began >= circuit.opened_at:
        return Turn.CLOSED  # what began before says nothing of what came after
    if sign is Sign.REFUSED and circuit.trial == answer.card:
        return Turn.FAILED_AGAIN
    return Turn.NONE


def pause_after(cause: Cause, failures: int, luck: float) -> int:
    """Return the ms until the next trial, after so many failed ones; ``luck`` is in [0, 1)."""
    if cause is Cause.OUTAGE:
        return int(min(OUTAGE_MOST, OUTAGE_FIRST << min(failures, 9)) * luck)
    return min(TRIAL_MOST, TRIAL_FIRST << min(failures, 9))


def failed(circuit: Circuit, now: int, luck: float) -> Circuit:
    """Return a circuit whose trial failed."""
    failures = circuit.failures + 1
    return replace(
        circuit,
        failures=failures,
        trial=0,
        hastened_at=0,
        doubted_until=0,
        tried_at=now,
        trial_at=now + pause_after(circuit.cause, failures, luck),
    )


def undecided(circuit: Circuit, now: int, sign: Sign) -> Circuit:
    """Return a doubted circuit whose first trial neither succeeded nor was refused."""
    if sign is Sign.OUT:  # nobody was there to ask
        return replace(circuit, trial_since=now, doubted_until=now + FIRST_PATIENCE)
    return replace(circuit, begun_at=0)  # that card's own trouble: another may find out


class Row(NamedTuple):
    """Failures in a row, and the targets that they were of."""

    failures: int = 0
    targets: frozenset[str] = frozenset()

    def more(self, target: str) -> "Row":
        """Return the row with one more."""
        return Row(self.failures + 1, self.targets | {target})


class Outage(StrEnum):
    """How far an outage goes."""

    COUNTED = "counted"
    TARGET = "target"
    CHANNEL = "channel"


def reach(channel: Row, target: Row, *, token: bool) -> Outage:
    """Say how far an outage goes: what one target alone suffers is held against it alone.

    ``token`` says that there is none, which is the whole channel's trouble.
    """
    several = len(channel.targets) > 1 or token
    if channel.failures >= IN_A_ROW and several:
        return Outage.CHANNEL
    return Outage.TARGET if target.failures >= IN_A_ROW else Outage.COUNTED

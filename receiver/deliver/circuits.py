"""The circuits that are open now, and what each outcome makes of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from receiver.channels.base import split_target
from receiver.deliver.circuit import (
    FIRST_PATIENCE,
    OWN_CAUSES,
    TRIAL_MOST,
    Answer,
    Cause,
    Circuit,
    Gate,
    Outage,
    Row,
    Sign,
    Turn,
    failed,
    gate,
    pause_after,
    reach,
    read,
    scope_of,
    strictest,
    turn,
    undecided,
)
from receiver.domain.outcome import Rejected, Retry, RetryReason

NEVER = 1 << 62


class Happened(NamedTuple):
    """A circuit that opened or closed."""

    turn: Turn
    circuit: Circuit


class Circuits:
    """Keeps the open circuits; ``luck`` gives random numbers in [0, 1).

    ``kin`` names the channels that share a channel's monthly quota, itself among them, and
    ``month_ends`` when the month does.
    """

    def __init__(
        self,
        luck: Callable[[], float],
        kin: Callable[[str], Iterable[str]],
        month_ends: Callable[[int], int],
    ) -> None:
        self._luck = luck
        self._kin = kin
        self._month_ends = month_ends
        self._open: dict[str, Circuit] = {}
        self._rows: dict[str, Row] = {}
        self._closed: dict[str, tuple[Circuit, int]] = {}  # and when

    def __iter__(self) -> Iterator[Circuit]:
        return iter(tuple(self._open.values()))

    def of(self, target: str) -> tuple[Circuit, ...]:
        """Return the open circuits that a target's cards are in: its channel's, and its own."""
        scopes = dict.fromkeys((split_target(target)[0], target))
        return tuple(self._open[scope] for scope in scopes if scope in self._open)

    def gate(self, target: str, card: int, now: int) -> Gate:
        """Say what may be done with a card; card 0 stands for any other."""
        found = self.of(target)
        if not found:
            return Gate.PASS
        return strictest(*(gate(circuit, card, now) for circuit in found))

    def held_until(self, target: str, now: int) -> int:
        """Return when a target's cards, which are held now, are to be looked at again."""
        found = self.of(target)
        out = [one for one in found if one.cause is Cause.OUTAGE]
        if out:
            return max(NEVER if one.trying(now) else one.trial_at for one in out)
        return max((one.doubted_until for one in found if one.doubted(now)), default=now)

    def begun(self, target: str, card: int, now: int) -> None:
        """Note that a card goes as the trial of the circuits that it is in."""
        for circuit in self.of(target):
            if gate(circuit, card, now) is not Gate.TRIAL:
                continue
            if circuit.trial != card:
                self.choose(circuit.scope, card, now)
            self._open[circuit.scope] = replace(self._open[circuit.scope], begun_at=now)

    def choose(self, scope: str, card: int, now: int) -> None:
        """Make a card the trial of a circuit."""
        circuit = self._open[scope]
        self._open[scope] = replace(circuit, trial=card, trial_since=now, tried_at=now)

    def idle(self, scope: str, now: int) -> None:
        """Put a trial off: nothing in the scope could be tried."""
        circuit = self._open[scope]
        wait = pause_after(circuit.cause, circuit.failures, self._luck())
        self._open[scope] = replace(circuit, trial=0, trial_at=now + wait)

    def hastened(self, scope: str, now: int) -> None:
        """Note that what waits in the scope was made due for a trial."""
        self._open[scope] = replace(self._open[scope], hastened_at=now)

    def landed(self, target: str, card: int, now: int) -> None:
        """Note that a card which was to be a trial needed no call: the next one may go."""
        for circuit in self.of(target):
            if circuit.trial == card:
                self._open[circuit.scope] = replace(circuit, trial=0, trial_at=now, begun_at=0)

    def doubt(self, scope: str, now: int) -> None:
        """Note that only an earlier run says that a scope fails: it is tried before it is held."""
        self._open[scope] = replace(
            self._open[scope], trial_at=now, doubted_until=now + FIRST_PATIENCE
        )

    def hurry(self, channel: str, now: int) -> list[Happened]:
        """Try a channel again at once, and its quota as well: it was configured anew."""
        happened = []
        for circuit in self._within(channel):
            if circuit.cause is Cause.QUOTA:
                happened.append(self._close(circuit, now))
            else:
                self._open[circuit.scope] = replace(circuit, failures=0, trial_at=now)
        return happened

    def retry(self, target: str, now: int) -> None:
        """Let a target's next card find out at once: somebody says that it is mended."""
        for circuit in self.of(target):
            if circuit.cause is not Cause.QUOTA:
                self._open[circuit.scope] = replace(circuit, tried_at=0, trial_at=now)

    def rewind(self, now: int) -> None:
        """Begin all pauses anew after the clock was set back, or they would last as long."""
        for circuit in self:
            self._open[circuit.scope] = replace(
                circuit,
                opened_at=min(circuit.opened_at, now),
                tried_at=min(circuit.tried_at, now),
                trial_since=min(circuit.trial_since, now),
                trial_at=now,
                hastened_at=0,
                doubted_until=min(circuit.doubted_until, now + FIRST_PATIENCE),
            )

    def lapse(self, now: int) -> list[Happened]:
        """Close what closes by itself."""
        return [self._close(circuit, now) for circuit in self if circuit.until <= now]

    def drop(self, channel: str, now: int) -> list[Happened]:
        """Close all circuits of a channel that is no longer configured."""
        return [self._close(circuit, now) for circuit in self._within(channel)]

    def open(self, scope: str, cause: Cause, detail: str, now: int) -> Happened:
        """Open a circuit; one that closed a moment ago goes on where it was."""
        before, closed_at = self._closed.pop(scope, (None, 0))
        failures = 0
        known = before is not None and before.cause is cause and cause is not Cause.OUTAGE
        if known and before and now - closed_at < TRIAL_MOST:
            failures = before.failures + 1
        until = self._month_ends(now) if cause is Cause.QUOTA else NEVER
        circuit = Circuit(
            scope=scope,
            cause=cause,
            detail=detail,
            opened_at=now,
            tried_at=now,
            failures=failures,
            trial_at=min(now + pause_after(cause, failures, self._luck()), until),
            until=until,
        )
        self._open[scope] = circuit
        self._rows.pop(scope, None)
        return Happened(Turn.OPENED, circuit)

    def observe(self, answer: Answer) -> list[Happened]:
        """Take in one outcome; return what opened and what closed."""
        sign = read(answer)
        happened = [
            Happened(Turn.CLOSED, circuit)
            for circuit in self.of(answer.target)
            if self._turn(circuit, answer, sign) is Turn.CLOSED
        ]
        if sign in (Sign.ALIVE, Sign.ANSWERED, Sign.REFUSED):
            for scope in (split_target(answer.target)[0], answer.target):
                self._rows.pop(scope, None)
        if sign is Sign.OUT:
            happened += self._count(answer)
        if sign is Sign.REFUSED:
            happened += self._refuse(answer)
        return happened

    def _turn(self, circuit: Circuit, answer: Answer, sign: Sign) -> Turn:
        done = turn(circuit, answer, sign)
        if done is Turn.CLOSED:
            self._close(circuit, answer.now)
        elif done is Turn.FAILED_AGAIN:
            self._open[circuit.scope] = failed(circuit, answer.now, self._luck())
        elif circuit.trial == answer.card and circuit.doubted(answer.now):
            self._open[circuit.scope] = undecided(circuit, answer.now, sign)
        return done

    def _close(self, circuit: Circuit, now: int) -> Happened:
        del self._open[circuit.scope]
        self._closed[circuit.scope] = (circuit, now)
        return Happened(Turn.CLOSED, circuit)

    def _refuse(self, answer: Answer) -> list[Happened]:
        if not isinstance(answer.outcome, Rejected):
            return []
        cause = OWN_CAUSES[answer.outcome.reason]
        scope = scope_of(answer.target, cause)
        scopes = self._kin(scope) if cause is Cause.QUOTA else (scope,)
        return [
            self.open(one, cause, answer.outcome.detail, answer.now)
            for one in scopes
            if one not in self._open
        ]

    def _count(self, answer: Answer) -> list[Happened]:
        channel = split_target(answer.target)[0]
        if self.of(answer.target):
            return []  # it is known, or will be seen when that is over
        for scope in dict.fromkeys((channel, answer.target)):
            self._rows[scope] = self._rows.get(scope, Row()).more(answer.target)
        outcome = answer.outcome
        token = isinstance(outcome, Retry) and outcome.reason is RetryReason.TOKEN
        far = reach(self._rows[channel], self._rows[answer.target], token=token)
        if far is Outage.COUNTED:
            return []
        happened = []
        if far is Outage.CHANNEL:
            inner = [one for one in self._within(channel) if one.cause is Cause.OUTAGE]
            happened = [self._close(one, answer.now) for one in inner]
        scope = channel if far is Outage.CHANNEL else answer.target
        said = outcome.detail if isinstance(outcome, Retry) else ""
        return [*happened, self.open(scope, Cause.OUTAGE, said, answer.now)]

    def _within(self, channel: str) -> list[Circuit]:
        return [one for one in self if split_target(one.scope)[0] == channel]

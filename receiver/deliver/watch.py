"""Watches what becomes of calls: opens and closes circuits, counts quotas, tells operators."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from receiver.channels.base import Channel, Metered, split_target
from receiver.deliver.circuit import OWN_CAUSES, Answer, Cause, Circuit, Gate, Turn, scope_of
from receiver.deliver.circuits import NEVER, Circuits, Happened
from receiver.deliver.means import Means
from receiver.deliver.news import Note, circuit_note, dead_note, frugal_note
from receiver.deliver.quota import Meter, Stance, kin, made, month_ends, month_of, quotas, stance
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason
from receiver.domain.settle import Settlement
from receiver.telemetry.families import OTHER

OWN_REASONS: dict[Cause, RejectReason] = {cause: reason for reason, cause in OWN_CAUSES.items()}
# An outage that is over sooner is no news for anybody.
OUTAGE_TOLD = 60_000
TOLD_AGAIN = 24 * 3_600_000
DEAD_LETTERS_READ = 1_000
DEAD_LETTERS_KNOWN = 10_000


@dataclass(slots=True)
class _Todo:
    """What is to be done in the store about what happened."""

    revive: deque[tuple[str, RejectReason]] = field(default_factory=deque)
    hasten: dict[str, None] = field(default_factory=dict)
    notes: deque[Note] = field(default_factory=deque)


class Watch:
    """Says what may be done with each card, and learns from each outcome."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._meter = Meter()
        self._circuits = Circuits(
            means.luck, lambda name: kin(name, means.outlets().channels), month_ends
        )
        self._todo = _Todo()
        self._told: dict[str, int] = {}  # what was told, and when
        self._dead: dict[int, str] = {}  # why cards were given up: each is counted once for it
        self._owed: set[str] = set()  # channels whose month an earlier run saw used up
        self._roused: set[str] = set()
        self._channels: dict[str, Channel] = dict(means.outlets().channels)

    def gate(self, target: str, card: int, now: int) -> Gate:
        """Say what may be done with a card now; card 0 stands for any other."""
        return self._circuits.gate(target, card, now)

    def held_until(self, target: str, now: int) -> int:
        """Return when to look again at a target that is held."""
        return self._circuits.held_until(target, now)

    def begun(self, target: str, card: int, now: int) -> None:
        """Note that a card which finds out is on its way."""
        self._circuits.begun(target, card, now)

    def retry(self, target: str) -> None:
        """Let a target's next card find out whether it is mended."""
        self._circuits.retry(target, self._means.now())
        self._roused.add(target)

    def landed(self, target: str, card: int) -> None:
        """Note that a card needed no call after all."""
        self._roused.update(self._doubted(target))
        self._circuits.landed(target, card, self._means.now())

    def is_open(self, target: str) -> bool:
        """Whether a circuit is open for a target."""
        return bool(self._circuits.of(target))

    def why_given_up(self, target: str) -> Rejected:
        """Return why a target's cards are given up without a call."""
        for circuit in self._circuits.of(target):
            if circuit.cause in OWN_REASONS:
                return Rejected(OWN_REASONS[circuit.cause], circuit.detail)
        raise LookupError(f"no circuit gives up {target}")  # pragma: no cover

    def roused(self) -> Collection[str]:
        """Return the scopes in which something changed since the last time."""
        scopes, self._roused = self._roused, set()
        return scopes

    def next_trial(self, now: int) -> int:
        """Return when the next trial is to be prepared."""
        waiting = (one.prepare_at for one in self._circuits if not one.trying(now))
        return min((at for at in waiting if at > now), default=NEVER)

    def stance(self, channel: Channel, now: int) -> Stance:
        """Say how a channel may spend the month."""
        return self._meter.stance(channel, self._means.outlets().channels.values(), now)

    def count(self, channel: Channel, outcome: Outcome, now: int) -> tuple[str, ...]:
        """Count a call against the month; return the keys to keep it under."""
        return self._meter.count(channel, now) if made(outcome) else ()

    def observe(self, answer: Answer) -> None:
        """Learn from one outcome."""
        if isinstance(answer.outcome, Delivered):
            self._dead.pop(answer.card, None)
        self._roused.update(self._doubted(answer.target))
        self._take_in(self._circuits.observe(answer))

    def recovered(self, target: str) -> None:
        """Have what waits after refusals tried now: the platform takes calls again."""
        self._todo.hasten[split_target(target)[0]] = None

    def buried(self, channel: Channel | None, settlement: Settlement, title: str) -> None:
        """Count and tell a card that was given up, or moved; None: its channel is gone."""
        card, reason = settlement.card, settlement.dead
        delivery = self._means.metrics.delivery
        if settlement.moved:
            delivery.moved.of(split_target(card.target)[0]).inc()
        if settlement.moved or not reason:
            return
        if self._dead.get(card.id) != card.problem:  # an update of a dead card is no new one
            delivery.dead_lettered.of(OTHER if channel is None else channel.kind, reason).inc()
            self._know(card.id, card.problem)
        if card.target != self._means.operators():
            self._tell_dead(card.target, reason, card.problem, title)

    def _know(self, card: int, problem: str) -> None:
        self._dead.pop(card, None)
        self._dead[card] = problem
        if len(self._dead) > DEAD_LETTERS_KNOWN:
            del self._dead[next(iter(self._dead))]

    def _tell_dead(self, target: str, reason: str, problem: str, title: str) -> None:
        """Tell of a dead letter, unless the note about its whole scope says it, and the cure."""
        for circuit in self._circuits.of(target):
            if OWN_REASONS.get(circuit.cause) == reason:
                self._tell(circuit)
                return
        said = problem.removeprefix(f"{reason}: ")
        self._note(dead_note(target, reason, said, title))

    def _doubted(self, target: str) -> list[str]:
        """Return the scopes whose first trial a target's cards wait for."""
        now = self._means.now()
        return [one.scope for one in self._circuits.of(target) if one.doubted(now)]

    def rewound(self, now: int) -> None:
        """Cut short what was put off before the clock was set back."""
        self._circuits.rewind(now)
        self._todo.hasten.update(dict.fromkeys(self._means.outlets().channels))

    async def restore(self, now: int) -> None:
        """Take over from an earlier run: the month's calls, and what was given up."""
        store = self._means.store
        self._meter.restore(await store.counted())
        for card in await store.dead_letters(DEAD_LETTERS_READ):
            self._know(card.id, card.problem)
            reason, _, detail = card.problem.partition(": ")
            cause = next((one for one in OWN_REASONS if one == reason), None)
            name = split_target(card.target)[0]
            if cause is None or name not in self._channels:
                continue
            if cause is Cause.QUOTA:
                self._owed.add(name)
                continue
            scope = scope_of(card.target, cause)
            if not self._circuits.of(scope):
                self._count(self._circuits.open(scope, cause, detail, now))
                self._circuits.doubt(scope, now)  # a restart may be the cure

    def tend(self, now: int) -> None:
        """Do what time brings; called once a second."""
        self._adopt(now)
        self._take_in(self._circuits.lapse(now))
        self._tend_quotas(now)
        self._pay(now)
        for circuit in self._circuits:
            if circuit.cause is Cause.OUTAGE and now - circuit.opened_at >= OUTAGE_TOLD:
                self._tell(circuit)

    async def follow_up(self, now: int) -> None:
        """Do in the store what follows from what happened; what it refuses is done later."""
        todo, store = self._todo, self._means.store
        while todo.revive:
            scope, reason = todo.revive[0]
            sent = await store.revive_matching(scope, (reason,), now)
            self._roused.add(scope)
            if sent:  # there may be more: some at a time
                self._means.log.info("dead letters sent again", scope=scope, cards=sent)
                break
            todo.revive.popleft()
        while todo.hasten:
            scope = next(iter(todo.hasten))
            await store.hasten(scope, now)
            del todo.hasten[scope]
            self._roused.add(scope)
        await self._prepare_trials(now)
        while todo.notes:
            await self._means.tell(*todo.notes[0])
            todo.notes.popleft()

    async def _prepare_trials(self, now: int) -> None:
        store = self._means.store
        for circuit in self._circuits:
            if circuit.trying(now) or now < circuit.prepare_at:
                continue
            self._roused.add(circuit.scope)
            if circuit.cause is Cause.OUTAGE:
                await store.hasten(circuit.scope, now)
                self._circuits.hastened(circuit.scope, now)
                continue
            card = await store.probe(circuit.scope, (OWN_REASONS[circuit.cause],), now)
            if card:
                self._circuits.choose(circuit.scope, card, now)
            else:
                self._circuits.idle(circuit.scope, now)

    def _take_in(self, happened: list[Happened]) -> None:
        for one in happened:
            circuit = one.circuit
            self._count(one)
            self._roused.add(circuit.scope)
            log = self._means.log.bind(scope=circuit.scope, reason=str(circuit.cause))
            if one.turn is Turn.OPENED:
                log.warning("circuit opened", detail=circuit.detail)
                if circuit.cause is not Cause.OUTAGE:
                    self._tell(circuit)
                continue
            log.info("circuit closed", open_for=self._means.now() - circuit.opened_at)
            if circuit.cause is Cause.OUTAGE:
                self._todo.hasten[circuit.scope] = None
            else:
                self._todo.revive.append((circuit.scope, OWN_REASONS[circuit.cause]))

    def _count(self, one: Happened) -> None:
        name, cause = split_target(one.circuit.scope)[0], one.circuit.cause
        alike = (
            split_target(other.scope)[0] == name and other.cause is cause
            for other in self._circuits
        )
        self._means.metrics.delivery.circuits.of(name, str(cause)).set(sum(alike))

    def _tell(self, circuit: Circuit) -> None:
        if circuit.scope != self._means.operators():
            self._note(circuit_note(circuit))

    def tell(self, note: Note) -> None:
        """Tell the operators; one cause is told once a day."""
        self._note(note)

    def _note(self, note: Note) -> None:
        """Tell the operators, who need not be told twice a day: each note is a commit."""
        now = self._means.now()
        if 0 <= now - self._told.get(note.cause, -TOLD_AGAIN) < TOLD_AGAIN:
            return
        self._told[note.cause] = now
        self._todo.notes.append(note)

    def _adopt(self, now: int) -> None:
        """Try anew what was configured anew, and forget what is configured no more."""
        channels = self._means.outlets().channels
        for name, channel in self._channels.items():
            fresh = channels.get(name)
            if fresh is None:
                for one in self._circuits.drop(name, now):
                    self._count(one)
            elif fresh is not channel:
                self._take_in(self._circuits.hurry(name, now))
        self._channels = dict(channels)

    def _tend_quotas(self, now: int) -> None:
        channels = self._means.outlets().channels
        delivery = self._means.metrics.delivery
        for tenant, most in quotas(channels.values()).items():
            calls = self._meter.calls(tenant, now)
            delivery.quota_calls.of(tenant).set(calls)
            delivery.quota_limit.of(tenant).set(most)
            stands = stance(calls, most)
            if stands is not Stance.FREE:
                self._note(frugal_note(tenant, month_of(now), calls, most))
            if stands is Stance.SPENT:
                self._exhaust(tenant, most, now)

    def _pay(self, now: int) -> None:
        """Send again what an earlier run gave up for want of calls, once there may be some."""
        for name in sorted(self._owed):
            channel = self._channels.get(name)
            if channel is None or self._circuits.of(name):
                continue  # it closes, or the channel comes back
            if self.stance(channel, now) is not Stance.SPENT:
                self._owed.discard(name)
                self._todo.revive.append((name, RejectReason.QUOTA))

    def _exhaust(self, tenant: str, most: int, now: int) -> None:
        detail = f"the {most} calls of this month are used up: buy more, or use a group bot"
        for name, channel in self._means.outlets().channels.items():
            spends = isinstance(channel, Metered) and channel.quota.tenant == tenant
            if spends and not self._circuits.of(name):
                self._take_in([self._circuits.open(name, Cause.QUOTA, detail, now)])

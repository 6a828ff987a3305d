"""Takes the steps of escalations: recorded before, called once, and told whatever became of it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from receiver.channels.base import (
    Channel,
    Directory,
    Edits,
    Limit,
    Speaks,
    Urges,
    View,
    split_target,
)
from receiver.deliver.budget import windows_of
from receiver.deliver.means import Means
from receiver.deliver.news import Note
from receiver.deliver.quota import Stance
from receiver.deliver.watch import Watch
from receiver.domain.card import Call, Card
from receiver.domain.escalated import (
    MONTH_SPENT,
    NO_CARD,
    NO_ROOM,
    NOBODY,
    NOT_NEEDED,
    CallState,
    Plan,
    Via,
)
from receiver.domain.escalation import Told
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.ownership import is_owned
from receiver.domain.reason import CardReason
from receiver.store.base import Taking, Unavailable

LOOK_AGAIN = 1_000  # ms; so late a step is taken at the most
STORE_PAUSE = 0.5
PAUSE_FIRST = 1_000  # ms between tries of a call that surely called nobody
PAUSE_MOST = 30_000
ROOM_WITHIN = 1_000  # ms that a call waits for room in the app's windows at a time
HORIZON = 55 * 60_000  # ms that a reply is made with the same uuid; the platform knows it an hour
EVERYBODY = "all"
NAMESPACE = uuid.UUID("0c1cb7bb-3a2c-4a55-9a1c-5f0f6b9b6e52")

CALLS: Mapping[Via, Call] = {
    Via.MENTION: Call.REPLY,
    Via.APP: Call.URGENT_APP,
    Via.SMS: Call.URGENT_SMS,
    Via.PHONE: Call.URGENT_PHONE,
}


class _Made(NamedTuple):
    """A call's outcome, and whom it called or missed, by their ids."""

    outcome: Outcome
    people: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class Escalator:
    """Looks for steps that are due, once a second, and takes each in a task of its own."""

    def __init__(
        self,
        means: Means,
        watch: Watch,
        plans: Callable[[], Mapping[str, Plan]],
        sleep: Callable[[asyncio.Event, float], Awaitable[None]],
    ) -> None:
        self._means = means
        self._watch = watch
        self._plans = plans
        self._sleep = sleep
        self._stopped = asyncio.Event()
        self._busy: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._looked_at: int | None = None

    async def run(self) -> None:
        """Go on until stopped; what is under way is finished first."""
        try:
            while not self._stopped.is_set():
                try:
                    await self.tick()
                except Unavailable:
                    pass  # it looks again in a second
                except Exception:
                    self._means.log.exception("fault of the escalations")
                await self._sleep(self._stopped, LOOK_AGAIN / 1000)
        finally:
            under_way = tuple(self._busy.values())
            try:
                if under_way:
                    await asyncio.wait(under_way)
            finally:  # what a stop cuts off is recorded: it is not repeated
                for task in under_way:
                    task.cancel()

    def stop(self) -> None:
        """Take no more steps."""
        self._stopped.set()

    async def tick(self) -> int:
        """Record and begin the steps that are due; return how many they are."""
        means = self._means
        now, last = means.now(), self._looked_at
        self._looked_at = now
        due = await means.store.next_escalation()
        every = due is not None and (last is None or now < last)
        if due is None or (due > now and not every):
            return 0
        found = await means.store.escalate(
            self._plans(), now, tuple(self._busy), 0 if every else None
        )
        for taking in found.takings:
            self._begin(taking)
        return len(found.takings)

    def _begin(self, taking: Taking) -> None:
        key = (taking.snapshot.incident.id, taking.number)
        task = asyncio.create_task(self._take(taking))
        self._busy[key] = task
        task.add_done_callback(lambda _: self._busy.pop(key))

    async def _take(self, taking: Taking) -> None:
        incident, via = taking.snapshot.incident, taking.step.via
        keys: list[str] = []
        try:
            told = await self._called(taking, keys)
        except Exception as fault:
            self._means.log.exception("escalation fault", incident=incident.id)
            told = Told(CallState.UNKNOWN, problem=f"{type(fault).__name__}: please report this")
        self._means.metrics.oncall.steps.of(via, told.state).inc()
        level = self._means.log.info if told.state is CallState.DONE else self._means.log.warning
        level(
            "escalation",
            incident=incident.id,
            via=str(via),
            outcome=str(told.state),
            detail=told.problem,
        )
        if told.state is CallState.FAILED and told.problem != NOT_NEEDED:
            self._tell(via, told.problem)
        await self._keep(incident.id, taking.number, told, keys)

    async def _keep(self, incident: int, number: int, told: Told, keys: Sequence[str]) -> None:
        """Keep an outcome, however long the store needs to take it."""
        while True:
            try:
                await self._means.store.conclude_step(
                    incident, number, told, keys, self._means.now()
                )
            except Unavailable as failure:
                if failure.reason == "closed":
                    return  # the next start says that the outcome is unknown
                await self._means.pause(STORE_PAUSE)
            else:
                return

    def _tell(self, via: Via, problem: str) -> None:
        text = f"{problem.rstrip('.')}. The next step was taken at once; look at the card."
        self._watch.tell(
            Note(f"An escalation by {via} called nobody", text, f"step:{via}:{problem}")
        )

    async def _called(self, taking: Taking, keys: list[str]) -> Told:
        """Take a step on the first card that serves; a mention, on every card."""
        cards = [
            card
            for card in await self._means.store.cards(taking.snapshot.incident.id)
            if card.sent_at is not None
        ]
        told = [Told(CallState.FAILED, problem=NO_CARD)]
        for card in cards:
            channel = self._means.outlets().channels.get(split_target(card.target)[0])
            if channel is None or not _serves(channel, card, taking.step.via):
                continue
            told.append(await self._call(taking, card, channel, keys))
            if taking.step.via is not Via.MENTION and told[-1].state is not CallState.FAILED:
                break
        return _summed(told)

    async def _call(self, taking: Taking, card: Card, channel: Channel, keys: list[str]) -> Told:
        means = self._means
        mention = means.expand(taking.step.whom or card.mention)
        people = await channel.people(mention)
        if taking.step.via is not Via.MENTION:
            people = tuple(who for who in people if who != EVERYBODY)
        if not people:
            return Told(CallState.FAILED, problem=NOBODY)
        tries, began = 0, means.now()
        while True:
            made = await self._once(taking, card, channel, people, keys)
            if made is not None:
                repeatable = isinstance(channel, Edits)
                told = _told(made, channel, repeatable=repeatable, via=taking.step.via)
                if told is not None:
                    return told
                await means.pause(_pause(made, tries) / 1000)
                tries += 1
            if means.now() - began >= HORIZON:
                return _unanswered(made)
            if self._stopped.is_set() or not await self._still(taking):
                return Told(CallState.FAILED, problem=NOT_NEEDED)

    async def _still(self, taking: Taking) -> bool:
        """Whether a step that has called nobody yet is still to be taken."""
        found = await self._means.store.snapshot(taking.snapshot.incident.id)
        if found is None or found.incident.closed_at is not None:
            return False
        return not is_owned(found.incident) or is_owned(taking.snapshot.incident)

    async def _once(
        self,
        taking: Taking,
        card: Card,
        channel: Channel,
        people: tuple[str, ...],
        keys: list[str],
    ) -> _Made | None:
        """Make one call, within every limit; None where there was no room for it until now."""
        means = self._means
        call = _kind(taking.step.via, channel)
        if self._watch.stance(channel, means.now()) is Stance.SPENT:
            return _Made(Rejected(RejectReason.QUOTA, MONTH_SPENT))
        limits = channel.limits(call, split_target(card.target)[1], card.message_id)
        if not await self._has_room(limits):
            return None
        means.ledger.start(limits)
        made = _Made(Retry(RetryReason.UNKNOWN_CODE))
        try:
            made = await self._send(taking, card, channel, people)
        finally:
            means.ledger.finish(limits, means.now())
        if isinstance(made.outcome, Delivered):
            means.ledger.accepted(limits)
        elif isinstance(made.outcome, Retry) and made.outcome.reason is RetryReason.RATE_LIMITED:
            means.ledger.refused(limits, made.outcome.after, means.now())
        keys += (*windows_of(limits), *self._watch.count(channel, made.outcome, means.now()))
        name, reason = _labels(made.outcome)
        means.metrics.delivery.attempts.of(channel.kind, call, name, reason).inc()
        return made

    async def _has_room(self, limits: Sequence[Limit]) -> bool:
        """Say whether a call may be made now; else wait for room, while somebody may take it on."""
        wait, _ = self._means.ledger.wait(limits, critical=True, now=self._means.now())
        if wait:
            await self._means.pause(min(wait, ROOM_WITHIN) / 1000)
        return not wait

    async def _send(
        self, taking: Taking, card: Card, channel: Channel, people: tuple[str, ...]
    ) -> _Made:
        if taking.step.via is not Via.MENTION and isinstance(channel, Urges):
            urged = await channel.urge(card.message_id, CALLS[taking.step.via], people)
            return _Made(urged.outcome, people, urged.missed)
        view = self._view(taking, card, people)
        if isinstance(channel, Edits):
            key = f"step:{taking.snapshot.incident.id}:{taking.number}:{card.id}:{card.generation}"
            once = str(uuid.uuid5(NAMESPACE, key))
            content = channel.render_reply(view)
            return _Made(await channel.reply(card.message_id, content, once), people)
        if not isinstance(channel, Speaks):
            return _Made(Rejected(RejectReason.TARGET, NO_CARD))
        _, address = split_target(card.target)
        return _Made(await channel.send(address, channel.render_reply(view), ""), people)

    def _view(self, taking: Taking, card: Card, people: tuple[str, ...]) -> View:
        outlets = self._means.outlets()
        incident = taking.snapshot.incident
        return View(
            incident=incident,
            members=taking.snapshot.members,
            card=card,
            now=self._means.now(),
            reason=CardReason.ESCALATED,
            scale=outlets.scale,
            people=people,
            source_url=outlets.source_urls.get(incident.source, ""),
            templates=outlets.templates,
        )


def _serves(channel: Channel, card: Card, via: Via) -> bool:
    if via is Via.MENTION:
        return isinstance(channel, Speaks) and (bool(card.message_id) or not _edits(channel))
    return isinstance(channel, Urges) and bool(card.message_id)


def _edits(channel: Channel) -> bool:
    return isinstance(channel, Edits)


def _kind(via: Via, channel: Channel) -> Call:
    return Call.POST if via is Via.MENTION and not _edits(channel) else CALLS[via]


def _told(made: _Made, channel: Channel, *, repeatable: bool, via: Via) -> Told | None:
    """Say what an outcome means for its step; None where it is safe to try again.

    An urgent notice has no key by which it is made once. What may have called somebody is never
    made again; a reply has a uuid.
    """
    match made.outcome:
        case Delivered():
            called = [who for who in made.people if who not in made.missed]
            missed = ", ".join(_name(channel, who) for who in made.missed)
            problem = f"not in the chat: {missed}" if missed else ""
            return Told(CallState.DONE, tuple(_name(channel, who) for who in called), problem)
        case Rejected(_, detail):
            return Told(CallState.FAILED, problem=detail or str(made.outcome.reason))
        case Retry(reason, _, detail):
            if reason.ambiguous and not (repeatable and via is Via.MENTION):
                people = tuple(_name(channel, who) for who in made.people)
                return Told(CallState.UNKNOWN, people, detail or str(reason))
            return None


def _name(channel: Channel, who: str) -> str:
    known = channel.known_name(who) if isinstance(channel, Directory) else ""
    return known or who


def _pause(made: _Made, tries: int) -> int:
    pause = min(PAUSE_FIRST << min(tries, 10), PAUSE_MOST)
    return max(pause, made.outcome.after) if isinstance(made.outcome, Retry) else pause


def _unanswered(made: _Made | None) -> Told:
    if made is None:
        return Told(CallState.FAILED, problem=NO_ROOM)
    return Told(CallState.UNKNOWN, problem=f"no answer: {made.outcome}")


def _labels(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Delivered():
            return "delivered", "delivered"
        case Retry(reason):
            return "retry", reason
        case Rejected(refusal):
            return "rejected", refusal


def _summed(told: Sequence[Told]) -> Told:
    """Return what became of a step: done where one card's call was, else the last problem."""
    for state in (CallState.DONE, CallState.UNKNOWN):
        some = [each for each in told if each.state is state]
        if some:
            people = tuple(dict.fromkeys(who for each in some for who in each.people))
            return Told(state, people, next((each.problem for each in some if each.problem), ""))
    return told[-1]

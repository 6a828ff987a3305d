"""One card from its decision to the platform's answer."""

import uuid
from dataclasses import replace
from typing import assert_never

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from receiver.channels.base import Channel, Edits, Limit, View, split_target
from receiver.deliver.budget import windows_of
from receiver.deliver.circuit import Answer
from receiver.deliver.means import Means, Outlets
from receiver.deliver.quota import Stance, Thrift, thrift
from receiver.deliver.watch import Watch
from receiver.domain.card import (
    Ability,
    Attempt,
    Call,
    Card,
    create_uuid_text,
    picture,
    post_uuid_text,
    reply_uuid_text,
)
from receiver.domain.outcome import Delivered, Outcome, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.ownership import owners
from receiver.domain.reason import CardReason
from receiver.domain.settle import Sent, Settlement
from receiver.domain.severity import CRITICAL
from receiver.domain.silence import SilenceState
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Replace,
    Reply,
    Settle,
    why_call,
)
from receiver.store.base import Due, Unavailable, Work
from receiver.telemetry import attributes

# Any fixed namespace will do: what matters is that equal texts give equal ids.
NAMESPACE = uuid.UUID("6f1b6a0c-54a1-4a53-9d2c-6a8b6e6f7c11")

STORE_PAUSE = 0.5  # seconds between tries to keep an outcome
# While a month's last calls are saved, a card that waits is looked at again so often.
THRIFT_AGAIN = 600_000

__all__ = ["Means", "Outlets", "Worker", "ability", "expected_call"]

Calling = Create | Patch | Reply | Post


def ability(channel: Channel) -> Ability:
    """Say what a channel can do with a message once it is sent."""
    return Ability.EDITS if isinstance(channel, Edits) else Ability.POSTS_ONLY


def expected_call(channel: Channel, *, shown: bool) -> Call:
    """Guess the call that a card will need, to ask for room before it is decided."""
    if ability(channel) is Ability.POSTS_ONLY:
        return Call.POST
    return Call.PATCH if shown else Call.CREATE


class _Undrawable(Exception):
    """The card cannot be drawn, through our own fault; a plainer one may be."""


class Worker:
    """Does with one card what is decided at the moment of sending."""

    def __init__(self, means: Means, watch: Watch) -> None:
        self._means = means
        self._watch = watch

    async def deliver(self, due: Due, limits: tuple[Limit, ...], channel: Channel) -> bool:
        """Decide and do; ``limits`` are already counted for the expected call.

        Return whether a call was made.
        """
        means = self._means
        try:
            work = await means.store.begin(due.card, ability(channel), means.now())
        finally:
            means.ledger.cancel(limits)  # the exact ones are counted instead, or none
        if work is None or not isinstance(work.step, Create | Patch | Reply | Post):
            if work is not None:
                self._note_quiet(work, channel)
            return False
        if await self._saved(work, work.step, channel, critical=due.rank <= CRITICAL):
            return False
        await self._chart(work, work.step)
        card = work.card
        exact = self._limits(channel, card)
        now = means.now()  # while the store was asked, other calls were answered
        wait, _ = means.ledger.wait(exact, critical=due.rank <= CRITICAL, now=now)
        if wait:
            await means.store.release(card.id, now + wait)
            return False
        means.ledger.start(exact)
        means.metrics.delivery.decisions.of(channel.kind, work.step.reason).inc()
        await self._call(work, work.step, channel, exact)
        return True

    async def _chart(self, work: Work, step: Calling) -> None:
        """Have the chart at hand where a card is drawn: before anything is decided of the call."""
        attempt = work.card.attempt
        drawn_before = isinstance(step, Create) and attempt is not None and attempt.ambiguous
        if self._means.charts is None or isinstance(step, Reply) or drawn_before:
            return
        snapshot = work.snapshot
        await self._means.charts.prepare(snapshot.incident, snapshot.members)

    async def _saved(self, work: Work, step: Calling, channel: Channel, *, critical: bool) -> bool:
        """Save a call where the month has few left: the card moves to its fallback, or waits."""
        now = self._means.now()
        stands = self._watch.stance(channel, now)
        if stands is Stance.FREE:
            return False
        card, snapshot = work.card, work.snapshot
        shown = picture(snapshot.incident, snapshot.members, card.id)
        chosen = thrift(
            stands,
            step,
            critical=critical,
            repeated=card.attempt is not None and card.attempt.ambiguous,
            calls=why_call(card.marks, shown, card.notify) is not None,
            fallback=bool(card.fallback) and card.last is None,
        )
        if chosen is Thrift.MOVED:
            await self._means.store.release(card.id, now)
            refused = Rejected(RejectReason.QUOTA, "the month's last calls are kept for critical")
            settlement = await self._means.store.abandon(card.id, refused, now)
            if settlement is not None:
                self._watch.buried(channel, settlement, snapshot.incident.title)
            return True
        if chosen is Thrift.KEPT:
            await self._means.store.release(card.id, now + THRIFT_AGAIN)
            return True
        return False

    def _limits(self, channel: Channel, card: Card) -> tuple[Limit, ...]:
        call = card.in_flight or Call.CREATE
        return channel.limits(call, split_target(card.target)[1], card.message_id)

    def _note_quiet(self, work: Work, channel: Channel) -> None:
        if not isinstance(work.step, Settle | Replace):
            return
        delivery = self._means.metrics.delivery
        if isinstance(work.step, Replace) and work.step.duplicate:
            delivery.possible_duplicates.of(channel.kind).inc()
        delivery.decisions.of(channel.kind, work.step.reason).inc()
        if work.step.reason is CardReason.NEVER_SHOWN:
            delivery.never_shown.inc()

    async def _call(
        self, work: Work, step: Calling, channel: Channel, limits: tuple[Limit, ...]
    ) -> None:
        means = self._means
        snapshot = work.snapshot
        with means.tracing.tracer.start_as_current_span(
            f"process {channel.kind}",
            context=Context(),  # a root of its own, whoever woke the loop
            kind=SpanKind.CONSUMER,
            links=means.tracing.link_to(snapshot.incident.trace),
            attributes=_attributes(work, step),
        ) as span:
            shown = picture(snapshot.incident, snapshot.members, work.card.id)
            sent = Sent(
                call=work.card.in_flight or Call.CREATE,
                reason=step.reason,
                revision=snapshot.incident.revision,
                shown=shown,
                trace=means.tracing.traceparent_of(span),
            )
            began = means.now()
            sent, outcome = await self._attempt(work, step, channel, sent)
            now = means.now()
            self._learn(
                limits, Answer(work.card.target, work.card.id, sent.call, outcome, began, now)
            )
            keys = (*windows_of(limits), *self._watch.count(channel, outcome, now))
            settlement = await self._settle(work.card.id, sent, outcome, keys, now)
            self._note(work, channel, sent, outcome, settlement, span)

    def _learn(self, limits: tuple[Limit, ...], answer: Answer) -> None:
        """Learn what an outcome says of the limits, and of the other side."""
        ledger, outcome = self._means.ledger, answer.outcome
        ledger.finish(limits, answer.now)
        if isinstance(outcome, Delivered):
            if ledger.accepted(limits):
                self._watch.recovered(answer.target)
        elif isinstance(outcome, Retry) and outcome.reason is RetryReason.RATE_LIMITED:
            ledger.refused(limits, outcome.after, answer.now)
        self._watch.observe(answer)

    async def _attempt(
        self, work: Work, step: Calling, channel: Channel, sent: Sent
    ) -> tuple[Sent, Outcome]:
        """Make the call; our own faults end as outcomes, so that the card is never left hanging."""
        try:
            return await self._send(work, step, channel, sent)
        except Unavailable:
            # Only a create's intent is kept between deciding and sending: nothing was sent.
            return sent, Retry(RetryReason.UNREACHABLE, 0, "the store did not keep the intent")
        except _Undrawable as fault:
            return sent, Rejected(RejectReason.CONTENT, str(fault))
        except Exception as fault:
            self._means.log.exception("delivery fault", card=work.card.id, target=work.card.target)
            detail = f"{type(fault).__name__} while sending"
            return sent, Retry(RetryReason.UNKNOWN_CODE, 0, detail)

    async def _send(
        self, work: Work, step: Calling, channel: Channel, sent: Sent
    ) -> tuple[Sent, Outcome]:
        card = work.card
        _, address = split_target(card.target)
        match step:
            case Create():
                return await self._create(work, channel, sent, create_uuid_text(card))
            case Post(reason):
                if isinstance(channel, Edits):
                    # It knows uuids: what may have been accepted is sent again as it was.
                    return await self._create(work, channel, sent, post_uuid_text(card))
                content = await self._draw(work, channel, reason)
                return sent, await channel.send(address, content, "")
            case Patch(reason):
                content = await self._draw(work, channel, reason)
                return sent, await _edits(channel).patch(card.message_id, content)
            case Reply(reason):
                edits = _edits(channel)
                content = edits.render_reply(await self._view(work, channel, reason))
                key = _uuid(reply_uuid_text(card))
                return sent, await edits.reply(card.message_id, content, key)
        assert_never(step)

    async def _create(
        self, work: Work, channel: Channel, sent: Sent, uuid_text: str
    ) -> tuple[Sent, Outcome]:
        """Send a card for the first time, or exactly what was tried before."""
        card = work.card
        _, address = split_target(card.target)
        attempt = card.attempt
        if attempt is None or not attempt.ambiguous:
            attempt = Attempt(
                uuid=_uuid(uuid_text),
                content=await self._draw(work, channel, sent.reason),
                revision=sent.revision,
                first_at=self._means.now(),
                shown=sent.shown,
            )
            await self._means.store.attempt(replace(card, attempt=attempt), self._means.now())
        exact = replace(sent, revision=attempt.revision, shown=attempt.shown)
        return exact, await channel.send(address, attempt.content, attempt.uuid)

    async def _draw(self, work: Work, channel: Channel, reason: CardReason) -> str:
        view = await self._view(work, channel, reason)
        try:
            return channel.render(view, work.card.rung)
        except Exception as fault:
            self._means.log.exception("card cannot be drawn", card=work.card.id)
            raise _Undrawable(f"{type(fault).__name__} while drawing") from fault

    async def _settle(
        self, card: int, sent: Sent, outcome: Outcome, keys: tuple[str, ...], now: int
    ) -> Settlement:
        """Keep what became of a call, however long the store needs to take it."""
        while True:
            try:
                return await self._means.store.settle(
                    card, sent, outcome, keys, now, self._means.luck()
                )
            except Unavailable as failure:
                if failure.reason == "closed":
                    raise
                await self._means.pause(STORE_PAUSE)

    async def _view(self, work: Work, channel: Channel, reason: CardReason) -> View:
        outlets = self._means.outlets()
        incident = work.snapshot.incident
        mention = self._means.expand(_called(work, reason))
        return View(
            incident=incident,
            members=work.snapshot.members,
            card=work.card,
            now=self._means.now(),
            reason=reason,
            scale=outlets.scale,
            people=await channel.people(mention) if mention else (),
            source_url=outlets.source_urls.get(incident.source, ""),
            templates=outlets.templates,
            silences=outlets.silences,
            chart=None if self._means.charts is None else self._means.charts.known(incident.id),
            digest=work.snapshot.digest,
        )

    def _note(
        self,
        work: Work,
        channel: Channel,
        sent: Sent,
        outcome: Outcome,
        settlement: Settlement,
        span: Span,
    ) -> None:
        delivery = self._means.metrics.delivery
        name, reason = _told(outcome)
        delivery.attempts.of(channel.kind, sent.call, name, reason).inc()
        span.set_attribute("receiver.outcome", name)
        span.set_attribute("receiver.outcome.reason", reason)
        if settlement.delivered and sent.call is not Call.REPLY:
            waited = max(self._means.now() - work.card.pending_since, 0) / 1000
            severity = "critical" if work.snapshot.incident.rank <= CRITICAL else "other"
            exemplar = self._means.tracing.exemplar_of(span)
            delivery.latency.of(channel.kind, severity).observe(waited, exemplar)
        if settlement.possible_duplicate:
            delivery.possible_duplicates.of(channel.kind).inc()
        if settlement.dead:
            self._watch.buried(channel, settlement, work.snapshot.incident.title)
        level = self._means.log.info if settlement.delivered else self._means.log.warning
        level(
            "delivery",
            incident=work.card.incident,
            card=work.card.id,
            target=work.card.target,
            call=sent.call,
            reason=sent.reason,
            outcome=name,
            outcome_reason=reason,
            detail=settlement.card.problem,
        )


def _called(work: Work, reason: CardReason) -> tuple[str, ...]:
    """Return who is called by a message: only its first appearance and replies call anyone."""
    card = work.card
    told = card.quiet and card.last is None and work.snapshot.incident.rank > CRITICAL
    if card.mentions_dropped or told:  # a digest told of it before
        return ()
    if reason is CardReason.SILENCE_FAILED and isinstance(work.step, Reply):
        failed = (
            silence
            for silence in work.snapshot.incident.silences
            if silence.state is SilenceState.FAILED
        )
        return tuple(dict.fromkeys(silence.actor.open_id for silence in failed))
    having = owners(work.snapshot.incident)
    if reason is CardReason.REMINDED and isinstance(work.step, Reply):
        here = (owner for owner in having if owner.reminded and owner.card in (0, card.id))
        return tuple(dict.fromkeys(owner.actor.open_id for owner in here))
    if reason is CardReason.HANDED_OVER and isinstance(work.step, Reply):
        return tuple(owner.actor.open_id for owner in having[:1])
    return card.mention if card.last is None or isinstance(work.step, Reply | Post) else ()


def _told(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Delivered():
            return "delivered", "delivered"
        case Retry(reason):
            return "retry", reason
        case Rejected(refusal):
            return "rejected", refusal
    assert_never(outcome)


def _edits(channel: Channel) -> Edits:
    if not isinstance(channel, Edits):
        raise TypeError(f"{channel.name} cannot edit messages")
    return channel


def _uuid(text: str) -> str:
    return str(uuid.uuid5(NAMESPACE, text))


def _attributes(work: Work, step: Calling) -> dict[str, str | int]:
    return {
        attributes.MESSAGING_SYSTEM: "feishu",
        attributes.MESSAGING_OPERATION_NAME: "process",
        attributes.MESSAGING_OPERATION_TYPE: "process",
        attributes.TARGET: work.card.target.partition(":")[0],
        attributes.INCIDENT: work.card.incident,
        attributes.CARD: work.card.id,
        attributes.CARD_REVISION: work.snapshot.incident.revision,
        attributes.REASON: step.reason,
        attributes.GROUP_KEY: work.snapshot.incident.group_key[:512],
    }

"""An incident's whole life, driven at random, against the promises of its card."""

from dataclasses import replace
from typing import assert_never

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from receiver.domain.action import Action, ActionKind, Verdict
from receiver.domain.card import (
    CREATE_HORIZON,
    Ability,
    Attempt,
    Call,
    Card,
    CardState,
    Rung,
    Shown,
    create_uuid_text,
    picture,
    post_uuid_text,
    reply_uuid_text,
)
from receiver.domain.decide import decide
from receiver.domain.incident import Kind, Notice
from receiver.domain.keeping import lapse
from receiver.domain.outcome import Outcome, Retry, RetryReason
from receiver.domain.proposal import Found
from receiver.domain.reason import NotifyReason
from receiver.domain.settle import Sent, crashed, settle, taken
from receiver.domain.silence import RESOLVED, Silence, SilenceState
from receiver.domain.silencing import Conclusion, conclude
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Reply,
    next_step,
)
from tests.domain.made import (
    HOUR,
    LI,
    MINUTE,
    NOW,
    SECOND,
    TARGET,
    World,
    counters,
    notices,
)
from tests.domain.platform import Fault, Platform

DAY = 24 * HOUR
PAUSES = (1, 200, SECOND, 30 * SECOND, MINUTE, 11 * MINUTE, 54 * MINUTE, 2 * HOUR, 14 * DAY)
STEPS_MOST = 200
ONCE = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Life(RuleBasedStateMachine):
    """One group, one target: bodies, clicks, answers, calls with every outcome, crashes, time."""

    def __init__(self) -> None:
        """Begin with nothing known, and a platform that works."""
        super().__init__()
        self.world = World()
        self.platform = Platform()
        self.card: Card | None = None
        self.opened = 0
        self.clicks = 0
        self.replied: set[str] = set()
        self.unsure_since: int | None = None

    # What comes from outside.

    @rule(told=notices())
    def body(self, told: Notice) -> None:
        """Alertmanager notifies; an incident opened anew gets a card of its own."""
        before, number = self.world.incident, self.world.opened
        change = self.world.hear(told)
        if self.world.opened > number:
            self.card = Card(
                id=self.world.opened,
                incident=self.world.opened,
                target=TARGET,
                mention=("ou_li",),
                notify=tuple(NotifyReason),
                pending_since=self.now,
            )
            self.platform = Platform()
            self.unsure_since = None
        elif before is not None and change.raised:
            grown = zip(counters(before), counters(self.world.known), strict=True)
            assert all(old <= new for old, new in grown)
        self._raise(raised=change.raised)

    @precondition(lambda self: self.world.incident is not None)
    @rule(kind=st.sampled_from(ActionKind), lasts=st.sampled_from(("1h", RESOLVED)))
    def click(self, kind: ActionKind, lasts: str) -> None:
        """Somebody clicks; while an edit is settled, no answer carries a card."""
        self.clicks += 1
        action = Action(
            id=f"a{self.clicks}",
            kind=kind,
            incident=1,
            actor=LI,
            at=self.now,
            duration=lasts,
            silence=self._about(),
            found=Found(1, 0, ("Disk n1",), ("m",)),
            card=1,
        )
        members = tuple(self.world.members.values())
        was_over = self.world.known.closed_at is not None
        verdict = decide(self.world.known, members, action, self.now)
        assert not (was_over and verdict.incident is not None)
        self._judged(verdict)
        if self.card is not None and self.card.settle_at is None:
            due_at = max(self.card.due_at or 0, self.now + SECOND)
            self.card = replace(self.card, clicked_at=self.now, due_at=due_at)

    @precondition(lambda self: self.world.incident is not None and self.world.known.silences)
    @rule(number=st.integers(0, 9), state=st.sampled_from(SilenceState))
    def answer(self, number: int, state: SilenceState) -> None:
        """Alertmanager answers about a silence."""
        silences = self.world.known.silences
        told = Conclusion(incident=1, silence=silences[number % len(silences)].id, state=state)
        self._judged(conclude(self.world.known, told, self.now))

    @rule(pause=st.sampled_from(PAUSES))
    def wait(self, pause: int) -> None:
        """Time passes, and ends silences."""
        self.world.now += pause
        if self.world.incident is not None:
            self._judged(lapse(self.world.known, self._fires, self.now))

    def _about(self) -> str:
        """Return what a click on this card may be about: the preview, or a silence."""
        known = self.world.known
        if known.proposal is not None:
            return known.proposal.id
        return known.silences[0].id if known.silences else ""

    def _fires(self, silence: Silence) -> bool:
        return any(
            member.firing and silence.covers(member.labels)
            for member in self.world.members.values()
        )

    @rule(number=st.integers(0, 9))
    def recall(self, number: int) -> None:
        """Have a person take a message back."""
        self.platform.recall(number)

    @precondition(lambda self: self.card is not None)
    @rule()
    def replay(self) -> None:
        """Try a dead letter again, as an operator does."""
        card = self._card
        if card.state is CardState.DEAD:
            self.card = replace(
                card, state=CardState.OPEN, rung=Rung.WHOLE, due_at=self.now, tried=True
            )

    # What delivery does.

    @precondition(lambda self: self.card is not None and self.card.due_at is not None)
    @rule(fault=st.sampled_from(Fault), crash=st.sampled_from((None, None, "before", "after")))
    def deliver(self, fault: Fault, crash: str | None) -> None:
        """Look at the card if it is due, and do what is decided."""
        if (self._card.due_at or 0) <= self.now:
            self._step(fault, crash)

    def _step(self, fault: Fault, crash: str | None = None) -> None:
        members = tuple(self.world.members.values())
        step = next_step(self._card, self.world.known, members, Ability.EDITS, self.now)
        before = self._card
        self.card = taken(before, step, self.world.known, self.now)
        if before.generation < self._card.generation:
            self._generation_ends(before)
        if not isinstance(step, Create | Patch | Reply | Post):
            return
        sent = Sent(
            call=self._card.in_flight or Call.CREATE,
            reason=step.reason,
            revision=self.world.known.revision,
            shown=picture(self.world.known, members),
        )
        if isinstance(step, Create):
            sent = self._keep_attempt(sent)
        if crash == "before":
            self.card = crashed(self._card, self.now)
            return
        outcome = self._call(step, sent.shown, fault)
        if crash == "after":
            self._learned(_LOST)
            self.card = crashed(self._card, self.now)
            return
        self._learned(outcome)
        settled = settle(self._card, sent, outcome, self.now, 0.3)
        if self._card.generation < settled.card.generation:
            self._generation_ends(self._card)
        self.card = settled.card

    def _keep_attempt(self, sent: Sent) -> Sent:
        """Keep what is about to be sent, or take what may have been, as the worker does."""
        card = self._card
        kept = card.attempt
        if kept is None or not kept.ambiguous:
            content = repr((card.id, sent.revision, card.rung, card.mentions_dropped, sent.shown))
            kept = Attempt(create_uuid_text(card), content, sent.revision, self.now, sent.shown)
            self.card = replace(card, attempt=kept)
        return replace(sent, revision=kept.revision, shown=kept.shown)

    def _call(self, step: Create | Patch | Reply | Post, shown: Shown, fault: Fault) -> Outcome:
        card, platform = self._card, self.platform
        match step:
            case Create():
                assert card.attempt is not None
                return self._create(card.attempt, fault)
            case Patch():
                return platform.patch(card.message_id, repr(shown), fault, self.now)
            case Reply():
                uuid = reply_uuid_text(card)
                assert uuid not in self.replied, "a reply that was delivered is made again"
                outcome = platform.reply(card.message_id, uuid, fault, self.now)
                if not isinstance(outcome, Retry) and fault is Fault.NONE:
                    self.replied.add(uuid)
                return outcome
            case Post():
                uuid = post_uuid_text(card)
                return platform.send(Call.POST, uuid, repr(shown), fault, self.now)
        assert_never(step)

    def _create(self, attempt: Attempt, fault: Fault) -> Outcome:
        if self.unsure_since is not None:
            uuid, content, _ = self.platform.asked[-1]
            assert (attempt.uuid, attempt.content) == (uuid, content)
            assert self.now - self.unsure_since < CREATE_HORIZON
        return self.platform.send(Call.CREATE, attempt.uuid, attempt.content, fault, self.now)

    def _learned(self, outcome: Outcome) -> None:
        """Keep since when a create's outcome is unknown."""
        attempt = self._card.attempt
        if self._card.in_flight is not Call.CREATE or attempt is None:
            return
        if not isinstance(outcome, Retry):
            self.unsure_since = None if _settles(outcome) else self.unsure_since
        elif outcome.reason.ambiguous and self.unsure_since is None:
            self.unsure_since = attempt.first_at

    def _generation_ends(self, before: Card) -> None:
        if before.attempt is not None and before.attempt.ambiguous:
            assert self.now - before.attempt.first_at >= CREATE_HORIZON
        self.unsure_since = None

    # What always holds.

    @invariant()
    def an_incident_is_closed_iff_nothing_is_left(self) -> None:
        """Only a resolved alert ends an episode."""
        if self.world.incident is not None and self.world.known.kind is Kind.ALERTS:
            over = not self.world.firing and self.world.known.truncated == 0
            assert (self.world.known.closed_at is not None) == over

    @invariant()
    def a_generation_is_one_message(self) -> None:
        """At most one live card: a create that is accepted twice is a duplicate."""
        if self.card is None:
            return
        created = [one.uuid.split(":")[2] for one in self.platform.of(Call.CREATE)]
        assert len(created) == len(set(created))
        assert len(created) <= self.card.generation

    @invariant()
    def a_card_never_shows_what_is_not_yet(self) -> None:
        """Keep the revisions in order; somebody looks at a card that is behind."""
        if self.card is None:
            return
        assert self.card.shown <= self.card.wanted == self.world.known.revision
        assert self.card.in_flight is None
        if self.card.shown < self.card.wanted and self.card.state is CardState.OPEN:
            assert self.card.due_at is not None

    def teardown(self) -> None:
        """In the end the platform works: the card comes to show the truth, and rests."""
        if self.card is None or self._card.state is CardState.DEAD:
            return
        for _ in range(STEPS_MOST):
            if self._card.due_at is None:
                break
            self.world.now = max(self.now, self._card.due_at)
            self._step(Fault.NONE)
        card = self._card
        assert card.due_at is None, "the card never rests"
        assert card.shown == card.wanted
        if card.message_id and card.rung is not Rung.TEXT:
            self._check_truth(card)

    def _check_truth(self, card: Card) -> None:
        assert card.last is not None
        assert repr(card.last) in self.platform.messages[card.message_id].content
        truth = picture(self.world.known, tuple(self.world.members.values()))
        for seen, true in zip(_told(card.last), _told(truth), strict=True):
            assert seen == true

    @property
    def now(self) -> int:
        """Return the time."""
        return self.world.now

    @property
    def _card(self) -> Card:
        assert self.card is not None
        return self.card

    def _judged(self, verdict: Verdict) -> None:
        if verdict.incident is not None:
            self.world.incident = verdict.incident
        self._raise(raised=verdict.incident is not None)

    def _raise(self, *, raised: bool) -> None:
        """Raise the card's wanted revision, as the store does with every change."""
        card = self.card
        if not raised or card is None:
            return
        self.card = replace(
            card,
            wanted=self.world.known.revision,
            state=CardState.OPEN,
            due_at=self.now if card.due_at is None else card.due_at,
            pending_since=self.now if card.shown >= card.wanted else card.pending_since,
        )


def _told(shown: Shown) -> tuple[object, ...]:
    """Return what people read on a card; the counters behind it are ours."""
    return (
        shown.state,
        shown.firing,
        shown.truncated,
        shown.ack,
        shown.handled,
        shown.silences,
    )


def _settles(outcome: Outcome) -> bool:
    """Whether an outcome says what became of a create; the lack of a right says nothing."""
    return outcome != _NO_RIGHT


_LOST = Retry(RetryReason.TIMEOUT)
_NO_RIGHT = Platform().send(Call.POST, "x", "", Fault.NO_RIGHT, NOW)

TestLife = Life.TestCase
TestLife.settings = ONCE

"""From a click to its toast and its card, in under three seconds."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NamedTuple

from structlog.typing import FilteringBoundLogger

from receiver.callback.access import ListsOf, access_of, on_no_list
from receiver.callback.preview import looked_at
from receiver.callback.refusals import refusal_toast
from receiver.callback.silencing import Silencing
from receiver.callback.toast import Toast
from receiver.callback.toasts import NOT_KEPT, outcome_of, silence_toast, toast_for
from receiver.channels.base import Channel, Directory, View, split_target
from receiver.channels.templates import Templates
from receiver.domain.action import Action, ActionKind, Verdict, told
from receiver.domain.card import ANSWER_WITHIN
from receiver.domain.chart import Chart, NoChart
from receiver.domain.digest import source
from receiver.domain.notes import NOTE_LIMIT
from receiver.domain.person import Actor
from receiver.domain.policy import Policy
from receiver.domain.reason import ActionReason, CardReason
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import SilenceRules
from receiver.store.base import Acted, Snapshot, Store, StoreError
from receiver.telemetry.metrics import Metrics

_UNKNOWN_CARD = Verdict(reason=ActionReason.UNKNOWN_CARD)


def no_chart(incident: int) -> Chart | NoChart | None:  # noqa: ARG001
    """Know no chart."""
    return None


class Reply(NamedTuple):
    """What the clicker sees: a toast, and the card's new content where it may be replaced."""

    toast: Toast
    content: str | None
    trace: str = ""  # of the delivery that showed the card


class ThreadReply(NamedTuple):
    """What somebody wrote in a thread; ``thread`` is the messages that it answers, root first."""

    message_id: str
    thread: tuple[str, ...]
    actor: Actor
    text: str
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The parts of the configuration in force that a card is drawn with."""

    scale: SeverityScale
    source_urls: Callable[[str], str]
    templates: Templates = Templates()  # noqa: RUF009  (never changes)
    policy: Policy = Policy()  # noqa: RUF009
    silences: SilenceRules = SilenceRules()  # noqa: RUF009  (never changes)
    zone: tzinfo = UTC  # of readers whose own is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Applies clicks once, and has Alertmanager told of what they ask for."""

    store: Store
    silencing: Silencing
    metrics: Metrics
    now: Callable[[], int]
    wake: Callable[[], None]
    setting: Callable[[], Setting]  # of the configuration in force
    log: FilteringBoundLogger
    lists: ListsOf = on_no_list
    chart: Callable[[int], Chart | NoChart | None] = no_chart  # at hand, without waiting

    async def answer(self, action: Action, channel: Channel) -> Reply:
        """Apply a click and say what became of it."""
        try:
            if not await self._ours(action, channel):
                for line in told(action, _UNKNOWN_CARD):
                    await self.store.note(line, self.now())
                self.metrics.callbacks.actions.of(action.kind, "refused").inc()
                return Reply(toast_for(action.kind, _UNKNOWN_CARD, None), None)
            access = access_of(self.setting().policy, action.actor, channel, self.lists)
            looked = await looked_at(self.store, action)
            acted = await self.store.act(looked, self.now(), access)
        except StoreError:
            self.log.exception("click not stored", incident=action.incident)
            self.metrics.callbacks.actions.of(action.kind, "failed").inc()
            return Reply(NOT_KEPT, None)
        self.metrics.callbacks.actions.of(action.kind, outcome_of(acted.verdict.reason)).inc()
        self.count_refusals(acted.verdict, action)
        if acted.verdict.incident is not None:
            self.wake()
        snapshot = await self._after(acted, action)
        incident = None if snapshot is None else snapshot.incident
        toast = (
            self._outcome(acted, snapshot, action)
            or _refusal(acted.verdict, channel)
            or toast_for(action.kind, acted.verdict, incident)
        )
        return Reply(toast, self._draw(acted, snapshot, channel), _trace(acted))

    async def note(self, said: ThreadReply, channel: Channel) -> Reply | None:
        """Keep a reply in a card's thread as a note, once; None where it is to no card of ours."""
        try:
            card = await self.store.card_of(said.thread)
        except StoreError:
            self.log.exception("note not stored", message=said.message_id)
            return Reply(NOT_KEPT, None)
        if card is None or split_target(card.target)[0] != channel.name:
            return None
        action = Action(
            id=note_id(channel.name, said.message_id),
            kind=ActionKind.NOTE,
            incident=card.incident,
            actor=said.actor,
            at=self.now(),
            card=card.id,
            comment=said.text[:NOTE_LIMIT],
            trace=said.trace,
            place=card.target,
        )
        reply = await self.answer(action, channel)
        return reply._replace(content=None)  # no click is answered: an edit shows it

    def count_refusals(self, verdict: Verdict, action: Action) -> None:
        """Count and log what the policy refused."""
        if verdict.ruling is not None:
            self.metrics.callbacks.refusals.of(action.kind, verdict.ruling.reason).inc()
            self.log.info(
                "click not permitted",
                action=action.kind,
                incident=action.incident,
                actor=action.actor.open_id,
                why=verdict.ruling.reason,
            )

    async def _ours(self, action: Action, channel: Channel) -> bool:
        """Whether the clicked card is one that this very app shows for this incident."""
        for card in await self.store.cards(action.incident) if action.incident else ():
            if card.id == action.card:
                return split_target(card.target)[0] == channel.name
        return False

    async def _after(self, acted: Acted, action: Action) -> Snapshot | None:
        """Have Alertmanager told, and return the incident as it is then."""
        asked = acted.verdict.silences
        if not asked or acted.snapshot is None:
            return acted.snapshot
        self.silencing.begin(acted.snapshot.incident.source, action.incident, asked)
        await self.silencing.outcomes(asked, ANSWER_WITHIN / 1000)
        try:
            return await self.store.snapshot(action.incident) or acted.snapshot
        except StoreError:
            return acted.snapshot  # the click is kept; only what came of it is not known here

    def _outcome(self, acted: Acted, snapshot: Snapshot | None, action: Action) -> Toast | None:
        if snapshot is None or not acted.verdict.silences:
            return None
        asked = {silence.id for silence in acted.verdict.silences}
        toasts = [
            silence_toast(action.kind, silence)
            for silence in snapshot.incident.silences
            if silence.id in asked
        ]
        return next((toast for toast in toasts if toast is not None), None)

    def _draw(self, acted: Acted, snapshot: Snapshot | None, channel: Channel) -> str | None:
        card = acted.card
        if snapshot is None or card is None or acted.busy or not card.message_id:
            return None
        if acted.verdict.reason is ActionReason.OLD_CARD:
            return None
        setting = self.setting()
        view = View(
            incident=snapshot.incident,
            members=snapshot.members,
            card=card,
            now=self.now(),
            reason=CardReason.UNCHANGED,
            scale=setting.scale,
            source_url=setting.source_urls(_source(snapshot)),
            templates=setting.templates,
            silences=setting.silences,
            chart=self.chart(snapshot.incident.id),
            digest=snapshot.digest,
        )
        try:
            return channel.render(view, card.rung)
        except Exception:
            # The click is kept and must be answered: a patch will try to show it again.
            self.log.exception("card cannot be drawn", card=card.id)
            return None


def note_id(app: str, message_id: str) -> str:
    """Return the same id for the same message, however often its event arrives."""
    text = f"note\0{app}\0{message_id}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _refusal(verdict: Verdict, channel: Channel) -> Toast | None:
    if verdict.ruling is None or verdict.done:
        return None
    name_of = channel.known_name if isinstance(channel, Directory) else lambda _: ""
    return refusal_toast(verdict.ruling, name_of)


def _source(snapshot: Snapshot) -> str:
    """Return whose alerts a card shows; a digest's may be those of one source too."""
    return snapshot.incident.source if snapshot.digest is None else source(snapshot.digest)


def _trace(acted: Acted) -> str:
    return "" if acted.card is None else acted.card.trace

"""A click at the desk: what becomes of it, and what is shown of that at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import pytest

from receiver.callback.desk import Reply
from receiver.callback.toasts import NOT_KEPT, toast_for
from receiver.channels.base import View
from receiver.channels.feishu.client import FeishuApp
from receiver.domain.action import ActionKind, Verdict
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.card import (
    Ability,
    Call,
    Rung,
)
from receiver.domain.incident import Kind
from receiver.domain.ownership import OWNERS_MOST, owners
from receiver.domain.person import Actor
from receiver.domain.reason import ActionReason
from receiver.domain.silence import HOUR, RESOLVED, UNTIL, SilenceRules, SilenceState
from receiver.domain.silencing import Conclusion
from receiver.store.base import Snapshot, Unavailable
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.labels import REFUSALS
from receiver.telemetry.logs import build_logging
from receiver.telemetry.tracing import build_tracing
from tests.app.held import held_alertmanager
from tests.callback.bench import HAN, LABELS, LI, Bench, bench, channel_of

ACK, UNACK = ActionKind.ACKNOWLEDGE, ActionKind.UNACKNOWLEDGE
HAND = ActionKind.HAND_OVER
SILENCE, UNSILENCE, RESOLVE = ActionKind.SILENCE, ActionKind.UNSILENCE, ActionKind.RESOLVE
PREVIEW, EXTEND = ActionKind.PREVIEW, ActionKind.EXTEND

Scene = Callable[[Bench], Awaitable[Reply]]


async def _done(at: Bench) -> Reply:
    return await at.click(ACK)


async def _repeated(at: Bench) -> Reply:
    await at.click(ACK, id="same")
    return await at.click(ACK, id="same")


async def _already_acknowledged(at: Bench) -> Reply:
    await at.click(ACK, actor=LI)
    return await at.click(ACK, actor=LI)


async def _joined(at: Bench) -> Reply:
    await at.click(ACK, actor=LI)
    return await at.click(ACK, actor=HAN)


async def _not_yours(at: Bench) -> Reply:
    await at.click(ACK, actor=LI)
    return await at.click(UNACK, actor=HAN)


async def _enough_owners(at: Bench) -> Reply:
    for number in range(OWNERS_MOST):
        await at.click(ACK, actor=Actor(open_id=f"ou_{number}"))
    return await at.click(ACK, actor=HAN)


async def _leads_already(at: Bench) -> Reply:
    await at.click(HAND, to=LI)
    return await at.click(HAND, to=LI)


async def _nothing_written(at: Bench) -> Reply:
    return await at.click(ActionKind.NOTE, comment=" \n ")


async def _nobody_chosen(at: Bench) -> Reply:
    return await at.click(HAND)


async def _nothing_to_escalate(at: Bench) -> Reply:
    return await at.click(ActionKind.ESCALATE)


async def _escalating(at: Bench) -> Reply:
    labels = {**LABELS, "instance": "another"}
    await at.fire(Alert(fingerprint(labels), True, labels, {}), escalation="night")
    first = await at.click(ActionKind.ESCALATE)
    assert first.toast.kind == "success"
    return await at.click(ActionKind.ESCALATE)


async def _not_acknowledged(at: Bench) -> Reply:
    return await at.click(UNACK)


async def _already_silenced(at: Bench) -> Reply:
    await at.store.act(at.action(SILENCE), at.clock.at)
    return await at.click(SILENCE)


async def _not_silenced(at: Bench) -> Reply:
    return await at.click(UNSILENCE)


async def _nothing_to_silence(at: Bench) -> Reply:
    return await at.click(SILENCE, scope="0123456789abcdef")


async def _resolved_already(at: Bench) -> Reply:
    await at.fire(Alert(fingerprint(LABELS), False, LABELS, {}, ends_at=at.clock.at))
    return await at.click(ACK)


async def _still_firing(at: Bench) -> Reply:
    return await at.click(RESOLVE)


async def _old_card(at: Bench) -> Reply:
    return await at.click(ACK, generation=7)


async def _unknown_card(at: Bench) -> Reply:
    return await at.click(ACK, incident=99)


async def _unknown_choice(at: Bench) -> Reply:
    return await at.click(SILENCE, duration="9y")


async def _previewed(at: Bench) -> Reply:
    return await at.click(PREVIEW, duration="1h")


async def _preview_over(at: Bench) -> Reply:
    return await at.click(ActionKind.CONFIRM_SILENCE, silence="nobody's")


async def _too_long(at: Bench) -> Reply:
    return await at.click(SILENCE, duration="4h", rules=SilenceRules(longest=2 * HOUR))


async def _in_the_past(at: Bench) -> Reply:
    return await at.click(SILENCE, duration=UNTIL, until=at.clock.at - HOUR)


async def _already_kept(at: Bench) -> Reply:
    await at.store.act(at.action(SILENCE, id="kept", duration=RESOLVED), at.clock.at)
    told = Conclusion(incident=1, silence="kept", state=SilenceState.ACTIVE, silence_id="s-1")
    await at.store.conclude(told, at.clock.at)
    return await at.click(EXTEND, duration="1h")


# REQUESTED has a test of its own: it takes an Alertmanager that is slow.
SCENES: dict[ActionReason, tuple[ActionKind, Scene]] = {
    ActionReason.DONE: (ACK, _done),
    ActionReason.REPEATED: (ACK, _repeated),
    ActionReason.ALREADY_ACKNOWLEDGED: (ACK, _already_acknowledged),
    ActionReason.JOINED: (ACK, _joined),
    ActionReason.ENOUGH_OWNERS: (ACK, _enough_owners),
    ActionReason.LEADS_ALREADY: (HAND, _leads_already),
    ActionReason.NOT_YOURS: (UNACK, _not_yours),
    ActionReason.NOTHING_WRITTEN: (ActionKind.NOTE, _nothing_written),
    ActionReason.NOBODY_CHOSEN: (HAND, _nobody_chosen),
    ActionReason.NOTHING_TO_ESCALATE: (ActionKind.ESCALATE, _nothing_to_escalate),
    ActionReason.ESCALATING: (ActionKind.ESCALATE, _escalating),
    ActionReason.NOT_ACKNOWLEDGED: (UNACK, _not_acknowledged),
    ActionReason.ALREADY_SILENCED: (SILENCE, _already_silenced),
    ActionReason.NOT_SILENCED: (UNSILENCE, _not_silenced),
    ActionReason.NOTHING_TO_SILENCE: (SILENCE, _nothing_to_silence),
    ActionReason.RESOLVED_ALREADY: (ACK, _resolved_already),
    ActionReason.STILL_FIRING: (RESOLVE, _still_firing),
    ActionReason.OLD_CARD: (ACK, _old_card),
    ActionReason.UNKNOWN_CARD: (ACK, _unknown_card),
    ActionReason.UNKNOWN_CHOICE: (SILENCE, _unknown_choice),
    ActionReason.PREVIEWED: (PREVIEW, _previewed),
    ActionReason.PREVIEW_OVER: (ActionKind.CONFIRM_SILENCE, _preview_over),
    ActionReason.TOO_LONG: (SILENCE, _too_long),
    ActionReason.IN_THE_PAST: (SILENCE, _in_the_past),
    ActionReason.ALREADY_KEPT: (EXTEND, _already_kept),
}


def test_every_reason_has_a_scene() -> None:
    # A digest alone changes under a click, and what the policy refuses has words of its own:
    # their tests are beside this file.
    elsewhere = {ActionReason.REQUESTED, ActionReason.CHANGED, *map(ActionReason, REFUSALS)}
    elsewhere |= {ActionReason.AWAITS_APPROVAL, ActionReason.ALREADY_ASKED}
    elsewhere |= {ActionReason.NOTHING_ASKED}
    assert set(SCENES) | elsewhere == set(ActionReason)


@pytest.mark.parametrize("reason", SCENES, ids=str)
async def test_a_click_is_answered_with_the_reasons_own_toast(
    reason: ActionReason, tmp_path: Path
) -> None:
    kind, scene = SCENES[reason]
    async with bench(tmp_path) as at:
        reply = await scene(at)
        found = await at.store.snapshot(1)
    incident = None if found is None else found.incident
    assert reply.toast == toast_for(kind, Verdict(reason=reason), incident)
    hidden = reason in (ActionReason.OLD_CARD, ActionReason.UNKNOWN_CARD)
    assert (reply.content is None) == hidden


async def test_an_acknowledgement_is_drawn_and_stirs_delivery(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reply = await at.click(ACK)
        assert reply.content is not None
        card = json.loads(reply.content)["content"]
        assert card["header"]["template"] == "blue"
        assert "李雷" in reply.content
        assert at.woken
        assert at.counted("receiver_actions_total", action="acknowledge", outcome="done") == 1


async def test_whose_name_is_not_known_yet_is_shown_by_id(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reply = await at.click(ACK, actor=HAN)
        assert reply.toast.en == "Acknowledged"
        assert reply.content is not None
        assert "ou&#95;han" in reply.content
        second = await at.click(ACK)
        assert "ou_han" in second.toast.en


async def test_a_card_whose_edit_is_unsettled_is_answered_with_a_toast_alone(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        other = {**LABELS, "instance": "db-2"}
        await at.fire(Alert(fingerprint(other), True, other, {}))
        work = await at.store.begin(1, Ability.EDITS, at.clock.at)
        assert work is not None
        assert work.card.in_flight is Call.PATCH
        reply = await at.click(ACK)
        assert reply.toast.en == "Acknowledged"
        assert reply.content is None
        assert (await at.snapshot()).incident.ack is not None


async def test_a_store_that_is_closed_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.shut()
        reply = await at.click(ACK)
        assert reply == Reply(NOT_KEPT, None)
        assert at.counted("receiver_actions_total", action="acknowledge", outcome="failed") == 1


async def test_a_click_that_cannot_be_kept_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        before = await at.snapshot()
        reply = await at.click(SILENCE, comment="half a character: \ud800")
        assert reply == Reply(NOT_KEPT, None)
        assert await at.snapshot() == before
        assert [event["level"] for event in at.events()] == ["error"]


class Forgetful(SqliteStore):
    """A store that cannot read when it is asked for an incident."""

    async def snapshot(self, incident: int) -> Snapshot | None:
        """Fail to read."""
        raise Unavailable("disk", f"incident {incident} cannot be read")


async def test_a_silence_whose_outcome_cannot_be_read_is_still_answered(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url, open_store=Forgetful) as at,
    ):
        alertmanager.release.set()
        reply = await at.click(SILENCE)
        assert reply.toast.en.startswith("Silence requested")
        assert len(alertmanager.bodies) == 1


class Clumsy(FeishuApp):
    """A channel that cannot draw."""

    def render(self, view: View, rung: Rung) -> NoReturn:
        """Fail."""
        raise RuntimeError(f"no pen for {view.incident.id} at {rung}")


async def test_a_card_that_cannot_be_drawn_costs_the_click_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.channel.__class__ = Clumsy
        reply = await at.click(ACK)
        assert reply.toast.en == "Acknowledged"
        assert reply.content is None
        assert (await at.snapshot()).incident.ack is not None
        (event,) = at.events()
        assert event["event"] == "card cannot be drawn"
        assert "no pen" in event["exception"]


@pytest.mark.parametrize("changes", [{"card": 0}, {"card": 2}, {"incident": 0}, {"incident": 2}])
async def test_what_is_on_none_of_our_cards_changes_nothing(
    changes: dict[str, int], tmp_path: Path
) -> None:
    async with bench(tmp_path) as at:
        before = await at.snapshot(), await at.store.timeline(1), await at.store.cards(1)
        reply = await at.click(ACK, **changes)
        assert "not known here" in reply.toast.en
        assert reply.content is None
        after = await at.snapshot(), await at.store.timeline(1), await at.store.cards(1)
        assert after == before
        assert at.woken == []


async def test_another_apps_card_cannot_be_clicked(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        http = at.channel._api._ports.http  # noqa: SLF001  (any client: it is never used)
        other = channel_of("other", http, build_tracing({}, "1"), build_logging("info", at.log))
        before = await at.snapshot()
        reply = await at.desk.answer(at.action(ACK), other)
        assert "not known here" in reply.toast.en
        assert await at.snapshot() == before
        assert at.counted("receiver_actions_total", action="acknowledge", outcome="refused") == 1


async def test_a_message_of_an_agent_is_resolved_for_good(tmp_path: Path) -> None:
    async with bench(tmp_path, fire=False) as at:
        await at.fire(kind=Kind.AGENT)
        await at.show()
        reply = await at.click(RESOLVE)
        assert reply.toast.en == "Resolved"
        assert (await at.snapshot()).incident.closed_at is not None


async def test_a_quick_alertmanager_is_told_of_in_the_toast(tmp_path: Path) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        alertmanager.release.set()
        reply = await at.click(SILENCE, comment="known, 已知")
        assert reply.toast.en == "Silenced"
        assert reply.content is not None
        (silence,) = (await at.snapshot()).incident.silences
        assert silence.state is SilenceState.ACTIVE
        posted = json.loads(alertmanager.bodies[0])
        assert posted["createdBy"] == "李雷"
        assert "known, 已知" in posted["comment"]
        assert all(matcher["isEqual"] for matcher in posted["matchers"])


async def test_a_refusal_is_told_in_the_toast(tmp_path: Path) -> None:
    async with (
        held_alertmanager(400) as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        alertmanager.release.set()
        reply = await at.click(SILENCE)
        assert reply.toast.kind == "error"
        assert "no such luck" in reply.toast.en
        assert "no such luck" in reply.toast.zh
        assert reply.content is not None
        assert "no such luck" in reply.content


async def test_a_source_without_an_alertmanager_is_told_in_the_toast(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        reply = await at.click(SILENCE)
        assert reply.toast.kind == "error"
        assert "no longer configured" in reply.toast.en


async def test_a_slow_alertmanager_leaves_the_click_requested_and_then_concludes(
    tmp_path: Path,
) -> None:
    async with (
        held_alertmanager() as alertmanager,
        bench(tmp_path, alertmanager=alertmanager.url) as at,
    ):
        reply = await at.click(SILENCE)
        assert reply.toast == toast_for(SILENCE, Verdict(reason=ActionReason.REQUESTED), None)
        assert reply.content is not None
        (asked,) = (await at.snapshot()).incident.silences
        assert asked.state is SilenceState.REQUESTED
        at.woken.clear()
        alertmanager.release.set()
        await at.silencing.outcomes((asked,), 10)
        (silence,) = (await at.snapshot()).incident.silences
        assert silence.state is SilenceState.ACTIVE
        assert silence.silence_id
        assert at.woken
        assert await at.store.intents() == []
        again = await at.click(SILENCE)
        assert again.toast.en == "Silenced already: extend it under More, or unsilence first"
        assert len(alertmanager.bodies) == 1


async def test_clicks_at_once_are_applied_one_after_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        people = [Actor(open_id=f"ou_{number}", name=f"N{number}") for number in range(8)]
        replies = await asyncio.gather(*(at.click(ACK, actor=person) for person in people))
        first, *others = sorted(replies, key=lambda reply: len(reply.toast.en))
        assert first.toast.en == "Acknowledged"
        having = owners((await at.snapshot()).incident)
        assert {owner.actor for owner in having} == set(people)
        together = f"Acknowledged, together with {having[0].actor.name}"
        assert all(reply.toast.en.startswith(together) for reply in others)

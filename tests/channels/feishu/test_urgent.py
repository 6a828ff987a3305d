"""Urgent notices against the sandbox: who is buzzed, and what refusals mean."""

from typing import Any

import pytest

from receiver.channels.base import Urges
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Rejected, RejectReason, Retry
from tests.channels.feishu.parts import CHAT, Scene
from tests.channels.feishu.test_client import sent, stage

URGENT = {Call.URGENT_APP: "app", Call.URGENT_SMS: "sms", Call.URGENT_PHONE: "phone"}


def buzzes(here: Scene) -> list[tuple[str, tuple[str, ...]]]:
    (message,) = here.sandbox.state.messages(CHAT)
    return [(buzz.kind, buzz.people) for buzz in message.buzzes]


def people(here: Scene) -> list[str]:
    return list(here.sandbox.state.chats[CHAT].members)


@pytest.mark.parametrize("call", URGENT)
async def test_people_are_buzzed(call: Call) -> None:
    async with stage() as (here, app):
        assert isinstance(app, Urges)
        message_id = await sent(app)
        who = people(here)[0]
        urged = await app.urge(message_id, call, [who, who])
        assert urged == (Delivered(), ())
        assert buzzes(here) == [(URGENT[call], (here.sandbox.state.users[who].name,))]
        names = [limit.name for limit in app.limits(call, CHAT, message_id)]
        assert names == ["app_second", "app_minute", "connections"]


async def test_whom_it_cannot_reach_is_named_and_the_others_are_buzzed() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        outcome = await app.urge(message_id, Call.URGENT_APP, [people(here)[0], "ou_stranger"])
        assert outcome == (Delivered(), ("ou_stranger",))


async def test_nobody_is_no_call() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        before = len(here.sandbox.state.calls)
        urged = await app.urge(message_id, Call.URGENT_PHONE, [])
        assert isinstance(urged.outcome, Rejected)
        assert len(here.sandbox.state.calls) == before


def _turn(**knobs: Any) -> Any:
    return lambda here: here.sandbox.state.turn(**knobs)


def _chat(**fields: Any) -> Any:
    def change(here: Scene) -> None:
        for name, value in fields.items():
            setattr(here.sandbox.state.chats[CHAT], name, value)

    return change


def _unread(here: Scene) -> None:
    tenant = here.sandbox.state.tenant
    tenant.buzzed(tenant.users[people(here)[0]], 200)


def _recalled(here: Scene) -> None:
    (message,) = here.sandbox.state.messages(CHAT)
    here.sandbox.state.recall(message.message_id)


def _folded(here: Scene) -> None:
    (message,) = here.sandbox.state.messages(CHAT)
    message.folded = True


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (_turn(urgent_phone_quota=0), RejectReason.QUOTA, "quota of urgent messages"),
        (_turn(monthly_quota=0), RejectReason.QUOTA, "month's calls"),
        (_chat(urgent=False), RejectReason.TARGET, "settings forbid urgent"),
        (_chat(external=True), RejectReason.TARGET, "permissions"),
        (_chat(members=[]), RejectReason.REQUEST, "230001"),
        (_unread, RejectReason.TARGET, "too many unread"),
        (_recalled, RejectReason.GONE, "230011"),
        (_folded, RejectReason.TARGET, "folded"),
    ],
)
async def test_a_refusal_is_for_good_and_says_the_cure(
    change: Any, reason: RejectReason, words: str
) -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        who = people(here)[0]
        change(here)
        outcome = (await app.urge(message_id, Call.URGENT_PHONE, [who])).outcome
        assert isinstance(outcome, Rejected)
        assert outcome.reason is reason
        assert words in outcome.detail


async def test_an_answer_that_is_lost_may_have_called_somebody() -> None:
    async with stage() as (here, app):
        message_id = await sent(app)
        here.sandbox.state.fault("urgent_phone", "reset", after=True)
        outcome = (await app.urge(message_id, Call.URGENT_PHONE, people(here)[:1])).outcome
        assert isinstance(outcome, Retry)
        assert outcome.reason.ambiguous
        assert len(buzzes(here)) == 1

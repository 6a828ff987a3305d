"""Silences when Alertmanager is away, slow to answer, or of another opinion."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from receiver.sandbox.clicks import Clicked
from receiver.sandbox.state import Message
from tests.real_alertmanager import RealAlertmanager, real_alertmanager
from tests.stage import NOWHERE, Gate, Stage, alert, colour, gate, source, stage, words

FORM = {"scope": "group", "duration": "1h", "comment": "扩容中"}


@asynccontextmanager
async def behind_a_gate(folder: Path) -> AsyncIterator[tuple[RealAlertmanager, Gate, Stage]]:
    """Run a real Alertmanager that the receiver reaches through a gate."""
    home = folder / "alertmanager"
    home.mkdir()
    async with (
        real_alertmanager(home) as alertmanager,
        gate(alertmanager.url) as door,
        stage(folder, alertmanagers=[source(door.url)]) as at,
    ):
        yield alertmanager, door, at


def said(clicked: Clicked) -> str:
    """Return what the toast of a click says, in English."""
    return "" if clicked.toast is None else str(clicked.toast["i18n"]["en_us"])


async def silence(at: Stage, card: Message, **form: str) -> Clicked:
    """Submit the form of the card."""
    return await at.click(card, "silence", **{**FORM, **form})


async def test_nothing_pretends_while_alertmanager_is_down_and_one_silence_comes_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with (
        gate(NOWHERE, shut=True) as door,
        stage(tmp_path, alertmanagers=[source(door.url)]) as at,
    ):
        await at.fire(alert())
        card = await at.message()
        clicked = await silence(at, card)
        assert said(clicked) == "Silence requested; the card will show the outcome"
        await at.shows(card, "韩梅梅** asked to silence this group until", "waiting for Alert")
        assert colour(card) == "red"
        assert "扩容中" in words(card)
        async with real_alertmanager(tmp_path) as alertmanager:
            door.lead_to(alertmanager.url)
            await door.open()
            await at.turns(card, "grey")
            await at.shows(card, "韩梅梅** silenced this group until")
            [made] = await alertmanager.silences()
            assert made["createdBy"] == "韩梅梅"
            await at.quiet()
            assert len(at.messages()) == 1


async def test_a_silence_whose_answer_was_lost_is_found_again_and_not_made_twice(
    tmp_path: Path,
) -> None:
    async with behind_a_gate(tmp_path) as (alertmanager, door, at):
        await at.fire(alert())
        card = await at.message()
        door.lost = 1
        assert said(await silence(at, card)) in {
            "Silenced",
            "Silence requested; the card will show the outcome",
        }
        await at.turns(card, "grey")
        assert len(await alertmanager.silences()) == 1
        assert await at.metric("receiver_silences_total", outcome="recovered") == 1


async def test_what_alertmanager_refuses_is_told_in_toast_card_and_reply(tmp_path: Path) -> None:
    async with behind_a_gate(tmp_path) as (alertmanager, _, at):
        dotted = {"host.name": "db-1"}  # Alertmanager 0.25 knows no such label name
        await at.fire(alert(**dotted), groupLabels=dotted)
        card = await at.message()
        clicked = await silence(at, card)
        assert clicked.toast is not None
        assert clicked.toast["type"] == "error"
        assert said(clicked).startswith("Not silenced: Alertmanager refused")
        assert "invalid label name" in said(clicked)
        await at.shows(card, "韩梅梅** could not silence this group")
        assert colour(card) == "red"
        reply = await at.message(number=2)
        assert reply.parent_id == card.message_id
        assert {mention["id"] for mention in reply.mentions} == {"ou_han"}
        assert await alertmanager.silences() == []


async def test_two_people_who_silence_at_once_make_one_silence(tmp_path: Path) -> None:
    async with behind_a_gate(tmp_path) as (alertmanager, _, at):
        await at.fire(alert())
        card = await at.message()
        first = asyncio.create_task(silence(at, card))
        second = asyncio.create_task(at.click(card, "silence", who="李雷", **FORM))
        told = {said(await first), said(await second)}
        assert told == {"Silenced", "Silenced already: extend it under More, or unsilence first"}
        await at.turns(card, "grey")
        assert len(await alertmanager.silences()) == 1


async def test_the_same_click_delivered_twice_is_applied_once(tmp_path: Path) -> None:
    async with behind_a_gate(tmp_path) as (alertmanager, _, at):
        await at.fire(alert())
        card = await at.message()
        value = {"v": 1, "a": "silence", "i": 1, "c": 1, "g": 1}
        document = at.callback("韩梅梅", card, value, **FORM)
        first, again = await at.send(document), await at.send(document)
        assert first.json()["toast"]["i18n"]["en_us"] == "Silenced"
        assert again.json()["toast"]["i18n"]["en_us"] == "This click was handled already"
        assert len(await alertmanager.silences()) == 1


async def test_one_named_alert_is_silenced_by_all_its_labels(tmp_path: Path) -> None:
    async with behind_a_gate(tmp_path) as (alertmanager, _, at):
        one, two = alert(instance="db-1"), alert(instance="db-2")
        await at.fire(one, two)
        card = await at.message()
        await silence(at, card, scope=one["fingerprint"], duration="30m")
        [made] = await alertmanager.silences()
        found = {matcher["name"]: matcher["value"] for matcher in made["matchers"]}
        assert found == one["labels"]
        assert all(matcher["isEqual"] and not matcher["isRegex"] for matcher in made["matchers"])
        await at.shows(card, "silenced one alert until", "2 firing · 1 silenced")
        assert colour(card) == "red"

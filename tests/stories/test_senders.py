"""Who else speaks: agents, HA twins, group bots; and whom a card calls."""

import asyncio
from pathlib import Path

from receiver.sandbox.state import Message
from tests.stage import (
    PLATFORM,
    PRODUCTION,
    SERVICE,
    Json,
    alert,
    body,
    colour,
    controls,
    over,
    source,
    stage,
    words,
)

AGENTS = [{"match": ['source="helper"'], "targets": [f"ops:{SERVICE}"]}]
COMPLAINT: Json = {
    "title": "退款未到账",
    "text": "Three customers wait for their money.",
    "severity": "warning",
    "dedup_key": "refunds",
    "labels": {"queue": "refunds"},
    "links": [{"title": "Ticket", "url": "https://tickets.example.com/4711"}],
}


async def test_an_agents_incident_lives_on_one_card_until_a_person_closes_it(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, routes=AGENTS) as at:
        first = await at.tell(id="1", state="firing", **COMPLAINT)
        card = await at.message(SERVICE)
        assert colour(card) == "orange"
        assert "silence" not in controls(card.content)
        assert (await at.tell(id="1", state="firing", **COMPLAINT))["reason"] == "duplicate"
        second = await at.tell(id="2", state="firing", **COMPLAINT)
        assert second["incident"] == first["incident"]
        await at.click(card, "acknowledge")
        await at.turns(card, "blue")
        await at.quiet()
        await at.click(card, "resolve")
        await at.turns(card, "green")
        await at.shows(card, "Closed by **韩梅梅**")
        await at.quiet()
        assert controls(card.content) == {}
        [incident] = await at.incidents()
        assert incident["closed_at"] is not None


async def test_what_an_agent_says_anew_of_its_incident_is_shown(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=AGENTS) as at:
        await at.tell(id="1", state="firing", **COMPLAINT)
        card = await at.message(SERVICE)
        worse = {**COMPLAINT, "severity": "critical", "text": "Now there are seven."}
        await at.tell(id="2", state="firing", **worse)
        await at.shows(card, "Now there are seven.")
        await at.turns(card, "red")


async def test_an_agent_ends_its_own_incident(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=AGENTS) as at:
        await at.tell(id="1", state="firing", **COMPLAINT)
        card = await at.message(SERVICE)
        await at.tell(id="2", state="resolved", **COMPLAINT)
        await at.turns(card, "green")
        assert controls(card.content) == {}


async def test_an_agents_message_without_state_is_shown_once_and_cannot_be_clicked(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, routes=AGENTS) as at:
        note = {"id": "r1", "title": "Report", "markdown": "**1,284** orders", "type": "post"}
        assert (await at.tell(**note))["reason"] == "message"
        assert (await at.tell(**note))["reason"] == "duplicate"
        plain = {"id": "r2", "title": "Done", "text": "all of it", "type": "text"}
        await at.tell(**plain)
        card = await at.message(SERVICE)
        text = await at.message(SERVICE, number=2)
        assert controls(card.content) == {}
        assert "**1,284** orders" in words(card)
        assert text.msg_type == "text"
        assert "Done" in words(text)
        assert len(at.messages(SERVICE)) == 2


def called(message: Message) -> set[str]:
    """Return whom a message called; a post says it once in each language."""
    return {mention["id"] for mention in message.mentions}


async def test_people_are_mentioned_when_a_card_appears_and_in_replies_but_in_no_patch(
    tmp_path: Path,
) -> None:
    routes = [{"targets": [f"ops:{PRODUCTION}"], "mention": ["li@example.com", "who@example.com"]}]
    async with stage(tmp_path, routes=routes) as at:
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        assert called(card) == {"ou_li"}
        assert "ou_li" in str(card.content)
        await at.quiet()
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        reply = await at.message(number=2)
        assert called(reply) == {"ou_li"}
        assert "ou_li" not in str(card.content)


async def test_a_mention_that_feishu_refuses_is_dropped(tmp_path: Path) -> None:
    routes = [{"targets": [f"ops:{PRODUCTION}"], "mention": ["all", "ou_nobody"]}]
    async with stage(tmp_path, routes=routes) as at:
        at.desk.chats[PRODUCTION].at_all = False
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        assert called(card) == set()
        assert card.msg_type == "interactive"
        assert at.calls("create")[-1] == 0
        assert len(at.calls("create")) == 2
        assert "shortened" not in words(card)
        assert (await at.incident(1))["cards"][0]["rung"] == "whole"


async def test_ha_twins_are_one_card(tmp_path: Path) -> None:
    async with stage(tmp_path, alertmanagers=[source("http://127.0.0.1:9")]) as at:
        alerts = (alert(instance="db-1"), alert(instance="db-2"))
        twins = [body(*alerts, peer=f"http://am-{peer}:9093") for peer in range(2)]
        reasons = await asyncio.gather(*(at.post(twin) for twin in twins * 2))
        assert sorted(reasons) == ["duplicate", "duplicate", "duplicate", "first"]
        card = await at.message()
        await at.quiet()
        ended = tuple(over(alert(instance=name)) for name in ("db-1", "db-2"))
        for peer in range(2):
            await at.fire(*ended, peer=f"http://am-{peer}:9093")
        await at.turns(card, "green")
        await at.quiet()
        assert card.updates == 1
        assert len(at.messages()) == 1
        assert len(await at.incidents()) == 1


async def test_a_group_bot_says_first_new_and_resolved_and_nothing_else(tmp_path: Path) -> None:
    routes = [{"targets": [f"ops:{PRODUCTION}", "legacy"]}]
    async with stage(tmp_path, routes=routes) as at:
        one, two = alert(instance="db-1"), alert(instance="db-2")
        await at.fire(one)
        card, first = await at.message(), await at.message(PLATFORM)
        assert controls(first.content) == {}
        assert "http" in str(first.content)
        await at.click(card, "acknowledge")
        await at.quiet()
        await at.fire(one, two)
        await at.quiet()
        await at.fire(one, over(two))
        await at.quiet()
        await at.fire(over(alert(instance="db-1")))
        await at.turns(card, "green")
        await at.quiet()
        said = [(colour(message), message.updates) for message in at.messages(PLATFORM)]
        assert said == [("red", 0), ("red", 0), ("green", 0)]
        assert "2 firing" in words(at.messages(PLATFORM)[1])

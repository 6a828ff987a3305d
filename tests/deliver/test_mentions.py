"""Whom messages call: the routes' people, when each message is new, and only where it may."""

import json
from dataclasses import replace

import pytest

from receiver.channels.base import View
from receiver.channels.feishu.card import render_bot
from receiver.domain.card import (
    Call,
    Rung,
)
from receiver.domain.incident import Notice, Placement, Rules
from receiver.domain.outcome import Rejected, RejectReason
from receiver.domain.reason import CardReason
from tests.deliver.chat import Bot
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, alert, notice
from tests.domain.platform import Fault

N1, N2, N4 = alert("n1"), alert("n2"), alert("n4")
GONE1, GONE2 = alert("n1", firing=False), alert("n2", firing=False)
WORST = alert("n3", severity="critical")
REFUSED = Rejected(RejectReason.MENTION, "no such person")
CALLING = ("new_alerts", "severity_raised")


async def hear(desk: Desk, told: Notice, *places: Placement) -> None:
    """Accept a body by these routes, and show it everywhere."""
    await desk.store.apply(told._replace(placements=places), Rules(), desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * MINUTE)


def people(desk: Desk, *calls: Call) -> list[list[str]]:
    """Return whom each call of these kinds mentioned."""
    return [one.content["people"] for one in desk.chat.calls(*calls)]


async def test_a_worse_alert_of_another_route_widens_the_card_that_is_there(desk: Desk) -> None:
    await hear(desk, notice(N1), Placement(CHAT, ("li",)))
    await hear(desk, notice(N1, N2), Placement(CHAT, ("li",)))
    assert desk.chat.calls(Call.REPLY) == []  # this route calls for nothing
    await hear(desk, notice(WORST), Placement(CHAT, ("boss", "li"), CALLING))
    card = await desk.card()
    assert (card.mention, card.notify) == (("li", "boss"), CALLING)
    (reply,) = desk.chat.calls(Call.REPLY)
    assert reply.content["reason"] == "severity_raised"
    assert reply.content["people"] == ["id-of-li", "id-of-boss"]
    assert len(desk.chat.platform.of(Call.CREATE)) == 1
    assert len(await desk.store.cards(1)) == 1


async def test_a_list_is_who_is_on_call_as_the_message_is_sent(desk: Desk) -> None:
    desk.duty["oncall:db"] = "li"
    await hear(desk, notice(N1), Placement(CHAT, ("oncall:db", "boss"), CALLING))
    desk.duty["oncall:db"] = "wang"
    await hear(desk, notice(N1, N2), Placement(CHAT, ("oncall:db", "boss"), CALLING))
    assert people(desk, Call.CREATE, Call.REPLY) == [
        ["id-of-li", "id-of-boss"],
        ["id-of-wang", "id-of-boss"],
    ]


@pytest.mark.parametrize("over", [notice(GONE1, N2), notice(GONE1, GONE2)])
async def test_a_resolve_widens_nothing(desk: Desk, over: Notice) -> None:
    await hear(desk, notice(N1, N2), Placement(CHAT, ("li",), CALLING))
    places = Placement(CHAT, ("boss",), ("repeat",)), Placement("ops:oc_2")
    await hear(desk, over, *places)
    (card,) = await desk.store.cards(1)
    assert (card.target, card.mention, card.notify) == (CHAT, ("li",), CALLING)
    assert card.shown == card.wanted == 2


class Drawing(Bot):
    """A group bot that draws as the real one does."""

    drawn: list[str]

    def render(self, view: View, rung: Rung) -> str:
        """Draw, and keep what was drawn."""
        calling = tuple(f"ou_{who.removeprefix('id-of-')}" for who in view.people)
        self.drawn.append(render_bot(replace(view, people=calling), rung))
        return super().render(view, rung)


async def test_a_group_bot_calls_people_for_each_reason_of_its_route(desk: Desk) -> None:
    desk.bot.__class__ = Drawing
    drawn: list[str] = []
    desk.bot.drawn = drawn  # type: ignore[attr-defined]
    place = Placement(BOT, ("li",), CALLING)
    ended = tuple(alert(name, firing=False) for name in ("n1", "n2"))
    for told in (
        notice(N1),
        notice(N1, N2),
        notice(*ended),
        notice(N1),
        notice(N1, alert("n3", severity="critical")),
    ):
        await hear(desk, told, place)
    assert [one.content["reason"] for one in desk.bot.made] == [
        "first",
        "new_alerts",
        "all_resolved",
        "reopened",
        "severity_raised",
    ]
    called = ["ou_li" in json.dumps(json.loads(text)["content"]) for text in drawn]
    assert called == [True, True, False, False, True]


@pytest.mark.parametrize("kind", [RejectReason.MENTION, RejectReason.CONTENT])
async def test_a_refused_mention_is_dropped_for_that_message_alone(
    desk: Desk, kind: RejectReason
) -> None:
    place = Placement(CHAT, ("li",), CALLING)
    desk.chat.turns.append(Rejected(kind, "no"))
    await hear(desk, notice(N1), place)
    assert people(desk, Call.CREATE) == [["id-of-li"], []]
    await hear(desk, notice(N1, N2), place)
    assert people(desk, Call.REPLY) == [["id-of-li"]]
    desk.chat.turns.extend([Fault.NONE, REFUSED])
    await hear(desk, notice(WORST), place)
    await hear(desk, notice(N4), place)
    assert people(desk, Call.REPLY)[1:] == [["id-of-li"], [], ["id-of-li"]]
    assert len({one.uuid for one in desk.chat.calls(Call.REPLY)}) == 4
    card = await desk.card()
    assert (card.rung, card.mentions_dropped) == (Rung.WHOLE, False)


async def test_a_group_bot_s_refused_mention_is_tried_again_with_the_next_message(
    desk: Desk,
) -> None:
    place = Placement(BOT, ("li",), CALLING)
    desk.bot.turns.append(REFUSED)
    await hear(desk, notice(N1), place)
    await hear(desk, notice(N1, N2), place)
    told = [(one.content["reason"], one.content["people"]) for one in desk.bot.made]
    assert told == [("first", ["id-of-li"]), ("first", []), ("new_alerts", ["id-of-li"])]


async def test_a_patch_that_is_refused_drops_no_mention(desk: Desk) -> None:
    place = Placement(CHAT, ("li",), CALLING)
    await hear(desk, notice(N1), place)
    desk.chat.turns.append(Rejected(RejectReason.CONTENT, "bad"))
    await hear(desk, notice(N1, N2), place)
    patched = desk.chat.calls(Call.PATCH)
    assert [one.content["rung"] for one in patched] == ["WHOLE", "FEWER"]
    assert [one.content["people"] for one in patched] == [[], []]
    (reply,) = desk.chat.calls(Call.REPLY)
    assert (reply.content["reason"], reply.content["people"]) == (
        CardReason.NEW_ALERTS,
        ["id-of-li"],
    )

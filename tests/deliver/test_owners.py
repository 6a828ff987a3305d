"""Whom an acknowledgement calls: its owner before its end, everybody after it."""

import pytest

from receiver.domain.action import Action, ActionKind
from receiver.domain.card import Call
from receiver.domain.incident import Placement, Rules
from receiver.domain.person import Actor
from tests.deliver.desk import CHAT, Desk
from tests.domain.made import LI, MINUTE, WANG, alert, notice

OTHER = "ops:oc_2"


async def fired(desk: Desk, *notify: str) -> None:
    """Show an incident in two chats."""
    places = tuple(Placement(target, ("boss",), notify) for target in (CHAT, OTHER))
    told = notice(alert("n1"))._replace(placements=places)
    await desk.store.apply(told, Rules(), desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(MINUTE)


async def click(desk: Desk, kind: ActionKind, actor: Actor = LI, to: Actor | None = None) -> None:
    """Click on the first chat's card."""
    now = desk.clock.now
    action = Action(id=f"{kind}-{now}", kind=kind, incident=1, actor=actor, at=now, card=1, to=to)
    acted = await desk.store.act(action, now)
    assert acted.verdict.incident is not None
    desk.dispatcher.wake()
    await desk.advance(MINUTE)


async def wait(desk: Desk, ms: int) -> None:
    """Let the time pass, and what is due be done."""
    await desk.advance(ms)
    await desk.store.lapse(desk.clock.now)
    await desk.store.lapse(desk.clock.now)  # as a clock that starts again does
    desk.dispatcher.wake()
    await desk.advance(MINUTE)


def calls(desk: Desk) -> list[tuple[str, list[str]]]:
    """Return why each reply was made, and whom it mentions."""
    return [(one.content["reason"], one.content["people"]) for one in desk.chat.calls(Call.REPLY)]


async def test_the_owner_is_asked_once_where_they_took_it_then_all_are_called(desk: Desk) -> None:
    await fired(desk, "lapsed")
    await click(desk, ActionKind.ACKNOWLEDGE)
    await wait(desk, 10 * MINUTE)
    assert calls(desk) == []
    await wait(desk, 15 * MINUTE)
    assert calls(desk) == [("reminded", ["id-of-ou_li"])]
    await wait(desk, 10 * MINUTE)
    assert calls(desk)[1:] == [("lapsed", ["id-of-boss"])] * 2
    await wait(desk, 60 * MINUTE)
    assert len(calls(desk)) == 3
    kinds = [entry.kind for entry in await desk.store.timeline(1)]
    assert [kinds.count(kind) for kind in ("reminded", "acknowledgement_lapsed")] == [1, 1]


@pytest.mark.parametrize("notify", [(), ("repeat",)])
async def test_a_route_may_leave_it_at_the_card(desk: Desk, notify: tuple[str, ...]) -> None:
    await fired(desk, *notify)
    await click(desk, ActionKind.ACKNOWLEDGE)
    await wait(desk, 26 * MINUTE)
    await wait(desk, 10 * MINUTE)
    assert [reason for reason, _ in calls(desk)] == ["reminded"]
    assert desk.chat.calls(Call.PATCH)[-1].content["reason"] == "lapsed"


async def test_who_confirms_is_asked_again_only_near_the_next_end(desk: Desk) -> None:
    await fired(desk, "lapsed")
    await click(desk, ActionKind.ACKNOWLEDGE)
    await wait(desk, 26 * MINUTE)
    await click(desk, ActionKind.CONFIRM)
    await wait(desk, 20 * MINUTE)
    assert [reason for reason, _ in calls(desk)] == ["reminded"]
    await wait(desk, 6 * MINUTE)
    assert [reason for reason, _ in calls(desk)] == ["reminded"] * 2


async def test_the_chosen_person_is_called_where_they_were_chosen(desk: Desk) -> None:
    await fired(desk)
    await click(desk, ActionKind.ACKNOWLEDGE)
    await click(desk, ActionKind.HAND_OVER, to=WANG)
    assert calls(desk) == [("handed_over", ["id-of-ou_wang"])]


async def test_a_crash_asks_nobody_twice(desk: Desk) -> None:
    await fired(desk, "lapsed")
    await click(desk, ActionKind.ACKNOWLEDGE)
    await desk.advance(26 * MINUTE)
    await desk.store.lapse(desk.clock.now)
    await desk.crash()
    await desk.start()
    await wait(desk, MINUTE)
    assert calls(desk) == [("reminded", ["id-of-ou_li"])]

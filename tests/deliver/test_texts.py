"""A program's plain text stays one, and what may have been accepted is sent again as it was."""

import asyncio

from receiver.domain.card import (
    Call,
    CardState,
    Rung,
)
from receiver.domain.incident import Kind, Notice
from receiver.domain.outcome import Rejected, RejectReason
from tests.deliver.desk import CHAT, Desk
from tests.domain.made import MINUTE, SECOND, alert, notice
from tests.domain.platform import Fault

N1, N2 = alert("n1"), alert("n2")
APP = {"channel": "feishu_app"}
TEXT = notice(N1)._replace(kind=Kind.MESSAGE, plain=True)


def contents(desk: Desk) -> set[tuple[str, str]]:
    """Return the different contents and uuids that were sent."""
    return {(one.uuid, str(one.content)) for one in desk.chat.made}


async def test_a_text_that_may_have_arrived_is_sent_again_as_it_was(desk: Desk) -> None:
    live: Notice = notice(N1)._replace(kind=Kind.AGENT, plain=True)
    desk.chat.turns.extend([Fault.LOST_ANSWER, Fault.LOST_REQUEST, Fault.UNREACHABLE])
    await desk.hear(live)
    await desk.rest()
    kept = (await desk.card()).attempt
    assert kept is not None
    assert kept.ambiguous
    desk.clock.now += 1  # the next picture would differ
    await desk.hear(live._replace(alerts=(N1, N2)))
    await desk.advance(MINUTE)
    sent = desk.chat.made[:4]
    assert {(one.uuid, str(one.content)) for one in sent} == {(kept.uuid, str(sent[0].content))}
    assert sent[0].content["rung"] == "TEXT"
    assert desk.value("delivery_possible_duplicates_total", **APP) == 0
    # What changed meanwhile is a text of its own.
    (second,) = desk.chat.made[4:]
    assert second.uuid != kept.uuid
    assert (second.content["reason"], second.content["firing"]) == ("new_alerts", 2)
    assert len(desk.chat.platform.of(Call.CREATE)) == 2
    assert (await desk.card()).attempt is None


async def test_a_text_that_a_crash_cut_off_appears_once(desk: Desk) -> None:
    desk.chat.gate = asyncio.Event()
    await desk.hear(TEXT)
    await desk.chat.arrived.wait()
    await desk.crash()
    desk.chat.gate = None
    await desk.start()
    await desk.advance(10 * SECOND)
    assert len(desk.chat.platform.of(Call.CREATE)) == 1
    assert len(contents(desk)) == 1
    assert "possible_duplicate" not in await desk.kinds()
    assert desk.value("delivery_possible_duplicates_total", **APP) == 0


async def test_a_text_that_is_replayed_stays_a_text(desk: Desk) -> None:
    desk.chat.turns.append(Rejected(RejectReason.TARGET, "the bot is not in the chat"))
    await desk.hear(TEXT)
    await desk.advance(SECOND)
    assert (await desk.card()).state is CardState.DEAD
    assert await desk.store.revive(1, desk.clock.now)
    desk.dispatcher.retry(CHAT)
    await desk.advance(SECOND)
    assert [one.content["rung"] for one in desk.chat.made] == ["TEXT", "TEXT"]
    card = await desk.card()
    assert (card.state, card.rung, card.shown) == (CardState.OPEN, Rung.TEXT, 1)

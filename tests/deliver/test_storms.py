"""Storms through the real store and the real loop: gathered in time, told once, let go in peace."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.domain.card import Call
from receiver.domain.incident import Rules as BodyRules
from receiver.domain.storm import CALM, Rules
from receiver.store.gathering import LATE_MANY
from tests.deliver.chat import Made
from tests.deliver.desk import Desk, delivering
from tests.domain.made import HOUR, MINUTE, SECOND, alert, notice
from tests.domain.platform import Fault
from tests.store.made import group

BOT = "legacy"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Run delivery with a storm mode, and a chat that takes five messages a second."""
    async with delivering(tmp_path) as desk:
        await desk.stop()
        desk.storm_rules = Rules()
        desk.chat.most = 5
        desk.bot.most, desk.bot.window = 100, MINUTE
        await desk.start()
        yield desk


async def flood(desk: Desk, count: int, *targets: str, first: int = 0) -> None:
    """Open so many incidents at once."""
    for number in range(first, first + count):
        await desk.hear(group(number, notice(alert(f"m{number}"))), *targets)


def digests(made: list[Made]) -> list[Made]:
    """Return the calls that showed a digest."""
    return [one for one in made if one.content["reason"] in ("digest", "digest_closed")]


async def test_a_backlog_that_fits_is_no_storm(desk: Desk) -> None:
    await flood(desk, 60)
    await desk.advance(25 * SECOND)
    assert len(desk.chat.calls(Call.CREATE)) == 60
    assert digests(desk.chat.made) == []


async def test_what_cannot_be_shown_in_time_is_gathered(desk: Desk) -> None:
    await flood(desk, 300)
    worst = await desk.hear(group(999, notice(alert("w", severity="critical"))))
    await desk.advance(5 * SECOND)
    shown = {one.content["incident"] for one in desk.chat.calls(Call.CREATE)}
    assert worst.incident in shown
    (first,) = [one for one in digests(desk.chat.made) if one.call is Call.CREATE]
    told = {one for call in digests(desk.chat.made) for one in call.content["gathered"]}
    assert worst.incident not in told
    assert len(told | shown) >= 300
    assert first.ended - first.began <= 3 * SECOND
    assert (await desk.store.selfcheck()) == ()
    totals = await desk.store.units()
    assert (totals.pending, totals.digested + totals.shown) == (0, 301)


async def test_a_digest_is_patched_at_most_once_a_second(desk: Desk) -> None:
    await flood(desk, 200)
    for more in range(20):
        await flood(desk, 5, first=200 + 5 * more)
        await desk.advance(500)
    await desk.advance(3 * SECOND)
    calls = digests(desk.chat.made)
    patches = [one.began for one in calls if one.call is Call.PATCH]
    assert len(patches) >= 5
    assert all(later - earlier >= 900 for earlier, later in itertools.pairwise(patches))
    told = {one for call in calls for one in call.content["gathered"]}
    assert len(told | {one.content["incident"] for one in desk.chat.made}) >= 300


async def test_a_bot_s_digest_is_posted_at_most_once_a_minute(desk: Desk) -> None:
    await flood(desk, 200, BOT)
    await desk.advance(5 * SECOND)
    await flood(desk, 20, BOT, first=200)
    await desk.advance(2 * MINUTE)
    posts = [one.began for one in digests(desk.bot.made)]
    assert len(posts) >= 2
    assert all(later - earlier >= MINUTE for earlier, later in itertools.pairwise(posts))


async def test_after_the_storm_what_fires_is_shown_and_calls_nobody(desk: Desk) -> None:
    for number in range(200):
        told = group(number, notice(alert(f"m{number}")))
        await desk.hear(told, mention=("ou_li",))
    await desk.advance(5 * SECOND)
    (first,) = [one for one in digests(desk.chat.made) if one.call is Call.CREATE]
    gathered = first.content["gathered"]
    for number in range(200):
        if number % 4:
            await desk.hear(group(number, notice(alert(f"m{number}", firing=False))))
    await desk.advance(CALM + 2 * MINUTE)
    closed = desk.chat.made[-1] if not digests(desk.chat.made) else digests(desk.chat.made)[-1]
    assert closed.content["reason"] == "digest_closed"
    created = desk.chat.calls(Call.CREATE)
    after = [one for one in created if one.content["incident"] in gathered]
    assert after
    assert {tuple(one.content["people"]) for one in after} == {()}
    assert {one.content["state"] for one in after} == {"firing"}
    totals = await desk.store.units()
    assert (totals.pending, await desk.store.selfcheck()) == (0, ())
    assert await desk.store.loads() == []


async def test_a_storm_goes_on_after_a_crash(desk: Desk) -> None:
    await flood(desk, 200)
    await desk.advance(3 * SECOND)
    await desk.crash()
    await desk.start()
    await flood(desk, 50, first=200)
    await desk.advance(5 * SECOND)
    made = [one for one in digests(desk.chat.made) if one.call is Call.CREATE]
    assert len({one.uuid for one in made}) == 1
    told = {one for call in digests(desk.chat.made) for one in call.content["gathered"]}
    assert len(told | {one.content["incident"] for one in desk.chat.made}) >= 250


async def test_one_card_for_all_that_ended_while_nobody_could_see_it(desk: Desk) -> None:
    desk.chat.turns.extend([Fault.UNREACHABLE] * 1000)
    await flood(desk, 3 * LATE_MANY)
    await desk.advance(MINUTE)
    for number in range(2 * LATE_MANY):
        await desk.hear(group(number, notice(alert(f"m{number}", firing=False))))
    await desk.advance(MINUTE)
    desk.chat.turns.clear()
    await desk.advance(2 * MINUTE)
    landed = list(desk.chat.platform.messages.values())
    assert len(landed) <= LATE_MANY + 1
    late = [one for one in desk.chat.made if one.content["gathered"]]
    assert late[-1].content["reason"] == "late"
    firing = {one.content["incident"] for one in desk.chat.made if one.content["state"] == "firing"}
    assert len(firing) >= LATE_MANY
    totals = await desk.store.units()
    assert (totals.pending, await desk.store.selfcheck()) == (0, ())


async def test_a_clock_that_is_set_back_freezes_no_digest(desk: Desk) -> None:
    await flood(desk, 200)
    await desk.advance(5 * SECOND)
    await desk.rest()
    desk.clock.now -= HOUR
    desk.clock.until -= HOUR
    desk.clock.ahead -= HOUR
    before = len(digests(desk.chat.made))
    gathered = await desk.store.snapshot(digests(desk.chat.made)[-1].content["gathered"][0])
    assert gathered is not None
    told = notice(alert("worse", severity="critical"))
    worse = await desk.hear(told._replace(group_key=gathered.incident.group_key))
    await desk.advance(5 * SECOND)
    own = [one for one in desk.chat.made if one.content["incident"] == worse.incident]
    assert own
    assert len(digests(desk.chat.made)) > before


async def test_a_digest_that_is_refused_hides_nothing(desk: Desk) -> None:
    desk.chat.refuses = "digest"
    await flood(desk, 100)
    await desk.advance(2 * MINUTE)
    shown = {one.content["incident"] for one in desk.chat.made if not one.content["gathered"]}
    assert len(shown) == 100
    assert (await desk.store.selfcheck()) == ()


async def test_storm_mode_can_be_switched_off(desk: Desk) -> None:
    await desk.stop()
    desk.storm_rules = Rules(enabled=False)
    await desk.start()
    await flood(desk, 150)
    await desk.advance(MINUTE)
    assert len(desk.chat.calls(Call.CREATE)) == 150
    assert digests(desk.chat.made) == []


async def test_flapping_groups_keep_one_card(desk: Desk) -> None:
    told = group(1, notice(alert("m1")))
    for _ in range(8):
        await desk.hear(told)
        await desk.advance(20 * SECOND)
        await desk.hear(group(1, notice(alert("m1", firing=False))))
        await desk.advance(20 * SECOND)
    assert len(desk.chat.calls(Call.CREATE)) == 1
    assert len(desk.chat.calls(Call.REPLY)) <= BodyRules().flapping.threshold

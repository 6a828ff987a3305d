"""One order over all lanes: severity, then never shown, then whose turn it is, then age."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import Limit
from receiver.deliver.lanes import Lane, Line, urgency
from receiver.domain.card import Call
from receiver.store.base import Due, Queue
from tests.deliver.chat import Bot, Crowded
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, NOW, SECOND, alert, notice
from tests.store.made import group

WORST = alert("n3", severity="critical")
APP = (Limit("app", 50, SECOND, "app_second"), Limit("app", 1_000, MINUTE, "app_minute"))
BOT_WINDOWS = (Limit("bot", 5, SECOND, "bot_second"), Limit("bot", 100, MINUTE, "bot_minute"))

dues = st.builds(
    Due,
    st.integers(1, 10_000),
    st.integers(0, 4),
    st.just(""),
    st.booleans(),
    st.integers(0, 9),
)


@given(
    st.lists(st.tuples(st.lists(dues, max_size=6), st.booleans(), st.integers(0, 9)), max_size=6)
)
def test_the_line_serves_the_most_urgent_card_of_all_lanes(
    drawn: list[tuple[list[Due], bool, int]],
) -> None:
    lanes = []
    for number, (page, shown, turn) in enumerate(drawn):
        lane = Lane(Queue(f"ops:oc_{number}", shown), turn=turn)
        lane.fill(sorted(page, key=lambda due, lane=lane: urgency(lane, due)), 64)  # type: ignore[misc]
        lanes.append(lane)
    line, served = Line(lanes), []
    for lane, due in line:
        served.append(urgency(lane, due))
        line.put_back(lane)
    assert served == sorted(served)
    assert len(served) == sum(len(page) for page, _, _ in drawn)


def test_what_comes_before_what() -> None:
    lane, seen = Lane(Queue(CHAT, shown=False)), Lane(Queue(CHAT, shown=True))
    served = Lane(Queue("ops:oc_2", shown=False), turn=7)
    order = [
        urgency(lane, Due(9, 0, "", since=9)),
        urgency(seen, Due(8, 0, "om_1", since=1)),
        urgency(lane, Due(7, 1, "", since=5)),
        urgency(lane, Due(6, 1, "", since=6)),
        urgency(served, Due(5, 1, "", since=1)),
        urgency(seen, Due(4, 1, "om_2", since=1)),
        urgency(lane, Due(3, 0, "", leisure=True, since=0)),
    ]
    assert order == sorted(order)


def test_a_page_without_the_cards_that_are_busy_and_one_that_is_full() -> None:
    lane = Lane(Queue(CHAT, shown=False), busy={2})
    lane.fill([Due(1, 1, ""), Due(2, 1, "")], 2)
    assert ([due.card for due in lane.page], lane.more, lane.stale) == ([1], True, False)
    assert not lane.idle


class Real(Bot):
    """A group bot with the platform's two windows."""

    __slots__ = ()

    def limits(self, call: Call, address: str, message_id: str) -> tuple[Limit, ...]:
        """Return them."""
        del call, address, message_id
        return BOT_WINDOWS


async def test_critical_cards_of_any_chat_go_first_where_the_app_is_shared(desk: Desk) -> None:
    desk.chat.shared = (Limit("app", 5, SECOND, "app_second"),)
    for number in range(100):
        await desk.hear(group(number, notice(alert(f"m{number}"))), f"ops:oc_{number % 5}")
    await desk.advance(3 * SECOND)
    before = len(desk.chat.made)
    for number in range(5):
        await desk.hear(group(1_000 + number, notice(WORST)), f"ops:oc_{9 - number}")
    heard = desk.clock.now
    await desk.advance(3 * SECOND)
    first = desk.chat.made[before : before + 6]
    critical = [one for one in desk.chat.made if one.content["incident"] > 100]
    assert len(critical) == 5
    assert sum(one in first for one in critical) == 5
    assert critical[0].began - heard <= 220  # one call's time at five a second
    assert critical[-1].began - heard <= 1_100


async def test_among_equals_never_shown_goes_before_an_update_that_waits_longer(
    desk: Desk,
) -> None:
    desk.bot.most = 1
    told = notice(alert("n1"))
    await desk.hear(group(1, told), BOT)
    await desk.rest()
    await desk.hear(group(1, notice(alert("n1"), alert("n2"))), BOT)
    for number in range(2, 6):
        await desk.hear(group(number, notice(alert(f"m{number}"))), BOT)
    await desk.advance(10 * SECOND)
    story = [(one.content["incident"], one.content["reason"]) for one in desk.bot.made]
    assert [reason for _, reason in story] == [*["first"] * 5, "new_alerts"]
    assert story[-1][0] == 1


async def test_of_one_chat_and_rank_the_oldest_goes_first(desk: Desk) -> None:
    desk.bot.most = 1
    for number in range(6):
        await desk.hear(group(number, notice(alert(f"m{number}"))), BOT)
        desk.clock.now += 3
    await desk.advance(10 * SECOND)
    assert [one.content["incident"] for one in desk.bot.made] == [1, 2, 3, 4, 5, 6]


def overlapping(starts: list[int], most: int, window: int) -> bool:
    """Whether any window holds more starts than it may."""
    times = sorted(starts)
    return any(times[last] - times[last - most] < window for last in range(most, len(times)))


@pytest.mark.soak(30)
async def test_a_backlog_of_twenty_chats_uses_nine_tenths_and_critical_cards_are_quick(
    desk: Desk,
) -> None:
    """Six hundred a minute more than one app may send, and one in a hundred of them critical."""
    desk.chat.shared = (*APP, Limit("connections", 14, 0, "connections"))
    desk.chat.most, desk.chat.window = 5, SECOND
    heard: dict[int, int] = {}
    for number in range(1_600):
        severe = number % 100 == 50
        told = notice(WORST if severe else alert(f"m{number}"))
        applied = await desk.hear(group(number, told), f"ops:oc_{number % 20}")
        if severe:
            heard[applied.incident] = desk.clock.now
        if number % 2:
            await desk.advance(75)  # 26 a second
    await desk.advance(40 * SECOND)
    made = desk.chat.calls(Call.CREATE)
    starts = [one.began for one in made]
    began = starts[0]
    assert not overlapping(starts, 50, SECOND)
    assert not overlapping(starts, 1_000, MINUTE)
    for chat in range(20):
        to = [one.began for one in made if one.to == f"oc_{chat}"]
        assert not overlapping(to, 5, SECOND)
    assert sum(at - began < MINUTE for at in starts) >= 900
    shown = {one.content["incident"]: one.began for one in made}
    late = {one: shown[one] - at for one, at in heard.items()}
    assert len(late) == 16
    assert max(late.values()) <= 500


async def test_a_group_bot_s_backlog_lets_critical_cards_through_in_time(desk: Desk) -> None:
    desk.bot.__class__ = Real
    for number in range(300):
        await desk.hear(group(number, notice(alert(f"m{number}"))), BOT)
    await desk.advance(30 * SECOND)  # the minute's share of lesser cards is used up
    assert len(desk.bot.made) == 94
    for number in range(5):
        await desk.hear(group(1_000 + number, notice(WORST)), BOT)
    heard = desk.clock.now
    await desk.advance(3 * SECOND)
    assert [one.began - heard <= SECOND + 50 for one in desk.bot.made[94:]] == [True] * 5
    await desk.advance(3 * MINUTE)
    starts = [one.began for one in desk.bot.made]
    assert len(starts) == 305
    assert not overlapping(starts, 5, SECOND)
    assert not overlapping(starts, 100, MINUTE)


async def test_lesser_cards_keep_away_from_a_rush_and_critical_ones_do_not(desk: Desk) -> None:
    desk.channels[BOT] = crowded = Crowded(
        name=BOT, kind="feishu_bot", clock=lambda: desk.clock.now
    )
    desk.clock.now += MINUTE - desk.clock.now % MINUTE
    rush = desk.clock.now
    for number in range(4):
        await desk.hear(group(number, notice(alert(f"m{number}"))), BOT)
    await desk.hear(group(9, notice(WORST)), BOT)
    await desk.advance(30 * SECOND)
    waits = {one.content["incident"]: one.began - rush for one in crowded.made}
    assert waits[5] < 100
    assert [waits[number] // SECOND for number in (1, 2, 3, 4)] == [10] * 4
    await desk.hear(group(20, notice(alert("later"))), BOT)
    await desk.advance(SECOND)
    assert crowded.made[-1].content["incident"] == 6


class Counting:
    """A look for storms that is counted, and may fail or hang."""

    def __init__(self, fault: Exception | None = None) -> None:
        """Begin with none."""
        self.looks: list[int] = []
        self.open: list[bool] = []
        self.gate: asyncio.Event | None = None
        self.fault = fault

    async def look(self, now: int, circuits_open: Callable[[str], bool]) -> None:
        """Count a look."""
        self.looks.append(now)
        self.open.append(circuits_open(CHAT))
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize("fault", [None, ZeroDivisionError("ours")])
async def test_storms_are_looked_for_once_a_second_and_stop_no_delivery(
    desk: Desk, fault: Exception | None
) -> None:
    counting = Counting(fault)
    desk.dispatcher._storms = counting  # noqa: SLF001  (in the place of the real one)
    await desk.advance(5 * SECOND)
    assert 4 <= len(counting.looks) <= 7
    await desk.hear(notice(alert("n1")))
    await desk.advance(SECOND)
    assert len(desk.chat.made) == 1
    assert (b"ZeroDivisionError" in desk.log.getvalue()) == (fault is not None)
    assert not any(counting.open)


async def test_a_slow_look_for_storms_delays_no_card(desk: Desk) -> None:
    counting = Counting()
    counting.gate = asyncio.Event()
    desk.dispatcher._storms = counting  # noqa: SLF001  (in the place of the real one)
    while not counting.looks:
        desk.clock.ring()
        await asyncio.sleep(0)
    await desk.hear(group(1, notice(WORST)))
    async with asyncio.timeout(10):
        while not desk.chat.made:
            desk.clock.ring()
            await asyncio.sleep(0)
    assert len(counting.looks) == 1
    counting.gate.set()
    await desk.rest()


async def test_many_waiting_cards_do_not_make_looks_slow(desk: Desk) -> None:
    """What is read is a page of each lane, once, whatever waits behind it."""
    desk.chat.most = 1
    for number in range(400):
        await desk.hear(group(number, notice(alert(f"m{number}"))))
    reads = Counter[str]()
    due = desk.store.due

    async def counted(queue: Queue, now: int, rank: int, most: int) -> object:
        found = await due(queue, now, rank, most)
        reads["pages"] += 1
        reads["cards"] += len(found)
        return found

    desk.store.due = counted  # type: ignore[assignment,method-assign]
    await desk.advance(20 * SECOND)
    made = len(desk.chat.made)
    assert 18 <= made < 60
    assert reads["pages"] <= 8 * made
    assert desk.clock.now > NOW

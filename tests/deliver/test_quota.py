"""The month's calls of a free tenant: counted, saved for what is critical, and used up."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import Channel, Quota
from receiver.deliver.quota import (
    BEIJING,
    FRUGAL_FROM,
    Calling,
    Meter,
    Stance,
    Thrift,
    kin,
    made,
    month_ends,
    month_of,
    quotas,
    stance,
    thrift,
)
from receiver.deliver.worker import THRIFT_AGAIN
from receiver.domain.card import Call
from receiver.domain.outcome import Delivered, Rejected, RejectReason, Retry, RetryReason
from receiver.domain.reason import CardReason
from receiver.domain.step import (
    Create,
    Patch,
    Post,
    Reply,
)
from tests.deliver.chat import Bot, Chat
from tests.deliver.desk import BOT, CHAT, Desk
from tests.domain.made import MINUTE, SECOND, alert, notice
from tests.store.made import group

N1, N2 = alert("n1"), alert("n2")
WORST = alert("n3", severity="critical")
DAY = 24 * 60 * MINUTE
SPENT = Rejected(RejectReason.QUOTA, "code 99991403: the month's calls are used up")

moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_a_month_ends_at_midnight_in_beijing(at: datetime) -> None:
    now = int(at.timestamp() * 1000)
    ends = month_ends(now)
    first = datetime.fromtimestamp(ends / 1000, BEIJING)
    assert (first.day, first.hour, first.minute, first.second) == (1, 0, 0, 0)
    assert now < ends <= now + 31 * DAY
    assert month_of(ends - 1) == month_of(now) != month_of(ends)
    assert BEIJING.utcoffset(None) == timedelta(hours=8)


def test_the_last_evening_of_a_month_in_london_is_the_next_month_in_beijing() -> None:
    at = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    now = int(at.timestamp() * 1000)
    assert (month_of(now - 1), month_of(now)) == ("2026-12", "2027-01")
    assert month_ends(now - 1) == now


@given(st.integers(0, 30_000), st.integers(0, 20_000))
def test_how_a_month_may_go_on(calls: int, most: int) -> None:
    found = stance(calls, most)
    assert (found is Stance.SPENT) == (most > 0 and calls >= most)
    assert (found is Stance.FREE) == (most == 0 or calls / most < FRUGAL_FROM / 100)


steps: st.SearchStrategy[Calling] = st.builds(
    lambda kind, reason: kind(reason),
    st.sampled_from((Create, Patch, Reply, Post)),
    st.sampled_from(CardReason),
)


@given(
    stands=st.sampled_from(Stance),
    step=steps,
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    fallback=st.booleans(),
)
def test_what_becomes_of_a_call(
    stands: Stance, step: Calling, flags: tuple[bool, bool, bool], *, fallback: bool
) -> None:
    critical, repeated, calls = flags
    found = thrift(
        stands, step, critical=critical, repeated=repeated, calls=calls, fallback=fallback
    )
    assert (found is Thrift.PLENTY) == (stands is Stance.FREE)
    if found is Thrift.MOVED:
        assert fallback
        assert not critical
    if stands is not Stance.FREE and not repeated:
        if critical:
            kept = isinstance(step, Patch) and not calls
            assert found is (Thrift.KEPT if kept else Thrift.CRITICAL)
        else:
            assert found in (Thrift.MOVED, Thrift.KEPT)


def test_a_call_that_never_left_counts_for_nothing() -> None:
    assert made(Delivered())
    assert made(SPENT)
    assert made(Retry(RetryReason.TIMEOUT))
    assert not made(Retry(RetryReason.UNREACHABLE))
    assert not made(Retry(RetryReason.TOKEN))


def app(name: str, tenant: str = "default", most: int = 0) -> Channel:
    """Make an app of a tenant."""
    chat = Chat(name=name, kind="feishu_app", clock=lambda: 0, quota=Quota(tenant, most))
    return cast("Channel", chat)


def test_apps_of_a_tenant_share_its_quota_and_group_bots_have_none() -> None:
    bot = cast("Channel", Bot(name="bot", kind="feishu_bot", clock=lambda: 0))
    channels = {one.name: one for one in (app("a", most=900), app("b", most=700), app("c"), bot)}
    channels["d"] = app("d", "other")
    assert quotas(channels.values()) == {"default": 700, "other": 0}
    assert kin("b", channels) == ("b", "a", "c")
    assert (kin("bot", channels), kin("gone", channels)) == (("bot",), ("gone",))
    meter = Meter()
    meter.restore({f"month:default:{month_of(0)}": 488, "other": 3})
    assert meter.count(bot, 0) == ()
    assert meter.count(channels["c"], 0) == (f"month:default:{month_of(0)}",)
    assert meter.calls("default", 0) == 489
    assert meter.stance(channels["a"], channels.values(), 0) is Stance.FREE
    meter.count(channels["a"], 0)
    assert meter.stance(channels["c"], channels.values(), 0) is Stance.FRUGAL
    assert meter.stance(bot, channels.values(), 0) is Stance.FREE
    assert meter.stance(channels["a"], channels.values(), 40 * DAY) is Stance.FREE


async def use(desk: Desk, calls: int) -> None:
    """Make so many calls with critical cards."""
    for number in range(calls):
        await desk.hear(group(5_000 + number, notice(WORST)))
    await desk.advance(SECOND)


async def test_every_call_is_counted_and_kept_over_a_restart(desk: Desk) -> None:
    desk.chat.quota = Quota("default", 100)
    await desk.hear(notice(N1))
    await desk.rest()
    await desk.hear(notice(N1, N2))
    await desk.hear(group(2), BOT)
    await desk.advance(2 * SECOND)
    assert [one.call for one in desk.chat.made] == [Call.CREATE, Call.PATCH, Call.REPLY]
    key = f"month:default:{month_of(desk.clock.now)}"
    assert await desk.store.counted() == {key: 3}
    assert desk.value("delivery_quota_calls", tenant="default") == 3
    assert desk.value("delivery_quota_limit", tenant="default") == 100
    await desk.stop()
    await desk.start()
    await desk.advance(SECOND)
    assert desk.value("delivery_quota_calls", tenant="default") == 3


async def test_the_last_third_of_the_month_is_for_critical_cards(desk: Desk) -> None:
    desk.chat.quota = Quota("default", 20)
    await desk.hear(group(1, notice(N1)))
    await use(desk, 13)
    assert len(desk.chat.made) == 14  # seventy percent
    await desk.hear(group(1, notice(N1, N2)))  # an update
    await desk.hear(group(2, notice(N2)))  # never shown, and nowhere else to go
    await desk.hear(group(3, notice(alert("m3"))), fallback=BOT)
    await desk.hear(group(4, notice(WORST)))
    await desk.advance(MINUTE)
    assert [one.call for one in desk.chat.made[14:]] == [Call.CREATE]
    assert [one.content["incident"] for one in desk.bot.made] == [16]
    assert desk.value("delivery_moved_total", channel="ops") == 1
    assert [cause for _, _, cause in desk.notes] == [f"quota:default:{month_of(desk.clock.now)}"]
    assert await desk.store.dead_letters(9) == []
    # A critical incident that people must notice: one edit, and the reply that it is for.
    await desk.hear(group(4, notice(WORST, alert("n9", severity="critical"))))
    await desk.advance(MINUTE)
    assert [one.call for one in desk.chat.made[15:]] == [Call.PATCH, Call.REPLY]
    await desk.hear(group(4, notice(WORST, alert("n9", severity="critical", firing=False))))
    await desk.advance(MINUTE)
    assert len(desk.chat.made) == 17


async def test_what_waited_is_sent_when_the_month_is_over(desk: Desk) -> None:
    desk.chat.quota = Quota("default", 10)
    await use(desk, 7)
    await desk.hear(group(2, notice(N2)))
    await desk.advance(3 * MINUTE)
    assert len(desk.chat.made) == 7
    desk.clock.now = month_ends(desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(THRIFT_AGAIN + SECOND)
    assert len(desk.chat.made) == 8


@pytest.mark.parametrize("told", [True, False])
async def test_a_used_up_month_moves_everything_until_it_ends(desk: Desk, *, told: bool) -> None:
    if told:
        desk.chat.turns.append(SPENT)
        await desk.hear(group(0, notice(WORST)), fallback=BOT)
        await desk.rest()
    else:
        desk.chat.quota = Quota("default", 3)
        await use(desk, 3)
    asked = len(desk.chat.made)
    await desk.hear(group(1, notice(WORST)), fallback=BOT)
    await desk.hear(group(2, notice(N1)), CHAT)
    await desk.advance(HALF_AN_HOUR)
    assert len(desk.chat.made) == asked
    assert len(desk.bot.made) == 1 + told
    assert desk.value("delivery_circuits", channel="ops", reason="quota") == 1
    (dead,) = await desk.store.dead_letters(9)
    assert dead.problem.startswith("quota: ")
    assert "circuit:ops:quota" in [cause for _, _, cause in desk.notes]
    desk.clock.now = month_ends(desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * SECOND)
    assert desk.value("delivery_circuits", channel="ops", reason="quota") == 0
    assert await desk.store.dead_letters(9) == []
    assert len(desk.chat.made) == asked + 1


@pytest.mark.parametrize("ours", [True, False])
async def test_what_a_used_up_month_gave_up_is_sent_after_a_restart(
    desk: Desk, *, ours: bool
) -> None:
    if ours:
        desk.chat.quota = Quota("default", 3)
        await use(desk, 3)
    else:
        desk.chat.turns.append(SPENT)
        await desk.hear(group(0, notice(WORST)))
        await desk.rest()
    for number in range(1, 4):
        await desk.hear(group(number, notice(WORST)))
    await desk.advance(SECOND)
    assert len(await desk.store.dead_letters(9)) == (3 if ours else 4)
    asked = len(desk.chat.made)
    await desk.stop()
    await desk.start()
    await desk.advance(MINUTE)
    # Our own count says that none is left; the platform may have changed its mind.
    assert len(desk.chat.made) - asked == (0 if ours else 4)
    desk.clock.now = month_ends(desk.clock.now)
    desk.dispatcher.wake()
    await desk.advance(2 * SECOND)
    assert await desk.store.dead_letters(9) == []
    assert len(desk.chat.made) - asked == (3 if ours else 4)


HALF_AN_HOUR = 30 * MINUTE

"""The limits hold in every window, and refuse nobody without need."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.limits import Limits, Rule, Window

GAPS = st.lists(st.integers(0, 400), max_size=200)
RULES = st.builds(Rule, st.integers(1, 7), st.integers(1, 1_500))


def _arrivals(gaps: list[int]) -> list[int]:
    now, times = 0, []
    for gap in gaps:
        now += gap
        times.append(now)
    return times


def _within(times: list[int], end: int, span: int) -> int:
    return sum(end - span < at <= end for at in times)


@given(GAPS, st.lists(RULES, min_size=1, max_size=3), st.booleans())
def test_no_window_ever_holds_more_than_its_limit(
    gaps: list[int], rules: list[Rule], count_refused: bool
) -> None:
    limits = Limits()
    admitted = [
        at
        for at in _arrivals(gaps)
        if not limits.admit(("x",), rules, at, count_refused=count_refused)
    ]
    for rule in rules:
        assert all(_within(admitted, at, rule.span_ms) <= rule.limit for at in admitted)


@given(GAPS, RULES)
def test_a_call_is_refused_only_when_its_window_is_full(gaps: list[int], rule: Rule) -> None:
    limits = Limits()
    admitted: list[int] = []
    for at in _arrivals(gaps):
        wait = limits.admit(("x",), [rule], at)
        full = _within(admitted, at, rule.span_ms) >= rule.limit
        assert bool(wait) == full
        if not wait:
            admitted.append(at)


@given(GAPS, RULES)
def test_who_waits_as_told_is_admitted_and_not_a_millisecond_earlier(
    gaps: list[int], rule: Rule
) -> None:
    window = Window(rule)
    for at in _arrivals(gaps):
        wait = window.wait_ms(at)
        if wait:
            assert window.wait_ms(at + wait - 1) == 1
            assert window.wait_ms(at + wait) == 0
        else:
            window.record(at)


def test_scopes_do_not_share_a_window() -> None:
    limits = Limits()
    assert not limits.admit(("a",), [Rule(1, 1_000)], 0)
    assert not limits.admit(("b",), [Rule(1, 1_000)], 0)
    assert limits.admit(("a",), [Rule(1, 1_000)], 0) == 1_000


def test_refused_calls_keep_the_caller_out_when_they_count() -> None:
    limits = Limits()
    for at in (0, 900, 1_800):
        refused = bool(limits.admit(("a",), [Rule(1, 1_000)], at, count_refused=True))
        assert refused == (at > 0)


def test_pruning_forgets_no_window_that_matters() -> None:
    limits = Limits()
    for number in range(20_001):
        limits.admit((str(number),), [Rule(1, 1_000)], 0)
    limits.admit(("late",), [Rule(1, 1_000)], 999)
    assert limits.admit(("0",), [Rule(1, 1_000)], 999) == 1
    limits.admit(("later",), [Rule(1, 1_000)], 1_500)
    assert limits.admit(("late",), [Rule(1, 1_000)], 1_500) == 499


async def test_a_standing_clock_moves_only_by_hand() -> None:
    clock = VirtualClock(start=5)
    nap = asyncio.ensure_future(clock.elapse(1_000))
    await asyncio.sleep(0)
    clock.advance(999)
    await asyncio.sleep(0)
    assert not nap.done()
    clock.advance(1)
    await nap
    assert clock() == 1_005


async def test_work_that_outlasts_its_time_is_cancelled() -> None:
    clock = VirtualClock()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    race = asyncio.ensure_future(clock.within(work(), 10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(10)
    try:
        await race
    except TimeoutError:
        assert ended.is_set()
    else:
        raise AssertionError("the work outlasted its time")

"""The ledger keeps every call inside every limit, wherever in between the platform counts it."""

from dataclasses import dataclass, field
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import Limit
from receiver.deliver.budget import (
    BLOCK_FIRST,
    BLOCK_MOST,
    CRITICAL_SHARE,
    REGAIN_EVERY,
    UNANSWERED,
    Ledger,
    keys_of,
    lesser_room,
    windows_of,
)
from tests.domain.made import MINUTE, NOW, SECOND

FOREVER = 1 << 62


@dataclass(slots=True)
class Traffic:
    """Calls made whenever the ledger admits them, each taking some time."""

    limits: tuple[Limit, ...]
    now: int = NOW
    ledger: Ledger = field(default_factory=Ledger)
    open: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)  # from start to answer

    def call(self, *, critical: bool) -> bool:
        """Make a call if it is admitted."""
        wait, name = self.ledger.wait(self.limits, critical=critical, now=self.now)
        assert (wait > 0) == bool(name)
        if wait:
            return False
        self.ledger.start(self.limits)
        self.open.append(self.now)
        return True

    def answer(self, number: int) -> None:
        """Have one of the open calls answered."""
        if self.open:
            began = self.open.pop(number % len(self.open))
            self.ledger.finish(self.limits, self.now)
            self.spans.append((began, self.now))

    def restart(self) -> None:
        """Begin anew with what a store remembers: answers, and calls that were cut off."""
        self.ledger = Ledger()
        self.spans += [(began, self.now) for began in self.open]
        self.open = []
        for _, ended in self.spans:
            for limit in self.limits:
                self.ledger.remember(limit.key, ended)

    def open_in(self, limit: Limit) -> int:
        """Return how many calls of a limit are under way."""
        return len(self.open) if limit in self.limits else 0

    def most_in_a_window(self, window: int) -> int:
        """Return how many calls a platform can have counted in one window, at the worst."""
        spans = [*self.spans, *((began, FOREVER) for began in self.open)]
        return max(
            (
                sum(began <= end and ended > end - window for began, ended in spans)
                for end, _ in spans
            ),
            default=0,
        )


limits = st.lists(
    st.builds(
        lambda number, most, window: Limit(f"k{number}", most, window, f"n{number}"),
        st.integers(0, 99),
        st.integers(1, 8),
        st.sampled_from((100, 1000, 5000)),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda limit: limit.key,
).map(tuple)
events = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.booleans()),
        st.tuples(st.just("answer"), st.integers(0, 9)),
        st.tuples(st.just("pass"), st.sampled_from((1, 10, 99, 100, 500, 1000, 5000))),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("forget"), st.just(0)),
    ),
    max_size=80,
)


def play(traffic: Traffic, told: list[tuple[str, int]], *, only: bool | None = None) -> None:
    """Play events."""
    for event, value in told:
        match event:
            case "call":
                traffic.call(critical=bool(value) if only is None else only)
            case "answer":
                traffic.answer(value)
            case "pass":
                traffic.now += value
            case "forget":
                traffic.ledger.forget(traffic.now - 5000)
            case _:
                traffic.restart()


@given(limits, events)
def test_no_window_ever_holds_more_than_its_limit(
    chosen: tuple[Limit, ...], told: list[tuple[str, int]]
) -> None:
    traffic = Traffic(chosen)
    play(traffic, told)
    for limit in chosen:
        assert traffic.most_in_a_window(limit.window) <= limit.most


@given(limits, events)
def test_what_is_not_critical_leaves_a_share_free_or_gives_it_back_at_once(
    chosen: tuple[Limit, ...], told: list[tuple[str, int]]
) -> None:
    traffic = Traffic(chosen)
    play(traffic, told, only=False)
    for limit in chosen:
        assert traffic.open_in(limit) <= lesser_room(limit.most)
    while traffic.open:
        traffic.answer(0)
    if all(limit.most > 1 for limit in chosen):
        wait, _ = traffic.ledger.wait(chosen, critical=True, now=traffic.now)
        assert wait <= max(limit.window // limit.most for limit in chosen)


@given(chosen=limits, told=events, critical=st.booleans())
def test_who_waits_as_long_as_told_is_admitted_in_the_end(
    chosen: tuple[Limit, ...], told: list[tuple[str, int]], *, critical: bool
) -> None:
    traffic = Traffic(chosen)
    play(traffic, told)
    while traffic.open:
        traffic.answer(0)
    for _ in range(60):
        wait, _ = traffic.ledger.wait(chosen, critical=critical, now=traffic.now)
        if not wait:
            return
        assert wait <= max(limit.window for limit in chosen)
        traffic.now += wait
    raise AssertionError("never admitted")


def test_a_call_that_was_never_made_leaves_no_trace() -> None:
    limit = Limit("k", 1, 1000, "n")
    ledger = Ledger()
    ledger.start([limit])
    assert ledger.wait([limit], critical=True, now=NOW)[0] > 0
    ledger.cancel([limit])
    assert ledger.wait([limit], critical=True, now=NOW) == (0, "")


def test_the_longest_wait_names_its_limit() -> None:
    short, long = Limit("a", 1, 100, "short"), Limit("b", 1, 900, "long")
    ledger = Ledger()
    for limit in (short, long):
        ledger.remember(limit.key, NOW)
    assert ledger.wait([short, long], critical=True, now=NOW + 50) == (850, "long")
    assert ledger.wait([short, long], critical=True, now=NOW + 899) == (1, "long")
    assert ledger.wait([short, long], critical=True, now=NOW + 900) == (0, "")


APP = (
    Limit("app", 50, SECOND, "app_second"),
    Limit("app", 1_000, MINUTE, "app_minute"),
    Limit("connections", 14, 0, "connections"),
)
CHAT = Limit("chat", 5, SECOND, "chat")
HOOK = (Limit("bot", 5, SECOND, "bot_second"), Limit("bot", 100, MINUTE, "bot_minute"))


def starts(limits: tuple[Limit, ...], span: int, *, critical: bool) -> list[int]:
    """Return when calls that are answered at once start, each as soon as it is admitted."""
    ledger, now = Ledger(), NOW
    made: list[int] = []
    while True:
        wait, _ = ledger.wait(limits, critical=critical, now=now)
        now += wait
        if now >= NOW + span:
            return made
        ledger.start(limits)
        ledger.finish(limits, now)
        made.append(now - NOW)


def test_limits_of_one_key_count_a_call_once_and_are_reached_in_full() -> None:
    made = starts(APP, 2 * MINUTE, critical=True)
    assert [made.count(second * SECOND) for second in range(20)] == [50] * 20
    assert sum(at < MINUTE for at in made) == 1_000
    assert len(made) == 2_000
    made = starts(HOOK, MINUTE, critical=True)
    assert (len(made), made.count(0), max(made)) == (100, 5, 19 * SECOND)


def test_the_critical_share_is_a_sixteenth_of_each_window_and_at_least_one_call() -> None:
    assert CRITICAL_SHARE == 16
    rooms = {most: most - lesser_room(most) for most in (1_000, 100, 50, 5, 2)}
    assert rooms == {1_000: 62, 100: 6, 50: 3, 5: 1, 2: 1}
    assert lesser_room(1) == 1  # there is nothing to share


def test_nine_tenths_of_an_app_s_minute_are_used_by_a_backlog_of_lesser_cards() -> None:
    made = starts(APP, 5 * MINUTE, critical=False)
    assert len(made) >= 0.9 * 5 * 1_000
    for end in made:
        assert sum(end - MINUTE < at <= end for at in made) <= 1_000


def test_a_whole_second_is_used_by_lesser_cards_though_one_call_is_kept() -> None:
    for limit, rate in ((CHAT, 5), (Limit("app", 50, SECOND, "app_second"), 50)):
        made = starts((limit,), 30 * SECOND, critical=False)
        assert len(made) >= 0.96 * 30 * rate
    made = starts(HOOK, 3 * MINUTE, critical=False)
    assert 3 * 94 <= len(made) <= 300


@pytest.mark.parametrize(("limit", "most"), [(CHAT, 200), (APP[1], 60), (HOOK[1], 600)])
def test_a_backlog_keeps_a_critical_card_waiting_for_the_time_of_one_call(
    limit: Limit, most: int
) -> None:
    ledger, now, worst = Ledger(), NOW, 0
    while now < NOW + 2 * MINUTE:
        worst = max(worst, ledger.wait((limit,), critical=True, now=now)[0])
        while not ledger.wait((limit,), critical=False, now=now)[0]:
            ledger.start((limit,))
            ledger.finish((limit,), now)
        worst = max(worst, ledger.wait((limit,), critical=True, now=now)[0])
        now += 7
    assert worst <= most


def shut_for(ledger: Ledger, limit: Limit, now: int = NOW) -> int:
    """Return for how long a limit alone is shut."""
    return ledger.wait((limit,), critical=True, now=now)[0]


def test_a_refusal_without_a_time_shuts_the_chat_and_one_with_a_time_the_app() -> None:
    ledger = Ledger()
    ledger.refused((*APP, CHAT), 0, NOW)
    assert [shut_for(ledger, limit) for limit in (*APP, CHAT)] == [0, 0, 0, BLOCK_FIRST]
    ledger = Ledger()
    ledger.refused((*APP, CHAT), 7_000, NOW)
    assert [shut_for(ledger, limit) for limit in (*APP, CHAT)] == [7_000, 7_000, 0, 0]
    assert shut_for(ledger, APP[0], NOW + 6_999) == 1
    assert shut_for(ledger, APP[0], NOW + 7_000) == 0


@pytest.mark.parametrize("after", [0, 3_000])
def test_a_bot_that_is_refused_is_shut_whoever_refuses(after: int) -> None:
    ledger = Ledger()
    ledger.refused(HOOK, after, NOW)
    assert [shut_for(ledger, limit) for limit in HOOK] == [after or BLOCK_FIRST] * 2


def test_each_refusal_in_a_row_shuts_twice_as_long_up_to_half_a_minute() -> None:
    for limits in ((CHAT,), HOOK):
        ledger, now, pauses = Ledger(), NOW, []
        for _ in range(12):
            ledger.refused(limits, 0, now)
            pauses.append(shut_for(ledger, limits[0], now))
            now += pauses[-1]
        assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, *[BLOCK_MOST] * 7]
        ledger.accepted(limits)
        ledger.refused(limits, 0, now)
        assert shut_for(ledger, limits[0], now) == BLOCK_FIRST


def test_what_was_under_way_together_is_refused_once() -> None:
    ledger = Ledger()
    for late in range(4):
        ledger.refused((CHAT,), 0, NOW + late)
    assert shut_for(ledger, CHAT, NOW + 3) == BLOCK_FIRST
    ledger.refused((CHAT,), 0, NOW + 2_000)
    assert shut_for(ledger, CHAT, NOW + 2_000) == 2 * BLOCK_FIRST


def test_a_success_that_began_before_the_refusal_opens_nothing() -> None:
    ledger = Ledger()
    ledger.refused((CHAT,), 0, NOW)
    ledger.accepted((CHAT,))
    assert shut_for(ledger, CHAT, NOW + 1) == BLOCK_FIRST - 1


def test_a_refusal_is_forgotten_with_its_time() -> None:
    ledger = Ledger()
    for now in (NOW, NOW + 1_000):
        ledger.refused((CHAT,), 0, now)
    ledger.forget(NOW + 2_999)
    ledger.refused((CHAT,), 0, NOW + 3_000)
    assert shut_for(ledger, CHAT, NOW + 3_000) == 4_000
    ledger.forget(NOW + 7_000)
    ledger.refused((CHAT,), 0, NOW + 7_000)
    assert shut_for(ledger, CHAT, NOW + 7_000) == BLOCK_FIRST


def test_a_limit_without_a_window_counts_what_is_under_way_alone() -> None:
    connections = Limit("connections", 14, 0, "connections")
    ledger = Ledger()
    for _ in range(14):
        assert ledger.wait((connections,), critical=True, now=NOW) == (0, "")
        ledger.start((connections,))
    assert ledger.wait((connections,), critical=True, now=NOW) == (50, "connections")
    ledger.finish((connections,), NOW)
    assert ledger.wait((connections,), critical=True, now=NOW) == (0, "")
    ledger.refused((connections,), 0, NOW)
    ledger.refused((connections,), 9_000, NOW)
    assert ledger.wait((connections,), critical=True, now=NOW) == (0, "")
    assert windows_of((connections, CHAT)) == ("chat",)
    assert keys_of((*APP, connections, CHAT)) == ("app", "connections", "chat")


LEARNED = Limit("chat", 5, SECOND, "chat")


def room_of(ledger: Ledger, limit: Limit, now: int) -> int:
    """Return how many critical calls are admitted at once, and forget them again."""
    made = 0
    while not ledger.wait((limit,), critical=True, now=now)[0]:
        ledger.start((limit,))
        made += 1
    for _ in range(made):
        ledger.cancel((limit,))
    return made


def test_a_refusal_halves_what_is_asked_of_the_chat_and_patience_gives_it_back() -> None:
    ledger, now = Ledger(), NOW
    for left in (2, 1, 1):
        ledger.refused((*APP, LEARNED), 0, now)
        now += shut_for(ledger, LEARNED, now)
        assert room_of(ledger, LEARNED, now) == left
    refused_at = NOW + 3 * SECOND  # the third refusal
    for regained in range(1, 5):
        at = refused_at + regained * REGAIN_EVERY
        assert room_of(ledger, LEARNED, at - 1) == regained
        assert room_of(ledger, LEARNED, at) == regained + 1
    assert room_of(ledger, LEARNED, refused_at + 9 * REGAIN_EVERY) == 5
    assert room_of(ledger, APP[0], now) == 50


def test_a_refused_bot_is_asked_for_half_a_second_s_worth_and_its_minute_stays() -> None:
    ledger = Ledger()
    ledger.refused(HOOK, 0, NOW)
    now = NOW + BLOCK_FIRST
    assert [room_of(ledger, limit, now) for limit in HOOK] == [2, 100]


def test_an_app_that_is_refused_by_the_gateway_keeps_its_own_windows() -> None:
    ledger = Ledger()
    ledger.refused((*APP, CHAT), 2_000, NOW)
    assert [room_of(ledger, limit, NOW + 2_000) for limit in (*APP[:2], CHAT)] == [50, 1_000, 5]


def test_what_was_under_way_together_halves_once() -> None:
    ledger = Ledger()
    for late in range(4):
        ledger.refused((LEARNED,), 0, NOW + late)
    assert room_of(ledger, LEARNED, NOW + BLOCK_FIRST + 3) == 2
    ledger.forget(NOW + 9 * REGAIN_EVERY)
    assert room_of(ledger, LEARNED, NOW + BLOCK_FIRST + 3) == 5  # forgotten with its time


def test_a_success_says_whether_there_had_been_refusals() -> None:
    ledger = Ledger()
    assert not ledger.accepted((CHAT,))
    ledger.refused((CHAT,), 0, NOW)
    assert ledger.accepted((*APP, CHAT))
    assert not ledger.accepted((*APP, CHAT))


def test_a_clock_that_is_set_back_holds_nothing_up_for_long() -> None:
    ledger = Ledger()
    for _ in range(5):
        ledger.start((CHAT,))
        ledger.finish((CHAT,), NOW)
    ledger.refused((APP[0],), 7_000, NOW)
    earlier = NOW - 60 * MINUTE
    assert shut_for(ledger, CHAT, earlier) == SECOND
    assert shut_for(ledger, CHAT, earlier + SECOND) == 0
    assert shut_for(ledger, APP[0], earlier) == 7_000
    ledger.remember("chat", earlier)
    ledger.remember("chat", earlier - 1)
    assert shut_for(ledger, CHAT, earlier + SECOND) == 0


waits = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.just(0)), st.tuples(st.just("pass"), st.integers(1, 400))
    ),
    max_size=60,
)


@given(waits, st.integers(1, 40))
def test_a_drain_is_never_estimated_too_short(told: list[tuple[str, int]], calls: int) -> None:
    traffic = Traffic(HOOK)
    for event, value in told:
        if event == "call" and traffic.call(critical=True):
            traffic.answer(0)
        traffic.now += value
    begun, left = traffic.now, calls
    estimate = traffic.ledger.drain(HOOK, {"bot": calls}, begun)
    while left:
        wait, _ = traffic.ledger.wait(HOOK, critical=False, now=traffic.now)
        traffic.now += wait
        if not wait:
            traffic.ledger.start(HOOK)
            traffic.ledger.finish(HOOK, traffic.now)
            left -= 1
    assert traffic.now - begun <= estimate


def test_a_drain_is_about_right_for_long_backlogs() -> None:
    ledger = Ledger()
    assert ledger.drain(HOOK, {"bot": 4}, NOW) == 0
    assert ledger.drain(HOOK, {"bot": 5}, NOW) == SECOND + UNANSWERED
    assert ledger.drain(HOOK, {}, NOW) == 0
    long = ledger.drain(HOOK, {"bot": 300}, NOW)
    assert 3 * MINUTE <= long <= 3.5 * MINUTE
    minute = ledger.drain((*APP, CHAT), {"app": 5_000, "chat": 250}, NOW)
    assert 5 * MINUTE <= minute <= 6 * MINUTE
    ledger.refused((CHAT,), 0, NOW)
    assert ledger.drain((CHAT,), {"chat": 1}, NOW) == BLOCK_FIRST
    assert ledger.drain((CHAT,), {"chat": 40}, NOW) >= 39 * SECOND  # one a second is left


def test_a_look_at_full_windows_costs_little() -> None:
    ledger = Ledger()
    for number in range(1_000):
        ledger.remember("app", NOW - MINUTE + number * 60)
    begun = perf_counter()
    for _ in range(20_000):
        ledger.wait((*APP, CHAT), critical=False, now=NOW)
    assert (perf_counter() - begun) / 20_000 < 100e-6

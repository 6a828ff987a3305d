"""The ledger keeps every call inside every limit, wherever in between the platform counts it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import Limit
from receiver.deliver.budget import (
    BLOCK_FIRST,
    BLOCK_MOST,
    CRITICAL_SHARE,
    Ledger,
    keys_of,
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
def test_what_is_not_critical_leaves_a_share_free(
    chosen: tuple[Limit, ...], told: list[tuple[str, int]]
) -> None:
    traffic = Traffic(chosen)
    play(traffic, told, only=False)
    for limit in chosen:
        share = max(1, limit.most // CRITICAL_SHARE)
        assert traffic.most_in_a_window(limit.window) <= max(limit.most - share, 1)
    if all(limit.most > 1 for limit in chosen):
        assert traffic.call(critical=True)


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


def test_a_share_of_each_whole_limit_is_left_to_what_is_critical() -> None:
    made = starts(APP, MINUTE, critical=False)
    assert (len(made), made.count(0)) == (800, 40)
    made = starts(HOOK, MINUTE, critical=False)
    assert (len(made), made.count(0)) == (80, 4)


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

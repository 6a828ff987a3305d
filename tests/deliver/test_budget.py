"""The ledger keeps every call inside every limit, wherever in between the platform counts it."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import Limit
from receiver.deliver.budget import CRITICAL_SHARE, Ledger
from tests.domain.made import NOW

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

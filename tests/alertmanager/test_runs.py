"""Since when a peer runs never grows older by what it says, whatever answers at its address."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.alertmanager.runs import KEPT_MOST, Runs

LOOK = st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(1, 50), st.booleans())


@given(st.lists(LOOK, max_size=30))
def test_what_begins_while_we_watch_counts_from_when_it_is_seen(
    looks: list[tuple[int, int, int, bool]],
) -> None:
    runs, now, seen = Runs(), 100, dict[int, int]()
    for said, alerts, gap, missed in looks:
        now += gap
        if missed:
            runs.unheard()
        since = runs.since(said, alerts, now)
        if said:
            expected = seen.setdefault(said, now if seen else said)
            assert since == expected
        else:
            assert since <= now
            assert not missed or since == now


def test_what_is_remembered_is_bounded() -> None:
    runs = Runs()
    for said in range(1, KEPT_MOST + 2):
        runs.since(said, 0, 1_000)
    assert runs.since(2, 0, 2_000) == 1_000
    assert runs.since(1, 0, 2_000) == 2_000

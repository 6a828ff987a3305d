"""How bad an alert is, by the configured label and order."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.severity import CRITICAL, SeverityScale

orders = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True)


@given(orders)
def test_each_value_has_its_own_rank_and_back(order: list[str]) -> None:
    scale = SeverityScale("level", tuple(order))
    for rank, value in enumerate(order):
        assert scale.rank({"level": value}) == rank
        assert scale.name(rank) == value


@given(orders, st.text(max_size=8))
def test_what_cannot_be_read_is_not_the_mildest(order: list[str], value: str) -> None:
    scale = SeverityScale("level", tuple(order))
    rank = scale.rank({"level": value})
    assert 0 <= rank < len(order)
    if value not in order and len(order) > 1:
        assert rank < len(order) - 1


@given(st.integers())
def test_any_rank_has_a_name(rank: int) -> None:
    assert SeverityScale().name(rank) in SeverityScale().order


def test_the_worst_is_critical() -> None:
    assert SeverityScale().rank({"severity": "critical"}) == CRITICAL
    assert SeverityScale().rank({}) == SeverityScale().rank({"severity": "warning"})

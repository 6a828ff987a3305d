"""The ideal of a storm is exact: known cases, and no window ever holds more than its limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.ideal import Rule, ideal

BOT = (Rule(5, 1_000), Rule(100, 60_000))
APP = (Rule(50, 1_000), Rule(1_000, 60_000))
CHAT = (Rule(5, 1_000),)


def lesser(*rules: Rule) -> tuple[Rule, ...]:
    return tuple(rule.lesser() for rule in rules)


@pytest.mark.parametrize(
    ("shared", "each", "calls", "seconds"),
    [
        (BOT, (), [1], 0),
        (BOT, (), [5], 0),
        (BOT, (), [6], 1),
        (BOT, (), [100], 19),
        (BOT, (), [101], 60),
        (BOT, (), [300], 139),
        (lesser(*BOT), (), [300], 184),  # 94 in each of three minutes, four a second, then 18
        (APP, CHAT, [100] * 20, 79),
        (APP, CHAT, [200], 39),
        (lesser(*APP), lesser(*CHAT), [200], 49),
        (APP, CHAT, [30, 5], 5),  # the longer chat goes first
    ],
)
def test_known_cases(
    shared: tuple[Rule, ...], each: tuple[Rule, ...], calls: list[int], seconds: int
) -> None:
    assert ideal(shared, each, calls) == seconds * 1_000


def test_a_share_is_at_least_one_call_and_leaves_at_least_one() -> None:
    assert [Rule(most, 1).lesser().most for most in (1, 5, 16, 100, 1_000)] == [1, 4, 15, 94, 938]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(1, 9), st.integers(1, 9))
def test_it_is_bounded_by_each_rule_alone(calls: list[int], most: int, each: int) -> None:
    together = ideal([Rule(most, 1_000)], [], [sum(calls)])
    longest = ideal([], [Rule(each, 1_000)], [max(calls)])
    both = ideal([Rule(most, 1_000)], [Rule(each, 1_000)], calls)
    assert max(together, longest) <= both <= together + longest

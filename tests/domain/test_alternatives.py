"""An expression is taken apart only where the parts mean exactly the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.alternatives import SETS_MOST, spread, values_of
from receiver.domain.matcher import BadMatcher, Operator, equal, matcher, parse_matcher

_VALUES = st.text("abc|.\\-_ /:中é", min_size=1, max_size=4)
_MATCHING = Operator.MATCHES


def written(value: str) -> str:
    """Write a value as an expression that only names it."""
    return "".join(f"\\{sign}" if sign in "|.\\" else sign for sign in value)


@given(st.lists(_VALUES, min_size=1, max_size=4), _VALUES)
def test_alternatives_of_literals_are_the_values_and_no_others(
    values: list[str], other: str
) -> None:
    expression = "|".join(map(written, values))
    found = values_of(matcher("host", _MATCHING, expression))
    assert found == tuple(dict.fromkeys(values))
    for value in (*values, other, ""):
        assert (re.fullmatch(expression, value) is not None) is (value in found)


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")  # what another engine reads otherwise
@given(st.text("ab|.*+?()[]{}^$\\dwnx01_-\n é", max_size=8), st.text("ab|.*dwn01_\n é", max_size=4))
def test_any_expression_is_read_as_what_it_accepts_or_not_at_all(
    expression: str, value: str
) -> None:
    try:
        given_ = matcher("host", _MATCHING, expression)
    except BadMatcher:
        return
    found = values_of(given_)
    if found is not None:
        assert given_.matches({"host": value}) is (value in found)
        assert all(given_.matches({"host": each}) for each in found)
        assert not given_.matches({})


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.lists(_VALUES, min_size=1, max_size=3)),
        min_size=1,
        max_size=2,
    ),
    st.dictionaries(st.sampled_from(["a", "b"]), _VALUES),
)
def test_the_sets_together_accept_what_the_matchers_accept(
    named: list[tuple[str, list[str]]], labels: dict[str, str]
) -> None:
    given_ = [matcher(name, _MATCHING, "|".join(map(written, values))) for name, values in named]
    sets = spread(given_)
    assert sets is not None
    accepted = any(all(labels.get(name) == value for name, value in one) for one in sets)
    assert accepted is all(one.matches(labels) for one in given_)
    assert all(value for one in sets for _, value in one)


@pytest.mark.parametrize(
    "text", ["a!=b", "a!~b", "a=~.*", "a=~b.", 'a=~"b|"', 'a=""', 'a=~""', "a=~(b)", 'a=~"\\\\d"']
)
def test_what_could_mean_more_is_refused(text: str) -> None:
    assert spread([equal("x", "y"), parse_matcher(text)]) is None


def test_many_are_cut_one_after_the_most() -> None:
    many = matcher("a", _MATCHING, "|".join(str(number) for number in range(99)))
    sets = spread([many, many])
    assert sets is not None
    assert len(sets) == SETS_MOST + 1

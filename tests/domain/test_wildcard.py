"""What people may write as an expression: it means the same as to anybody, and takes no time."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.command import Command, Mistake, Problem, parse
from receiver.domain.matcher import BadMatcher
from receiver.domain.wildcard import wildcard

PIECES = st.sampled_from(["a", "b", "ab", ".", ".*", ".+", "|", r"\.", r"\|", "-", "é", " "])
TEXTS = st.text("ab.|-é \n", max_size=12)


@given(st.lists(PIECES, max_size=8).map("".join), TEXTS)
def test_it_accepts_what_the_expression_accepts(text: str, value: str) -> None:
    plain = re.compile(text, re.DOTALL)
    assert bool(wildcard(text).fullmatch(value)) is bool(plain.fullmatch(value))


@given(st.text(max_size=20))
def test_any_other_expression_is_refused(text: str) -> None:
    try:
        wildcard(text)
    except BadMatcher:
        assert re.search(r"[\\*+?()\[\]{}^$]", text)


@pytest.mark.parametrize(
    "text", ["(a)", "a*", ".**", "a{9}", "[a]", r"\d", "a?", ".*?", "^a", "a\\"]
)
def test_what_could_take_long_is_no_wildcard(text: str) -> None:
    with pytest.raises(BadMatcher):
        wildcard(text)


def test_a_command_cannot_hold_us_up() -> None:
    """``(.?.?)+x`` takes minutes on 20 characters, during which nothing else is done."""
    hostile = parse('alerts instance=~"(.?.?)+x"')
    assert isinstance(hostile, Mistake)
    assert hostile.problem is Problem.MATCHER
    read = parse(f'alerts instance=~"{".*a.+" * 200}x"')
    assert isinstance(read, Command)
    began = time.process_time()
    assert not read.matchers[0].matches({"instance": "a" * 5_000})
    assert time.process_time() - began < 5

"""Matchers are read, written and applied as Alertmanager does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.matcher import (
    BadMatcher,
    Matcher,
    Operator,
    equal,
    group_key_matchers,
    matcher,
    parse_matcher,
    quote,
    unquote,
)

names = st.text(min_size=1, max_size=12)
values = st.text(max_size=12)


@given(values)
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    quoted = quote(text)
    assert quoted[0] == quoted[-1] == '"'
    assert "\n" not in quoted
    assert unquote(quoted[1:-1]) == text


@given(names, st.sampled_from((Operator.EQUAL, Operator.NOT_EQUAL)), values)
def test_a_matcher_that_is_written_can_be_read(name: str, operator: Operator, value: str) -> None:
    made = matcher(name, operator, value)
    assert parse_matcher(str(made)) == made


@given(names, st.sampled_from((Operator.MATCHES, Operator.NOT_MATCHES)), values)
def test_so_can_one_with_an_expression(name: str, operator: Operator, value: str) -> None:
    made = matcher(name, operator, re.escape(value))
    read = parse_matcher(str(made))
    assert read == made
    assert read.matches({name: value}) is (operator is Operator.MATCHES)


@given(st.text(max_size=30))
def test_any_text_is_a_matcher_or_is_refused_by_name(text: str) -> None:
    try:
        read = parse_matcher(text)
    except BadMatcher as wrong:
        problem = str(wrong)
    else:
        problem = ""
        assert parse_matcher(str(read)) == read
    assert problem == "" or "no " in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="critical"', equal("severity", "critical")),
        ("severity=critical", equal("severity", "critical")),
        (' severity != "info" ', matcher("severity", Operator.NOT_EQUAL, "info")),
        ('severity=~"critical|error"', matcher("severity", Operator.MATCHES, "critical|error")),
        ('a!~"x.*"', matcher("a", Operator.NOT_MATCHES, "x.*")),
        ('"a b"="c"', equal("a b", "c")),
        ('服务="支付"', equal("服务", "支付")),
        (r'a="say \"hi\"\n"', equal("a", 'say "hi"\n')),
        ('a=""', equal("a", "")),
    ],
)
def test_the_forms(text: str, expected: Matcher) -> None:
    assert parse_matcher(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "=b", 'a="b', 'a=="b"x', "a=~(", 'a="b",c="d"', '""="x"']
)
def test_what_is_no_matcher(text: str) -> None:
    with pytest.raises(BadMatcher):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("text", "value", "passes"),
    [
        ('a="b"', "b", True),
        ('a="b"', "bb", False),
        ('a!="b"', "b", False),
        ('a!="b"', None, True),
        ('a=""', None, True),
        ('a=~"b.*"', "bcd", True),
        ('a=~"b"', "ab", False),
        ('a=~"b"', "bc", False),
        ('a!~"b.*"', "bcd", False),
        ('a!~"b.*"', None, True),
    ],
)
def test_expressions_are_anchored_and_an_absent_label_is_empty(
    text: str, value: str | None, *, passes: bool
) -> None:
    labels = {} if value is None else {"a": value}
    assert parse_matcher(text).matches(labels) is passes


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ('{}/{case="group"}:{alertname="HighCPU", cluster="c1"}', [("case", "group")]),
        ('{}:{alertname="Traced"}', []),
        ('{}/{a="1",b="2"}/{c="3"}:{}', [("a", "1"), ("b", "2"), ("c", "3")]),
        ('{}/{a=~"1|2",b!="3",c!~"4"}:{}', []),
        (r'{}/{a="say \"hi\""}:{}', [("a", 'say "hi"')]),
        ('{}/{服务="支付"}:{}', [("服务", "支付")]),
        ("nonsense", []),
        ("", []),
    ],
)
def test_the_equality_matchers_of_a_group_key(key: str, expected: list[tuple[str, str]]) -> None:
    found = group_key_matchers(key)
    assert [(one.name, one.value) for one in found] == expected
    assert all(one.operator is Operator.EQUAL for one in found)


@given(st.text(max_size=60))
def test_any_group_key_can_be_asked(key: str) -> None:
    assert all(one.operator is Operator.EQUAL for one in group_key_matchers(key))

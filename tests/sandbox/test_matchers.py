"""Matchers and fingerprints, read and written as Alertmanager does."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.sandbox.matchers import BadMatcher, fingerprint, matcher, parse


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"job": "foo", "severity": "warning"}, "9266ef3da838ad95"),
        ({"alertname": "alert1", "lbl1": "val1"}, "fac0861a85de433a"),
    ],
)
def test_fingerprints_match_the_published_ones(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["=", "!="]))
def test_any_quoted_value_is_read_back(value: str, op: str) -> None:
    read = parse(f'name{op}"{quoted(value)}"')
    assert (read.value, read.is_equal) == (value, op == "=")
    assert read.matches({"name": value}) is (op == "=")


@given(st.text())
def test_any_text_is_a_matcher_or_refused(text: str) -> None:
    with suppress(BadMatcher):
        assert parse(text).name


def test_a_regex_matches_the_whole_value_or_nothing() -> None:
    half = matcher("a", "b|c", is_regex=True, is_equal=True)
    assert half.matches({"a": "c"})
    assert not half.matches({"a": "bc"})
    assert matcher("a", "b|c", is_regex=True, is_equal=False).matches({})

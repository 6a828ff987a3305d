"""Text from outside is clean and short, and no drawn character is cut in two."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.text import bare, clean, cut, line, lines, plain, span

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇨🇳"
WAVE = "👋🏽"


def test_what_shows_nothing_or_turns_text_around_is_removed() -> None:
    assert clean("a\u202eb\u2066c\u200bd\x00e\x1bf\ufeffg\u00adh") == "abcdefgh"


def test_a_lone_surrogate_becomes_a_sign_that_utf8_can_carry() -> None:
    assert clean("a\ud800b") == "a\ufffdb"


def test_every_line_break_is_a_newline() -> None:
    assert clean("a\r\nb\rc\u2028d") == "a\nb\nc\nd"


def test_emoji_keep_their_joiners() -> None:
    assert clean(FAMILY) == FAMILY


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 4, "lon…"),
        (f"ab{FAMILY}cd", 5, "ab…"),
        (f"ab{FLAG}cd", 4, "ab…"),
        (f"ab{WAVE}cd", 4, "ab…"),
        ("abe\u0301cd", 4, "ab…"),
        ("ab   cd", 5, "ab…"),
    ],
)
def test_a_cut_keeps_drawn_characters_whole(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(st.text(), st.integers(1, 50))
def test_a_cut_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    shown = cut(text, limit)
    assert len(shown) <= limit
    assert text.startswith(shown.removesuffix("…"))


@given(st.text(), st.integers(1, 50))
def test_a_line_is_one_clean_line(text: str, limit: int) -> None:
    shown = line(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in shown)
    assert unicodedata.bidirectional("\u202e") not in map(unicodedata.bidirectional, shown)


def test_a_huge_text_is_looked_at_only_where_it_is_shown() -> None:
    assert line("x" * 10_000_000, 10) == "x" * 9 + "…"
    assert line(" " * 100 + "x" * 1_000, 3) == "xx…"


@given(st.text(), st.integers(1, 60), st.integers(1, 5))
def test_lines_are_bounded_both_ways(text: str, limit: int, most: int) -> None:
    shown = lines(text, limit, most)
    assert len(shown) <= limit
    assert shown.count("\n") < most


def test_lines_say_that_there_is_more() -> None:
    assert lines("a\n\n\n\nb\nc", 100, 3) == "a\n\nb…"


def test_plain_text_draws_no_emoji_codes() -> None:
    assert plain("a :OK: b", 50) == "a :\u2060OK: b"
    assert plain("12:30", 50) == "12:30"


@given(st.text(alphabet=":ab"), st.integers(1, 20))
def test_plain_text_keeps_its_limit(text: str, limit: int) -> None:
    assert len(plain(text, limit)) <= limit


@given(st.text())
def test_bare_text_mentions_and_links_nothing(text: str) -> None:
    shown = bare(f"<at user_id='all'>{text}</at>[a](http://b)", 400)
    assert "<" not in shown
    assert "](" not in shown


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (-5, "0s"),
        (59_999, "59s"),
        (61_000, "1m 1s"),
        (3_600_000, "1h 0m"),
        (90_000_000, "1d 1h"),
    ],
)
def test_spans_are_told_in_two_units(milliseconds: int, expected: str) -> None:
    assert span(milliseconds) == expected

"""Nothing from outside is markup, and every address that is shown can be opened."""

import html
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.markdown import (
    agent_markdown,
    block,
    escape,
    escape_lines,
    known_people,
    moment,
    safe_url,
    short,
)
from receiver.channels.feishu.text import clean

MARKUP = set("<>~-!*/\\[]():+\"'`$_@|=")
ENTITY = re.compile(r"&(?:#\d+|sim);")


def without_entities(text: str) -> str:
    return ENTITY.sub("", text)


@given(st.text())
def test_no_sign_of_markup_survives(text: str) -> None:
    assert not MARKUP & set(without_entities(escape(text)))
    assert not {"&", "#"} & set(without_entities(escape(text)))


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="~")))
def test_a_reader_sees_the_text_that_was_sent(text: str) -> None:
    assert html.unescape(escape(text)) == clean(text).replace("\n", " ")


@pytest.mark.parametrize(
    "hostile",
    [
        "<at id=all></at>",
        "[x](javascript:alert(1))",
        "https://evil.example/",
        ":OK:",
        "<text_tag color='red'>critical</text_tag>",
        "![x](img_v2_1)",
        "```\ncode",
        "| a | b |\n|---|---|",
        "&lt;at id=all&gt;",
    ],
)
def test_hostile_texts_are_only_texts(hostile: str) -> None:
    shown = escape_lines(hostile)
    assert not MARKUP & set(without_entities(shown))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. one", "1&#46; one"),
        ("v1.2", "v1.2"),
        ("    code", "\u00a0\u00a0\u00a0\u00a0code"),
        ("===", "&#61;&#61;&#61;"),
    ],
)
def test_a_line_begins_no_block(text: str, expected: str) -> None:
    assert escape_lines(text) == expected


@given(st.text(), st.integers(1, 80))
def test_bounds_hold_before_escaping(text: str, limit: int) -> None:
    assert len(html.unescape(short(text, limit))) <= limit
    assert block(text, limit, 3).count("\n") <= 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("HTTP://a:9090/g?q=up == 0", "http://a:9090/g?q=up%20==%200"),
        ("http://a/g?t=10:30#/b c", "http://a/g?t=10%3A30#/b%20c"),
        ("http://a/(x)[y]", "http://a/%28x%29%5By%5D"),
        ("http://a/%41%zz", "http://a/%41%25zz"),
        ("http://[::1]:9093/#/silences", "http://[::1]:9093/#/silences"),
        ("http://告警.example/图", "http://xn--4rr859j.example/%E5%9B%BE"),
        ("  https://a.example/x\n", "https://a.example/x"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("lark://x", ""),
        ("//a.example", ""),
        ("http://", ""),
        ("http://user:secret@a.example/", ""),
        ("http://good.example@evil.example/", ""),
        ("http://a b/", ""),
        ("http://a:port/", ""),
        ("http://[::1", ""),
        ("http://a/" + "x" * 2_000, ""),
        ("http://" + "ü" * 70 + "/", ""),
    ],
)
def test_only_addresses_that_open_are_links(url: str, expected: str) -> None:
    assert safe_url(url) == expected


@given(
    st.one_of(
        st.text(), st.text().map("http://a.example/".__add__), st.text().map("http://{}".format)
    )
)
def test_no_address_breaks_out_of_its_link(url: str) -> None:
    shown = safe_url(url)
    assert not set(shown) & set(" \t\n<>()\"'`\\|{}^")
    assert shown.isascii()
    assert shown == "" or urlsplit(shown).scheme in ("http", "https")
    assert safe_url(shown) == shown


def test_only_ids_are_mentioned() -> None:
    people = ("ou_1a-B", "all", "li@example.com", "ou_1></at><at id=all", "ou_", "ou_1a-B", "")
    assert known_people(people) == ["ou_1a-B", "all"]


@given(st.integers())
def test_any_time_can_be_drawn(at: int) -> None:
    told = re.findall(r"millisecond='(\d+)'", moment(at))
    assert len(told) == 2
    assert 0 <= int(told[0]) <= 253_402_300_799_000


def test_an_agent_keeps_bold_bullets_headings_and_links() -> None:
    text = "# Head\n- **42** *wait*\n* see [it](https://a.example/x)\n`code`"
    assert agent_markdown(text, 400, 10) == (
        "**Head**\n- **42** *wait*\n- see [it](https://a.example/x)\n**code**"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<at id=all></at>",
        "[x](javascript:1)",
        "**<at id=all></at>**",
        "[<at id=all>](https://a.example)",
        "`<at id=all>`",
        "- <at id=all></at>",
        "# <at id=all></at>",
        "[x](https://user@evil.example)",
        "![x](https://a.example/i.png)",
    ],
)
def test_an_agent_can_mention_nobody(text: str) -> None:
    shown = agent_markdown(text, 400, 10)
    assert "<" not in shown
    assert "](java" not in shown
    assert "user@" not in shown


@given(st.text(alphabet="<>at id=ou_1*`[]()#-! \nhttps:/.javscrp"))
def test_agents_markdown_is_never_more_than_the_harmless_part(text: str) -> None:
    shown = agent_markdown(text, 400, 10)
    assert "<" not in shown
    assert "`" not in shown
    for target in re.findall(r"\]\(([^)]*)\)", shown):
        assert safe_url(target) == target != ""

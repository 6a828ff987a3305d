"""Links of one's own: from templates whose values cannot leave their place."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.base import View
from receiver.channels.feishu.card import render_app
from receiver.channels.feishu.grafana import MARGIN, around
from receiver.channels.templates import BadTemplate, LinkTemplate, Templates, check_link
from receiver.domain.card import Rung
from receiver.domain.matcher import parse_matcher
from receiver.phrases import Said
from tests.channels.feishu.reading import card_of, links, texts
from tests.channels.views import MINUTE, NOW, member, stories, view

LOGS = "https://logs.example.com/search?q={{ labels.instance }}&from={{ starts_at - 900000 }}"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def linked(*found: LinkTemplate, shown: View | None = None) -> View:
    return replace(shown or stories()["firing"], templates=Templates(links=found))


def logs(url: str, *match: str) -> LinkTemplate:
    return LinkTemplate(Said("日志", "Logs"), url, tuple(map(parse_matcher, match)))


def drawn(shown: View, rung: Rung = Rung.WHOLE) -> dict[str, str]:
    return links(card_of(render_app(shown, rung)))


def test_a_configured_link_stands_behind_those_of_the_alert() -> None:
    found = drawn(linked(logs(LOGS)))
    assert list(found)[:3] == ["Runbook", "Dashboard", "Logs"]
    began = NOW - 50 * MINUTE - 900_000
    assert found["Logs"] == (f"https://logs.example.com/search?q=db-1%3A9100&from={began}")


def test_a_link_has_a_name_in_each_language() -> None:
    content = card_of(render_app(linked(logs(LOGS)), Rung.WHOLE))
    assert "日志" in texts(content, "zh_cn")
    assert "Logs" in texts(content)


@pytest.mark.parametrize(
    ("match", "offered"),
    [
        ('instance=~"db-.*"', True),
        ('source="prod"', True),
        ('receiver="on-call"', True),
        ('pod!=""', False),
    ],
)
def test_matchers_choose_the_cards_that_have_a_link(match: str, offered: bool) -> None:
    assert ("Logs" in drawn(linked(logs(LOGS, match)))) is offered


def test_times_are_those_of_the_incident() -> None:
    url = "https://l/{{ ends_at // 1000 }}/{{ starts_at | iso }}/{{ firing }}"
    firing = drawn(linked(logs(url)))["Logs"]
    assert firing == f"https://l/{NOW // 1000}/2023-11-14T21%3A23%3A20.000Z/True"
    over = replace(stories()["resolved"], now=NOW + 99_000)
    assert drawn(linked(logs(url), shown=over))["Logs"].startswith(f"https://l/{NOW // 1000}/")


def test_a_value_that_is_an_address_already_can_stay_so() -> None:
    shown = view([member(1, path="a/b?c=1")])
    assert drawn(linked(logs("https://l/{{ labels.path | raw }}"), shown=shown))["Logs"] == (
        "https://l/a/b?c=1"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://l/{{ labels.nope }}",
        "https://l/{{ 1 / 0 }}",
        "https://{{ labels.instance }}/",  # its colon is encoded, which no host has
        "https://user@l/",
        "https://l/{{ labels.instance * 300 }}",
    ],
)
def test_a_link_that_fails_is_left_out_and_named(url: str) -> None:
    content = card_of(render_app(linked(logs(url), logs(LOGS)), Rung.WHOLE))
    assert "The template of a link failed, so it is left out: Logs" in texts(content)
    assert "链接模板出错,已省略:日志" in texts(content, "zh_cn")
    assert links(content)["Logs"].startswith("https://logs.example.com/")


def test_a_template_that_says_nothing_makes_no_link() -> None:
    url = "https://l/{{ labels.nope }}"
    silent = logs(url, 'nope!=""')
    content = card_of(render_app(linked(silent), Rung.WHOLE))
    assert "Logs" not in links(content)
    assert "failed" not in texts(content)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("javascript:alert(1)", "begin with http"),
        ("{{ labels.url | raw }}", "begin with http"),
        ("https://l/{{ x", "unexpected end"),
        ("https://l/{% include 'x' %}", "include is not offered"),
        ("https://l/{{ x | nope }}", "No filter named"),
        ("https://l/" + "x" * 9_000, "characters"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once(url: str, why: str) -> None:
    with pytest.raises(BadTemplate, match=why):
        check_link(url)


@given(value=TEXTS, other=TEXTS)
def test_whatever_a_label_holds_stays_in_its_place(value: str, other: str) -> None:
    url = "https://logs.example.com/{{ labels.a }}/x?q={{ labels.a }}&r={{ annotations.b }}#end"
    made = Templates(links=(logs(url),)).links(
        {}, lambda: {"labels": {"a": value}, "annotations": {"b": other}}
    )
    parts = urlsplit(made[0].url)
    assert (parts.scheme, parts.netloc) == ("https", "logs.example.com")
    assert parts.path.count("/") == 2
    assert parts.fragment == "end"
    asked = parse_qs(parts.query, keep_blank_values=True)
    assert asked == {"q": [value], "r": [other]}


@given(value=TEXTS)
def test_a_card_with_links_is_valid_whatever_a_label_holds(value: str) -> None:
    shown = linked(
        logs("https://l/{{ labels.x | raw }}"), logs(LOGS), shown=view([member(1, x=value)])
    )
    for rung in (Rung.WHOLE, Rung.MINIMAL):
        assert all(url.startswith(("http://", "https://")) for url in drawn(shown, rung).values())


@pytest.mark.parametrize(
    ("url", "timed"),
    [
        ("https://g/d/abc/disks", "https://g/d/abc/disks?from={from}&to={to}"),
        ("https://g/sub/d/abc", "https://g/sub/d/abc?from={from}&to={to}"),
        (
            "https://g/d/abc/x?orgId=1&viewPanel=2",
            "https://g/d/abc/x?orgId=1&viewPanel=2&from={from}&to={to}",
        ),
        (
            "https://g/d-solo/abc/x?panelId=2#a",
            "https://g/d-solo/abc/x?panelId=2&from={from}&to={to}#a",
        ),
        ("https://g/dashboard/db/x", "https://g/dashboard/db/x?from={from}&to={to}"),
        ("https://g/d/abc/x?from=1&to=2", "https://g/d/abc/x?from=1&to=2"),
        ("https://g/d/abc/x?time=1&time.window=2", "https://g/d/abc/x?time=1&time.window=2"),
        ("https://kibana/app/dashboards", "https://kibana/app/dashboards"),
        ("https://wiki/dashboard/disks", "https://wiki/dashboard/disks"),
        ("https://[::1", "https://[::1"),
        ("", ""),
    ],
)
def test_a_dashboard_of_grafana_opens_at_the_time_of_the_incident(url: str, timed: str) -> None:
    began, ended = NOW, NOW + MINUTE
    fired = {"from": began - MARGIN, "to": "now"}
    over = {"from": began - MARGIN, "to": ended + MARGIN}
    assert around(url, began, None) == timed.format_map(fired)
    assert around(url, began, ended) == timed.format_map(over)


@given(url=st.one_of(TEXTS, TEXTS.map(lambda text: f"https://g/d/{text}")), since=st.integers(0))
def test_any_address_survives(url: str, since: int) -> None:
    made = around(url, since, None)
    assert made == url or "from=" in made


def test_a_resolved_card_shows_the_time_until_after_the_end() -> None:
    found = drawn(stories()["resolved"])["Dashboard"]
    assert found.endswith(f"&to={NOW + MARGIN}")

"""A card draws its chart as data, says why there is none, and stays inside every limit."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.card import render_app, render_bot
from receiver.channels.feishu.chart import moment
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES
from receiver.domain.card import Rung
from receiver.domain.chart import CURVES_MOST, MINUTE, POINTS, Chart, Curve, NoChart
from receiver.domain.threshold import Threshold
from tests.channels.feishu.reading import card_of, texts, walk
from tests.channels.views import members, stories, view

FIRING = stories()["firing"]
RISING = Chart(
    "disk_used_percent > 80",
    (
        Curve("db-1", tuple((at * MINUTE, 70.0 + at) for at in range(-30, 31, 10))),
        Curve("db-2", ((0, 12.34567), (30 * MINUTE, 13.0))),
    ),
    Threshold(">", 80.0),
    hidden=3,
)


def drawn(chart: Chart | NoChart | None, rung: Rung = Rung.WHOLE) -> dict[str, Any]:
    return card_of(render_app(replace(FIRING, chart=chart), rung))


def chart_of(content: dict[str, Any]) -> dict[str, Any] | None:
    return next((part for part in walk(content) if part.get("tag") == "chart"), None)


def test_the_chart_is_vchart_data_without_functions() -> None:
    part = chart_of(drawn(RISING))
    assert part is not None
    spec = part["chart_spec"]
    assert (spec["type"], spec["media"]) == ("line", [])
    values = spec["data"][0]["values"]
    assert values[0] == {"x": "-30m", "y": 40.0, "s": "db-1"}
    assert {"x": "0", "y": 12.35, "s": "db-2"} in values
    assert [value for value in values if value["s"] == "> 80"] == [
        {"x": "-30m", "y": 80.0, "s": "> 80"},
        {"x": "+30m", "y": 80.0, "s": "> 80"},
    ]
    marks = list(dict.fromkeys(value["x"] for value in values))
    assert marks == ["-30m", "-20m", "-10m", "0", "+10m", "+20m", "+30m"]


def test_what_it_shows_is_said_in_both_languages() -> None:
    content = drawn(RISING)
    english, chinese = texts(content), texts(content, "zh_cn")
    assert "minutes since the start · 3 more series" in english
    assert "横轴为触发后的分钟数 · 另有 3 条曲线" in chinese
    assert "disk&#95;used&#95;percent &#62; 80" in english


@pytest.mark.parametrize(
    ("why", "en", "zh"),
    [
        (NoChart.SLOW, "Prometheus did not answer in time", "Prometheus 未及时响应"),
        (NoChart.FAILED, "the query of Prometheus failed", "Prometheus 查询失败"),
        (NoChart.EMPTY, "Prometheus has no data for it", "Prometheus 没有相关数据"),
        (NoChart.BUSY, "too many were asked for at once", "同时查询过多"),
    ],
)
def test_a_card_without_one_says_why(why: NoChart, en: str, zh: str) -> None:
    content = drawn(why)
    assert chart_of(content) is None
    assert f"Without a chart: {en}" in texts(content)
    assert f"无图表:{zh}" in texts(content, "zh_cn")


def test_where_there_is_nothing_to_draw_nothing_is_said() -> None:
    assert "chart" not in texts(drawn(None))


def test_a_refused_card_is_sent_again_without_its_chart() -> None:
    assert chart_of(drawn(RISING)) is not None
    content = drawn(RISING, Rung.FEWER)
    assert chart_of(content) is None
    assert "it does not fit on this card" in texts(content)


def full(names: int = 6) -> Chart:
    points = tuple((at * 3 * MINUTE, -1234.5 * at) for at in range(-POINTS // 2, POINTS // 2))
    curves = tuple(Curve(f"{n}" + "数" * names, points) for n in range(CURVES_MOST))
    return Chart("x" * 4_000, curves, Threshold("<=", -1e300), hidden=4_000)


def test_the_chart_is_what_is_left_out_first() -> None:
    many = view(members(400))
    shown = replace(many, chart=full())
    assert chart_of(card_of(render_app(shown, Rung.WHOLE))) is not None
    large = replace(many, chart=full(24))
    small = json.loads(render_bot(large, Rung.WHOLE))["content"]
    assert chart_of(small) is None
    assert "it does not fit on this card" in texts(small)
    assert "All alerts (400)" in texts(small)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=POINTS + 1, unique=True)
CURVES = st.lists(
    st.builds(
        lambda name, times, value: Curve(name, tuple((at, value) for at in sorted(times))),
        NAMES,
        TIMES,
        VALUES,
    ),
    min_size=1,
    max_size=CURVES_MOST,
)
LIMITS = st.none() | st.builds(Threshold, st.sampled_from(["<", "!="]), VALUES)
CHARTS = st.builds(Chart, NAMES, CURVES.map(tuple), LIMITS, st.integers(0, 9))


@given(chart=CHARTS, name=st.sampled_from(sorted(set(stories()) - {"plain"})))
def test_any_chart_makes_a_valid_card_that_fits(chart: Chart, name: str) -> None:
    shown = replace(stories()[name], chart=chart)
    for raw, most in (
        (render_app(shown, Rung.WHOLE), APP_BYTES),
        (render_bot(shown, Rung.WHOLE), BOT_BYTES),
    ):
        assert len(raw.encode()) <= most
        card_of(raw)


@pytest.mark.parametrize(
    ("at", "word"), [(0, "0"), (MINUTE, "+1m"), (-30 * MINUTE, "-30m"), (29_000, "0")]
)
def test_a_time_is_told_from_the_start(at: int, word: str) -> None:
    assert moment(at) == word

"""Which curves a chart shows, over which time; whatever a server answers, it stays small."""

import math
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.chart import (
    AFTER,
    BEFORE,
    CURVES_MOST,
    MINUTE,
    POINTS,
    Asked,
    Chart,
    NoChart,
    Series,
    _matches,
    asked,
    draw,
    expression_of,
    span,
)
from receiver.domain.incident import Kind
from receiver.domain.threshold import Threshold, question
from tests.channels.views import NOW, incident, member

URL = "http://prometheus:9090/graph?g0.expr={}&g0.tab=1"


def about(expression: str = "x > 80", *alerts: dict[str, str], **changed: Any) -> Asked:
    made = Asked(expression, question(expression), alerts, NOW, None)
    return made._replace(**changed)


def series(value: float = 1.0, **labels: str) -> Series:
    return Series(labels, ((NOW, value), (NOW + MINUTE, value)))


@pytest.mark.parametrize(
    ("url", "expression"),
    [
        (URL.format(quote("up == 0")), "up == 0"),
        (URL.format("up+%3D%3D+0"), "up == 0"),
        ("http://p/graph?g1.expr=x", ""),
        ("http://grafana/alerting/grafana/abc/view?orgId=1", ""),
        ("http://vmalert:8880/vmalert/alert?group_id=1&alert_id=2", ""),
        (URL.format("x" * 5_000), ""),
        ("http://[::1", ""),
        ("http://p/?" + "a=1&" * 60, ""),
        ("", ""),
    ],
)
def test_the_expression_stands_in_the_alerts_own_address(url: str, expression: str) -> None:
    assert expression_of(url) == expression


def test_the_worst_alert_that_fires_says_what_is_drawn() -> None:
    mild = member(1, rank=2)._replace(url=URL.format("mild"))
    worst = member(2, rank=0)._replace(url=URL.format("worst > 1"))
    other = member(3, rank=0)._replace(url=URL.format("worst > 1"))
    over = member(4, firing=False, rank=0)._replace(url=URL.format("over"))
    members = [mild, over, worst, other, member(5)._replace(url="")]
    found = asked(incident(members), members)
    assert found is not None
    assert found.expression == "worst > 1"
    assert found.question.threshold == Threshold(">", 1)
    assert found.alerts == (other.labels, worst.labels)
    assert found.since == other.since


def test_there_is_nothing_to_draw_without_an_expression() -> None:
    bare = [member(1)._replace(url="")]
    assert asked(incident(bare), bare) is None
    assert asked(incident([member(1)], kind=Kind.AGENT), [member(1)]) is None


@given(lasted=st.integers(-AFTER, 10 * AFTER), ended=st.none() | st.integers(0, 10 * AFTER))
def test_the_time_is_around_the_start_and_has_few_points(lasted: int, ended: int | None) -> None:
    until = None if ended is None else NOW + ended
    found = span(about(until=until), NOW + lasted)
    assert found.start >= NOW - BEFORE
    assert NOW <= found.end <= NOW + AFTER
    assert (NOW - found.start) % found.step == 0
    assert (found.end - found.start) // found.step <= POINTS + 2
    assert found.step % MINUTE == 0


def test_what_is_long_past_does_not_change_any_more() -> None:
    ended = about(until=NOW + MINUTE)
    assert span(about(), NOW) != span(about(), NOW + AFTER)
    assert span(about(), NOW + AFTER) == span(about(), NOW + 2 * AFTER)
    assert span(ended, NOW + MINUTE + BEFORE) == span(ended, NOW + AFTER)


def test_the_series_of_the_firing_alerts_come_first() -> None:
    alerts = ({"instance": "b", "severity": "critical"}, {"instance": "a", "severity": "critical"})
    found = [series(99, __name__="x", instance=name) for name in "cdefghab"]
    chart = draw(about("x > 80", *alerts), found, span(about(), NOW + AFTER))
    assert isinstance(chart, Chart)
    assert [curve.name for curve in chart.curves] == ["b", "a", "c", "d", "e"]
    assert chart.hidden == 3
    assert chart.curves[0].points == ((0, 99.0), (MINUTE, 99.0))


@pytest.mark.parametrize(("expression", "first"), [("x > 1", "9"), ("x < 1", "0"), ("x", "9")])
def test_then_come_the_most_extreme(expression: str, first: str) -> None:
    found = [series(float(n), n=str(n)) for n in range(10)]
    chart = draw(about(expression), found, span(about(), NOW + AFTER))
    assert isinstance(chart, Chart)
    assert chart.curves[0].name == first


def test_curves_are_named_by_what_tells_them_apart() -> None:
    two = [series(job="node", disk="/a", n="1"), series(job="node", disk="/b", n="1")]
    chart = draw(about(), two, span(about(), NOW + AFTER))
    assert isinstance(chart, Chart)
    assert [curve.name for curve in chart.curves] == ["/a", "/b"]
    alone = draw(about(), [series(__name__="up")], span(about(), NOW + AFTER))
    assert isinstance(alone, Chart)
    assert alone.curves[0].name == "up"


def test_no_data_is_no_chart() -> None:
    asked_for = span(about(), NOW + AFTER)
    assert draw(about(), [], asked_for) is NoChart.EMPTY
    nothing = Series({}, ((NOW, math.nan), (NOW + MINUTE, math.inf)))
    assert draw(about(), [nothing], asked_for) is NoChart.EMPTY
    assert draw(about(), [Series({}, ((0, 1.0),))], asked_for) is NoChart.EMPTY


FEW = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)


@given(found=st.lists(FEW, max_size=8), alerts=st.lists(FEW, max_size=5))
def test_a_series_is_of_the_first_alert_that_has_all_its_labels(
    found: list[dict[str, str]], alerts: list[dict[str, str]]
) -> None:
    def of(labels: dict[str, str]) -> int:
        fitting = (at for at, alert in enumerate(alerts) if labels.items() <= alert.items())
        return next(fitting, len(alerts))

    made = [Series({**labels, "__name__": "x"}, ()) for labels in found]
    assert _matches(made, alerts) == [of(labels) for labels in found]


LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=100), max_size=4)
POINT = st.tuples(st.integers(NOW - AFTER, NOW + 2 * AFTER), st.floats())
SERIES = st.builds(Series, LABELS, st.lists(POINT, max_size=100).map(tuple))


@given(found=st.lists(SERIES, max_size=20), alerts=st.lists(LABELS, max_size=5))
def test_a_chart_is_small_whatever_comes_back(
    found: list[Series], alerts: list[dict[str, str]]
) -> None:
    chart = draw(about("x > 1", *alerts), found, span(about(), NOW + AFTER))
    if isinstance(chart, NoChart):
        return
    names = [curve.name for curve in chart.curves]
    assert 1 <= len(names) == len(set(names)) <= CURVES_MOST
    assert len(names) + chart.hidden == len(found)
    for curve in chart.curves:
        assert 1 <= len(curve.points) <= POINTS + 3
        assert list(curve.points) == sorted(curve.points)
        assert all(math.isfinite(value) for _, value in curve.points)

"""The chart of a card: VChart data without functions, and a line that says what it shows.

https://open.feishu.cn/document/feishu-cards/card-json-v2-components/content-components/chart
"""

from collections.abc import Iterator

from receiver.channels.base import View
from receiver.channels.feishu.frame import note
from receiver.channels.feishu.markdown import short
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.text import plain
from receiver.domain.chart import MINUTE, NAME_LIMIT, Chart, NoChart
from receiver.phrases import Phrase, Said, say

EXPRESSION_LIMIT = 160
DIGITS = 4
_WORDS = {
    NoChart.SLOW: Phrase.CHART_SLOW,
    NoChart.FAILED: Phrase.CHART_FAILED,
    NoChart.EMPTY: Phrase.CHART_EMPTY,
    NoChart.BUSY: Phrase.CHART_BUSY,
}


def chart_part(view: View, *, fits: bool) -> list[Json]:
    """Return the chart under its line, or the word why there is none; nothing without a query."""
    chart = view.chart
    if chart is None:
        return []
    if isinstance(chart, NoChart):
        return [_omitted(_WORDS[chart])]
    if not fits:
        return [_omitted(Phrase.CHART_NO_ROOM)]
    query = short(chart.expression, EXPRESSION_LIMIT)
    told = [say(Phrase.CHART, query=query)]
    if chart.hidden:
        told.append(say(Phrase.CHART_HIDDEN, count=chart.hidden))
    line = note(Said(*(" · ".join(texts) for texts in zip(*told, strict=True))))
    return [line, {"tag": "chart", "aspect_ratio": "2:1", "chart_spec": spec(chart)}]


def _omitted(why: Phrase) -> Json:
    reason = say(why)
    zh, en = (say(Phrase.CHART_OMITTED, why=text) for text in reason)
    return note(Said(zh.zh_cn, en.en_us))


def spec(chart: Chart) -> Json:
    """Return the specification of a chart's lines; the limit is the last of them."""
    return {
        "type": "line",
        "data": [{"id": "values", "values": list(_values(chart))}],
        "xField": "x",
        "yField": "y",
        "seriesField": "s",
        "legends": {"visible": True, "orient": "bottom"},
        "media": [],
    }


def _values(chart: Chart) -> Iterator[Json]:
    """Yield the points in the order of time: the axis has its marks in the order of the data."""
    points = [
        (at, number, plain(curve.name, NAME_LIMIT), value)
        for number, curve in enumerate(chart.curves)
        for at, value in curve.points
    ]
    if chart.threshold is not None:
        times = [at for at, *_ in points]
        name = f"{chart.threshold.operator} {_short(chart.threshold.value)}"
        value = chart.threshold.value
        points += [(at, len(chart.curves), name, value) for at in {min(times), max(times)}]
    for at, _, name, value in sorted(points):
        yield {"x": moment(at), "y": _rounded(value), "s": name}


def moment(at: int) -> str:
    """Return a time since the start, as every reader understands it whatever their zone."""
    minutes = round(at / MINUTE)
    return f"{minutes:+}m" if minutes else "0"


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _short(value: float) -> str:
    return f"{value:.{DIGITS}g}" if abs(value) < 10**DIGITS else f"{value:,.0f}"

"""What a card's chart shows: which query, which time, which curves of what comes back."""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from receiver.domain.incident import Incident, Kind, Member
from receiver.domain.threshold import EXPRESSION_LIMIT, Question, Threshold, question

MINUTE = 60_000
BEFORE = 30 * MINUTE  # ms shown before an incident began
AFTER = 60 * MINUTE  # and after it
POINTS = 30  # of a curve, or a few more; many say no more on a phone, and weigh
_SLACK = 2 * MINUTE  # by which a time may be longer before its points are further apart
CURVES_MOST = 5
SERIES_MOST = 5_000  # beyond, nothing is chosen
ALERTS_MOST = 100  # whose labels are looked for
NAME_LIMIT = 32
_EXPRESSION = "g0.expr"
_FIELDS_MOST = 50
_METRIC = "__name__"


class NoChart(StrEnum):
    """Why a card has no chart where it could have one; each is a metric label."""

    SLOW = "slow"
    FAILED = "failed"
    EMPTY = "empty"
    BUSY = "busy"


class Asked(NamedTuple):
    """What an incident's chart is about; times in Unix ms."""

    expression: str
    question: Question
    alerts: tuple[dict[str, str], ...]  # their labels, those that fire first
    since: int
    until: int | None


class Span(NamedTuple):
    """A stretch of time to be asked for, and the distance of its points; all in ms."""

    start: int
    end: int
    step: int


class Series(NamedTuple):
    """What Prometheus knows of one label set: (Unix ms, value)."""

    labels: dict[str, str]
    points: tuple[tuple[int, float], ...]


class Unasked(NamedTuple):
    """Why there are no values; ``detail`` is for the log, and shows no credentials."""

    reason: NoChart
    detail: str = ""


class Curve(NamedTuple):
    """One line of a chart: (ms since the incident began, value)."""

    name: str
    points: tuple[tuple[int, float], ...]


class Chart(NamedTuple):
    """Everything that is drawn; ``hidden`` counts the series that are not."""

    expression: str
    curves: tuple[Curve, ...]
    threshold: Threshold | None = None
    hidden: int = 0


def expression_of(url: str) -> str:
    """Return the expression in an alert's ``generatorURL``; empty where there is none."""
    try:
        fields = parse_qsl(urlsplit(url).query, max_num_fields=_FIELDS_MOST)
    except ValueError:
        return ""
    found = next((value for name, value in fields if name == _EXPRESSION), "").strip()
    return found if len(found) <= EXPRESSION_LIMIT else ""


def asked(incident: Incident, members: Sequence[Member]) -> Asked | None:
    """Return what to draw for an incident: the expression of its worst alert that has one."""
    if incident.kind is not Kind.ALERTS:
        return None
    ranked = heapq.nsmallest(
        ALERTS_MOST,
        (member for member in members if _EXPRESSION in member.url),
        key=lambda member: (not member.firing, member.rank, member.since, member.fingerprint),
    )
    expression = next(filter(None, (expression_of(member.url) for member in ranked)), "")
    if not expression:
        return None
    same = [member for member in ranked if expression_of(member.url) == expression]
    return Asked(
        expression,
        question(expression),
        tuple(member.labels for member in same),
        min(member.since for member in same),
        incident.closed_at,
    )


def span(about: Asked, now: int) -> Span:
    """Return the time to ask for: around the start, on a grid that the start is on."""
    latest = about.since + AFTER
    end = min(now, latest if about.until is None else min(about.until + BEFORE, latest))
    end = max(end, about.since)
    lasted = end - about.since + BEFORE - _SLACK
    step = max(math.ceil(lasted / POINTS / MINUTE), 1) * MINUTE
    return Span(about.since - BEFORE // step * step, end, step)


def draw(about: Asked, series: Sequence[Series], asked_for: Span) -> Chart | NoChart:
    """Choose at most five curves: those of the firing alerts first, then the most extreme."""
    found = [_within(each, asked_for) for each in series[:SERIES_MOST]]
    found = [each for each in found if each.points]
    if not found:
        return NoChart.EMPTY
    limit = about.question.threshold
    low = limit is not None and limit.operator in ("<", "<=")
    order = _matches(found, about.alerts)
    ranked = sorted(
        range(len(found)),
        key=lambda at: (order[at], found[at].points[-1][1] * (1 if low else -1), at),
    )
    chosen = [found[at] for at in ranked[:CURVES_MOST]]
    names = _names([each.labels for each in chosen])
    curves = tuple(
        Curve(name, tuple((at - about.since, value) for at, value in each.points))
        for name, each in zip(names, chosen, strict=True)
    )
    return Chart(about.expression, curves, limit, len(series) - len(curves))


def _within(series: Series, asked_for: Span) -> Series:
    """Keep what was asked for: a server may answer anything."""
    kept = [
        (at, value)
        for at, value in series.points[: 2 * POINTS]
        if asked_for.start <= at <= asked_for.end and math.isfinite(value)
    ]
    return series._replace(points=tuple(sorted(kept)[-POINTS - 3 :]))


def _matches(found: Sequence[Series], alerts: Sequence[Mapping[str, str]]) -> list[int]:
    """Return for each series which alert it is of; beyond all where it is of none."""
    holding: dict[tuple[str, str], int] = {}  # label -> the alerts that have it, a bit each
    for at, alert in enumerate(alerts):
        for pair in alert.items():
            holding[pair] = holding.get(pair, 0) | 1 << at
    everyone = (1 << len(alerts)) - 1

    def of(series: Series) -> int:
        left = everyone
        for pair in series.labels.items():
            if pair[0] != _METRIC:
                left &= holding.get(pair, 0)
        return (left & -left).bit_length() - 1 if left else len(alerts)

    return [of(series) for series in found]


def _names(all_labels: Sequence[Mapping[str, str]]) -> list[str]:
    """Name curves by the labels that tell them apart, each differently."""
    every = sorted({name for labels in all_labels for name in labels})
    telling = [name for name in every if len({labels.get(name, "") for labels in all_labels}) > 1]
    if len(all_labels) == 1:
        telling = [_METRIC] if _METRIC in all_labels[0] else every[:1]
    return _once_each(
        " ".join(filter(None, (labels.get(name, "") for name in telling)))[:NAME_LIMIT]
        for labels in all_labels
    )


def _once_each(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for at, name in enumerate(names, 1):
        told = name.strip() or str(at)
        found.append(told if told not in found else f"{told} ({at})")
    return found

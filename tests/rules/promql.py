"""Reads PromQL and compares it with what the service really exposes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import promql_parser as promql
from prometheus_client import CollectorRegistry

from receiver.telemetry.metrics import Build, Labels, Metrics

# Series that Prometheus itself makes.
PROMETHEUS_SERIES = frozenset({"up", "ALERTS"})
# Labels that Prometheus adds when it scrapes.
TARGET_LABELS = frozenset({"job", "instance"})
RATES = frozenset({"rate", "irate", "increase"})
COMPARISONS = frozenset({">", "<", ">=", "<=", "==", "!="})
SET_OPERATORS = frozenset({"and", "or", "unless"})

EXAMPLE = Labels(
    sources=("prod",),
    alertmanagers=("prod",),
    asked=("prod",),
    apps=("ops",),
    body_reasons=("first", "repeat", "duplicate"),
    truth_reasons=("gone", "suppressed"),
    decision_reasons=("first", "unchanged"),
    retry_reasons=("timeout",),
    rejection_reasons=("target",),
    dead_letter_reasons=("target",),
    outlets=("ops",),
    tenants=("default",),
    oncall_lists=("db",),
    streams=("ops",),
)


@dataclass(frozen=True, slots=True)
class Exposed:
    """What the service exposes: the label sets of each series' name, and which are counters."""

    series: Mapping[str, tuple[Mapping[str, str], ...]]
    counters: frozenset[str]
    families: Mapping[str, tuple[str, ...]]


def exposed() -> Exposed:
    """Return the series of a service that has seen nothing yet."""
    registry = CollectorRegistry()
    Metrics(registry, EXAMPLE, Build(version="1", python="3", sqlite="3"))
    series: dict[str, list[Mapping[str, str]]] = {}
    families: dict[str, tuple[str, ...]] = {}
    counters: set[str] = set()
    for family in registry.collect():
        names = {sample.name for sample in family.samples}
        families[family.name] = tuple(sorted(names))
        for sample in family.samples:
            series.setdefault(sample.name, []).append(sample.labels)
        if family.type == "counter":
            counters |= names
        if family.type == "histogram":
            counters |= {name for name in names if not name.endswith("_created")}
    return Exposed({n: tuple(s) for n, s in series.items()}, frozenset(counters), families)


def nodes(expr: promql.Expr) -> list[promql.Expr]:
    """Return the expression and all that it consists of."""
    found: list[promql.Expr] = []

    def visit(node: promql.Expr) -> None:
        found.append(node)

    promql.walk(expr, visit)
    return found


def selectors(expr: promql.Expr) -> list[promql.VectorSelector]:
    """Return every selector, those inside a range included."""
    return [node for node in nodes(expr) if isinstance(node, promql.VectorSelector)]


def metrics_of(expr: promql.Expr) -> set[str]:
    """Return the names of all series that the expression reads."""
    return {str(selector.name) for selector in selectors(expr)}


def rated(expr: promql.Expr) -> Iterator[tuple[str, str, timedelta]]:
    """Yield the function, the metric and the range of each call over a range."""
    for node in nodes(expr):
        if isinstance(node, promql.Call):
            for arg in node.args:
                if isinstance(arg, promql.MatrixSelector):
                    yield node.func.name, str(arg.vector_selector.name), arg.range


def matches(selector: promql.VectorSelector, series: Mapping[str, str]) -> bool:
    """Whether a series has the labels that the selector asks for; `$variables` match all."""
    return all(_matches(matcher, series) for matcher in selector.matchers.matchers)


def _matches(matcher: promql.Matcher, series: Mapping[str, str]) -> bool:
    if matcher.name in TARGET_LABELS or "$" in matcher.value:
        return matcher.name in TARGET_LABELS or matcher.name in series
    if matcher.name not in series:
        return False
    value = series[matcher.name]
    pattern = matcher.value
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        pattern = re.escape(pattern)
    wanted = matcher.op in (promql.MatchOp.Equal, promql.MatchOp.Re)
    return bool(re.fullmatch(pattern, value)) is wanted


def problems(
    expr: promql.Expr, service: Exposed, recorded: frozenset[str] = frozenset()
) -> list[str]:
    """Return what is wrong with an expression: unknown series, labels or values, bare counters."""
    found = [
        f"{selector} matches no series"
        for selector in selectors(expr)
        if selector.name not in recorded | PROMETHEUS_SERIES
        and not any(matches(selector, s) for s in service.series.get(str(selector.name), ()))
    ]
    calls = [call for call in rated(expr) if call[0] in RATES]
    bare = metrics_of(expr) & service.counters - {name for _, name, _ in calls}
    found += [f"the counter {name} is read without rate or increase" for name in bare]
    found += [
        f"{function} over {name}, which is no counter"
        for function, name, _ in calls
        if name not in service.counters
    ]
    return found + _lost_alternatives(expr, service, recorded)


def _lost_alternatives(expr: promql.Expr, service: Exposed, recorded: frozenset[str]) -> list[str]:
    """Each branch of `a|b|c` must exist as well, or a renamed value goes unnoticed."""
    lost = []
    for selector in selectors(expr):
        if selector.name in recorded | PROMETHEUS_SERIES:
            continue
        known = service.series.get(str(selector.name), ())
        for matcher in selector.matchers.matchers:
            if matcher.name in TARGET_LABELS or "$" in matcher.value or ".+" in matcher.value:
                continue
            lost += [
                f"{selector.name} never has {matcher.name}={value!r}"
                for value in matcher.value.split("|")
                if value not in {series.get(matcher.name) for series in known}
            ]
    return lost


def surviving(expr: promql.Expr, recorded: Mapping[str, promql.Expr]) -> set[str]:
    """Return the labels that the result of an expression has."""
    labels: set[str] = set()
    match expr:
        case promql.AggregateExpr() if expr.modifier:
            labels = set(expr.modifier.labels)
        case promql.BinaryExpr():
            labels = surviving(expr.lhs, recorded)
        case promql.ParenExpr():
            labels = surviving(expr.expr, recorded)
        case promql.Call() if expr.func.name != "absent":
            labels = labels.union(*(surviving(arg, recorded) for arg in expr.args)) - {"le"}
        case promql.VectorSelector() if expr.name in recorded:
            labels = surviving(recorded[str(expr.name)], recorded)
    return labels


def compares(expr: promql.Expr) -> bool:
    """Whether an alert's expression can be false: it compares, or asks for absence."""
    match expr:
        case promql.ParenExpr():
            return compares(expr.expr)
        case promql.BinaryExpr() if operator(expr) in SET_OPERATORS:
            return compares(expr.lhs)
        case promql.BinaryExpr():
            return operator(expr) in COMPARISONS
        case promql.Call():
            return expr.func.name == "absent"
        case _:
            return False


def operator(expr: promql.BinaryExpr) -> str:
    """Return a binary expression's operator as it is written."""
    return str(expr.op)

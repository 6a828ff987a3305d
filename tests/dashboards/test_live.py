"""Every query of the dashboards, asked of a real Prometheus that scrapes a receiver at work."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.grafana_json import Asked, asked, dashboard, panels
from tests.dashboards.prometheus import Prometheus, running_prometheus
from tests.dashboards.traffic import working

RULES = Path(__file__).parents[2] / "rules" / "receiver.yaml"
# Enough scrapes for a rate over Grafana's interval of four.
SCRAPES = 6
LOOKED_AT = 10  # seconds
# Panels that show zeros here, and why no honest traffic of a few seconds makes them show more.
ZEROS = {
    "Possible duplicates": "an outcome must have stayed unknown for 55 minutes",
    "Store failures": "the disk of the test does not fail",
    "Batches that wait": "the store is never behind at the moment of a scrape, which it should be",
    "Longest wait of a critical card": "critical cards do not wait until a scrape",
    "Clock skew": "the platform of the test has our clock",
    "Units unaccounted for": "every unit is accounted for",
    "Escalations gone wrong": "every step reaches who is called",
    "Apps cut off": "a connection that is cut is made again before the next scrape",
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus that has scraped a receiver at work often enough for every rate."""
    folder = tmp_path_factory.mktemp("prometheus")
    with (
        working(tmp_path_factory.mktemp("receiver")) as receiver,
        running_prometheus(folder, receiver.metrics_url, RULES) as running,
    ):
        running.wait_for(f'sum_over_time(up{{job="receiver"}}[1m]) >= {SCRAPES}')
        # What happens every ten seconds alone must have happened once between two scrapes.
        running.wait_for('increase(receiver_oncall_fetches_total{job="receiver"}[1m]) > 0')
        yield running


def numbers(query: Asked, prometheus: Prometheus) -> list[float]:
    """Return the numbers that a panel's query has shown in the last seconds."""
    expr = query.concrete(rate_interval="4s", over="30s")
    found = prometheus.over_time(expr, LOOKED_AT)
    shown = [float(value) for series in found for _, value in series["values"]]
    return [number for number in shown if math.isfinite(number)]


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_panel_shows_something(query: Asked, prometheus: Prometheus) -> None:
    shown = numbers(query, prometheus)
    assert shown, query.expr
    assert any(shown) or query.panel in ZEROS, (query.expr, shown)


def test_the_panels_that_may_show_zeros_exist() -> None:
    assert ZEROS.keys() <= {query.panel for query in asked()}


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_panels_legend_names_labels_that_its_series_have(
    query: Asked, prometheus: Prometheus
) -> None:
    titled = {panel["title"]: panel for panel in panels()}
    if query.kind == "annotation":
        return
    (legend,) = {
        target["legendFormat"]
        for target in titled[query.panel]["targets"]
        if target["expr"] == query.expr
    }
    labels = {part.split("}}")[0] for part in legend.split("{{")[1:]}
    for series in prometheus.instant(query.concrete(rate_interval="4s", over="30s")):
        assert labels <= set(series["metric"])


def test_the_funnel_moves(prometheus: Prometheus) -> None:
    funnel = [query for query in asked() if query.panel == "Funnel over the time shown"]
    assert all(max(numbers(query, prometheus)) > 0 for query in funnel)


@pytest.mark.parametrize(
    "variable", dashboard("overview")["templating"]["list"][1:], ids=lambda v: v["name"]
)
def test_a_variable_lists_something(variable: dict[str, Any], prometheus: Prometheus) -> None:
    metric, _, label = variable["definition"].removeprefix("label_values(").rpartition(", ")
    selector = metric.replace("$job", ".+")
    values = prometheus.get(f"/api/v1/label/{label.rstrip(')')}/values", **{"match[]": selector})
    assert values


def test_every_unit_is_accounted_for(prometheus: Prometheus) -> None:
    shown = [
        number
        for query in asked()
        if query.panel == "Units unaccounted for"
        for number in numbers(query, prometheus)
    ]
    assert shown
    assert set(shown) == {0}
    assert prometheus.instant('receiver_store_units_accepted{job="receiver"} > 0')
    assert prometheus.instant('receiver_store_units{job="receiver",state="digested"} > 0')


def test_exemplars_lead_to_traces(prometheus: Prometheus) -> None:
    found = prometheus.get(
        "/api/v1/query_exemplars",
        query="receiver_delivery_latency_seconds_bucket",
        start=0,
        end=prometheus.now() + 60,
    )
    traces = {exemplar["labels"]["trace_id"] for s in found for exemplar in s["exemplars"]}
    assert traces
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


def test_the_rules_are_healthy(prometheus: Prometheus) -> None:
    prometheus.wait_for("job:receiver_critical_delivery_late:ratio_rate5m")
    groups = prometheus.get("/api/v1/rules")["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(health.values()) == {"ok"}, health

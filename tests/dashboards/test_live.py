"""Every query of the dashboard, asked of a real Prometheus that scrapes the service."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.telemetry.metrics import Build, Metrics
from tests.dashboards.grafana_json import Asked, asked, dashboard
from tests.dashboards.prometheus import Prometheus, running_prometheus
from tests.dashboards.traffic import TRACE_ID, drive
from tests.rules.promql import EXAMPLE

RULES = Path(__file__).parents[2] / "rules" / "receiver.yaml"
# Enough scrapes for a rate over Grafana's interval of four.
SCRAPES = 6
NOW = 1_785_000_000


def service() -> Starlette:
    """Return a service on which everything happens once between any two scrapes."""
    metrics = Metrics(CollectorRegistry(), EXAMPLE, Build(version="1", python="3", sqlite="3"))

    async def scrape(request: Request) -> Response:
        body, content_type = metrics.expose(request.headers.get("accept"))
        drive(metrics, NOW)
        return Response(body, headers={"content-type": content_type})

    return Starlette(routes=[Route("/metrics", scrape)])


class _Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        self.listening = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/metrics"


@pytest.fixture(scope="module")
def scraped_url() -> Iterator[str]:
    """Run the service that is scraped, with traffic on all of its metrics."""
    server = _Server(service())
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listening.wait(10)
    yield server.url
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def prometheus(scraped_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus that has scraped the service often enough for every rate."""
    folder = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, scraped_url, RULES) as running:
        running.wait_for(f'sum_over_time(up{{job="receiver"}}[1m]) >= {SCRAPES}')
        yield running


def numbers(query: Asked, prometheus: Prometheus) -> list[float]:
    """Return the newest value of each series that a panel's query shows."""
    expr = query.concrete(rate_interval="4s", over="30s")
    if query.kind == "timeseries":
        return [float(s["values"][-1][1]) for s in prometheus.over_time(expr, 5)]
    return [float(s["value"][1]) for s in prometheus.instant(expr)]


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_panel_shows_something(query: Asked, prometheus: Prometheus) -> None:
    shown = numbers(query, prometheus)
    assert shown, query.expr
    assert any(math.isfinite(number) for number in shown), (query.expr, shown)


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_panels_legend_names_labels_that_its_series_have(
    query: Asked, prometheus: Prometheus
) -> None:
    panels = {panel["title"]: panel for panel in dashboard()["panels"]}
    if query.kind == "annotation":
        return
    (legend,) = {
        target["legendFormat"]
        for target in panels[query.panel]["targets"]
        if target["expr"] == query.expr
    }
    labels = {part.split("}}")[0] for part in legend.split("{{")[1:]}
    for series in prometheus.instant(query.concrete(rate_interval="4s", over="30s")):
        assert labels <= set(series["metric"])


def test_the_funnel_moves(prometheus: Prometheus) -> None:
    funnel = [query for query in asked() if query.panel == "Funnel over the time shown"]
    assert all(numbers(query, prometheus)[0] > 0 for query in funnel)


@pytest.mark.parametrize("variable", dashboard()["templating"]["list"][1:], ids=lambda v: v["name"])
def test_a_variable_lists_something(variable: dict[str, Any], prometheus: Prometheus) -> None:
    metric, _, label = variable["definition"].removeprefix("label_values(").rpartition(", ")
    selector = metric.replace("$job", ".+")
    values = prometheus.get(f"/api/v1/label/{label.rstrip(')')}/values", **{"match[]": selector})
    assert values


def test_exemplars_lead_to_traces(prometheus: Prometheus) -> None:
    found = prometheus.get(
        "/api/v1/query_exemplars",
        query="receiver_delivery_latency_seconds_bucket",
        start=0,
        end=prometheus.now() + 60,
    )
    traces = {exemplar["labels"]["trace_id"] for s in found for exemplar in s["exemplars"]}
    assert traces == {TRACE_ID}


def test_the_rules_are_healthy(prometheus: Prometheus) -> None:
    prometheus.wait_for("job:receiver_critical_delivery_late:ratio_rate5m")
    groups = prometheus.get("/api/v1/rules")["groups"]
    health = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(health.values()) == {"ok"}, health

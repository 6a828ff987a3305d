"""The dashboards are fresh, keep Grafana's lint rules, and ask only for what exists."""

import re
from typing import Any

import promql_parser as promql
import pytest

from dashboards.generate import DASHBOARDS, written
from dashboards.grafana import RUNBOOKS
from tests.dashboards.grafana_json import FOLDER, NAMES, Asked, asked, dashboard, dashboards, panels
from tests.rules.promql import RATES, exposed, problems, rated, selectors
from tests.rules.test_rules import ALERTS, RUNBOOK_URL, rules

SERVICE = exposed()
UNITS = {"short", "s", "bytes", "ops", "reqps", "percentunit"}
# Exposed, and neither on the dashboard nor in a rule.
UNUSED = {
    "process_virtual_memory_bytes": "comes with the library's process collector; says little",
}


def test_the_committed_files_are_the_generated_ones() -> None:
    assert {path.stem for path in DASHBOARDS} == {path.stem for path in FOLDER.glob("*.json")}
    assert {path.stem for path in DASHBOARDS} == set(NAMES)
    for path, board in DASHBOARDS.items():
        assert path.read_text() == written(board)


def test_generating_twice_gives_the_same() -> None:
    for board in DASHBOARDS.values():
        assert written(board) == written(board)


@pytest.mark.parametrize("board", dashboards(), ids=NAMES)
def test_it_can_be_provisioned(board: dict[str, Any]) -> None:
    assert board["schemaVersion"] == 41
    assert board["uid"].startswith("alertmanager-feishu-receiver")
    assert len(board["uid"]) <= 40  # Grafana's limit
    assert board["editable"] is False
    assert "id" not in board
    assert "__inputs" not in board


def test_each_has_an_address_of_its_own_and_leads_to_the_others() -> None:
    assert len({board["uid"] for board in dashboards()}) == len(NAMES)
    assert len({board["title"] for board in dashboards()}) == len(NAMES)
    for board in dashboards():
        (siblings,) = (link for link in board["links"] if link["type"] == "dashboards")
        assert all(set(siblings["tags"]) <= set(other["tags"]) for other in dashboards())
        assert siblings["includeVars"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "overview",
            ["Overview", "Ingest", "Delivery", "Callbacks and actions", "Store and runtime"],
        ),
        (
            "delivery",
            ["Storms, circuits and fallbacks", "Limits, quotas and tokens", "Accounts"],
        ),
        (
            "people",
            ["At a glance", "Truth", "People", "On call", "Long connections and charts"],
        ),
    ],
)
def test_its_rows_tell_the_story(name: str, expected: list[str]) -> None:
    rows = [panel["title"] for panel in dashboard(name)["panels"] if panel["type"] == "row"]
    assert rows == expected


@pytest.mark.parametrize("board", dashboards(), ids=NAMES)
def test_the_datasource_is_a_variable(board: dict[str, Any]) -> None:
    variable = board["templating"]["list"][0]
    assert (variable["name"], variable["label"]) == ("datasource", "Data source")
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")


@pytest.mark.parametrize(
    ("index", "name", "label"), [(1, "job", "Job"), (2, "instance", "Instance")]
)
@pytest.mark.parametrize("board", dashboards(), ids=NAMES)
def test_job_and_instance_are_variables(
    index: int, name: str, label: str, board: dict[str, Any]
) -> None:
    variable = board["templating"]["list"][index]
    assert variable["name"] == name
    assert variable["label"] == label
    assert variable["type"] == "query"
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["multi"] is True
    assert variable["includeAll"] is True
    assert variable["allValue"] == ".+"
    assert variable["refresh"] == 2
    metric = re.match(r"label_values\((\w+)", variable["definition"])
    assert metric is not None
    assert metric[1] in SERVICE.series


@pytest.mark.parametrize("board", dashboards(), ids=NAMES)
def test_panels_have_ids_and_places_of_their_own(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("board", dashboards(), ids=NAMES)
def test_every_line_is_full_and_even(board: dict[str, Any]) -> None:
    """No hole at a line's end, no panel too small to read, none of another height beside it."""
    lines: dict[int, list[dict[str, int]]] = {}
    for panel in board["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    below = 0
    for y, places in sorted(lines.items()):
        assert y == below, "a gap"
        assert sum(place["w"] for place in places) == 24, y
        (height,) = {place["h"] for place in places}
        below = y + height
    for panel in board["panels"]:
        place = panel["gridPos"]
        if panel["type"] != "row":
            assert place["w"] >= (3 if panel["type"] == "stat" else 6), panel["title"]
            assert place["h"] >= (4 if panel["type"] == "stat" else 8), panel["title"]


def unit_of(expr: str) -> set[str]:
    """Return the units that fit a query; empty where any does."""
    shares_or_counts = {"percentunit", "short"}
    kinds: list[tuple[bool, set[str]]] = [
        (" == bool " in expr, {"short"}),
        (" / " in expr, shares_or_counts),
        (expr.startswith("histogram_quantile") and "_seconds_bucket" in expr, {"s"}),
        ("process_cpu" in expr, {"short"}),
        ("increase(" in expr, {"short"}),
        ("[$__rate_interval]" in expr, {"ops", "reqps", "short"}),
        (bool(re.search(r"_seconds\b(?!_)", expr)), {"s"}),
        (bool(re.search(r"_bytes\b", expr)), {"bytes"}),
    ]
    return next((units for is_it, units in kinds if is_it), set())


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panels_unit_fits_what_it_asks_for(panel: dict[str, Any]) -> None:
    """Rates are a second's, seconds and bytes are what they are called, shares are divisions."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        wanted = unit_of(target["expr"])
        assert not wanted or unit in wanted, target["expr"]


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert target["legendFormat"] or panel["type"] == "stat"


def test_panels_have_titles_of_their_own() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_query_is_true_to_the_service(query: Asked) -> None:
    expr = promql.parse(query.concrete("5m", "6h"))
    assert problems(expr, SERVICE) == []
    original = promql.parse(query.expr.replace("$__rate_interval", "5m").replace("$__range", "6h"))
    for selector in selectors(original):
        written_matchers = {str(matcher) for matcher in selector.matchers.matchers}
        assert {'job=~"$job"', 'instance=~"$instance"'} <= written_matchers


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.panel)
def test_a_rate_follows_the_zoom(query: Asked) -> None:
    """A rate over time follows Grafana's interval; a single number covers the time shown."""
    window = "$__rate_interval" if query.kind == "timeseries" else "$__range"
    rates = [call for call in rated(promql.parse(query.concrete("5m", "6h"))) if call[0] in RATES]
    assert query.expr.count(f"[{window}]") == len(rates)


def test_latency_panels_show_exemplars() -> None:
    histograms = {query.panel for query in asked() if "_seconds_bucket" in query.expr}
    with_exemplars = {query.panel for query in asked() if query.exemplars}
    assert with_exemplars == histograms - {"Critical shown within 10 s"}


def test_links_lead_to_runbooks_that_exist() -> None:
    assert RUNBOOKS == RUNBOOK_URL
    links = [link["url"] for panel in panels() for link in panel["links"]]
    assert links
    assert {link.removeprefix(RUNBOOKS + "/").removesuffix(".md") for link in links} <= set(ALERTS)


def test_every_metric_is_used_or_excused() -> None:
    read = {selector.name for query in asked() for selector in _selectors(query)}
    read |= {s.name for rule in rules() for s in selectors(promql.parse(rule["expr"]))}
    unused = {name for name, series in SERVICE.families.items() if not read & set(series)}
    assert unused == set(UNUSED)


def _selectors(query: Asked) -> list[promql.VectorSelector]:
    return selectors(promql.parse(query.concrete("5m", "6h")))

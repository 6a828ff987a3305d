"""A small, typed part of Grafana's classic dashboard JSON, drawn in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

# Classic JSON of Grafana 11.x: every supported Grafana reads it.
SCHEMA_VERSION = 41
WIDTH = 24
RUNBOOKS = (
    "https://github.com/alertmanager-feishu-receiver/alertmanager-feishu-receiver"
    "/blob/main/docs/runbooks"
)
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression and what its series are called; `exemplars` asks for traces too."""

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A threshold: from this value on, this colour. The lowest step has no value."""

    value: float | None
    color: str


GREEN = Step(value=None, color="green")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel; its width and height are in Grafana's grid units, 24 to a line."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    steps: tuple[Step, ...] = (GREEN,)
    stacked: bool = False
    runbook: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A titled row of panels, laid out from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A whole dashboard; `uid` is its lasting address."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    anchor: str  # the metric whose labels list the jobs and instances
    runbooks: str  # the URL under which the runbooks stand
    rows: tuple[Row, ...]


def drawn(dashboard: Dashboard) -> dict[str, Any]:
    """Return the dashboard as Grafana's classic JSON."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "links": [_siblings(dashboard), _link("Runbooks", dashboard.runbooks)],
        "annotations": {"list": [_starts(dashboard)]},
        "templating": {"list": _variables(dashboard.anchor)},
        "panels": _panels(dashboard),
    }


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    ids = count(1)
    drawn_panels: list[dict[str, Any]] = []
    y = 0
    for row in dashboard.rows:
        drawn_panels.append(_row(row, next(ids), y))
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            position = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            drawn_panels.append(_panel(panel, next(ids), position, dashboard.runbooks))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return drawn_panels


def _row(row: Row, number: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
        "panels": [],
    }


def _panel(panel: Panel, number: int, position: dict[str, int], runbooks: str) -> dict[str, Any]:
    links = [_link(f"Runbook: {panel.runbook}", f"{runbooks}/{panel.runbook}.md")]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": position,
        "links": links if panel.runbook else [],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(query, index, panel) for index, query in enumerate(panel.queries)],
    }


def _target(query: Query, index: int, panel: Panel) -> dict[str, Any]:
    over_time = panel.kind == "timeseries"
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend,
        "exemplar": query.exemplars,
        "instant": not over_time,
        "range": over_time,
    }


def _field(panel: Panel) -> dict[str, Any]:
    steps = [{"value": step.value, "color": step.color} for step in panel.steps]
    field: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.kind == "timeseries":
        field["custom"] = _lines(panel)
    else:
        field["color"] = {"mode": "thresholds"}
        # A counter that never moved and a series that does not exist look the same otherwise.
        field["noValue"] = "0" if panel.unit == "short" else "no data"
    return field


def _lines(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if panel.stacked else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
    }


_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
            # Every known outcome has a series: those that moved come before the zeros.
            "sortBy": "Max",
            "sortDesc": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": _REDUCE,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    },
    "bargauge": {
        "reduceOptions": _REDUCE,
        "displayMode": "gradient",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
    },
}


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "type": "link", "icon": "doc", "targetBlank": True}


def _siblings(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "title": "Dashboards",
        "type": "dashboards",
        "tags": list(dashboard.tags),
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _starts(dashboard: Dashboard) -> dict[str, Any]:
    selector = '{job=~"$job",instance=~"$instance"}'
    return {
        "name": "Starts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"process_start_time_seconds{selector} * 1000",
        "step": "1m",
        "titleFormat": f"{dashboard.title} started",
        "textFormat": "{{instance}}",
        "useValueForTime": "on",
    }


def _variables(anchor: str) -> list[dict[str, Any]]:
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
    }
    return [
        datasource,
        _variable("job", "Job", f"label_values({anchor}, job)"),
        _variable("instance", "Instance", f'label_values({anchor}{{job=~"$job"}}, instance)'),
    ]


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }

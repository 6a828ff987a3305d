"""Reads the dashboards' JSON the way Grafana does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
NAMES = ("overview", "delivery", "people")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a panel as it stands in the JSON."""

    panel: str
    kind: str
    expr: str
    exemplars: bool

    def concrete(self, rate_interval: str, over: str) -> str:
        """Return the PromQL with Grafana's variables replaced; all jobs and instances."""
        variables = {
            "$__rate_interval": rate_interval,
            "$__range": over,
            "$job": ".+",
            "$instance": ".+",
        }
        expr = self.expr
        for name, value in variables.items():
            expr = expr.replace(name, value)
        return expr


def dashboard(name: str) -> dict[str, Any]:
    """Return a committed dashboard."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return loaded


def dashboards() -> list[dict[str, Any]]:
    """Return all of them."""
    return [dashboard(name) for name in NAMES]


def panels() -> list[dict[str, Any]]:
    """Return the panels of all dashboards that show something."""
    return [panel for board in dashboards() for panel in board["panels"] if panel["type"] != "row"]


def asked() -> list[Asked]:
    """Return every query of every panel, and those of the annotations."""
    of_panels = [
        Asked(panel["title"], panel["type"], target["expr"], target["exemplar"])
        for panel in panels()
        for target in panel["targets"]
    ]
    of_annotations = [
        Asked(annotation["name"], "annotation", annotation["expr"], exemplars=False)
        for board in dashboards()
        for annotation in board["annotations"]["list"]
    ]
    return of_panels + of_annotations

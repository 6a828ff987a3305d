"""Writes the dashboards' JSON: `python -m dashboards.generate`."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards import delivery, overview, people
from dashboards.grafana import Dashboard, drawn

FOLDER = Path(__file__).parent
DASHBOARDS = {
    FOLDER / "overview.json": overview.DASHBOARD,
    FOLDER / "delivery.json": delivery.DASHBOARD,
    FOLDER / "people.json": people.DASHBOARD,
}


def written(dashboard: Dashboard) -> str:
    """Return a dashboard's file, the same for the same code."""
    return json.dumps(drawn(dashboard), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, dashboard in DASHBOARDS.items():
        path.write_text(written(dashboard))

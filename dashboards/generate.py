"""Writes the dashboards' JSON: `python -m dashboards.generate`."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.grafana import Dashboard, drawn
from dashboards.overview import DASHBOARD

OVERVIEW = Path(__file__).parent / "overview.json"


def written(dashboard: Dashboard) -> str:
    """Return a dashboard's file, the same for the same code."""
    return json.dumps(drawn(dashboard), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OVERVIEW.write_text(written(DASHBOARD))

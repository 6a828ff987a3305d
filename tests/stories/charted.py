"""Alerts whose expression is known, and the past that Prometheus has of it."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from receiver.domain.chart import MINUTE
from tests.real_alertmanager import wall_clock
from tests.real_prometheus import Past
from tests.stories.bodies import alert
from tests.stories.cards import Json
from tests.stories.setting import NOWHERE, source

METRIC: Final = "disk_used_percent"
PAST: Final[Past] = {
    'instance="db-1"': lambda ago: 95.0 - ago / MINUTE,
    'instance="db-2"': lambda ago: 60.0 + (ago // MINUTE) % 7,
}
GENERATOR: Final = f"http://prometheus/graph?g0.expr={quote(f'{METRIC} > 80')}"


def charted(instance: str = "db-1", **labels: str) -> Json:
    """Return an alert that began just now, whose address says what is drawn."""
    made = alert("DiskAlmostFull", instance=instance, severity="critical", **labels)
    began = datetime.fromtimestamp(wall_clock() / 1000, UTC).isoformat()
    return {**made, "startsAt": began, "generatorURL": GENERATOR}


def charted_by(url: str) -> dict[str, Any]:
    """Return the settings of a receiver that asks this Prometheus."""
    return {"alertmanagers": [{**source(NOWHERE), "prometheus": {"url": url}}]}

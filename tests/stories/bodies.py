"""Webhooks' bodies, as Alertmanager writes them."""

from typing import Any, Final

from receiver.domain.alert import fingerprint
from tests.stories.cards import Json

NEVER: Final = "0001-01-01T00:00:00Z"


def alert(name: str = "HighLoad", **labels: str) -> Json:
    """Return a firing alert as Alertmanager's webhook has it."""
    every = {"alertname": name, "severity": "critical", **labels}
    return {
        "status": "firing",
        "labels": every,
        "annotations": {"summary": f"{name} on {labels.get('instance', 'all')}"},
        "startsAt": "2026-01-01T00:00:00.123456789Z",
        "endsAt": NEVER,
        "generatorURL": "http://prometheus.test/graph?g0.expr=up",
        "fingerprint": fingerprint(every),
    }


def over(alert: Json) -> Json:
    """Return an alert as it is once it has resolved."""
    return {**alert, "status": "resolved", "endsAt": "2026-01-01T00:05:00Z"}


def body(*alerts: Json, peer: str = "http://am-0:9093", **keys: Any) -> Json:
    """Return a webhook's body; ``keys`` replace its fields."""
    name = alerts[0]["labels"].get("alertname", "")
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "receiver": "team",
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": {"alertname": name},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": peer,
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        **keys,
    }

"""Bodies of small groups whose alerts are told apart, on a card, by a marker of their own."""

import json
from dataclasses import dataclass

from receiver.domain.alert import fingerprint


@dataclass(slots=True)
class Group:
    """A group, the number of alerts posted so far, and of replies that must be there."""

    number: int
    alerts: int = 0
    replies: int = 0
    severity: str = "warning"
    name_as: str = ""

    @property
    def name(self) -> str:
        """The group's name, which only its own cards bear."""
        return self.name_as or f"cluster{self.number}z"

    def marker(self, alert: int) -> str:
        """Return the text by which an alert is known on a card."""
        return f"node{self.number}a{alert}z"

    def markers(self) -> list[str]:
        """Return the markers of all its alerts."""
        return [self.marker(alert) for alert in range(self.alerts)]

    def is_on(self, text: str) -> bool:
        """Whether a card's text shows this group."""
        return self.name in text or any(marker in text for marker in self.markers())

    def body(self, padding: int = 0) -> bytes:
        """Return the body that a real Alertmanager would post now, and so much that is unknown."""
        group_labels = {"alertname": "Crash", "cluster": self.name}
        return json.dumps(
            {
                "receiver": "feishu",
                "status": "firing",
                "alerts": [self._alert(alert) for alert in range(self.alerts)],
                "groupLabels": group_labels,
                "commonLabels": group_labels,
                "commonAnnotations": {},
                "externalURL": "http://alertmanager-0:9093",
                "version": "4",
                "groupKey": f'{{}}:{{alertname="Crash", cluster="{self.name}"}}',
                "truncatedAlerts": 0,
                "padding": "x" * padding,
                "notification_reason": (
                    "first notification" if self.alerts == 1 else "new alerts in group"
                ),
            }
        ).encode()

    def _alert(self, alert: int) -> dict[str, object]:
        labels = {
            "alertname": "Crash",
            "cluster": self.name,
            "instance": self.marker(alert),
            "severity": self.severity,
        }
        return {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": f"{self.marker(alert)} is down"},
            "startsAt": "2026-11-21T02:54:37.072Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": fingerprint(labels),
        }

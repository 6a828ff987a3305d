"""Bodies as a real Alertmanager writes them: a crash-looping pod's group, 14 labels an alert."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from receiver.domain.alert import fingerprint
from tests.bench.load import request_bytes

PATH = "/webhooks/alertmanager/bench"
TOKEN = "bench-token"  # noqa: S105  (this machine's alone)
NONE: Final[Mapping[str, str]] = MappingProxyType({})


def group_key(group: int) -> str:
    """Return a group's key as Alertmanager writes it."""
    return f'{{}}/{{team="platform"}}:{{alertname="KubePodCrashLooping", cluster="prod-{group}"}}'


def body(
    group: int, alerts: int, *, firing: bool = True, labels: Mapping[str, str] = NONE
) -> bytes:
    """Return one group's body; ``labels`` are put into each alert's own."""
    status = "firing" if firing else "resolved"
    group_labels = {"alertname": "KubePodCrashLooping", "cluster": f"prod-{group}"}
    return json.dumps(
        {
            "receiver": "feishu",
            "status": status,
            "alerts": [_alert(group, number, status, labels) for number in range(alerts)],
            "groupLabels": group_labels,
            "commonLabels": group_labels,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager-0:9093",
            "version": "4",
            "groupKey": group_key(group),
            "truncatedAlerts": 0,
            "notification_reason": "first notification" if firing else "all alerts resolved",
        },
        separators=(",", ":"),
    ).encode()


def _alert(group: int, number: int, status: str, more: Mapping[str, str]) -> dict[str, object]:
    labels = {
        "alertname": "KubePodCrashLooping",
        "cluster": f"prod-{group}",
        "container": "checkout",
        "endpoint": "http",
        "instance": f"10.0.{group % 250}.{number}:8080",
        "job": "kube-state-metrics",
        "namespace": "payments",
        "pod": f"checkout-7d9f8b6c5d-{group}-{number}",
        "prometheus": "monitoring/k8s",
        "reason": "CrashLoopBackOff",
        "service": "kube-state-metrics",
        "severity": "warning",
        "team": "platform",
        "uid": f"{group:08x}-{number:04x}-4c7e-9a57-000000000000",
        **more,
    }
    return {
        "status": status,
        "labels": labels,
        "annotations": {
            "summary": "Pod is crash looping.",
            "description": "Pod payments/checkout (checkout) is in waiting state "
            '(reason: "CrashLoopBackOff") for longer than 15 minutes.',
            "runbook_url": "https://runbooks.example.com/kubernetes/kubepodcrashlooping",
            "dashboard": "https://grafana.example.com/d/pods",
        },
        "startsAt": "2026-11-21T02:54:37.072Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-21T03:54:37.072Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        "fingerprint": fingerprint({"uid": labels["uid"]}),
    }


def posts(groups: range, alerts: int, *, firing: bool = True) -> list[bytes]:
    """Return the requests of so many groups, ready to be written."""
    return [request_bytes(PATH, body(group, alerts, firing=firing), TOKEN) for group in groups]


def post(group: int, *, firing: bool = True, labels: Mapping[str, str] = NONE) -> bytes:
    """Return the request of a group of one alert, ready to be written."""
    return request_bytes(PATH, body(group, 1, firing=firing, labels=labels), TOKEN)

"""The demonstration's incidents: small, believable, a few minutes long."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from receiver.past import GRAPH

Pairs = tuple[tuple[str, str], ...]


class Telling(NamedTuple):
    """An alert of the story."""

    labels: Pairs
    annotations: Pairs
    url: str


class Step(NamedTuple):
    """What happens, so many seconds after the beginning."""

    after: float
    says: str
    alerts: tuple[Telling, ...] = ()
    resolves: bool = False
    message: Mapping[str, Any] | None = None
    silences: Pairs = ()  # made with another tool


def _alert(name: str, annotations: Mapping[str, str], **labels: str) -> Telling:
    url = f"http://prometheus.example.com:9090/alerts?search={name}"
    pairs = tuple(sorted({"alertname": name, **labels}.items()))
    return Telling(pairs, tuple(sorted(annotations.items())), url)


_RUNBOOK = "https://runbooks.example.com/"


def _database(instance: str, share: str) -> Telling:
    told = _alert(
        "PostgresConnectionsNearLimit",
        {
            "summary": f"{instance} uses {share} of its connections",
            "description": "New sessions will be refused soon. 连接数即将耗尽,新的会话将被拒绝。",
            "runbook_url": f"{_RUNBOOK}postgres-connections",
            "dashboard_url": "https://grafana.example.com/d/postgres",
        },
        severity="critical",
        cluster="prod-east",
        namespace="payments",
        instance=instance,
        team="payments",
    )
    return told._replace(url=GRAPH)


def _pod(pod: str) -> Telling:
    return _alert(
        "KubePodCrashLooping",
        {
            "summary": f"Pod {pod} is restarting",
            "description": f"{pod} restarted 6 times in the last 10 minutes.",
            "runbook_url": f"{_RUNBOOK}crash-looping",
        },
        severity="warning",
        cluster="prod-east",
        namespace="checkout",
        pod=pod,
        team="platform",
    )


_DISK = _alert(
    "NodeFilesystemAlmostOutOfSpace",
    {
        "summary": "/var/lib has 7 % left on node-17",
        "description": "At the present rate it is full in about four hours.",
        "runbook_url": f"{_RUNBOOK}filesystem",
    },
    severity="warning",
    cluster="prod-west",
    instance="node-17:9100",
    mountpoint="/var/lib",
)
_LATENCY = _alert(
    "支付接口延迟过高",
    {
        "summary": "支付接口 P99 延迟 2.8 秒",
        "description": "过去 5 分钟 P99 超过 2 秒的阈值,影响下单。",
        "runbook_url": f"{_RUNBOOK}payment-latency",
    },
    severity="error",
    cluster="prod-east",
    service="payment-api",
)
_CERTIFICATE = _alert(
    "CertificateExpiresSoon",
    {"summary": "shop.example.com expires in 12 days"},
    severity="info",
    cluster="edge",
    host="shop.example.com",
)

STORY: tuple[Step, ...] = (
    Step(0, "a database runs out of connections (critical)", (_database("pg-0", "96 %"),)),
    Step(2, "a payment API is slow", (_LATENCY,)),
    Step(4, "two pods restart again and again", (_pod("cart-7f9c"), _pod("cart-b41d"))),
    Step(
        7,
        "an agent reports a customer's complaint",
        message={
            "id": "ticket-4711",
            "title": "退款未到账:3 位客户反馈",
            "text": "客户 4711、4715、4720 反馈退款超过 3 天未到账。",
            "severity": "warning",
            "state": "firing",
            "dedup_key": "refunds",
            "labels": {"queue": "refunds"},
            "links": [{"title": "Ticket", "url": "https://tickets.example.com/4711"}],
        },
    ),
    Step(10, "a disk fills up", (_DISK,)),
    Step(20, "the second database joins the incident", (_database("pg-1", "91 %"),)),
    Step(35, "a certificate will expire", (_CERTIFICATE,)),
    Step(
        42,
        "somebody silences that with another tool: its card turns grey",
        silences=(("alertname", "CertificateExpiresSoon"),),
    ),
    Step(50, "one pod recovers", (_pod("cart-7f9c"),), resolves=True),
    Step(
        65,
        "an agent says that the nightly report is ready",
        message={
            "id": "report-2031",
            "title": "Nightly report is ready",
            "markdown": "**1,284** orders, *3* refunds. [Open](https://reports.example.com/2031)",
            "severity": "info",
            "type": "post",
        },
    ),
    Step(
        72,
        "the certificate is renewed; silenced, Alertmanager says nothing, and its card turns green",
        (_CERTIFICATE,),
        resolves=True,
    ),
    Step(80, "the payment API recovers", (_LATENCY,), resolves=True),
    Step(100, "the last pod recovers", (_pod("cart-b41d"),), resolves=True),
    Step(130, "the first database recovers", (_database("pg-0", "96 %"),), resolves=True),
)

"""The stand-in Alertmanager answers and notifies as the real one does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import serve_app
from tests.real_alertmanager import Settings, real_alertmanager

FUTURE, PAST, EARLIER = "2099-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-01T00:00:00Z"
SILENCE: dict[str, Any] = {
    "matchers": [{"name": "alertname", "value": "Disk", "isRegex": False}],
    "startsAt": "2020-01-01T00:00:00Z",
    "endsAt": FUTURE,
    "createdBy": "李雷",
    "comment": "x",
}
UNKNOWN = "09467f6f-d7e8-47f8-867a-3f215d27055b"
LABELS = {"alertname": "Disk", "instance": "n1", "severity": "critical"}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SILENCE.items() if key != name}


def matching(**matcher: Any) -> dict[str, Any]:
    return {**SILENCE, "matchers": [{"name": "a", "value": "b", "isRegex": False, **matcher}]}


# Deleting an unknown silence and UTF-8 names are left out: they changed between versions.
CALLS: list[tuple[str, str, object]] = [
    ("POST", "/silences", SILENCE),
    *(("POST", "/silences", without(name)) for name in SILENCE),
    ("POST", "/silences", {**SILENCE, "matchers": []}),
    ("POST", "/silences", {**SILENCE, "createdBy": "", "comment": ""}),
    ("POST", "/silences", {**SILENCE, "startsAt": EARLIER, "endsAt": PAST}),
    ("POST", "/silences", {**SILENCE, "startsAt": PAST, "endsAt": EARLIER}),
    ("POST", "/silences", {**SILENCE, "startsAt": "2020-01-01T08:00:00+08:00"}),
    ("POST", "/silences", {**SILENCE, "id": UNKNOWN}),
    ("POST", "/silences", matching(value="")),
    ("POST", "/silences", matching(value=".*", isRegex=True)),
    ("POST", "/silences", matching(value="(", isRegex=True)),
    ("POST", "/silences", matching(value="(?=x)y", isRegex=True)),
    ("POST", "/silences", matching(isEqual=False)),
    ("POST", "/silences", matching(value="x|y", isRegex=True)),
    ("GET", f"/silence/{UNKNOWN}", None),
    ("GET", "/silence/abc", None),
    ("DELETE", "/silence/abc", None),
    ("GET", '/silences?filter=alertname="Disk"', None),
    ("GET", "/silences?filter=alertname", None),
    ("GET", "/alerts", None),
    ("GET", "/alerts/groups", None),
    ("GET", "/alerts?filter=foo", None),
    ("GET", '/alerts?filter={a="b"}', None),
    ("GET", '/alerts?filter=a="b"c', None),
    ("GET", '/alerts?filter=a="x",b="y"', None),
    ("GET", '/alerts?filter=a=~"("', None),
    ("GET", "/alerts?filter=a=b", None),
    ("GET", '/alerts?filter=alertname="Disk"', None),
    ("GET", "/alerts?receiver=(", None),
    ("GET", "/alerts?receiver=nobody", None),
    ("GET", "/alerts?silenced=false", None),
    ("GET", "/alerts?active=false", None),
    ("GET", "/status", None),
    ("GET", "/receivers", None),
    ("POST", "/alerts", [{"labels": {}}]),
    ("POST", "/alerts", {}),
    ("POST", "/alerts", [{"labels": {"a": "b"}, "startsAt": FUTURE, "endsAt": PAST}]),
]


def shape(document: object) -> object:
    """Return a document's structure: its keys and the kinds of its values, errors by their code."""
    if isinstance(document, dict):
        known = {key: shape(value) for key, value in document.items() if key in SHAPED}
        return known | ({"code": document["code"]} if "code" in document else {})
    if isinstance(document, list):
        return [shape(item) for item in document[:1]]
    return type(document).__name__


SHAPED = set(
    re.findall(
        r"\w+",
        "silenceID id status state updatedAt comment createdBy endsAt startsAt matchers name value "
        "isRegex isEqual labels fingerprint receivers generatorURL silencedBy "
        "inhibitedBy alerts receiver cluster peers config original versionInfo version message",
    )
)


async def asked(base: str) -> list[tuple[str, int, object]]:
    """Make every call of the list and note the status and the structure of the answer."""
    answers: list[tuple[str, int, object]] = []
    async with httpx.AsyncClient(base_url=f"{base}/api/v2", trust_env=False) as http:
        for method, path, body in CALLS:
            answer = await http.request(method, path, json=body)
            document = answer.json() if answer.content else None
            call = f"{method} {path} {json.dumps(body, ensure_ascii=False)}"
            answers.append((call, answer.status_code, shape(document)))
    return answers


async def fired(base: str, ended: str = "") -> None:
    """Fire two alerts, or end the first of them."""
    alerts = [{"labels": LABELS | {"instance": name}} for name in ("n1", "n2")]
    async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
        sent = [{**alerts[0], "endsAt": ended}] if ended else alerts
        (await http.post("/api/v2/alerts", json=sent)).raise_for_status()


async def test_every_call_is_answered_with_the_same_status_and_structure(tmp_path: Path) -> None:
    config = AlertmanagerConfig(receiver="receiver")
    async with real_alertmanager(tmp_path) as real, serve_alertmanager(config) as stand_in:
        for base in (real.url, stand_in.url):
            await fired(base)
        different = [
            (mine, truth)
            for mine, truth in zip(await asked(stand_in.url), await asked(real.url), strict=True)
            if mine != truth
        ]
        assert different == []


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[str, asyncio.Queue[tuple[dict[str, str], Any]]]]:
    """Serve a webhook that queues the headers and bodies it gets."""
    got: asyncio.Queue[tuple[dict[str, str], Any]] = asyncio.Queue()

    async def endpoint(request: Request) -> Response:
        got.put_nowait((dict(request.headers), await request.json()))
        return Response()

    app = Starlette(routes=[Route("/hook", endpoint, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        yield f"{url}/hook", got


def steady(headers: dict[str, str], body: Any) -> dict[str, Any]:
    """Keep of a webhook what does not depend on the moment or the version."""
    alerts = [{**alert, "startsAt": "", "endsAt": ""} for alert in body.pop("alerts")]
    kept = {"content-type", "authorization"}
    body.pop("notification_reason", None)
    body.pop("externalURL")
    return {
        **body,
        "alerts": [{**alert, "generatorURL": ""} for alert in alerts],
        "headers": {name: headers[name] for name in kept},
    }


async def told(base: str, got: asyncio.Queue[tuple[dict[str, str], Any]]) -> list[dict[str, Any]]:
    """Fire, end one of two alerts, and return the two webhooks of that."""
    await fired(base)
    first = steady(*await got.get())
    await fired(base, "2020-01-01T00:00:00Z")
    return [first, steady(*await got.get())]


async def test_a_groups_webhooks_say_the_same(tmp_path: Path) -> None:
    async with sink() as (url, got), asyncio.timeout(20):
        settings = Settings(webhook_url=url, token="tok", group_wait="100ms")  # noqa: S106
        async with real_alertmanager(tmp_path, settings) as real:
            expected = await told(real.url, got)
        config = AlertmanagerConfig(
            webhook_url=url,
            bearer_token="tok",  # noqa: S106
            receiver="receiver",
            group_wait_ms=100,
            group_interval_ms=1_000,
        )
        async with serve_alertmanager(config) as stand_in:
            assert await told(stand_in.url, got) == expected

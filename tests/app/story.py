"""A whole story with recognisable secrets, and everything that left the process meanwhile."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.app import App, real_world, running
from receiver.config import load
from receiver.sandbox.alertmanager import StandIn, serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.telemetry.logs import build_logging
from tests.app.made import HOOK_TOKEN, SECRETS, document, write
from tests.stage import PLATFORM, Stage, team_of
from tests.stories.bodies import alert, body, over
from tests.telemetry.sink import Sink, running_sink

Json = dict[str, Any]

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
CALLER: Final = "b7ad6b7169203331"
OPERATOR: Final = {"Authorization": f"Bearer {SECRETS['ops_token']}"}
COLLECTOR_SECRET: Final = "s3cr3t-collector-token-jjjj"  # noqa: S105  (made up)
FORM: Final = {"scope": "group", "duration": "1h", "comment": "planned work"}
OPENMETRICS: Final = {"Accept": "application/openmetrics-text; version=1.0.0"}


@dataclass
class Told:
    """What left the process but for the calls that were meant; and what must not be in it."""

    texts: dict[str, bytes] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    incident: Json = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    collector_headers: list[dict[str, str]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)  # the calls that were meant

    @property
    def events(self) -> list[Json]:
        """The log's lines."""
        return [json.loads(line) for line in self.texts["log"].splitlines()]

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name, the earliest first."""
        found = [span for span in self.spans if span.name == name]
        assert found, sorted({span.name for span in self.spans})
        return sorted(found, key=lambda span: span.start_time_unix_nano)


async def tell(folder: Path) -> Told:
    """Play the story to its end."""
    told = Told()
    with running_sink() as sink:
        async with staged(folder, sink) as (at, alertmanager):
            await _play(at, alertmanager)
            told.secrets = _secrets(at)
            await _collect(at, told)
            told.received = [call.call for call in at.desk.calls]
        _drain(sink, told)
    told.texts["log"] = (folder / "receiver.log").read_bytes()
    return told


@asynccontextmanager
async def staged(folder: Path, sink: Sink) -> AsyncIterator[tuple[Stage, StandIn]]:
    """Run a platform, an Alertmanager and a receiver that tells a collector of its spans."""
    async with (
        serve_sandbox() as sandbox,
        serve_alertmanager(AlertmanagerConfig()) as alertmanager,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        _rename(sandbox)
        config = document(folder, feishu=sandbox.platform_url, alertmanager=alertmanager.url)
        config["feishu"][0]["app_id"] = team_of(sandbox).app.app_id
        path = write(folder, config)
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR_SECRET}",
        }
        with (folder / "receiver.log").open("ab", buffering=0) as log:
            logs = build_logging("debug", log)
            restore = logs.capture_stdlib()
            app = App(
                load(path, environ), path=path, environ=environ, logs=logs, world=real_world()
            )
            try:
                async with running(app):
                    yield Stage(sandbox, app, http, folder), alertmanager
            finally:
                restore()


def _rename(sandbox: Sandbox) -> None:
    """Give the sandbox's app and group bot the secrets of the configuration."""
    app = team_of(sandbox).app
    app.secret = SECRETS["app_secret"]
    app.encrypt_key = SECRETS["encrypt_key"]
    app.verification_token = SECRETS["verification_token"]
    sandbox.state.add_hook(PLATFORM, token=HOOK_TOKEN, secret=SECRETS["hook_secret"])


async def _play(at: Stage, alertmanager: StandIn) -> None:
    app = team_of(at.sandbox).app
    assert (
        await at.desk.set_callback_url(app.app_id, f"{at.receiver.url}/callbacks/feishu/ops")
        is None
    )
    await _post(at, body(alert(instance="a")), headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    card = await at.message()
    await at.message(PLATFORM)
    await at.quiet()
    await at.click(card, "acknowledge")
    clicked = await at.click(card, "silence", **FORM)
    assert clicked.toast is not None
    assert clicked.toast["type"] == "success", clicked
    assert len(alertmanager.silences()) == 1
    await at.shows(card, "planned work")
    await at.quiet()
    await at.click(card, "unsilence")
    await at.quiet()
    await _trouble(at)
    await _post(at, body(over(alert(instance="a")), over(alert(instance="b"))))
    await at.turns(card, "green")
    await at.quiet()


async def _trouble(at: Stage) -> None:
    """Let go wrong what is likely to put a secret into a message."""
    at.desk.fault("hook", "reset")
    at.desk.revoke_tokens(team_of(at.sandbox).app.app_id)
    await _post(at, body(alert(instance="a"), alert(instance="b")))
    await at.quiet()
    url = f"{at.receiver.url}/webhooks/alertmanager/prod"
    secret = SECRETS["webhook_token"]
    wrong = [
        await at.http.post(f"{url}?token={secret}", content=b"{}", headers={"x-token": secret}),
        await at.http.post(url, content=secret.encode()[:4], headers=_bearer()),
        await at.http.post(f"{at.receiver.url}/callbacks/feishu/ops", content=b"{}"),
        await at.http.post(f"{at.receiver.ops_url}/-/reload"),
    ]
    assert [answer.status_code for answer in wrong] == [401, 400, 403, 401]
    agent = {"Authorization": f"Bearer {SECRETS['agent_token']}"}
    message = {"id": "m1", "title": "Hello", "text": "A text"}
    where = f"{at.receiver.url}/webhooks/agents/helper"
    assert (await at.http.post(where, json=message, headers=agent)).status_code == 200
    reload = await at.http.post(f"{at.receiver.ops_url}/-/reload", headers=OPERATOR)
    assert reload.status_code == 200


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS['webhook_token']}"}


async def _post(at: Stage, document: Json, headers: dict[str, str] | None = None) -> None:
    answer = await at.http.post(
        f"{at.receiver.url}/webhooks/alertmanager/prod",
        json=document,
        headers={**_bearer(), **(headers or {})},
    )
    assert answer.status_code == 200, answer.text


def _secrets(at: Stage) -> dict[str, str]:
    """Return what must be nowhere: the configured secrets, and the platform's own tokens."""
    tokens = [token.value for token in team_of(at.sandbox).app.tokens]
    clicks = list(at.desk.tenant.click_tokens)
    assert tokens
    assert clicks
    return {
        **SECRETS,
        "collector": COLLECTOR_SECRET,
        **{f"access token {number}": token for number, token in enumerate(tokens)},
        **{f"update token {number}": token for number, token in enumerate(clicks)},
    }


async def _collect(at: Stage, told: Told) -> None:
    ops = at.receiver.ops_url
    told.texts["metrics"] = (await at.http.get(f"{ops}/metrics")).content
    told.texts["openmetrics"] = (await at.http.get(f"{ops}/metrics", headers=OPENMETRICS)).content
    for path in ("incidents", "incidents/1", "cards", "dead-letters", "openapi.json"):
        answer = await at.http.get(f"{ops}/api/v1/{path}", headers=OPERATOR)
        assert answer.status_code == 200
        told.texts[path] = answer.content
    told.incident = json.loads(told.texts["incidents/1"])
    drawn: Sequence[Any] = [message.content for message in at.messages()]
    told.texts["cards drawn"] = json.dumps(drawn, ensure_ascii=False).encode()


def _drain(sink: Sink, told: Told) -> None:
    bodies = []
    while not sink.arrived.empty():
        headers, request = sink.arrived.get()
        told.collector_headers.append(headers)
        bodies.append(request.SerializeToString())
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                told.spans.extend(scope.spans)
    told.texts["spans"] = b"\n".join(bodies)

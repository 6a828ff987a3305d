"""The whole path on one machine: a sandbox, a receiver, an Alertmanager, a few incidents."""

import asyncio
import contextlib
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx

from receiver.app import App, real_world, running
from receiver.config import parse
from receiver.past import installed, prometheus
from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.preset import Team
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.story import STORY, Pairs, Step
from receiver.telemetry.logs import build_logging

BINARIES = ("alertmanager", "prometheus-alertmanager")
WEBHOOK_TOKEN = "demo-webhook-token"  # noqa: S105  (this machine's alone)
AGENT_TOKEN = "demo-agent-token"  # noqa: S105
START_PATIENCE = 10.0
# An alert that is not sent again for five minutes counts as resolved.
SEND_AGAIN = 60.0
ELSEWHERE = timedelta(hours=2)

CONFIG = """
server:
  listen: 127.0.0.1:{port}
  ops_listen: 127.0.0.1:0
store:
  url: sqlite:///{folder}/receiver.db
alertmanagers:
  - name: demo
    urls: ["{alertmanager}"]
    webhook_token: {webhook_token}
    reconcile_every: 5s
    warm_up: 0s
    {prometheus}
agents:
  - name: customer_service
    token: {agent_token}
    rate_limit: 100/m
    message_types: [text, post, card]
feishu:
  - name: ops
    base_url: {base_url}
    app_id: {app_id}
    app_secret: {app_secret}
    encrypt_key: {encrypt_key}
    verification_token: {verification_token}
  - name: legacy
    webhook_url: {hook_url}
    secret: {hook_secret}
oncall:
  - name: payments
    rotation:
      zone: Asia/Shanghai
      start: 2026-01-05
      every: 1d
      people: [li@example.com, han@example.com, alice@example.com]
escalations:
  - name: payments
    steps:
      - {{after: 1m, via: mention, whom: ["oncall:payments"]}}
      - {{after: 3m, via: app}}
routes:
  - match: ['source="customer_service"']
    targets: ['ops:{service}']
  - match: ['severity="critical"']
    targets: ['ops:{production}']
    mention: [li@example.com]
    escalation: payments
  - match: ['team="platform"']
    targets: ['ops:{platform}', 'legacy']
  - targets: ['ops:{production}']
"""

ALERTMANAGER = """
route:
  receiver: feishu
  group_by: [alertname, cluster]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 1h
receivers:
  - name: feishu
    webhook_configs:
      - url: {url}/webhooks/alertmanager/demo
        send_resolved: true
        http_config:
          authorization: {{type: Bearer, credentials: {token}}}
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demonstration.

    ``real`` names the Alertmanager's binary, and ``charts`` a Prometheus's address, or are empty.
    """

    sandbox: Sandbox
    app: App
    alertmanager: str
    real: str
    charts: str = ""


async def run_demo(say: Callable[[str], None], *, port: int = 0, once: bool = False) -> None:
    """Tell the story, and stay until interrupted; ``once`` ends with the story."""
    async with demonstration(page_port=port) as demo:
        what = f"the real Alertmanager ({demo.real})" if demo.real else STAND_IN
        say(f"Alertmanager  {demo.alertmanager}  {what}")
        say(f"receiver      {demo.app.url}  metrics {demo.app.ops_url}/metrics")
        say(f"charts        {demo.charts or NO_CHARTS}")
        say(f"page          {demo.sandbox.page_url}  <- open this; click, or write: help")
        async with httpx.AsyncClient(trust_env=False) as http:
            await tell(demo, http, say)
            if not once:
                say("the story is told; stop with Ctrl-C")
                await _keep_firing(demo, http)


NO_CHARTS = "none; install prometheus to see charts on cards"
STAND_IN = "the sandbox's stand-in; install prometheus-alertmanager to see the real one"


@contextlib.asynccontextmanager
async def demonstration(page_port: int = 0) -> AsyncIterator[Demo]:
    """Run sandbox, receiver and Alertmanager until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="receiver-demo-")))
        sandbox = await stack.enter_async_context(serve_sandbox(ports=(0, page_port)))
        team = sandbox.team
        if team is None:
            raise LookupError("the sandbox has no team")
        listen, alerts = _free_port(), _free_port()
        url = f"http://127.0.0.1:{listen}"
        binary = _binary()
        if binary:
            alertmanager = await stack.enter_async_context(_real(binary, folder, url, alerts))
        else:
            alertmanager = await stack.enter_async_context(_stand_in(url))
        team.app.callback_url = f"{url}/callbacks/feishu/ops"
        charts = await _charts(stack, folder)
        place = Place(folder, listen, alertmanager, charts)
        app = await stack.enter_async_context(running(_receiver(place, sandbox, team)))
        yield Demo(sandbox, app, alertmanager, binary, charts)


class Place(NamedTuple):
    """Where a demonstration runs, and what it talks to; ``prometheus`` may be empty."""

    folder: Path
    port: int
    alertmanager: str
    prometheus: str


async def _charts(stack: contextlib.AsyncExitStack, folder: Path) -> str:
    """Start the Prometheus of the charts, if it is installed; return its address."""
    if not installed():
        return ""
    past = prometheus(folder / "prometheus", _free_port(), real_world().now())
    url = await stack.enter_async_context(past)
    async with asyncio.timeout(START_PATIENCE):
        await _answers(f"{url}/-/ready", lambda: True)
    return url


def _receiver(place: Place, sandbox: Sandbox, team: Team) -> App:
    folder = place.folder
    production, platform, service = (chat.chat_id for chat in team.chats)
    text = CONFIG.format(
        port=place.port,
        folder=folder,
        alertmanager=place.alertmanager,
        prometheus=f"prometheus: {{url: {place.prometheus}}}" if place.prometheus else "",
        webhook_token=WEBHOOK_TOKEN,
        agent_token=AGENT_TOKEN,
        base_url=sandbox.platform_url,
        app_id=team.app.app_id,
        app_secret=team.app.secret,
        encrypt_key=team.app.encrypt_key,
        verification_token=team.app.verification_token,
        hook_url=sandbox.hook_url,
        hook_secret=team.hook.secret,
        production=production,
        platform=platform,
        service=service,
    )
    path = folder / "receiver.yaml"
    path.write_text(text, encoding="utf-8")
    config = parse(text, {}, folder)
    log = (folder / "receiver.log").open("wb", buffering=0)
    logs = build_logging("info", log)
    return App(config, path=path, environ={}, logs=logs, world=real_world())


def _binary() -> str:
    return next((found for name in BINARIES if (found := shutil.which(name))), "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def _stand_in(url: str) -> AsyncIterator[str]:
    config = AlertmanagerConfig(
        webhook_url=f"{url}/webhooks/alertmanager/demo",
        bearer_token=WEBHOOK_TOKEN,
        group_by=("alertname", "cluster"),
        group_wait_ms=1_000,
        group_interval_ms=5_000,
        repeat_interval_ms=3_600_000,
    )
    async with serve_alertmanager(config) as stand_in:
        yield stand_in.url


@contextlib.asynccontextmanager
async def _real(binary: str, folder: Path, url: str, port: int) -> AsyncIterator[str]:
    path = folder / "alertmanager.yaml"
    path.write_text(ALERTMANAGER.format(url=url, token=WEBHOOK_TOKEN), encoding="utf-8")
    address = f"127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        binary,
        f"--config.file={path}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        f"--web.external-url=http://{address}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _until_ready(f"http://{address}", process)
        yield f"http://{address}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_PATIENCE):
        if await _answers(f"{url}/-/ready", lambda: process.returncode is None):
            return
    raise RuntimeError(f"Alertmanager ended with code {process.returncode} before it was ready")


async def _answers(url: str, alive: Callable[[], bool]) -> bool:
    """Wait until an address answers well; False where its program ended before."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while alive():
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get(url)).is_success:
                    return True
            await asyncio.sleep(0.05)
    return False


async def tell(demo: Demo, http: httpx.AsyncClient, say: Callable[[str], None]) -> None:
    """Play the story's steps at their times."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in STORY:
        await asyncio.sleep(max(began + step.after - loop.time(), 0))
        say(f"{step.after:5.0f} s  {step.says}")
        await _play(demo, http, step)


async def _play(demo: Demo, http: httpx.AsyncClient, step: Step) -> None:
    if step.message is not None:
        url = f"{demo.app.url}/webhooks/agents/customer_service"
        headers = {"Authorization": f"Bearer {AGENT_TOKEN}"}
        (await http.post(url, json=step.message, headers=headers)).raise_for_status()
    if step.alerts:
        await _post(demo, http, step)
    if step.silences:
        await _silence(demo, http, step.silences)


async def _silence(demo: Demo, http: httpx.AsyncClient, labels: Pairs) -> None:
    """Make a silence as another tool does: past the receiver."""
    now = datetime.now(UTC)  # noqa: TID251  (the demonstration lives in real time)
    body = {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in labels
        ],
        "startsAt": now.isoformat(),
        "endsAt": (now + ELSEWHERE).isoformat(),
        "createdBy": "zhao (amtool)",
        "comment": "the new certificate is being rolled out",
    }
    (await http.post(f"{demo.alertmanager}/api/v2/silences", json=body)).raise_for_status()


async def _post(demo: Demo, http: httpx.AsyncClient, step: Step) -> None:
    now = datetime.now(UTC).isoformat()  # noqa: TID251  (the demonstration lives in real time)
    alerts = []
    for alert in step.alerts:
        body = {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "generatorURL": alert.url,
        }
        if step.resolves:
            body["endsAt"] = now
        alerts.append(body)
    (await http.post(f"{demo.alertmanager}/api/v2/alerts", json=alerts)).raise_for_status()


async def _keep_firing(demo: Demo, http: httpx.AsyncClient) -> None:
    """Send what still fires again and again, as Prometheus would."""
    resolved = {alert.labels for step in STORY if step.resolves for alert in step.alerts}
    while True:
        await asyncio.sleep(SEND_AGAIN)
        for step in STORY:
            firing = tuple(alert for alert in step.alerts if alert.labels not in resolved)
            if firing and not step.resolves:
                await _post(demo, http, Step(0, "", alerts=firing))

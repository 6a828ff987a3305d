"""A receiver at work: all of it, with a platform, an Alertmanager and a collector around it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import yaml

from receiver.app import App, real_world, running
from receiver.config import parse
from receiver.sandbox.alertmanager import serve_alertmanager
from receiver.sandbox.notify import AlertmanagerConfig
from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import App as SandboxApp
from receiver.telemetry.logs import build_logging
from tests.dashboards.people import (
    approved,
    card_of,
    drawing,
    helped,
    muted_elsewhere,
    peopled,
    sources,
    streamed,
)
from tests.stage import (
    PLATFORM,
    PRODUCTION,
    SERVICE,
    TOKEN,
    Stage,
    app_of,
    bot_of,
    connect,
    settings,
    team_of,
)
from tests.stories.bodies import alert, body, over
from tests.telemetry.sink import running_sink

START_SECONDS = 30
NOWHERE = "oc_of_nobody"
GONE = "oc_that_is_gone"
# More than a chat's limit lets through in a turn: some wait, and some are over before.
BURST = 6
# More than a chat can be told within the time after which there is a storm.
FLOOD = 20
STORM = {"after": "1s"}
QUOTA = 1_000_000
# An error of the platform itself, after which the call is made again.
INTERNAL = 2200
FORM = {"scope": "group", "duration": "1h"}
ROUTES = [
    {
        "match": ['severity="critical"'],
        "targets": [f"ops:{PRODUCTION}", "legacy"],
        "escalation": "database",
    },
    {"match": ['team="nobody"'], "targets": [f"ops:{NOWHERE}"]},
    {"match": ['team="moved"'], "targets": [f"ops:{GONE}"], "fallback": "legacy"},
    {"match": ['team="flood"'], "targets": [f"ops:{SERVICE}"]},
    {"targets": [f"ops:{PLATFORM}"]},
]


@dataclass
class Working:
    """A receiver at work in a thread of its own."""

    metrics_url: str = ""
    failures: list[BaseException] = field(default_factory=list)


@contextmanager
def working(folder: Path) -> Iterator[Working]:
    """Run a receiver, and traffic through it, until the block ends; failures of it are raised."""
    made = Working()
    ready: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Queue()
    thread = threading.Thread(target=_work, args=(folder, made, ready), daemon=True)
    thread.start()
    loop, stop = ready.get(timeout=START_SECONDS)
    try:
        yield made
    finally:
        with contextlib.suppress(RuntimeError):  # its loop is closed: it has failed
            loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)
        if made.failures:
            raise made.failures[0]
    assert not thread.is_alive()


def _work(folder: Path, made: Working, ready: "Queue[Any]") -> None:
    try:
        asyncio.run(_until_stopped(folder, made, ready))
    except BaseException as failure:  # noqa: BLE001  (raised again in the test's own thread)
        made.failures.append(failure)


async def _until_stopped(folder: Path, made: Working, ready: "Queue[Any]") -> None:
    stop = asyncio.Event()
    async with _at_work(folder) as (at, alertmanager, app):
        made.metrics_url = f"{at.receiver.ops_url}/metrics"
        ready.put((asyncio.get_running_loop(), stop))
        number = 0
        while not stop.is_set():
            number += 1
            await _turn(at, number)
            await approved(at, f"Wide{number}")
            await muted_elsewhere(at, alertmanager, f"Muted{number}")
            await helped(at, app)


@asynccontextmanager
async def _at_work(folder: Path) -> AsyncIterator[tuple[Stage, str, SandboxApp]]:
    with running_sink() as sink, (folder / "receiver.log").open("ab", buffering=0) as log:
        async with (
            serve_sandbox() as sandbox,
            serve_alertmanager(AlertmanagerConfig()) as alertmanager,
            drawing() as prometheus,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            line, duty = streamed(sandbox)
            document = settings(
                sandbox,
                folder,
                alertmanagers=sources(alertmanager.url, prometheus),
                routes=ROUTES,
                feishu=[{**app_of(sandbox), "monthly_quota": QUOTA}, bot_of(sandbox), duty],
                storm=STORM,
                **peopled(folder),
            )
            path = folder / "receiver.yaml"
            app = App(
                parse(yaml.safe_dump(document), {}, folder),
                path=path,
                environ={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url},
                logs=build_logging("warning", log),
                world=real_world(),
            )
            async with running(app):
                await connect(sandbox, app)
                yield Stage(sandbox, app, http, folder), alertmanager.url, line


async def _turn(at: Stage, number: int) -> None:
    """Let something of everything happen once."""
    at.desk.fault("create", "code", code=INTERNAL)
    await at.fire(alert(f"Critical{number}"))
    await at.fire(alert(f"Critical{number}"))
    await at.tell(id=f"message-{number}", title=f"Message {number}")
    await _burst(at, number)
    await _flood(at, number)
    await _refused(at, number)
    card = await card_of(at, f"Critical{number}")
    await at.click(card, "acknowledge")
    await at.click(card, "silence", **FORM)
    await at.click(card, "unsilence")
    await at.fire(over(alert(f"Critical{number}")))
    # A new token each turn, as if each turn were two hours.
    at.desk.revoke_tokens(team_of(at.sandbox).app.app_id)


async def _burst(at: Stage, number: int) -> None:
    """Fire more than a chat may be told at once; half of it is over before it can be shown."""
    alerts = [
        alert(f"Warning{number}-{one}", severity="warning", team="db") for one in range(BURST)
    ]
    for one in alerts:
        await at.fire(one)
    for one in alerts[BURST // 2 :]:
        await at.fire(over(one))


async def _flood(at: Stage, number: int) -> None:
    """Begin a storm, and keep it going."""
    for one in range(FLOOD if number == 1 else 1):
        await at.fire(alert(f"Flood{number}-{one}", severity="warning", team="flood"))


async def _refused(at: Stage, number: int) -> None:
    """Send what is turned away, what can be shown to nobody, and what a fallback takes over."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{at.receiver.url}/webhooks/alertmanager/prod"
    unreadable = await at.http.post(url, content=b"no JSON", headers=bearer)
    assert unreadable.status_code == httpx.codes.BAD_REQUEST
    stranger = await at.http.post(url, json=body(alert()))
    assert stranger.status_code == httpx.codes.UNAUTHORIZED
    await at.fire(alert(f"Lost{number}", severity="warning", team="nobody"))
    await at.fire(alert(f"Moved{number}", severity="warning", team="moved"))

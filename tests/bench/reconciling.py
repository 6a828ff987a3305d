"""What it costs to compare 10,000 open alerts with what their source says, and to correct them."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.web import address_of, listen, serving
from tests.bench.bodies import TOKEN, body, posts
from tests.bench.load import press
from tests.bench.service import Service, service

ALERTS = 10_000
SHAPES = {1: "one an incident", 100: "100 an incident"}
EVERY = 5  # seconds between rounds
ROUNDS = 4
LOOK = 0.1
SILENCE = "09467f6f-d7e8-47f8-867a-3f215d27055b"
DURATION = "receiver_reconcile_duration_seconds"
CORRECTIONS = "receiver_reconcile_corrections_total"
BEGAN = "2026-01-01T00:00:00.000Z"

Json = dict[str, Any]


class Told:
    """An Alertmanager that says what it is told to say, at no cost."""

    def __init__(self, groups: int, each: int) -> None:
        bodies = [json.loads(body(group, each)) for group in range(groups)]
        self._answers = {muted: _answers(bodies, muted=muted) for muted in (False, True)}
        self.muted = False

    async def answer(self, request: Request) -> Response:
        """Answer one question."""
        content = self._answers[self.muted][request.url.path.removeprefix("/api/v2/")]
        return Response(content, media_type="application/json")


def _answers(bodies: list[Json], *, muted: bool) -> dict[str, bytes]:
    told = [[_alert(alert, muted=muted) for alert in one["alerts"]] for one in bodies]
    groups = [
        {"labels": one["groupLabels"], "receiver": {"name": one["receiver"]}, "alerts": alerts}
        for one, alerts in zip(bodies, told, strict=True)
    ]
    said: dict[str, Any] = {
        "alerts": [alert for alerts in told for alert in alerts],
        "alerts/groups": groups,
        "silences": [_SILENCE] if muted else [],
        "status": {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": ""},
            "uptime": BEGAN,
            "versionInfo": {"version": "0.33.1"},
        },
    }
    return {path: json.dumps(answer).encode() for path, answer in said.items()}


_SILENCE: Json = {
    "id": SILENCE,
    "matchers": [{"name": "team", "value": "platform", "isRegex": False, "isEqual": True}],
    "startsAt": BEGAN,
    "endsAt": "2036-01-01T00:00:00.000Z",
    "updatedAt": BEGAN,
    "createdBy": "bench",
    "comment": "",
    "status": {"state": "active"},
}


def _alert(alert: Json, *, muted: bool) -> Json:
    names = ("labels", "annotations", "startsAt", "generatorURL", "fingerprint")
    state = "suppressed" if muted else "active"
    by = [SILENCE] if muted else []
    return {
        **{name: alert[name] for name in names},
        "endsAt": "2036-01-01T00:00:00.000Z",
        "updatedAt": BEGAN,
        "receivers": [{"name": "feishu"}],
        "status": {"state": state, "silencedBy": by, "inhibitedBy": [], "mutedBy": []},
    }


@contextlib.asynccontextmanager
async def _telling(told: Told) -> AsyncIterator[str]:
    paths = ("alerts", "alerts/groups", "silences", "status")
    app = Starlette(routes=[Route(f"/api/v2/{path}", told.answer) for path in paths])
    listener = listen("127.0.0.1", 0)
    async with serving(app, listener, 1):
        yield address_of(listener)


async def run(scale: float) -> None:
    """Print the seconds of a round and of processor time, and what webhooks meet meanwhile."""
    total = round(ALERTS * scale)
    print(f"\nreconcile: {total} open alerts, a round every {EVERY} s; a round with its questions")
    print(
        f"{'alerts':16} {'the truth':12} {'rounds':>6} {'round s':>8} {'cpu s':>6} "
        f"{'corrected':>9} {'webhook p99 ms':>14}"
    )
    for each, name in SHAPES.items():
        told = Told(total // each, each)
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            async with _telling(told) as url:
                source = {"name": "bench", "urls": [url], "webhook_token": TOKEN}
                source["reconcile_every"] = f"{EVERY}s"
                keys = {"alertmanagers": [source]}
                async with service(Path(folder), keys=keys) as running:
                    await press(running.port, iter(posts(range(total // each), each)), 16)
                    await _measure(name, "the same", told, running)
                    await _measure(name, "differs", told, running)


async def _measure(name: str, kind: str, told: Told, running: Service) -> None:
    await _rounds(running, 2)
    before, cpu = await _figures(running), running.cpu()
    slowest = 0.0
    for _ in range(ROUNDS):
        if kind == "differs":
            told.muted = not told.muted
        reached = (await _figures(running))[0] + 1
        while (await _figures(running))[0] < reached:
            spare = posts(range(10**6, 10**6 + 20), 1, firing=False)
            slowest = max(slowest, (await press(running.port, iter(spare), 1)).p99)
            await asyncio.sleep(LOOK)
    after, used = await _figures(running), running.cpu() - cpu
    rounds = after[0] - before[0]
    print(
        f"{name:16} {kind:12} {rounds:6.0f} {(after[1] - before[1]) / rounds:8.2f} "
        f"{used / rounds:6.2f} {(after[2] - before[2]) / rounds:9.0f} {slowest:14.1f}",
        flush=True,
    )


async def _rounds(running: Service, count: int) -> None:
    reached = (await _figures(running))[0] + count
    while (await _figures(running))[0] < reached:  # noqa: ASYNC110  (in another process)
        await asyncio.sleep(LOOK)


async def _figures(running: Service) -> tuple[float, float, float]:
    """Return how many rounds there were, the seconds they took, and the corrections made."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{running.ops_port}/metrics")).text
    found = dict.fromkeys((f"{DURATION}_count", f"{DURATION}_sum", CORRECTIONS), 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in found:
                found[sample.name] += sample.value
    rounds, seconds, corrections = found.values()
    return rounds, seconds, corrections

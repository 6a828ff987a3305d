"""Thousands of incidents in a minute before twenty chats of one app.

The bodies are posted as Alertmanager writes them, at an even pace: the real one does not flush
5,000 groups in a minute on a small machine. Everything is measured from the sandbox's own log.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from receiver.sandbox.server import Sandbox, serve_sandbox
from tests.stories.bodies import alert, body
from tests.stories.cards import Json
from tests.stories.scene import Scene, paced, per_minute, reading, scene, storm
from tests.stories.setting import TOKEN

pytestmark = pytest.mark.soak

CHATS = 20
PER_SECOND = 5_000 / 60
CRITICAL_EVERY = 100
CRITICAL_MS = 2_000
REACHED_MS = 30_000
PER_MINUTE = 1_000  # what the platform lets an app create
USED_LEAST = 0.9
DRAIN = 360.0
MEMBERS = 8  # connections that the load comes over


@dataclass
class Flood:
    """Incidents, one of each alert; ``posted`` has the Unix ms at which each was sent to us."""

    at: Scene
    count: int
    posted: dict[str, int] = field(default_factory=dict)

    def critical(self) -> dict[str, int]:
        """Return when each critical one was posted."""
        names = [_name(number) for number in range(self.count) if _severity(number) == "critical"]
        return {name: self.posted[name] for name in names}

    async def comes(self) -> None:
        """Post everything at an even pace."""
        waiting: asyncio.Queue[int | None] = asyncio.Queue()
        load = [asyncio.ensure_future(self._load(waiting)) for _ in range(MEMBERS)]
        async for number in paced(number / PER_SECOND for number in range(self.count)):
            waiting.put_nowait(number)
        for _ in load:
            waiting.put_nowait(None)
        await asyncio.gather(*load)

    async def _load(self, waiting: "asyncio.Queue[int | None]") -> None:
        """Post over one connection; its own few lines, since a minute's load must cost little."""
        host, port = self.at.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            while (number := await waiting.get()) is not None:
                self.posted[_name(number)] = self.at.now()
                writer.write(_request(number))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
        finally:
            writer.close()


def _name(number: int) -> str:
    return f"pod-{number:05}"


def _chat(number: int) -> str:
    return f"oc_flood_{number % CHATS:02}"


def _severity(number: int) -> str:
    """Return a severity: one critical in each hundred, in one chat after the other."""
    hundred, place = divmod(number, CRITICAL_EVERY)
    return "critical" if place == hundred % CRITICAL_EVERY else "warning"


def _request(number: int) -> bytes:
    one = alert(
        "PodCrashing", severity=_severity(number), instance=_name(number), team=_chat(number)
    )
    key = f'{{}}:{{alertname="PodCrashing",instance="{_name(number)}"}}'
    content = msgspec.json.encode(body(one, groupKey=key))
    head = (
        "POST /webhooks/alertmanager/prod HTTP/1.1\r\nHost: receiver\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _routes() -> list[Json]:
    return [
        {"match": [f'team="{_chat(number)}"'], "targets": [f"ops:{_chat(number)}"]}
        for number in range(CHATS)
    ]


def _found(sandbox: Sandbox) -> None:
    for number in range(CHATS):
        sandbox.state.add_chat(f"team {number}", chat_id=_chat(number))


@asynccontextmanager
async def flooding(folder: Path, count: int, *, storms: bool) -> AsyncIterator[Flood]:
    """Run the receiver before twenty chats until the block ends."""
    async with serve_sandbox() as sandbox:
        sandbox.state.turn(refused_calls_count=True)
        _found(sandbox)
        async with scene(sandbox, folder, routes=_routes(), **storm(enabled=storms)) as at:
            yield Flood(at, count)


@pytest.mark.soak(340)
async def test_five_thousand_incidents_use_the_apps_rate_and_critical_ones_do_not_wait(
    tmp_path: Path,
) -> None:
    async with (
        flooding(tmp_path, 5_000, storms=False) as flood,
        reading(flood.at.sandbox) as told,
    ):
        await flood.comes()
        await told.of(flood.posted, DRAIN)
        assert told.first.keys() == flood.posted.keys()
        assert len(flood.at.desk.tenant.messages) == flood.count
        assert told.waits(flood.critical(), CRITICAL_MS) == {}
        assert flood.at.limited() == []
        minutes = list(per_minute(flood.at.calls("create")))
        assert len(minutes) >= 4
        assert min(minutes) >= USED_LEAST * PER_MINUTE, minutes


@pytest.mark.soak(40)
async def test_in_storm_mode_a_flood_is_told_of_in_half_a_minute_and_critical_ones_do_not_wait(
    tmp_path: Path,
) -> None:
    async with (
        flooding(tmp_path, 2_000, storms=True) as flood,
        reading(flood.at.sandbox) as told,
    ):
        await flood.comes()
        await told.of(flood.posted, REACHED_MS / 1000)
        assert told.waits(flood.critical(), CRITICAL_MS) == {}
        assert told.waits(flood.posted, REACHED_MS) == {}
        assert flood.at.limited() == []

"""Feishu is away for a hundred seconds, in each way it can be, before an app and a group bot.

What fires before, during and after it comes from the real Alertmanager; some of it ends before
anybody could be shown it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import Message
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock
from tests.stories.cards import Json, colour
from tests.stories.gate import Gate, gate
from tests.stories.scene import (
    Scene,
    Told,
    moment,
    names_in,
    reading,
    report,
    said_in,
    scene,
    storm,
)
from tests.stories.setting import PLATFORM, PRODUCTION, TOKEN, app_of, bot_of, source
from tests.stories.witness import Witness, witness

pytestmark = pytest.mark.soak

KINDS = ("json", "refused", "hang", "too_many")  # HTTP 500, no port, no answer, 400 with 9499
OUTAGE = 100.0
# An incident that ends within 30 s, unseen and untried, need not be shown: these last longer.
FIRES_FOR = 50.0
FOR_EVER = 1_000_000
BEFORE = [f"before-{number:02}" for number in range(6)]
DURING = [f"during-{number:02}" for number in range(50)]
ENDED = [*BEFORE[:2], *DURING[:10]]
UNSEEN = DURING[:10]
STILL = [*BEFORE[2:], *DURING[10:]]
CRITICAL = {"during-00", "during-20", "during-21", "during-22"}
# Half a minute to notice, and what a chat's and a bot's five a second need for sixty messages.
RECOVERY = 45.0
# A digest may have told of them, if the limits had become low: own cards come when it closes.
LEISURE = 120.0
CHATS = (PRODUCTION, PLATFORM)


@dataclass
class Outage:
    """A platform that can go away and come back."""

    sandbox: Sandbox
    door: Gate
    kind: str

    async def begins(self) -> None:
        """Let every call fail from now on."""
        if self.kind == "refused":
            await self.door.shut()
        else:
            self.sandbox.state.fault("*", self.kind, times=FOR_EVER)

    async def ends(self) -> None:
        """Let every call do its work again; those that hang are not answered any more."""
        if self.kind == "refused":
            await self.door.open()
        else:
            self.sandbox.state.tenant.faults.clear()


@dataclass
class Play:
    """All parts of the story."""

    at: Scene
    alertmanager: RealAlertmanager
    ear: Witness
    outage: Outage
    told: Told

    async def fire(self, names: Sequence[str]) -> None:
        """Fire these, and wait until the receiver has them."""
        await report(self.at.http, self.alertmanager.url, map(_labels, names))
        await self.ear.hears("firing", *names)

    async def resolve(self, names: Sequence[str]) -> None:
        """End these, and wait until the receiver knows."""
        ends = moment(wall_clock())
        await report(self.at.http, self.alertmanager.url, map(_labels, names), ends)
        await self.ear.hears("resolved", *names)

    def shown(self, chat: str, names: Sequence[str]) -> dict[str, list[Message]]:
        """Return a chat's messages that say each of these names, replies aside."""
        return said_in(self.at.messages(chat), names)


def _labels(name: str) -> dict[str, str]:
    severity = "critical" if name in CRITICAL else "warning"
    return {"alertname": "DiskFull", "instance": name, "severity": severity}


@asynccontextmanager
async def playing(folder: Path, kind: str, **keys: Json) -> AsyncIterator[Play]:
    """Run Alertmanager, a witness, the receiver, a gate and the sandbox until the block ends."""
    grouped = Settings(group_by=("alertname", "instance"))
    async with (
        real_alertmanager(folder) as alertmanager,
        serve_sandbox() as sandbox,
        gate(sandbox.platform_url) as door,
        scene(
            sandbox,
            folder,
            alertmanagers=[source(alertmanager.url)],
            feishu=[app_of(sandbox, door.url), bot_of(sandbox, door.url)],
            routes=[{"targets": [f"ops:{PRODUCTION}", "legacy"]}],
            **keys,
        ) as at,
        witness(at.url, at.now) as ear,
        reading(sandbox) as told,
    ):
        url = f"{ear.url}/webhooks/alertmanager/prod"
        replace(grouped, webhook_url=url, token=TOKEN).arguments(folder)
        (await at.http.post(f"{alertmanager.url}/-/reload")).raise_for_status()
        yield Play(at, alertmanager, ear, Outage(sandbox, door, kind), told)


@pytest.mark.soak(250)
async def test_after_an_outage_all_is_shown_and_nothing_ends_that_nobody_saw(
    tmp_path: Path,
) -> None:
    # Each with a platform and a receiver of its own, all at once: most of it is waiting.
    ends = await asyncio.gather(
        *(_plays(_folder(tmp_path, kind), kind) for kind in KINDS), return_exceptions=True
    )
    problems = [end for end in ends if isinstance(end, BaseException)]
    if problems:
        raise BaseExceptionGroup("after an outage", problems)


def _folder(tmp_path: Path, kind: str) -> Path:
    folder = tmp_path / kind
    folder.mkdir()
    return folder


async def _plays(folder: Path, kind: str) -> None:
    try:
        await _play(folder, kind)
    except BaseException as problem:
        problem.add_note(f"the outage was: {kind}")
        raise


async def _play(tmp_path: Path, kind: str) -> None:
    async with playing(tmp_path, kind, **storm(enabled=True)) as play:
        at = play.at
        await at.calm(10)
        await at.calm(2 * RECOVERY, ahead=OUTAGE)
        await play.fire(BEFORE)
        for chat in CHATS:
            await at.sent(chat, len(BEFORE), 10)
        await at.until_shown()
        began = at.now()
        await play.outage.begins()
        await play.fire(DURING)
        await at.never(_grown(at, len(BEFORE)), FIRES_FOR)
        await play.resolve(ENDED)
        await at.never(_grown(at, len(BEFORE)), OUTAGE - (at.now() - began) / 1000)
        await play.outage.ends()
        over = at.now()
        for chat in CHATS:
            await _recovers(play, chat, RECOVERY - (at.now() - over) / 1000)
        await at.until_shown(LEISURE)
        for chat in CHATS:
            _check(play, chat)
        assert not play.ear.refusals


async def _recovers(play: Play, chat: str, limit: float) -> None:
    try:
        await play.at.until(lambda: _true(play, chat), limit)
    except TimeoutError:
        told = play.shown(chat, [*STILL, *UNSEEN])
        missing = [name for name, messages in told.items() if not messages]
        raise AssertionError(f"{chat}: {RECOVERY} s after the outage {missing}") from None


def _grown(at: Scene, count: int) -> Callable[[], bool]:
    return lambda: any(len(at.messages(chat)) > count for chat in CHATS)


def _true(play: Play, chat: str) -> bool:
    """Tell whether a chat says of each alert what is so, however it says it."""
    told = play.shown(chat, [*STILL, *UNSEEN])
    return all(told.values()) and all(_green(play, chat, name) for name in BEFORE[:2])


def _green(play: Play, chat: str, name: str) -> bool:
    return any(colour(message) == "green" for message in play.shown(chat, [name])[name])


def _check(play: Play, chat: str) -> None:
    """Check that each alert is told once, and no end of one that was never shown unless as late."""
    messages = play.shown(chat, [*BEFORE, *DURING])
    for name in STILL:
        own = [message for message in messages[name] if _alone(message)]
        assert [colour(message) == "green" for message in own] == [False], name
    for name in UNSEEN:  # digests are many messages where none can be edited
        own = [message for message in messages[name] if _alone(message)]
        assert messages[name], name
        assert len(own) <= 1, name
    firing = set()
    for saying in play.told.sayings:
        if saying.chat != chat:
            continue
        # What may have been accepted is sent again as it was, and then edited: it is shown first.
        if saying.colour == "green":
            assert saying.late or saying.name in firing, saying
        else:
            firing.add(saying.name)


def _alone(message: Message) -> bool:
    """Tell whether a message is about one alert: a digest is about many."""
    return len(names_in(message)) == 1

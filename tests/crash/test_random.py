"""The real process under load and trouble, killed again and again at any moment, for long."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from tests.crash.bodies import Group
from tests.crash.stage import Stage, staged

SEED = 20261121
STORM = 120.0  # seconds of load and kills
LIVES = (0.2, 4.0)  # seconds from a start to its kill: some never listen
APART = 0.2  # seconds between bodies: half of what the chats' limits would let through
ALERTS_MOST = 4
SETTLING = 120.0  # an edit of unknown outcome is made again after half a minute
TROUBLE = 0.15  # of the bodies are followed by trouble on the platform
CHAT_FULL = 230020
# What the platform does to one call: does it and never answers, answers badly, refuses.
TROUBLES: tuple[dict[str, Any], ...] = (
    {"kind": "reset", "after": True},
    {"kind": "reset"},
    {"kind": "json", "after": True},
    {"kind": "json"},
    {"kind": "html"},
    {"kind": "hang", "after": True},
    {"kind": "code", "code": CHAT_FULL},
)
SEVERITIES = ("critical", "warning", "info")
ROUTES = """
  - match: ['severity="critical"']
    targets: ['ops:oc_production_alerts']
    notify: [repeat]
  - match: ['severity="warning"']
    targets: ['ops:oc_platform_team']
    notify: [repeat]
  - targets: ['ops:oc_customer_service']
    notify: [repeat]
"""


class _Storm:
    """New incidents, more alerts in old ones, and duplicates, until it is told to end."""

    def __init__(self, stage: Stage, luck: random.Random) -> None:
        self._stage = stage
        self._luck = luck
        self.over = asyncio.Event()
        self.kills = 0
        self.refusals = 0

    async def blow(self) -> None:
        """Live and be killed until the storm is over."""
        while not self.over.is_set():
            living = asyncio.create_task(self._live())
            await asyncio.wait({living}, timeout=self._luck.uniform(*LIVES))
            life = self._stage.life
            if life is not None and life.process.returncode is None:
                life.process.kill()
                self.kills += 1
                assert await life.ended() == -9, self._stage.story()
            await living

    async def _live(self) -> None:
        life = await self._stage.start()
        if not life.ready:
            return
        await self._stage.post_again()
        while life.process.returncode is None:
            await self._post()
            await asyncio.wait({life.exit}, timeout=APART)

    async def _post(self) -> None:
        stage, luck = self._stage, self._luck
        group = luck.choice(stage.groups) if stage.groups and luck.random() < 0.5 else None
        if group is None:
            number = len(stage.groups) + 1
            group = Group(number, 1, severity=SEVERITIES[number % len(SEVERITIES)])
            stage.groups.append(group)
        elif group.alerts < ALERTS_MOST and luck.random() < 0.8:
            group.alerts += 1
        await stage.post(group, group.body())
        if luck.random() < TROUBLE:
            trouble = luck.choice(TROUBLES)
            self.refusals += "code" in trouble
            stage.sandbox.state.fault(luck.choice(("create", "patch")), **trouble)


@pytest.mark.soak
async def test_nothing_is_lost_or_shown_twice_in_a_storm_of_kills(tmp_path: Path) -> None:
    luck = random.Random(SEED)  # noqa: S311  (chance that can be repeated)
    async with staged(tmp_path, ROUTES) as stage:
        storm = _Storm(stage, luck)
        asyncio.get_running_loop().call_later(STORM, storm.over.set)
        await storm.blow()
        stage.sandbox.state.tenant.faults.clear()
        await stage.start()
        await stage.post_again()
        await stage.settled(SETTLING)
        await stage.stop()
        stage.check(refusals=storm.refusals)
        stage.check_store()
    assert storm.kills > STORM / LIVES[1] / 2
    assert len(stage.groups) > storm.kills / 2  # it was under load, as far as starts left time

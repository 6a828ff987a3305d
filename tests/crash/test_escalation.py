"""``kill -9`` between a step's record, its call and its outcome: nobody is phoned twice."""

from pathlib import Path

import pytest

from receiver.sandbox.state import Message
from tests.crash.bodies import Group
from tests.crash.stage import CHAT, Stage, staged

ROUTES = """
  - targets: ['ops:oc_production_alerts']
    escalation: night
escalations:
  - name: night
    steps:
      - {after: 0s, via: phone, whom: [ou_li]}
      - {after: 1h, via: sms}
"""
HOUR = 3_600_000
# Where the process dies, and how many calls were made by then.
POINTS = {
    "channels.feishu.client:FeishuApp.urge:await urge:1:before": 0,
    "channels.feishu.client:FeishuApp.urge:await urge:1:after": 1,
    "store.sqlite:SqliteStore.conclude_step:await submit:1:before": 1,
    "store.sqlite:SqliteStore.conclude_step:await submit:1:handed": 1,
}
# The same as the one before it, but for what is on the way: not in every run.
SELDOM = "store.sqlite:SqliteStore.conclude_step:await submit:1:before"
CASES = [
    pytest.param(point, marks=pytest.mark.soak) if point == SELDOM else point for point in POINTS
]


def _card(stage: Stage) -> Message:
    (card,) = [each for each in stage.sandbox.state.messages(CHAT) if not each.parent_id]
    return card


def _buzzes(stage: Stage) -> list[str]:
    return [buzz.kind for buzz in _card(stage).buzzes]


@pytest.mark.parametrize("point", CASES)
async def test_a_step_that_may_have_called_somebody_is_never_repeated(
    tmp_path: Path, point: str
) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        life = await stage.start(["--kill-at", point, "--hit", "1"])
        group = Group(1, 1)
        stage.groups.append(group)
        await stage.post(group, group.body())
        assert await life.ended() == -9
        made = ["phone"] * POINTS[point]
        assert _buzzes(stage) == made
        await stage.start(["--hit", "1"])  # no trap, but forked: it starts at once
        await stage.until(lambda: _says(stage, "not certain", "Phoned"), "the card tells of it")
        assert _buzzes(stage) == made
        await stage.stop()
        stage.advance(HOUR)
        await stage.start()
        await stage.until(lambda: _buzzed(stage, [*made, "sms"]), "the next step is taken")
        await stage.stop()


async def _buzzed(stage: Stage, wanted: list[str]) -> bool:
    return _buzzes(stage) == wanted


async def _says(stage: Stage, *words: str) -> bool:
    said = str(_card(stage).content)
    return all(word in said for word in words)

"""``kill -9`` while people are answered: a click is kept once, a command is answered once."""

from pathlib import Path

import pytest

from receiver.sandbox.state import Message
from tests.crash.bodies import Group
from tests.crash.stage import APP, CHAT, Stage, staged
from tests.stories.cards import controls

ROUTES = """
  - targets: ['ops:oc_production_alerts']
"""
ACT = "store.sqlite:SqliteStore.act:await submit_first:1"
KEPT = "store.sqlite:SqliteStore.ask:await submit_first:1:after"
ANSWERED = "store.sqlite:SqliteStore.answered:await submit:1"
SOAK = pytest.mark.soak


def _card(stage: Stage) -> Message:
    (card,) = [each for each in stage.sandbox.state.messages(CHAT) if not each.parent_id]
    return card


async def _connected(stage: Stage, *trap: str) -> None:
    """Start a life, and tell the platform where it listens."""
    life = await stage.start(["--hit", "1", *trap])
    url = f"{life.url}/callbacks/feishu/ops"
    assert await stage.sandbox.state.set_callback_url(APP, url) is None


async def _posted(stage: Stage) -> None:
    group = Group(1, 1)
    stage.groups.append(group)
    assert await stage.post(group, group.body())
    await stage.settled()


async def _click(stage: Stage) -> None:
    card = _card(stage)
    await stage.sandbox.state.click(card.message_id, "ou_li", controls(card.content)["acknowledge"])


async def _audited(stage: Stage, kind: str) -> int:
    return len((await stage.ask(f"/api/v1/audit?kind={kind}")).text.splitlines())


@pytest.mark.parametrize(
    "moment", ["handed", pytest.param("before", marks=SOAK), pytest.param("after", marks=SOAK)]
)
async def test_a_click_that_was_cut_off_is_kept_whole_or_not_at_all(
    tmp_path: Path, moment: str
) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        await _connected(stage, "--kill-at", f"{ACT}:{moment}")
        await _posted(stage)
        await _click(stage)
        assert stage.life is not None
        assert await stage.life.ended() == -9
        await _connected(stage)
        kept = await _audited(stage, "acknowledge")
        assert kept in {"before": (0,), "handed": (0, 1), "after": (1,)}[moment]
        await stage.settled()
        if not kept:
            await _click(stage)
        await stage.settled()
        assert await _audited(stage, "acknowledge") == 1
        assert _card(stage).content["header"]["template"] == "blue"
        await stage.stop()


@pytest.mark.parametrize(
    "point",
    [
        f"{ANSWERED}:before",
        *(pytest.param(point, marks=SOAK) for point in (KEPT, f"{ANSWERED}:after")),
    ],
)
async def test_a_command_that_was_kept_is_answered_once(tmp_path: Path, point: str) -> None:
    async with staged(tmp_path, ROUTES) as stage:
        await _connected(stage, "--kill-at", point)
        bot = stage.sandbox.state.tenant.apps[APP].bot_open_id
        said = stage.sandbox.state.say(CHAT, "ou_li", f'<at user_id="{bot}"></at> help')
        assert stage.life is not None
        assert await stage.life.ended() == -9
        await _connected(stage)

        async def answered() -> bool:
            waits = await stage.ask("/api/v1/cards")
            return waits.is_success and bool(_answers(stage, said))

        await stage.until(answered, "the command is answered")
        await stage.stop()
        assert len(_answers(stage, said)) == 1


def _answers(stage: Stage, said: Message) -> list[Message]:
    return [
        each for each in stage.sandbox.state.messages(CHAT) if each.parent_id == said.message_id
    ]

"""``receiver why`` as a process: an incident of a running receiver, in plain words."""

from pathlib import Path

import pytest

from tests.app.process import Ended, run
from tests.app.test_ops import OPS_TOKEN, SERVER
from tests.stage import PRODUCTION, Stage, stage
from tests.stories.bodies import alert


async def why(at: Stage, *arguments: str, token: str = OPS_TOKEN) -> Ended:
    """Run the command beside the receiver."""
    return await run("why", "--url", at.receiver.ops_url, "--token", token, *arguments)


@pytest.mark.parametrize("chinese", [False, True])
async def test_an_incident_is_told_with_what_is_known_now(tmp_path: Path, *, chinese: bool) -> None:
    async with stage(tmp_path, server={**SERVER, "ops_token": OPS_TOKEN}) as at:
        await at.fire(alert(), alert(instance="db-2"))
        card = await at.message()
        await at.click(card, "acknowledge", who="李雷")
        await at.turns(card, "blue")
        await at.quiet()
        ended = await why(at, "1", *(["--chinese"] if chinese else []))
    assert ended.code == 0, ended.err
    title, state, owner, where, first, *_, last = ended.out.strip().splitlines()
    assert title == "#1 HighLoad"
    if chinese:
        assert state.startswith("已认领:2 条告警中 2 条在告警,自 ")
        assert owner.startswith("负责人:李雷,自 ")
        assert where.startswith(f"卡片 ops:{PRODUCTION}:已是最新,最近:")
        assert "首次告警 (2 alerts)" in first
        return
    assert state.startswith("Now acknowledged: 2 of 2 alerts fire, since ")
    assert owner.startswith("Owner: 李雷, since ")
    assert where.startswith(f"Card ops:{PRODUCTION}: up to date; last: card: ")
    assert first.endswith("it began to fire (2 alerts)")
    assert "acknowledged" in last


async def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path, server={**SERVER, "ops_token": OPS_TOKEN}) as at:
        unknown = await why(at, "9")
        assert (unknown.code, unknown.out) == (1, "")
        assert "9 is no incident" in unknown.err
        stranger = await why(at, "1", token="wrong")  # noqa: S106  (of a test)
        assert "server.ops_token" in stranger.err
        assert OPS_TOKEN not in stranger.err
    gone = await run("why", "--url", "http://127.0.0.1:9", "1")
    assert "nothing answers" in gone.err

"""``kill -9`` at every crash point: what was answered 2xx is on exactly one card."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash import drive, points
from tests.crash.points import Kill, Phase
from tests.crash.stage import CHAT, staged

EVERY = points.kills()
CHOSEN = points.representative(EVERY)
OTHERS = tuple(kill for kill in EVERY if kill not in CHOSEN)


def _params(some: tuple[Kill, ...]) -> list[object]:
    return [
        pytest.param(phase, chain, id=f"{phase}-{number}")
        for number, (phase, chain) in enumerate(points.chains(some))
    ]


async def _play(folder: Path, phase: Phase, kills: tuple[Kill, ...]) -> None:
    async with staged(folder, drive.routes_of(phase)) as stage:
        await drive.play(drive.Chain(stage, phase), kills)


@pytest.mark.parametrize(("phase", "kills"), _params(CHOSEN))
async def test_a_kill_at_each_point(tmp_path: Path, phase: Phase, kills: tuple[Kill, ...]) -> None:
    await _play(tmp_path, phase, kills)


@pytest.mark.soak
@pytest.mark.parametrize(("phase", "kills"), _params(OTHERS))
async def test_a_kill_at_each_other_moment_of_each_point(
    tmp_path: Path, phase: Phase, kills: tuple[Kill, ...]
) -> None:
    await _play(tmp_path, phase, kills)


async def test_a_call_that_was_cut_off_counts_in_its_windows_after_two_crashes(
    tmp_path: Path,
) -> None:
    """Once its card is out of flight, nothing but the kept call tells the third life of it."""
    taken_over = Kill(
        Phase.RESTART, "deliver.dispatcher:Dispatcher.restore:await recover:1:after", 1
    )
    async with staged(tmp_path) as stage:
        await drive.one(drive.Chain(stage, Phase.RESTART), taken_over)
        with closing(sqlite3.connect(f"file:{stage.store}?mode=ro", uri=True)) as db:
            kept = db.execute("SELECT keys FROM calls").fetchall()
    assert any(CHAT in keys for (keys,) in kept)

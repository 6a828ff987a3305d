"""``receiver selfcheck`` and the loop that does the same: they find what does not add up."""

import asyncio
import io
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from receiver.ops.conservation import CHECK_EVERY, CHECK_FIRST, CheckMeans, Conservation
from receiver.store.accounts import Discrepancy
from receiver.store.base import Unavailable
from receiver.telemetry.logs import build_logging
from tests.app.process import Ended, run
from tests.stage import PRODUCTION, Stage, stage
from tests.stories.bodies import alert

STATES = ["accepted", "pending", "shown", "digested", "suppressed", "dead_lettered"]


def rows(ended: Ended) -> dict[str, list[int]]:
    """Return the table by its first column: total, counted, difference."""
    head, *lines = (line.split() for line in ended.out.splitlines() if "accounted" not in line)
    assert head == ["units", "total", "counted", "difference"]
    return {" ".join(cells[:-3]): [int(cell) for cell in cells[-3:]] for cells in lines}


async def played(at: Stage) -> None:
    """Fire two alerts in one incident, and wait until they are shown."""
    await at.fire(alert(instance="a"), alert(instance="b"))
    await at.message()
    await at.quiet()


async def test_a_running_receivers_store_adds_up(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=[{"targets": [f"ops:{PRODUCTION}"]}]) as at:
        await played(at)
        ended = await run("selfcheck", "--config", tmp_path / "receiver.yaml")
        assert ended.code == 0, ended.err
        assert ended.out.endswith("everything is accounted for\n")
        found = rows(ended)
        assert list(found) == STATES
        assert found["accepted"] == found["shown"] == [2, 2, 0]
        assert all(found[state] == [0, 0, 0] for state in STATES[1:] if state != "shown")
        await at.fire(alert(instance="c"))  # it is not in the way of the receiver
        await at.quiet()
        assert at.log().count("units do not add up") == 0


async def test_a_store_that_does_not_add_up_is_found(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=[{"targets": [f"ops:{PRODUCTION}"]}]) as at:
        await played(at)
        db_path = at.receiver.config.store.path
        assert db_path is not None
    with closing(sqlite3.connect(db_path)) as db:
        (table,) = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if "dead_lettered" in [column[1] for column in db.execute(f"PRAGMA table_info({name})")]
        ]
        db.execute(f"UPDATE {table} SET shown = shown + 3 WHERE shown > 0")  # noqa: S608
        db.commit()
    ended = await run("selfcheck", "--config", tmp_path / "receiver.yaml")
    assert ended.code == 1
    assert "the totals are not what the rows say" in ended.err
    found = rows(ended)
    assert found["shown"] == [5, 2, -3]
    assert found["accepted"] == [2, 2, 0]
    assert found["sum"] == [2, 5, 3]


async def test_what_cannot_be_checked_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        used = at.receiver.config.store.url
    path = tmp_path / "receiver.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace(used, f"sqlite:///{tmp_path}/nothing.db"), "utf-8")
    missing = await run("selfcheck", "--config", path)
    assert missing.code == 1
    assert "there is no store at" in missing.err
    assert not (tmp_path / "nothing.db").exists()
    path.write_text("routes: []", "utf-8")
    wrong = await run("selfcheck", "--config", path)
    assert wrong.code == 1
    assert "cannot be used" in wrong.err
    assert "Traceback" not in wrong.err + missing.err


Answer = Sequence[Discrepancy] | Unavailable
Observed = list[tuple[int, int]]


async def looped(
    *answers: Answer, now: Callable[[], int] = lambda: 77
) -> tuple[Observed, list[float], list[dict[str, object]]]:
    """Run the loop over these answers; return what it observed, how it slept and what it logged."""
    left = list(answers)
    observed: Observed = []
    slept: list[float] = []
    output = io.BytesIO()

    async def selfcheck() -> Sequence[Discrepancy]:
        answer = left.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    async def sleep(event: asyncio.Event, seconds: float) -> None:
        slept.append(seconds)
        if not left:
            loop.stop()
        assert event.is_set() == (not left)

    loop = Conservation(
        CheckMeans(
            selfcheck=selfcheck,
            observe=lambda wrong, at: observed.append((wrong, at)),
            now=now,
            sleep=sleep,
            log=build_logging("info", output)("conservation"),
        )
    )
    await loop.run()
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    return observed, slept, lines


async def test_the_loop_tells_how_many_totals_are_wrong() -> None:
    wrong = (Discrepancy("shown", 5, 2), Discrepancy("sum", 5, 8))
    observed, slept, lines = await looped(wrong, ())
    assert observed == [(2, 77), (0, 77)]
    assert slept == [CHECK_FIRST, CHECK_EVERY, CHECK_EVERY]
    told = [(line["state"], line["kept"], line["counted"]) for line in lines]
    assert told == [("shown", 5, 2), ("sum", 5, 8)]
    assert {line["event"] for line in lines} == {"units do not add up"}


async def test_a_store_that_does_not_answer_is_asked_again() -> None:
    observed, slept, lines = await looped(Unavailable("disk"), ())
    assert observed == [(0, 77)]
    assert len(slept) == 3
    assert [line["event"] for line in lines] == ["selfcheck not made"]


async def test_a_large_store_is_checked_less_often() -> None:
    times = iter((0, 12_000, 12_000))
    observed, slept, _ = await looped((), now=lambda: next(times))
    assert observed == [(0, 12_000)]
    assert slept == [CHECK_FIRST, 1_200.0]


async def test_the_receiver_checks_itself_after_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.ops.conservation.CHECK_FIRST", 0.0)
    async with stage(tmp_path) as at:

        async def checked() -> bool:
            text = (await at.http.get(f"{at.receiver.ops_url}/metrics")).text
            samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
            assert float(samples["receiver_store_units_difference"]) == 0
            return float(samples["receiver_store_selfcheck_timestamp_seconds"]) > 0

        await at.when(checked)

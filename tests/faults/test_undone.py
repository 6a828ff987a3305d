"""What a failed commit leaves in memory: nothing."""

import asyncio
from pathlib import Path

import pytest

from receiver.store.base import Unavailable
from tests.domain.made import NOW, SECOND, alert, notice
from tests.store.engines import SqliteEngine, connection_of
from tests.store.made import GONE1, N1, RULES, group

LARGE = notice(alert("n9")._replace(annotations={"text": "x" * 200_000}))


async def test_an_end_that_was_undone_is_not_remembered(tmp_path: Path) -> None:
    """An incident that is still open is told what another group says of its alert."""
    engine = SqliteEngine(path=tmp_path / "receiver.db")
    store = engine.open()
    first = await store.apply(group(1, notice(N1)), RULES, NOW)
    db = connection_of(store)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    both = await asyncio.gather(
        store.apply(group(1, notice(GONE1)), RULES, NOW + SECOND),
        store.apply(group(2, LARGE), RULES, NOW + SECOND),
        return_exceptions=True,
    )
    assert [type(one) for one in both] == [Unavailable, Unavailable]
    db.execute("PRAGMA max_page_count = 1000000")
    await store.apply(group(3, notice(N1)), RULES, NOW + 2 * SECOND)
    await store.apply(group(3, notice(GONE1)), RULES, NOW + 3 * SECOND)
    snapshot = await store.snapshot(first.incident)
    assert snapshot is not None
    assert not any(member.firing for member in snapshot.members)
    await store.close()


async def test_a_fault_in_the_writer_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its one thread nobody would ever write again."""
    engine = SqliteEngine(path=tmp_path / "receiver.db")
    store = engine.open()

    def broken(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("receiver.store.writer.Writer._together", broken)
        with pytest.raises(Unavailable, match="MemoryError"):
            await store.apply(group(1, notice(N1)), RULES, NOW)
    assert engine.failures == ["other"]
    assert (await store.apply(group(1, notice(N1)), RULES, NOW)).raised
    await store.close()

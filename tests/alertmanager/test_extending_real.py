"""The real Alertmanager keeps one silence when its end moves, and mutes all the while."""

from dataclasses import replace
from pathlib import Path

from receiver.alertmanager.silences import Outcome
from receiver.domain.silence import HOUR, Silence, SilenceState
from tests.alertmanager.conftest import Desk, silencer_of
from tests.alertmanager.hostile import closed_port
from tests.alertmanager.made import made
from tests.real_alertmanager import RealAlertmanager, real_alertmanager, wall_clock

LABELS = {"alertname": "DiskFull", "zone": "z", "node": "n1", "path": 'C:\\"数据"'}


async def _made(desk: Desk, *urls: str) -> Silence:
    wish = made(matchers=tuple(sorted(LABELS.items())), asked_at=wall_clock())
    told = await silencer_of(desk.of(*urls))[0].establish("prod", 7, wish, fresh=True)
    assert told is not None
    assert told.state is SilenceState.ACTIVE
    return replace(wish, state=SilenceState.ACTIVE, silence_id=told.silence_id)


def _later(silence: Silence, by: int) -> Silence:
    end = max(silence.ends_at, silence.wanted_end) + by
    return replace(silence, state=SilenceState.EXTENDING, wanted_end=end)


async def _ends(server: RealAlertmanager) -> list[tuple[str, str, str]]:
    return [
        (one["id"], one["status"]["state"], one["endsAt"][:16]) for one in await server.silences()
    ]


async def test_an_extension_keeps_the_id_and_the_marks(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        await server.fire(LABELS)
        silence = await _made(desk, server.url)
        [before] = await server.silences()
        silencer, counted = silencer_of(desk.of(server.url))
        first = await silencer.extend("prod", 7, _later(silence, HOUR))
        again = await silencer.extend("prod", 7, _later(silence, HOUR))
        assert first is not None
        assert first == again
        assert (first.state, first.problem) == (SilenceState.ACTIVE, "")
        assert first.silence_id == silence.silence_id
        [after] = await server.silences()
        assert after["id"] == before["id"]
        assert after["comment"] == before["comment"]
        assert after["createdBy"] == before["createdBy"]
        assert after["matchers"] == before["matchers"]
        assert after["startsAt"] == before["startsAt"]
        assert after["endsAt"] > before["endsAt"]
        [alert] = await server.alerts()
        assert alert["status"]["silencedBy"] == [silence.silence_id]
        assert counted == [Outcome.EXTENDED, Outcome.EXTENDED]


async def test_it_is_extended_through_the_peer_that_answers(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        silence = await _made(desk, server.url)
        silencer, _ = silencer_of(desk.of(await closed_port(), server.url))
        told = await silencer.extend("prod", 7, _later(silence, HOUR))
        assert told is not None
        assert (told.state, told.problem) == (SilenceState.ACTIVE, "")
        assert [state for _, state, _ in await _ends(server)] == ["active"]


async def test_what_was_ended_there_is_not_made_anew(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        silence = await _made(desk, server.url)
        await desk.of(server.url).expire(silence.silence_id)
        silencer, _ = silencer_of(desk.of(server.url))
        told = await silencer.extend("prod", 7, _later(silence, HOUR))
        assert told is not None
        assert told.state is SilenceState.EXPIRED
        assert [state for _, state, _ in await _ends(server)] == ["expired"]


async def test_an_extended_silence_is_ended_by_one_call(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        silence = await _made(desk, server.url)
        silencer, _ = silencer_of(desk.of(server.url))
        await silencer.extend("prod", 7, _later(silence, HOUR))
        over = await silencer.expire("prod", 7, replace(silence, state=SilenceState.EXPIRING))
        assert over.state is SilenceState.EXPIRED
        assert [state for _, state, _ in await _ends(server)] == ["expired"]

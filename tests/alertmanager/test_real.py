"""The real Alertmanager does with our silences what we believe it does."""

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.alertmanager.answer import Created, Expired, Listed, Refused
from receiver.alertmanager.call import Call, Result
from receiver.alertmanager.peer import Source
from receiver.alertmanager.silences import Outcome, body_of
from receiver.domain.silence import HOUR, MINUTE, SilenceState
from tests.alertmanager.conftest import IMPATIENT, Desk, silencer_of
from tests.alertmanager.hostile import closed_port, hostile
from tests.alertmanager.made import made
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock

NOBODY = "00000000-0000-0000-0000-000000000000"
# at the lowest cost, as --web.config.file wants it
BCRYPT_OF_PW = "$2b$04$IO8UX6EmwQpzNak3kKJDr.Cqfs87EUBafnrpSorzx8K7WZdC.p0HK"
LABELS = {"alertname": "DiskFull", "node": "n1", "path": 'C:\\"数据"'}


async def _muted(server: RealAlertmanager) -> list[str]:
    """Return the ids of the silences that mute the one alert."""
    (alert,) = await server.alerts()
    ids: list[str] = alert["status"]["silencedBy"]
    return ids


async def test_from_click_to_silence_and_back(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path, Settings(prefix="/am")) as server:
        silencer, counted = silencer_of(desk.of(server.url + "/"))
        wish = made(matchers=tuple(sorted(LABELS.items())), asked_at=wall_clock())
        await server.fire(LABELS)
        told = await silencer.establish("prod", 7, wish, fresh=True)

        assert told is not None
        assert told.state is SilenceState.ACTIVE
        (silence,) = await server.silences()
        assert silence["id"] == told.silence_id
        assert silence["status"] == {"state": "active"}
        assert silence["createdBy"] == "李雷"
        assert silence["comment"] == "正在扩容 (ou_li) [receiver:act-1]"
        assert {one["name"]: one["value"] for one in silence["matchers"]} == LABELS
        assert await _muted(server) == [told.silence_id]

        known = replace(wish, silence_id=told.silence_id, state=SilenceState.EXPIRING)
        over = await silencer.expire("prod", 7, known)
        assert over.state is SilenceState.EXPIRED
        assert [one["status"] for one in await server.silences()] == [{"state": "expired"}]
        assert await _muted(server) == []
        assert counted == [Outcome.CREATED, Outcome.EXPIRED]


async def test_a_restart_finds_what_was_made_and_a_double_click_makes_one(
    desk: Desk, tmp_path: Path
) -> None:
    async with real_alertmanager(tmp_path) as server:
        wish = made(matchers=tuple(sorted(LABELS.items())), asked_at=wall_clock())
        first, _ = silencer_of(desk.of(server.url))
        second, counted = silencer_of(desk.of(server.url))
        both = await asyncio.gather(
            first.establish("prod", 7, wish, fresh=True),
            first.establish("prod", 7, wish, fresh=True),
        )
        again = await second.establish("prod", 7, wish)
        # The unsilence came before the id was recorded.
        over = await second.expire("prod", 7, replace(wish, state=SilenceState.EXPIRING))

        assert {told and told.silence_id for told in (*both, again, over)} == {
            one["id"] for one in await server.silences()
        }
        assert counted == [Outcome.RECOVERED, Outcome.EXPIRED]
        assert [one["status"]["state"] for one in await server.silences()] == ["expired"]


async def test_one_of_two_peers_is_down(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        silencer, _ = silencer_of(desk.of(await closed_port(), server.url))
        wish = made(asked_at=wall_clock())
        told = await silencer.establish("prod", 7, wish, fresh=True)

        assert told is not None
        assert told.state is SilenceState.ACTIVE
        known = replace(wish, silence_id=told.silence_id, state=SilenceState.EXPIRING)
        assert (await silencer.expire("prod", 7, known)).state is SilenceState.EXPIRED


async def test_what_it_refuses_is_said_in_its_words(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        client = desk.of(server.url)
        past = made(asked_at=wall_clock() - HOUR - MINUTE)
        answer = await client.create(body_of(past))
        empty = await client.create({**body_of(made(asked_at=wall_clock())), "matchers": []})

        assert isinstance(answer, Refused)
        assert answer.detail.startswith("HTTP 400: ")
        assert "past" in answer.detail
        assert isinstance(empty, Refused)
        assert empty.detail == "HTTP 422: matchers in body should have at least 1 items"
        assert await server.silences() == []


async def test_an_id_that_it_does_not_know_is_gone(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        client = desk.of(server.url)
        created = await client.create(body_of(made(asked_at=wall_clock())))

        assert isinstance(created, Created)
        assert await client.expire(NOBODY) == Expired(gone=True)
        assert await client.expire(created.silence_id) == Expired()
        assert await client.expire(created.silence_id) == Expired()
        assert isinstance(await client.expire("no-uuid"), Refused)


async def test_a_wrong_prefix_is_no_proof_of_absence(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path, Settings(prefix="/am")) as server:
        wrong = desk.of(server.url.removesuffix("/am"))

        assert isinstance(await wrong.expire(NOBODY), Refused)
        assert isinstance(await wrong.create(body_of(made(asked_at=wall_clock()))), Refused)
        assert isinstance((await wrong.silences())[0], Refused)


@pytest.mark.parametrize("value", ["x", 'quote"s', "back\\slash", "支付 🙂", "a=b,c{}", "$^.*"])
async def test_the_filter_finds_what_was_made(desk: Desk, tmp_path: Path, value: str) -> None:
    async with real_alertmanager(tmp_path) as server:
        client = desk.of(server.url)
        for matchers in ((("job", value),), (("job", "other"),)):
            await client.create(body_of(made(matchers=matchers, asked_at=wall_clock())))
        (found,) = await client.silences((("job", value),))

        assert isinstance(found, Listed)
        assert len(found.silences) == 1
        assert found.silences[0].bears("act-1", "[receiver:act-1]")


async def test_a_password_opens_it_and_a_wrong_one_is_not_shown(desk: Desk, tmp_path: Path) -> None:
    settings = Settings(web_config={"basic_auth_users": {"bob": BCRYPT_OF_PW}})
    async with real_alertmanager(tmp_path, settings, auth=("bob", "pw")) as server:
        body = body_of(made(asked_at=wall_clock()))
        right = Source(name="prod", urls=(server.url,), basic_auth=("bob", "pw"))
        wrong = Source(name="prod", urls=(server.url,), basic_auth=("bob", "hidden"))

        assert isinstance(await desk.client(right).create(body), Created)
        assert await desk.client(wrong).create(body) == Refused("HTTP 401: Unauthorized")
        assert len(await server.silences()) == 1


async def test_what_fires_and_ends_there_arrives_as_a_webhook(tmp_path: Path) -> None:
    async with hostile() as sink:
        settings = Settings(webhook_url=f"{sink.url}/hook", token=sink.name)
        async with real_alertmanager(tmp_path, settings) as server:
            await server.fire(LABELS, {"summary": "full"})
            await sink.arrived.wait()
            sink.arrived.clear()
            await server.resolve(LABELS, {"summary": "full"})
            await sink.arrived.wait()

    bodies = [json.loads(request.body) for request in sink.seen]
    assert [body["status"] for body in bodies] == ["firing", "resolved"]
    assert {body["alerts"][0]["startsAt"] for body in bodies} == {
        bodies[0]["alerts"][0]["startsAt"]
    }
    assert sink.seen[0].headers["authorization"] == "Bearer one"


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not a valid duration string"):
        async with real_alertmanager(tmp_path, Settings(group_wait="soon")):
            pass


async def test_a_server_that_stood_still_holds_one_in_the_end(desk: Desk, tmp_path: Path) -> None:
    async with real_alertmanager(tmp_path) as server:
        source = Source(name="prod", urls=(server.url,))
        client = desk.client(source, IMPATIENT)

        async def wait(ms: int) -> None:
            """Let it go on after the first request has timed out: it still has that to read."""
            os.kill(server.pid, signal.SIGCONT)
            await asyncio.sleep(ms / 1000)

        silencer, _ = silencer_of(client, wait)
        os.kill(server.pid, signal.SIGSTOP)
        told = await silencer.establish("prod", 7, made(asked_at=wall_clock()), fresh=True)

        assert told is not None
        assert told.state is SilenceState.ACTIVE
        assert desk.told[0] == (Call.CREATE, Result.TIMEOUT)
        live = [one["id"] for one in await server.silences() if one["status"]["state"] == "active"]
        assert live == [told.silence_id]

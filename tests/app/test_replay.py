"""``receiver replay`` as a process: what it lists, sends again, and says when it cannot."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml
from hypothesis import given
from hypothesis import strategies as st

from receiver.ops.client import DeadLetter, OpsClient, Refused, ops_url, table
from tests.app.process import Ended, run
from tests.app.test_ops import OPS_TOKEN, SERVER
from tests.stage import PLATFORM, PRODUCTION, Stage, settings, stage
from tests.stories.bodies import alert

ROUTES = [{"targets": [f"ops:{PRODUCTION}", f"ops:{PLATFORM}"]}]
FIRST = f"ops:{PRODUCTION}"
EVERYTHING = ["{"]  # a word that stands in every message
NOTHING = "there are no dead letters"


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> AsyncIterator[Stage]:
    """Run a receiver whose every message is refused for a word in it, until ``cured``."""
    async with stage(tmp_path, server={**SERVER, "ops_token": OPS_TOKEN}, routes=ROUTES) as made:
        made.desk.turn(sensitive_words=EVERYTHING)
        yield made


def cured(at: Stage) -> None:
    """Have the platform refuse nothing any more."""
    at.desk.turn(sensitive_words=[])


async def replay(at: Stage, *arguments: str, token: str = OPS_TOKEN) -> Ended:
    """Run the command against the receiver."""
    file = at.folder / "token"
    file.write_text(f"{token}\n")
    where = ("--url", at.receiver.ops_url, "--token-file", str(file))
    return await run("replay", *where, *arguments)


async def dead(at: Stage, count: int) -> list[int]:
    """Wait for so many dead letters; return their numbers, the newest first."""

    async def found() -> bool:
        return len(await at.receiver.store.dead_letters(10)) == count

    await at.when(found)
    return [letter.id for letter in await at.receiver.store.dead_letters(10)]


async def test_dead_letters_are_listed_with_reason_and_time(at: Stage) -> None:
    assert (await replay(at)).out.strip() == NOTHING
    await at.fire(alert())
    (newest, _) = await dead(at, 2)
    ended = await replay(at)
    assert ended.code == 0, ended.err
    head, *rows = ended.out.splitlines()
    assert head.split() == ["id", "incident", "target", "since", "reason", "title"]
    assert [row.split()[0] for row in rows] == [str(newest), str(newest - 1)]
    assert all("sensitive: " in row and row.endswith("HighLoad") for row in rows)
    only = await replay(at, "--target", FIRST)
    assert [row.split()[2] for row in only.out.splitlines()[1:]] == [FIRST]
    assert (await replay(at, "--target", "legacy")).out.strip() == NOTHING
    channel = await replay(at, "--target", "ops")
    assert channel.out == ended.out


async def test_one_is_sent_again_and_an_unknown_one_is_named(at: Stage) -> None:
    await at.fire(alert())
    await dead(at, 2)
    cured(at)
    listed = (await replay(at, "--target", FIRST)).out.splitlines()[1]
    number = listed.split()[0]
    ended = await replay(at, "999", number)
    assert ended.code == 1
    assert "999 is no dead letter" in ended.err
    assert ended.out.strip() == f"{number} is sent again"
    await at.message(PRODUCTION)
    await dead(at, 1)
    assert at.messages(PLATFORM) == []


async def test_all_of_a_target_are_sent_again_and_then_all(at: Stage) -> None:
    await at.fire(alert("One"))
    await at.fire(alert("Two"))
    await dead(at, 4)
    cured(at)
    ended = await replay(at, "--all", "--target", FIRST)
    assert ended.code == 0, ended.err
    assert ended.out.count("is sent again") == 2
    await at.message(PRODUCTION, 2)
    assert at.messages(PLATFORM) == []
    assert (await replay(at, "--all")).out.count("is sent again") == 2
    await at.message(PLATFORM, 2)
    assert await dead(at, 0) == []


async def test_nothing_is_sent_again_where_nothing_died(at: Stage) -> None:
    ended = await replay(at, "--all")
    assert (ended.code, ended.out.strip()) == (0, NOTHING)


async def test_the_address_and_the_token_come_from_the_file(at: Stage) -> None:
    await at.fire(alert())
    await dead(at, 2)
    path = at.folder / "replay.yaml"
    server = {**SERVER, "ops_token": OPS_TOKEN, "ops_listen": at.receiver.ops_url[7:]}
    path.write_text(yaml.safe_dump(settings(at.sandbox, at.folder, server=server)), "utf-8")
    ended = await run("replay", "--config", path)
    assert ended.code == 0, ended.err
    assert len(ended.out.splitlines()) == 3
    path.write_text(yaml.safe_dump(settings(at.sandbox, at.folder)), "utf-8")
    ended = await run("replay", "--config", path)
    assert ended.code == 1
    assert "server.ops_listen takes any port: give --url" in ended.err
    path.write_text("routes: []", "utf-8")
    ended = await run("replay", "--config", path)
    assert ended.code == 1
    assert "cannot be used" in ended.err


async def test_a_wrong_token_is_said_to_be_wrong_and_not_shown(at: Stage) -> None:
    ended = await replay(at, token="hunter2")  # noqa: S106  (a wrong one)
    assert ended.code == 1
    assert "server.ops_token" in ended.err
    assert "hunter2" not in ended.err + ended.out
    assert OPS_TOKEN not in ended.err + ended.out


async def test_another_server_is_no_receiver(at: Stage) -> None:
    public = await run("replay", "--url", at.receiver.url)
    assert public.code == 1
    assert "answers 404" in public.err


async def test_nothing_that_listens_is_said_with_its_cure() -> None:
    ended = await run("replay", "--url", "http://127.0.0.1:1")
    assert ended.code == 1
    assert "nothing answers at http://127.0.0.1:1" in ended.err
    assert "server.ops_listen" in ended.err
    assert "Traceback" not in ended.err
    ended = await run("replay", "--url", "nonsense")
    assert ended.code == 1
    assert "'nonsense' is no URL" in ended.err


async def test_ids_and_all_exclude_each_other() -> None:
    ended = await run("replay", "3", "--all")
    assert ended.code == 2
    assert "give ids, or --all" in ended.err


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (200, b"<html>", "is no receiver's ops port"),
        (200, b"{}", "is no receiver's ops port"),
        (502, b"<html>", "answers 502"),
        (503, b'{"title": "store unavailable", "detail": "disk"}', "answers 503 store unavailable"),
        (404, b"not here", "answers 404"),
    ],
)
def test_a_strange_answer_is_refused(status: int, content: bytes, said: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    with OpsClient("http://ops", "", transport) as client, pytest.raises(Refused, match=said):
        client.dead_letters()
    with OpsClient("http://ops", "", transport) as client:
        if status == 200:
            client.replay(1)
        else:
            with pytest.raises(Refused):
                client.replay(1)


TEXT = st.text(max_size=80)


@given(st.lists(st.builds(DeadLetter, st.integers(), st.integers(), TEXT, st.integers(), TEXT)))
def test_no_dead_letter_breaks_the_table(letters: list[DeadLetter]) -> None:
    lines = table(letters)
    assert len(lines) == len(letters) + 1
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),  # noqa: S104
        ("::", "http://[::1]:9"),
        ("::1", "http://[::1]:9"),
        ("ops.example.com", "http://ops.example.com:9"),
    ],
)
def test_an_ops_port_is_reached_from_its_own_machine(host: str, url: str) -> None:
    assert ops_url(host, 9) == url

"""The lists: asked in the background, answered from memory, whatever those who know do."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.oncall import Rotation, moment
from receiver.oncall.lists import ASK_AGAIN, DAY, OnCall, OnCallPorts, Roster
from receiver.oncall.remote import (
    LIST_LIMIT,
    NoAnswer,
    Remote,
    build_http,
    fetch,
    headers_of,
    read_people,
)
from receiver.telemetry.logs import build_logging
from tests.alertmanager.hostile import Act, Hostile, Manner, closed_port, hostile
from tests.oncall.calendars import calendar, weekly
from tests.refusing import refusing

MINUTE = 60_000
MONDAY = moment(datetime(2026, 1, 5, 12, tzinfo=ZoneInfo("Asia/Shanghai")))
ROTA = Rotation(
    zone=ZoneInfo("Asia/Shanghai"),
    start=datetime(2026, 1, 5, 9),  # noqa: DTZ001  (a wall clock)
    every=timedelta(days=7),
    people=("li@example.com", "ou_2"),
)


@dataclass
class Desk:
    """Lists whose time is the test's."""

    http: httpx.AsyncClient
    log: io.BytesIO = field(default_factory=io.BytesIO)
    now: int = MONDAY
    counted: list[tuple[str, bool]] = field(default_factory=list)
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def made(self, *rosters: Roster, patience: float = 5) -> OnCall:
        """Make lists."""

        async def resolve(mention: str) -> Sequence[str]:
            return self.ids.get(mention, ())

        async def sleep(_: asyncio.Event, seconds: float) -> None:
            self.now += int(seconds * 1000)
            await asyncio.sleep(0)

        ports = OnCallPorts(
            http=self.http,
            now=lambda: self.now,
            sleep=sleep,
            resolve=resolve,
            count=lambda name, good: self.counted.append((name, good)),
            log=build_logging("info", self.log)("oncall"),
            patience=patience,
        )
        return OnCall(rosters, ports)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with build_http() as http:
        yield Desk(http)


def endpoint(url: str, **more: object) -> Roster:
    headers = headers_of({}, "s3cret")
    return Roster(
        name="net",
        remote=Remote(calendar=False, every=MINUTE, url=url, headers=headers, **more),  # type: ignore[arg-type]
    )


def said(body: bytes, status: int = 200, **headers: str) -> Act:
    return Act(status=status, body=body, headers=tuple(headers.items()))


async def asked(desk: Desk, *acts: Act) -> tuple[OnCall, Hostile]:
    async with hostile("one", *acts) as server:
        lists = desk.made(endpoint(f"{server.url}/duty?team=db"), patience=0.3)
        await lists.tick()
        return lists, server


async def test_a_rotation_needs_nobody(desk: Desk) -> None:
    lists = desk.made(Roster(name="db", rotation=ROTA))
    assert (lists.now("db"), lists.standing("db").age) == (("li@example.com",), 0)
    desk.now += 7 * DAY
    assert lists.now("db") == ("ou_2",)
    assert lists.now("nothing") == ()


async def test_an_endpoint_is_asked_with_its_token_and_remembered(desk: Desk) -> None:
    lists, server = await asked(desk, said(b'{"people": ["li@example.com", "ou_2"]}'))
    assert server.seen[0].headers["authorization"] == "Bearer s3cret"
    assert server.seen[0].target == "/duty?team=db"
    assert lists.now("net") == ("li@example.com", "ou_2")
    desk.now += 5 * MINUTE
    await lists.tick()  # nobody is there any more
    standing = lists.standing("net")
    assert (standing.people, standing.age) == (("li@example.com", "ou_2"), 5 * MINUTE)
    assert "not reached" in standing.problem
    assert desk.counted == [("net", True), ("net", False)]


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (said(b"[]", 500), "HTTP 500"),
        (said(b"<html>"), "the answer is no"),
        (said(b'{"people": [1]}'), "the answer is no"),
        (said(b'["li"]'), r"people[0] is neither"),
        (said(b"[" + b" " * LIST_LIMIT + b"]"), "more than"),
        (Act(manner=Manner.HANG), "no whole answer within"),
        (Act(manner=Manner.DRIP, body=b"[]"), "no whole answer within"),
        (Act(manner=Manner.RESET), "not reached"),
        (said(b"", 302, Location="http://127.0.0.2/duty"), "redirected to another host"),
        (said(b"", 302, Location="https://127.0.0.1/duty"), "redirected to another host"),
    ],
)
async def test_a_bad_answer_is_named_and_changes_nothing(
    desk: Desk, act: Act, problem: str
) -> None:
    lists, _ = await asked(desk, act)
    assert problem in lists.standing("net").problem
    assert (lists.now("net"), lists.standing("net").age) == ((), None)
    assert "s3cret" not in desk.log.getvalue().decode()


async def test_a_server_that_refuses_our_certificate_gives_no_answer(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (url, trust), httpx.AsyncClient(verify=trust) as http:
        remote = Remote(calendar=False, every=MINUTE, url=f"{url}/s3cret")
        with pytest.raises(NoAnswer, match=r"^not reached \(\w+\)$"):
            await fetch(http, remote)


async def test_a_redirect_on_the_same_host_is_followed_a_few_times(desk: Desk) -> None:
    lists, server = await asked(desk, said(b"", 307, Location="/there"), said(b'["ou_1"]'))
    assert lists.now("net") == ("ou_1",)
    assert server.seen[1].target == "/there"
    lists, _ = await asked(desk, *(said(b"", 302, Location="/again") for _ in range(9)))
    assert "redirects" in lists.standing("net").problem


async def test_after_a_failure_it_is_asked_again_soon_and_a_clock_set_back_delays_nothing(
    desk: Desk,
) -> None:
    lists = desk.made(endpoint(await closed_port()))
    assert await lists.tick() == ASK_AGAIN
    desk.now += ASK_AGAIN
    await lists.tick()
    assert len(desk.counted) == 2
    desk.now -= DAY
    await lists.tick()
    assert len(desk.counted) == 3


async def test_a_calendar_in_a_file_says_who_comes_next_even_when_it_is_gone(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "duty.ics"
    file.write_bytes(calendar(weekly("li@example.com"), weekly("ou_2", "20260112", "2")))
    remote = Remote(calendar=True, every=MINUTE, path=file, zone="Asia/Shanghai")
    lists = desk.made(Roster(name="db", remote=remote))
    await lists.tick()
    assert lists.now("db") == ("li@example.com",)
    file.unlink()
    desk.now += 7 * DAY
    await lists.tick()
    assert lists.now("db") == ("ou_2",)
    assert "does not exist" in lists.standing("db").problem
    assert lists.standing("db").age == 7 * DAY


async def test_a_reload_keeps_the_answers_of_what_did_not_change(desk: Desk) -> None:
    async with hostile("one", said(b'["ou_1"]')) as server:
        same = endpoint(server.url)
        lists = desk.made(same)
        await lists.tick()
        lists.adopt([Roster(name="db", rotation=ROTA), endpoint(server.url)])
        assert (lists.now("net"), lists.names) == (("ou_1",), ("db", "net"))
        lists.adopt([endpoint(f"{server.url}/other")])
        assert (lists.now("net"), lists.names) == ((), ("net",))


async def test_mentions_name_lists(desk: Desk) -> None:
    async with hostile("one", said(b"[]")) as server:
        lists = desk.made(Roster(name="db", rotation=ROTA), endpoint(server.url))
        await lists.tick()
    found = lists.expand(["ou_9", "oncall:db", "oncall:net", "li@example.com", "all"])
    assert found == ("ou_9", "li@example.com", "all")
    assert "nobody is on call" in desk.log.getvalue().decode()


async def test_a_clicker_is_known_by_address_or_by_the_id_that_belongs_to_it(desk: Desk) -> None:
    desk.ids["li@example.com"] = ("ou_LI", "ou_li_of_another_app")
    lists = desk.made(Roster(name="db", rotation=ROTA), Roster(name="web", rotation=ROTA))
    both = frozenset({"db", "web"})
    assert lists.lists_of("ou_LI") == frozenset()
    assert lists.lists_of("", "Li@Example.com") == both
    await lists.tick()
    assert lists.lists_of("ou_LI", "on_union") == both
    desk.now += 7 * DAY
    assert lists.lists_of("ou_LI", "li@example.com") == frozenset()
    assert lists.lists_of("ou_2") == both


async def test_it_asks_until_stopped(desk: Desk) -> None:
    async with hostile("one", *(said(b'["ou_1"]') for _ in range(3))) as server:
        lists = desk.made(endpoint(server.url))
        task = asyncio.create_task(lists.run())
        while len(server.seen) < 3:
            server.arrived.clear()
            await server.arrived.wait()
        lists.stop()
        await task
    assert desk.counted[:2] == [("net", True)] * 2


@given(st.binary(max_size=200))
def test_any_answer_is_read_or_refused(raw: bytes) -> None:
    try:
        people = read_people(raw)
    except NoAnswer:
        return
    assert all("@" in person or person.startswith("ou_") for person in people)

"""All peers are heard as one, and nothing is guessed of one that did not answer all of it."""

import asyncio
from collections import deque
from typing import Any

import pytest

from receiver.alertmanager import call as call_module
from receiver.alertmanager.call import Call, Result
from receiver.alertmanager.client import AlertmanagerClient
from receiver.alertmanager.peer import GRAFANA_API, Source
from receiver.alertmanager.silences import body_of
from receiver.domain.truth import WARM_UP, Truth, Unanswered
from tests.alertmanager.conftest import IMPATIENT, Desk
from tests.alertmanager.hostile import Act, Hostile, Manner, closed_port, hostile
from tests.alertmanager.made import NOW, made
from tests.alertmanager.test_told import ALERT

BUSY = Act(accept=False, status=503, body=b"Limit of concurrent GET requests reached (8)")
QUESTIONS = ("alerts", "silences", "alerts/groups", "status")


def alert(number: int, **other: object) -> dict[str, Any]:
    return ALERT | {"fingerprint": f"{number:016x}"} | other


async def whole(desk: Desk, *urls: str, now: int = NOW) -> Truth:
    seen = await desk.of(*urls).truth(now)
    assert isinstance(seen, Truth)
    return seen


async def test_one_peer_is_asked_everything_and_since_when_it_runs_last(desk: Desk) -> None:
    async with hostile() as server:
        server.alerts = [alert(1)]
        server.add(body_of(made()))
        seen = await whole(desk, server.url)

        assert [one.target for one in server.seen] == [f"/api/v2/{path}" for path in QUESTIONS]
        assert seen.at == NOW
        assert list(seen.alerts) == [f"{1:016x}"]
        assert [one.action for one in seen.silences] == ["act-1"]
        assert [(one.receiver, one.fingerprints) for one in seen.groups] == [
            ("one", (f"{1:016x}",))
        ]
        assert (seen.up_since, seen.unanswered) == (1_767_225_600_000, ())
        assert seen.tells_absence()
        assert desk.told == [
            (call, Result.SUCCESS) for call in (Call.ALERTS, Call.GET, Call.GROUPS, Call.STATUS)
        ]
        assert [span.name for span in desk.spans()] == [f"GET /api/v2/{one}" for one in QUESTIONS]


async def test_what_any_peer_has_is_present(desk: Desk) -> None:
    async with hostile("one") as one, hostile("two") as two:
        one.alerts, two.alerts = [alert(1), alert(2)], [alert(2), alert(3)]
        two.uptime = "2026-11-18T11:06:40Z"
        seen = await whole(desk, one.url, two.url)

        assert list(seen.alerts) == [f"{number:016x}" for number in (1, 2, 3)]
        assert seen.up_since == 1_767_225_600_000


async def test_a_peer_that_is_down_does_not_keep_what_the_others_lack(desk: Desk) -> None:
    down = await closed_port()
    async with hostile("one") as one:
        seen = await whole(desk, down, one.url)

    assert seen.alerts == {}
    assert seen.tells_absence()
    (problem,) = seen.unanswered
    assert problem.startswith(f"{down}/api/v2/alerts: ")
    assert problem.endswith("see whether it runs, and can be reached from here")


@pytest.mark.parametrize("question", range(len(QUESTIONS)))
@pytest.mark.parametrize(
    ("act", "said", "cure"),
    [
        (Act(status=502, body=b"<html>"), "HTTP 502", "see its log"),
        (Act(body=b"<html>"), "is this an Alertmanager?", "the source's urls lead"),
        (Act(manner=Manner.RESET), "connection broken", "see its log"),
        (Act(status=200, body=b'[{"a":1}]'), "is this an Alertmanager?", "see its log"),
    ],
)
async def test_half_an_answer_is_none(
    desk: Desk, question: int, act: Act, said: str, cure: str
) -> None:
    async with hostile("one", *[Act()] * question, act) as server:
        seen = await desk.of(server.url).truth(NOW)

        assert isinstance(seen, Unanswered)
        assert seen.problem.startswith(f"prod: {server.url}/api/v2/{QUESTIONS[question]}: ")
        assert said in seen.problem
        assert cure in seen.problem


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "check the source's basic_auth, bearer_token, headers and tls"),
        (403, "check the source's basic_auth, bearer_token, headers and tls"),
        (404, "check the source's urls and kind"),
    ],
)
async def test_a_refusal_names_what_to_correct(desk: Desk, status: int, cure: str) -> None:
    async with hostile("one", Act(status=status, body=b"")) as server:
        seen = await desk.of(server.url).truth(NOW)

    assert isinstance(seen, Unanswered)
    assert seen.problem.endswith(cure)


async def test_no_answer_shows_a_secret(desk: Desk) -> None:
    async with hostile("one", Act(status=401, body=b"dial http://bob:hidden@am failed")) as server:
        url = server.url.replace("http://", "http://bob:hidden@")
        seen = await desk.of(url, url.replace("hidden", "hidden2")).truth(NOW)

    assert isinstance(seen, Truth)
    assert "hidden" not in "".join(seen.unanswered)


async def test_without_peers_nothing_is_known(desk: Desk) -> None:
    assert await desk.of().truth(NOW) == Unanswered("prod: no peers: set alertmanagers[].urls")


async def test_a_busy_peer_is_asked_again_after_a_random_wait(desk: Desk) -> None:
    async with hostile("one", BUSY, Act(), BUSY, BUSY) as server:
        await whole(desk, server.url)
        assert len(server.seen) == len(QUESTIONS) + 3
        assert desk.waits == [200, 200, 400]

        server.script = deque([BUSY] * 4)
        assert isinstance(await desk.of(server.url).truth(NOW), Unanswered)


async def test_a_peer_that_hangs_is_left_after_a_while(desk: Desk) -> None:
    async with hostile("one", Act(manner=Manner.HANG)) as one, hostile("two") as two:
        two.alerts = [alert(1)]
        source = Source(name="prod", urls=(one.url, two.url))
        seen = await desk.client(source, IMPATIENT).truth(NOW)

    assert isinstance(seen, Truth)
    assert len(seen.alerts) == 1
    assert "no answer in time" in seen.unanswered[0]


async def told(client: AlertmanagerClient, now: int) -> bool:
    """Say whether an absence counts."""
    seen = await client.truth(now)
    assert isinstance(seen, Truth)
    return seen.tells_absence()


async def answered(desk: Desk, server: Hostile, *times: int) -> list[bool | None]:
    """Say at which of these times an absence would count; None where nothing was heard."""
    client = desk.of(server.url)
    seen = [await client.truth(now) for now in times]
    return [one.tells_absence() if isinstance(one, Truth) else None for one in seen]


async def test_a_peer_that_has_just_started_does_not_tell_absence(desk: Desk) -> None:
    async with hostile() as server:
        server.uptime = "2026-11-18T11:06:40Z"
        began = 1_795_000_000_000
        assert await answered(desk, server, began + WARM_UP - 1, began + WARM_UP) == [False, True]


@pytest.mark.parametrize("silent", [None, Act(status=403, body=b"")])
async def test_where_none_says_since_when_it_runs_it_counts_from_when_it_answered(
    desk: Desk, silent: Act | None
) -> None:
    """Grafana has no uptime, and a proxy may keep the status to itself."""
    async with hostile() as server:
        server.uptime = None
        begin = [*[Act()] * 3, silent] if silent else []
        server.script = deque([*begin, *begin, Act(manner=Manner.RESET), *begin, *begin])
        if silent is None:
            server.script = deque([*[Act()] * 8, Act(manner=Manner.RESET)])
        times = (NOW, NOW + WARM_UP, NOW + WARM_UP, NOW + WARM_UP, NOW + 2 * WARM_UP)
        assert await answered(desk, server, *times) == [False, True, None, False, True]


async def test_a_restart_counts_from_when_it_is_seen_where_the_peers_clock_is_behind(
    desk: Desk,
) -> None:
    async with hostile() as server:
        client = desk.of(server.url)
        assert await told(client, NOW)
        server.uptime = "2026-02-01T00:00:00.000Z"  # long before NOW
        assert not await told(client, NOW + 1)
        assert not await told(client, NOW + WARM_UP)
        assert await told(client, NOW + 1 + WARM_UP)


async def test_behind_a_balancer_each_peer_is_known_by_its_start(desk: Desk) -> None:
    async with hostile() as server:
        client = desk.of(server.url)
        for at, (uptime, counts) in enumerate(
            [("01-01", True), ("02-01", False), ("01-01", True), ("02-01", False)]
        ):
            server.uptime = f"2026-{uptime}T00:00:00.000Z"
            assert await told(client, NOW + at) is counts
        assert await told(client, NOW + 2 * WARM_UP)


async def test_one_that_hides_its_start_and_lost_its_alerts_may_have_begun_anew(
    desk: Desk,
) -> None:
    """Between two answers it was gone for a moment, and has been told of few alerts since."""
    async with hostile() as server:
        server.uptime = None
        server.alerts = [alert(number) for number in range(5)]
        client = desk.of(server.url)
        await told(client, NOW)
        later = NOW + WARM_UP
        del server.alerts[3:]
        assert await told(client, later)
        del server.alerts[1:]
        assert not await told(client, later + 1)
        server.alerts = []
        assert not await told(client, later + WARM_UP)
        assert await told(client, later + 2 * WARM_UP)


async def test_grafanas_api_is_below_its_own_path(desk: Desk) -> None:
    async with hostile() as server:
        source = Source(name="prod", urls=(f"{server.url}/sub",), bearer="glsa_x", api=GRAFANA_API)
        await desk.client(source).truth(NOW)

        assert {one.target.rpartition("/api/v2/")[0] for one in server.seen} == {
            "/sub/api/alertmanager/grafana"
        }
        assert {one.headers["authorization"] for one in server.seen} == {"Bearer glsa_x"}
        assert desk.spans()[0].name == f"GET {GRAFANA_API}/alerts"


async def test_reading_much_does_not_keep_the_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every large answer is read in another thread, and ten thousand alerts all arrive."""
    monkeypatch.setattr(call_module, "LARGE", 1000)
    seen_in: list[bool] = []
    judge = call_module._judge  # noqa: SLF001

    def watched(*given: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            seen_in.append(True)
        return judge(*given)

    monkeypatch.setattr(call_module, "_judge", watched)
    async with hostile() as server:
        server.alerts = [alert(number) for number in range(10_000)]
        seen = await whole(desk, server.url)

    assert len(seen.alerts) == 10_000
    assert len(seen.groups[0].fingerprints) == 10_000
    assert seen_in == [True, True]

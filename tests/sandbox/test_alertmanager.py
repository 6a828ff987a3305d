"""The stand-in Alertmanager: its API's answers, its silences, and the webhooks it sends."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox.alertmanager import StandIn, serve_alertmanager
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.matchers import BadMatcher, fingerprint, matcher, parse
from receiver.sandbox.notify import AlertmanagerConfig, Told, reason
from receiver.sandbox.server import serve_app
from tests.sandbox.driver import START

HOUR = 3_600_000
UNKNOWN = "09467f6f-d7e8-47f8-867a-3f215d27055b"


@dataclass
class Sink:
    """A webhook receiver that answers with the statuses in turn, and then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Bench:
    """A stand-in whose clock stands still, its sink, and a client of its API."""

    am: StandIn
    clock: VirtualClock
    sink: Sink
    http: httpx.AsyncClient

    async def flushed(self, count: int) -> None:
        """Wait until so many flushes have ended."""
        await self.am.dispatcher.hub.until(lambda: self.am.dispatcher.flushes >= count)

    async def silence(self, **more: Any) -> httpx.Response:
        """Post a silence for alertname=Disk that lasts an hour."""
        return await self.http.post("/api/v2/silences", json=wish(**more))


def wish(**more: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "alertname", "value": "Disk", "isRegex": False}],
        "startsAt": "2023-11-14T22:13:20Z",
        "endsAt": "2023-11-14T23:13:20.000Z",
        "createdBy": "李雷",
        "comment": "via feishu",
        **more,
    }


def alert(name: str = "Disk", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": "a < b & c"},
    }


@asynccontextmanager
async def bench(**config: Any) -> AsyncIterator[Bench]:
    """Run a stand-in with a group wait of 5 s and a group interval of 30 s."""
    sink = Sink()

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        sink.raw.append(body)
        sink.bodies.append(json.loads(body))
        sink.headers.append(dict(request.headers))
        return Response(status_code=sink.statuses.pop(0) if sink.statuses else 200)

    app = Starlette(routes=[Route("/hook", endpoint, methods=["POST"])])
    clock = VirtualClock(start=START)
    async with serve_app(app, closing=lambda: None) as url:
        sink.url = f"{url}/hook"
        settings = AlertmanagerConfig(
            **{
                "webhook_url": sink.url,
                "bearer_token": "tok",
                "receiver": "team.a+b/中文",
                "group_wait_ms": 5_000,
                "group_interval_ms": 30_000,
                "repeat_interval_ms": HOUR,
                **config,
            }
        )
        async with (
            serve_alertmanager(settings, clock=clock) as am,
            httpx.AsyncClient(base_url=am.url, trust_env=False) as http,
        ):
            yield Bench(am, clock, sink, http)


async def test_the_first_webhook_comes_after_the_group_wait_and_looks_real() -> None:
    async with bench() as here:
        posted = await here.http.post("/api/v2/alerts", json=[alert(instance="n1")])
        assert (posted.status_code, posted.content) == (200, b"")
        here.clock.advance(4_999)
        assert here.sink.bodies == []
        here.clock.advance(1)
        await here.flushed(1)
        (body,) = here.sink.bodies
        assert body["receiver"] == r"team\.a\+b/中文"
        assert (body["status"], body["version"], body["truncatedAlerts"]) == ("firing", "4", 0)
        assert body["notification_reason"] == "first notification"
        assert body["groupKey"] == '{}:{alertname="Disk"}'
        assert body["groupLabels"] == {"alertname": "Disk"}
        assert body["externalURL"] == here.am.url
        (shown,) = body["alerts"]
        assert shown["fingerprint"] == fingerprint(shown["labels"])
        assert shown["startsAt"] == "2023-11-14T22:13:20.000Z"
        assert shown["endsAt"] == "0001-01-01T00:00:00Z"
        assert b"a \\u003c b \\u0026 c" in here.sink.raw[0]
        assert here.sink.raw[0].endswith(b"}\n")
        headers = here.sink.headers[0]
        assert headers["authorization"] == "Bearer tok"
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"].startswith("Alertmanager/")
        assert len(headers["traceparent"]) == 55


async def test_a_groups_life_in_webhooks() -> None:
    async with bench() as here:
        here.am.fire([alert(instance="n1")])
        here.clock.advance(5_000)
        await here.flushed(1)
        here.am.fire([alert(instance="n2"), alert("Other")])
        here.clock.advance(30_000)
        await here.flushed(3)
        ended = {"endsAt": "2023-11-14T22:13:21Z"}
        here.am.fire([{**alert(instance="n1"), **ended}])
        here.clock.advance(30_000)
        await here.flushed(5)
        here.clock.advance(30_000)
        await here.flushed(7)
        here.am.fire([{**alert(instance="n2"), **ended}])
        here.clock.advance(30_000)
        await here.flushed(9)
        told = [
            (body["notification_reason"], body["status"], len(body["alerts"]))
            for body in here.sink.bodies
            if body["groupLabels"] == {"alertname": "Disk"}
        ]
        assert told == [
            ("first notification", "firing", 1),
            ("new alerts added", "firing", 2),
            ("some alerts resolved", "firing", 2),
            ("all alerts resolved", "resolved", 1),
        ]
        assert (("alertname", "Disk"),) not in here.am.dispatcher.groups


async def test_a_group_that_goes_on_firing_is_repeated() -> None:
    async with bench(repeat_interval_ms=60_000, resolve_timeout_ms=HOUR) as here:
        here.am.fire([alert()])
        here.clock.advance(5_000)
        for flush in (1, 2, 3):
            await here.flushed(flush)
            here.clock.advance(30_000)
        await here.flushed(4)
        reasons = [body["notification_reason"] for body in here.sink.bodies]
        assert reasons == ["first notification", "repeat interval elapsed"]


async def test_an_alert_nobody_renews_is_resolved_by_the_timeout() -> None:
    async with bench(resolve_timeout_ms=10_000) as here:
        here.am.fire([alert()])
        here.clock.advance(5_000)
        await here.flushed(1)
        here.clock.advance(30_000)
        await here.flushed(2)
        assert [body["status"] for body in here.sink.bodies] == ["firing", "resolved"]


async def test_server_errors_are_retried_with_a_growing_wait_and_client_errors_are_not() -> None:
    async with bench() as here:
        here.sink.statuses = [503, 500, 429]
        here.am.fire([alert()])
        hub = here.am.dispatcher.hub
        here.clock.advance(5_000)
        for attempt, wait in ((1, 500), (2, 750)):
            await hub.until(lambda attempt=attempt: len(here.sink.bodies) == attempt)  # type: ignore[misc]
            here.clock.advance(wait)
        await here.flushed(1)
        assert len(here.sink.bodies) == 3
        here.clock.advance(30_000)
        await here.flushed(2)
        assert [body["notification_reason"] for body in here.sink.bodies] == [
            "first notification"
        ] * 4


async def test_an_alert_that_resolves_while_silenced_is_never_told() -> None:
    async with bench() as here:
        here.am.fire([alert()])
        here.clock.advance(5_000)
        await here.flushed(1)
        assert (await here.silence()).status_code == 200
        here.am.fire([{**alert(), "endsAt": "2023-11-14T22:13:25Z"}])
        here.clock.advance(30_000)
        await here.flushed(2)
        assert len(here.sink.bodies) == 1


async def test_what_was_silenced_returns_as_a_first_notification() -> None:
    async with bench(resolve_timeout_ms=24 * HOUR) as here:
        silence = (await here.silence()).json()["silenceID"]
        here.am.fire([alert(), alert(instance="n2")])
        here.clock.advance(5_000)
        await here.flushed(1)
        assert here.sink.bodies == []
        (first, _) = (await here.http.get("/api/v2/alerts")).json()
        assert first["status"] == {
            "inhibitedBy": [],
            "mutedBy": [],
            "silencedBy": [silence],
            "state": "suppressed",
        }
        assert (await here.http.get("/api/v2/alerts?silenced=false")).json() == []
        assert (await here.http.delete(f"/api/v2/silence/{silence}")).status_code == 200
        here.clock.advance(30_000)
        await here.flushed(2)
        assert here.sink.bodies[0]["notification_reason"] == "first notification"
        assert (await here.http.get("/api/v2/alerts?active=false")).json() == []


async def test_a_silence_reads_as_it_was_written() -> None:
    async with bench() as here:
        made = await here.silence(annotations={"card": "om_x"})
        found = (await here.http.get(f"/api/v2/silence/{made.json()['silenceID']}")).json()
        assert found == {
            "id": made.json()["silenceID"],
            "status": {"state": "active"},
            "updatedAt": "2023-11-14T22:13:20.000Z",
            "annotations": {"card": "om_x"},
            "comment": "via feishu",
            "createdBy": "李雷",
            "endsAt": "2023-11-14T23:13:20.000Z",
            "matchers": [{"isEqual": True, "isRegex": False, "name": "alertname", "value": "Disk"}],
            "startsAt": "2023-11-14T22:13:20.000Z",
        }
        here.clock.advance(HOUR)
        (listed,) = (await here.http.get("/api/v2/silences")).json()
        assert listed["status"] == {"state": "expired"}
        query = {"filter": 'alertname="Other"'}
        assert (await here.http.get("/api/v2/silences", params=query)).json() == []


async def test_creating_a_silence_twice_makes_two() -> None:
    async with bench() as here:
        ids = {(await here.silence()).json()["silenceID"] for _ in range(2)}
        assert len(ids) == 2


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"comment": "other"}, True),
        ({"endsAt": "2023-11-15T00:00:00Z"}, True),
        ({"matchers": [{"name": "a", "value": "b"}]}, False),
        ({"startsAt": "2023-11-14T22:13:22Z"}, False),
    ],
)
async def test_an_update_keeps_the_id_only_for_equal_matchers_and_start(
    changes: dict[str, Any], same: bool
) -> None:
    async with bench() as here:
        first = (await here.silence()).json()["silenceID"]
        here.clock.advance(5_000)
        second = (await here.silence(id=first, **changes)).json()["silenceID"]
        assert (second == first) is same
        old = (await here.http.get(f"/api/v2/silence/{first}")).json()
        assert old["status"]["state"] == ("active" if same else "expired")


async def test_an_expired_silence_is_not_revived() -> None:
    async with bench() as here:
        first = (await here.silence()).json()["silenceID"]
        for _ in range(2):
            assert (await here.http.delete(f"/api/v2/silence/{first}")).content == b""
        assert (await here.silence(id=first)).json()["silenceID"] != first


REFUSED: list[tuple[dict[str, Any], int, object]] = [
    ({"matchers": []}, 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),  # noqa: E501
    ({"matchers": [{"name": "a", "value": ""}]}, 400, "invalid silence: matcher set 0: at least one matcher must not match the empty string"),  # noqa: E501
    ({"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}, 400, "invalid silence: matcher set 0: at least one matcher must not match the empty string"),  # noqa: E501
    ({"matchers": [{"name": "a", "value": "(?=x)y", "isRegex": True}]}, 400, 'invalid silence: invalid label matcher 0 in set 0: invalid regular expression "(?=x)y": error parsing regexp: invalid or unsupported Perl syntax: `(?=`'),  # noqa: E501
    ({"endsAt": "2023-11-14T22:00:00Z", "startsAt": "2023-11-14T21:00:00Z"}, 400, "Failed to create silence: end time can't be in the past"),  # noqa: E501
    ({"endsAt": "2023-11-14T22:00:00Z"}, 400, "Failed to create silence: start time must be before end time"),  # noqa: E501
    ({"id": UNKNOWN}, 404, "silence not found"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "status", "body"), REFUSED)
async def test_silences_that_are_refused_in_its_own_words(
    changes: dict[str, Any], status: int, body: object
) -> None:
    async with bench() as here:
        answer = await here.silence(**changes)
        assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("name", ["comment", "createdBy", "endsAt", "matchers", "startsAt"])
async def test_required_fields_of_a_silence(name: str) -> None:
    async with bench() as here:
        document = {key: value for key, value in wish().items() if key != name}
        answer = await here.http.post("/api/v2/silences", json=document)
        assert answer.status_code == 422
        assert answer.json() == {"code": 602, "message": f"{name} in body is required"}


async def test_negative_matchers_alone_are_taken() -> None:
    async with bench() as here:
        negative = [{"name": "a", "value": "b", "isEqual": False}]
        assert (await here.silence(matchers=negative)).status_code == 200


async def test_errors_have_three_shapes() -> None:
    async with bench() as here:
        plain = await here.http.post("/api/v2/silences", content=b"{}")
        assert plain.status_code == 415
        broken = await here.http.post(
            "/api/v2/silences", content=b"{", headers={"Content-Type": "application/json"}
        )
        assert (broken.status_code, broken.json()["code"]) == (400, 400)
        for method in ("GET", "DELETE"):
            missing = await here.http.request(method, f"/api/v2/silence/{UNKNOWN}")
            assert (missing.status_code, missing.content) == (404, b"")
            no_uuid = await here.http.request(method, "/api/v2/silence/abc")
            assert (no_uuid.status_code, no_uuid.json()["code"]) == (422, 601)


@pytest.mark.parametrize(
    ("alerts", "status", "body"),
    [
        ([{"labels": {}}], 400, "at least one label pair required"),
        ([{}], 422, {"code": 602, "message": "0.labels in body is required"}),
        (
            [{**alert(), "startsAt": "2023-11-14T22:13:20Z", "endsAt": "2023-11-14T22:13:19Z"}],
            400,
            "start time must be before end time",
        ),
    ],
)
async def test_alerts_that_are_refused(alerts: Any, status: int, body: object) -> None:
    async with bench() as here:
        answer = await here.http.post("/api/v2/alerts", json=alerts)
        assert (answer.status_code, answer.json()) == (status, body)
        assert here.am.book.alerts == {}


async def test_alerts_are_found_by_matchers_and_receiver() -> None:
    async with bench() as here:
        here.am.fire([alert(instance="n1"), alert(instance='quo"te\\ 中文'), alert("Other")])

        async def names(**query: str) -> list[str]:
            answer = await here.http.get("/api/v2/alerts", params=query)
            return [item["labels"].get("instance", "") for item in answer.json()]

        assert await names(filter='instance="n1"') == ["n1"]
        assert await names(filter='instance="quo\\"te\\\\ 中文"') == ['quo"te\\ 中文']
        assert await names(filter='instance=~"n."') == ["n1"]
        assert len(await names(filter='alertname!="Other"')) == 2
        assert await names(receiver="nobody") == []
        assert len(await names(receiver="team.*")) == 3
        here.clock.advance(300_000)
        assert await names() == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": "foo"}, "bad matcher format: foo"),
        ({"filter": '{a="b"}'}, 'unexpected open or close brace: {a="b"}'),
        ({"filter": 'a="b"c'}, 'matcher value contains unescaped double quote: "b"c'),
        ({"receiver": "("}, "failed to parse receiver param: "),
    ],
)
async def test_queries_that_are_refused(query: dict[str, str], message: str) -> None:
    async with bench() as here:
        answer = await here.http.get("/api/v2/alerts", params=query)
        assert answer.status_code == 400
        assert answer.json().startswith(message)


async def test_groups_status_receivers_and_health() -> None:
    async with bench(group_by=("alertname", "instance")) as here:
        here.am.fire([alert(instance="n1"), alert(instance="n2")])
        groups = (await here.http.get("/api/v2/alerts/groups")).json()
        assert [group["labels"]["instance"] for group in groups] == ["n1", "n2"]
        status = (await here.http.get("/api/v2/status")).json()
        assert "group_interval: 30s" in status["config"]["original"]
        assert "tok" not in status["config"]["original"]
        assert here.sink.url not in status["config"]["original"]
        assert (await here.http.get("/api/v2/receivers")).json() == [{"name": "team.a+b/中文"}]
        for path in ("/-/healthy", "/-/ready"):
            assert (await here.http.get(path)).text == "OK"


async def test_an_earlier_start_is_kept_while_an_alert_lasts() -> None:
    async with bench() as here:
        here.am.fire([alert()])
        here.clock.advance(1_000)
        (later,) = here.am.fire([alert()])
        assert later.starts_at == START


FIRING, RESOLVED = frozenset({"a"}), frozenset({"b"})
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, Told(FIRING, NONE, 0), "first notification"),
        (None, Told(NONE, FIRING, 0), None),
        (Told(NONE, FIRING, 0), Told(FIRING, NONE, 1), "first notification"),
        (Told(FIRING, NONE, 0), Told(FIRING | RESOLVED, NONE, 1), "new alerts added"),
        (Told(FIRING | RESOLVED, NONE, 0), Told(FIRING, RESOLVED, 1), "some alerts resolved"),
        (Told(FIRING, NONE, 0), Told(NONE, FIRING, 1), "all alerts resolved"),
        (Told(FIRING, NONE, 0), Told(FIRING, NONE, 9), None),
        (Told(FIRING, NONE, 0), Told(FIRING, NONE, 10), "repeat interval elapsed"),
    ],
)
def test_why_a_group_is_notified(told: Told | None, now: Told, expected: str | None) -> None:
    assert reason(told, now, 10) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"job": "foo", "severity": "warning"}, "9266ef3da838ad95"),
        ({"alertname": "alert1", "lbl1": "val1"}, "fac0861a85de433a"),
    ],
)
def test_fingerprints_match_the_published_ones(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["=", "!="]))
def test_any_quoted_value_is_read_back(value: str, op: str) -> None:
    read = parse(f'name{op}"{quoted(value)}"')
    assert (read.value, read.is_equal) == (value, op == "=")
    assert read.matches({"name": value}) is (op == "=")


@given(st.text())
def test_any_text_is_a_matcher_or_refused(text: str) -> None:
    with suppress(BadMatcher):
        assert parse(text).name


def test_a_regex_matches_the_whole_value_or_nothing() -> None:
    half = matcher("a", "b|c", is_regex=True, is_equal=True)
    assert half.matches({"a": "c"})
    assert not half.matches({"a": "bc"})
    assert matcher("a", "b|c", is_regex=True, is_equal=False).matches({})

"""The stand-in Alertmanager: alerts in, webhooks out."""

from typing import Any

import pytest

from receiver.sandbox.matchers import fingerprint
from receiver.sandbox.notify import Told, reason
from tests.sandbox.driver import START
from tests.sandbox.standin import HOUR, alert, bench


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

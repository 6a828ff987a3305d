"""The ops port of a running receiver: the API, its errors, its pages and its metrics."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.app.made import SECRETS
from tests.app.ports import ops_of, store_at
from tests.binaries import find
from tests.stage import PRODUCTION, Json, Stage, stage
from tests.stories.bodies import alert

OPS_TOKEN = SECRETS["ops_token"]
OPERATOR = {"Authorization": f"Bearer {OPS_TOKEN}"}
NOWHERE = "oc_not_there_yet"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SERVER = {
    "listen": "127.0.0.1:0",
    "ops_listen": "127.0.0.1:0",
    "external_url": "http://receiver.test",
}
PATHS = (
    ("GET", "/metrics", False),
    ("GET", "/-/healthy", False),
    ("GET", "/-/ready", False),
    ("GET", "/api/v1/openapi.json", False),
    ("GET", "/api/v1/incidents", True),
    ("GET", "/api/v1/incidents/1", True),
    ("GET", "/api/v1/cards", True),
    ("GET", "/api/v1/dead-letters", True),
    ("GET", "/api/v1/units", True),
    ("POST", "/-/reload", True),
)


@pytest_asyncio.fixture
async def at(tmp_path: Path) -> Any:
    """Run a receiver whose ops port wants a token."""
    async with stage(tmp_path, server={**SERVER, "ops_token": OPS_TOKEN}) as made:
        yield made


async def ask(at: Stage, method: str, path: str, **more: Any) -> httpx.Response:
    """Call the ops port as an operator."""
    return await at.http.request(
        method, f"{at.receiver.ops_url}{path}", **{"headers": OPERATOR, **more}
    )


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Say whether an answer is a problem document of this status."""
    said = answer.json()
    return (
        answer.status_code == said["status"] == status
        and answer.headers["content-type"] == "application/problem+json"
        and bool(said["title"])
        and bool(said["detail"])
    )


async def dead_letters(at: Stage) -> list[Json]:
    """Return the dead letters as the API tells them."""
    listed: list[Json] = (await ask(at, "GET", "/api/v1/dead-letters")).json()["dead_letters"]
    return listed


async def test_every_path_answers_with_and_without_a_slash_and_a_token(at: Stage) -> None:
    await at.fire(alert())
    await at.message()
    for method, path, guarded in PATHS:
        for slash in ("", "/"):
            answer = await ask(at, method, path + slash)
            assert answer.status_code == 200, (path, answer.text)
        answer = await ask(at, method, path, headers={})
        assert is_problem(answer, 401) if guarded else answer.status_code == 200, path
        wrong = await ask(at, method, path, headers={"Authorization": "Bearer another-token"})
        assert is_problem(wrong, 401) if guarded else wrong.status_code == 200, path


async def test_what_is_not_there_is_said_as_a_problem(at: Stage) -> None:
    assert is_problem(await ask(at, "GET", "/api/v1/nothing"), 404)
    assert is_problem(await ask(at, "GET", "/api/v1/incidents/77"), 404)
    assert is_problem(await ask(at, "GET", "/api/v1/incidents/abc"), 404)
    assert is_problem(await ask(at, "POST", "/api/v1/dead-letters/77/replay"), 404)
    for method, path, _ in PATHS:
        answer = await ask(at, "DELETE", path)
        assert is_problem(answer, 405), path
        assert answer.headers["allow"] == method
    public = await at.http.get(f"{at.receiver.url}/webhooks/alertmanager/prod/")
    assert is_problem(public, 405)
    assert public.headers["allow"] == "POST, PUT"
    assert is_problem(await at.http.get(f"{at.receiver.url}/metrics"), 404)


async def test_incidents_come_in_pages_the_newest_first(at: Stage) -> None:
    for number in range(5):
        await at.fire(alert(f"Alert{number}"))
    seen: list[int] = []
    before = 0
    while page := (await ask(at, "GET", f"/api/v1/incidents?limit=2&before={before}")).json()[
        "incidents"
    ]:
        assert len(page) <= 2
        seen += [incident["id"] for incident in page]
        before = seen[-1]
    assert seen == [5, 4, 3, 2, 1]
    for bad in ("limit=0", "limit=201", "limit=x", "before=-1", "before=1e3", "limit="):
        assert is_problem(await ask(at, "GET", f"/api/v1/incidents?{bad}"), 400), bad


async def test_an_incident_is_told_with_alerts_cards_and_timeline(at: Stage) -> None:
    await at.fire(alert(instance="a"), alert(instance="b"))
    card = await at.message()
    await at.quiet()
    await at.click(card, "acknowledge")
    told = (await ask(at, "GET", "/api/v1/incidents/1")).json()
    assert told["source"] == "prod"
    assert told["acknowledged_by"] == "韩梅梅"
    assert {member["labels"]["instance"] for member in told["alerts"]} == {"a", "b"}
    (shown,) = told["cards"]
    assert shown["message_id"] == card.message_id
    assert shown["target"] == f"ops:{PRODUCTION}"
    kinds = [line["kind"] for line in told["timeline"]]
    assert kinds.index("first") < kinds.index("acknowledge"), kinds
    actors = {line["kind"]: line["actor"] for line in told["timeline"]}
    assert actors["acknowledge"] == "韩梅梅"
    assert all(line["at"] > 0 for line in told["timeline"])


async def test_a_dead_letter_is_listed_and_can_be_replayed(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=[{"targets": [f"ops:{NOWHERE}"]}]) as at:
        await at.fire(alert())
        (letter,) = await at.when(lambda: dead_letters(at))
        assert letter["state"] == "dead"
        assert (letter["incident"], letter["title"]) == (1, "HighLoad")
        assert (letter["target"], letter["reason"]) == (f"ops:{NOWHERE}", "target")
        assert letter["problem"] == f"target: {letter['detail']}"
        told = (await ask(at, "GET", "/api/v1/incidents/1")).json()
        died = [line["at"] for line in told["timeline"] if line["kind"] == "dead_lettered"]
        assert letter["since"] == died[-1]
        assert (await at.metric("receiver_dead_letters_total", reason="target")) == 1
        assert "receiver_dead_letter_rows 1.0" in (await ask(at, "GET", "/metrics")).text
        at.desk.add_chat("新群", chat_id=NOWHERE)
        path = f"/api/v1/dead-letters/{letter['id']}/replay"
        assert (await ask(at, "POST", path)).json() == {"replayed": letter["id"]}
        await at.message(NOWHERE, limit=30)
        await at.quiet()
        assert (await ask(at, "GET", "/api/v1/dead-letters")).json() == {"dead_letters": []}
        assert is_problem(await ask(at, "POST", path), 404)


async def test_units_are_counted_by_state(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=[{"targets": [f"ops:{PRODUCTION}", f"ops:{NOWHERE}"]}]) as at:
        await at.fire(alert(instance="a"), alert(instance="b"))
        await at.message()
        await at.when(lambda: dead_letters(at))
        await at.quiet()
        said = (await ask(at, "GET", "/api/v1/units")).json()
        states = said["states"]
        assert said["accepted"] == sum(states.values()) == 4
        assert (states["shown"], states["dead_lettered"]) == (2, 2)
        assert said["suppressed_reasons"] == {}
        assert await at.metric("receiver_store_units", state="dead_lettered") == 2
        assert "receiver_store_units_accepted 4.0" in (await ask(at, "GET", "/metrics")).text


async def test_dead_letters_come_as_many_as_asked_for(tmp_path: Path) -> None:
    async with stage(tmp_path, routes=[{"targets": [f"ops:{NOWHERE}"]}]) as at:
        for name in ("One", "Two", "Three"):
            await at.fire(alert(name))
        await at.when(lambda: all_dead(at, 3))
        two = (await ask(at, "GET", "/api/v1/dead-letters?limit=2")).json()["dead_letters"]
        assert two == (await dead_letters(at))[:2]
        for bad in ("0", "5001", "x", "-1", ""):
            assert is_problem(await ask(at, "GET", f"/api/v1/dead-letters?limit={bad}"), 400), bad


async def all_dead(at: Stage, count: int) -> bool:
    """Say whether there are so many dead letters."""
    return len(await dead_letters(at)) == count


async def test_metrics_in_both_formats_pass_the_lint(at: Stage) -> None:
    await at.fire(alert())
    await at.message()
    await at.quiet()
    text = await ask(at, "GET", "/metrics")
    openmetrics = await ask(at, "GET", "/metrics", headers={"Accept": OPENMETRICS})
    assert text.headers["content-type"].startswith("text/plain")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    old = {sample.name for family in read_text(text.text) for sample in family.samples}
    families = list(read_openmetrics(openmetrics.text))  # type: ignore[no-untyped-call]
    new = {sample.name for family in families for sample in family.samples}
    assert old == new
    assert "receiver_delivery_attempts_total" in old
    promtool = await asyncio.create_subprocess_exec(
        find("promtool"),
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await promtool.communicate(text.content)
    assert promtool.returncode == 0, said.decode()


async def test_ready_turns_503_when_the_store_is_closed(tmp_path: Path) -> None:
    store = store_at(tmp_path / "receiver.db")
    async with ops_of(store) as http:
        assert (await http.get("/-/ready")).status_code == 200
        await store.close()
        assert is_problem(await http.get("/-/ready"), 503)
        assert (await http.get("/-/healthy")).status_code == 200
        assert is_problem(await http.get("/api/v1/incidents"), 503)
        assert is_problem(await http.post("/api/v1/dead-letters/1/replay"), 503)
        metrics = await http.get("/metrics")
        assert metrics.status_code == 200
        assert 'receiver_store_failures_total{reason="other"} 1.0' in metrics.text


async def test_ready_turns_503_when_the_file_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "receiver.db"
    store = store_at(path)
    try:
        async with ops_of(store) as http:
            for file in (path, Path(f"{path}-wal")):
                file.write_bytes(b"\xff" * 8192)
            assert is_problem(await http.get("/-/ready"), 503)
            assert is_problem(await http.get("/api/v1/cards"), 503)
    finally:
        await store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for every example of a property."""
    return tmp_path_factory.mktemp("hostile")


SEGMENTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(
    r"-?[0-9]{1,30}", fullmatch=True
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(segments=st.lists(SEGMENTS, min_size=1, max_size=8))
@example(segments=["9" * 18, "9" * 19, "9" * 5000, "0", "٣", "²"])
def test_no_number_and_no_text_in_a_path_or_a_query_is_a_fault(
    segments: list[str], folder: Path
) -> None:
    asyncio.run(_all_known(segments, folder))


async def _all_known(segments: list[str], folder: Path) -> None:
    store = store_at(folder / "receiver.db")
    try:
        async with ops_of(store) as http:
            for text in segments:
                part = httpx.QueryParams({"before": text, "limit": text})
                quoted = str(httpx.QueryParams({"x": text}))[2:]
                answers = [
                    await http.get(f"/api/v1/incidents?{part}"),
                    await http.get(f"/api/v1/incidents/{quoted}"),
                    await http.post(f"/api/v1/dead-letters/{quoted}/replay"),
                ]
                assert {answer.status_code for answer in answers} <= {200, 400, 404, 405}
    finally:
        await store.close()

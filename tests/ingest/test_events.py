"""What Alertmanager's event recorder posts stirs a look at its source, and changes nothing."""

import asyncio
import contextlib
import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.ingest.events import OTHER, QUIET, STIRRING, Unreadable, kinds
from receiver.telemetry.labels import EVENT_OUTCOMES, EVENTS
from tests.alertmanager.conftest import Desk, desk
from tests.alertmanager.hostile import Hostile, hostile
from tests.binaries import current
from tests.ingest.conftest import TOKEN, Stage
from tests.real_alertmanager import Settings, real_alertmanager, wall_clock

__all__ = ["desk"]  # a fixture
PATIENCE = 20.0  # seconds until the server must have said something
BODY = 1 << 20  # what the stage's door lets in
LABELS = {"alertname": "DiskFull", "node": "n1"}


def event(name: str, **more: object) -> dict[str, object]:
    """Return an event as 0.33.1 wrote it."""
    head = {"@timestamp": "2026-11-21T15:27:44.195279448Z", "instance": "vm"}
    return head | {"data": {name: {"silence": {"id": "s"}}}} | more


async def posted(stage: Stage, body: object, source: str = "prod", token: str = "") -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    path = f"/webhooks/alertmanager/{source}/events"
    answer = await stage.http.post(path, content=raw, headers=headers)
    return answer.status_code


def counted(stage: Stage, name: str, **labels: str) -> float | None:
    return stage.registry.get_sample_value(f"receiver_{name}_total", {"source": "prod", **labels})


def test_the_labels_are_the_codes() -> None:
    assert set(EVENTS) == {*STIRRING, *QUIET, OTHER}
    assert set(EVENT_OUTCOMES) == {"accepted", "unauthorized", "malformed", "too_large"}


@pytest.mark.parametrize(
    ("name", "kind", "looks"),
    [
        ("silenceCreated", "silence_created", True),
        ("silence_updated", "silence_updated", True),
        ("alertCreated", "alert_created", True),
        ("alertResolved", "alert_resolved", True),
        ("alertmanagerStartupEvent", "alertmanager_startup_event", True),
        ("silenceMutedAlert", "silence_muted_alert", False),
        ("inhibitionMutedAlert", "inhibition_muted_alert", False),
        ("alertGrouped", "alert_grouped", False),
        ("notification", "notification", False),
        ("somethingOfTomorrow", "other", False),
        ("x" * 5000, "other", False),
    ],
)
async def test_what_may_change_the_truth_has_the_source_looked_at(
    stage: Stage, name: str, kind: str, looks: bool
) -> None:
    assert await posted(stage, event(name)) == 202
    assert stage.hurried == (["prod"] if looks else [])
    assert counted(stage, "events", event=kind) == 1
    assert await stage.incidents() == []


async def test_a_batch_is_one_look(stage: Stage) -> None:
    batch = [event("alertCreated"), event("alertGrouped"), event("silenceCreated")]
    assert await posted(stage, batch) == 202
    assert await posted(stage, []) == 202
    assert stage.hurried == ["prod"]
    assert counted(stage, "event_requests", outcome="accepted") == 2


async def test_a_large_batch_is_read_beside_the_loop(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []

    def watched(raw: bytes) -> tuple[str, ...]:
        readers.append(threading.current_thread())
        return kinds(raw)

    monkeypatch.setattr("receiver.ingest.events.kinds", watched)
    batch = [event("alertCreated"), *[event("notification")] * 1_000]
    assert await posted(stage, batch) == await posted(stage, batch[:2]) == 202
    assert [one is threading.main_thread() for one in readers] == [False, True]
    assert counted(stage, "events", event="notification") == 1_001


async def test_only_who_may_send_alerts_may_send_events(stage: Stage) -> None:
    assert await posted(stage, event("alertCreated"), "guarded") == 401
    assert await posted(stage, event("alertCreated"), "guarded", "wrong") == 401
    assert await posted(stage, event("alertCreated"), "nobody") == 404
    assert stage.hurried == []
    assert await posted(stage, event("alertCreated"), "guarded", TOKEN) == 202
    assert stage.hurried == ["guarded"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 400),
        (b"{}", 400),
        ({"data": 1}, 400),
        ([[]], 400),
        (b" " * (1 << 20) + b" ", 413),
    ],
)
async def test_what_is_no_event_is_refused(stage: Stage, body: object, status: int) -> None:
    assert await posted(stage, body) == status
    outcome = "malformed" if status == 400 else "too_large"
    assert counted(stage, "event_requests", outcome=outcome) == 1
    assert stage.hurried == []


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("data") | st.text(), inner),
    ).map(lambda made: json.dumps(made).encode())
)
def test_no_body_raises_anything_else_or_names_what_is_no_label(raw: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert set(kinds(raw)) <= set(EVENTS)


def _told(sink: Hostile) -> list[str]:
    return [one for seen in sink.seen for one in kinds(seen.body)]


async def test_the_real_recorder_and_that_our_own_look_stirs_no_other(
    desk: Desk,
    tmp_path: Path,
) -> None:
    async with hostile() as sink:
        settings = Settings(events_url=f"{sink.url}/events", token=TOKEN)
        program = current("prometheus-alertmanager")
        async with real_alertmanager(tmp_path, settings, binary=program) as server:
            client = desk.of(server.url)

            async def until(kind: str) -> list[str]:
                """Wait for an event, and return all that came before it and with it."""
                async with asyncio.timeout(PATIENCE):
                    while kind not in (told := _told(sink)):
                        await sink.arrived.wait()
                        sink.arrived.clear()
                return told

            assert await until("alertmanager_startup_event")
            await server.fire(LABELS)
            assert await until("alert_created")
            body = {
                "matchers": [{"name": "alertname", "value": "DiskFull", "isRegex": False}],
                "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
                "createdBy": "ops", "comment": "c",
            }  # fmt: skip
            await client.create(body)
            assert await until("silence_created")
            await until("silence_muted_alert")
            sink.seen.clear()
            await client.truth(wall_clock())
            assert QUIET.issuperset(await until("silence_muted_alert"))
            assert {seen.headers["authorization"] for seen in sink.seen} == {f"Bearer {TOKEN}"}

"""Programs that speak for themselves: messages with and without a state, and their limits."""

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.incident import Kind
from receiver.ingest.agents import (
    ID_LIMIT,
    LINKS_MOST,
    MESSAGE_LIMIT,
    TEXT_LIMIT,
    Message,
    Unacceptable,
    read_message,
    spend,
)
from tests.domain.made import HOUR, MINUTE, NOW, SECOND
from tests.ingest.conftest import Stage
from tests.ingest.test_requests import check_problem

DAY = 24 * HOUR
CLOUD = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


def message(**fields: Any) -> bytes:
    """Make a message."""
    return json.dumps({"id": "m-1", "title": "Queue is long", **fields}).encode()


async def test_a_message_without_a_state_is_shown_once_as_it_is(stage: Stage) -> None:
    answer = await stage.say(message(text="42 wait", severity="warning", labels={"q": "a"}))
    assert (answer.status_code, answer.json()) == (200, {"reason": "message", "incident": 1})
    incident, members = (await stage.only())[:2]
    assert (incident.kind, incident.closed_at, incident.revision) == (Kind.MESSAGE, NOW, 1)
    assert (incident.title, members[0].annotations["description"]) == ("Queue is long", "42 wait")
    assert members[0].labels == {"q": "a", "severity": "warning", "agent": "helper"}
    assert stage.woken == 1


async def test_messages_of_one_key_are_messages_each(stage: Stage) -> None:
    for number in range(3):
        await stage.say(message(id=f"m-{number}", dedup_key="same"))
    assert len(await stage.incidents()) == 3


async def test_a_state_makes_an_incident_that_lives(stage: Stage) -> None:
    said = (("1", "firing"), ("2", "firing"), ("3", "resolved"), ("4", "firing"))
    reasons = []
    for number, state in said:
        stage.now += 10 * SECOND
        told = message(id=number, state=state, dedup_key="queue")
        reasons.append((await stage.say(told)).json()["reason"])
    assert reasons == ["first", "duplicate", "all_resolved", "reopened"]
    incident = (await stage.only()).incident
    assert (incident.kind, incident.closed_at, incident.reopened) == (Kind.AGENT, None, 1)


async def test_what_is_said_anew_of_an_incident_is_news_once(stage: Stage) -> None:
    said: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("1", {}, "first"),
        ("1", {"text": "never read: the id is known"}, "duplicate"),
        ("2", {"text": "43 wait"}, "updated"),
        ("2", {"text": "44 wait"}, "duplicate"),
        ("3", {"text": "43 wait", "labels": {"q": "b"}}, "updated"),
        ("4", {"text": "43 wait", "labels": {"q": "b"}, "title": "Longer"}, "updated"),
        ("5", {"text": "43 wait", "labels": {"q": "b"}, "title": "Longer"}, "duplicate"),
        ("6", {"title": "Longer", "severity": "critical"}, "severity_raised"),
    )
    reasons = []
    for number, fields, _ in said:
        stage.now += SECOND
        told = {"text": "42 wait", "severity": "warning", "labels": {"q": "a"}, **fields}
        body = message(**{**told, "id": number, "state": "firing", "dedup_key": "queue"})
        reasons.append((await stage.say(body)).json()["reason"])
    assert reasons == [reason for _, _, reason in said]
    incident, (member,) = (await stage.only())[:2]
    assert (incident.title, incident.rank, incident.updated) == ("Longer", 0, 4)
    assert member.annotations == {"summary": "Longer", "description": "42 wait"}
    assert member.labels["q"] == "a"
    assert stage.woken == 5


async def test_a_resolve_without_a_beginning_is_answered(stage: Stage) -> None:
    answer = await stage.say(message(state="resolved"))
    assert answer.json() == {"reason": "unknown_resolved", "incident": 0}


async def test_a_resolve_opens_no_card_elsewhere(stage: Stage) -> None:
    await stage.say(message(id="1", state="firing", dedup_key="k", severity="warning"))
    await stage.say(message(id="2", state="resolved", dedup_key="k", severity="critical"))
    assert len(await stage.store.cards(1)) == 1


async def test_a_text_is_shown_as_one(stage: Stage) -> None:
    await stage.say(message(type="text"))
    assert (await stage.only()).incident.plain
    (card,) = await stage.store.cards(1)
    assert card.rung.name == "TEXT"


async def test_a_state_and_a_message_with_crafted_keys_stay_apart(stage: Stage) -> None:
    for number, fields in enumerate(
        (
            {"id": "b", "dedup_key": "a"},
            {"id": "c", "dedup_key": "a#b", "state": "firing"},
            {"id": "d", "dedup_key": "message:b", "state": "firing"},
            {"id": "a#b", "dedup_key": ""},
        )
    ):
        answer = await stage.say(message(**fields))
        assert (answer.status_code, answer.json()["incident"]) == (200, number + 1)


async def test_an_id_is_taken_once_in_a_day(stage: Stage) -> None:
    first = await stage.say(message())
    stage.now += DAY - 1
    again = await stage.say(message(title="other words"))
    assert (first.json()["reason"], again.json()) == (
        "message",
        {"reason": "duplicate", "incident": 0},
    )
    assert len(await stage.incidents()) == 1
    stage.now += 1
    assert (await stage.say(message())).json()["reason"] == "message"


async def test_two_agents_may_use_the_same_id(stage: Stage) -> None:
    for agent in ("helper", "short"):
        assert (await stage.say(message(), agent)).json()["reason"] == "message"


async def test_a_cloud_event_in_structured_mode(stage: Stage) -> None:
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/queue",
        "type": "queue.long",
        "subject": "ignored",
        "data": {"title": "Queue is long"},
    }
    body = json.dumps(event).encode()
    assert (await stage.say(body, headers=CLOUD)).json()["reason"] == "message"
    assert (await stage.say(body, headers=CLOUD)).json()["reason"] == "duplicate"
    event["data"] = {"title": "Queue is long", "id": "own"}
    assert (await stage.say(json.dumps(event).encode(), headers=CLOUD)).json()["incident"] == 2


async def test_a_cloud_event_in_binary_mode(stage: Stage) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "e-1",
        "ce-source": "/q",
        "ce-type": "t",
        "Content-Type": "application/json",
    }
    body = b'{"title": "Queue is long"}'
    assert (await stage.say(body, headers=headers)).json()["reason"] == "message"
    assert (await stage.say(body, headers=headers)).json()["reason"] == "duplicate"


@pytest.mark.parametrize(
    "event",
    [
        b'{"specversion":"1.0","id":"1","source":"s","type":"t"}',
        b'{"specversion":"1.0","source":"s","type":"t","data":{"title":"t"}}',
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":"text"}',
        b'[{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"title":"t"}}]',
    ],
)
async def test_an_event_that_lacks_something_is_refused(stage: Stage, event: bytes) -> None:
    check_problem(await stage.say(event, headers=CLOUD), 400)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": ""}, "id and title must not be empty"),
        ({"title": ""}, "id and title must not be empty"),
        ({"id": "x" * (ID_LIMIT + 1)}, f"id has {ID_LIMIT + 1} characters"),
        ({"text": "x" * (TEXT_LIMIT + 1)}, f"text has {TEXT_LIMIT + 1} characters"),
        ({"title": "x" * (TEXT_LIMIT + 1)}, "title has"),
        ({"markdown": "x" * (TEXT_LIMIT + 1)}, "markdown has"),
        ({"dedup_key": "x" * (TEXT_LIMIT + 1)}, "dedup_key has"),
        ({"links": [{"title": "t", "url": "u"}] * (LINKS_MOST + 1)}, "links has 11 entries"),
        ({"links": [{"title": "t"}]}, "url"),
        ({"state": "broken"}, "state"),
        ({"type": "video"}, "type"),
        ({"labels": {"a": 1}}, "labels"),
        ({"colour": "red"}, "colour"),
        ({"id": 7}, "id"),
    ],
)
async def test_what_is_wrong_is_said(stage: Stage, fields: dict[str, Any], said: str) -> None:
    answer = await stage.say(message(**fields))
    check_problem(answer, 400)
    assert said in answer.json()["detail"]
    assert await stage.incidents() == []


async def test_limits_are_met_exactly(stage: Stage) -> None:
    fields = {"id": "x" * ID_LIMIT, "text": "x" * TEXT_LIMIT, "title": "x" * TEXT_LIMIT}
    assert (await stage.say(message(**fields))).status_code == 200
    check_problem(await stage.say(b" " * (MESSAGE_LIMIT + 1)), 413)


async def test_who_may_speak(stage: Stage) -> None:
    for header in ("", "Bearer wrong"):
        answer = await stage.say(message(), headers={"Authorization": header})
        check_problem(answer, 401)
    check_problem(await stage.say(message(), "nobody"), 404)
    answer = await stage.http.get("/webhooks/agents/helper")
    check_problem(answer, 405)


async def test_a_type_that_the_agent_may_not_send(stage: Stage) -> None:
    answer = await stage.say(message(type="text"), "short")
    check_problem(answer, 403)
    assert "may send card" in answer.json()["detail"]


async def test_more_than_the_agent_s_rate_waits(stage: Stage) -> None:
    for number in range(2):
        assert (await stage.say(message(id=str(number)), "short")).status_code == 200
        stage.now += 10 * SECOND
    answer = await stage.say(message(id="2"), "short")
    check_problem(answer, 429)
    assert answer.headers["retry-after"] == "40"
    assert stage.count("short", "rate_limited") == 1
    stage.now += 40 * SECOND
    assert (await stage.say(message(id="2"), "short")).status_code == 200
    assert (await stage.say(message(id="3"), "short")).status_code == 429


@given(
    st.lists(st.integers(0, 30 * SECOND), max_size=60),
    st.integers(1, 5),
    st.integers(1, MINUTE),
)
def test_no_window_ever_holds_more_than_the_rate(gaps: list[int], most: int, window: int) -> None:
    recent: deque[int] = deque()
    now, taken = NOW, list[int]()
    for gap in gaps:
        now += gap
        wait = spend(recent, (most, window), now)
        if wait:
            assert 0 < wait <= window
            earliest = deque(recent)
            assert spend(earliest, (most, window), now + wait) == 0
        else:
            taken.append(now)
    for end in taken:
        assert sum(end - window < at <= end for at in taken) <= most


def test_without_a_rate_there_is_no_wait() -> None:
    assert [spend(deque(), None, NOW) for _ in range(3)] == [0, 0, 0]


@given(st.binary(max_size=80), st.sampled_from(({}, {"ce-id": "1"}, CLOUD)))
def test_any_bytes_are_a_message_or_unacceptable(raw: bytes, headers: dict[str, str]) -> None:
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        read = read_message(raw, lower)
    except Unacceptable as wrong:
        said = str(wrong)
    else:
        said = "a message"
        assert isinstance(read, Message)
    assert said

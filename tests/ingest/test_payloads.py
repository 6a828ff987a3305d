"""Every body that a real Alertmanager sent, through the real endpoint."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.conftest import Stage, serving
from tests.payloads.bodies import BY_NAME, PAYLOADS, Payload

# Large bodies show nothing about order, and take long.
ORDERED = [one for one in PAYLOADS if len(one.raw) < 20_000]
SENDERS = ("am025", "am033", "ha025")
View = dict[tuple[str, str, str], tuple[bool, int, dict[str, bool]]]


def test_the_files_are_what_was_captured() -> None:
    assert len(PAYLOADS) == 86
    assert all(payload.check() for payload in PAYLOADS)


def firing(body: dict[str, Any]) -> dict[str, bool]:
    """Return what a body says of each alert."""
    return {one["fingerprint"]: one["status"] == "firing" for one in body["alerts"]}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda one: one.name)
async def test_each_body_is_accepted_and_its_alerts_are_kept(
    stage: Stage, payload: Payload
) -> None:
    answer = await stage.post(payload.raw, payload.sender, payload.headers)
    assert answer.status_code == 200
    body = payload.body
    told = firing(body)
    if not any(told.values()):
        assert answer.json() == {"reason": "unknown_resolved"}
        assert await stage.incidents() == []
        return
    assert answer.json() == {"reason": "first"}
    snapshot = await stage.only()
    assert {one.fingerprint: one.firing for one in snapshot.members} == {
        name: fires for name, fires in told.items() if fires
    }
    by_name = {one["fingerprint"]: one for one in body["alerts"]}
    for member in snapshot.members:
        alert = by_name[member.fingerprint]
        assert (member.labels, member.annotations) == (alert["labels"], alert["annotations"])
        assert member.url == alert["generatorURL"]
        assert member.until is None
    incident = snapshot.incident
    assert (incident.group_key, incident.truncated) == (body["groupKey"], body["truncatedAlerts"])
    assert incident.group_labels == body["groupLabels"]
    assert incident.external_url == body["externalURL"]
    (card,) = [one for one in await stage.store.cards(incident.id) if "critical" not in one.target]
    assert card.target == f"ops:oc_{payload.sender}_{incident.receiver}"
    assert stage.woken == 1


async def test_a_lying_status_leaves_the_incident_open(stage: Stage) -> None:
    for sender in ("am025", "am033"):
        payload = BY_NAME[f"{sender}_max_alerts_lying_status"]
        body = payload.body
        assert (body["status"], body["truncatedAlerts"]) == ("resolved", 7)
        before = {**body, "status": "firing", "notification_reason": "first notification"}
        before["alerts"] = [{**one, "status": "firing"} for one in body["alerts"]]
        await stage.post(json.dumps(before).encode(), sender)
        answer = await stage.post(payload.raw, sender)
        assert answer.json() == {"reason": "some_resolved"}
    for incident in await stage.incidents():
        assert (incident.closed_at, incident.truncated) == (None, 7)


async def test_alerts_that_resolved_while_silenced_keep_the_incident_open(stage: Stage) -> None:
    for number in (1, 2):
        await stage.post(BY_NAME[f"am033_silence_{number}"].raw)
    snapshot = await stage.only()
    assert [one.firing for one in snapshot.members] == [True, True, False]
    assert snapshot.incident.closed_at is None


@pytest.mark.parametrize("sender", ["am025", "am033"])
async def test_the_receiver_s_name_is_unescaped(stage: Stage, sender: str) -> None:
    payload = BY_NAME[f"{sender}_receiver_regex_escaped"]
    assert payload.body["receiver"] == r"team\.a\+b\(x\)/中文"
    await stage.post(payload.raw)
    assert (await stage.only()).incident.receiver == "team.a+b(x)/中文"


async def test_times_are_read_to_the_millisecond_and_year_one_is_none(stage: Stage) -> None:
    payload = BY_NAME["am033_resolved_1_firing"]
    assert payload.body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    stage.now = 2_000_000_000_000
    await stage.post(payload.raw)
    await stage.post(BY_NAME["am033_resolved_2_resolved"].raw)
    (member,) = (await stage.only()).members
    assert 1_700_000_000_000 < member.since < stage.now
    assert member.until is not None
    assert member.since <= member.until < stage.now


async def test_an_alert_without_a_name_has_a_title(stage: Stage) -> None:
    await stage.post(BY_NAME["am033_no_alertname"].raw)
    incident = (await stage.only()).incident
    assert (incident.group_labels, incident.title) == ({}, "single")


async def test_siblings_and_clusters_with_equal_group_keys_stay_apart(stage: Stage) -> None:
    for letter in "ab":
        for sender in ("am025", "am033"):
            await stage.post(BY_NAME[f"am033_continue_{letter}"].raw, sender)
    assert len({one.group_key for one in await stage.incidents()}) == 1
    assert len(await stage.incidents()) == 4


async def test_two_configs_of_one_receiver_are_one_notification(stage: Stage) -> None:
    answers = [await stage.post(BY_NAME[f"am033_two_configs_{one}"].raw) for one in (0, 1)]
    assert [one.json()["reason"] for one in answers] == ["first", "duplicate"]
    assert stage.woken == 1


async def test_what_slow_answers_make_two_peers_send_twice_is_one_story(stage: Stage) -> None:
    answers = [await stage.post(BY_NAME[f"ha025_slow_{one}"].raw) for one in (1, 2, 3, 4)]
    reasons = [one.json()["reason"] for one in answers]
    assert reasons == ["first", "duplicate", "all_resolved", "duplicate"]


@pytest.mark.parametrize(("sender", "told"), [("am025", False), ("am033", True)])
async def test_a_repeat_is_told_by_its_reason_or_by_its_distance(
    stage: Stage, sender: str, *, told: bool
) -> None:
    first, again = (BY_NAME[f"{sender}_repeat_{one}"].raw for one in ("1_first", "2_repeat"))
    await stage.post(first)
    stage.now += 5_000
    assert (await stage.post(again)).json()["reason"] == "duplicate"
    stage.now += 61_000
    assert (await stage.post(again)).json()["reason"] == "repeat"
    assert (b"repeat interval elapsed" in again) is told


async def test_the_trace_of_the_request_goes_on_in_the_incident(stage: Stage) -> None:
    payload = BY_NAME["am033_traceparent"]
    _, trace_id, span_id, _ = payload.headers["Traceparent"].split("-")
    await stage.post(payload.raw, headers=payload.headers)
    kept = (await stage.only()).incident.trace.split("-")
    assert kept[1] == trace_id
    assert kept[2] != span_id
    (line,) = await stage.store.timeline(1)
    assert trace_id in line.trace


async def view(stage: Stage) -> View:
    """Return what people would see of the incidents."""
    seen: View = {}
    for incident in await stage.incidents():
        snapshot = await stage.store.snapshot(incident.id)
        assert snapshot is not None
        key = (incident.source, incident.receiver, incident.group_key)
        assert key not in seen, "a group has two incidents"
        members = {one.fingerprint: one.firing for one in snapshot.members}
        seen[key] = (incident.closed_at is None, incident.truncated, members)
    return seen


async def play(bodies: list[tuple[str, bytes]]) -> View:
    """Post bodies in this order to a new receiver, and return what it makes of them."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as stage:
            for sender, raw in bodies:
                assert (await stage.post(raw, sender)).status_code == 200
            return await view(stage)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[str, list[tuple[str, bytes]]]:
    """Draw one sender's bodies, as two peers send them: each in order, some of them twice."""
    sender = draw(st.sampled_from(SENDERS))
    own = [one for one in ORDERED if one.sender == sender]
    queues = [
        [one.raw for one in own],
        [one.twin("http://other-peer:9093") for one in own],
    ]
    made: list[tuple[str, bytes]] = []
    while any(queues):
        turn = draw(st.sampled_from([one for one in queues if one]))
        times = draw(st.sampled_from((1, 1, 2)))
        made += [(sender, turn.pop(0))] * times
    return sender, made


@settings(max_examples=8)
@given(interleaved())
def test_duplicates_and_twins_in_any_interleaving_leave_the_same_incidents(
    drawn: tuple[str, list[tuple[str, bytes]]],
) -> None:
    sender, bodies = drawn
    plain = [(sender, one.raw) for one in ORDERED if one.sender == sender]
    assert asyncio.run(play(bodies)) == asyncio.run(play(plain))


@settings(max_examples=8)
@given(st.lists(st.sampled_from(ORDERED), max_size=40))
def test_in_any_order_the_invariants_hold(payloads: list[Payload]) -> None:
    seen = asyncio.run(play([(one.sender, one.raw) for one in payloads]))
    for is_open, truncated, members in seen.values():
        assert is_open == (any(members.values()) or truncated > 0)
    last: dict[tuple[str, str], bool] = {}
    for payload in payloads:
        for fingerprint, fires in firing(payload.body).items():
            last[payload.sender, fingerprint] = fires
    for (sender, _, _), (_, _, members) in seen.items():
        for fingerprint, fires in members.items():
            assert last[sender, fingerprint] or not fires

"""Each call says what is certain, whatever the server does."""

import asyncio
import json

import pytest
from opentelemetry.trace import StatusCode

from receiver.alertmanager import call as call_module
from receiver.alertmanager.answer import (
    Busy,
    Created,
    Expired,
    Listed,
    Refused,
    Unknown,
    Unreachable,
)
from receiver.alertmanager.call import Call, Result
from receiver.alertmanager.peer import Source
from receiver.alertmanager.silences import Outcome, body_of
from receiver.domain.silence import SilenceState
from receiver.telemetry.metrics import (
    ALERTMANAGER_CALLS,
    ALERTMANAGER_OUTCOMES,
    SILENCE_OUTCOMES,
)
from tests.alertmanager.conftest import IMPATIENT, PATIENT, Desk, silencer_of
from tests.alertmanager.hostile import Act, Manner, closed_port, hostile
from tests.alertmanager.made import made
from tests.real_alertmanager import wall_clock

BODY = body_of(made())


def test_the_metric_labels_are_those_of_the_metrics() -> None:
    assert set(Call) == set(ALERTMANAGER_CALLS)
    assert set(Result) == set(ALERTMANAGER_OUTCOMES)
    assert set(Outcome) == set(SILENCE_OUTCOMES)


async def test_creating_sends_the_silence_and_the_credentials(desk: Desk) -> None:
    async with hostile() as server:
        url = server.url.replace("http://", "http://bob:pw@") + "/am/"
        source = Source(name="prod", urls=(url,), headers={"X-Scope-OrgID": "t1"})
        answer = await desk.client(source).create(BODY)

        request = server.seen[0]
        assert answer == Created("one-1")
        assert (request.method, request.target) == ("POST", "/am/api/v2/silences")
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == "Basic Ym9iOnB3"
        assert request.headers["x-scope-orgid"] == "t1"
        assert json.loads(request.body) == BODY
        assert desk.told == [(Call.CREATE, Result.SUCCESS)]


@pytest.mark.parametrize(
    ("act", "kind", "result"),
    [
        (Act(manner=Manner.HANG), Unknown, Result.TIMEOUT),
        (Act(manner=Manner.DRIP), Unknown, Result.TIMEOUT),
        (Act(manner=Manner.RESET), Unknown, Result.UNREACHABLE),
        (Act(status=200, body=b"<html>"), Unknown, Result.REFUSED),
        (Act(status=502, body=b"<html>"), Unknown, Result.REFUSED),
        (Act(status=400, body=b'"no"'), Refused, Result.REFUSED),
        (
            Act(status=307, body=b"", headers=(("Location", "/x"),)),
            Refused,
            Result.REFUSED,
        ),
        (
            Act(status=200, body=b"junk", headers=(("Content-Encoding", "gzip"),)),
            Unknown,
            Result.UNREACHABLE,
        ),
    ],
)
async def test_a_doubtful_or_refused_creation_is_not_tried_elsewhere(
    desk: Desk, act: Act, kind: type, result: Result
) -> None:
    patience = IMPATIENT if act.manner in (Manner.HANG, Manner.DRIP) else PATIENT
    async with hostile("one", act) as one, hostile("two") as two:
        source = Source(name="prod", urls=(one.url, two.url))
        answer = await desk.client(source, patience).create(BODY)

        assert type(answer) is kind
        assert desk.told == [(Call.CREATE, result)]
        assert (len(one.seen), len(two.seen)) == (1, 0)


async def test_creation_goes_to_the_next_peer_where_nothing_was_sent(desk: Desk) -> None:
    async with hostile() as server:
        answer = await desk.of(await closed_port(), server.url).create(BODY)

    assert answer == Created("one-1")
    assert desk.told == [(Call.CREATE, Result.UNREACHABLE), (Call.CREATE, Result.SUCCESS)]
    first, second = desk.spans()
    assert "http.request.resend_count" not in dict(first.attributes or {})
    assert dict(second.attributes or {})["http.request.resend_count"] == 1


async def test_with_no_peer_up_surely_nothing_was_accepted(desk: Desk) -> None:
    client = desk.of(await closed_port(), await closed_port())

    assert isinstance(await client.create(BODY), Unreachable)
    assert isinstance(await client.expire("x"), Unreachable)
    assert all(isinstance(one, Unreachable) for one in await client.silences())


async def test_without_peers_nothing_is_pretended(desk: Desk) -> None:
    client = desk.of()

    assert isinstance(await client.create(BODY), Unreachable)
    assert isinstance(await client.expire("x"), Unreachable)
    assert await client.silences() == ()


async def test_every_peer_is_asked_and_one_may_fail(desk: Desk) -> None:
    async with hostile("one") as one, hostile("two", Act(manner=Manner.RESET)) as two:
        await desk.of(one.url).create(BODY)
        answers = await desk.of(one.url, two.url).silences((("alertname", 'a"b'),))

        assert isinstance(answers[0], Listed)
        assert [seen.id for seen in answers[0].silences] == ["one-1"]
        assert answers[0].silences[0].bears("act-1", "[receiver:act-1]")
        assert isinstance(answers[1], Unknown)
        assert one.filters() == ['alertname="a\\"b"']


async def test_only_matchers_that_all_versions_read_alike_are_sent(desk: Desk) -> None:
    odd = (("a.b", "x"), ("服务", "x"), ("long", "x" * 201), ("line", "a\nb"), ("none", ""))
    plain = tuple((f"l{i}", "支付") for i in range(6))
    async with hostile() as server:
        await desk.of(server.url).silences(odd + plain)
        await desk.of(server.url).silences(odd)

        assert server.filters(0) == [f'l{i}="支付"' for i in range(4)]
        assert server.filters(1) == []


async def test_a_busy_server_is_asked_again_after_a_jittered_wait(desk: Desk) -> None:
    busy = Act(accept=False, status=503, body=b"Limit of concurrent GET requests reached (8)")
    async with hostile("one", busy, busy) as server:
        (answer,) = await desk.of(server.url).silences()
        assert answer == Listed(())
        assert desk.waits == [200, 400]

        server.script.extend([busy] * 4)
        (answer,) = await desk.of(server.url).silences()
        assert isinstance(answer, Busy)
        assert len(desk.waits) == 5


@pytest.mark.parametrize("unknown", [(404, b""), (500, b'"silence not found"\n')])
async def test_ending_tries_the_peers_until_one_has_done_it(
    desk: Desk, unknown: tuple[int, bytes]
) -> None:
    async with hostile("one") as one, hostile("two") as two:
        one.unknown = two.unknown = unknown
        client = desk.of(one.url, two.url)
        known_to_two = two.add(dict(BODY))

        assert await client.expire(known_to_two) == Expired()
        assert two.silences[known_to_two]["status"] == {"state": "expired"}
        assert await client.expire("nobody") == Expired(gone=True)


async def test_gone_from_one_peer_is_not_gone_while_another_is_down(desk: Desk) -> None:
    async with hostile() as server:
        answer = await desk.of(server.url, await closed_port()).expire("nobody")

    assert isinstance(answer, Unreachable)


async def test_a_doubtful_end_outweighs_a_refused_one(desk: Desk) -> None:
    no = Act(accept=False, status=401, body=b"Unauthorized")
    async with hostile("one", no) as one, hostile("two", Act(manner=Manner.RESET)) as two:
        assert isinstance(await desk.of(one.url, two.url).expire("x"), Unknown)
    async with hostile("one", Act(manner=Manner.RESET)) as one, hostile("two", no) as two:
        assert isinstance(await desk.of(one.url, two.url).expire("x"), Unknown)


async def test_an_endless_answer_is_cut(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "ANSWER_LIMIT", 1000)
    async with hostile("one", Act(body=b" " * 2000)) as server:
        (answer,) = await desk.of(server.url).silences()

    assert answer == Unknown("the answer is longer than 1000 bytes")


async def test_spans_say_what_happened_without_a_secret(desk: Desk) -> None:
    async with hostile("one", Act(), Act(), Act(manner=Manner.HANG)) as server:
        url = server.url.replace("http://", "http://bob:hidden@")
        client = desk.client(Source(name="prod", urls=(url,)))
        await client.create(BODY)
        await client.expire("one-1")
        await desk.client(Source(name="prod", urls=(url,)), IMPATIENT).silences()

    created, expired, asked = desk.spans()
    for span in (created, expired):
        assert dict(span.attributes or {})["alerting.silence.id"] == "one-1"
        assert dict(span.attributes or {})["http.response.status_code"] == 200
    assert expired.name == "DELETE /api/v2/silence/{silenceID}"
    assert dict(asked.attributes or {})["error.type"] == "TimeoutError"
    assert asked.status.status_code is StatusCode.ERROR
    assert "hidden" not in "".join(span.to_json() for span in (created, expired, asked))
    assert "hidden" not in repr(client)


async def test_a_server_without_tls_is_not_reached_by_https(desk: Desk) -> None:
    async with hostile() as server:
        client = desk.of(server.url.replace("http://", "https://"))

        assert isinstance(await client.create(BODY), Unreachable)
        assert not server.seen


async def test_a_drive_that_is_cancelled_in_mid_call_makes_nothing_twice(desk: Desk) -> None:
    """The callback waits 1.5 s at most, and a stop waits for nobody."""
    wish = made(asked_at=wall_clock())
    async with hostile("one", Act(manner=Manner.HANG)) as server:
        silencer, counted = silencer_of(desk.of(server.url))
        drive = asyncio.create_task(silencer.establish("prod", 7, wish, fresh=True))
        await server.arrived.wait()
        drive.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drive
        told = await silencer.establish("prod", 7, wish, fresh=True)

        assert told is not None
        assert (told.state, told.silence_id) == (SilenceState.ACTIVE, "one-1")
        assert len(server.silences) == 1
        assert counted == [Outcome.RECOVERED]

"""Who may post, how much, and what is answered when it cannot be kept."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from receiver.ingest.alertmanager import AlertmanagerWebhook
from receiver.ingest.door import Gate, admits
from receiver.store.sqlite import SqliteStore
from tests.ingest.conftest import TOKEN, Stage, place, serving
from tests.payloads.bodies import BY_NAME
from tests.store.engines import connection_of, rows_of

BODY = BY_NAME["am033_single_firing"].raw
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
LIMIT = 1 << 20


def basic(user: str, password: str) -> str:
    """Return a Basic header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def check_problem(answer: httpx.Response, status: int) -> None:
    """Hold an answer against the form of an error document, which holds no secret."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}",
        f"Bearer   {TOKEN} ",
        basic("", TOKEN),
        basic("anybody", TOKEN),
        basic("中文", TOKEN),
    ],
)
async def test_the_token_opens_as_bearer_and_as_any_user_s_password(
    stage: Stage, header: str
) -> None:
    answer = await stage.post(BODY, "guarded", {"Authorization": header})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"X-Sig {TOKEN}",
        f"Digest {TOKEN}",
        basic(TOKEN, ""),
        basic("u", "wrong"),
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_nothing_else_does(stage: Stage, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await stage.post(BODY, "guarded", headers)
    check_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert await stage.incidents() == []
    assert stage.count("guarded", "unauthorized") == 1


@given(st.text(min_size=1), st.text())
def test_no_other_text_is_the_token(token: str, header: str) -> None:
    gate = Gate(name="x", token=token, place=place)
    if token not in header:
        assert not admits(gate, header)
    assert not admits(gate, "")
    assert admits(Gate(name="x", token=None, place=place), header)


def test_a_gate_does_not_show_its_token() -> None:
    assert TOKEN not in repr(Gate(name="x", token=TOKEN, place=place))


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("am033_auth_basic", "s3cret"),
        ("am025_auth_bearer", TOKEN),
        ("am033_auth_urluser", "pa@ss"),
        ("am033_auth_customauth", None),
        ("am033_auth_mtls", None),
    ],
)
def test_the_headers_that_alertmanager_really_sends(name: str, token: str | None) -> None:
    header = BY_NAME[name].headers.get("Authorization", "")
    assert admits(Gate(name="x", token=token or "abc", place=place), header) is (token is not None)


async def test_put_and_a_slash_at_the_end_are_fine_and_nothing_redirects(stage: Stage) -> None:
    path = "/webhooks/alertmanager/prod"
    for method in ("POST", "PUT"):
        for slash in ("", "/"):
            answer = await stage.http.request(method, path + slash, content=BODY)
            assert answer.status_code == 200
    assert len(await stage.incidents()) == 1


async def test_other_methods_and_paths(stage: Stage) -> None:
    answer = await stage.http.get("/webhooks/alertmanager/prod")
    check_problem(answer, 405)
    assert answer.headers["allow"] == "POST, PUT"
    check_problem(await stage.http.post("/webhooks/alertmanager", content=BODY), 404)
    check_problem(await stage.http.post("/webhooks/alertmanager/a/b", content=BODY), 404)


async def test_an_unknown_source_is_not_found_and_not_a_label(stage: Stage) -> None:
    check_problem(await stage.post(BODY, "nobody"), 404)
    assert stage.count("other", "unknown_source") == 1
    assert stage.count("nobody", "unknown_source") == 0


async def chunks(size: int) -> AsyncIterator[bytes]:
    """Send so many bytes without saying how many they will be."""
    for _ in range(size // 1000):
        yield b"x" * 1000


async def test_a_body_that_announces_too_much_is_not_read(stage: Stage) -> None:
    answer = await stage.post(b"x" * (LIMIT + 1), headers={"Content-Length": str(LIMIT + 1)})
    check_problem(answer, 413)
    assert "max_alerts" in answer.json()["detail"]
    assert stage.count("prod", "too_large") == 1
    ((title, _, cause),) = stage.told
    assert (title, cause) == ("prod: a webhook body is too large", "too_large:prod")


async def test_nor_is_one_that_only_turns_out_to_be_large(stage: Stage) -> None:
    path = "/webhooks/alertmanager/prod"
    check_problem(await stage.http.post(path, content=chunks(LIMIT + 2000)), 413)
    answer = await stage.http.post(path, content=chunks(LIMIT - 100_000))
    check_problem(answer, 400)  # read whole, and no JSON


async def test_a_body_exactly_at_the_limit_is_read(stage: Stage) -> None:
    body = BODY.rstrip() + b" " * (LIMIT - len(BODY.rstrip()))
    assert (await stage.post(body)).status_code == 200
    check_problem(await stage.post(body + b" "), 413)


async def test_what_cannot_be_kept_is_503_and_may_be_sent_again(stage: Stage) -> None:
    db = connection_of(stage.store)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    large = BY_NAME["am033_long_annotation"].raw
    answer = await stage.post(large)
    check_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"
    assert stage.count("prod", "unavailable") == 1
    db.execute("PRAGMA max_page_count = 1000000")
    assert (await stage.post(large)).json() == {"reason": "first"}


async def test_a_closed_store_is_503_for_bodies_good_and_bad(stage: Stage) -> None:
    await stage.store.close()
    for body in (BODY, b"{"):
        check_problem(await stage.post(body), 503)
    check_problem(await stage.say(b'{"id":"1","title":"t"}'), 503)
    stage.store = reopened(stage)


def reopened(stage: Stage) -> SqliteStore:
    """Open the store again, for the fixture to close."""
    return stage.engine.open()


UNREADABLE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"alerts":3}',
    b"\xff\xfe",
    b'{"alerts":[{"labels":3}]}',
)


async def test_an_unreadable_body_is_400_and_kept(stage: Stage) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"alerts":3}',
        b"\xff\xfe",
        b'{"alerts":[{"labels":3}]}',
    ):
        check_problem(await stage.post(body), 400)
        check_problem(await stage.post(body), 400)
    kept = rows_of(
        stage.engine.path, "SELECT source, body, count FROM quarantine ORDER BY first_at"
    )
    assert len(kept) == 7
    assert kept[1] == ("prod", b"{", 2)
    assert stage.count("prod", "malformed") == 14


async def test_a_body_that_we_cannot_apply_is_accepted_because_it_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("receiver.store.changes.absorb", broken)
    answer = await stage.post(BODY)
    assert (answer.status_code, answer.json()) == (202, {"reason": "quarantined"})
    assert rows_of(stage.engine.path, "SELECT body FROM quarantine") == [(BODY,)]
    assert b"KeyError" in stage.log.getvalue()
    message = await stage.say(b'{"id":"1","title":"t"}')
    assert message.status_code == 202
    monkeypatch.setattr("receiver.store.changes.QUARANTINE_MOST", 2)
    check_problem(await stage.post(BODY + b" "), 503)  # not kept, so not safe
    check_problem(await stage.say(b'{"id":"2","title":"t"}'), 503)


async def test_a_connection_that_ends_in_the_body_is_no_fault(stage: Stage) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [], "path_params": {"source": "prod"}, "method": "POST"}
    app = stage.webhook
    assert isinstance(app, AlertmanagerWebhook)
    answer = await app(Request(scope, receive))
    assert answer.status_code == 400
    assert await stage.incidents() == []


names = st.sampled_from(
    ("alerts", "labels", "annotations", "status", "fingerprint", "startsAt", "endsAt", "receiver",
     "groupKey", "groupLabels", "externalURL", "truncatedAlerts", "notification_reason", "version")
)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=5)
    ),
    max_leaves=15,
)
texts = st.text(max_size=6)
labels = st.dictionaries(texts, texts, max_size=3)
moments = st.sampled_from(
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999999-12:00",
     "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00+02:00", "2026-01-01", "soon", "", None)
)  # fmt: skip
shaped = st.fixed_dictionaries(
    {
        "alerts": st.lists(
            st.fixed_dictionaries(
                {"labels": labels, "status": st.sampled_from(("firing", "resolved", "", "x"))},
                optional={
                    "annotations": labels | st.none(),
                    "fingerprint": st.sampled_from(("", "a", "b", "x" * 70)) | st.none(),
                    "startsAt": moments,
                    "endsAt": moments,
                    "generatorURL": texts | st.none(),
                    "silenceURL": texts,
                    "values": documents,
                },
            ),
            max_size=4,
        )
    },
    optional={
        "receiver": texts,
        "groupKey": texts | st.none(),
        "groupLabels": labels | st.none(),
        "externalURL": texts | st.none(),
        "truncatedAlerts": st.integers(),
        "notification_reason": st.sampled_from(("repeat interval elapsed", "none", "x")) | texts,
        "version": documents,
        "anything": documents,
    },
)
anything = st.one_of(
    st.binary(max_size=60),
    documents.map(lambda one: json.dumps(one).encode()),
    shaped.map(lambda one: json.dumps(one).encode()),
    shaped.map(lambda one: json.dumps(one, ensure_ascii=False).encode("utf-8", "surrogatepass")),
)


@settings(max_examples=40)
@given(st.lists(anything, min_size=1, max_size=6), st.sampled_from(("prod", "helper")))
def test_whatever_is_sent_nothing_breaks_and_nothing_unreadable_is_lost(
    bodies: list[bytes], sender: str
) -> None:
    async def send_all() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with serving(Path(folder)) as stage:
                for body in bodies:
                    await send(stage, body)

    async def send(stage: Stage, body: bytes) -> None:
        if sender == "helper":
            answer = await stage.say(body)
            assert answer.status_code in (200, 202, 400)
            return
        answer = await stage.post(body)
        assert answer.status_code in (200, 202, 400)
        if answer.status_code != 200:
            kept = rows_of(stage.engine.path, "SELECT 1 FROM quarantine WHERE body = ?", body)
            assert kept == [(1,)]

    asyncio.run(send_all())


@pytest.mark.parametrize(
    "body",
    [
        b'{"alerts":' + b"[" * 100_000,
        b'{"alerts":[{"labels":{"a":"\\ud800"},"status":"firing"}]}',
        b'{"alerts":[{"labels":{"a":"\\u0000"},"fingerprint":"\\u0000","status":"firing"}]}',
        b'{"alerts":[],"truncatedAlerts":99999999999999999999999}',
        b'{"alerts":[{"labels":{"a":"b"},"status":"firing"}],"truncatedAlerts":9223372036854775808}',
        b'{"alerts":[{"labels":{"a":"b"},"status":"firing"}],"groupKey":"' + b"k" * 100_000 + b'"}',
        b'\xef\xbb\xbf{"alerts":[]}',
        b'{"alerts":[]} trailing',
    ],
)
async def test_known_horrors(stage: Stage, body: bytes) -> None:
    assert (await stage.post(body)).status_code in (200, 202, 400)
    assert (await stage.post(BODY)).json() == {"reason": "first"}

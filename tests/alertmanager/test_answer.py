"""Every answer is read into a closed type, and says no more than is certain."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.alertmanager.answer import (
    ACTION_ANNOTATION,
    DETAIL_LIMIT,
    Busy,
    Created,
    Expired,
    Listed,
    Refused,
    Unknown,
    Unreachable,
    explain,
    read_created,
    read_expired,
    read_listed,
)

# As Alertmanager 0.25 and 0.33 answered.
OLD = b"""[{"id":"eba12134-a525-4278-8e4d-e7a6b8a7c4ce","status":{"state":"active"},
"updatedAt":"2026-11-21T03:16:13.153Z","comment":"on it (ou_1) [receiver:a1]","createdBy":"x",
"endsAt":"2026-11-21T04:16:13.152Z","matchers":[{"isEqual":true,"isRegex":false,
"name":"alertname","value":"Api"}],"startsAt":"2026-11-21T03:16:13.153Z"}]"""
NEW = OLD.replace(b'"comment"', b'"annotations":{"receiver_action":"a1"},"comment"')


@pytest.mark.parametrize("body", [OLD, NEW])
def test_ours_is_recognised_on_old_and_new_servers(body: bytes) -> None:
    listed = read_listed(200, body)

    assert isinstance(listed, Listed)
    assert [one.bears("a1", "[receiver:a1]") for one in listed.silences] == [True]
    assert [one.bears("a2", "[receiver:a2]") for one in listed.silences] == [False]


def test_the_annotation_is_believed_before_the_comment() -> None:
    body = json.loads(NEW)
    body[0]["annotations"][ACTION_ANNOTATION] = "a9"
    listed = read_listed(200, json.dumps(body).encode())

    assert isinstance(listed, Listed)
    assert not listed.silences[0].bears("a1", "[receiver:a1]")


@pytest.mark.parametrize(
    ("status", "body", "shown"),
    [
        (400, b'"silence invalid: bad matcher"\n', "HTTP 400: silence invalid: bad matcher"),
        (422, b'{"code":602,"message":"comment is required"}', "HTTP 422: comment is required"),
        (404, b"", "HTTP 404"),
        (401, b"Unauthorized\n", "HTTP 401: Unauthorized"),
        (502, b"<html><h1>Bad Gateway</h1></html>", "HTTP 502"),
        (400, b'{"error":{"token":"abc"}}', "HTTP 400"),
        (400, b'"a\\u0000b\\nc\\u2028d"', "HTTP 400: a b c d"),
        (500, b"dial http://bob:pw@am:9093 failed", "HTTP 500: dial http://***@am:9093 failed"),
    ],
)
def test_the_shapes_of_errors_become_one_short_line(status: int, body: bytes, shown: str) -> None:
    assert explain(status, body) == shown


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"silenceID":"1c130d71-691b-45ee-b7ae-1c5d7531727c"}', Created),
        (200, b'{"silenceID":""}', Unknown),
        (200, b'{"silenceID":"../../-/reload"}', Unknown),
        (200, b'{"silenceID":"a\\n"}', Unknown),
        (200, b"<html>sign in</html>", Unknown),
        (200, b"{}", Unknown),
        (204, b"", Unknown),
        (301, b"", Refused),
        (400, b'"no"', Refused),
        (401, b"Unauthorized", Refused),
        (404, b"", Refused),
        (408, b"", Unknown),
        (429, b"", Unreachable),
        (500, b'"boom"', Unknown),
        (503, b"", Unknown),
        (504, b"", Unknown),
    ],
)
def test_creating(status: int, body: bytes, kind: type) -> None:
    assert type(read_created(status, body)) is kind


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"", Expired()),
        (404, b"", Expired(gone=True)),
        (500, b'"silence not found"\n', Expired(gone=True)),
        (404, b"404 page not found\n", Refused("HTTP 404: 404 page not found")),
        (500, b'"disk full"', Unknown("HTTP 500: disk full")),
        (422, b'{"code":601,"message":"uuid"}', Refused("HTTP 422: uuid")),
    ],
)
def test_ending(status: int, body: bytes, expected: object) -> None:
    assert read_expired(status, body) == expected


def test_a_busy_server_is_told_from_a_broken_one() -> None:
    assert isinstance(read_listed(503, b"Limit of concurrent GET requests reached"), Busy)
    assert isinstance(read_listed(500, b""), Unknown)


@given(
    st.integers(100, 599), st.binary(max_size=400) | st.text().map(lambda t: json.dumps(t).encode())
)
@example(200, b"[" * 5000)
@example(500, b'"' + b"\xff" * 9 + b'"')
def test_no_answer_raises_or_creates_or_grows(status: int, body: bytes) -> None:
    for read in (read_created, read_listed, read_expired):
        answer = read(status, body)
        if isinstance(answer, Refused | Unreachable | Unknown):
            assert len(answer.detail) <= DETAIL_LIMIT + len("HTTP 599: ")
            assert "\n" not in answer.detail
            assert "\x00" not in answer.detail
        assert not isinstance(answer, Created) or b"silenceID" in body

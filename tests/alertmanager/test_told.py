"""What is told of alerts, silences and groups is read whole, or is no answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.alertmanager import told
from receiver.alertmanager.answer import Busy, Refused, Unknown
from receiver.alertmanager.told import (
    Alerts,
    Groups,
    Silences,
    Started,
    read_alerts,
    read_groups,
    read_silences,
    read_status,
)
from receiver.domain.matcher import Operator
from receiver.domain.truth import SeenAlert, SeenGroup

READERS = (read_alerts, read_groups, read_silences, read_status)
MADE = 1_795_000_000_123
STAMP = "2026-11-18T11:06:40.123Z"

# As Alertmanager 0.25 answered: it knows no mutedBy, and leaves an empty generatorURL out.
ALERT: dict[str, Any] = {
    "annotations": {"summary": "满"},
    "endsAt": "2026-11-18T11:11:40.123Z",
    "fingerprint": "c20e4b2a3a9d9a58",
    "receivers": [{"name": "team.a+b(x)/中文"}],
    "startsAt": STAMP,
    "status": {"inhibitedBy": ["7c72c9796bc139cf"], "silencedBy": ["s-1"], "state": "suppressed"},
    "updatedAt": STAMP,
    "labels": {"alertname": "DiskFull"},
}
SILENCE: dict[str, Any] = {
    "id": "s-1",
    "status": {"state": "active"},
    "updatedAt": STAMP,
    "comment": "on it (ou_1) [receiver:a1]",
    "createdBy": "李",
    "endsAt": STAMP,
    "matchers": [
        {"isEqual": True, "isRegex": False, "name": "a", "value": "b"},
        {"isEqual": False, "isRegex": True, "name": "c", "value": "(?i:d"},
        {"isRegex": True, "name": "e", "value": "f|g"},
        {"isEqual": False, "isRegex": False, "name": "h", "value": ""},
    ],
    "startsAt": STAMP,
}


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def the_alert(**other: object) -> SeenAlert:
    answer = read_alerts(200, text([ALERT | other]))
    assert isinstance(answer, Alerts)
    (seen,) = answer.alerts.values()
    return seen


def test_an_alert_is_read_as_it_is() -> None:
    assert the_alert() == SeenAlert(
        fingerprint="c20e4b2a3a9d9a58",
        labels={"alertname": "DiskFull"},
        annotations={"summary": "满"},
        starts_at=MADE,
        ends_at=MADE + 300_000,
        url="",
        receivers=("team.a+b(x)/中文",),
        silenced_by=("s-1",),
        inhibited_by=("7c72c9796bc139cf",),
        muted_by=(),
        updated_at=MADE,
    )


def test_what_newer_servers_and_others_say_is_read_too() -> None:
    status = {"inhibitedBy": None, "silencedBy": [], "mutedBy": ["night"], "state": "suppressed"}
    seen = the_alert(
        status=status, generatorURL="http://p/graph", updatedAt=None, receivers=None, odd={"a": 1}
    )
    assert (seen.muted_by, seen.suppressed, seen.url) == (("night",), True, "http://p/graph")
    assert (seen.updated_at, seen.receivers) == (0, ())


@pytest.mark.parametrize(
    ("stamp", "ms"),
    [
        ("2026-11-18T19:06:40.123456789+08:00", MADE),
        ("0001-01-01T00:00:00.000Z", None),
        ("0001-01-01T00:00:00+08:00", None),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_times_are_unix_milliseconds(stamp: str, ms: int | None) -> None:
    assert the_alert(startsAt=stamp).starts_at == ms


def test_a_silence_is_read_with_its_matchers_and_our_action() -> None:
    answer = read_silences(200, text([SILENCE]))
    assert isinstance(answer, Silences)
    (seen,) = answer.silences
    assert (seen.id, seen.state, seen.created_by, seen.action) == ("s-1", "active", "李", "a1")
    assert [str(one) for one in seen.matchers] == ['a="b"', 'c!~"(?i:d"', 'e=~"f|g"', 'h!=""']
    assert [one.operator for one in seen.matchers][2] is Operator.MATCHES
    # An expression is RE2's, and is not tried here; a plain comparison is the same everywhere.
    assert [one.matches({"a": "b", "e": "f"}) for one in seen.matchers] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("comment", "annotations", "action"),
    [
        ("made elsewhere", None, ""),
        ("[receiver:a1]", {"receiver_action": "a9"}, "a9"),
        ("[receiver:a1] again [receiver:a2]", {"ticket": "1"}, "a2"),
        ("[receiver:] [receiver:a b]", None, ""),
    ],
)
def test_whose_a_silence_is(comment: str, annotations: dict[str, str] | None, action: str) -> None:
    answer = read_silences(200, text([SILENCE | {"comment": comment, "annotations": annotations}]))
    assert isinstance(answer, Silences)
    assert answer.silences[0].action == action


def test_a_group_is_its_receiver_its_labels_and_who_is_in_it() -> None:
    group = {"alerts": [ALERT], "labels": {"a": "b"}, "receiver": {"name": "team"}}
    assert read_groups(200, text([group])) == Groups(
        (SeenGroup("team", {"a": "b"}, ("c20e4b2a3a9d9a58",)),)
    )


@pytest.mark.parametrize(
    ("uptime", "at"),
    [({"uptime": STAMP}, MADE), ({}, None), ({"uptime": "0001-01-01T00:00:00Z"}, None)],
)
def test_since_when_it_runs_where_it_says(uptime: dict[str, str], at: int | None) -> None:
    assert read_status(200, text({"config": {"original": ""}, **uptime})) == Started(at)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in</html>",
        b"{}",
        b"null",
        b"[null]",
        b'[{"status":"success"}]',
        text([ALERT | {"fingerprint": "../../x"}]),
        text([ALERT | {"startsAt": "2026-11-18T11:06:40"}]),
        text([ALERT | {"labels": {"a": 1}}]),
        text([ALERT, {}]),
        text([ALERT])[:-1],
        b"[" * 5000,
    ],
)
def test_one_odd_entry_is_no_answer(body: bytes) -> None:
    for read in READERS:
        answer = read(200, body)
        assert isinstance(answer, Unknown)
        assert "is this an Alertmanager?" in answer.detail


@pytest.mark.parametrize("status", [401, 404, 503])
def test_errors_are_told_apart(status: int) -> None:
    kind = Busy if status == 503 else Refused
    assert all(isinstance(read(status, b""), kind) for read in READERS)


@given(st.integers(100, 599), st.binary(max_size=300) | st.recursive(
    st.none() | st.integers() | st.text() | st.just(STAMP),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from([*ALERT, *SILENCE, "alerts", "receiver", "uptime", "config"]), inner
    ),
).map(text))  # fmt: skip
def test_nothing_that_is_sent_raises(status: int, body: bytes) -> None:
    for read in READERS:
        answer = read(status, body)
        assert status == 200 or not isinstance(answer, Alerts | Silences | Groups | Started)


class Watched:
    """Notes how much is read at a time."""

    def __init__(self) -> None:
        self.read: list[list[Any]] = []

    def decode(self, body: bytes) -> list[Any]:
        """Read, and note it."""
        self.read.append(json.loads(body))
        return self.read[-1]


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 9), st.integers(1, 60))
def test_no_piece_is_too_long_unless_one_entry_is(
    lengths: list[int], piece: int, size: int
) -> None:
    entries = ["x" * length for length in lengths]
    watched = Watched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(told, "PIECE", piece)
        patch.setattr(told, "PIECE_BYTES", size)
        assert list(told._list(text(entries), watched)) == entries  # type: ignore[arg-type]  # noqa: SLF001
    for read in watched.read:
        assert len(read) <= piece
        assert len(read) < 2 or sum(len(one) + 2 for one in read) <= size


@given(st.integers(0, 40), st.integers(1, 9))
def test_reading_in_pieces_loses_nothing(count: int, piece: int) -> None:
    alerts = [ALERT | {"fingerprint": f"{number:016x}"} for number in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(told, "PIECE", piece)
        answer = read_alerts(200, text(alerts))
    assert isinstance(answer, Alerts)
    assert list(answer.alerts) == [one["fingerprint"] for one in alerts]

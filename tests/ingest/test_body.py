"""What a tolerant reader makes of a body."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.domain.alert import fingerprint
from receiver.domain.silence import alert_scope
from receiver.ingest.body import Malformed, decode, firing, moment, notice, unescape

FIRING = {"status": "firing", "labels": {"alertname": "A"}}
META = re.compile(r"[\\.+*?()|\[\]{}^$]")


def read(**fields: object) -> object:
    """Read a body with one firing alert and these fields."""
    return notice(decode(json.dumps({"alerts": [FIRING], **fields}).encode()), "prod", (), "")


@given(st.text())
def test_unescaping_undoes_what_go_does(name: str) -> None:
    quoted = META.sub(lambda found: "\\" + found[0], name)
    assert unescape(quoted) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T12:00:00+02:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00.123456789Z", datetime(2026, 11, 21, 10, 0, 0, 123456, UTC)),
        ("2026-11-21T10:00:00.5Z", datetime(2026, 11, 21, 10, 0, 0, 500000, UTC)),
        ("2026-11-21T10:00:33.97351209Z", datetime(2026, 11, 21, 10, 0, 33, 973512, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("0001-01-02T00:00:00+23:59", None),
        ("1969-12-31T23:59:59Z", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_moments(text: str | None, expected: datetime | None) -> None:
    told = None if expected is None else int(expected.timestamp() * 1000)
    assert moment(text) == told


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    told = moment(text)
    assert told is None or told > 0


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_a_moment_that_is_written_can_be_read(told: datetime) -> None:
    aware = told.replace(tzinfo=UTC)
    assert moment(aware.isoformat()) == int(aware.timestamp() * 1000)


def test_a_fingerprint_is_trusted_and_computed_only_where_it_is_absent() -> None:
    for given_one, expected in (
        ("abc", "abc"),
        ("", fingerprint({"alertname": "A"})),
        (None, fingerprint({"alertname": "A"})),
        ("x" * 65, fingerprint({"alertname": "A"})),
    ):
        body = decode(json.dumps({"alerts": [{**FIRING, "fingerprint": given_one}]}).encode())
        assert notice(body, "prod", (), "").alerts[0].fingerprint == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, None),
        ("", None),
        ("none", None),
        ("unknown", None),
        ("repeat interval elapsed", True),
        ("first notification", False),
        ("something newer", False),
    ],
)
def test_what_the_reason_says_of_a_repeat(reason: str | None, *, expected: bool | None) -> None:
    told = read(notification_reason=reason)
    assert getattr(told, "repeat", "absent") is expected


def test_a_body_of_few_fields_is_enough() -> None:
    told = notice(decode(b'{"alerts":[{"status":"firing"}]}'), "prod", (), "")
    assert (told.receiver, told.group_key, told.external_url, told.truncated) == (
        "",
        "{}:{}",
        "",
        0,
    )
    assert told.alerts[0].fingerprint == "cbf29ce484222325"


def test_grafana_s_fields_are_kept_and_its_version_is_not_looked_at() -> None:
    grafana = {
        **FIRING,
        "dashboardURL": "http://g/d",
        "panelURL": "http://g/p",
        "silenceURL": "http://g/s",
        "values": {"B": 22.1},
        "valueString": "[ var='B' ]",
        "annotations": {"summary": "s"},
    }
    raw = json.dumps({"version": "1", "orgId": 1, "alerts": [grafana], "title": "x"}).encode()
    alert = notice(decode(raw), "grafana", (), "").alerts[0]
    assert alert.annotations == {
        "dashboard_url": "http://g/d",
        "panel_url": "http://g/p",
        "silence_url": "http://g/s",
        "summary": "s",
    }


LINK = "http://g/alerting/silence/new?alertmanager=grafana&matcher={}&orgId=1"
NAMED = "__alert_rule_uid__%3Dbexx1&matcher=alertname%3DA"


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ({"ruleUID": "bexx1"}, {"__alert_rule_uid__": "bexx1"}),
        ({"silenceURL": LINK.format(NAMED)}, {"__alert_rule_uid__": "bexx1"}),
        ({"silenceURL": LINK.format(NAMED), "ruleUID": "c2"}, {"__alert_rule_uid__": "c2"}),
        ({"silenceURL": LINK.format("__alert_rule_uid__x%3Db")}, {}),
        ({"silenceURL": LINK.format("__alert_rule_uid__%3Da%20b")}, {}),
        ({"silenceURL": "http://[g?matcher=__alert_rule_uid__=b"}, {}),
        ({"silenceURL": "http://g/s", "ruleUID": ""}, {}),
        ({"ruleUID": "x" * 41}, {}),
        ({"ruleUID": None}, {}),
    ],
)
def test_the_rule_of_grafanas_is_a_label_again(
    more: dict[str, str], labels: dict[str, str]
) -> None:
    """So a silence of the alert names the rule, as Grafana demands of who may silence few."""
    raw = json.dumps({"alerts": [{**FIRING, **more}]}).encode()
    alert = notice(decode(raw), "grafana", (), "").alerts[0]
    assert alert.labels == {"alertname": "A", **labels}
    assert dict(alert_scope(alert.labels)).items() >= labels.items()


def test_what_is_not_resolved_fires() -> None:
    alerts = [{"status": status, "labels": {"s": status}} for status in ("firing", "", "x")]
    body = decode(json.dumps({"alerts": [*alerts, {"status": "resolved"}]}).encode())
    assert [one["s"] for one in firing(body)] == ["firing", "", "x"]


@given(st.integers(-(2**60), 2**60))
def test_a_count_is_never_negative(truncated: int) -> None:
    assert getattr(read(truncatedAlerts=truncated), "truncated", None) == max(truncated, 0)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"3", b'{"alerts":{}}', b'{"alerts":[3]}'])
def test_what_cannot_be_read_says_where(raw: bytes) -> None:
    with pytest.raises(Malformed, match=r".+"):
        decode(raw)

"""The fingerprint is Prometheus' own."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from receiver.domain.alert import fingerprint, shown_labels
from tests.domain.made import label_sets

PAYLOADS = Path(__file__).parents[1] / "payloads"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"job": "foo", "severity": "warning"}, "9266ef3da838ad95"),
        ({"alertname": "alert1", "lbl1": "val1"}, "fac0861a85de433a"),
    ],
)
def test_public_vectors(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


def test_every_captured_alert_has_the_fingerprint_that_alertmanager_computed() -> None:
    checked = 0
    for path in sorted(PAYLOADS.glob("*_*.json")):
        for alert in json.loads(path.read_bytes())["alerts"]:
            assert fingerprint(alert["labels"]) == alert["fingerprint"], path.name
            checked += 1
    assert checked > 500


@given(label_sets())
def test_the_order_of_the_labels_does_not_matter(labels: dict[str, str]) -> None:
    assert fingerprint(dict(reversed(labels.items()))) == fingerprint(labels)


def test_names_are_sorted_by_their_bytes_not_by_their_code_points_in_utf_16() -> None:
    high, low = "\U0001f525", "\uffee"  # UTF-16 would put the first before the second
    assert fingerprint({high: "1", low: "2"}) == fingerprint({low: "2", high: "1"})
    assert fingerprint({high: "1", low: "2"}) != fingerprint({high: "2", low: "1"})


def test_labels_of_machines_are_not_for_people() -> None:
    plain = {"alertname": "A", "_x": "y"}
    assert shown_labels(plain) is plain
    assert shown_labels(plain | {"__alert_rule_uid__": "u"}) == plain

"""What a control sends back is read as what it says, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.card import ActionValue, action_value, parse_value
from receiver.domain.action import ActionKind

IDS = st.integers(0, (1 << 63) - 1)
ABOUT = st.just("") | st.text("0123456789abcdef", min_size=1, max_size=64)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.builds(ActionValue, st.sampled_from(ActionKind), IDS, IDS, IDS, IDS, ABOUT))
def test_a_value_survives_the_platform(asked: ActionValue) -> None:
    sent = json.loads(json.dumps(action_value(*asked[:5], silence=asked.silence)))
    assert parse_value(sent) == asked


@given(JSON)
def test_anything_else_is_nothing(value: object) -> None:
    assert parse_value(value) is None


GOOD = action_value(ActionKind.ACKNOWLEDGE, 12, 7, 1)


def test_whole_numbers_may_come_as_floating_point() -> None:
    sent = {**GOOD, "v": 1.0, "i": 12.0, "r": 4.0}
    assert parse_value(sent) == ActionValue(ActionKind.ACKNOWLEDGE, 12, 7, 1, 4)


def test_a_value_without_a_revision_names_none() -> None:
    assert parse_value(GOOD) == ActionValue(ActionKind.ACKNOWLEDGE, 12, 7, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": "1"},
        {"a": "destroy"},
        {"a": None},
        {"i": "12"},
        {"i": True},
        {"i": -1},
        {"i": 1 << 63},
        {"i": 1.5},
        {"i": float("inf")},
        {"c": None},
        {"g": [1]},
        {"r": "17"},
        {"r": None},
        {"r": -1},
    ],
)
def test_a_changed_value_is_refused(change: dict[str, object]) -> None:
    assert parse_value({**GOOD, **change}) is None


def test_a_value_holds_ids_alone() -> None:
    assert GOOD == {"v": 1, "a": "acknowledge", "i": 12, "c": 7, "g": 1}
    assert action_value(ActionKind.SILENCE, 12, 7, 1, 17) == {**GOOD, "a": "silence", "r": 17}

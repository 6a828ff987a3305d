"""Payloads in parts: whole again in any order, and never more than is allowed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.stream_parts import (
    KEPT,
    PARTS_MOST,
    SETS_MOST,
    WHOLE_LIMIT,
    BadPart,
    Parts,
)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=12), st.data())
def test_parts_in_any_order_and_some_twice_are_the_whole(
    cut: list[bytes], data: st.DataObject
) -> None:
    parts, total = Parts(), str(len(cut))
    order = data.draw(st.permutations(range(len(cut))))
    for number in order[:-1]:
        for _ in range(data.draw(st.integers(1, 2))):
            assert parts.add("m", (total, str(number)), cut[number], 0.0) is None
    last = order[-1]
    assert parts.add("m", (total, str(last)), cut[last], KEPT) == b"".join(cut)
    assert len(parts) == 0


def test_messages_do_not_mix() -> None:
    parts = Parts()
    assert parts.add("a", ("2", "0"), b"a0", 0.0) is None
    assert parts.add("b", ("2", "1"), b"b1", 0.0) is None
    assert parts.add("a", ("2", "1"), b"a1", 0.0) == b"a0a1"
    assert parts.add("b", ("2", "0"), b"b0", 0.0) == b"b0b1"


def test_what_stays_incomplete_is_forgotten() -> None:
    parts = Parts()
    parts.add("a", ("2", "0"), b"old", 0.0)
    assert parts.add("a", ("2", "1"), b"new", KEPT + 0.1) is None
    assert parts.add("a", ("2", "0"), b"and ", KEPT + 0.1) == b"and new"


def test_a_message_in_one_part_needs_no_headers() -> None:
    assert Parts().add("a", ("", ""), b"x", 0.0) == b"x"


@pytest.mark.parametrize(
    "place",
    [
        ("0", "0"),
        ("2", "2"),
        ("-1", "0"),
        ("2", "-1"),
        ("x", "0"),
        (str(PARTS_MOST + 1), "0"),
        ("٣", "0"),
        ("99999999999", "0"),
    ],
)
def test_impossible_places_are_refused(place: tuple[str, str]) -> None:
    with pytest.raises(BadPart):
        Parts().add("a", place, b"", 0.0)


def test_parts_that_disagree_are_refused() -> None:
    parts = Parts()
    parts.add("a", ("2", "0"), b"", 0.0)
    with pytest.raises(BadPart):
        parts.add("a", ("3", "0"), b"", 0.0)


def test_unfinished_messages_are_bounded_in_number_and_in_bytes() -> None:
    parts = Parts()
    for number in range(SETS_MOST):
        parts.add(str(number), ("2", "0"), b"", 0.0)
    with pytest.raises(BadPart):
        parts.add("one more", ("2", "0"), b"", 0.0)
    assert parts.add("0", ("2", "1"), b"fits", 0.0) == b"fits"
    big = Parts()
    big.add("a", ("3", "0"), bytes(WHOLE_LIMIT), 0.0)
    with pytest.raises(BadPart):
        big.add("a", ("3", "1"), b"x", 0.0)
    assert len(big) == 0


@given(
    st.lists(st.tuples(st.text(max_size=3), st.tuples(st.text(max_size=4), st.text(max_size=4))))
)
def test_it_is_total(said: list[tuple[str, tuple[str, str]]]) -> None:
    parts = Parts()
    for message, place in said:
        with suppress(BadPart):
            parts.add(message, place, b"x", 0.0)
        assert len(parts) <= SETS_MOST

"""Frames: the contract's vectors, every frame there and back, and hostile bytes."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.channels.feishu.stream_frame import (
    DATA,
    FRAME_LIMIT,
    HEADERS_MOST,
    BadFrame,
    Frame,
    decode,
    encode,
    ping,
)
from receiver.sandbox import pbbp2

PING = bytes.fromhex("0800100018f681801020002a0c0a0474797065120470696e67")
EVENT = bytes.fromhex(
    "08071009180120012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373"
    "756d1201312a080a037365711201302a0d0a0874726163655f6964120174420c7b22636f6465223a3230307d"
)
EVENT_FRAME = Frame(
    seq_id=7,
    log_id=9,
    service=1,
    method=DATA,
    headers=(
        ("type", "event"),
        ("message_id", "m1"),
        ("sum", "1"),
        ("seq", "0"),
        ("trace_id", "t"),
    ),
    payload=b'{"code":200}',
)
NUMBERS = st.integers(0, 2**64 - 1)
SIGNED = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
FRAMES = st.builds(
    Frame,
    seq_id=NUMBERS,
    log_id=NUMBERS,
    service=SIGNED,
    method=SIGNED,
    headers=st.lists(st.tuples(TEXTS, TEXTS), max_size=6).map(tuple),
    payload=st.none() | st.binary(max_size=300),
    payload_encoding=TEXTS,
    payload_type=TEXTS,
    log_id_new=TEXTS,
)


def test_the_known_frames_are_written_and_read_as_the_sdks_do() -> None:
    assert encode(ping(33_554_678)) == PING
    assert decode(PING) == ping(33_554_678)
    assert encode(EVENT_FRAME) == EVENT
    assert decode(EVENT) == EVENT_FRAME


@given(FRAMES)
def test_a_frame_survives_the_way(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(FRAMES)
def test_the_sandbox_reads_it_with_its_own_code(frame: Frame) -> None:
    theirs = pbbp2.read(encode(frame))
    assert (theirs.seq_id, theirs.log_id) == (frame.seq_id, frame.log_id)
    assert theirs.headers == list(frame.headers)
    assert theirs.payload == (frame.payload or b"")


@given(FRAMES, st.sampled_from([b"\x51" + bytes(8), b"\x55" + bytes(4), b"\x52\x01x", b"\x50\x05"]))
def test_unknown_fields_are_skipped(frame: Frame, unknown: bytes) -> None:
    assert decode(unknown + encode(frame) + unknown) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(raw: bytes) -> None:
    with suppress(BadFrame):
        decode(raw)


@given(FRAMES, st.data())
def test_a_frame_that_is_cut_or_changed_is_refused_or_another_frame(
    frame: Frame, data: st.DataObject
) -> None:
    raw = bytearray(encode(frame))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    for spoiled in (bytes(raw), bytes(raw[: data.draw(st.integers(0, len(raw)))])):
        with suppress(BadFrame):
            decode(spoiled)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "required"),
        (b"\x08", "does not end"),
        (b"\x08" + b"\xff" * 11, "64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "64 bits"),
        (b"\x08" + b"\xff" * 9, "does not end"),
        (b"\x42\x05abc", "longer"),
        (b"\x42" + b"\xff" * 9 + b"\x01", "longer"),
        (b"\x51\x00", "longer"),
        (b"\x0b", "kind"),
        (b"\x0f", "kind"),
        (b"\x00\x00", "without a number"),
        (encode(Frame())[:6], "required"),
        (encode(Frame()) + b"\x2a\x03\x0a\x01k", "without its key or its value"),
        (encode(Frame()) + b"\x32\x01\xff", "UTF-8"),
        (encode(Frame(headers=(("k", "v"),) * (HEADERS_MOST + 1))), "headers"),
        (bytes(FRAME_LIMIT + 1), "larger"),
    ],
)
def test_what_is_no_frame_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(BadFrame, match=why):
        decode(raw)


def test_a_header_is_found_by_its_name() -> None:
    assert EVENT_FRAME.header("message_id") == "m1"
    assert EVENT_FRAME.header("biz_rt") == ""


@pytest.mark.parametrize(
    "flood",
    [b"\x08\x01" * 500_000, b"\x2a\x04\x0a\x00\x12\x00" * 170_000, b"\x55" + bytes(4)],
    ids=["numbers", "headers", "unknown"],
)
def test_a_flood_of_fields_is_refused_at_its_beginning(flood: bytes) -> None:
    if len(flood) < FRAME_LIMIT // 2:
        flood *= FRAME_LIMIT // len(flood)
    began = time.process_time()
    for _ in range(20):
        with pytest.raises(BadFrame, match="more than"):
            decode(flood)
    assert time.process_time() - began < 1

"""The long connection's frames as the platform writes them: protobuf by hand, both ways.

https://github.com/larksuite/oapi-sdk-python/tree/v2_main/lark_oapi/ws/pb
"""

from dataclasses import dataclass, field

# Field numbers of pbbp2.Frame: the four numbers, the headers, and what holds bytes.
_NUMBERS = {1: "seq_id", 2: "log_id", 3: "service", 4: "method"}
_HEADERS = 5
_PAYLOAD = 8


@dataclass(slots=True)
class Frame:
    """A frame; `method` 0 is control, 1 is data."""

    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    payload: bytes = b""

    def header(self, key: str) -> str:
        """Return a header's value, or an empty text."""
        return dict(self.headers).get(key, "")


def write(frame: Frame) -> bytes:
    """Return a frame's bytes."""
    out = b"".join(
        _number(number << 3) + _number(getattr(frame, name)) for number, name in _NUMBERS.items()
    )
    for key, value in frame.headers:
        out += _bytes(_HEADERS, _bytes(1, key.encode()) + _bytes(2, value.encode()))
    return out + (_bytes(_PAYLOAD, frame.payload) if frame.payload else b"")


def read(raw: bytes) -> Frame:
    """Return the frame that these bytes are; raises ValueError or IndexError."""
    frame, at = Frame(), 0
    while at < len(raw):
        (number, value), at = _field(raw, at)
        if number in _NUMBERS and isinstance(value, int):
            setattr(frame, _NUMBERS[number], value)
        elif number == _HEADERS and isinstance(value, bytes):
            frame.headers.append(_pair(value))
        elif number == _PAYLOAD and isinstance(value, bytes):
            frame.payload = value
    return frame


def _number(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value >> 7:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _bytes(number: int, data: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(data)) + data


def _read_number(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _field(raw: bytes, at: int) -> tuple[tuple[int, int | bytes], int]:
    tag, at = _read_number(raw, at)
    if tag & 7 == 0:
        value, at = _read_number(raw, at)
        return (tag >> 3, value), at
    if tag & 7 != 2:  # noqa: PLR2004 - the wire type of bytes
        raise ValueError(f"wire type {tag & 7}")
    size, at = _read_number(raw, at)
    if at + size > len(raw):
        raise ValueError("cut off")
    return (tag >> 3, raw[at : at + size]), at + size


def _pair(raw: bytes) -> tuple[str, str]:
    found, at = {1: "", 2: ""}, 0
    while at < len(raw):
        (number, value), at = _field(raw, at)
        if isinstance(value, bytes):
            found[number] = value.decode()
    return found[1], found[2]

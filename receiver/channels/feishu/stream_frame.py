"""The long connection's frames: protobuf's wire format by hand, total on arbitrary bytes.

The official SDKs carry the definition, ``pbbp2.Frame``:
https://github.com/larksuite/oapi-sdk-python/tree/v2_main/lark_oapi/ws/pb
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

CONTROL: Final = 0  # methods
DATA: Final = 1
FRAME_LIMIT: Final = 1024 * 1024 + 16 * 1024  # bytes: a whole callback's body and its headers
HEADERS_MOST: Final = 64
FIELDS_MOST: Final = 256  # of a frame, or of a header: to read more would hold up all else
# Protobuf's wire types; groups (3 and 4) are of another age, and nothing can skip them safely.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10
_LAST_BYTE_MOST = 1  # the tenth byte holds the 64th bit alone
_REQUIRED: Final = frozenset({1, 2, 3, 4})


class BadFrame(ValueError):
    """These bytes are no frame; the text says what is wrong, and quotes nothing."""


class Frame(NamedTuple):
    """One message of the long connection; ids are unsigned 64 bits, ``service`` signed 32."""

    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = CONTROL
    headers: tuple[tuple[str, str], ...] = ()
    payload: bytes | None = None
    payload_encoding: str = ""
    payload_type: str = ""
    log_id_new: str = ""

    def header(self, key: str) -> str:
        """Return a header's value, the first where there are several; empty without one."""
        return next((value for name, value in self.headers if name == key), "")


def ping(service: int) -> Frame:
    """Return the frame that asks whether the other side lives."""
    return Frame(service=service, headers=(("type", "ping"),))


def encode(frame: Frame) -> bytes:
    """Write a frame as the SDKs' serializer does: fields in order, empty texts left out."""
    out = b"".join(
        _varint(number << 3) + _varint(value) for number, value in enumerate(frame[:4], start=1)
    )
    for key, value in frame.headers:
        out += _chunk(5, _chunk(1, key.encode()) + _chunk(2, value.encode()))
    for number, text in ((6, frame.payload_encoding), (7, frame.payload_type)):
        out += _chunk(number, text.encode()) if text else b""
    if frame.payload is not None:
        out += _chunk(8, frame.payload)
    return out + (_chunk(9, frame.log_id_new.encode()) if frame.log_id_new else b"")


def decode(raw: bytes) -> Frame:
    """Read a frame; fields that nobody knows are skipped.

    Raises:
        BadFrame: the bytes are too many, cut off, or not what the definition says.

    """
    if len(raw) > FRAME_LIMIT:
        raise BadFrame(f"larger than {FRAME_LIMIT} bytes")
    numbers: dict[int, int] = {}
    chunks: dict[int, bytes] = {}
    headers: list[tuple[str, str]] = []
    for number, value in _fields(raw):
        if isinstance(value, int):
            numbers[number] = value
        elif number == 5:  # noqa: PLR2004  (the definition's number of a header)
            headers.append(_header(value))
        else:
            chunks[number] = value
    if not numbers.keys() >= _REQUIRED:
        raise BadFrame("a required field is missing")
    if len(headers) > HEADERS_MOST:
        raise BadFrame(f"more than {HEADERS_MOST} headers")
    return Frame(
        seq_id=numbers[1],
        log_id=numbers[2],
        service=_signed(numbers[3]),
        method=_signed(numbers[4]),
        headers=tuple(headers),
        payload=chunks.get(8),
        payload_encoding=_text(chunks.get(6, b"")),
        payload_type=_text(chunks.get(7, b"")),
        log_id_new=_text(chunks.get(9, b"")),
    )


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1  # a negative one is written as its 64-bit complement
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _chunk(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends."""
    value = 0
    for place, byte in enumerate(raw[at : at + _VARINT_BYTES]):
        if place == _VARINT_BYTES - 1 and byte > _LAST_BYTE_MOST:
            raise BadFrame("a number of more than 64 bits")
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004
            return value, at + place + 1
    raise BadFrame("a number that does not end")


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number with its varint or its bytes; fixed-size ones are skipped."""
    at = count = 0
    while at < len(raw):
        count += 1
        if count > FIELDS_MOST:
            raise BadFrame(f"more than {FIELDS_MOST} fields")
        tag, at = _read_varint(raw, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise BadFrame("a field without a number")
        if kind == _VARINT:
            value, at = _read_varint(raw, at)
            yield number, value
            continue
        size, at = _size(raw, at, kind)
        if size > len(raw) - at:
            raise BadFrame("a field that is longer than the frame")
        if kind == _BYTES:
            yield number, raw[at : at + size]
        at += size


def _size(raw: bytes, at: int, kind: int) -> tuple[int, int]:
    """Return how many bytes a field has, and where they begin."""
    if kind == _BYTES:
        return _read_varint(raw, at)
    if kind not in (_FIXED64, _FIXED32):
        raise BadFrame("a field of a kind that nobody knows")
    return (8 if kind == _FIXED64 else 4), at


def _header(raw: bytes) -> tuple[str, str]:
    found = {number: value for number, value in _fields(raw) if isinstance(value, bytes)}
    if not found.keys() >= {1, 2}:
        raise BadFrame("a header without its key or its value")
    return _text(found[1]), _text(found[2])


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadFrame("a text that is no UTF-8") from None


def _signed(number: int) -> int:
    """Return the 32 signed bits of a varint."""
    low = number & 0xFFFF_FFFF
    return low - (1 << 32) if low >> 31 else low

"""What a message may weigh, and how it is written down."""

from typing import Any

import msgspec

# https://open.feishu.cn/document/feishu-cards/card-json-v2-structure: 200 elements, 30 KB; whether
# the header's count is not documented, and a group bot's whole request is held to 20 KB.
ELEMENTS_MOST = 180
APP_BYTES = 27_000
BOT_BYTES = 17_000
# https://open.feishu.cn/document/feishu-cards/card-json-v2-components/interactive-components/button
SHORT_TEXT = 100

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode
# Inside a text the quotes are escaped, so these bytes only ever begin a property.
_TAG = b'"tag":'


def written(document: Json) -> bytes:
    """Return a document as compact JSON, as it goes over the wire."""
    return _encode(document)


def weight(text: str) -> int:
    """Return how many bytes a text takes inside a written document, its escapes included."""
    return len(_encode(text)) - 2  # without its quotes


def elements(raw: bytes) -> int:
    """Count every object that has a tag in a written document."""
    return raw.count(_TAG)


def fits(raw: bytes, most: int) -> bool:
    """Say whether a written document stays inside the limits of elements and of bytes."""
    return len(raw) <= most and elements(raw) <= ELEMENTS_MOST

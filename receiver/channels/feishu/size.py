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


def written(document: Json) -> str:
    """Return a document as compact JSON."""
    return _encode(document).decode()


def weight(document: Json) -> int:
    """Return how many bytes a document is on the wire."""
    return len(_encode(document))


def elements(part: object) -> int:
    """Count every object that has a tag."""
    if isinstance(part, dict):
        return ("tag" in part) + sum(map(elements, part.values()))
    return sum(map(elements, part)) if isinstance(part, list) else 0


def fits(document: Json, most: int) -> bool:
    """Say whether a document stays inside the limits of elements and of ``most`` bytes."""
    return weight(document) <= most and elements(document) <= ELEMENTS_MOST

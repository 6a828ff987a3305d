"""Words the bodies that answer the platform's callbacks: a toast, a new card, the challenge."""

from enum import StrEnum

import msgspec

from receiver.channels.feishu.callback import Challenge
from receiver.channels.feishu.content import CARD, read_content


class ToastKind(StrEnum):
    """How a toast looks."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


class Toast(msgspec.Struct, frozen=True):
    """A line that appears to the person who clicked, in their language."""

    type: ToastKind
    content: str
    i18n: dict[str, str]


class _NewCard(msgspec.Struct):
    data: msgspec.Raw
    type: str = "raw"


class _Answer(msgspec.Struct, omit_defaults=True):
    toast: Toast | None = None
    card: _NewCard | None = None


def toast(kind: ToastKind, zh: str, en: str) -> Toast:
    """Word a toast in both languages."""
    return Toast(kind, zh, {"zh_cn": zh, "en_us": en})


def answer(toast: Toast | None, card_json: str | None = None) -> bytes:
    """Return the body that answers a click: a toast, and the card that replaces the clicked one.

    ``card_json`` is what ``render_app`` returns; where it is no card, the message stays as it is.
    """
    drawn = read_content(card_json) if card_json is not None else None
    new = _NewCard(drawn.content) if drawn is not None and drawn.msg_type == CARD else None
    return msgspec.json.encode(_Answer(toast, new))


def answer_challenge(challenge: Challenge) -> bytes:
    """Return the body that answers the console's question."""
    return msgspec.json.encode({"challenge": challenge.text})

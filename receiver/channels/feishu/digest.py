"""The card of a storm: many incidents in one message, counted exactly and all of them named."""

from collections.abc import Iterable

from receiver.channels.base import View
from receiver.channels.feishu.digest_body import (
    ALL,
    FEWER,
    TIGHT,
    WHOLE,
    Detail,
    Draft,
    body,
    minimal,
)
from receiver.channels.feishu.digest_glance import Glance, look
from receiver.channels.feishu.digest_list import called_over, fill
from receiver.channels.feishu.digest_words import header, speech
from receiver.channels.feishu.facts import calls
from receiver.channels.feishu.header import config
from receiver.channels.feishu.links import console
from receiver.channels.feishu.reply import text_message
from receiver.channels.feishu.size import Json, fits, written
from receiver.domain.card import Rung
from receiver.domain.digest import Digest

# What the list's own frame, and saying in two languages what is left out, may add to a card.
LEFT_OUT_BYTES = 800
LINKED_TIMES = 3  # such a text stands in a card: by itself, and in each language
# A text message may weigh far more than a card, but nobody reads on for so long.
TEXT_BYTES = 12_000
# So many more find room, at the very most, where the worst are told more shortly.
SAVED_MOST = 400
# Of a whole card the first is taken in which everything is named: names come before addresses.
_STEPS = {
    Rung.WHOLE: (
        WHOLE,
        WHOLE._replace(url=120, links=3),
        FEWER._replace(url=0, named=ALL, note=False),
        TIGHT._replace(url=0, named=ALL, note=False),
    ),
    Rung.FEWER: (FEWER, TIGHT),
}


def render_digest(view: View, digest: Digest, rung: Rung, most: int, *, edits: bool) -> str:
    """Return the message of a digest, of at most ``most`` bytes. Never raises for a digest."""
    glance = look(view, digest)
    calling = calls(view, rung, edits=edits)
    if rung is Rung.TEXT or view.incident.plain:
        return _text(view, glance, calls=calling)
    draft = Draft(view, digest, glance, calling, edits)
    raw = _fullest(draft, _STEPS.get(rung, ()), most)
    return (raw or written(_message(glance, minimal(draft)))).decode()


def _fullest(draft: Draft, steps: Iterable[Detail], most: int) -> bytes:
    """Return the first card that names all it should, else the first that fits, else nothing."""
    found = b""
    for detail in steps:
        raw, left = _tried(draft, detail, most)
        if not fits(raw, most):
            continue
        if not left or detail.named < ALL:
            return raw
        found = found or raw
        if left > SAVED_MOST:
            break
    return found


def _text(view: View, glance: Glance, *, calls: bool) -> str:
    roll = called_over(view, glance, glance.gathered, TEXT_BYTES)
    left = glance.total - roll.named
    lines = [*roll.lines, f"… +{left}"] if left else roll.lines
    return text_message(view, speech(glance), calls=calls, more=lines)


def _tried(draft: Draft, detail: Detail, most: int) -> tuple[bytes, int]:
    """Return the card with as many incidents named as there is room for, and how many are not."""
    drawn = body(draft, detail)
    message = _message(draft.glance, drawn.document)
    raw = written(message)
    if len(raw) > most:
        return raw, len(drawn.others)
    room = most - len(raw) - LEFT_OUT_BYTES - LINKED_TIMES * len(console(draft.view))
    roll = called_over(draft.view, draft.glance, drawn.others[: detail.named], room)
    left = len(drawn.others) - roll.named
    fill(drawn.folded, draft.view, roll, left)
    return written(message), left


def _message(glance: Glance, content: Json) -> Json:
    card = {
        "schema": "2.0",
        "config": config(speech(glance)),
        "header": header(glance),
        "body": content,
    }
    return {"msg_type": "interactive", "content": card}

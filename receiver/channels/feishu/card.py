"""An incident drawn as a card of JSON 2.0, and the ladder of smaller ones where it does not fit."""

from receiver.channels.base import View
from receiver.channels.feishu.body import (
    FEWER,
    TIGHT,
    WHOLE,
    Detail,
    Draft,
    body,
    minimal_body,
)
from receiver.channels.feishu.digest import render_digest
from receiver.channels.feishu.facts import calls, gather
from receiver.channels.feishu.header import config, header, speech
from receiver.channels.feishu.links import console
from receiver.channels.feishu.listing import alert_lines, fill
from receiver.channels.feishu.reply import render_reply, text_message
from receiver.channels.feishu.size import APP_BYTES, BOT_BYTES, Json, fits, written
from receiver.channels.feishu.value import (
    COMMENT_FIELD,
    DURATION_FIELD,
    SCOPE_FIELD,
    ActionValue,
    action_value,
    parse_value,
)
from receiver.domain.card import Rung

__all__ = [
    "COMMENT_FIELD",
    "DURATION_FIELD",
    "SCOPE_FIELD",
    "ActionValue",
    "action_value",
    "parse_value",
    "render_app",
    "render_bot",
    "render_reply",
]

# What the list's own frame, and saying in two languages what is left out, may add to a card.
LEFT_OUT_BYTES = 800
LINKED_TIMES = 3  # such a text stands in a card: by itself, and in each language
_STEPS = {
    Rung.WHOLE: (WHOLE, WHOLE._replace(chart=False), FEWER._replace(note=True), TIGHT),
    Rung.FEWER: (FEWER, TIGHT),
}


def render_app(view: View, rung: Rung) -> str:
    """Return the message of an app bot, whose card can be clicked. Never raises for a view."""
    return _render(view, rung, APP_BYTES, edits=True)


def render_bot(view: View, rung: Rung) -> str:
    """Return the message of a group bot: it cannot be edited, and its links only inform."""
    return _render(view, rung, BOT_BYTES, edits=False)


def _render(view: View, rung: Rung, most: int, *, edits: bool) -> str:
    if view.digest is not None:
        return render_digest(view, view.digest, rung, most, edits=edits)
    facts = gather(view)
    said = speech(view, facts)
    calling = calls(view, rung, edits=edits)
    if rung is Rung.TEXT or view.incident.plain:
        return text_message(view, said, calls=calling)
    draft = Draft(view, facts, said, calling, edits)
    for detail in _STEPS.get(rung, ()):
        raw = _tried(draft, detail, most)
        if fits(raw, most):
            return raw.decode()
    return written(_message(draft, minimal_body(draft))).decode()


def _tried(draft: Draft, detail: Detail, most: int) -> bytes:
    """Return the card in this detail, with as many alerts listed as there is room for."""
    drawn, folded = body(draft, detail)
    message = _message(draft, drawn)
    raw = written(message)
    if folded is None or len(raw) > most:
        return raw
    room = most - len(raw) - LEFT_OUT_BYTES - LINKED_TIMES * len(console(draft.view))
    fill(folded, draft.view, draft.facts, _that_fit(draft, detail, room))
    return written(message)


def _that_fit(draft: Draft, detail: Detail, room: int) -> list[str]:
    """Return as many lines of the list as there is room for, in bytes."""
    kept: list[str] = []
    for line in alert_lines(draft.view, draft.facts, detail.alerts):
        room -= len(line.encode()) + 2  # escaped, it holds no sign that JSON escapes; and \n
        if room < 0:
            break
        kept.append(line)
    return kept


def _message(draft: Draft, content: Json) -> Json:
    card = {
        "schema": "2.0",
        "config": config(draft.said),
        "header": header(draft.view, draft.facts, draft.said),
        "body": content,
    }
    return {"msg_type": "interactive", "content": card}

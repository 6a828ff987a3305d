"""A silence that awaits a second person: who asks for what, and the two answers."""

from receiver.channels.base import View
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.markdown import moment, short
from receiver.channels.feishu.parts import button, joined, markdown, question
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.reason import State
from receiver.domain.request import Request
from receiver.phrases import Phrase, say

NAME_LIMIT = 40
MATCHER_LIMIT = 60
MATCHERS_MOST = 6
WHY_LIMIT = 200


def pending(view: View) -> Request | None:
    """Return what awaits an answer."""
    return next((one for one in view.incident.requests if one.until > view.now), None)


def approval_lines(view: View, facts: Facts) -> list[Json]:
    """Say who asks to silence what, until when, how much that mutes now, and why."""
    asked = pending(view)
    if asked is None or facts.state is State.RESOLVED:
        return []
    silence = asked.silences[0]
    said = say(
        Phrase.APPROVAL_ASKED,
        who=short(asked.asker.label, NAME_LIMIT) or "?",
        until=moment(silence.latest),
        count=asked.muting,
        by=moment(asked.until),
    )
    lines = [markdown(joined(("✋", said), " ")), markdown(_what(asked), small=True)]
    why = short(silence.comment, WHY_LIMIT) if silence.comment.strip() else ""
    return [*lines, markdown(f"> {why}", small=True)] if why else lines


def _what(asked: Request) -> str:
    matchers = [each for silence in asked.silences for each in silence.matchers]
    shown = [
        f"{short(name, MATCHER_LIMIT)}={short(value, MATCHER_LIMIT)}"
        for name, value in matchers[:MATCHERS_MOST]
    ]
    if len(matchers) > MATCHERS_MOST:
        shown.append(f"… +{len(matchers) - MATCHERS_MOST}")
    return " · ".join(shown)


def answers(view: View) -> list[Json]:
    """Return the two answers to exactly what this card shows; none where nothing awaits one."""
    asked = pending(view)
    if asked is None:
        return []
    sure = question(say(Phrase.CONFIRM_APPROVE), say(Phrase.CONFIRM_APPROVE_TEXT))
    yes = _callback(view, ActionKind.APPROVE, asked)
    no = _callback(view, ActionKind.DECLINE, asked)
    return [
        button(say(Phrase.APPROVE), "primary", yes, confirm=sure),
        button(say(Phrase.DECLINE), "default", no),
    ]


def _callback(view: View, kind: ActionKind, asked: Request) -> Json:
    card, incident = view.card, view.incident
    value = action_value(kind, incident.id, card.id, card.generation, silence=asked.id)
    return {"type": "callback", "value": value}

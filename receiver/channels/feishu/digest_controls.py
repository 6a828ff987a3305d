"""What a person can do on a digest: take all of it, or silence what its alerts share."""

from receiver.channels.base import View
from receiver.channels.feishu.approvals import answers
from receiver.channels.feishu.digest_glance import Glance, live
from receiver.channels.feishu.frame import aside
from receiver.channels.feishu.parts import button, joined, markdown, question, row
from receiver.channels.feishu.silence_controls import confirmed_unsilence
from receiver.channels.feishu.silence_form import matchers_text, option, select, silence_form
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.value import SCOPE_FIELD, action_value
from receiver.domain.action import ActionKind
from receiver.domain.digest import scope_of
from receiver.domain.reason import State
from receiver.phrases import Phrase, say

MATCHERS_MOST = 12


def controls(view: View, glance: Glance) -> list[Json]:
    """Return the controls, below a rule; empty where there is nothing to do."""
    first = [acknowledge_all(view, glance)]
    silences = live(view.incident.silences)
    asked = answers(view)
    if asked:
        first += asked
    elif silences:
        first.append(confirmed_unsilence(_callback(view, ActionKind.UNSILENCE)))
    shown = [each for each in first if each is not None]
    drawn = [row(shown)] if shown else []
    if not asked and glance.matchers and all(one.matchers != glance.matchers for one in silences):
        drawn.append(_form(view, glance))
    return [{"tag": "hr"}, *drawn] if drawn else []


def acknowledge_all(view: View, glance: Glance) -> Json | None:
    """Return the button that acknowledges all that nobody has; None where there is none."""
    count = glance.states[State.FIRING]
    if not count:
        return None
    return button(
        say(Phrase.ACKNOWLEDGE_ALL, count=count),
        "primary_filled",
        _callback(view, ActionKind.ACKNOWLEDGE),
        confirm=question(
            say(Phrase.CONFIRM_ACKNOWLEDGE_ALL, count=count),
            say(Phrase.CONFIRM_ACKNOWLEDGE_ALL_TEXT),
        ),
    )


def _callback(view: View, kind: ActionKind) -> Json:
    """Return what a click sends: it acts on what this very revision shows."""
    card, incident = view.card, view.incident
    value = action_value(kind, incident.id, card.id, card.generation, incident.revision)
    return {"type": "callback", "value": value}


def _form(view: View, glance: Glance) -> Json:
    shared = say(Phrase.SILENCE_SHARED, count=glance.matched)
    value = scope_of(glance.matchers)
    scope = select(SCOPE_FIELD, say(Phrase.SCOPE), [option(shared, value)], value)
    behavior = _callback(view, ActionKind.SILENCE)
    return silence_form([scope, _preview(glance)], behavior, view.silences)


def _preview(glance: Glance) -> Json:
    """Say what the silence matches, and how many of the alerts here it mutes."""
    shown = matchers_text(glance.matchers, MATCHERS_MOST)
    mutes = say(Phrase.MUTES_SHARED, count=glance.matched, total=glance.alerts)
    return markdown(aside(joined((shown, mutes), "\n")), small=True)

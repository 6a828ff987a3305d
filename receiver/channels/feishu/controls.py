"""What a person can do on a card: acknowledge, silence, and more."""

from receiver.channels.base import View
from receiver.channels.feishu import silence_controls
from receiver.channels.feishu.approvals import answers
from receiver.channels.feishu.facts import Facts
from receiver.channels.feishu.more import more_form
from receiver.channels.feishu.parts import button, question, row
from receiver.channels.feishu.silence_form import form
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.incident import Kind
from receiver.domain.ownership import is_asked, is_owned
from receiver.domain.reason import State
from receiver.phrases import Phrase, say


def acts(facts: Facts) -> bool:
    """Say whether there is anything left to do."""
    return facts.state not in (State.RESOLVED, State.NOTE)


def owner_button(view: View) -> Json:
    """Return what one tap takes: the incident, a part in it, or for longer when asked."""
    incident = view.incident
    if is_asked(incident):
        return button(
            say(Phrase.STILL_ON_IT), "primary_filled", _callback(view, ActionKind.CONFIRM)
        )
    behavior = _callback(view, ActionKind.ACKNOWLEDGE)
    if incident.ack is None:
        return button(say(Phrase.ACKNOWLEDGE), "primary_filled", behavior)
    return button(say(Phrase.ACKNOWLEDGE_TOO), "default", behavior)


def controls(view: View, facts: Facts, options: int) -> list[Json]:
    """Return the controls that the state allows: at most three to be seen."""
    asked = answers(view)
    if asked:  # for some minutes this is what the card is about
        return [row([owner_button(view), *asked])]
    looked_at = silence_controls.proposed(view)
    if looked_at is not None:
        return [silence_controls.preview(view, looked_at), row([owner_button(view)])]
    incident = view.incident
    silencing = incident.kind is Kind.ALERTS
    first, more = [owner_button(view)], _more(view, facts)
    again = silence_controls.again(view)
    if again is not None:
        # A fourth control would be too many: what owners need is folded away, or not there yet.
        settled = is_owned(incident) and not is_asked(incident)
        first, more = ([again], [*first, *more]) if settled else ([*first, again], [])
    if silencing and facts.covered:
        first.append(silence_controls.unsilence(view))
    drawn = [row(first)]
    silence = form(view, facts, options) if silencing and not facts.covered else None
    if silence is not None:
        drawn.append(silence)
    if more or again is None:
        hand_over = _callback(view, ActionKind.HAND_OVER)
        drawn.append(more_form(more, hand_over, _callback(view, ActionKind.NOTE)))
    return drawn


def _callback(view: View, kind: ActionKind) -> Json:
    value = action_value(kind, view.incident.id, view.card.id, view.card.generation)
    return {"type": "callback", "value": value}


def _more(view: View, facts: Facts) -> list[Json]:
    incident = view.incident
    found = _owning(view)
    behavior = _callback(view, ActionKind.RESOLVE)
    if incident.kind is Kind.AGENT:
        ask = question(say(Phrase.CONFIRM_RESOLVE), say(Phrase.CONFIRM_RESOLVE_TEXT))
        found.append(button(say(Phrase.RESOLVE), "default", behavior, confirm=ask))
    elif incident.handled is None:
        ask = question(say(Phrase.CONFIRM_HANDLE), say(Phrase.CONFIRM_HANDLE_TEXT))
        found.append(button(say(Phrase.HANDLE), "default", behavior, confirm=ask))
    found += _escalation(view)
    if incident.kind is not Kind.ALERTS:
        return found
    if not facts.covered and any(silence.live for silence in incident.silences):
        found.append(silence_controls.unsilence(view))
    extend = silence_controls.extend(view)
    return found if extend is None else [*found, extend]


def _escalation(view: View) -> list[Json]:
    """Return what has the next step taken at once, while there is one."""
    kept = view.incident.escalated
    if not kept.plan or (kept.steps and kept.taken >= kept.steps):
        return []
    ask = question(say(Phrase.CONFIRM_ESCALATE), say(Phrase.CONFIRM_ESCALATE_TEXT))
    behavior = _callback(view, ActionKind.ESCALATE)
    return [button(say(Phrase.ESCALATE), "default", behavior, confirm=ask)]


def _owning(view: View) -> list[Json]:
    """Return what the owners may do beside their one tap."""
    incident = view.incident
    if not is_owned(incident):
        return []
    found: list[Json] = []
    if is_asked(incident):
        too = _callback(view, ActionKind.ACKNOWLEDGE)
        found.append(button(say(Phrase.ACKNOWLEDGE_TOO), "default", too))
    elif incident.ack is not None:
        sure = _callback(view, ActionKind.CONFIRM)
        found.append(button(say(Phrase.STILL_ON_IT), "default", sure))
    back = _callback(view, ActionKind.UNACKNOWLEDGE)
    return [*found, button(say(Phrase.UNACKNOWLEDGE), "default", back)]

"""What a person can do about silences that were made, or looked at and not made yet."""

from receiver.channels.base import View
from receiver.channels.feishu.markdown import grey, moment, short
from receiver.channels.feishu.parts import button, joined, markdown, plain_text, question, row
from receiver.channels.feishu.silence_form import (
    MATCHERS_MOST,
    lasting_words,
    matchers_text,
    option,
)
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.value import action_value
from receiver.domain.action import ActionKind
from receiver.domain.proposal import Proposal
from receiver.domain.repeating import Again, offered_again
from receiver.domain.silence import DURATIONS, RESOLVED
from receiver.phrases import Phrase, Said, say

NAME_LIMIT = 40
ALERT_LIMIT = 100
WHY_LIMIT = 200


def unsilence(view: View) -> Json:
    """Return the button that ends the incident's silences."""
    return confirmed_unsilence(_callback(view, ActionKind.UNSILENCE))


def confirmed_unsilence(behavior: Json) -> Json:
    """Return the button that ends silences, once it has asked."""
    return button(
        say(Phrase.UNSILENCE),
        "default",
        behavior,
        confirm=question(say(Phrase.CONFIRM_UNSILENCE), say(Phrase.CONFIRM_UNSILENCE_TEXT)),
    )


def extend(view: View) -> Json | None:
    """Return the menu that gives the silences a later end; None where none just ends."""
    if not any(
        one.mutes and not one.keep_until and one.lasts != RESOLVED for one in view.incident.silences
    ):
        return None
    longest = view.silences.longest
    names = [name for name, span in DURATIONS.items() if span <= longest]
    return {
        "tag": "select_static",
        "placeholder": plain_text(say(Phrase.EXTEND)),
        "options": [option(_added(name), name) for name in names],
        "behaviors": [_callback(view, ActionKind.EXTEND)],
    }


def _added(name: str) -> Said:
    words = say(Phrase(name))
    return Said(f"+{words.zh_cn}", f"+{words.en_us}")


def again(view: View) -> Json | None:
    """Return the button that repeats the last silence, if it ended while what it muted fires."""
    ended = over_lately(view)
    if ended is None:
        return None
    words = joined(("🔕", say(Phrase.SILENCE_AGAIN)), " ")
    if ended.lasts in DURATIONS:
        words = joined((words, say(Phrase(ended.lasts))), " · ")
    elif ended.lasts == RESOLVED:
        words = joined((words, say(Phrase.UNTIL_RESOLVED)), " · ")
    return button(words, "default", _callback(view, ActionKind.RESILENCE, ended.id))


def over_lately(view: View) -> Again | None:
    """Return the silence that ended last, by itself, while what it muted still fires."""
    return offered_again(view.incident, view.members, view.silences.longest, view.now)


def proposed(view: View) -> Proposal | None:
    """Return what somebody looks at in this card."""
    proposal = view.incident.proposal
    here = proposal is not None and proposal.card == view.card.id
    return proposal if here and view.incident.closed_at is None else None


def preview(view: View, proposal: Proposal) -> Json:
    """Return what a silence would mute, counted and named, with its confirmation."""
    lines = [_headline(view, proposal), *_names(proposal)]
    small = [grey(matchers_text(proposal.matchers, MATCHERS_MOST))]
    why = short(proposal.comment, WHY_LIMIT)
    if why:
        small.append(f"> {why}")
    cancel = _callback(view, ActionKind.CANCEL, proposal.id)
    confirm = _callback(view, ActionKind.CONFIRM_SILENCE, proposal.id)
    elements = [
        markdown(joined(lines, "\n")),
        *(markdown(text, small=True) for text in small),
        row(
            [
                button(say(Phrase.CONFIRM_SILENCE), "primary", confirm),
                button(say(Phrase.CANCEL), "default", cancel),
            ]
        ),
    ]
    column = {"tag": "column", "width": "weighted", "weight": 1, "elements": elements}
    return {
        "tag": "column_set",
        "background_style": "grey",
        "columns": [{**column, "padding": "12px", "vertical_spacing": "8px"}],
    }


def _headline(view: View, proposal: Proposal) -> Said:
    who = short(proposal.actor.label, NAME_LIMIT) or "?"
    lasts = _lasts(view, proposal)
    found = proposal.found
    key = Phrase.PROPOSED_OTHERS if found.others else Phrase.PROPOSED
    zh, en = (
        say(key, who=who, lasts=text, count=found.total, others=found.others) for text in lasts
    )
    return joined(("🔍", Said(zh.zh_cn, en.en_us)), " ")


def _lasts(view: View, proposal: Proposal) -> Said:
    if proposal.chosen in DURATIONS:
        words = lasting_words(proposal.chosen)
        zh, en = (say(Phrase.LASTING, span=text) for text in words)
        return Said(zh.zh_cn, en.en_us)
    if proposal.chosen == RESOLVED:
        most = moment(proposal.at + view.silences.longest)
        return say(Phrase.LASTING_RESOLVED, until=most)
    return say(Phrase.LASTING_UNTIL, until=moment(proposal.until))


def _names(proposal: Proposal) -> list[Said | str]:
    found = proposal.found
    names: list[Said | str] = [f"• {short(name, ALERT_LIMIT) or '?'}" for name in found.names]
    if found.total > len(found.names):
        names.append(say(Phrase.MORE_ALERTS, count=found.total - len(found.names)))
    return names


def _callback(view: View, kind: ActionKind, silence: str = "") -> Json:
    card = view.card
    value = action_value(kind, view.incident.id, card.id, card.generation, silence=silence)
    return {"type": "callback", "value": value}

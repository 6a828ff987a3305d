"""The form of a silence: what, for how long, and why, folded away at the card's root."""

from collections.abc import Sequence

from receiver.channels.base import View
from receiver.channels.feishu.facts import LISTED_MOST, Facts, listed
from receiver.channels.feishu.listing import plain_name
from receiver.channels.feishu.markdown import grey, short
from receiver.channels.feishu.parts import button, joined, markdown, panel, plain_text, row
from receiver.channels.feishu.size import SHORT_TEXT, Json
from receiver.channels.feishu.text import plain
from receiver.channels.feishu.value import (
    COMMENT_FIELD,
    DURATION_FIELD,
    LABELS_FIELD,
    PREVIEW_FIELD,
    SCOPE_FIELD,
    SILENCE_FORM,
    SUBMIT_FIELD,
    UNTIL_FIELD,
    action_value,
)
from receiver.domain.action import ActionKind
from receiver.domain.incident import Member
from receiver.domain.lasting import offered
from receiver.domain.scope import Matchers, label_key, scope_matchers, shared_labels
from receiver.domain.silence import (
    COMMENT_LIMIT,
    GROUP_SCOPE,
    RESOLVED,
    TOMORROW,
    SilenceRules,
)
from receiver.phrases import Phrase, Said, say

OPTIONS_MOST = 20
DEFAULT_DURATION = "1h"
MATCHER_LIMIT = 60
MATCHERS_MOST = 6
_CHOICES = {TOMORROW: Phrase.UNTIL_TOMORROW, RESOLVED: Phrase.UNTIL_RESOLVED}


def form(view: View, facts: Facts, most: int) -> Json | None:
    """Return the form of an incident's silence; None where there is nothing to choose."""
    matchers = scope_matchers(view.incident, view.members, GROUP_SCOPE)
    most = min(most, OPTIONS_MOST)
    scopes = _scopes(view, facts, most, group=bool(matchers))
    if not scopes:
        return None
    fields = [select(SCOPE_FIELD, say(Phrase.SCOPE), scopes, scopes[0]["value"])]
    if matchers:
        said = joined((say(Phrase.MUTES), matchers_text(matchers, MATCHERS_MOST)), " ")
        fields.append(_small(said))
    fields += _labels(view, most)
    preview = _submit(Phrase.PREVIEW_SILENCE, "default", _callback(view, ActionKind.PREVIEW))
    return silence_form(
        fields,
        _callback(view, ActionKind.SILENCE),
        view.silences,
        ({**preview, "name": PREVIEW_FIELD},),
    )


def silence_form(
    fields: Sequence[Json], behavior: Json, rules: SilenceRules, more: Sequence[Json] = ()
) -> Json:
    """Return the form of a silence: what ``fields`` ask, for how long, and why.

    ``more`` are buttons beside the one that makes it.
    """
    choices = offered(rules.longest)
    duration = select(
        DURATION_FIELD,
        say(Phrase.DURATION),
        [option(lasting_words(name), name) for name in choices],
        DEFAULT_DURATION if DEFAULT_DURATION in choices else choices[0],
    )
    until = {
        "tag": "picker_datetime",
        "name": UNTIL_FIELD,
        "required": False,
        "width": "fill",
        "placeholder": plain_text(say(Phrase.UNTIL_PICKED)),
    }
    comment = {
        "tag": "input",
        "name": COMMENT_FIELD,
        "width": "fill",
        "max_length": COMMENT_LIMIT,
        "placeholder": plain_text(say(Phrase.COMMENT)),
    }
    submit = {**_submit(Phrase.SUBMIT_SILENCE, "primary", behavior), "name": SUBMIT_FIELD}
    inside = [*fields, duration, until, comment, row([*more, submit]) if more else submit]
    folded = panel(joined(("🔕", say(Phrase.SILENCE)), " "), "silence", inside)
    return {"tag": "form", "name": SILENCE_FORM, "elements": [folded]}


def _submit(words: Phrase, style: str, behavior: Json) -> Json:
    return {**button(say(words), style, behavior), "form_action_type": "submit"}


def _callback(view: View, kind: ActionKind) -> Json:
    value = action_value(kind, view.incident.id, view.card.id, view.card.generation)
    return {"type": "callback", "value": value}


def lasting_words(name: str) -> Said:
    """Return what to call one of the durations that are offered."""
    return say(_CHOICES[name]) if name in _CHOICES else say(Phrase(name))


def _labels(view: View, most: int) -> list[Json]:
    """Return the menu of the labels that all firing alerts share; what is chosen wins."""
    shared = shared_labels(view.members)[:most]
    if not shared:
        return []
    options = []
    for name, value in shared:
        text = plain(f"{name}={value}", SHORT_TEXT) or "?"
        options.append(option(Said(text, text), label_key(name, value)))
    return [
        {
            "tag": "multi_select_static",
            "name": LABELS_FIELD,
            "required": False,
            "width": "fill",
            "placeholder": plain_text(say(Phrase.CHOSEN_LABELS)),
            "options": options,
        }
    ]


def matchers_text(matchers: Matchers, most: int) -> str:
    """Return matchers as markdown, the first ones where there are many."""
    shown = [
        f"{short(name, MATCHER_LIMIT)}={short(value, MATCHER_LIMIT)}"
        for name, value in matchers[:most]
    ]
    if len(matchers) > most:
        shown.append(f"… +{len(matchers) - most}")
    return " · ".join(shown)


def _small(said: Said) -> Json:
    return markdown(Said(grey(said.zh_cn), grey(said.en_us)), small=True)


def _scopes(view: View, facts: Facts, most: int, *, group: bool) -> list[Json]:
    """Return the choices: the group where something positive describes it, then named alerts."""
    options: list[Json] = []
    if group:
        options.append(option(say(Phrase.WHOLE_GROUP, count=facts.firing), GROUP_SCOPE))
    if group and facts.firing == 1 and facts.total == 1:
        return options
    live = [silence for silence in view.incident.silences if silence.live]
    # A fingerprint comes from outside too, and one of this name would choose the group.
    chosen = {"", GROUP_SCOPE}
    for member in listed(view.members, LISTED_MOST):
        if len(options) >= most:
            break
        muted = any(silence.covers(member.labels) for silence in live)
        if member.firing and not muted and any(member.labels.values()):
            if member.fingerprint not in chosen:
                options.append(_alert_option(view, facts, member))
            chosen.add(member.fingerprint)
    return options


def _alert_option(view: View, facts: Facts, member: Member) -> Json:
    name = plain(plain_name(view, facts, member, SHORT_TEXT), SHORT_TEXT) or "?"
    return option(Said(name, name), member.fingerprint)


def option(said: Said, value: str) -> Json:
    """Return an entry of a menu."""
    return {"text": plain_text(said), "value": value}


def select(name: str, hint: Said, options: list[Json], initial: str) -> Json:
    """Return a menu of a form, in which something is chosen already."""
    return {
        "tag": "select_static",
        "name": name,
        "required": True,
        "width": "fill",
        "placeholder": plain_text(hint),
        "options": options,
        "initial_option": initial,
    }

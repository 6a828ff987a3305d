"""What a person can do on a card: acknowledge, silence, and more."""

from receiver.channels.base import View
from receiver.channels.feishu.facts import LISTED_MOST, LIVE, Facts, listed
from receiver.channels.feishu.listing import plain_name
from receiver.channels.feishu.markdown import grey, short
from receiver.channels.feishu.parts import (
    button,
    joined,
    markdown,
    panel,
    plain_text,
    question,
    row,
)
from receiver.channels.feishu.size import SHORT_TEXT, Json
from receiver.channels.feishu.text import plain
from receiver.channels.feishu.value import (
    COMMENT_FIELD,
    DURATION_FIELD,
    SCOPE_FIELD,
    SILENCE_FORM,
    SUBMIT_FIELD,
    action_value,
)
from receiver.domain.action import ActionKind
from receiver.domain.incident import Kind, Member
from receiver.domain.ownership import is_asked, is_owned
from receiver.domain.reason import State
from receiver.domain.silence import COMMENT_LIMIT, DURATIONS, GROUP_SCOPE
from receiver.domain.silencing import scope_matchers
from receiver.phrases import Phrase, Said, say

OPTIONS_MOST = 20
DEFAULT_DURATION = "1h"
MATCHER_LIMIT = 60
MATCHERS_MOST = 6


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
    first = [owner_button(view)]
    silencing = view.incident.kind is Kind.ALERTS
    if silencing and facts.covered:
        first.append(_unsilence(view))
    drawn = [row(first)]
    if silencing and not facts.covered:
        form = _silence_form(view, facts, options)
        if form is not None:
            drawn.append(form)
    more = _more(view, facts)
    if more:
        drawn.append(panel(say(Phrase.MORE), "more", [row(more)]))
    return drawn


def _callback(view: View, kind: ActionKind) -> Json:
    value = action_value(kind, view.incident.id, view.card.id, view.card.generation)
    return {"type": "callback", "value": value}


def _unsilence(view: View) -> Json:
    return confirmed_unsilence(_callback(view, ActionKind.UNSILENCE))


def confirmed_unsilence(behavior: Json) -> Json:
    """Return the button that ends silences, once it has asked."""
    return button(
        say(Phrase.UNSILENCE),
        "default",
        behavior,
        confirm=question(say(Phrase.CONFIRM_UNSILENCE), say(Phrase.CONFIRM_UNSILENCE_TEXT)),
    )


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
    live = any(silence.state in LIVE for silence in incident.silences)
    if live and not facts.covered and incident.kind is Kind.ALERTS:
        found.append(_unsilence(view))
    return found


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


def _silence_form(view: View, facts: Facts, most: int) -> Json | None:
    """Return the form, at the root as the platform wants it, its fields folded away."""
    matchers = scope_matchers(view.incident, view.members, GROUP_SCOPE)
    scopes = _scopes(view, facts, min(most, OPTIONS_MOST), group=bool(matchers))
    if not scopes:
        return None
    chosen = [_select_scope(scopes)]
    if matchers:
        chosen.append(_preview(matchers))
    return silence_form(chosen, _callback(view, ActionKind.SILENCE))


def _select_scope(scopes: list[Json]) -> Json:
    return select(SCOPE_FIELD, say(Phrase.SCOPE), scopes, scopes[0]["value"])


def silence_form(scope: list[Json], behavior: Json) -> Json:
    """Return the form of a silence: what ``scope`` asks, for how long, and why."""
    duration = select(
        DURATION_FIELD,
        say(Phrase.DURATION),
        [option(say(Phrase(name)), name) for name in DURATIONS],
        DEFAULT_DURATION,
    )
    comment = {
        "tag": "input",
        "name": COMMENT_FIELD,
        "width": "fill",
        "max_length": COMMENT_LIMIT,
        "placeholder": plain_text(say(Phrase.COMMENT)),
    }
    submit = {
        **button(say(Phrase.SUBMIT_SILENCE), "primary", behavior),
        "name": SUBMIT_FIELD,
        "form_action_type": "submit",
    }
    fields = [*scope, duration, comment, submit]
    folded = panel(joined(("🔕", say(Phrase.SILENCE)), " "), "silence", fields)
    return {"tag": "form", "name": SILENCE_FORM, "elements": [folded]}


def _preview(matchers: tuple[tuple[str, str], ...]) -> Json:
    """Say what a silence of the group will mute."""
    shown = [
        f"{short(name, MATCHER_LIMIT)}={short(value, MATCHER_LIMIT)}"
        for name, value in matchers[:MATCHERS_MOST]
    ]
    if len(matchers) > MATCHERS_MOST:
        shown.append(f"… +{len(matchers) - MATCHERS_MOST}")
    said = joined((say(Phrase.MUTES), " · ".join(shown)), " ")
    return markdown(Said(grey(said.zh_cn), grey(said.en_us)), small=True)


def _scopes(view: View, facts: Facts, most: int, *, group: bool) -> list[Json]:
    """Return the choices: the group where something positive describes it, then named alerts."""
    options: list[Json] = []
    if group:
        options.append(option(say(Phrase.WHOLE_GROUP, count=facts.firing), GROUP_SCOPE))
    if group and facts.firing == 1 and facts.total == 1:
        return options
    live = [silence for silence in view.incident.silences if silence.state in LIVE]
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

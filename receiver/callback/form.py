"""What a person filled in, as part of the action: names, never what came from outside."""

from dataclasses import replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from receiver.channels.feishu.callback import Click
from receiver.channels.feishu.people import is_open_id
from receiver.channels.feishu.value import (
    COMMENT_FIELD,
    DURATION_FIELD,
    EXTEND_FIELD,
    LABELS_FIELD,
    NOTE_FIELD,
    PERSON_FIELD,
    SCOPE_FIELD,
    UNTIL_FIELD,
    read_moment,
)
from receiver.domain.action import Action, ActionKind
from receiver.domain.lasting import tomorrow
from receiver.domain.notes import NOTE_LIMIT
from receiver.domain.person import Actor
from receiver.domain.scope import LABELS_MOST
from receiver.domain.silence import TOMORROW, UNTIL, SilenceRules

ZONE_LIMIT = 64


def filled(action: Action, click: Click, rules: SilenceRules, zone: tzinfo) -> Action:
    """Return the action with the fields of its form, or the choice of its menu.

    A moment that was picked wins over the duration. ``zone`` is the reader's where the click does
    not name one; it is what tomorrow means.
    """
    if action.kind is ActionKind.HAND_OVER:
        return replace(action, to=_chosen(click))
    if action.kind is ActionKind.NOTE:
        return replace(action, comment=_field(click, NOTE_FIELD)[:NOTE_LIMIT])
    length = EXTEND_FIELD if action.kind is ActionKind.EXTEND else DURATION_FIELD
    duration, until = click.option or _field(click, length), 0
    picked = _field(click, UNTIL_FIELD)
    if picked:
        moment = read_moment(picked)
        duration, until = ("", 0) if moment is None else (UNTIL, moment)
    elif duration == TOMORROW:
        until = tomorrow(action.at, _zone(click.timezone) or zone)
    return replace(
        action,
        scope=_field(click, SCOPE_FIELD),
        duration=duration,
        until=until,
        labels=_several(click, LABELS_FIELD),
        comment=_field(click, COMMENT_FIELD),
        rules=rules,
    )


def _chosen(click: Click) -> Actor | None:
    """Return the person chosen in a form; None for what is no open_id."""
    open_id = _field(click, PERSON_FIELD)
    return Actor(open_id=open_id) if is_open_id(open_id) else None


def _zone(name: str) -> tzinfo | None:
    """Return a time zone by its IANA name; None for what is none."""
    if not name or len(name) > ZONE_LIMIT:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _field(click: Click, name: str) -> str:
    """Return a form's text field; anything else than a text counts as empty."""
    value = click.form_value.get(name, "")
    return value if isinstance(value, str) else ""


def _several(click: Click, name: str) -> tuple[str, ...]:
    value = click.form_value.get(name, ())
    chosen = [value] if isinstance(value, str) and value else value
    if not isinstance(chosen, list):
        return ()
    # One too many is kept, so that it is refused and not cut to something else.
    return tuple(dict.fromkeys(one for one in chosen if one))[: LABELS_MOST + 1]

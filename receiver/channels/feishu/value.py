"""What a control of a card sends back: opaque ids, and nothing that came from outside."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from receiver.domain.action import ActionKind

VERSION = 1
# SQLite's largest integer; ids come back from anyone who can reach the callback.
ID_MOST = (1 << 63) - 1

# The names of the silence form's fields in a click's ``form_value``.
SILENCE_FORM = "silence_form"
SCOPE_FIELD = "scope"
DURATION_FIELD = "duration"
COMMENT_FIELD = "comment"
LABELS_FIELD = "labels"
UNTIL_FIELD = "until"
SUBMIT_FIELD = "submit_silence"
PREVIEW_FIELD = "preview_silence"
# And of the one behind "More".
MORE_FORM = "more_form"
PERSON_FIELD = "person"
NOTE_FIELD = "note"
EXTEND_FIELD = "longer"

_REFERENCE = re.compile(r"[0-9a-f]{1,64}")
_MOMENT = "%Y-%m-%d %H:%M %z"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ActionValue(NamedTuple):
    """Which control of which card was used."""

    kind: ActionKind
    incident: int
    card: int
    generation: int
    revision: int = 0  # of a digest: what it showed then is acted on
    silence: str = ""  # the silence or the preview that it is about, by our own id


def action_value(
    kind: ActionKind,
    incident: int,
    card: int,
    generation: int,
    revision: int = 0,
    silence: str = "",
) -> dict[str, str | int]:
    """Return the ``value`` of a control's callback; only a digest's names its revision."""
    about = {"s": silence} if silence else {}
    value: dict[str, str | int] = {
        "v": VERSION,
        "a": str(kind),
        "i": incident,
        "c": card,
        "g": generation,
    }
    return value | about | ({"r": revision} if revision else {})


def parse_value(value: object) -> ActionValue | None:
    """Read the ``value`` of a click; None for what no card of ours sends."""
    if not isinstance(value, dict) or value.get("v") != VERSION:
        return None
    kind = _kind(value.get("a"))
    ids = [_id(value.get(name)) for name in ("i", "c", "g")]
    ids.append(_id(value.get("r", 0)))  # other cards, and those of older versions, have none
    if kind is None or None in ids:
        return None
    silence = value.get("s", "")
    if silence and not (isinstance(silence, str) and _REFERENCE.fullmatch(silence)):
        return None
    incident, card, generation, revision = (one or 0 for one in ids)
    return ActionValue(kind, incident, card, generation, revision, silence or "")


def read_moment(said: str) -> int | None:
    """Return the moment that a picker sends, such as ``2024-04-29 07:07 +0800``, in Unix ms."""
    try:
        moment = datetime.strptime(said, _MOMENT)  # noqa: DTZ007  (its format has a zone)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _kind(value: object) -> ActionKind | None:
    try:
        return ActionKind(str(value))
    except ValueError:
        return None


def _id(value: object) -> int | None:
    """Return an id; platforms that hold numbers as floating point send 7 as 7.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= ID_MOST else None

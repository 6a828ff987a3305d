"""What a control of a card sends back: opaque ids, and nothing that came from outside."""

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
SUBMIT_FIELD = "submit_silence"


class ActionValue(NamedTuple):
    """Which control of which card was used."""

    kind: ActionKind
    incident: int
    card: int
    generation: int


def action_value(
    kind: ActionKind, incident: int, card: int, generation: int
) -> dict[str, str | int]:
    """Return the ``value`` of a control's callback."""
    return {"v": VERSION, "a": str(kind), "i": incident, "c": card, "g": generation}


def parse_value(value: object) -> ActionValue | None:
    """Read the ``value`` of a click; None for what no card of ours sends."""
    if not isinstance(value, dict) or value.get("v") != VERSION:
        return None
    kind = _kind(value.get("a"))
    ids = tuple(_id(value.get(name)) for name in ("i", "c", "g"))
    if kind is None or None in ids:
        return None
    incident, card, generation = ids
    return ActionValue(kind, incident or 0, card or 0, generation or 0)


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

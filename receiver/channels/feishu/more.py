"""The form behind "More": what is seldom done, handing over, and a note.

Forms stand at a card's root alone, so one holds all of it, folded: every button in it sends all
its fields, and says by its value which of them count.
"""

from collections.abc import Sequence

from receiver.channels.feishu.parts import button, panel, plain_text, row
from receiver.channels.feishu.size import Json
from receiver.channels.feishu.value import EXTEND_FIELD, MORE_FORM, NOTE_FIELD, PERSON_FIELD
from receiver.domain.notes import NOTE_LIMIT
from receiver.phrases import Phrase, Said, say


def more_form(controls: Sequence[Json], hand_over: Json, note: Json) -> Json:
    """Return the form: these controls, and two fields with what their buttons send."""
    person = {
        "tag": "select_person",  # without options: the members of the chat
        "name": PERSON_FIELD,
        "width": "fill",
        "placeholder": plain_text(say(Phrase.HAND_OVER_TO)),
    }
    text = {
        "tag": "input",
        "name": NOTE_FIELD,
        "width": "fill",
        "max_length": NOTE_LIMIT,
        "placeholder": plain_text(say(Phrase.NOTE_TEXT)),
    }
    taps = [_submit(each) for each in controls if each["tag"] == "button"]
    menus = [each for each in controls if each["tag"] != "button"]
    parts = [row(taps)] if taps else []
    parts += (_menu(each) for each in menus)
    parts.append(_beside(person, say(Phrase.HAND_OVER), hand_over))
    parts.append(_beside(text, say(Phrase.ADD_NOTE), note))
    folded = panel(say(Phrase.MORE), "more", parts)
    return {"tag": "form", "name": MORE_FORM, "elements": [folded]}


def _submit(drawn: Json) -> Json:
    """Return a button as one of the form, named by what it asks for."""
    kind = drawn["behaviors"][0]["value"]["a"]
    return {**drawn, "name": f"more_{kind}", "form_action_type": "submit"}


def _menu(drawn: Json) -> Json:
    """Return a menu, which acts by itself elsewhere, as a field with a button."""
    field = {name: value for name, value in drawn.items() if name != "behaviors"}
    (behavior,) = drawn["behaviors"]
    field |= {"name": EXTEND_FIELD, "width": "fill"}
    return _beside(field, say(Phrase.EXTEND_NOW), behavior)


def _beside(field: Json, said: Said, behavior: Json) -> Json:
    """Return a field with its button at its right."""
    columns = [
        {"tag": "column", "width": "weighted", "weight": 1, "elements": [field]},
        {
            "tag": "column",
            "width": "auto",
            "elements": [_submit(button(said, "default", behavior))],
        },
    ]
    return {
        "tag": "column_set",
        "flex_mode": "none",
        "horizontal_spacing": "8px",
        "columns": columns,
    }

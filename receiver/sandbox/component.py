"""The part of a stored card that somebody clicks, and what the click carries."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from receiver.sandbox import schema, vocabulary
from receiver.sandbox.knobs import Knobs

PICKERS: Mapping[str, str] = {
    "date_picker": r"\d{4}-\d{2}-\d{2}",
    "picker_time": r"\d{2}:\d{2}",
    "picker_datetime": r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}",
}
MULTIPLE = frozenset({"multi_select_static", "multi_select_person"})
_INITIAL: Mapping[str, str] = {
    "select_static": "initial_option",
    "select_person": "initial_option",
    "multi_select_static": "selected_values",
    "multi_select_person": "selected_values",
    "date_picker": "initial_date",
    "picker_time": "initial_time",
    "picker_datetime": "initial_datetime",
    "input": "default_value",
    "checker": "checked",
}


class Impossible(ValueError):
    """A click that no client would let happen: the page asks for something not on the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Who clicks what, and what they chose or typed. `pointer` is a JSON pointer into the card."""

    message_id: str
    open_id: str
    pointer: str
    option: str | None = None
    options: list[str] | None = None
    input_value: str | None = None
    checked: bool | None = None
    form_value: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """What the pointer points at, and the form around it."""

    item: dict[str, Any]
    form: dict[str, Any] | None

    @property
    def tag(self) -> str:
        """The component's tag."""
        return str(self.item["tag"])

    @property
    def submits(self) -> bool:
        """Tell whether this is a form's submit button."""
        return self.form is not None and (
            self.item.get("form_action_type") == "submit"
            or self.item.get("action_type") == "form_submit"
        )

    @property
    def resets(self) -> bool:
        """Tell whether this is a form's reset button."""
        return self.item.get("form_action_type") == "reset"

    def behavior(self, kind: str) -> dict[str, Any] | None:
        """Return the component's behavior of one kind."""
        behaviors = self.item.get("behaviors") or []
        return next((b for b in behaviors if b.get("type") == kind), None)

    @property
    def calls_back(self) -> bool:
        """Tell whether the platform hears of the click.

        A component without behaviors still calls back, a checker or a container does not; and
        inside a form only its buttons do.
        """
        if self.resets or (self.form is not None and self.tag != "button"):
            return False
        if self.item.get("behaviors"):
            return self.behavior("callback") is not None or self.submits
        return self.tag not in ("checker", "interactive_container")


def _steps(pointer: str) -> Iterator[str]:
    if not pointer.startswith("/"):
        raise Impossible(f"pointer {pointer!r} must start with '/'")
    for step in pointer[1:].split("/"):
        yield step.replace("~1", "/").replace("~0", "~")


def point(card: dict[str, Any], pointer: str) -> Target:
    """Return the clickable component that `pointer` names; raises Impossible."""
    here: Any = card
    form: dict[str, Any] | None = None
    for step in _steps(pointer):
        if isinstance(here, dict) and here.get("tag") == "form":
            form = here
        if isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        elif isinstance(here, dict) and step in here:
            here = here[step]
        else:
            raise Impossible(f"pointer {pointer!r} leads nowhere in the stored card")
    tag = here.get("tag") if isinstance(here, dict) else None
    if tag not in vocabulary.INTERACTIVE | {"interactive_container"}:
        raise Impossible(f"pointer {pointer!r} names {tag or 'no component'}: nothing to click")
    if here.get("disabled"):
        raise Impossible(f"the {tag} at {pointer!r} is disabled")
    return Target(here, form)


def chosen(target: Target, click: Click, members: dict[str, str], knobs: Knobs) -> dict[str, Any]:
    """Return the part of `action` that says what was chosen outside a form; raises Impossible."""
    tag = target.tag
    if tag in ("button", "interactive_container"):
        return {}
    if tag == "input":
        return {"input_value": _value(target.item, click.input_value or "", members, knobs)}
    if tag == "checker":
        return {"checked": bool(click.checked)}
    if tag == "select_img" and target.item.get("multi_select"):
        return {"options": list(click.options or [])}
    if click.option is None:
        raise Impossible(f"{tag}: `option` is missing")
    return {"option": _value(target.item, click.option, members, knobs)}


def controls(part: Any) -> Iterator[dict[str, Any]]:
    """Yield the named controls of a form, in order; its buttons are none."""
    if isinstance(part, list):
        for item in part:
            yield from controls(item)
    elif isinstance(part, dict):
        if part.get("tag") in vocabulary.INTERACTIVE - {"button", "overflow"} and part.get("name"):
            yield part
        yield from controls(part.get("elements", []))
        yield from controls(part.get("columns", []))


def submitted(
    target: Target, click: Click, members: dict[str, str], knobs: Knobs
) -> tuple[dict[str, Any], list[str]]:
    """Return a form's values by name, and the names of required fields left empty."""
    values: dict[str, Any] = {}
    missing: list[str] = []
    for item in controls((target.form or {}).get("elements")):
        name = str(item["name"])
        given = click.form_value.get(name, item.get(_INITIAL.get(item["tag"], "")))
        if given in (None, "", []):
            if item.get("required", item["tag"] == "multi_select_static"):
                missing.append(name)
            values |= _empty(item, knobs)
        else:
            values[name] = _value(item, given, members, knobs)
    unknown = set(click.form_value) - {str(c["name"]) for c in controls(target.form)}
    if unknown:
        raise Impossible(f"form_value: the form has no field {sorted(unknown)}")
    return values, missing


def _empty(item: dict[str, Any], knobs: Knobs) -> dict[str, Any]:
    if item["tag"] == "checker":
        return {item["name"]: False}
    if item["tag"] == "input" or knobs.form_empty == "blank":
        return {item["name"]: [] if item["tag"] in MULTIPLE else ""}
    return {}


def _value(item: dict[str, Any], given: Any, members: dict[str, str], knobs: Knobs) -> Any:
    tag = item["tag"]
    if tag in PICKERS:
        return _moment(tag, given, knobs)
    if tag == "checker":
        return bool(given)
    if tag == "input":
        return _typed(item, given)
    if tag in MULTIPLE or isinstance(given, list):
        wanted = given if isinstance(given, list) else [given]
        return [_option(item, option, members) for option in wanted]
    return _option(item, given, members)


def _moment(tag: str, given: Any, knobs: Knobs) -> str:
    found = re.fullmatch(rf"({PICKERS[tag]})( [+-]\d{{4}})?", str(given))
    if found is None:
        raise Impossible(f"{tag}: {given!r} is not a time of its format")
    return f"{found.group(1)}{found.group(2) or ' ' + knobs.timezone_offset}"


def _typed(item: dict[str, Any], given: Any) -> str:
    if not isinstance(given, str):
        raise Impossible("input: the value must be a string")
    if len(given) > item.get("max_length", schema.MAX_INPUT_LENGTH):
        raise Impossible(f"input: longer than its max_length of {item.get('max_length')}")
    return given


def _option(item: dict[str, Any], given: Any, members: dict[str, str]) -> str:
    """Return what a choice sends; `members` are the chat's, with the ids that the app knows."""
    options = [str(option.get("value", "")) for option in item.get("options") or []]
    if not options and item["tag"] in ("select_person", "multi_select_person"):
        options = list(members)
    else:
        members = {}
    if given not in options:
        raise Impossible(f"{item['tag']}: {given!r} is not one of its options {options}")
    return members.get(str(given), str(given))

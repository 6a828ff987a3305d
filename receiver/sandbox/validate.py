"""Strict validation of cards, the way the platform refuses them."""

from collections.abc import Mapping
from typing import Any

from receiver.sandbox import schema, vocabulary
from receiver.sandbox.kinds import checks
from receiver.sandbox.walk import (
    ACTION_IN_COLUMN,
    BAD_ROW_NAME,
    BAD_ROWS,
    JSON_ERROR,
    LIMIT,
    BadCard,
    Book,
    Check,
    Directory,
    Drawn,
    Place,
    Rules,
    Walk,
)

_CELL_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str, int, float),
    "lark_md": (str,),
    "markdown": (str,),
    "number": (int, float),
    "date": (int,),
    "options": (str, list),
    "persons": (str, list),
}
# What the client makes of these objects is theirs: a `tag` in there is no element.
_OPAQUE = frozenset({"chart_spec", "value", "rows", "config", "behaviors"})


def _table(walk: Walk, table: Any, at: Place) -> None:
    columns: dict[str, str] = {}
    for column in table["columns"]:
        if column["name"] in columns:
            raise BadCard(
                BAD_ROW_NAME, "table column name is duplicate", path=at.path, value=column["name"]
            )
        columns[column["name"]] = column["data_type"]
    for row in table["rows"]:
        for name, cell in row.items():
            _cell(walk, (name, cell, columns), at)


def _cell(walk: Walk, item: tuple[str, Any, Mapping[str, str]], at: Place) -> None:
    name, cell, columns = item
    if name not in columns:
        raise BadCard(BAD_ROW_NAME, "table rows name is invalid", path=at.path, value=name)
    kind = columns[name]
    if isinstance(cell, bool) or not isinstance(cell, _CELL_TYPES[kind]):
        raise BadCard(BAD_ROWS, "table rows is invalid", path=at.path, value=cell)
    if kind in ("lark_md", "markdown"):
        walk.prose(str(cell), at)
    if kind == "persons":
        for who in cell if isinstance(cell, list) else [cell]:
            walk.person(str(who), at)


def _controls(elements: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in elements if isinstance(elements, list) else []:
        if not isinstance(item, dict):
            continue
        if item.get("tag") in vocabulary.INTERACTIVE:
            found.append(item)
        found += _controls(item.get("elements")) + _controls(item.get("columns"))
    return found


def _form(walk: Walk, form: Any, at: Place) -> None:
    walk.name(form, at)
    actions = [item.get("form_action_type") for item in _controls(form["elements"])]
    legacy = [item.get("action_type") for item in _controls(form["elements"])]
    if "submit" not in actions and "form_submit" not in legacy:
        raise BadCard(JSON_ERROR, "form has no submit button", path=at.path)


def _persons(walk: Walk, item: Any, at: Place) -> None:
    if not item.get("drop_invalid_user_id"):
        for person in item["persons"]:
            walk.person(person["id"], at)


def _submit(_: Walk, button: Any, at: Place) -> None:
    if "form_action_type" in button and not at.form:
        raise BadCard(JSON_ERROR, "form_action_type stands in a form only", path=at.path)


_EXTRAS: Mapping[str, Check] = {
    "table": _table,
    "form": _form,
    "person_list": _persons,
    "button": _submit,
}
BOOK = Book(
    parts={name: checks(part) for name, part in schema.PARTS.items()},
    components={
        tag: checks({**schema.COMMON, **part}, schema.LEGACY.get(tag))
        for tag, part in schema.COMPONENTS.items()
    },
    extras=_EXTRAS,
)


def count(card: Mapping[str, Any], rules: Rules) -> tuple[int, int]:
    """Return how many elements (objects with a tag) and how many tables a card has."""
    elements = tables = 0
    todo: list[Any] = [
        value for key, value in card.items() if key != "header" or rules.count_header
    ]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            elements += "tag" in item
            tables += item.get("tag") == "table"
            todo.extend(
                value
                for key, value in item.items()
                if isinstance(value, dict | list)
                and key not in _OPAQUE
                and (key != "options" or rules.count_options)
            )
    return elements, tables


def validate(card: object, known: Directory, rules: Rules | None = None) -> Drawn:
    """Return what a valid card contains; raises BadCard for one that the platform refuses.

    `card` is the decoded JSON. Without `schema` it is a card of JSON 1.0, of which little is
    checked: this service sends none.
    """
    rules = rules or Rules()
    if not isinstance(card, dict):
        raise BadCard(JSON_ERROR, "parse card json err", value=card)
    elements, tables = count(card, rules)
    drawn = Drawn(str(card.get("schema", "1.0")), elements, tables)
    if elements > schema.MAX_ELEMENTS:
        raise BadCard(LIMIT, "element exceeds the limit", value=elements)
    if tables > schema.MAX_TABLES:
        raise BadCard(LIMIT, "card table number over limit", value=tables)
    walk = Walk(rules, known, drawn, BOOK)
    if card and drawn.schema == "1.0":
        _first_schema(walk, card)
    elif card:
        _second_schema(walk, card)
    return drawn


def _second_schema(walk: Walk, card: dict[str, Any]) -> None:
    config = card.get("config")
    if isinstance(config, dict):
        style = config.get("style")
        if isinstance(style, dict):
            walk.text_sizes = _names(style.get("text_size"))
            walk.colours = _names(style.get("color"))
        walk.drawn.update_multi = config.get("update_multi") is True
    walk.part("card", card, Place(root=True))


def _names(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _first_schema(walk: Walk, card: dict[str, Any]) -> None:
    config = card.get("config")
    walk.drawn.update_multi = isinstance(config, dict) and config.get("update_multi") is True
    elements = card.get("elements", card.get("i18n_elements"))
    if not isinstance(elements, list | dict):
        raise BadCard(JSON_ERROR, "parse card json err: elements is required")
    for items in elements.values() if isinstance(elements, dict) else [elements]:
        for index, item in enumerate(items if isinstance(items, list) else []):
            _first_schema_element(walk, item, Place(("elements", f"[{index}]")))


def _first_schema_element(walk: Walk, item: object, at: Place) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("tag"), str):
        raise BadCard(LIMIT, "unsupported type of block", path=at.path, value=item)
    content = item.get("content")
    if isinstance(content, str):
        walk.prose(content, at)
    for column in item.get("columns", []) if item["tag"] == "column_set" else []:
        inner = column.get("elements", []) if isinstance(column, dict) else []
        if any(isinstance(part, dict) and part.get("tag") == "action" for part in inner):
            raise BadCard(
                ACTION_IN_COLUMN, "action components are not allowed in the column", path=at.path
            )

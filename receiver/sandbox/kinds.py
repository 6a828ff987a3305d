"""The kinds of values that the schema names, each as a check."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from receiver.sandbox import markup, schema, vocabulary
from receiver.sandbox.walk import (
    BAD_CHART,
    DUPLICATE_ID,
    JSON_ERROR,
    LIMIT,
    UNSUPPORTED,
    BadCard,
    Check,
    Checks,
    Place,
    Walk,
    wrong,
)


def _typed(kind: type | tuple[type, ...], wanted: str) -> Check:
    def check(_: Walk, value: Any, at: Place) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise wrong(value, at, wanted)

    return check


def _one_of(values: str) -> Check:
    allowed = frozenset(re.split(r"\|", values))

    def check(_: Walk, value: Any, at: Place) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise BadCard(JSON_ERROR, "value is not one of the enum", path=at.path, value=value)

    return check


def _like(pattern: str) -> Check:
    match = re.compile(pattern).match

    def check(_: Walk, value: Any, at: Place) -> None:
        if not isinstance(value, str) or not match(value):
            raise BadCard(JSON_ERROR, "value has a wrong format", path=at.path, value=value)

    return check


def _each(check_item: Check) -> Check:
    def check(walk: Walk, value: Any, at: Place) -> None:
        if not isinstance(value, list):
            raise wrong(value, at, "a list")
        for index, item in enumerate(value):
            check_item(walk, item, at.at(f"[{index}]"))

    return check


def _true(_: Walk, value: Any, at: Place) -> None:
    if value is not True:
        raise BadCard(JSON_ERROR, "only true is supported in schema 2.0", path=at.path, value=value)


def _element_id(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str) or not re.match(schema.ELEMENT_ID, value):
        raise BadCard(JSON_ERROR, "element_id is invalid", path=at.path, value=value)
    if value in walk.ids:
        raise BadCard(DUPLICATE_ID, "element_id is duplicate", path=at.path, value=value)
    walk.ids.add(value)


def _i18n(walk: Walk, value: Any, at: Place, *, prose: bool = False) -> None:
    if not isinstance(value, dict):
        raise wrong(value, at, "an object of languages")
    for locale, text in value.items():
        _locale(walk, locale, at)
        if not isinstance(text, str):
            raise wrong(text, at, "a string")
        if prose:
            walk.prose(text, at)


def _i18n_markdown(walk: Walk, value: Any, at: Place) -> None:
    _i18n(walk, value, at)
    for text in value.values():
        _markdown(walk, text, at)


def _locale(_: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str) or value not in vocabulary.LOCALES:
        raise BadCard(JSON_ERROR, "locale is not supported", path=at.path, value=value)


def _markdown(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str):
        raise wrong(value, at, "a string")
    if markup.tables(value) > schema.MAX_MARKDOWN_TABLES:
        raise BadCard(LIMIT, "card table number over limit", path=at.path)
    walk.prose(value, at)


def _text(allowed: frozenset[str], *, short: bool = False) -> Check:
    def check(walk: Walk, value: Any, at: Place) -> None:
        walk.part("text", value, at)
        tag, content = value["tag"], value.get("content", "")
        if tag not in allowed:
            raise BadCard(UNSUPPORTED, "text tag is not supported here", path=at.path, value=tag)
        if short and len(content) > schema.MAX_SHORT_TEXT:
            raise BadCard(JSON_ERROR, "text is longer than 100", path=at.path, value=content)
        if tag != "plain_text":
            walk.prose(content, at)
            _i18n(walk, value.get("i18n_content", {}), at, prose=True)

    return check


def _icon(walk: Walk, value: Any, at: Place) -> None:
    walk.part("icon", value, at)
    wanted = "token" if value["tag"] == "standard_icon" else "img_key"
    if wanted not in value:
        raise BadCard(JSON_ERROR, f"property {wanted} is required", path=at.path)


def _image(walk: Walk, value: Any, at: Place) -> None:
    walk.image(value, at)


def _user(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str):
        raise wrong(value, at, "a string")
    walk.person(value, at)


def _behavior(walk: Walk, value: Any, at: Place) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in ("callback", "open_url"):
        raise BadCard(JSON_ERROR, "behavior type is not supported", path=at.path, value=kind)
    walk.part(str(kind), value, at)
    if kind == "open_url" and not any(
        value.get(key) for key in ("default_url", "pc_url", "ios_url", "android_url")
    ):
        raise BadCard(JSON_ERROR, "open_url has no address", path=at.path)


def _callback_value(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, dict) and not (walk.rules.string_values and isinstance(value, str)):
        raise wrong(value, at, "an object")


def _url(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str):
        raise wrong(value, at, "a string")
    fine = not value or value.startswith(("http://", "https://", "lark://"))
    if walk.rules.check_links and not fine:
        raise BadCard(JSON_ERROR, "invalid url", path=at.path, value=value)


def _colour(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str):
        raise wrong(value, at, "a colour")
    base, _, shade = value.partition("-")
    fine = (
        value in vocabulary.PLAIN_COLOURS
        or value in walk.colours
        or (base in vocabulary.COLOURS and (not shade or shade in vocabulary.SHADES))
    )
    if not fine:
        raise BadCard(JSON_ERROR, "color is not supported", path=at.path, value=value)


def _text_size(walk: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, str) or value not in vocabulary.TEXT_SIZES | walk.text_sizes:
        raise BadCard(JSON_ERROR, "text_size is not supported", path=at.path, value=value)


def _options(walk: Walk, value: Any, at: Place) -> None:
    _each(_part("option"))(walk, value, at)
    values = [option["value"] for option in value]
    if len(set(values)) != len(values):
        raise BadCard(JSON_ERROR, "value of an option is not unique", path=at.path)


def _chart_spec(_: Walk, value: Any, at: Place) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadCard(
            BAD_CHART,
            "chart spec is invalid",
            path=at.path[:-1],
            value="- (root): type is required",
        )


def _between(low: int, high: int) -> Check:
    def check(_: Walk, value: Any, at: Place) -> None:
        if type(value) is not int or not low <= value <= high:
            raise BadCard(JSON_ERROR, f"value is not in {low}..{high}", path=at.path, value=value)

    return check


def _angle(_: Walk, value: Any, at: Place) -> None:
    if type(value) is not int or value not in vocabulary.ANGLES:
        raise BadCard(JSON_ERROR, "angle is not supported", path=at.path, value=value)


def _part(name: str) -> Check:
    def check(walk: Walk, value: Any, at: Place) -> None:
        walk.part(name, value, at)

    return check


def _elements(walk: Walk, value: Any, at: Place) -> None:
    walk.elements(value, at)


_KINDS: Mapping[str, Check] = {
    "str": _typed(str, "a string"),
    "bool": _typed(bool, "a boolean"),
    "int": _typed(int, "an integer"),
    "num": _typed((int, float), "a number"),
    "obj": _typed(dict, "an object"),
    "any": lambda *_: None,
    "true": _true,
    "element_id": _element_id,
    "i18n": _i18n,
    "i18n_markdown": _i18n_markdown,
    "locale": _locale,
    "markdown": _markdown,
    "plain": _text(frozenset({"plain_text"})),
    "short": _text(frozenset({"plain_text"}), short=True),
    "rich": _text(frozenset({"plain_text", "lark_md"})),
    "any_text": _text(frozenset({"plain_text", "lark_md", "markdown"})),
    "icon": _icon,
    "img_key": _image,
    "user_id": _user,
    "behavior": _behavior,
    "callback_value": _callback_value,
    "url": _url,
    "colour": _colour,
    "text_size": _text_size,
    "options": _options,
    "chart": _chart_spec,
    "page_size": _between(1, schema.MAX_TABLE_PAGE),
    "input_length": _between(1, schema.MAX_INPUT_LENGTH),
    "weight": _between(1, schema.MAX_COLUMN_WEIGHT),
    "angle": _angle,
    "elements": _elements,
    "column": _part("column"),
    "text_tag": _part("text_tag"),
}


@cache
def kind(name: str) -> Check:
    """Turn the name of a kind into its check; raises KeyError for a name nobody knows."""
    head, _, rest = name.partition(":")
    if head == "enum":
        return _one_of(rest)
    if head == "re":
        return _like(rest)
    if head == "part":
        return _part(rest)
    if head == "list":
        return _each(kind(rest))
    return _KINDS[name]


def checks(part: schema.Part, legacy: schema.Part | None = None) -> Checks:
    """Make a part of the schema ready to run."""
    known: dict[str, Check] = {}
    for name, value in part.items():
        known[name] = kind(value.removesuffix("!"))
    required = tuple(name for name, value in part.items() if value.endswith("!"))
    return Checks(known, required, frozenset(legacy or ()))

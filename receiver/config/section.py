"""Sections: mappings with known keys, read whole so that every problem is found at once."""

import dataclasses
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar

from receiver.config.document import Entries, Item, Scalar
from receiver.config.kinds import Kind
from receiver.config.place import Place, Refused
from receiver.config.problem import Problem, below
from receiver.config.secret_kinds import SUFFIX, from_file

T = TypeVar("T")
Check = Callable[[Mapping[str, Any], Place], None]
REQUIRED = dataclasses.MISSING
# Keys that Python or our own words call differently.
_FIELDS = {
    "match": "matchers",
    "continue": "continue_",
    "app": "apps",
    "from": "begins",
    "to": "ends",
}


def section(
    make: type[T],
    kinds: Mapping[str, Kind[Any]],
    check: Check | None = None,
    foreign: Mapping[str, str] = MappingProxyType({}),
) -> Kind[T]:
    """Return the kind of a mapping that becomes a dataclass, whose defaults are the keys'.

    ``check`` notes what is wrong between the keys; it is given the values by key, without those
    that are wrong already. ``foreign`` has the cures for keys that belong somewhere else.
    """
    fields = dataclasses.fields(make)  # type: ignore[arg-type]
    defaults = {field.name: field.default for field in fields}
    keys = tuple((key, kind, defaults[_FIELDS.get(key, key)]) for key, kind in kinds.items())

    def read(place: Place) -> T:
        if not isinstance(place.item, Entries):
            raise place.refuse("write key: value pairs here", _shape(place))
        before = len(place.notes.problems)
        _reject_unknown(place, kinds, foreign)
        values = _values(place, keys)
        if check is not None:
            check(values, place)
        if len(place.notes.problems) > before:
            raise Refused(place.path)
        return make(**{_FIELDS.get(key, key): value for key, value in values.items()})

    return Kind("mapping", read, "mapping", keys=keys)


def _entries(place: Place) -> dict[str, Item]:
    return place.item.entries if isinstance(place.item, Entries) else {}


def _shape(place: Place) -> str | None:
    """Say what stands in a mapping's place without its value: it may be a secret."""
    return "a text" if isinstance(place.item, Scalar) and not place.item.null else None


def _reject_unknown(
    place: Place, kinds: Mapping[str, Kind[Any]], foreign: Mapping[str, str]
) -> None:
    known = [*kinds, *(key + SUFFIX for key, kind in kinds.items() if kind.secret)]
    for key, item in _entries(place).items():
        if key in known:
            continue
        near = get_close_matches(key, known, 1)
        cure = f"did you mean {near[0]}?" if near else f"known here: {', '.join(kinds)}"
        cure = foreign.get(key, cure)
        path = below(place.path, key)
        place.notes.problems.append(Problem(path, "an unknown key", cure, item.line))


def _values(place: Place, keys: tuple[tuple[str, Kind[Any], Any], ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, kind, default in keys:
        try:
            if _given(place, key, kind):
                values[key] = _value(place, key, kind)
            elif default is REQUIRED:
                _missing(place, key, kind)
            else:
                values[key] = default
        except Refused:
            continue
    return values


def _given(place: Place, key: str, kind: Kind[Any]) -> bool:
    entries = _entries(place)
    if kind.secret and key + SUFFIX in entries:
        return True
    item = entries.get(key)
    # A list or mapping whose entries are all commented out is absent; a secret is never.
    empty = isinstance(item, Scalar) and item.null and kind.form != "value"
    return item is not None and not empty


def _value(place: Place, key: str, kind: Kind[Any]) -> Any:
    entries = _entries(place)
    if key + SUFFIX not in entries or not kind.secret:
        return kind.read(place.entry(key, hidden=kind.secret))
    file = place.entry(key + SUFFIX)
    if key in entries:
        raise file.refuse(f"keep one of {key} and {key}{SUFFIX}", "both")
    return from_file(kind, file)


def _missing(place: Place, key: str, kind: Kind[Any]) -> None:
    cure = f"set {key} or {key}{SUFFIX}" if kind.secret else f"set {key}"
    line = place.item.line if place.path else None
    place.notes.problems.append(Problem(below(place.path, key), "nothing", cure, line))


def either(first: Kind[Any], second: Kind[Any], marks: tuple[str, ...]) -> Kind[Any]:
    """Return the kind of a mapping that is the second one where it has one of the marks."""

    def read(place: Place) -> Any:
        entries = _entries(place)
        return (second if any(mark in entries for mark in marks) else first).read(place)

    seen = {key for key, _, _ in first.keys}
    more = tuple(entry for entry in second.keys if entry[0] not in seen)
    return Kind("mapping", read, "mapping", keys=first.keys + more)

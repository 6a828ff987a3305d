"""The kinds of single values: each reads a text, or says how to write it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from receiver.config.place import Place, Refused
from receiver.config.values import Address, RateLimit

T = TypeVar("T")
Form = Literal["value", "list", "mapping"]

_UNITS = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = re.compile(
    r"(?:(?P<w>\d{1,9})w)?(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?"
    r"(?:(?P<s>\d{1,9})s)?(?:(?P<ms>\d{1,9})ms)?",
    re.ASCII,
)
_SIZES = {
    "": 1,
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_SIZE = re.compile(r"(\d{1,12}) ?([kKMG]i?B|B|)", re.ASCII)
_RATE = re.compile(r"(\d{1,7})/([smh])", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NAME_CURE = "write small letters, digits, - and _, at most 63, a letter or digit first"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_PORTS = 65_535


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How a value is read, and what the documentation calls it."""

    name: str
    read: Callable[[Place], T]
    form: Form = "value"
    secret: bool = False
    item: "Kind[Any] | None" = None  # of a list
    keys: "tuple[tuple[str, Kind[Any], Any], ...]" = ()  # of a mapping: key, kind, default


def one_line(place: Place) -> str:
    """Return a text that is not empty."""
    text = place.text()
    if not text.strip():
        raise place.refuse("give it a value, or remove the key", "an empty text")
    return text


def pattern(shape: re.Pattern[str], cure: str) -> Callable[[Place], str]:
    """Return a reader of texts that have a shape."""

    def read(place: Place) -> str:
        text = place.text()
        if not shape.fullmatch(text):
            raise place.refuse(cure)
        return text

    return read


def choice(*known: str) -> Kind[str]:
    """Return the kind of a word out of a few."""

    def read(place: Place) -> str:
        text = place.text()
        if text not in known:
            raise place.refuse(f"write one of {', '.join(known)}")
        return text

    return Kind("one of " + ", ".join(known), read)


def named(what: str) -> Kind[str]:
    """Return the kind of a name that is used once among all of the same sort."""

    def read(place: Place) -> str:
        text = place.text()
        if not _NAME.fullmatch(text):
            raise place.refuse(_NAME_CURE)
        first = place.notes.names.setdefault((what, text), place.path)
        if first != place.path:
            raise place.refuse(f"choose another name: {first} has this one")
        return text

    return Kind("name", read)


def duration(least: int, most: int) -> Kind[int]:
    """Return the kind of a time span in ms, within bounds."""

    def read(place: Place) -> int:
        text = place.text()
        found = _DURATION.fullmatch(text)
        if found is None or not text:
            raise place.refuse("write a duration such as 500ms, 15s, 10m, 1h30m or 30d")
        value = sum(int(found[unit] or 0) * size for unit, size in _UNITS.items())
        if not least <= value <= most:
            raise place.refuse(f"write between {span(least)} and {span(most)}")
        return value

    return Kind("duration", read)


def span(value: int) -> str:
    """Write a time span in ms as the configuration does."""
    parts = []
    for unit, size in _UNITS.items():
        if unit == "w":
            continue
        count, value = divmod(value, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size(least: int, most: int) -> Kind[int]:
    """Return the kind of a number of bytes, within bounds."""

    def read(place: Place) -> int:
        found = _SIZE.fullmatch(place.text())
        factor = None if found is None else _SIZES.get(found[2])
        if found is None or factor is None:
            raise place.refuse("write a size such as 32MB, 16MiB or 1048576")
        value = int(found[1]) * factor
        if not least <= value <= most:
            raise place.refuse(f"write between {least} and {most} bytes")
        return value

    return Kind("size", read)


def integer(least: int, most: int) -> Kind[int]:
    """Return the kind of a whole number within bounds."""

    def read(place: Place) -> int:
        text = place.text()
        value = int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else None
        if value is None or not least <= value <= most:
            raise place.refuse(f"write a whole number from {least} to {most}")
        return value

    return Kind("number", read)


def _boolean(place: Place) -> bool:
    text = place.text()
    if text not in ("true", "false"):
        raise place.refuse("write true or false")
    return text == "true"


def _address(place: Place) -> Address:
    text = place.text()
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2]) > _PORTS:
        cure = "write host:port, such as 127.0.0.1:8080, or 0.0.0.0:8080 for every interface"
        raise place.refuse(cure)
    return Address(found[1].strip("[]"), int(found[2]))


def _zone(place: Place) -> str:
    text = place.text()
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        cure = "write a time zone of the IANA database, such as Asia/Shanghai or UTC"
        raise place.refuse(cure) from None
    return text


def _rate(place: Place) -> RateLimit:
    found = _RATE.fullmatch(place.text())
    if found is None or int(found[1]) == 0:
        raise place.refuse("write a number per second, minute or hour: 5/s, 100/m or 1000/h")
    return RateLimit(int(found[1]), _UNITS[found[2]])


def listed(
    kind: Kind[T], *, least: int = 0, make: Callable[[list[T]], Any] = tuple, once: bool = True
) -> Kind[Any]:
    """Return the kind of a list; ``once`` refuses equal values."""

    def read(place: Place) -> Any:
        places = place.items()
        values: list[T] = []
        refused = False
        for each in places:
            try:
                value = kind.read(each)
                if once and value in values:
                    raise each.refuse("remove it: the list has it already")
                values.append(value)
            except Refused:
                refused = True
        if refused:
            raise Refused(place.path)
        if len(values) < least:
            raise place.refuse("name at least one", "an empty list")
        return make(values)

    return Kind(f"list of {kind.name}", read, "list", item=kind)


TEXT = Kind("text", one_line)
NAME = Kind("name", pattern(_NAME, _NAME_CURE))
BOOLEAN = Kind("true or false", _boolean)
ADDRESS = Kind("host:port", _address)
RATE = Kind("rate", _rate)
ZONE = Kind("time zone", _zone)

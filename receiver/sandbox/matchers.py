"""Label matchers as Alertmanager's API v2 reads them, and label fingerprints."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# https://github.com/prometheus/common/blob/main/model/fnv.go
FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
MASK = (1 << 64) - 1

_SHAPE = re.compile(
    r'^\s*(?P<name>"(?:[^"\\]|\\.)+"|[^\s"=!~{}]+)\s*(?P<op>=~|!=|!~|=)\s*(?P<value>.*?)\s*$',
    re.DOTALL,
)
_LOOKAROUND = re.compile(r"(?<!\\)\(\?(=|!|<=|<!)")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class BadMatcher(ValueError):
    """A matcher that Alertmanager refuses, with its words."""


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return FNV-1a 64 over the sorted labels, as 16 hex digits."""
    value = FNV_OFFSET
    for name in sorted(labels, key=str.encode):
        for byte in b"%s\xff%s\xff" % (name.encode(), labels[name].encode()):
            value = ((value ^ byte) * FNV_PRIME) & MASK
    return f"{value:016x}"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; an absent label has the empty value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True
    _pattern: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether these labels meet the condition."""
        have = labels.get(self.name, "")
        if self._pattern is not None:
            return bool(self._pattern.fullmatch(have)) == self.is_equal
        return (have == self.value) == self.is_equal

    def as_json(self) -> dict[str, Any]:
        """Draw the matcher as the API does."""
        return {
            "isEqual": self.is_equal,
            "isRegex": self.is_regex,
            "name": self.name,
            "value": self.value,
        }


def matcher(name: str, value: str, *, is_regex: bool, is_equal: bool) -> Matcher:
    """Build a matcher; raises BadMatcher for a regex that RE2 would not take."""
    return Matcher(name, value, is_regex, is_equal, regex(value) if is_regex else None)


def regex(text: str) -> re.Pattern[str]:
    """Compile an anchored regex; raises BadMatcher for what RE2 would not take."""
    around = _LOOKAROUND.search(text)
    if around:
        what = f"invalid or unsupported Perl syntax: `{around.group()}`"
        raise BadMatcher(f"error parsing regexp: {what}")
    try:
        return re.compile(text)
    except re.error as error:
        raise BadMatcher(f"error parsing regexp: {error.msg}: `^(?:{text})$`") from None


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group()), text)


def parse(text: str) -> Matcher:
    """Read one matcher such as `severity="critical"`; raises BadMatcher."""
    if text.lstrip().startswith("{") or text.rstrip().endswith("}"):
        raise BadMatcher(f"unexpected open or close brace: {text}")
    found = _SHAPE.match(text)
    if found is None:
        raise BadMatcher(f"bad matcher format: {text}")
    name, op, value = found["name"].strip('"'), found["op"], found["value"]
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if re.search(r'(?<!\\)(?:\\\\)*"', value):
        raise BadMatcher(f"matcher value contains unescaped double quote: {found['value']}")
    return matcher(name, _unquoted(value), is_regex="~" in op, is_equal="!" not in op)


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Tell whether the labels meet every condition."""
    return all(item.matches(labels) for item in matchers)

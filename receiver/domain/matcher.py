"""Matchers as in Alertmanager: parsed once, then applied to label sets."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class BadMatcher(ValueError):
    """A text that is no matcher; the message says what is wrong with it."""


class Operator(StrEnum):
    """Alertmanager's four comparisons; regular expressions are anchored."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


# https://prometheus.io/docs/alerting/latest/configuration/#matcher
_SHAPE = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)+)"|(?P<name>[^\s"=!~{},]+))'
    r"\s*(?P<operator>=~|!~|!=|=)\s*"
    r'(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[^"{},]*?))\s*',
    re.DOTALL,
)
_BARE = re.compile(r'[^\s"=!~{},]+')
_ALL, _NONE = re.compile(r"[\s\S]*"), re.compile(r"(?!)")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison of one label with one value."""

    name: str
    operator: Operator
    value: str
    _pattern: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: dict[str, str]) -> bool:
        """Say whether a label set passes; an absent label counts as empty."""
        actual = labels.get(self.name, "")
        if self._pattern is None:
            return (actual == self.value) is (self.operator is Operator.EQUAL)
        found = self._pattern.fullmatch(actual) is not None
        return found is (self.operator is Operator.MATCHES)

    def __str__(self) -> str:
        name = self.name if _BARE.fullmatch(self.name) else quote(self.name)
        return f"{name}{self.operator}{quote(self.value)}"


def quote(text: str) -> str:
    r"""Return a value in double quotes with \, " and newline escaped, as filters want it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """Undo the escapes of a quoted value; an unknown escape stays as it is."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text, flags=re.DOTALL)


Expression = Callable[[str], re.Pattern[str]]


def parse_matcher(text: str, expression: Expression = re.compile) -> Matcher:
    """Read one matcher such as ``severity=~"critical|error"``.

    ``expression`` compiles what only those may write freely whom we trust with our time.

    Raises:
        BadMatcher: the text has another shape, or its regular expression is wrong.

    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise BadMatcher(f'{text!r} is no matcher; write it like severity="critical"')
    name = found["name"] if found["quoted"] is None else unquote(found["quoted"])
    value = found["bare"] if found["text"] is None else unquote(found["text"])
    return matcher(name, Operator(found["operator"]), value, expression)


def matcher(
    name: str, operator: Operator, value: str, expression: Expression = re.compile
) -> Matcher:
    """Build a matcher, compiling its expression where it has one.

    Raises:
        BadMatcher: the regular expression is wrong.

    """
    if operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        return Matcher(name, operator, value)
    try:
        return Matcher(name, operator, value, expression(value))
    except re.error as problem:
        raise BadMatcher(f"{value!r} is no regular expression: {problem}") from None


def foreign(name: str, operator: Operator, value: str) -> Matcher:
    """Return a matcher that somebody else applies, for showing and copying it.

    Its expression is RE2's, which this side cannot always read, and could be slow to try: so one
    with an expression accepts nothing here.
    """
    never = _ALL if operator is Operator.NOT_MATCHES else _NONE
    plain = operator in (Operator.EQUAL, Operator.NOT_EQUAL)
    return Matcher(name, operator, value, None if plain else never)


def equal(name: str, value: str) -> Matcher:
    """Return the matcher that accepts exactly one value."""
    return Matcher(name, Operator.EQUAL, value)


def group_key_matchers(group_key: str) -> tuple[Matcher, ...]:
    """Return the equality matchers of the routes that a group key passed.

    A group key reads ``{}/{case="group"}:{alertname="HighCPU"}``; what it cannot be read as is
    ignored, because its form is no promise of Alertmanager's.
    """
    path, _, _ = group_key.rpartition(":{")
    found = re.finditer(r'([^\s"=!~{},/]+)="((?:[^"\\]|\\.)*)"', path)
    return tuple(equal(match[1], unquote(match[2])) for match in found)

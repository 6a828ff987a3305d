"""Expressions that only name values, as the equality matchers that together mean the same."""

from collections.abc import Iterable
from itertools import product
from typing import Final

from receiver.domain.matcher import Matcher, Operator
from receiver.domain.scope import Matchers

SETS_MOST: Final = 10  # silences that one command makes
_SPECIAL: Final = frozenset(".+*?()[]{}^$")


def values_of(matcher: Matcher) -> tuple[str, ...] | None:
    """Return the values that a positive matcher accepts, where it names each; else None.

    An expression is read where Alertmanager's RE2 and every other reader agree: literals and
    alternatives of them, signs escaped by a backslash. An empty value is none: it would accept
    what lacks the label.
    """
    if matcher.operator is Operator.EQUAL:
        return (matcher.value,) if matcher.value else None
    if matcher.operator is not Operator.MATCHES:
        return None
    found = _literals(matcher.value)
    return None if found is None or not all(found) else tuple(dict.fromkeys(found))


def _literals(expression: str) -> list[str] | None:
    found = [""]
    signs = iter(expression)
    for sign in signs:
        if sign == "|":
            found.append("")
            continue
        literal = next(signs, "") if sign == "\\" else sign
        escaped = sign == "\\"
        sound = _is_sign(literal) if escaped else sign not in _SPECIAL
        if not sound:
            return None
        found[-1] += literal
    return found


def _is_sign(literal: str) -> bool:
    """Whether a backslash before it makes it itself everywhere: ASCII, no letter, no digit."""
    return literal.isascii() and literal.isprintable() and bool(literal) and not literal.isalnum()


def spread(matchers: Iterable[Matcher]) -> tuple[Matchers, ...] | None:
    """Return the sets of equality matchers that together accept what these accept.

    None where one is not positive, not plain, or could be of an absent label. Where there are
    more than SETS_MOST, the first so many and one are returned.
    """
    named: list[list[tuple[str, str]]] = []
    for one in matchers:
        values = values_of(one)
        if values is None:
            return None
        named.append([(one.name, value) for value in values])
    sets = (tuple(chosen) for _, chosen in zip(range(SETS_MOST + 1), product(*named), strict=False))
    return tuple(sets)

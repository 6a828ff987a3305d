"""The limit that an alert's expression compares with, found without guessing.

https://prometheus.io/docs/prometheus/latest/querying/operators/
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

EXPRESSION_LIMIT = 4_000  # characters
TOKENS_MOST = 2_000
WRAPS_MOST = 20  # pairs of parentheses around the whole

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.:]))
    |(?P<duration>\d+[a-z][0-9a-z]*)
    |(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<compare>==|!=|>=|<=|(?<!=)>|<)
    |(?P<match>=~|!~|=)
    |(?P<open>[({\[])
    |(?P<close>[)}\]])
    |(?P<sign>[-+*/%^])
    |(?P<other>[,@.])""",
    re.VERBOSE | re.ASCII,
)
_SETS = frozenset({"and", "or", "unless"})
_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_PAIRS = {"(": ")", "{": "}", "[": "]"}
_WORDS = {"inf": math.inf, "nan": math.nan}


class Threshold(NamedTuple):
    """What values are compared with; the operator is as written behind them."""

    operator: str
    value: float


class Question(NamedTuple):
    """What to ask Prometheus for to see an expression's values, and the limit they have."""

    query: str
    threshold: Threshold | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    depth: int


def question(expression: str) -> Question:
    """Take an expression apart where it ends in one comparison with a number; else take it whole.

    Anything that is not surely understood is left as it is: the chart then shows what the
    expression itself returns, and no line.
    """
    text = expression.strip()
    tokens = _tokens(text)
    if tokens is None:
        return Question(text)
    inner = _unwrapped(tokens)
    top = [token for token in inner if token.depth == inner[0].depth] if inner else []
    compared = [token for token in top if token.kind == "compare"]
    if len(compared) != 1 or any(_joins(token) for token in top):
        return Question(text)
    (operator,) = compared
    at = inner.index(operator)
    left, right = inner[:at], inner[at + 1 :]
    limits = _number(left), _number(right)
    if not left or not right or (limits[0] is None) is (limits[1] is None):
        return Question(text)
    side, limit = (left, limits[1]) if limits[0] is None else (right, limits[0])
    sign = operator.text if side is left else _FLIPPED[operator.text]
    query = text[side[0].start : side[-1].end]
    return Question(query, None if limit is None else Threshold(sign, limit))


def _joins(token: _Token) -> bool:
    """Whether a word makes the comparison a part of something else, or its result a number."""
    return token.kind == "word" and token.text.lower() in {*_SETS, "bool"}


def _tokens(text: str) -> list[_Token] | None:
    """Return the tokens without blanks, each with how deep in brackets it stands."""
    if not text or len(text) > EXPRESSION_LIMIT:
        return None
    found: list[_Token] = []
    open_: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None or len(found) >= TOKENS_MOST:
            return None
        kind, piece = match.lastgroup, match[0]
        if kind == "close" and (not open_ or _PAIRS[open_.pop()] != piece):
            return None
        if kind != "blank":
            found.append(_Token(kind, piece, at, match.end(), len(open_)))
        if kind == "open":
            open_.append(piece)
        at = match.end()
    return None if open_ else found


def _unwrapped(tokens: list[_Token]) -> list[_Token]:
    """Take off the parentheses that stand around the whole."""
    for _ in range(WRAPS_MOST):
        if len(tokens) < len("()") or tokens[0].text != "(" or tokens[-1].text != ")":
            break
        depth = tokens[0].depth
        if any(token.depth == depth for token in tokens[1:-1]):
            break
        tokens = tokens[1:-1]
    return tokens


def _number(tokens: Sequence[_Token]) -> float | None:
    """Return the value of arithmetic with nothing but numbers in it."""
    if not tokens or any(not _numeric(token) for token in tokens):
        return None
    try:
        value = _Sum(tokens).value()
    except (ArithmeticError, ValueError, IndexError, RecursionError):
        return None
    return value if math.isfinite(value) else None


def _numeric(token: _Token) -> bool:
    if token.kind == "word":
        return token.text.lower() in _WORDS
    return token.kind in ("number", "sign") or token.text in ("(", ")")


_TIMES: Mapping[str, Callable[[float, float], float]] = {
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
}


class _Sum:
    """Works out arithmetic, in PromQL's order: ``^`` from the right, then signs, then the rest."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def value(self) -> float:
        """Return the value.

        Raises:
            ValueError, ArithmeticError, IndexError: it has none.

        """
        found = self._sum()
        if self._at != len(self._tokens):
            raise ValueError("more than one value")
        return found

    def _next(self, *wanted: str) -> str:
        """Take the next sign if it is one of these."""
        if self._at < len(self._tokens) and self._tokens[self._at].text in wanted:
            self._at += 1
            return self._tokens[self._at - 1].text
        return ""

    def _sum(self) -> float:
        found = self._product()
        while sign := self._next("+", "-"):
            other = self._product()
            found = found + other if sign == "+" else found - other
        return found

    def _product(self) -> float:
        found = self._signed()
        while sign := self._next("*", "/", "%"):
            found = _TIMES[sign](found, self._signed())
        return found

    def _signed(self) -> float:
        sign = self._next("+", "-")
        if not sign:
            return self._power()
        value = self._signed()
        return -value if sign == "-" else value

    def _power(self) -> float:
        base = self._atom()
        return math.pow(base, self._signed()) if self._next("^") else base

    def _atom(self) -> float:
        if self._next("("):
            found = self._sum()
            if not self._next(")"):
                raise ValueError("not closed")
            return found
        token = self._tokens[self._at]
        self._at += 1
        if token.kind == "word":
            return _WORDS[token.text.lower()]
        if token.kind != "number":
            raise ValueError("no number")
        return _written(token.text)


def _written(text: str) -> float:
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)

"""What a person writes to the bot, read as a command; pure, and total on any text."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from receiver.domain.alternatives import SETS_MOST, spread, values_of
from receiver.domain.matcher import BadMatcher, Matcher, equal, parse_matcher
from receiver.domain.wildcard import wildcard

TEXT_LIMIT: Final = 2_000  # characters
MATCHERS_MOST: Final = 20
SEEN_LIMIT: Final = 40  # of what an answer quotes
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
LONGEST: Final = 7 * DAY  # never forever


class CommandKind(StrEnum):
    """What can be asked for."""

    ALERTS = "alerts"
    SILENCES = "silences"
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    ACK = "ack"
    WHY = "why"
    ONCALL = "oncall"
    HELP = "help"


class Problem(StrEnum):
    """Why a text is no command."""

    UNKNOWN = "unknown"
    TOO_LONG = "too_long"
    MATCHER = "matcher"
    NO_MATCHER = "no_matcher"
    NOT_EQUAL = "not_equal"
    TOO_MANY = "too_many"
    NO_DURATION = "no_duration"
    DURATION = "duration"
    NO_ID = "no_id"
    SURPLUS = "surplus"


NAMES: Final[dict[CommandKind, tuple[str, ...]]] = {
    CommandKind.ALERTS: ("告警", "alerts"),
    CommandKind.SILENCES: ("静默列表", "silences"),
    CommandKind.SILENCE: ("静默", "silence"),
    CommandKind.UNSILENCE: ("解除静默", "unsilence"),
    CommandKind.ACK: ("认领", "ack"),
    CommandKind.WHY: ("为什么", "why"),
    CommandKind.ONCALL: ("值班", "oncall"),
    CommandKind.HELP: ("帮助", "help"),
}
# The longest first: the name of one begins with that of another.
_BY_NAME = sorted(
    ((name, kind) for kind, names in NAMES.items() for name in names),
    key=lambda pair: -len(pair[0]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command; ``duration`` is in ms, ``id`` is what was named, or empty."""

    kind: CommandKind
    matchers: tuple[Matcher, ...] = ()
    duration: int = 0
    comment: str = ""
    id: str = ""
    page: int = 1  # of a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A text that is no command: what is wrong, where (from 1), and with which words."""

    problem: Problem
    kind: CommandKind | None = None
    at: int = 0
    seen: str = ""


class _Wrong(Exception):
    def __init__(self, problem: Problem, at: int = 0, seen: str = "") -> None:
        super().__init__(problem)
        self.problem, self.at, self.seen = problem, at, seen


# People write with Chinese keyboards, and copy what cards show: outside quotes their signs mean
# the same.
_SIGNS = {
    ord(theirs): ours
    for theirs, ours in zip("，、＝！～∼｛｝：＃\u3000\u00a0\n\t", ",,=!~~{}:#    ", strict=True)
}
_QUOTES = {'"': '"', "“": "”“", "”": "”“", "「": "」", "＂": "＂"}
_NAME = re.compile(r"\s*/?([^\s:]+)\s*:?\s*", re.DOTALL)
_MATCHER = re.compile(
    r'(?:"(?:[^"\\]|\\.)+"|[^\s"=!~{},]+)\s*(?:=~|!~|!=|=)\s*(?:"(?:[^"\\]|\\.)*"|[^\s"{},]*)',
    re.DOTALL,
)
_BETWEEN = re.compile(r"[\s,{}]*")
_WORD = re.compile(r'[^\s,{}"]+')
_UNITS = {
    "w": 7 * DAY,
    "周": 7 * DAY,
    "d": DAY,
    "天": DAY,
    "h": HOUR,
    "小时": HOUR,
    "m": MINUTE,
    "min": MINUTE,
    "分钟": MINUTE,
    "分": MINUTE,
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_DURATION = re.compile(rf"(?:[0-9]{{1,6}}(?:{_UNIT}))+(?=[\s,]|$)")
_PART = re.compile(rf"([0-9]{{1,6}})({_UNIT})")
_PAGE = re.compile(r"[0-9]{1,4}(?=\s|$)")
_ID = re.compile(r"#?([A-Za-z0-9-]{1,64})")


def parse(text: str, *, threaded: bool = False) -> Command | Mistake:
    """Read a text; ``threaded`` is for a reply to a card, which a silence may be about."""
    kind: CommandKind | None = None
    if len(text) > TEXT_LIMIT:
        return Mistake(problem=Problem.TOO_LONG)
    flat = normal(text)
    try:
        kind, at = _named(flat)
        read = _READERS[kind](kind, flat, at, threaded)
        # The comment as it was written; both texts are of one length.
        return replace(read, comment=text[len(text) - len(read.comment) :].strip())
    except _Wrong as wrong:
        seen = wrong.seen[:SEEN_LIMIT]
        return Mistake(problem=wrong.problem, kind=kind, at=wrong.at, seen=seen)


def normal(text: str) -> str:
    """Return a text of the same length, with ASCII signs outside quotes, and ASCII quotes."""
    out: list[str] = []
    closes, escaped = "", False
    for sign in text:
        if not closes:
            closes = _QUOTES.get(sign, "")
            out.append('"' if closes else sign.translate(_SIGNS))
        elif sign in closes and not escaped:
            closes = ""
            out.append('"')
        else:
            escaped = sign == "\\" and not escaped
            # A quote of the other kind within is a sign like any other, but for an ASCII one.
            out.append("'" if sign == '"' and not escaped and closes != '"' else sign)
    return "".join(out)


def _named(text: str) -> tuple[CommandKind, int]:
    found = _NAME.match(text)
    if found is None:
        return CommandKind.HELP, len(text)  # nothing at all: somebody only called
    word = found[1]
    for name, kind in _BY_NAME:
        if word.lower() == name:
            return kind, found.end()
        if not name.isascii() and word.startswith(name):
            return kind, found.start(1) + len(name)
    raise _Wrong(Problem.UNKNOWN, found.start(1) + 1, word)


def _matchers(text: str, at: int) -> tuple[list[Matcher], int]:
    """Read matchers as far as they go; return them, and where what follows begins."""
    read: list[Matcher] = []
    at = _skip(text, at)
    while (found := _MATCHER.match(text, at)) is not None:
        try:
            read.append(parse_matcher(found[0], wildcard))
        except (BadMatcher, OverflowError, RecursionError):
            raise _Wrong(Problem.MATCHER, at + 1, found[0]) from None
        if len(read) > MATCHERS_MOST:
            raise _Wrong(Problem.MATCHER, at + 1, found[0])
        at = _skip(text, found.end())
    return read, at


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()


def _alert_name(text: str, at: int) -> tuple[list[Matcher], int]:
    """Read a bare word as an alert's name, as amtool does."""
    at = _skip(text, at)
    word = _WORD.match(text, at)
    if word is None or _DURATION.match(text, at) or _MATCHER.match(text, at):
        return [], at
    return [equal("alertname", word[0])], _skip(text, word.end())


def _read_alerts(kind: CommandKind, text: str, at: int, _: bool) -> Command:
    named, at = _alert_name(text, at)
    more, at = _matchers(text, at)
    _end(text, at)
    return Command(kind=kind, matchers=(*named, *more))


def _read_silence(kind: CommandKind, text: str, at: int, threaded: bool) -> Command:
    named, at = _alert_name(text, at)
    more, at = _matchers(text, at)
    matchers = (*named, *more)
    for one in matchers:
        if values_of(one) is None:
            raise _Wrong(Problem.NOT_EQUAL, 0, str(one))
    if len(spread(matchers) or ()) > SETS_MOST:
        raise _Wrong(Problem.TOO_MANY)
    if not matchers and not threaded:
        raise _Wrong(Problem.NO_MATCHER, at + 1, text[at:])
    found = _DURATION.match(text, at)
    if found is None:
        raise _Wrong(Problem.NO_DURATION, at + 1, text[at:])
    duration = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(found[0]))
    if not MINUTE <= duration <= LONGEST:
        raise _Wrong(Problem.DURATION, at + 1, found[0])
    rest = text[found.end() :].lstrip(" ,")
    return Command(kind=kind, matchers=matchers, duration=duration, comment=rest)


def _read_id(kind: CommandKind, text: str, at: int, threaded: bool) -> Command:
    at = _skip(text, at)
    found = _ID.match(text, at)
    if found is None:
        _end(text, at)
        if kind in (CommandKind.WHY, CommandKind.UNSILENCE) and not threaded:
            raise _Wrong(Problem.NO_ID)
        return Command(kind=kind)
    _end(text, _skip(text, found.end()))
    return Command(kind=kind, id=found[1])


def _read_name(kind: CommandKind, text: str, at: int, _: bool) -> Command:
    return Command(kind=kind, id=text[at:].strip(" ,"))


def _read_page(kind: CommandKind, text: str, at: int, _: bool) -> Command:
    at = _skip(text, at)
    found = _PAGE.match(text, at)
    end = at if found is None else found.end()
    _end(text, _skip(text, end))
    return Command(kind=kind, page=1 if found is None else max(int(found[0]), 1))


def _read_nothing(kind: CommandKind, text: str, at: int, _: bool) -> Command:
    if kind is not CommandKind.HELP:
        _end(text, _skip(text, at))
    return Command(kind=kind)


def _end(text: str, at: int) -> None:
    if at < len(text):
        raise _Wrong(Problem.SURPLUS, at + 1, text[at:])


_READERS = {
    CommandKind.ALERTS: _read_alerts,
    CommandKind.SILENCES: _read_page,
    CommandKind.SILENCE: _read_silence,
    CommandKind.UNSILENCE: _read_id,
    CommandKind.ACK: _read_id,
    CommandKind.WHY: _read_id,
    CommandKind.ONCALL: _read_name,
    CommandKind.HELP: _read_nothing,
}

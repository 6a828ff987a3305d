"""Commands: every form that is documented, what is wrong and where, and any text at all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.domain.alternatives import spread
from receiver.domain.command import (
    DAY,
    HOUR,
    LONGEST,
    MINUTE,
    NAMES,
    TEXT_LIMIT,
    Command,
    CommandKind,
    Mistake,
    Problem,
    normal,
    parse,
)


def command(text: str, *, threaded: bool = False) -> Command:
    read = parse(text, threaded=threaded)
    assert isinstance(read, Command), read
    return read


def mistake(text: str, *, threaded: bool = False) -> Mistake:
    read = parse(text, threaded=threaded)
    assert isinstance(read, Mistake), read
    return read


def pairs(read: Command) -> list[tuple[str, str, str]]:
    return [(one.name, str(one.operator), one.value) for one in read.matchers]


@pytest.mark.parametrize(
    ("text", "kind"),
    [(name, kind) for kind, names in NAMES.items() for name in names]
    + [("  HELP ", CommandKind.HELP), ("/help", CommandKind.HELP), ("", CommandKind.HELP)],
)
def test_each_name_is_known_in_both_languages(text: str, kind: CommandKind) -> None:
    read = parse(text, threaded=True)
    assert read.kind is kind


DISK = ("alertname", "=", "DiskFull")


@pytest.mark.parametrize(
    ("text", "matchers", "duration", "comment"),
    [
        ("silence alertname=DiskFull 2h new disk", [DISK], 2 * HOUR, "new disk"),
        ("silence DiskFull 30m", [DISK], 30 * MINUTE, ""),
        (
            'silence {alertname="Disk Full", host=db-1} 1d  because, of this',
            [("alertname", "=", "Disk Full"), ("host", "=", "db-1")],
            DAY,
            "because, of this",
        ),
        (
            "静默 alertname＝“磁盘，满”，host=db-1 2小时 换盘，马上好",
            [("alertname", "=", "磁盘，满"), ("host", "=", "db-1")],
            2 * HOUR,
            "换盘，马上好",
        ),
        ("静默：alertname=「磁盘」 1天", [("alertname", "=", "磁盘")], DAY, ""),
        ('silence a="x\\"y" 1h30m z', [("a", "=", 'x"y')], 90 * MINUTE, "z"),
        ("静默DiskFull 90分钟", [DISK], 90 * MINUTE, ""),
        ('silence a=∼"b|c" 1h', [("a", "=~", "b|c")], HOUR, ""),  # as a card shows it
        ('silence x=y,a=~"b|c" 1h', [("x", "=", "y"), ("a", "=~", "b|c")], HOUR, ""),
        ("silence a=1,b=2 1w", [("a", "=", "1"), ("b", "=", "2")], 7 * DAY, ""),
    ],
)
def test_a_silence_is_read(
    text: str, matchers: list[tuple[str, str, str]], duration: int, comment: str
) -> None:
    read = command(text)
    assert (pairs(read), read.duration, read.comment) == (matchers, duration, comment)


def test_in_a_cards_thread_a_silence_needs_no_labels() -> None:
    read = command("静默 2h 换盘", threaded=True)
    assert (read.matchers, read.duration, read.comment) == ((), 2 * HOUR, "换盘")


def test_alerts_take_every_matcher() -> None:
    read = command('告警 severity=~"critical|error" team!=db, a!~"x.*" b="1"')
    assert [operator for _, operator, _ in pairs(read)] == ["=~", "!=", "!~", "="]
    assert pairs(command("alerts DiskFull"))[0] == ("alertname", "=", "DiskFull")


@pytest.mark.parametrize(
    ("text", "problem", "at", "seen"),
    [
        ("make coffee", Problem.UNKNOWN, 1, "make"),
        ("silence 2h", Problem.NO_MATCHER, 9, "2h"),
        ("silence a=b", Problem.NO_DURATION, 12, ""),
        ("silence a=b soon", Problem.NO_DURATION, 13, "soon"),
        ("silence a=b 2hours", Problem.NO_DURATION, 13, "2hours"),
        ("silence a=b 8d", Problem.DURATION, 13, "8d"),
        ("silence a=b 0m", Problem.DURATION, 13, "0m"),
        ("silence a=~b. 2h", Problem.NOT_EQUAL, 0, 'a=~"b."'),
        ("silence x=y, a!~b 2h", Problem.NOT_EQUAL, 0, 'a!~"b"'),
        ("silence a=~1|2|3|4,b=~1|2|3 2h", Problem.TOO_MANY, 0, ""),
        ('silence a="" 2h', Problem.NOT_EQUAL, 0, 'a=""'),
        ("silence a!=b 2h", Problem.NOT_EQUAL, 0, 'a!="b"'),
        ("alerts a=~(", Problem.MATCHER, 8, "a=~("),
        ("alerts a=b what is this", Problem.SURPLUS, 12, "what is this"),
        ("why", Problem.NO_ID, 0, ""),
        ("unsilence", Problem.NO_ID, 0, ""),
        ("ack 12 13", Problem.SURPLUS, 8, "13"),
        ("silences please", Problem.SURPLUS, 10, "please"),
        ("x" * (TEXT_LIMIT + 1), Problem.TOO_LONG, 0, ""),
    ],
)
def test_a_mistake_says_what_and_where(text: str, problem: Problem, at: int, seen: str) -> None:
    read = mistake(text)
    assert (read.problem, read.at, read.seen) == (problem, at, seen)


def test_a_list_has_pages() -> None:
    pages = [
        ("silences", 1),
        ("silences 3", 3),
        ("静默列表 2", 2),
        ("静默列表2", 2),
    ]
    assert [command(text).page for text, _ in pages] == [page for _, page in pages]
    assert mistake("silences 12345").problem is Problem.SURPLUS
    assert mistake("silences 2x").problem is Problem.SURPLUS


def test_ids_may_have_their_sign() -> None:
    assert command("ack #12").id == "12"
    assert command("为什么 12").id == "12"
    assert command("ack").id == ""
    assert command("oncall 数据库").id == "数据库"


SIGNS = ("“", "”", "{", "}", ",", "，", "=~", "(", "\\", "@", "#1")
WORDS = st.sampled_from(("silence", "静默", "alerts", "告警", "a=b", 'a="', "2h", "1d", *SIGNS))
TEXTS = st.text(max_size=60) | st.lists(WORDS, max_size=10).map(" ".join)


@given(TEXTS, st.booleans())
@example('silence a="\\', False)
def test_any_text_is_a_command_or_a_mistake(text: str, threaded: bool) -> None:
    read = parse(text, threaded=threaded)
    assert len(normal(text)) == len(text)
    if isinstance(read, Mistake):
        assert 0 <= read.at <= len(text) + 1
    elif read.kind is CommandKind.SILENCE:
        assert MINUTE <= read.duration <= LONGEST
        assert read.matchers or threaded
        sets = spread(read.matchers)
        assert sets is not None
        assert all(value for one in sets for _, value in one)


NAME = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
VALUE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12
)


@given(st.dictionaries(NAME, VALUE, min_size=1, max_size=4), st.integers(1, 99), st.booleans())
def test_what_is_quoted_is_taken_as_it_is(
    labels: dict[str, str],
    hours: int,
    chinese: bool,
) -> None:
    def quoted(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"')

    between = "，" if chinese else ", "
    said = between.join(f'{name}="{quoted(value)}"' for name, value in labels.items())
    read = command(f"{'静默' if chinese else 'silence'} {said} {hours}h")
    assert {one.name: one.value for one in read.matchers} == labels

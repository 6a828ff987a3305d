"""What a form says is read as names and moments, whoever filled it in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.callback.form import filled
from receiver.channels.feishu.callback import Click
from receiver.channels.feishu.value import read_moment
from receiver.domain.action import Action, ActionKind
from receiver.domain.lasting import tomorrow
from receiver.domain.scope import LABELS_MOST
from receiver.domain.silence import TOMORROW, UNTIL, SilenceRules
from tests.domain.made import LI, NOW

SHANGHAI = ZoneInfo("Asia/Shanghai")
RULES = SilenceRules(longest=5)


Value = str | bool | list[str]


def read(zone: str = "", option: str = "", **form: Value) -> Action:
    """Read a click."""
    return reads(form, zone, option)


def reads(form: dict[str, Value], zone: str = "", option: str = "") -> Action:
    """Read a click with these fields."""
    click = Click(
        event_id="e",
        app_id="a",
        tenant="t",
        open_id="ou",
        form_value=form,
        option=option,
        timezone=zone,
    )
    asked = Action(id="a1", kind=ActionKind.SILENCE, incident=1, actor=LI, at=NOW)
    return filled(asked, click, RULES, SHANGHAI)


def test_a_form_is_read() -> None:
    found = read(scope="group", duration="2h", comment="why", labels=["b", "a", "b"])
    assert (found.scope, found.duration, found.comment) == ("group", "2h", "why")
    assert found.labels == ("b", "a")
    assert found.rules == RULES
    assert read(option="4h").duration == "4h"


def test_a_picked_moment_wins_over_the_duration() -> None:
    found = read(duration="2h", until="2026-11-22 09:30 +0800")
    moment = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    assert (found.duration, found.until) == (UNTIL, round(moment.timestamp() * 1000))
    assert read(duration="2h", until="soon").duration == ""


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("", "Asia/Shanghai"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("No/Where", "Asia/Shanghai"),
        ("../../etc/passwd", "Asia/Shanghai"),
        ("/etc/passwd", "Asia/Shanghai"),
        ("Europe", "Asia/Shanghai"),
        ("x" * 500, "Asia/Shanghai"),
        ("\0", "Asia/Shanghai"),
    ],
)
def test_tomorrow_is_the_readers_or_else_the_configured_one(named: str, meant: str) -> None:
    found = read(named, duration=TOMORROW)
    assert (found.duration, found.until) == (TOMORROW, tomorrow(NOW, ZoneInfo(meant)))


@given(st.text(max_size=70))
def test_no_text_is_a_moment_that_is_none(text: str) -> None:
    found = read_moment(text)
    assert found is None or isinstance(found, int)
    assert read(text, duration=TOMORROW).until > NOW
    assert read(until=text).duration in ("", UNTIL)


@given(
    st.dictionaries(
        st.sampled_from(["scope", "duration", "until", "labels", "comment"]),
        st.text(max_size=20) | st.booleans() | st.lists(st.text(max_size=5), max_size=40),
    )
)
def test_any_form_is_read(form: dict[str, Value]) -> None:
    found = reads(form)
    assert len(found.labels) <= LABELS_MOST + 1
    assert all(isinstance(text, str) for text in (found.scope, found.duration, found.comment))

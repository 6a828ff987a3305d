"""docs/architecture.md names the reasons, the limits and the layout that the code has."""

import tomllib
from enum import StrEnum

import pytest

from receiver.channels.feishu import client, hook
from receiver.deliver import circuit
from receiver.deliver.budget import CRITICAL_SHARE, REGAIN_EVERY
from receiver.domain import card, settle, silence, step
from receiver.domain.reason import (
    ActionReason,
    BodyReason,
    CardReason,
    NotifyReason,
    State,
    TruthReason,
)
from tests.docs.pages import page, section, spans, table
from tests.packaging.tree import ROOT

GUIDE = page("docs/architecture.md")
LINES_MOST = 340
FLAT = " ".join(GUIDE.split())
# What calls somebody in person, whatever the routes say.
ALWAYS = {CardReason.SILENCE_FAILED, CardReason.HANDED_OVER, CardReason.REMINDED}
NO_MODULE = {"__init__.py", "__pycache__", "py.typed"}
_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE


def told(enum: type[StrEnum]) -> list[list[str]]:
    return table(GUIDE, f"`{enum.__name__}`")


@pytest.mark.parametrize("enum", [BodyReason, CardReason, ActionReason, State])
def test_every_reason_is_told_once(enum: type[StrEnum]) -> None:
    assert sorted(row[0] for row in told(enum)) == sorted(f"`{each}`" for each in enum)


def test_the_reasons_that_call_people_are_those_of_notify() -> None:
    called = {row[0].strip("`") for row in told(CardReason) if row[2] == "reply"}
    assert called == {*NotifyReason, *ALWAYS}


def test_the_reasons_that_a_group_bot_posts_for_are_the_codes() -> None:
    assert {row[0].strip("`") for row in told(CardReason) if row[3] == "yes"} == step.POSTED


def test_reasons_stand_in_the_order_in_which_they_are_looked_for() -> None:
    blank = card.Shown(State.FIRING, 0, card.Marks(), 0, 0, "", "", ())
    looked = [reason for reason, _ in step._differences(blank, blank)]  # noqa: SLF001
    rows = [CardReason(row[0].strip("`")) for row in told(CardReason)]
    assert [reason for reason in rows if reason in looked] == looked


def test_what_the_truth_corrects_is_told_in_its_order() -> None:
    rows = table(page("docs/truth.md"), "`TruthReason`")
    assert [row[0].strip("`") for row in rows] == list(TruthReason)


def test_the_rungs_are_the_codes() -> None:
    (row,) = (row for row in table(GUIDE, "word") if row[0] == "**rung**")
    assert spans(row[1]) == [rung.name for rung in card.Rung]


def test_the_limits_are_the_codes() -> None:
    assert table(GUIDE, "what")
    rows = {row[0]: row[1] for row in table(section(GUIDE, "Limits"), "what")}
    assert list(rows.values()) == [
        f"{client.APP_PER_SECOND} a second, {client.APP_PER_MINUTE:,} a minute",
        f"{client.CHAT_PER_SECOND} a second",
        f"{client.MESSAGE_PER_SECOND} a second",
        f"{hook.PER_SECOND} a second, {hook.PER_MINUTE} a minute",
    ]
    assert CRITICAL_SHARE == 16
    assert "A sixteenth of each window" in FLAT
    assert f"one call for each {REGAIN_EVERY // 1000} s" in FLAT


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        ("After {} minutes without one", card.CREATE_HORIZON / _MINUTE),
        ("After {} days", card.GENERATION_AGE / _DAY),
        ("the newest state {} s later", card.SETTLE_AGAIN / 1000),
        ("over within {} s before any try", card.UNSEEN_GRACE / 1000),
        ("not confirmed within {} s has failed", silence.CONFIRM_WITHIN / 1000),
        ("from {} s to 5 minutes apart", circuit.TRIAL_FIRST / 1000),
        ("from 10 s to {} minutes apart", circuit.TRIAL_MOST / _MINUTE),
        ("from {} to 5 s in an outage", circuit.OUTAGE_FIRST / 1000),
        ("from 0.5 to {} s in an outage", circuit.OUTAGE_MOST / 1000),
    ],
)
def test_the_times_are_the_codes(sentence: str, value: float) -> None:
    assert sentence.format(f"{value:g}") in FLAT


def test_unknown_codes_are_retried_as_long_as_told() -> None:
    assert settle.UNKNOWN_PATIENCE == 10 * _MINUTE
    assert "An unknown code is retried for ten minutes" in FLAT


def test_the_layout_is_the_direction_of_imports() -> None:
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = [{name.strip(" ()") for name in layer.split("|")} for layer in contracts[0]["layers"]]
    rows = table(section(GUIDE, "Layout"), "in `receiver/`")
    named = [set(spans(row[0])) for row in rows]
    assert [{name.removesuffix("/").removesuffix(".py") for name in row} for row in named] == layers
    here = {path.name for path in (ROOT / "receiver").iterdir()} - NO_MODULE
    assert {name.removesuffix("/") for row in named for name in row} == here


def test_the_page_stays_short() -> None:
    assert len(GUIDE.splitlines()) <= LINES_MOST

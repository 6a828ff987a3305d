"""A card says how often its group fired of late, and how the last time went."""

import pytest

from receiver.channels.feishu.card import render_app
from receiver.channels.feishu.history import ordinal
from receiver.domain.card import Rung
from receiver.domain.incident import Past
from tests.channels.feishu.reading import card_of, texts
from tests.channels.views import MINUTE, NOW, members, view

DAY = 24 * 60 * MINUTE
PAST = Past(tuple(NOW - day * DAY for day in (6, 4, 2, 1)), "李雷", 12 * MINUTE)


def said(past: Past, language: str) -> str:
    return texts(card_of(render_app(view(members(1), past=past), Rung.WHOLE)), language)


def test_how_often_and_who_took_it_last() -> None:
    assert "🔁 5th in 7 days · the last one was acknowledged by **李雷** and took 12m 0s" in said(
        PAST, "en_us"
    )
    assert "🔁 7 天内第 5 次 · 上次由 **李雷** 认领,持续 12m 0s" in said(PAST, "zh_cn")


def test_that_nobody_took_it_is_said() -> None:
    nobody = PAST._replace(owner="")
    assert "the last one took 12m 0s, and nobody acknowledged it" in said(nobody, "en_us")
    assert "上次持续 12m 0s,无人认领" in said(nobody, "zh_cn")


def test_a_first_time_says_nothing() -> None:
    assert "🔁" not in said(Past(), "en_us")


def test_a_hostile_name_is_text() -> None:
    assert "<at id=all" not in said(PAST._replace(owner="<at id=all></at>"), "en_us")


@pytest.mark.parametrize(
    ("count", "word"),
    [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st"),
     (22, "22nd"), (100, "100th"), (111, "111th")],
)  # fmt: skip
def test_english_counts(count: int, word: str) -> None:
    assert ordinal(count) == word

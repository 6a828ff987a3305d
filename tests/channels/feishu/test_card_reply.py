"""The reply says in both languages why it calls, and calls whom the route names."""

import json
from dataclasses import replace

import pytest

from receiver.channels.feishu.card import render_reply
from receiver.domain.card import Marks
from receiver.domain.reason import CardReason
from tests.channels.views import later, stories

FIRING = stories()["firing"]


def said(reason: CardReason, language: str) -> str:
    shown = later(FIRING, reason, joined=9)
    shown = replace(shown, card=replace(shown.card, marks=Marks(joined=5)))
    post = json.loads(render_reply(shown))
    assert post["msg_type"] == "post"
    first = post["content"][language]["content"][0]
    return "".join(part["text"] for part in first)


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [
        (CardReason.REOPENED, "再次触发 · ", "Firing again · "),
        (
            CardReason.SILENCE_FAILED,
            "静默未生效 · ",
            "Not silenced: Alertmanager did not take it · ",
        ),
        (CardReason.NEW_ALERTS, "新增 4 条告警 · ", "4 new · "),
        (CardReason.SEVERITY_RAISED, "级别升至严重 · ", "Severity raised to critical · "),
        (
            CardReason.REPEAT,
            "仍在告警,尚无人认领 · ",
            "Still firing, and nobody has acknowledged · ",
        ),
    ],
)
def test_a_reply_says_why_what_and_how_many(reason: CardReason, zh: str, en: str) -> None:
    assert said(reason, "zh_cn").startswith(zh)
    assert said(reason, "en_us") == (
        f"{en}[critical] DiskAlmostFull · prod · eu-1 · storage · 5 firing"
    )


def test_people_are_mentioned_in_both_languages() -> None:
    post = json.loads(render_reply(later(FIRING, CardReason.REPEAT)))
    for language in ("zh_cn", "en_us"):
        people = post["content"][language]["content"][1]
        assert people == [{"tag": "at", "user_id": "ou_li"}, {"tag": "at", "user_id": "ou_han"}]


def test_a_refused_mention_is_dropped() -> None:
    shown = later(FIRING, CardReason.REPEAT)
    dropped = replace(shown, card=replace(shown.card, mentions_dropped=True))
    assert '"at"' not in render_reply(dropped)

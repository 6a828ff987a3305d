"""A card says when it is unusual: that its incident flaps, that it is late, or moved here."""

import json
from dataclasses import replace

import pytest

from receiver.channels.base import View
from receiver.channels.feishu.card import render_app, render_reply
from receiver.channels.feishu.size import Json
from receiver.domain.card import Rung
from receiver.domain.reason import CardReason
from tests.channels.feishu.reading import card_of, drawn, said, tags, texts, walk
from tests.channels.views import MINUTE, NOW, later, members, stories, view

FIRING = stories()["firing"]


def flapping(minutes: int, count: int = 7, reason: CardReason = CardReason.REOPENED) -> View:
    """Return an incident that fired again so often within so many minutes."""
    start = NOW - minutes * MINUTE
    times = tuple(start + at * minutes * MINUTE // (count - 1) for at in range(count))
    return later(
        FIRING, reason, reopened=count, reopenings=times, flapping=count, flaps_until=1 << 62
    )


@pytest.mark.parametrize(
    ("minutes", "zh", "en"),
    [
        (60, "抖动:1 小时内 7 次", "flapping, 7 in 1 h"),
        (41, "抖动:1 小时内 7 次", "flapping, 7 in 1 h"),
        (61, "抖动:2 小时内 7 次", "flapping, 7 in 2 h"),
        (30, "抖动:30 分钟内 7 次", "flapping, 7 in 30 min"),
        (0, "抖动:1 分钟内 7 次", "flapping, 7 in 1 min"),
    ],
)
def test_flapping_is_said_in_a_tag_and_on_the_phone(minutes: int, zh: str, en: str) -> None:
    content = card_of(render_app(flapping(minutes), Rung.WHOLE))
    assert tags(content, "zh_cn")[2] == zh
    assert tags(content)[2] == en
    assert said(content["config"]["summary"], "zh_cn").endswith(f" · {zh}")
    assert said(content["config"]["summary"], "en_us").endswith(f" · {en}")


def test_flapping_is_explained_in_the_card() -> None:
    content = card_of(render_app(flapping(50), Rung.WHOLE))
    assert "Flapping: fired again 7 times within 1 h" in texts(content)
    assert "抖动:1 小时内再次触发 7 次" in texts(content, "zh_cn")


def test_flapping_is_said_of_what_is_over_too() -> None:
    over = flapping(50, reason=CardReason.ALL_RESOLVED)
    closed = replace(over, incident=over.incident._replace(closed_at=NOW))
    assert "flapping, 7 in 1 h" in tags(card_of(render_app(closed, Rung.WHOLE)))


def test_who_fired_again_now_and_then_does_not_flap() -> None:
    content = card_of(render_app(stories()["reopened"], Rung.WHOLE))
    assert tags(content)[2] == "fired again ×2"
    assert "lapping" not in texts(content)


@pytest.mark.parametrize("reason", [CardReason.REOPENED, CardReason.FLAPPING])
def test_the_reply_says_that_it_flaps(reason: CardReason) -> None:
    post = json.loads(render_reply(flapping(50, reason=reason)))["content"]
    assert post["zh_cn"]["content"][0][0]["text"] == "再次触发,抖动:1 小时内 7 次 · "
    assert post["en_us"]["content"][0][0]["text"] == "Firing again: flapping, 7 in 1 h · "


def test_a_late_card_says_that_it_is_late_and_when_it_began_and_ended() -> None:
    content = card_of(render_app(stories()["late"], Rung.WHOLE))
    assert content["header"]["template"] == "green"
    assert "late" in tags(content)
    text = texts(content)
    assert "Shown late: it began and ended before a message could reach this chat" in text
    assert "Since</font>\n<local_datetime millisecond='1699999400000'" in text
    assert "Until</font>\n<local_datetime millisecond='1700000000000'" in text
    summary = content["config"]["summary"]
    assert said(summary, "en_us").startswith("[late, resolved] DiskAlmostFull")
    assert said(summary, "zh_cn").startswith("[补发,已恢复] DiskAlmostFull")


def test_what_was_shown_in_time_is_not_called_late() -> None:
    content = card_of(render_app(stories()["resolved"], Rung.WHOLE))
    assert "late" not in json.dumps(content["config"]) + "".join(tags(content)) + texts(content)


def test_a_card_that_moved_says_where_it_was_meant_to_be() -> None:
    here = replace(FIRING, card=replace(FIRING.card, moved_from="ops:oc_1<at id=all></at>"))
    content = card_of(render_app(replace(here, reason=CardReason.MOVED), Rung.WHOLE))
    text = texts(content)
    assert "Shown here because ops&#58;oc&#95;1&#60;at id&#61;all&#62;" in text
    assert "无法送达,改在此处显示" in texts(content, "zh_cn")
    assert [each.who for each in drawn(content).mentions] == ["ou_li", "ou_han"]


@pytest.mark.parametrize("reason", [CardReason.MOVED, CardReason.DIGEST, CardReason.FIRST])
def test_what_a_digest_showed_first_calls_nobody(reason: CardReason) -> None:
    shown = view(members(3), reason)
    assert drawn(card_of(render_app(shown, Rung.WHOLE))).mentions
    quiet = replace(shown, card=replace(shown.card, quiet=True))
    assert drawn(card_of(render_app(quiet, Rung.WHOLE))).mentions == []


@pytest.mark.parametrize("count", [1, 2, 12])
def test_labels_of_machines_are_not_shown(count: int) -> None:
    """Grafana's rule stands among the labels for silences alone."""
    alerts = [
        each._replace(labels={"__alert_rule_uid__": f"uid-{number % 2}", **each.labels})
        for number, each in enumerate(members(count))
    ]
    content = card_of(render_app(view(alerts), Rung.WHOLE))
    plain = card_of(render_app(view(members(count)), Rung.WHOLE))
    assert _read(content) == _read(plain)


def _read(content: Json) -> list[object]:
    """Return the texts of a card, without those that its form offers to choose from."""
    return [part.get("content") for part in walk(content) if part.get("tag") == "markdown"]

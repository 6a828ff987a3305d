"""What a card says of its source's truth; that such cards are valid, test_card looks at."""

from dataclasses import replace

import pytest

from receiver.channels.feishu.card import render_app, render_bot
from receiver.domain.card import Rung
from receiver.domain.escalated import NOBODY, Called, CallState, Escalated, Via
from tests.channels.feishu.reading import card_of, clicks, tags, texts
from tests.channels.views import NOW, stories

STORIES = stories()
SAYS = {
    "silenced_elsewhere": ("silenced 3 of them elsewhere until", "> new disks", "3 silenced"),
    "silence_elsewhere_over": ("made elsewhere ended at", "it still fires"),
    "silence_elsewhere_again": ("it still fires", "Silence again · 2 hours"),
    "inhibited": ("2 inhibited by **NodeDown node&#61;n1** · **RackDown**", "2 muted"),
    "muted": ("1 muted during **nights**",),
    "stale": ("prod cannot be asked since", "this may have changed"),
    "heir": ("Takes over from #7, #9",),
    "some_gone": ("2 no longer reported", "➖ ~~"),
    "gone": ("nobody said that it is fixed", "3 no longer reported"),
    "superseded": ("its alerts are now in #13, #14", "2 moved"),
}
HEADS = {
    "silenced_elsewhere": ("grey", "silenced"),
    "silence_elsewhere_over": ("red", "firing"),
    "inhibited": ("grey", "inhibited"),
    "muted": ("grey", "muted for now"),
    "stale": ("red", "unverified"),
    "gone": ("green", "no longer reported"),
    "superseded": ("grey", "superseded"),
}


@pytest.mark.parametrize("name", SAYS)
def test_the_card_says_it(name: str) -> None:
    shown = texts(card_of(render_app(STORIES[name], Rung.WHOLE)))
    assert [text for text in SAYS[name] if text not in shown] == []
    assert "ou_x" not in shown
    assert "[receiver:" not in shown


@pytest.mark.parametrize("name", HEADS)
def test_the_header_says_it_at_a_glance(name: str) -> None:
    content = card_of(render_app(STORIES[name], Rung.WHOLE))
    colour, tag = HEADS[name]
    assert content["header"]["template"] == colour
    assert tag in tags(content)


@pytest.mark.parametrize("name", ["gone", "superseded"])
def test_what_is_over_has_no_controls_and_no_word_of_recovery(name: str) -> None:
    content = card_of(render_app(STORIES[name], Rung.WHOLE))
    assert clicks(content) == []
    assert "resolved" not in content["config"]["summary"]["i18n_content"]["en_us"].lower()
    assert "已恢复" not in render_bot(STORIES[name], Rung.WHOLE)


def test_where_incidents_can_be_read_their_numbers_lead_there() -> None:
    shown = replace(STORIES["superseded"], console_url="https://r.example.com/")
    said = texts(card_of(render_app(shown, Rung.WHOLE)))
    assert "[#13](https://r.example.com/incidents/13), [#14](" in said


@pytest.mark.parametrize(
    ("problem", "en", "zh"),
    [
        ("code 230024 Reach the limit.: x", "used up: an administrator", "加急额度已用完"),
        ("code 230052 <at id=all></at>", "settings forbid", "群设置不允许加急"),
        (NOBODY, "the list is empty", "名单为空"),
        ("code 1 *odd* <at id=all></at>", "odd", "odd"),
    ],
)
def test_why_nobody_was_called_is_told_in_the_readers_language(
    problem: str, en: str, zh: str
) -> None:
    call = Called(1, 0, Via.SMS, NOW, state=CallState.FAILED, problem=problem)
    shown = STORIES["stale"]
    shown = replace(shown, incident=shown.incident._replace(escalated=Escalated(calls=(call,))))
    content = card_of(render_app(shown, Rung.WHOLE))
    assert en in texts(content)
    assert zh in texts(content, "zh_cn")
    assert "<at" not in texts(content)

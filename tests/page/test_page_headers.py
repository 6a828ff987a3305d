"""The header: its colours, tags and languages."""

import pytest

from tests.page.cards import TEMPLATES, card, md, text
from tests.page.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

BACKGROUND = "node => getComputedStyle(node).backgroundImage"


async def test_each_template_has_its_own_colour(at: Stage) -> None:
    seen = {}
    for template in TEMPLATES:
        message_id = await at.place(card(md("x"), title=template, template=template))
        header = at.message(message_id).locator(".card-header")
        assert await header.get_attribute("data-template") == template
        assert await header.locator(".card-title").inner_text() == template
        seen[template] = await header.evaluate(BACKGROUND)
    assert seen.pop("default") == "none"
    assert len(set(seen.values())) == len(TEMPLATES) - 1


async def test_an_unknown_template_is_the_default_one(at: Stage) -> None:
    message_id = await at.place(card(md("x"), template="url(//evil.example)"))
    header = at.message(message_id).locator(".card-header")
    assert await header.get_attribute("data-template") == "default"


async def test_a_header_shows_three_tags_and_prefers_the_translated_ones(at: Stage) -> None:
    made = card(md("x"))
    made["header"] |= {
        "subtitle": text("副标题", "subtitle"),
        "text_tag_list": [{"tag": "text_tag", "text": text("plain"), "color": "red"}],
        "i18n_text_tag_list": {
            "zh_cn": [
                {"tag": "text_tag", "text": text(name), "color": "blue"} for name in "甲乙丙丁"
            ],
            "en_us": [{"tag": "text_tag", "text": text("one"), "color": "blue"}],
        },
    }
    shown = at.message(await at.place(made))
    assert await shown.locator(".text-tag").all_inner_texts() == ["甲", "乙", "丙"]
    assert await shown.locator(".card-subtitle").inner_text() == "副标题"
    await at.page.get_by_test_id("lang-en").click()
    assert await shown.locator(".text-tag").all_inner_texts() == ["one"]
    assert await shown.locator(".card-subtitle").inner_text() == "subtitle"


async def test_the_list_shows_the_summary_of_the_last_card(at: Stage) -> None:
    made = card(md("body"), title="the title")
    preview = at.page.locator(".chat-item-preview")
    await at.send(made)
    assert await preview.inner_text() == "the title"
    made["config"]["summary"] = {"content": "概要", "i18n_content": {"en_us": "summary"}}
    await at.send(made)
    assert await preview.inner_text() == "概要"
    await at.page.get_by_test_id("lang-en").click()
    assert await preview.inner_text() == "summary"

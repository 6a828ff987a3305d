"""Who looks after an incident, in front of a person: named, asked, handed over, noted."""

import json

import pytest
from playwright.async_api import Browser, expect

from receiver.channels.feishu.card import render_app
from receiver.domain.card import Rung
from tests.channels.views import stories
from tests.page.cards import Json
from tests.page.stage import Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


def content(name: str) -> Json:
    """Return the card of one story."""
    drawn: Json = json.loads(render_app(stories()[name], Rung.WHOLE))["content"]
    return drawn


@pytest.mark.parametrize(
    ("language", "said", "tap"),
    [
        ("zh-CN", ["韩梅梅、李雷", "有效至", "仍在处理吗", "3 条备注"], "仍在处理"),
        ("en-US", ["韩梅梅, 李雷", "until", "Still on it?", "Notes: 3"], "Still on it"),
    ],
)
async def test_who_has_it_and_what_they_are_asked_is_seen_at_once(
    browser: Browser, language: str, said: list[str], tap: str
) -> None:
    async with stage(browser, language=language) as at:
        shown = at.message(await at.send(content("owners")))
        for words in said:
            await expect(shown).to_contain_text(words)
        await expect(shown).not_to_contain_text("the first of three")
        await expect(shown.locator(".mention")).to_have_count(0)  # no note mentions anybody
        await shown.get_by_role("button", name=tap, exact=True).click()
        assert (await at.callbacks.action())["value"]["a"] == "confirm"


async def test_a_person_chosen_from_the_chat_takes_over(at: Stage) -> None:
    shown = at.message(await at.send(content("owners")))
    await shown.locator(".panel-head").filter(has_text="更多").click()
    await shown.locator("[data-name=person]").select_option(label="Alice Chen")
    await shown.get_by_role("button", name="转交", exact=True).click()
    action = await at.callbacks.action()
    assert (action["value"]["a"], action["name"]) == ("hand_over", "more_hand_over")
    assert action["form_value"]["person"] == at.users[1].open_id


async def test_a_note_is_written_on_the_card(at: Stage) -> None:
    shown = at.message(await at.send(content("owners")))
    await shown.locator(".panel-head").filter(has_text="更多").click()
    await shown.locator("[data-name=note]").fill("换盘 <b>")
    await shown.get_by_role("button", name="添加备注").click()
    action = await at.callbacks.action()
    assert action["value"]["a"] == "note"
    assert action["form_value"]["note"] == "换盘 <b>"

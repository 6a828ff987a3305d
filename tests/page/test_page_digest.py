"""A storm's card in front of a person: what can be read at once, unfolded, and clicked."""

import json

import pytest
from playwright.async_api import Browser, expect

from receiver.channels.feishu.card import render_app, render_bot
from receiver.domain.card import Rung
from tests.channels.feishu.storms import storms
from tests.page.cards import Json
from tests.page.stage import Stage, stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

STORMS = storms()


def content(name: str, *, bot: bool = False) -> Json:
    """Return the card of one storm."""
    message: Json = json.loads((render_bot if bot else render_app)(STORMS[name], Rung.WHOLE))
    drawn: Json = message["content"]
    return drawn


@pytest.mark.parametrize(
    ("language", "title", "tags", "facts"),
    [
        (
            "zh-CN",
            "告警风暴:295 个事件",
            ["错误", "295 个告警中"],
            ["最严重的 10 个", "警告 216", "PodCrashLooping 197", "共同标签"],
        ),
        (
            "en-US",
            "Alert storm: 295 incidents",
            ["error", "295 firing"],
            ["Worst 10", "warning 216", "PodCrashLooping 197", "All share"],
        ),
    ],
)
async def test_a_storm_can_be_grasped_without_a_click(
    browser: Browser, language: str, title: str, tags: list[str], facts: list[str]
) -> None:
    async with stage(browser, language=language) as at:
        shown = at.message(await at.send(content("open")))
        await expect(shown.locator(".card-title > span").first).to_have_text(title)
        await expect(shown.locator(".card-header .text-tag")).to_have_text(tags)
        for fact in facts:
            await expect(shown).to_contain_text(fact)
        await expect(shown.locator("a", has_text="KubeNodeNotReady")).to_have_count(10)


async def test_every_other_incident_is_unfolded(at: Stage) -> None:
    shown = at.message(await at.send(content("open", bot=True)))
    listed = shown.get_by_text("checkout-7d9f8b6c5-00001")
    await expect(listed).not_to_be_visible()
    await shown.locator(".panel-head").filter(has_text="其余事件(285)").click()
    await expect(listed).to_be_visible()
    assert STORMS["open"].digest is not None
    text = await shown.inner_text()
    for each in STORMS["open"].digest.gathered:
        assert each.labels["pod"] in text
    await expect(shown.get_by_role("button", name="全部认领")).to_have_count(0)


async def test_taking_all_asks_first_and_names_the_revision(at: Stage) -> None:
    shown = at.message(await at.send(content("open")))
    await shown.get_by_role("button", name="全部认领(295 个)").click()
    asked = at.page.get_by_test_id("confirm")
    await expect(asked).to_contain_text("认领全部 295 个事件?")
    assert at.callbacks.actions == []
    await at.page.get_by_test_id("confirm-ok").click()
    action = await at.callbacks.action()
    assert action["value"] == {"v": 1, "a": "acknowledge", "i": 900, "c": 3, "g": 1, "r": 17}


async def test_the_silence_says_what_it_mutes_before_it_is_asked_for(at: Stage) -> None:
    shown = at.message(await at.send(content("open")))
    await shown.locator(".panel-head").filter(has_text="静默").click()
    form = shown.locator("form")
    await expect(form).to_contain_text("cluster=eu-1 · job=kube-state-metrics")
    await expect(form).to_contain_text("将静默此处 379 条告警中的 379 条")
    await form.locator("[data-name=duration]").select_option("4h")
    await form.locator("[data-name=comment]").fill("机架断电")
    await form.get_by_role("button", name="开始静默").click()
    action = await at.callbacks.action()
    chosen = action["form_value"]
    assert chosen.pop("scope").startswith("shared:")
    assert chosen == {"duration": "4h", "comment": "机架断电"}
    assert action["value"]["r"] == 17


@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_sticks_out(browser: Browser, width: int) -> None:
    async with stage(browser, width=width) as at:
        for name in STORMS:
            shown = at.message(await at.place(content(name)))
            for head in await shown.locator(".panel-head").all():
                await head.click()
            card = shown.locator(".card")
            assert await card.evaluate("card => card.scrollWidth <= card.clientWidth + 1"), name

"""Text that wants to be more than text, through the whole chain."""

from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Message
from tests.browser import reader
from tests.real_alertmanager import Settings, real_alertmanager
from tests.stage import (
    PLATFORM,
    PRODUCTION,
    SERVICE,
    Stage,
    alert,
    gate,
    notify,
    played,
    source,
    stage,
    team_of,
    words,
)

LONG = "长" * 33_334  # 100 KB
pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = {
    "at_all": "<at id=all></at>",
    "at_text": '<at user_id="all">所有人</at> @all @_all',
    "at_person": "<at id=ou_li></at><at email=li@example.com></at>",
    "link": "](javascript:alert(1))",
    "whole_link": "[click](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>",
    "picture": "![i](http://evil.example.com/x.png)<img src=x onerror=alert(1)>",
    "script": "</div><script>alert(1)</script>",
    "template": "{{ 7*7 }} {% for x in y %} ${7*7} {{ .Labels.SortedPairs }}",
    "quotes": "\"'\\`\\u0022",
    "newlines": "one\n\n# two\r\n---\n```\nthree\u2028- [ ] four",
    "emoji": "😀👨‍👩‍👧‍👦🇨🇳 :OK: :SMILE: [OK]",
    "turned": "abc\u202egnp.exe\u2067\u200f עברית",
    "markup": "**b** ~~s~~ *i* `c` <font color='red'>f</font> | a | b |\n|---|---|",
    "tags": "<text_tag color='red'>t</text_tag><local_datetime millisecond='1'></local_datetime>",
    "controls": "\x07\x1b[31m\x7f\u0000",
    "numbers": "1. one\n> quote\n    code",
}


def about(value: str) -> dict[str, str]:
    """Return annotations that say this everywhere."""
    return {
        "summary": value,
        "description": value,
        "runbook_url": value,
        "dashboard_url": f"javascript:alert(1)//{value}",
    }


OWN = (
    "http://receiver.test/",
    "http://alertmanager.test/",
    "http://prometheus.test/",
    "http://am.test/",
)


async def harmless(page: Page, links: tuple[str, ...] = OWN) -> None:
    """Fail if anything that came from outside became more than text."""
    found = await page.evaluate(
        """() => ({
            links: [...document.querySelectorAll('.card a')].map((one) => one.href),
            mentions: document.querySelectorAll('.card .at, .card .mention, .mention').length,
            active: document.querySelectorAll('.card script, .card img, .card iframe').length,
        })"""
    )
    assert found["mentions"] == 0
    assert found["active"] == 0
    for link in found["links"]:
        assert link.startswith(links), link


def calm(*messages: Message) -> None:
    """Fail if a message mentions anybody."""
    for message in messages:
        assert message.mentions == []


async def test_hostile_labels_from_alertmanager_to_the_page_and_back(
    browser: Browser, tmp_path: Path
) -> None:
    home = tmp_path / "alertmanager"
    home.mkdir()
    every = {f"l_{name}": value for name, value in HOSTILE.items() if name != "controls"}
    labels = {"alertname": HOSTILE["link"], "severity": "critical", **every, "l_long": LONG}
    routes = [{"targets": [f"ops:{PRODUCTION}", "legacy"]}]
    async with (
        real_alertmanager(home) as alertmanager,
        gate(alertmanager.url) as door,
        stage(tmp_path, alertmanagers=[source(door.url)], routes=routes) as at,
        reader(browser, at.sandbox.page_url) as page,
    ):
        await notify(alertmanager, home, at, Settings(group_by=("alertname", "l_at_all")))
        await alertmanager.fire(labels, about(LONG + HOSTILE["at_all"]))
        card, posted = await at.message(), await at.message(PLATFORM)
        await alertmanager.fire({**labels, "instance": "second"}, about(HOSTILE["at_all"]))
        await at.message(number=2)
        await at.quiet()
        calm(*at.messages(), *at.messages(PLATFORM))
        assert {card.msg_type, posted.msg_type} == {"interactive"}
        assert set(at.calls("create", "patch", "reply", "hook")) == {0}
        await page.locator(f"[data-chat-id='{PRODUCTION}']").click()
        await expect(page.locator(f"[data-message-id='{card.message_id}'] .card")).to_be_visible()
        for panel in await page.locator(".panel-head").all():
            await panel.click()
        await page.screenshot(path=tmp_path / "hostile.png", full_page=True)
        await harmless(page)
        await at.click(card, "silence", scope="group", duration="30m", comment=HOSTILE["script"])
        [made] = await alertmanager.silences()
        matchers = {matcher["name"]: matcher["value"] for matcher in made["matchers"]}
        assert matchers == {"alertname": HOSTILE["link"], "l_at_all": HOSTILE["at_all"]}
        await at.quiet()
        calm(*at.messages(), *at.messages(PLATFORM))
        await harmless(page)


CHATS = (PRODUCTION, PLATFORM, SERVICE)  # each chat has its own five messages a second
SPREAD = [
    {"match": [f'chat="{number}"'], "targets": [f"ops:{chat}"]} for number, chat in enumerate(CHATS)
]


def addresses(node: object) -> list[str]:
    """Return every address that a card's components open."""
    if isinstance(node, dict):
        own = [value for key, value in node.items() if "url" in key and isinstance(value, str)]
        return own + [found for value in node.values() for found in addresses(value)]
    if isinstance(node, list):
        return [found for value in node for found in addresses(value)]
    return []


def everything(at: Stage) -> list[Message]:
    """Return the messages of every chat."""
    return [message for chat in CHATS for message in at.messages(chat)]


def arrived(at: Stage, wanted: int) -> bool:
    """Tell whether so many messages are in the chats."""
    return len(everything(at)) == wanted


async def drawn(page: Page, at: Stage, links: tuple[str, ...] = OWN) -> None:
    """Look at every chat on the page."""
    for chat in CHATS:
        await page.locator(f"[data-chat-id='{chat}']").click()
        last = at.messages(chat)[-1]
        await page.locator(f"[data-message-id='{last.message_id}']").wait_for()
        await harmless(page, links)


async def test_a_hostile_value_is_text_in_every_place(browser: Browser, tmp_path: Path) -> None:
    async with (
        stage(tmp_path, routes=SPREAD) as at,
        reader(browser, at.sandbox.page_url) as page,
    ):
        for joining in (0, 1):
            for number, (name, value) in enumerate(HOSTILE.items()):
                shared = {"chat": str(number % 3), "kind": name}
                alerts = [
                    {**alert(value, instance=instance, **shared), "annotations": about(value)}
                    for instance in (value, "second")[: joining + 1]
                ]
                peer = f"http://am.test/{value}"
                await at.fire(*alerts, receiver=value, peer=peer, groupKey=value)
            # Each is a card, and then a reply that calls for what joined it.
            await at.until(partial(arrived, at, (joining + 1) * len(HOSTILE)), limit=30)
        await at.quiet()
        calm(*everything(at))
        assert set(at.calls("create", "patch", "reply")) == {0}
        for message in everything(at):
            assert all(url.startswith("http://") for url in addresses(message.content))
        cards = [message for message in everything(at) if message.root_id is None]
        assert len(cards) == len(HOSTILE)
        assert all(message.msg_type == "interactive" for message in cards)
        assert all("This card is shortened" not in words(message) for message in cards)
        titles = {message.content["header"]["title"]["content"] for message in cards}
        assert HOSTILE["template"] in titles
        assert HOSTILE["link"] in titles
        await drawn(page, at)


async def test_a_hostile_name_of_a_person_is_text(tmp_path: Path) -> None:
    async with serve_sandbox() as sandbox:
        person = team_of(sandbox).users[0]
        person.name = HOSTILE["at_all"] + HOSTILE["link"]
        async with played(sandbox, tmp_path) as at:
            await at.fire(alert())
            card = await at.message()
            await at.click(card, "acknowledge", who=person.name)
            await at.turns(card, "blue")
            await at.quiet()
            calm(card)
            assert "<at" not in words(card)


async def test_an_agents_hostile_message_is_text(browser: Browser, tmp_path: Path) -> None:
    async with (
        stage(tmp_path, routes=SPREAD) as at,
        reader(browser, at.sandbox.page_url) as page,
    ):
        for number, value in enumerate(HOSTILE.values()):
            for chat, kind in enumerate(("card", "post", "text")):
                await at.tell(
                    id=f"{number}-{kind}",
                    title=value,
                    text=value,
                    markdown=value,
                    severity="critical",
                    labels={"value": value, "chat": str(chat)},
                    links=[{"title": value, "url": f"javascript:alert({number})"}],
                    type=kind,
                )
        await at.until(partial(arrived, at, 3 * len(HOSTILE)), limit=30)
        calm(*everything(at))
        assert set(at.calls("create")) == {0}
        for message in everything(at):
            assert all(url.startswith("http://") for url in addresses(message.content))
        await drawn(page, at, ("http://",))  # an agent may write links, if they are http

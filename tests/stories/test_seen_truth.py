"""What is true in the real Alertmanager, at the page: seen, and worked with, by a person."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from receiver.sandbox.state import Message
from tests.alertmanager.hostile import closed_port
from tests.binaries import find
from tests.browser import reader
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager
from tests.stage import TOKEN, Stage, controls, notify, source, words
from tests.stories.duty import Duty, duty
from tests.stories.onlooker import Onlooker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.soak(5)]

DISK = {"alertname": "DiskFull", "cluster": "east", "instance": "db-1", "severity": "warning"}
NODE = {"alertname": "NodeDown", "cluster": "east", "severity": "critical"}
ABOUT = {"summary": "The disk of db-1 is 97 % full"}
INHIBITS = {
    "source_matchers": ['alertname="NodeDown"'],
    "target_matchers": ['severity="warning"'],
    "equal": ["cluster"],
}
GROUPED = Settings(group_by=("alertname", "cluster"), inhibit_rules=(INHIBITS,))


@asynccontextmanager
async def scene(
    browser: Browser, folder: Path, settings: Settings = GROUPED, **keys: Any
) -> AsyncIterator[tuple[RealAlertmanager, Duty, Onlooker]]:
    """Run an Alertmanager, a receiver that asks it at once and again, and a page before it."""
    own = folder / "alertmanager"
    own.mkdir()
    async with real_alertmanager(own, settings) as server:
        asked = {**source(server.url), "reconcile_every": "5s", "warm_up": "0s", **keys}
        async with (
            duty(folder, alertmanagers=[asked]) as at,
            reader(browser, at.sandbox.page_url, height=1_000) as page,
        ):
            await notify(server, own, at, settings)
            yield server, at, Onlooker(page, folder)


async def _fired(server: RealAlertmanager, at: Stage, person: Onlooker) -> Message:
    await server.fire(DISK, ABOUT)
    card = await at.message()
    await at.quiet()
    await person.opens()
    await person.sees_colour(card, "orange")
    return card


async def amtool(server: RealAlertmanager, *arguments: str) -> str:
    """Silence beside the chat; return what amtool says."""
    process = await asyncio.create_subprocess_exec(
        find("amtool"),
        f"--alertmanager.url={server.url}",
        "silence",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode().strip()


async def test_silenced_on_the_card_and_over_in_truth(browser: Browser, tmp_path: Path) -> None:
    async with scene(browser, tmp_path) as (server, at, person):
        card = await _fired(server, at, person)
        await person.is_("韩梅梅")
        form = (await person.unfolds(card, "静默")).locator("form")
        await form.locator("[data-name=duration]").select_option("1h")
        await form.locator("[data-name=comment]").fill("换盘")
        await form.get_by_role("button", name="开始静默").click()
        await person.told("已静默")
        await person.sees_colour(card, "grey")
        await at.quiet()
        await server.resolve(DISK)
        await at.turns(card, "green")
        await person.sees_colour(card, "green")
        await person.sees_both(card, "no longer reported", "来源不再上报此告警")
        await person.picture("gone")
        assert controls(card.content) == {}
        assert len(at.messages()) == 1


async def test_silenced_with_amtool_and_ended_there(browser: Browser, tmp_path: Path) -> None:
    async with scene(browser, tmp_path) as (server, at, person):
        card = await _fired(server, at, person)
        about = ("--author=zhao", "--comment=new disks today", "--duration=1h")
        number = await amtool(server, "add", *about, "alertname=DiskFull")
        await at.turns(card, "grey")
        await person.sees_colour(card, "grey")
        await person.sees_both(card, "zhao silenced 1 of them elsewhere until", "zhao 在别处静默")
        await person.sees(card, "new disks today")
        await person.picture("elsewhere")
        await amtool(server, "expire", number)
        await at.turns(card, "orange")
        await person.sees_both(card, "it still fires", "仍在告警")
        await person.picture("over")
        await person.is_("韩梅梅")
        await person.presses(card, "🔕 再次静默 · 1 小时")
        await person.told("已静默")
        await person.sees_colour(card, "grey")
        states = [(one["status"]["state"], one["createdBy"]) for one in await server.silences()]
        assert sorted(states) == [("active", "韩梅梅"), ("expired", "zhao")]


async def test_inhibited_by_what(browser: Browser, tmp_path: Path) -> None:
    async with scene(browser, tmp_path) as (server, at, person):
        card = await _fired(server, at, person)
        await server.fire(NODE)
        await at.turns(card, "grey")
        await person.sees_colour(card, "grey")
        await person.sees_both(card, "inhibited by NodeDown cluster=east", "被抑制,因为 NodeDown")
        await person.picture("inhibited")
        await server.resolve(DISK)
        await at.turns(card, "green")
        await person.sees_colour(card, "green")


async def test_a_source_that_is_down_makes_its_cards_stale(
    browser: Browser, tmp_path: Path
) -> None:
    address = (await closed_port()).removeprefix("http://")
    chosen = replace(GROUPED, listen=address)
    async with scene(browser, tmp_path, chosen, stale_after="10s") as (server, at, person):
        card = await _fired(server, at, person)
        os.kill(server.pid, signal.SIGKILL)
        at.later(11_000)
        await at.shows(card, "cannot be asked")
        stale = person.card(card).locator(".card-header")
        await person.reads("en")
        await expect(stale).to_contain_text("unverified")
        await person.sees_both(card, "prod cannot be asked since", "无法查询 prod")
        await expect(stale).to_contain_text("状态未核实")
        await person.picture("stale")
        url = f"{at.receiver.url}/webhooks/alertmanager/prod"
        again = replace(chosen, webhook_url=url, token=TOKEN)
        async with real_alertmanager(tmp_path / "alertmanager", again) as second:
            await second.fire(DISK, ABOUT)
            await at.until(lambda: "cannot be asked" not in words(card))
            await expect(stale).not_to_contain_text("状态未核实")


async def test_a_group_that_moved_says_where_to(browser: Browser, tmp_path: Path) -> None:
    async with scene(browser, tmp_path) as (server, at, person):
        old = await _fired(server, at, person)
        await person.is_("韩梅梅")
        await person.presses(old, "认领")
        await person.sees_colour(old, "blue")
        own = tmp_path / "alertmanager"
        await notify(server, own, at, replace(GROUPED, group_by=("alertname", "instance")))
        await server.fire(DISK, ABOUT)
        await at.shows(old, "its alerts are now in")
        await at.quiet()
        new = next(one for one in at.messages() if "Takes over from" in words(one))
        await person.sees_colour(old, "grey")
        await person.sees_both(old, "are now in #2", "现在归入 #2")
        await person.sees_both(new, "Takes over from #1", "接替 #1")
        await person.sees(new, "韩梅梅")
        await person.picture("superseded")

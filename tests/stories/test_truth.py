"""The card equals the real Alertmanager's truth: after silences, inhibition, restarts and cuts."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.sandbox.state import Message
from tests.alertmanager.hostile import closed_port
from tests.binaries import current, find
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager
from tests.stage import TOKEN, Stage, controls, notify, source, stage, words

# The shortest period, its spread, and time for the rest of the way under load.
PERIOD = 5
WITHIN = PERIOD * 1.1 + 10
DISK = {"alertname": "DiskFull", "cluster": "east", "instance": "db-1", "severity": "warning"}
LOAD = {**DISK, "instance": "db-2"}
NODE = {"alertname": "NodeDown", "cluster": "east", "severity": "critical"}
GROUPED = Settings(group_by=("alertname", "cluster"))
INHIBITS = {
    "source_matchers": ['alertname="NodeDown"'],
    "target_matchers": ['severity="warning"'],
    "equal": ["cluster"],
}


@pytest.fixture(params=["stable", "current"])
def binary(request: pytest.FixtureRequest) -> Path:
    """Return each of the two Alertmanagers."""
    names = ("alertmanager", "prometheus-alertmanager")
    return find(*names) if request.param == "stable" else current("prometheus-alertmanager")


def asked(*urls: str, **keys: Any) -> dict[str, Any]:
    """Return a source that is asked as often as may be, and believed from its start."""
    return {**source(*urls), "reconcile_every": f"{PERIOD}s", "warm_up": "0s", **keys}


@asynccontextmanager
async def scene(
    folder: Path, binary: Path, settings: Settings = GROUPED
) -> AsyncIterator[tuple[RealAlertmanager, Stage]]:
    """Run an Alertmanager that notifies a receiver, which asks it in turn."""
    async with (
        real_alertmanager(folder, settings, binary=binary) as server,
        stage(folder, alertmanagers=[asked(server.url)]) as at,
    ):
        await notify(server, folder, at, settings)
        yield server, at


async def amtool(server: RealAlertmanager, binary: Path, *words: str) -> str:
    """Run amtool, as somebody beside the chat does; return what it says."""
    process = await asyncio.create_subprocess_exec(
        binary.with_name("amtool"),
        f"--alertmanager.url={server.url}",
        "silence",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode().strip()


async def silenced(server: RealAlertmanager, binary: Path, duration: str = "1h") -> str:
    """Silence the disk's alerts with amtool; return the silence's id."""
    author = ("--author=zhao", "--comment=new disks today")
    return await amtool(
        server, binary, "add", *author, f"--duration={duration}", "alertname=DiskFull"
    )


async def test_resolved_under_our_silence_the_card_turns_green(
    tmp_path: Path, binary: Path
) -> None:
    async with scene(tmp_path, binary) as (server, at):
        await server.fire(DISK)
        card = await at.message()
        await at.click(card, "silence", scope="group", duration="1h", comment="")
        await at.turns(card, "grey")
        await server.resolve(DISK)
        await at.turns(card, "green", WITHIN)
        await at.shows(card, "no longer reported")
        assert controls(card.content) == {}
        assert len(at.messages()) == 1
        assert await at.metric("receiver_reconcile_corrections_total", reason="gone") == 1


@pytest.mark.soak(30)
async def test_resolved_while_inhibited_the_card_turns_green(tmp_path: Path, binary: Path) -> None:
    chosen = replace(GROUPED, inhibit_rules=(INHIBITS,))
    async with scene(tmp_path, binary, chosen) as (server, at):
        await server.fire(DISK)
        card = await at.message()
        await server.fire(NODE)
        await at.turns(card, "grey", WITHIN)
        await at.shows(card, "inhibited by **NodeDown cluster&#61;east**", "1 muted")
        await server.resolve(DISK)
        await at.turns(card, "green", WITHIN)


@pytest.mark.soak(40)
async def test_an_alertmanager_that_forgot_in_a_restart_is_believed_when_it_must_know(
    tmp_path: Path, binary: Path
) -> None:
    address = (await closed_port()).removeprefix("http://")
    chosen = replace(GROUPED, listen=address)
    async with (
        real_alertmanager(tmp_path, chosen, binary=binary) as first,
        stage(tmp_path, alertmanagers=[asked(first.url, warm_up="8s")]) as at,
    ):
        await notify(first, tmp_path, at, chosen)
        await first.fire(DISK)
        card = await at.message()
        os.kill(first.pid, signal.SIGKILL)
        url = f"{at.receiver.url}/webhooks/alertmanager/prod"
        again = replace(chosen, webhook_url=url, token=TOKEN)
        async with real_alertmanager(tmp_path, again, binary=binary):
            answered = await at.metric("receiver_reconcile_runs_total", outcome="answered")
            await at.when(lambda: _more(at, answered), WITHIN)
            assert card.content["header"]["template"] == "orange"  # it may only not know yet
            await at.turns(card, "green", 8 + WITHIN)


async def _more(at: Stage, than: float) -> bool:
    return await at.metric("receiver_reconcile_runs_total", outcome="answered") > than


@pytest.mark.soak(30)
async def test_what_max_alerts_cuts_is_completed_and_nothing_closes_too_early(
    tmp_path: Path, binary: Path
) -> None:
    async with scene(tmp_path, binary, replace(GROUPED, max_alerts=2)) as (server, at):
        alerts = [{**DISK, "instance": f"db-{number}"} for number in range(5)]
        for labels in alerts:
            await server.fire(labels)
        card = await at.message()
        await at.shows(card, "5 firing", limit=WITHIN)
        for labels in alerts[:2]:
            await server.resolve(labels)
        await at.shows(card, "3 firing", limit=WITHIN)
        for labels in alerts[2:]:
            await server.resolve(labels)
        await at.turns(card, "green", WITHIN)


@pytest.mark.soak(40)
async def test_a_silence_of_amtools_is_followed_to_its_end(tmp_path: Path, binary: Path) -> None:
    async with scene(tmp_path, binary) as (server, at):
        await server.fire(DISK)
        card = await at.message()
        number = await silenced(server, binary)
        await at.turns(card, "grey", WITHIN)
        await at.shows(card, "**zhao** silenced 1 of them elsewhere", "new disks today")
        before = words(card)
        await amtool(server, binary, "update", "--duration=5h", number)
        await at.until(lambda: words(card) != before, WITHIN)
        assert "grey" in card.content["header"]["template"]
        await amtool(server, binary, "expire", await _live(server))
        await at.turns(card, "orange", WITHIN)
        await at.shows(card, "it still fires")
        await at.quiet()
        assert [one.root_id for one in at.messages()] == [None]  # nobody was called
        # One tap makes it anew, in the name of who taps: as long as zhao meant it at last.
        await at.click(card, "resilence")
        await at.turns(card, "grey", WITHIN)
        await at.shows(card, "**韩梅梅**", "new disks today")
        assert "it still fires" not in words(card)
        (again,) = [one for one in await server.silences() if one["status"]["state"] == "active"]
        assert again["createdBy"] == "韩梅梅"
        assert [one["value"] for one in again["matchers"]] == ["DiskFull"]


async def _live(server: RealAlertmanager) -> str:
    (live,) = [one["id"] for one in await server.silences() if one["status"]["state"] == "active"]
    return str(live)


@pytest.mark.soak(30)
async def test_a_silence_that_ends_by_itself_is_noticed_at_its_end(
    tmp_path: Path, binary: Path
) -> None:
    async with scene(tmp_path, binary) as (server, at):
        await server.fire(DISK)
        card = await at.message()
        await silenced(server, binary, "8s")
        await at.turns(card, "grey", WITHIN)
        await at.turns(card, "orange", 8 + WITHIN)
        await at.shows(card, "it still fires")


@pytest.mark.soak(40)
@pytest.mark.parametrize("change", ["extended", "expired", "replaced"])
async def test_our_silence_that_another_tool_changes(
    tmp_path: Path, binary: Path, change: str
) -> None:
    async with scene(tmp_path, binary) as (server, at):
        await server.fire(DISK)
        await server.fire(LOAD)
        card = await at.message()
        await at.shows(card, "2 firing")
        await at.click(card, "silence", scope="group", duration="1h", comment="")
        await at.turns(card, "grey")
        if change == "expired":
            await amtool(server, binary, "expire", await _live(server))
            await at.turns(card, "orange", WITHIN)
            await at.shows(card, "ended early, elsewhere")
            return
        if change == "extended":
            await amtool(server, binary, "update", "--duration=5h", await _live(server))
            await at.shows(card, "changed elsewhere", limit=WITHIN)
            assert card.content["header"]["template"] == "grey"
        else:
            await _narrowed(server, at.http)
            await at.turns(card, "orange", WITHIN)
            await at.shows(card, "silenced 1 of them elsewhere")
        for labels in (DISK, LOAD):
            await server.resolve(labels)
        await at.turns(card, "green", WITHIN)


async def _narrowed(server: RealAlertmanager, http: httpx.AsyncClient) -> None:
    """Change what a silence mutes: Alertmanager ends it, and makes another."""
    (known,) = [one for one in await server.silences() if one["status"]["state"] == "active"]
    matcher = {"name": "instance", "value": "db-1", "isRegex": False, "isEqual": True}
    wanted = {key: known[key] for key in ("id", "startsAt", "endsAt", "createdBy", "comment")}
    answer = await http.post(
        f"{server.url}/api/v2/silences", json={**wanted, "matchers": [*known["matchers"], matcher]}
    )
    answer.raise_for_status()
    assert answer.json()["silenceID"] != known["id"]


@pytest.mark.soak(40)
async def test_a_group_whose_route_changed_is_superseded(tmp_path: Path, binary: Path) -> None:
    async with scene(tmp_path, binary) as (server, at):
        await server.fire(DISK)
        old = await at.message()
        await at.click(old, "acknowledge")
        await at.turns(old, "blue")
        await notify(server, tmp_path, at, replace(GROUPED, group_by=("alertname", "instance")))
        await server.fire(DISK)
        await at.shows(old, "its alerts are now in #2", limit=WITHIN)
        assert old.content["header"]["template"] == "grey"
        new = next(one for one in at.messages() if "Takes over from #1" in words(one))
        assert "韩梅梅" in words(new)
        await server.resolve(DISK)
        await at.turns(new, "green", WITHIN)


@pytest.mark.soak(60)
async def test_a_cluster_with_one_peer_down_then_the_other(tmp_path: Path, binary: Path) -> None:
    folders: Sequence[Path] = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    gossip = (await closed_port()).removeprefix("http://")
    one_of = replace(GROUPED, cluster=gossip)
    two_of = replace(GROUPED, cluster="127.0.0.1:0", peers=(gossip,))
    async with (
        real_alertmanager(folders[0], one_of, binary=binary) as one,
        real_alertmanager(folders[1], two_of, binary=binary) as two,
        stage(
            tmp_path,
            alertmanagers=[asked(one.url, two.url, stale_after="10s")],
            operators_target="ops:oc_platform_team",
        ) as at,
    ):
        await notify(one, folders[0], at, one_of)
        await notify(two, folders[1], at, two_of)
        for peer in (one, two):
            await peer.fire(DISK)
            await peer.fire(LOAD)
        card = await at.message()
        await at.shows(card, "2 firing", limit=30)
        await silenced(two, binary)
        await at.turns(card, "grey", WITHIN)
        os.kill(one.pid, signal.SIGSTOP)
        try:
            await two.resolve(LOAD)
            await at.shows(card, "1 no longer reported", limit=WITHIN + 10)
        finally:
            os.kill(one.pid, signal.SIGKILL)
        os.kill(two.pid, signal.SIGKILL)
        await at.shows(card, "cannot be asked since", limit=WITHIN + 20)
        note = await _note(at)
        await at.shows(note, "prod: Alertmanager cannot be asked")
        assert card.content["header"]["template"] == "grey"


async def _note(at: Stage) -> Message:
    return await at.message("oc_platform_team", limit=WITHIN)

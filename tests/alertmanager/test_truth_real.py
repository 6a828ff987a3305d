"""What both real Alertmanagers, the stable and the current one, say is true."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from receiver.alertmanager.answer import Created
from receiver.alertmanager.client import AlertmanagerClient
from receiver.alertmanager.silences import body_of
from receiver.domain.alert import fingerprint
from receiver.domain.matcher import Operator
from receiver.domain.truth import Truth, Unanswered
from tests.alertmanager.conftest import Desk
from tests.alertmanager.hostile import closed_port
from tests.alertmanager.made import made
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock

LABELS = {"alertname": "DiskFull", "node": "n1", "path": 'C:\\"数据"', "severity": "warning"}
CAUSE = {"alertname": "NodeDown", "node": "n1", "severity": "critical"}
SETTINGS = Settings(
    prefix="/am",
    inhibit_rules=(
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"'],
            "equal": ["node"],
        },
    ),
)
PATIENCE = 20.0  # seconds until a server must have taken something in


@asynccontextmanager
async def running(
    binary: Path, folder: Path, settings: Settings = SETTINGS
) -> AsyncIterator[RealAlertmanager]:
    async with real_alertmanager(folder, settings, binary=binary) as server:
        yield server


async def told(client: AlertmanagerClient) -> Truth:
    seen = await client.truth(wall_clock())
    assert isinstance(seen, Truth), seen
    return seen


async def becomes(client: AlertmanagerClient, holds: Callable[[Truth], bool]) -> Truth:
    """Ask until it is true: servers tell each other, and group, in their own time."""
    async with asyncio.timeout(PATIENCE):
        while not holds(seen := await told(client)):
            pass  # each question is a round trip
    return seen


async def test_what_fires_and_how_it_is_grouped(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with running(alertmanager_binary, tmp_path) as server:
        client = desk.of(server.url)
        before = wall_clock()
        await server.fire(LABELS, {"summary": "满"})
        mine = fingerprint(LABELS)
        seen = await becomes(client, lambda one: bool(one.groups))
        alert = seen.alerts[mine]
        assert (alert.labels, alert.annotations) == (LABELS, {"summary": "满"})
        assert alert.receivers == ("receiver",)
        assert not alert.suppressed
        assert alert.starts_at is not None
        assert before <= alert.starts_at <= wall_clock()
        assert alert.updated_at >= alert.starts_at
        (group,) = seen.groups
        assert (group.receiver, group.labels) == ("receiver", {"alertname": "DiskFull"})
        assert group.fingerprints == (mine,)
        assert abs(seen.up_since - before) < 60_000
        assert not seen.tells_absence()


async def test_what_inhibits_and_what_is_silenced(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with running(alertmanager_binary, tmp_path) as server:
        client = desk.of(server.url)
        mine = fingerprint(LABELS)
        await server.fire(LABELS)
        await server.fire(CAUSE)
        seen = await becomes(client, lambda one: one.alerts[mine].suppressed)
        assert seen.alerts[mine].inhibited_by == (fingerprint(CAUSE),)

        wish = made(matchers=tuple(sorted(LABELS.items())), asked_at=wall_clock())
        created = await client.create(body_of(wish))
        assert isinstance(created, Created)
        seen = await becomes(client, lambda one: bool(one.alerts[mine].silenced_by))
        assert seen.alerts[mine].silenced_by == (created.silence_id,)
        (silence,) = seen.silences
        assert (silence.id, silence.state) == (created.silence_id, "active")
        assert (silence.created_by, silence.action) == ("李雷", "act-1")
        assert silence.ends_at == wish.ends_at
        assert {(one.name, one.value) for one in silence.matchers} == set(LABELS.items())

        await client.expire(created.silence_id)
        await server.resolve(CAUSE)
        await server.resolve(LABELS)
        seen = await becomes(client, lambda one: not one.alerts)
        assert [one.state for one in seen.silences] == ["expired"]


async def test_a_silence_of_amtools_with_all_its_matchers(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with running(alertmanager_binary, tmp_path) as server:
        amtool = alertmanager_binary.with_name("amtool")
        process = await asyncio.create_subprocess_exec(
            amtool, f"--alertmanager.url={server.url}", "silence", "add",
            "--author=ops", "--comment=ticket 7", "--duration=1h",
            "alertname=~Disk.*", "node!=n2", 'team!~"a|b"',
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate()
        assert process.returncode == 0
        (silence,) = (await told(desk.of(server.url))).silences

    assert silence.id == printed.decode().strip()
    assert (silence.created_by, silence.comment, silence.action) == ("ops", "ticket 7", "")
    assert {(one.name, one.operator, one.value) for one in silence.matchers} == {
        ("alertname", Operator.MATCHES, "Disk.*"),
        ("node", Operator.NOT_EQUAL, "n2"),
        ("team", Operator.NOT_MATCHES, "a|b"),
    }


async def test_a_restart_forgets_alerts_and_shows_in_since_when_it_runs(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with running(alertmanager_binary, tmp_path) as server:
        client = desk.of(server.url)
        await server.fire(LABELS)
        await client.create(body_of(made(asked_at=wall_clock())))
        first = await told(client)
        os.kill(server.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while not isinstance(await client.truth(wall_clock()), Unanswered):
                pass
        address = server.url.removeprefix("http://").removesuffix("/am")
        async with running(alertmanager_binary, tmp_path, replace(SETTINGS, listen=address)):
            second = await told(client)

    assert len(first.alerts) == 1
    assert second.alerts == {}
    assert second.up_since > first.up_since
    assert not second.tells_absence()
    assert [one.id for one in second.silences] == [one.id for one in first.silences]


async def test_two_peers_of_a_cluster_gossip_silences_and_not_alerts(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    folders = [Path(tempfile.mkdtemp(dir=tmp_path)) for _ in range(2)]
    gossip = (await closed_port()).removeprefix("http://")
    one_of, two_of = (
        replace(SETTINGS, cluster=gossip),
        replace(SETTINGS, cluster="127.0.0.1:0", peers=(gossip,)),
    )
    async with running(alertmanager_binary, folders[0], one_of) as one:
        async with running(alertmanager_binary, folders[1], two_of) as two:
            both = desk.of(one.url, two.url)
            await one.fire(LABELS)
            await two.fire(CAUSE)
            seen = await told(both)
            assert set(seen.alerts) == {fingerprint(LABELS), fingerprint(CAUSE)}
            assert set((await told(desk.of(one.url))).alerts) == {fingerprint(LABELS)}

            await desk.of(two.url).create(body_of(made(asked_at=wall_clock())))
            await becomes(desk.of(one.url), lambda each: len(each.silences) == 1)
            assert len((await told(both)).silences) == 1

        seen = await told(both)
        assert set(seen.alerts) == {fingerprint(LABELS)}
        assert len(seen.silences) == 1
        assert len(seen.unanswered) == 1
        assert seen.unanswered[0].startswith(two.url)


async def test_another_prefix_is_no_answer(
    desk: Desk, tmp_path: Path, alertmanager_binary: Path
) -> None:
    async with running(alertmanager_binary, tmp_path) as server:
        seen = await desk.of(server.url.removesuffix("/am")).truth(wall_clock())

    assert isinstance(seen, Unanswered)
    assert "HTTP 404" in seen.problem
    assert "check the source's urls" in seen.problem

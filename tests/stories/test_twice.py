"""The same alert told twice, by two peers of a real cluster or again by one: it is one card."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from receiver.sandbox.server import serve_sandbox
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock
from tests.stories.cards import colour
from tests.stories.scene import Scene, moment, paced, report, scene
from tests.stories.setting import PLATFORM, PRODUCTION, TOKEN, source
from tests.stories.witness import Witness, witness

pytestmark = pytest.mark.soak

LABELS = {"alertname": "DiskFull", "instance": "node-01", "severity": "critical"}
SETTLES = 60  # a cluster's gossip
# Alertmanager gives up on an answer after its group_interval, but not before ten seconds.
GIVES_UP = 30.0
STAYS_ONE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Settings):
    """A member of a cluster; ``joins`` is the address of one that runs."""

    joins: str = ""

    def arguments(self, folder: Path) -> tuple[str, ...]:
        """Return the arguments with a cluster of its own, and a second's patience with peers."""
        folder.mkdir(exist_ok=True)
        cluster = ["--cluster.listen-address=127.0.0.1:0", "--cluster.peer-timeout=1s"]
        if self.joins:
            cluster.append(f"--cluster.peer={self.joins}")
        alone = super(Peer, self).arguments(folder)
        return (*(one for one in alone if not one.startswith("--cluster")), *cluster)


async def _cluster(http: httpx.AsyncClient, peer: RealAlertmanager) -> tuple[str, list[str]]:
    """Return the state of a peer's cluster, and its members' addresses."""
    answer = await http.get(f"{peer.url}/api/v2/status")
    told = answer.raise_for_status().json()["cluster"]
    return told["status"], [member["address"] for member in told["peers"]]


@asynccontextmanager
async def twins(folder: Path) -> AsyncIterator[tuple[RealAlertmanager, RealAlertmanager]]:
    """Run two peers that know each other, and notify nobody yet."""
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        real_alertmanager(folder / "first", Peer(external_url="http://am-0")) as first,
    ):
        _, [address] = await _cluster(http, first)
        joined = Peer(external_url="http://am-1", joins=address)
        async with real_alertmanager(folder / "second", joined) as second:
            async for second_of_waiting in paced(range(SETTLES)):  # it tells nobody when it has
                if await _settled(http, first, second):
                    break
                assert second_of_waiting < SETTLES - 1, "the cluster does not settle"
            yield first, second


async def _settled(http: httpx.AsyncClient, *peers: RealAlertmanager) -> bool:
    states = [await _cluster(http, peer) for peer in peers]
    return all(status == "ready" and len(members) == 2 for status, members in states)


async def _notify(at: Scene, peer: RealAlertmanager, ear: Witness, folder: Path) -> None:
    grouped = Peer(group_by=("alertname",), token=TOKEN)
    replace(grouped, webhook_url=f"{ear.url}/webhooks/alertmanager/prod").arguments(folder)
    (await at.http.post(f"{peer.url}/-/reload")).raise_for_status()


@pytest.mark.soak(30)
@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
async def test_two_peers_of_a_cluster_make_one_card(tmp_path: Path, *, slow: bool) -> None:
    async with (
        twins(tmp_path) as (first, second),
        serve_sandbox() as sandbox,
        scene(
            sandbox,
            tmp_path,
            alertmanagers=[source(first.url, second.url)],
            routes=[{"targets": [f"ops:{PRODUCTION}", "legacy"]}],
        ) as at,
        witness(at.url, at.now) as ear,
    ):
        await _notify(at, first, ear, tmp_path / "first")
        await _notify(at, second, ear, tmp_path / "second")
        if slow:  # the second peer does not wait for the first one's answer
            ear.answers.clear()
        await _both(at, first, second)
        await ear.until(lambda: len(_senders(ear)) == 1 + slow, GIVES_UP)
        ear.answers.set()
        [card] = await at.sent(PRODUCTION, 1, 10)
        await at.sent(PLATFORM, 1, 10)
        await _stays_one(at)
        await _both(at, first, second, end=moment(wall_clock()))
        await at.until(lambda: colour(card) == "green", 30)
        await at.sent(PLATFORM, 2, 10)  # that it is over
        await _stays_one(at, posts=2)
        assert len(await at.incidents()) == 1


async def _both(at: Scene, *peers: RealAlertmanager, end: str = "") -> None:
    """Tell both peers at once, as Prometheus does: one that knows less would notify again."""
    tellings = (report(at.http, peer.url, [LABELS], end) for peer in peers)
    await asyncio.gather(*tellings)


def _senders(ear: Witness) -> set[str]:
    return {body["externalURL"] for body in ear.bodies}


async def _stays_one(at: Scene, posts: int = 1) -> None:
    """Watch that no other message comes."""
    await at.until_shown()
    more = [(PRODUCTION, 1), (PLATFORM, posts)]
    await at.never(lambda: any(len(at.messages(chat)) > most for chat, most in more), STAYS_ONE)


@pytest.mark.soak(30)
async def test_what_alertmanager_sends_again_after_a_slow_answer_makes_no_second_card(
    tmp_path: Path,
) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        serve_sandbox() as sandbox,
        scene(
            sandbox,
            tmp_path,
            alertmanagers=[source(alertmanager.url)],
            routes=[{"targets": [f"ops:{PRODUCTION}", "legacy"]}],
        ) as at,
        witness(at.url, at.now) as ear,
    ):
        url = f"{ear.url}/webhooks/alertmanager/prod"
        Settings(webhook_url=url, token=TOKEN).arguments(tmp_path)
        (await at.http.post(f"{alertmanager.url}/-/reload")).raise_for_status()
        ear.answers.clear()
        await report(at.http, alertmanager.url, [LABELS])
        await ear.until(lambda: len(ear.bodies) == 2, GIVES_UP)  # accepted twice, answered never
        assert ear.bodies[0] == ear.bodies[1]
        [card] = await at.sent(PRODUCTION, 1, 10)
        await at.sent(PLATFORM, 1, 10)
        await _stays_one(at)
        ear.answers.set()
        await report(at.http, alertmanager.url, [LABELS], moment(wall_clock()))
        await at.until(lambda: colour(card) == "green", GIVES_UP)
        await at.sent(PLATFORM, 2, 10)
        await _stays_one(at, posts=2)
        assert len(await at.incidents()) == 1

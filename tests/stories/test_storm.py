"""Three hundred groups at once before a group bot, with the real Alertmanager and real limits."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from receiver.sandbox.server import serve_sandbox
from receiver.sandbox.state import Message
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager, wall_clock
from tests.stories.cards import Json, colour, words
from tests.stories.scene import Scene, moment, names_in, reading, report, said_in, scene, storm
from tests.stories.setting import PLATFORM, PRODUCTION, TOKEN, source
from tests.stories.witness import Witness, witness

pytestmark = pytest.mark.soak

GROUPS = 300
NAMES = [f"node-{number:03}" for number in range(GROUPS)]
# Spread over the storm, as the alerts of one failed switch would be.
CRITICAL = NAMES[30::60]
ONE_EACH = Settings(group_by=("alertname", "instance"))
# What 100 a minute allow: three whole minutes, and what was left for critical ones.
DRAIN = 240.0
REACHED_MS = 30_000
CRITICAL_MS = 3_000
# A second's worth of messages may have been on its way before the first critical one arrived.
AHEAD_MOST = 5
STORM_LASTS = 120.0  # a minute of calm ends it
LEISURE = 30.0


@dataclass
class Storm:
    """A running storm's parts."""

    at: Scene
    alertmanager: RealAlertmanager
    ear: Witness

    async def breaks(self, critical: Sequence[str] = ()) -> None:
        """Fire everything at once, and wait until the receiver has accepted it."""
        alerts = [
            {
                "alertname": "LinkDown",
                "instance": name,
                "severity": "critical" if name in critical else "warning",
            }
            for name in NAMES
        ]
        await report(self.at.http, self.alertmanager.url, alerts)
        await self.ear.hears("firing", *NAMES)
        assert not self.ear.refusals

    async def clears(self, names: Sequence[str]) -> None:
        """End these, and wait until the receiver knows."""
        ends = moment(wall_clock())
        alerts = [
            {"alertname": "LinkDown", "instance": name, "severity": "warning"} for name in names
        ]
        await report(self.at.http, self.alertmanager.url, alerts, ends)
        await self.ear.hears("resolved", *names)


@asynccontextmanager
async def storming(
    folder: Path,
    *targets: str,
    settings: Settings = ONE_EACH,
    mention: Sequence[str] = (),
    **keys: Json,
) -> AsyncIterator[Storm]:
    """Run Alertmanager, a witness, the receiver and the sandbox until the block ends."""
    async with real_alertmanager(folder) as alertmanager, serve_sandbox() as sandbox:
        sandbox.state.turn(refused_calls_count=True)  # the less forgiving reading of the limits
        async with (
            scene(
                sandbox,
                folder,
                alertmanagers=[source(alertmanager.url)],
                routes=[{"targets": list(targets), "mention": list(mention)}],
                **keys,
            ) as at,
            witness(at.url, at.now) as ear,
        ):
            await _notify(at, alertmanager, ear, folder, settings)
            yield Storm(at, alertmanager, ear)


async def _notify(
    at: Scene, alertmanager: RealAlertmanager, ear: Witness, folder: Path, settings: Settings
) -> None:
    """Have Alertmanager post to the witness."""
    url = f"{ear.url}/webhooks/alertmanager/prod"
    replace(settings, webhook_url=url, token=TOKEN).arguments(folder)
    (await at.http.post(f"{alertmanager.url}/-/reload")).raise_for_status()


@pytest.mark.soak(210)
async def test_three_hundred_groups_are_three_hundred_messages_and_no_call_is_refused(
    tmp_path: Path,
) -> None:
    async with storming(tmp_path, "legacy", **storm(enabled=False)) as here:
        await here.breaks()
        messages = await here.at.sent(PLATFORM, GROUPS, DRAIN)
        shown = said_in(messages, NAMES)
        assert [name for name, own in shown.items() if len(own) != 1] == []
        assert {len(names_in(message)) for message in messages} == {1}
        await here.at.until_shown()
        calls = here.at.calls("hook")
        assert len(calls) == GROUPS
        assert {(call.http, call.code) for call in calls} == {(200, 0)}


async def test_in_storm_mode_every_alert_can_be_reached_from_a_message_within_thirty_seconds(
    tmp_path: Path,
) -> None:
    async with (
        storming(tmp_path, "legacy", **storm(enabled=True)) as here,
        reading(here.at.sandbox) as told,
    ):
        await here.at.calm(REACHED_MS / 1000)
        await here.breaks()
        await told.of(NAMES, REACHED_MS / 1000)
        heard = {name: here.ear.heard["firing", name] for name in NAMES}
        assert told.waits(heard, REACHED_MS) == {}
        assert here.at.limited() == []


@pytest.mark.parametrize("enabled", [False, True], ids=["off", "on"])
async def test_the_critical_ones_of_three_hundred_come_first(
    tmp_path: Path, *, enabled: bool
) -> None:
    async with storming(tmp_path, "legacy", **storm(enabled=enabled)) as here:
        await here.breaks(CRITICAL)
        await here.at.until(lambda: all(_own(here.at.messages(PLATFORM), CRITICAL)), 30)
        messages = here.at.messages(PLATFORM)
        own = dict(zip(CRITICAL, _own(messages, CRITICAL), strict=True))
        times = {name: card.create_time for name, card in own.items() if card}
        assert times.keys() == set(CRITICAL)
        waits = {name: at - here.ear.heard["firing", name] for name, at in times.items()}
        assert max(waits.values()) <= CRITICAL_MS, waits
        last = max(times.values())
        before = [message for message in messages if message.create_time < last]
        lesser = [message for message in before if message not in own.values()]
        assert len(lesser) <= AHEAD_MOST, [words(message) for message in lesser]
        assert here.at.limited() == []


def _own(messages: Sequence[Message], names: Sequence[str]) -> list[Message | None]:
    """Return the message that tells each of these names, and no other alert's."""
    alone = {found.pop(): message for message in messages if len(found := names_in(message)) == 1}
    return [alone.get(name) for name in names]


@pytest.mark.soak(90)
async def test_what_still_fires_after_a_storm_gets_a_card_of_its_own_and_calls_nobody(
    tmp_path: Path,
) -> None:
    still = NAMES[150:170]
    async with (
        storming(
            tmp_path, f"ops:{PRODUCTION}", mention=["li@example.com"], **storm(enabled=True)
        ) as here,
        reading(here.at.sandbox) as told,
    ):
        at = here.at
        await here.breaks()
        await told.of(NAMES, REACHED_MS / 1000)
        digest = next(one for one in at.messages(PRODUCTION) if len(names_in(one)) > 1)
        await here.clears([name for name in NAMES if name not in still])
        await at.until(lambda: "Alert storm over" in words(digest), STORM_LASTS)
        await at.until(lambda: all(_own(at.messages(PRODUCTION), still)), LEISURE)
        await at.until_shown()
        messages = [one for one in at.messages(PRODUCTION) if one.root_id is None]
        after = [one for one in messages if one.create_time > digest.create_time]
        assert sorted(names_in(one).pop() for one in after) == still
        assert [one.mentions for one in after if one.mentions] == []
        assert {colour(one) for one in after} == {"orange"}
        lasted = (digest.update_time - digest.create_time) / 1000
        assert digest.updates <= lasted + 1  # once a second at most
        assert at.limited() == []


async def test_a_group_of_two_hundred_is_one_card_that_counts_them_all(tmp_path: Path) -> None:
    together = Settings(group_by=("alertname",), group_wait="1s")
    members = [f"node-{number:03}" for number in range(200)]
    why = "x" * 400  # of each: together ten times what a card may have
    async with storming(tmp_path, f"ops:{PRODUCTION}", "legacy", settings=together) as here:
        alerts = [
            {"alertname": "LinkDown", "instance": name, "severity": "warning", "why": why + name}
            for name in members
        ]
        await report(here.at.http, here.alertmanager.url, alerts)
        await here.ear.hears("firing", *members)
        for chat in (PRODUCTION, PLATFORM):
            [card] = await here.at.sent(chat, 1, 10)
            assert "200 firing" in words(card)
            assert "more are not listed" in words(card)
        [incident] = await here.at.incidents()
        whole = await here.at.api(f"incidents/{incident['id']}")
        assert {one["labels"]["instance"] for one in whole["alerts"]} == set(members)
        assert all(one["firing"] for one in whole["alerts"])
        await here.at.until_shown()
        assert len(here.at.messages(PRODUCTION)) == len(here.at.messages(PLATFORM)) == 1
        assert {call.code for call in here.at.calls("create", "hook")} == {0}

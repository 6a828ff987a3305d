"""What the real Alertmanager does besides firing once: flapping, restarting, being killed."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager
from tests.stage import TOKEN, Stage, controls, notify, source, stage, words

LABELS = {"alertname": "HighLoad", "cluster": "east", "severity": "warning"}
GROUPED = Settings(group_by=("alertname", "cluster"))


async def test_what_fires_again_soon_after_its_end_is_the_same_card_again(tmp_path: Path) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
    ):
        await notify(alertmanager, tmp_path, at)
        await alertmanager.fire(LABELS)
        card = await at.message()
        await at.click(card, "acknowledge")
        await at.turns(card, "blue")
        await at.quiet()
        await alertmanager.resolve(LABELS)
        await at.turns(card, "green")
        await alertmanager.fire(LABELS)
        await at.turns(card, "orange")
        await at.shows(card, "fired again ×1")
        assert "acknowledge" in controls(card.content)
        reply = await at.message(number=2)
        assert "Firing again" in words(reply)
        assert reply.root_id == card.message_id
        [incident] = await at.incidents()
        assert incident["acknowledged_by"] is None
        assert incident["reopened"] == 1


def killed(alertmanager: RealAlertmanager) -> None:
    """Kill it: what it notified of lately is forgotten."""
    os.kill(alertmanager.pid, signal.SIGKILL)


def stopped(alertmanager: RealAlertmanager) -> None:
    """Stop it: it remembers what it notified of."""
    os.kill(alertmanager.pid, signal.SIGTERM)


@pytest.mark.parametrize("end", [stopped, killed])
async def test_an_alertmanager_that_starts_anew_makes_no_second_card(
    tmp_path: Path, end: Callable[[RealAlertmanager], None]
) -> None:
    async with (
        real_alertmanager(tmp_path) as first,
        stage(tmp_path, alertmanagers=[source(first.url)]) as at,
    ):
        await notify(first, tmp_path, at)
        await first.fire(LABELS)
        card = await at.message()
        end(first)
        url = f"{at.receiver.url}/webhooks/alertmanager/prod"
        again = replace(GROUPED, webhook_url=url, token=TOKEN)
        async with real_alertmanager(tmp_path, again) as second:
            await second.fire(LABELS)
            await second.fire({**LABELS, "instance": "db-2"})
            await at.shows(card, "2 firing")
            await at.quiet()
            await _resolve(second, at)
        await at.turns(card, "green")
        await at.quiet()
        assert [one.root_id for one in at.messages()].count(None) == 1
        assert len(await at.incidents()) == 1


async def _resolve(alertmanager: RealAlertmanager, at: Stage) -> None:
    for labels in (LABELS, {**LABELS, "instance": "db-2"}):
        await alertmanager.resolve(labels)
    [card, *_] = at.messages()
    await at.shows(card, "2 resolved")

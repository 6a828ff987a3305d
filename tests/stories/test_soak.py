"""The same path in real time: repeats, outages, restarts, silences of the sender itself."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml

from receiver.app import App
from receiver.sandbox.server import Sandbox, serve_sandbox
from receiver.sandbox.state import Message
from tests.real_alertmanager import RealAlertmanager, Settings, real_alertmanager
from tests.stage import (
    TOKEN,
    Gate,
    Stage,
    alert,
    app_of,
    bot_of,
    colour,
    connect,
    gate,
    notify,
    receiving,
    settings,
    source,
    stage,
    words,
)

pytestmark = pytest.mark.soak

LABELS = {"alertname": "HighLoad", "cluster": "east", "severity": "critical"}
# A repeat is told from a duplicate by a minute between them; one more for the flushes.
REPEATS = Settings(group_by=("alertname",), group_interval="5s", repeat_interval="65s")
REPEAT_PATIENCE = 90.0
BACK_OFF_CAP = 60.0
OUTAGE = 60.0


@pytest.mark.soak(150)
async def test_alertmanagers_repeat_calls_people_until_somebody_acknowledges(
    tmp_path: Path,
) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
    ):
        await notify(alertmanager, tmp_path, at, REPEATS)
        await alertmanager.fire(LABELS)
        card = await at.message()
        reply = await at.message(number=2, limit=REPEAT_PATIENCE)
        assert reply.root_id == card.message_id
        assert "Still firing, and nobody has acknowledged" in words(reply)
        await at.click(card, "acknowledge")
        await at.turns(card, "blue")

        async def repeated() -> bool:
            return await at.metric("receiver_bodies_total", reason="repeat") == 2

        await at.when(repeated, REPEAT_PATIENCE, pause=1)
        await at.quiet()
        assert len(at.messages()) == 2
        await alertmanager.resolve(LABELS)
        await at.turns(card, "green")
        assert len([one for one in at.messages() if one.root_id is None]) == 1


@pytest.mark.soak(80)
async def test_an_alert_whose_sender_falls_silent_resolves_and_comes_back_on_its_card(
    tmp_path: Path,
) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        stage(tmp_path, alertmanagers=[source(alertmanager.url)]) as at,
    ):
        await _forgetful(at, alertmanager.url, tmp_path)
        await alertmanager.fire(LABELS)
        card = await at.message()
        await at.turns(card, "green", limit=60)
        await alertmanager.fire(LABELS)
        await at.turns(card, "red", limit=30)
        await at.shows(card, "fired again ×1")
        await at.turns(card, "green", limit=60)
        assert len([one for one in at.messages() if one.root_id is None]) == 1


async def _forgetful(at: Stage, url: str, folder: Path) -> None:
    """Have Alertmanager take an alert for resolved when it was not sent again for 15 s."""
    chosen = replace(Settings(), webhook_url=f"{at.receiver.url}/webhooks/alertmanager/prod")
    document = {**replace(chosen, token=TOKEN).config(), "global": {"resolve_timeout": "15s"}}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(document), "utf-8")
    (await at.http.post(f"{url}/-/reload")).raise_for_status()


@pytest.mark.soak(70)
async def test_a_silence_that_nobody_confirms_fails_after_a_minute_and_its_asker_is_told(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as at:  # its Alertmanager is not there
        await at.fire(alert())
        card = await at.message()
        await at.click(card, "silence", scope="group", duration="1h", comment="")
        await at.shows(card, "asked to silence this group")
        await at.shows(card, "could not silence this group", limit=90)
        assert colour(card) == "red"
        reply = await at.message(number=2)
        assert {mention["id"] for mention in reply.mentions} == {"ou_han"}
        [incident] = await at.incidents()
        [failed] = incident["silences"]
        assert failed["state"] == "failed"
        assert "did not confirm" in failed["problem"]


@pytest.mark.soak(30)
async def test_a_create_that_hangs_after_it_was_accepted_makes_one_card(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        at.desk.fault("create", "hang", after=True)
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        await at.shows(card, "2 firing", limit=60)
        await at.quiet(limit=60)
        assert len([one for one in at.messages() if one.root_id is None]) == 1
        assert len(at.calls("create")) == 2


@pytest.mark.soak(40)
async def test_an_edit_whose_outcome_is_unknown_is_made_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        await at.fire(alert(instance="db-1"))
        card = await at.message()
        await at.quiet()
        at.desk.fault("patch", "reset")
        await at.fire(alert(instance="db-1"), alert(instance="db-2"))
        await at.until(lambda: len(at.calls("patch")) == 1)
        assert "1 firing" in words(card)
        await at.shows(card, "2 firing", limit=45)
        await at.quiet()
        assert len([one for one in at.messages() if one.root_id is None]) == 1


@pytest.mark.soak(120)
async def test_an_outage_of_feishu_with_a_restart_in_it_loses_nothing(tmp_path: Path) -> None:
    async with (
        real_alertmanager(tmp_path) as alertmanager,
        serve_sandbox() as sandbox,
        gate(sandbox.platform_url) as door,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        document = settings(
            sandbox,
            tmp_path,
            alertmanagers=[source(alertmanager.url)],
            feishu=[app_of(sandbox, door.url), bot_of(sandbox)],
        )
        async with receiving(document, tmp_path) as receiver:
            at = await _stage(sandbox, receiver, http, tmp_path)
            await notify(alertmanager, tmp_path, at, Settings(group_by=("alertname",)))
            await _storm(at, alertmanager, door)
            document["server"]["listen"] = receiver.url.removeprefix("http://")
        async with receiving(document, tmp_path) as receiver:
            at = await _stage(sandbox, receiver, http, tmp_path)
            await alertmanager.resolve({**LABELS, "alertname": "Before"})
            await alertmanager.fire({**LABELS, "alertname": "AfterRestart"})
            with pytest.raises(TimeoutError):  # nothing gets through before the gate opens
                await at.until(lambda: len(at.messages()) > 1, OUTAGE)
            assert colour(at.messages()[0]) == "blue"
            await door.open()
            await at.quiet(limit=2 * BACK_OFF_CAP)
            _check(at.messages())


async def _stage(sandbox: Sandbox, receiver: App, http: httpx.AsyncClient, folder: Path) -> Stage:
    await connect(sandbox, receiver)
    return Stage(sandbox, receiver, http, folder)


async def _storm(at: Stage, alertmanager: RealAlertmanager, door: Gate) -> None:
    """Fire before and during the outage, and click while nothing can be edited."""
    await alertmanager.fire({**LABELS, "alertname": "Before"})
    card = await at.message()
    await at.quiet()
    await door.shut()
    clicked = await at.click(card, "acknowledge")
    assert clicked.card_replaced
    for number in range(4):
        await alertmanager.fire({**LABELS, "alertname": f"During{number}"})
    await alertmanager.fire({**LABELS, "alertname": "During0", "instance": "second"})
    await alertmanager.resolve({**LABELS, "alertname": "During1"})

    async def accepted() -> bool:
        return len(await at.incidents()) == 5

    await at.when(accepted, 20)


def _check(messages: list[Message]) -> None:
    cards = {
        message.content["header"]["title"]["content"]: message
        for message in messages
        if message.root_id is None
    }
    assert len([one for one in messages if one.root_id is None]) == len(cards)
    colours = {title: colour(card) for title, card in cards.items()}
    assert colours == {
        "Before": "green",
        "During0": "red",
        "During1": "green",
        "During2": "red",
        "During3": "red",
        "AfterRestart": "red",
    }
    assert "2 firing" in words(cards["During0"])

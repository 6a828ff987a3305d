"""A reload swaps what changed, keeps what did not, and refuses what needs a restart."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from receiver import assembly
from receiver.app import App, World, real_world, running
from receiver.config import parse
from receiver.domain.silence import CONFIRM_WITHIN
from receiver.sandbox.server import serve_sandbox
from receiver.telemetry.logs import build_logging
from tests.stage import (
    PLATFORM,
    PRODUCTION,
    Json,
    Stage,
    app_of,
    bot_of,
    connect,
    settings,
    source,
)
from tests.stories.bodies import alert, body
from tests.stories.cards import words


class Patient(World):
    """A world in which replaced clients are closed when the test says so."""

    retire: asyncio.Event

    @staticmethod
    async def pause(seconds: float) -> None:
        """Wait; for the retirement of clients, until the test calls for it."""
        if seconds == assembly.RETIRE_AFTER:
            await Patient.retire.wait()
        else:
            await World.pause(seconds)


def patient() -> Patient:
    """Return the machine's own time, but for retirements."""
    Patient.retire = asyncio.Event()
    real = real_world()
    return Patient(now=real.now, timer=real.timer, luck=real.luck)


class Bench(Stage):
    """A stage whose configuration can be written again."""

    document: Json

    async def reload(self, **keys: Any) -> str:
        """Change top-level keys in the file, and have it read again."""
        changed = {**self.document, **keys}
        path = self.folder / "receiver.yaml"
        fresh = path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(changed, allow_unicode=True), "utf-8")
        fresh.replace(path)
        problem = await self.receiver.reload()
        if not problem:
            self.document = changed
        return problem

    async def status(self, path: str) -> int:
        """Post a webhook to a path, and return the status of the answer."""
        url = f"{self.receiver.url}{path}"
        return (await self.http.post(url, json=body(alert()))).status_code


@asynccontextmanager
async def reloading(folder: Path, **keys: Any) -> AsyncIterator[Bench]:
    """Run a receiver in front of a sandbox."""
    async with serve_sandbox() as sandbox:
        document = settings(sandbox, folder, **keys)
        text = yaml.safe_dump(document, allow_unicode=True)
        path = folder / "receiver.yaml"
        path.write_text(text, "utf-8")
        with (folder / "receiver.log").open("ab", buffering=0) as log:
            app = App(
                parse(text, {}, folder),
                path=path,
                environ={},
                logs=build_logging("info", log),
                world=patient(),
            )
            async with running(app), httpx.AsyncClient(trust_env=False) as http:
                await connect(sandbox, app)
                made = Bench(sandbox, app, http, folder)
                made.document = document
                yield made


async def test_sources_come_and_go(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        second = {"name": "second", "urls": []}
        await at.fire(alert())
        assert await at.status("/webhooks/alertmanager/second") == 404
        assert await at.reload(alertmanagers=[source(), second]) == ""
        assert await at.status("/webhooks/alertmanager/second") == 200
        assert await at.metric("receiver_webhook_requests_total", source="second") == 1
        assert await at.reload(alertmanagers=[source()], agents=[]) == ""
        assert await at.status("/webhooks/alertmanager/second") == 404
        assert await at.status("/webhooks/agents/helper") == 404
        assert await at.fire(alert()) == "duplicate"  # the incident is the store's, not the file's


async def test_a_new_token_is_wanted_at_once(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        assert await at.reload(alertmanagers=[{**source(), "webhook_token": "another"}]) == ""
        path = "/webhooks/alertmanager/prod"
        assert await at.status(path) == 401


async def test_routes_and_templates_are_those_of_the_new_file(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        await at.fire(alert("Old"))
        old = await at.message()
        await at.quiet()
        routes = [{"targets": [f"ops:{PLATFORM}"]}]
        titles = {"title": "Look here: {{ incident.title }}"}
        assert await at.reload(routes=routes, templates=titles) == ""
        await at.fire(alert("New"))
        new = await at.message(PLATFORM)
        await at.quiet()
        assert "Look here: New" in words(new)
        assert "Look here" not in words(old)
        assert old.updates == 0
        assert len(at.messages(PRODUCTION)) == 1
        assert await at.reload(templates={}) == ""
        await at.fire(alert("Newest"))
        assert "Look here" not in words(await at.message(PLATFORM, 2))


async def test_an_unchanged_app_keeps_its_token_and_a_changed_one_fetches_anew(
    tmp_path: Path,
) -> None:
    async with reloading(tmp_path) as at:
        await at.fire(alert("One"))
        await at.message()
        assert at.calls("token") == [0]
        assert await at.reload(flap_window="5m") == ""
        await at.fire(alert("Two"))
        await at.message(number=2)
        assert at.calls("token") == [0]
        changed = {**app_of(at.sandbox), "encrypt_key": "another-encrypt-key"}
        assert await at.reload(feishu=[changed, bot_of(at.sandbox)]) == ""
        await at.fire(alert("Three"))
        await at.message(number=3)
        assert at.calls("token") == [0, 0]


async def test_replaced_clients_are_closed_after_their_calls(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        before = at.receiver.parts.connections["ops"]
        assert await at.reload(flap_window="5m") == ""
        assert at.receiver.parts.connections["ops"] is before
        changed = {**app_of(at.sandbox), "app_id": "cli_other"}
        assert await at.reload(feishu=[changed, bot_of(at.sandbox)]) == ""
        after = at.receiver.parts.connections["ops"]
        assert after is not before
        assert not before.is_closed
        Patient.retire.set()
        await at.when(lambda: closed(before))
        assert not after.is_closed
    assert after.is_closed


async def closed(client: httpx.AsyncClient) -> bool:
    """Say whether a client is closed."""
    return client.is_closed


async def test_a_stop_closes_what_was_to_be_closed_later(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        before = at.receiver.parts.connections["ops"]
        changed = {**app_of(at.sandbox), "app_id": "cli_other"}
        assert await at.reload(feishu=[changed, bot_of(at.sandbox)]) == ""
        assert not before.is_closed
    assert before.is_closed


def test_a_replaced_client_outlives_the_longest_drive_of_a_silence() -> None:
    assert assembly.RETIRE_AFTER > CONFIRM_WITHIN / 1000 + 5


Change = Callable[[Json, Path], Json]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("server.listen", lambda old, _: {"server": {**old["server"], "listen": "127.0.0.1:1"}}),
        (
            "server.ops_listen",
            lambda old, _: {"server": {**old["server"], "ops_listen": "127.0.0.1:1"}},
        ),
        ("store.url", lambda _, folder: {"store": {"url": f"sqlite:///{folder}/other.db"}}),
    ],
)
async def test_what_needs_a_restart_is_refused_by_name(
    name: str, change: Change, tmp_path: Path
) -> None:
    async with reloading(tmp_path) as at:
        changed = {**change(at.document, tmp_path), "alertmanagers": []}
        problem = await at.reload(**changed)
        assert name in problem
        assert "restart" in problem
        assert problem in at.log()
        assert "receiver_config_last_reload_successful 0.0" in await scrape(at)
        assert await at.fire(alert()) == "first"  # the source is still there: nothing was changed
        assert await at.reload() == ""
        assert "receiver_config_last_reload_successful 1.0" in await scrape(at)


async def scrape(at: Stage) -> str:
    """Return the metrics as text."""
    return (await at.http.get(f"{at.receiver.ops_url}/metrics")).text


async def test_cards_of_a_target_that_is_gone_become_dead_letters(tmp_path: Path) -> None:
    routes = [{"targets": [f"ops:{PRODUCTION}", "legacy"]}]
    async with reloading(tmp_path, routes=routes) as at:
        await at.fire(alert(instance="a"))
        await at.message()
        await at.message(PLATFORM)
        await at.quiet()
        only = {"feishu": [app_of(at.sandbox)], "routes": [{"targets": [f"ops:{PRODUCTION}"]}]}
        assert await at.reload(**only) == ""
        await at.fire(alert(instance="a"), alert(instance="b"))
        (letter,) = await at.when(lambda: at.receiver.store.dead_letters(10))
        assert letter.target == "legacy"
        assert "no longer configured" in letter.problem
        await at.quiet()
        assert "2 firing" in words(at.messages()[0])
        assert await at.reload(feishu=[app_of(at.sandbox), bot_of(at.sandbox)]) == ""
        answer = await at.http.post(f"{at.receiver.ops_url}/api/v1/dead-letters/{letter.id}/replay")
        assert answer.status_code == 200
        await at.message(PLATFORM, 2)


async def test_of_two_reloads_at_once_the_newer_file_stays(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        first = asyncio.create_task(at.reload(flap_window="5m"))
        second = asyncio.create_task(at.reload(flap_window="6m"))
        assert not any(await asyncio.gather(first, second))
        assert at.receiver.config.flap_window == 6 * 60_000


async def test_warnings_of_the_new_file_are_logged(tmp_path: Path) -> None:
    async with reloading(tmp_path) as at:
        unguarded = {"name": "prod", "urls": []}
        assert await at.reload(alertmanagers=[unguarded]) == ""
        warnings = at.receiver.config.warnings
        assert warnings
        events = [json.loads(line) for line in at.log().splitlines()]
        assert set(warnings) <= {event.get("warning") for event in events}

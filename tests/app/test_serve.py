"""``receiver serve`` as a process: it starts, refuses, reloads and stops as it promises."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.store.schema import VERSION
from tests.app.held import held_platform
from tests.app.made import SECRETS, document, leaks, write
from tests.app.process import serving
from tests.stories.bodies import alert, body

START_SECONDS = 5.0  # far more than it takes, and far less than a probe waits
BEARER = {"Authorization": f"Bearer {SECRETS['webhook_token']}"}
OPERATOR = {"Authorization": f"Bearer {SECRETS['ops_token']}"}


async def fire(url: str, http: httpx.AsyncClient, **keys: Any) -> None:
    """Post a webhook as the configured source does."""
    answer = await http.post(
        f"{url}/webhooks/alertmanager/prod", json=body(alert(), **keys), headers=BEARER
    )
    assert answer.status_code == 200, answer.text


async def gone(url: str) -> None:
    """Wait until nobody listens at an address any more."""
    async with asyncio.timeout(20):
        while True:
            try:
                # A connection of its own each time: one that is kept alive would prove nothing.
                async with httpx.AsyncClient(trust_env=False) as http:
                    await http.get(url)
            except httpx.TransportError:
                return


async def test_it_starts_soon_answers_and_stops_at_sigterm(tmp_path: Path) -> None:
    began = time.monotonic()
    async with (
        serving(write(tmp_path, document(tmp_path))) as receiver,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        ops = await receiver.ops_url()
        assert time.monotonic() - began < START_SECONDS
        assert (await http.get(f"{ops}/-/healthy")).status_code == 200
        assert (await http.get(f"{ops}/-/ready")).status_code == 200
        receiver.process.send_signal(signal.SIGTERM)
        assert await receiver.ended() == 0
    assert leaks("".join(receiver.lines)) == []
    assert all(
        {"timestamp", "level", "logger", "event"} <= event.keys() for event in receiver.events
    )


async def test_a_delivery_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    async with held_platform() as platform, httpx.AsyncClient(trust_env=False) as http:
        config = document(tmp_path, feishu=platform.url)
        config["routes"] = [{"targets": ["ops:oc_production_alerts"]}]
        async with serving(write(tmp_path, config)) as receiver:
            await fire(await receiver.url(), http)
            await platform.waiting()
            receiver.process.send_signal(signal.SIGTERM)
            await gone(await receiver.url())
            assert receiver.process.returncode is None
            platform.release.set()
            assert await receiver.ended() == 0
            delivery = await receiver.event("delivery")
    assert delivery["outcome"] == "delivered"
    with closing(sqlite3.connect(tmp_path / "receiver.db")) as db:
        (kept,) = db.execute("SELECT count(*) FROM cards WHERE message_id = 'om_held'").fetchone()
    assert kept == 1


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("server", "commit_timeout", "soon", ("server.commit_timeout", "'soon'", "500ms")),
        ("store", "url", "mysql://db/x", ("store.url", "sqlite")),
    ],
)
async def test_a_bad_configuration_is_refused_with_path_value_and_cure(
    section: str, key: str, value: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    config = document(tmp_path)
    config[section][key] = value
    async with serving(write(tmp_path, config)) as receiver:
        assert await receiver.ended() == 1
    said = "".join(receiver.lines)
    assert all(word in said for word in words), said
    assert leaks(said) == []
    assert "Traceback" not in said


async def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "receiver.db")) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    async with serving(write(tmp_path, document(tmp_path))) as receiver:
        assert await receiver.ended() == 1
    said = "".join(receiver.lines)
    assert "schema version" in said
    assert "Traceback" not in said


async def test_a_second_process_on_the_store_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    async with serving(write(tmp_path, document(tmp_path))) as first:
        address = httpx.URL(await first.url()).netloc.decode()
        async with serving(tmp_path / "receiver.yaml") as second:
            assert await second.ended() == 1
        said = "".join(second.lines)
        assert f"process {first.process.pid}" in said
        assert "store.url" in said
        other = tmp_path / "other"
        other.mkdir()
        config = document(other)
        config["server"]["listen"] = address
        async with serving(write(other, config)) as third:
            assert await third.ended() == 1
        said = "".join(third.lines)
        assert f"server.listen: cannot listen on {address}" in said
        assert "Traceback" not in said


async def test_sighup_and_post_reload_and_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    config = document(tmp_path)
    path = write(tmp_path, config)
    async with serving(path) as receiver, httpx.AsyncClient(trust_env=False) as http:
        url, ops = await receiver.url(), await receiver.ops_url()
        config["alertmanagers"].append({"name": "second"})
        write(tmp_path, config)
        receiver.process.send_signal(signal.SIGHUP)
        await receiver.event("configuration reloaded")
        second = f"{url}/webhooks/alertmanager/second"
        assert (await http.post(second, json=body(alert()))).status_code == 200

        path.write_text("routes: nonsense")
        receiver.process.send_signal(signal.SIGHUP)
        refused = await receiver.event("configuration not reloaded")
        assert "routes" in refused["problem"]
        metrics = (await http.get(f"{ops}/metrics")).text
        assert "receiver_config_last_reload_successful 0.0" in metrics
        assert (await http.post(second, json=body(alert()))).status_code == 200

        answer = await http.post(f"{ops}/-/reload", headers=OPERATOR)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert "routes" in answer.json()["detail"]
        write(tmp_path, config)
        assert (await http.post(f"{ops}/-/reload")).status_code == 401
        assert (await http.post(f"{ops}/-/reload", headers=OPERATOR)).status_code == 200
        metrics = (await http.get(f"{ops}/metrics")).text
        assert "receiver_config_last_reload_successful 1.0" in metrics
        receiver.process.send_signal(signal.SIGINT)
        assert await receiver.ended() == 0
    assert leaks("".join(receiver.lines)) == []

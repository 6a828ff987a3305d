"""A receiver without a public address: clicks along the long connection, whatever happens to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from receiver.sandbox.server import serve_sandbox
from tests.stage import Json, Stage, app_of, bot_of, receiving, settings, values
from tests.stories.bodies import alert, over

KEYS = ("encrypt_key", "verification_token")


def streamed(entry: Json) -> Json:
    """Return an app's entry with a long connection, and so without keys."""
    kept = {key: value for key, value in entry.items() if key not in KEYS}
    return {**kept, "callbacks": "long_connection"}


@asynccontextmanager
async def streaming(folder: Path, keys: Json | None = None, **knobs: Any) -> AsyncIterator[Stage]:
    """Run a receiver that the sandbox calls along its long connection; ``keys`` as in settings."""
    async with serve_sandbox() as sandbox:
        sandbox.state.turn(ws_reconnect_nonce_s=0, ws_reconnect_interval_s=1, **knobs)
        feishu = [streamed(app_of(sandbox)), bot_of(sandbox)]
        document = settings(sandbox, folder, feishu=feishu, **(keys or {}))
        async with (
            receiving(document, folder) as receiver,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            at = Stage(sandbox, receiver, http, folder)
            await connected(at)
            assert at.desk.use_long_connection(at.app.app_id) is None
            yield at


async def connected(at: Stage, number: int = 1) -> None:
    """Wait until the platform sees so many connections."""
    await at.until(lambda: len(at.desk.tenant.lines.of(at.app.app_id)) == number)


@pytest.mark.parametrize("knobs", [{}, {"ws_click_type": "card"}, {"ws_fragment_bytes": 64}])
async def test_a_click_is_obeyed_and_answered_with_the_card(
    tmp_path: Path, knobs: dict[str, Any]
) -> None:
    async with streaming(tmp_path, **knobs) as at:
        await at.fire(alert())
        message = await at.message()
        await at.quiet()  # before its number is known, no answer can carry it
        clicked = await at.click(message, "acknowledge")
        assert (clicked.code, clicked.card_replaced) == (0, True)
        assert clicked.toast is not None
        assert clicked.toast["type"] == "success"
        await at.shows(message, "韩梅梅")
        assert await at.metric("receiver_feishu_ws_connected", app="ops") == 1
        kind = knobs.get("ws_click_type", "event")
        assert await at.metric("receiver_feishu_ws_frames_total", app="ops", type=kind) >= 1
        assert await at.metric("receiver_feishu_ws_ack_duration_seconds_count", app="ops") == 1
        assert await at.metric("receiver_callback_requests_total", app="ops", outcome="ok") == 1
        await at.fire(over(alert()))
        await at.turns(message, "green")
        assert "sandbox-app-secret" not in at.log()
        assert "access_key" not in at.log()


async def test_a_cut_connection_comes_back_and_readiness_does_not_mind(tmp_path: Path) -> None:
    async with streaming(tmp_path) as at:
        await at.fire(alert())
        message = await at.message()
        at.desk.fault("ws_endpoint", "json")
        assert at.desk.cut_connections(at.app.app_id) == 1
        await connected(at, 0)
        assert (await at.http.get(f"{at.receiver.ops_url}/-/ready")).status_code == 200
        await connected(at)
        assert (await at.click(message, "acknowledge")).code == 0
        lost = "receiver_feishu_ws_reconnects_total"
        assert await at.metric(lost, app="ops", reason="closed") == 1
        assert await at.metric(lost, app="ops", reason="busy") == 1


async def test_the_same_click_twice_is_obeyed_once(tmp_path: Path) -> None:
    async with streaming(tmp_path) as at:
        await at.fire(alert())
        message = await at.message()
        button = values(message.content)["acknowledge"]
        document = at.callback("韩梅梅", message, button)
        courier = at.desk.courier
        for _ in range(2):
            assert (await courier.post(at.app, document, 3_000)).code == 0
        done = await at.metric("receiver_actions_total", action="acknowledge", outcome="done")
        again = await at.metric("receiver_actions_total", action="acknowledge", outcome="repeated")
        assert (done, again) == (1, 1)


async def test_a_reload_begins_and_ends_connections(tmp_path: Path) -> None:
    async with streaming(tmp_path) as at:
        path = tmp_path / "receiver.yaml"
        document = yaml.safe_load(path.read_text("utf-8"))
        with_keys = [app_of(at.sandbox), bot_of(at.sandbox)]
        path.write_text(yaml.safe_dump({**document, "feishu": with_keys}), "utf-8")
        assert await at.receiver.reload() == ""
        await connected(at, 0)
        text = (await at.http.get(f"{at.receiver.ops_url}/metrics")).text
        assert "receiver_feishu_ws_connected{" not in text
        path.write_text(yaml.safe_dump(document), "utf-8")
        assert await at.receiver.reload() == ""
        await connected(at)
        kept = at.desk.tenant.lines.of(at.app.app_id)
        path.write_text(yaml.safe_dump({**document, "flap_window": "1m"}), "utf-8")
        assert await at.receiver.reload() == ""
        await at.fire(alert())
        assert (await at.click(await at.message(), "acknowledge")).code == 0
        assert at.desk.tenant.lines.of(at.app.app_id) == kept


async def test_a_stop_lets_the_click_under_way_be_answered(tmp_path: Path) -> None:
    async with streaming(tmp_path) as at:
        await at.fire(alert())
        message = await at.message()
        click = asyncio.create_task(at.click(message, "acknowledge"))
        await at.until(lambda: any(line.waiting for line in at.desk.tenant.lines.open))
        await at.receiver.stop()
        assert (await click).code == 0
        await connected(at, 0)

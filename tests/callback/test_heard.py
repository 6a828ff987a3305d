"""What people say: kept before it is acknowledged, and pushed again where it could not be."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.callback.feishu import CallbackMeans, FeishuCallback
from receiver.channels.feishu.message import Message
from receiver.channels.feishu.stream_session import Unheard
from receiver.store.base import Unavailable
from receiver.telemetry.logs import build_logging
from receiver.telemetry.tracing import build_tracing
from receiver.web import application
from tests.callback.bench import KEYS, Bench, bench, clicked


def said(text: str = "help") -> dict[str, Any]:
    """Return the document of a message to the bot alone."""
    document = clicked({})
    document["header"]["event_type"] = "im.message.receive_v1"
    message = {
        "message_id": "om_said",
        "chat_id": "oc_p",
        "chat_type": "p2p",
        "message_type": "text",
        "content": json.dumps({"text": text}),
    }
    sender = {"sender_id": {"open_id": "ou_li"}, "sender_type": "user"}
    document["event"] = {"sender": sender, "message": message}
    return document


class Hearer:
    """Hears what is said, or cannot keep it."""

    def __init__(self, *, able: bool) -> None:
        self.able = able
        self.heard: list[str] = []

    async def hear(self, app: str, message: Message, _: str) -> bool:
        """Keep it, or raise."""
        if not self.able:
            raise Unavailable("disk")
        self.heard.append(f"{app} {message.text}")
        return True


def callback(at: Bench, hearer: Hearer) -> FeishuCallback:
    return FeishuCallback(
        CallbackMeans(
            apps=lambda: at.apps,
            desk=at.desk,
            store=at.store,
            metrics=at.metrics,
            tracing=build_tracing({}, "1"),
            log=build_logging("info", at.log)("callback"),
            now=at.clock.now,
            timer=lambda: 0.0,
            hear=hearer.hear,
        )
    )


async def post(at: Bench, hearer: Hearer) -> httpx.Response:
    log = build_logging("info", at.log)("http")
    app = application((("/callbacks/feishu/{app}", callback(at, hearer), ("POST",)),), log)
    raw, headers = at.signed(said())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://receiver"
    ) as http:
        return await http.post("/callbacks/feishu/ops", content=raw, headers=headers)


async def test_an_event_is_answered_with_nothing_once_it_is_kept(tmp_path: Path) -> None:
    hearer = Hearer(able=True)
    async with bench(tmp_path) as at:
        answer = await post(at, hearer)
        assert (answer.status_code, answer.json()) == (200, {})
        assert await callback(at, hearer).heard("ops", json.dumps(said("ack")).encode()) == b"{}"
    assert hearer.heard == ["ops help", "ops ack"]


async def test_what_is_not_kept_is_refused_so_that_it_is_pushed_again(tmp_path: Path) -> None:
    hearer = Hearer(able=False)
    async with bench(tmp_path) as at:
        assert (await post(at, hearer)).status_code == 503
        with pytest.raises(Unheard):
            await callback(at, hearer).heard("ops", json.dumps(said()).encode())
        assert at.counted("receiver_callback_requests_total", app="ops", outcome="failed") == 2


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"encrypt":"x"}', b'{"open_id":"ou"}'])
async def test_what_nobody_can_read_on_a_stream_fails(tmp_path: Path, payload: bytes) -> None:
    async with bench(tmp_path) as at:
        with pytest.raises(Unheard):
            await at.callback.heard("ops", payload)
        with pytest.raises(Unheard):
            await at.callback.heard("nobody", json.dumps(said()).encode())


async def test_a_stream_needs_no_token(tmp_path: Path) -> None:
    document = said()
    document["header"]["token"] = None
    assert KEYS.verification_token
    hearer = Hearer(able=True)
    async with bench(tmp_path) as at:
        assert await callback(at, hearer).heard("ops", json.dumps(document).encode()) == b"{}"

"""Callbacks as another hand signs and encrypts them: the sandbox's challenge, click and event."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.channels.feishu.callback import (
    Challenge,
    Click,
    Event,
    Keys,
    RefusalReason,
    Refused,
    Verified,
    verify,
)
from receiver.channels.feishu.callback_answer import (
    ToastKind,
    answer,
    answer_challenge,
    toast,
)
from receiver.channels.feishu.client import FeishuApp
from receiver.domain.outcome import Delivered
from receiver.sandbox.server import serve_app
from tests.channels.feishu.parts import CHAT, Scene, scene


def card(text: str) -> str:
    behaviors = [{"type": "callback", "value": {"a": "ack"}}]
    button = {"tag": "plain_text", "content": text}
    elements = [{"tag": "button", "text": button, "behaviors": behaviors}]
    content = {"schema": "2.0", "config": {"update_multi": True}, "body": {"elements": elements}}
    return json.dumps({"msg_type": "interactive", "content": content})


@dataclass(slots=True)
class Listener:
    """Answers what is verified, and keeps what was said."""

    scene: Scene
    keys: Keys
    results: list[Verified | Refused] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: Request) -> Response:
        """Answer one callback."""
        body = await request.body()
        result = verify(request.headers, body, self.keys, self.scene.clock.now())
        self.results.append(result)
        self.heard.set()
        if isinstance(result, Refused):
            return Response(status_code=403)
        if isinstance(result.said, Challenge):
            return Response(answer_challenge(result.said))
        return Response(answer(toast(ToastKind.SUCCESS, "已认领", "Acknowledged"), card("done")))


@asynccontextmanager
async def listening(encrypt_key: str) -> AsyncIterator[tuple[Scene, Listener, str]]:
    async with scene() as here:
        team = here.sandbox.team
        assert team is not None
        team.app.encrypt_key = encrypt_key
        keys = Keys(encrypt_key=encrypt_key, verification_token=team.app.verification_token)
        listener = Listener(here, keys)
        app = Starlette(routes=[Route("/", listener.__call__, methods=["POST"])])
        async with serve_app(app, closing=lambda: None) as url:
            yield here, listener, url


@pytest.mark.parametrize("encrypt_key", ["a key", ""])
async def test_the_console_accepts_our_address_and_a_click_is_answered(encrypt_key: str) -> None:
    async with listening(encrypt_key) as (here, listener, url):
        assert await here.sandbox.state.set_callback_url(here.account.app_id, url) is None
        bot = FeishuApp(here.account, here.parts.ports, here.parts.observe_token)
        sent = await bot.send(CHAT, card("ack"), "u")
        assert isinstance(sent, Delivered)
        clicked = await here.sandbox.state.click(sent.receipt, "ou_li", "/body/elements/0")
        assert clicked.as_json()["toast"]["content"] == "已认领"
        (message,) = here.sandbox.state.messages(CHAT)
        assert message.content["body"]["elements"][0]["text"]["content"] == "done"
        await bot.close()
    result = listener.results[-1]
    assert isinstance(result, Verified)
    assert (result.replay is not None) is bool(encrypt_key)
    click = result.said
    assert isinstance(click, Click)
    assert (click.open_id, click.value, click.tag) == ("ou_li", {"a": "ack"}, "button")
    assert (click.message_id, click.chat_id) == (sent.receipt, CHAT)
    assert (click.app_id, click.created_at) == (here.account.app_id, here.clock.now())


async def test_a_callback_from_another_hour_is_stale() -> None:
    async with listening("a key") as (here, listener, url):
        await here.sandbox.state.set_callback_url(here.account.app_id, url)
        listener.heard.clear()
        here.sandbox.state.turn(callback_skew_s=-3_601)
        here.sandbox.state.say(CHAT, "ou_li", "hello")
        await asyncio.wait_for(listener.heard.wait(), 10)
    assert listener.results[-1] == Refused(RefusalReason.STALE)


async def test_an_event_is_named() -> None:
    async with listening("a key") as (here, listener, _):
        state = here.sandbox.state
        app = state.apps[here.account.app_id]
        header = {"event_id": "e", "event_type": "im.chat.disbanded_v1"}
        header["token"] = app.verification_token
        app.callback_url = "http://unused.invalid/"
        request = state.courier.request(app, {"schema": "2.0", "header": header, "event": {}})
        result = verify(request.headers, request.content, listener.keys, here.clock.now())
    assert isinstance(result, Verified)
    assert result.said == Event("im.chat.disbanded_v1", "e")

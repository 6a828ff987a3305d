"""The platform's own SDK, an independent witness, works against the sandbox with its own code."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import lark_oapi as lark
import pytest
from lark_oapi.api.contact.v3 import BatchGetIdUserRequest, BatchGetIdUserRequestBody
from lark_oapi.api.im.v1 import (
    CreateMessageRequest,
    CreateMessageRequestBody,
    DeleteMessageRequest,
    GetMessageRequest,
    PatchMessageRequest,
    PatchMessageRequestBody,
    ReplyMessageRequest,
    ReplyMessageRequestBody,
)
from lark_oapi.core.model import RawRequest
from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox.server import Sandbox, serve_app, serve_sandbox
from receiver.sandbox.state import App
from tests.sandbox.driver import CHAT, card

ACKED = card({"tag": "markdown", "content": "acked"})


@dataclass
class Witness:
    """A sandbox, an app in it, and the SDK's client of that app."""

    sandbox: Sandbox
    app: App
    client: Any
    got: list[Any] = field(default_factory=list)

    async def ask(self, call: Callable[[Any], Any], request: Any) -> Any:
        """Let the SDK, which blocks, call the sandbox, which lives in this loop."""
        answer = await asyncio.to_thread(call, request)
        assert answer.success(), (answer.code, answer.msg, answer.get_log_id())
        return getattr(answer, "data", None)

    async def send(self, document: object, kind: str = "interactive", uuid: str = "") -> str:
        """Send a message with the SDK and return its id."""
        body = (
            CreateMessageRequestBody.builder()
            .receive_id(CHAT)
            .msg_type(kind)
            .content(json.dumps(document))
            .uuid(uuid)
            .build()
        )
        request = (
            CreateMessageRequest.builder().receive_id_type("chat_id").request_body(body).build()
        )
        message_id: str = (await self.ask(self.client.im.v1.message.create, request)).message_id
        return message_id


@pytest.fixture
async def witness(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Witness]:
    """Yield an app of its own: the SDK keeps tokens by app for as long as the process lives."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serve_sandbox(seed=request.node.name) as sandbox:
        app = sandbox.state.add_app(request.node.name, encrypt_key="kept secret")
        sandbox.state.chats[CHAT].apps.add(app.app_id)
        client = (
            lark.Client.builder()
            .app_id(app.app_id)
            .app_secret(app.secret)
            .domain(sandbox.platform_url)
            .build()
        )
        yield Witness(sandbox, app, client)


@asynccontextmanager
async def dispatching(witness: Witness) -> AsyncIterator[None]:
    """Let the SDK's own dispatcher decrypt, verify and answer the app's callbacks."""

    def clicked(data: Any) -> Any:
        witness.got.append(data)
        toast = {"type": "success", "content": "acked", "i18n": {"en_us": "acked"}}
        answer = {"toast": toast, "card": {"type": "raw", "data": ACKED}}
        return P2CardActionTriggerResponse(answer)

    handler = (
        lark.EventDispatcherHandler.builder(witness.app.encrypt_key, witness.app.verification_token)
        .register_p2_card_action_trigger(clicked)
        .register_p2_im_message_receive_v1(witness.got.append)
        .build()
    )

    async def endpoint(request: Request) -> Response:
        raw = RawRequest()
        raw.uri, raw.body = request.url.path, await request.body()
        raw.headers = {name.title(): value for name, value in request.headers.items()}
        answer = handler.do(raw)
        return Response(answer.content, status_code=answer.status_code)

    app = Starlette(routes=[Route("/callback", endpoint, methods=["POST"])])
    async with serve_app(app, closing=lambda: None) as url:
        error = await witness.sandbox.state.set_callback_url(witness.app.app_id, f"{url}/callback")
        assert error is None
        yield


async def test_it_sends_once_for_a_uuid_replies_patches_reads_and_recalls(
    witness: Witness,
) -> None:
    message_id = await witness.send(card(), uuid="u-1")
    assert await witness.send(card(), uuid="u-1") == message_id
    body = ReplyMessageRequestBody.builder().msg_type("text").content('{"text":"hi"}').build()
    reply = await witness.ask(
        witness.client.im.v1.message.reply,
        ReplyMessageRequest.builder().message_id(message_id).request_body(body).build(),
    )
    assert (reply.root_id, reply.parent_id) == (message_id, message_id)
    patch = PatchMessageRequestBody.builder().content(json.dumps(ACKED)).build()
    await witness.ask(
        witness.client.im.v1.message.patch,
        PatchMessageRequest.builder().message_id(message_id).request_body(patch).build(),
    )
    assert witness.sandbox.state.messages(CHAT)[0].content == ACKED
    read = await witness.ask(
        witness.client.im.v1.message.get,
        GetMessageRequest.builder().message_id(message_id).build(),
    )
    assert read.items[0].updated is True
    await witness.ask(
        witness.client.im.v1.message.delete,
        DeleteMessageRequest.builder().message_id(message_id).build(),
    )
    assert witness.sandbox.state.messages(CHAT)[0].gone == "recalled"
    called = [call.call for call in witness.sandbox.state.calls]
    assert called == ["token", "create", "create", "reply", "patch", "get", "recall"]


async def test_it_finds_people_by_address(witness: Witness) -> None:
    body = BatchGetIdUserRequestBody.builder().emails(["li@example.com", "x@y.z"]).build()
    found = await witness.ask(
        witness.client.contact.v3.user.batch_get_id,
        BatchGetIdUserRequest.builder().user_id_type("open_id").request_body(body).build(),
    )
    person = witness.sandbox.state.users["ou_li"]
    own_id = witness.sandbox.state.tenant.open_id(witness.app.app_id, person)
    assert [user.user_id for user in found.user_list] == [own_id, None]


async def test_it_reads_the_code_the_words_and_the_log_id_of_a_refusal(witness: Witness) -> None:
    body = (
        CreateMessageRequestBody.builder()
        .receive_id("oc_nobody")
        .msg_type("text")
        .content('{"text":"x"}')
        .build()
    )
    request = CreateMessageRequest.builder().receive_id_type("chat_id").request_body(body).build()
    answer = await asyncio.to_thread(witness.client.im.v1.message.create, request)
    assert not answer.success()
    assert (answer.code, answer.msg) == (99992356, "chat id not existed")
    assert answer.get_log_id() == answer.error["log_id"]


async def test_its_dispatcher_verifies_a_click_and_the_sandbox_applies_the_answer(
    witness: Witness,
) -> None:
    message_id = await witness.send(card())
    async with dispatching(witness):
        clicked = await witness.sandbox.state.click(message_id, "ou_bob", "/body/elements/1")
        assert (clicked.code, clicked.http, clicked.card_replaced) == (0, 200, True)
        assert clicked.toast is not None
        assert clicked.toast["content"] == "acked"
        assert witness.sandbox.state.messages(CHAT)[0].content == ACKED
        (data,) = witness.got
        assert data.event.action.value == {"a": "ack"}
        assert data.event.context.open_message_id == message_id
        bob = witness.sandbox.state.users["ou_bob"]
        assert data.event.operator.union_id == bob.union_id
        assert data.event.operator.open_id != "ou_bob"


async def test_its_dispatcher_refuses_another_apps_key(witness: Witness) -> None:
    message_id = await witness.send(card())
    async with dispatching(witness):
        witness.app.encrypt_key = "another key"
        clicked = await witness.sandbox.state.click(message_id, "ou_bob", "/body/elements/1")
        assert (clicked.code, clicked.http) == (200671, 500)
        assert witness.got == []


async def test_its_dispatcher_reads_what_people_say(witness: Witness) -> None:
    async with dispatching(witness):
        witness.sandbox.state.say(CHAT, "ou_li", "silence 2h")
        await witness.sandbox.state.until(lambda: witness.got)
        message = witness.got[0].event.message
        assert json.loads(message.content) == {"text": "silence 2h"}
        assert (message.chat_id, message.chat_type) == (CHAT, "group")

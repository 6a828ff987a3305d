"""The platform's HTTP API: which path is answered by what."""

from collections.abc import Mapping

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from receiver.sandbox import delayed, directory, hooks, lines, messages, tokens, urgent
from receiver.sandbox.gateway import Door, Endpoint
from receiver.sandbox.state import Tenant

_SEND = frozenset({"im:message", "im:message:send_as_bot", "im:message:send"})
_UPDATE = frozenset({"im:message", "im:message:send_as_bot", "im:message:update"})
_READ = frozenset({"im:message", "im:message:readonly", "im:message:send_as_bot"})
_URGENT = {
    "app": "im:message.urgent",
    "sms": "im:message.urgent:sms",
    "phone": "im:message.urgent:phone",
}
_CHATS = frozenset({"im:chat", "im:chat:readonly", "im:chat:read", "im:chat.members:read"})
_PEOPLE = frozenset({"contact:user.id:readonly"})

_IM = "/open-apis/im/v1"
# (method, path) -> endpoint; its name is how the log, the limits and the faults know it.
ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "/open-apis/auth/v3/tenant_access_token/internal"): Endpoint(
        name="token", handler=tokens.tenant_access_token, token=False
    ),
    ("POST", f"{_IM}/messages"): Endpoint(name="create", handler=messages.create, scopes=_SEND),
    ("POST", f"{_IM}/messages/{{message_id}}/reply"): Endpoint(
        name="reply", handler=messages.reply, scopes=_SEND
    ),
    ("PATCH", f"{_IM}/messages/{{message_id}}"): Endpoint(
        name="patch", handler=messages.patch, scopes=_UPDATE
    ),
    ("DELETE", f"{_IM}/messages/{{message_id}}"): Endpoint(
        name="recall", handler=messages.recall, scopes=_SEND
    ),
    **{
        ("PATCH", f"{_IM}/messages/{{message_id}}/urgent_{kind}"): Endpoint(
            name=f"urgent_{kind}", handler=urgent.urgent(kind), scopes=frozenset({scope})
        )
        for kind, scope in _URGENT.items()
    },
    ("GET", f"{_IM}/messages/{{message_id}}"): Endpoint(
        name="get", handler=messages.get, scopes=_READ
    ),
    ("POST", "/open-apis/contact/v3/users/batch_get_id"): Endpoint(
        name="batch_get_id", handler=directory.batch_get_id, quota=False, scopes=_PEOPLE
    ),
    ("GET", f"{_IM}/chats"): Endpoint(name="chats", handler=directory.chats, scopes=_CHATS),
    ("GET", f"{_IM}/chats/{{chat_id}}"): Endpoint(
        name="chat", handler=directory.chat_get, scopes=_CHATS
    ),
    ("GET", f"{_IM}/chats/{{chat_id}}/members"): Endpoint(
        name="members", handler=directory.members, scopes=_CHATS
    ),
    ("GET", f"{_IM}/chats/{{chat_id}}/members/is_in_chat"): Endpoint(
        name="is_in_chat", handler=directory.is_in_chat, scopes=_CHATS
    ),
    ("GET", "/open-apis/bot/v3/info"): Endpoint(name="bot_info", handler=directory.bot_info),
    ("POST", "/open-apis/interactive/v1/card/update"): Endpoint(
        name="card_update", handler=delayed.update, scopes=_UPDATE
    ),
    ("POST", "/open-apis/bot/v2/hook/{token}"): Endpoint(
        name="hook", handler=hooks.receive, token=False, plain=True
    ),
    ("POST", "/callback/ws/endpoint"): Endpoint(
        name="ws_endpoint", handler=lines.endpoint, token=False, plain=True
    ),
}


def platform_app(tenant: Tenant) -> Starlette:
    """Build the API of one tenant as an ASGI app."""

    async def nowhere(_: Request, __: Exception) -> Response:
        log_id = tenant.ids.mint(f"{tenant.clock.now()}")
        document = {"code": 99991201, "msg": "resource not find", "error": {"log_id": log_id}}
        return Response(
            msgspec.json.encode(document),
            status_code=404,
            headers={"X-Tt-Logid": log_id},
            media_type="application/json",
        )

    app = Starlette(
        routes=[
            *(
                Route(path, Door(tenant, endpoint), methods=[method])
                for (method, path), endpoint in ENDPOINTS.items()
            ),
            WebSocketRoute("/ws/v2", lines.door(tenant)),
        ],
        exception_handlers={HTTPException: nowhere},
    )
    app.router.redirect_slashes = False
    return app

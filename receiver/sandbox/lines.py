"""The long connections of the tenant's apps: handshake, pings, and messages to one of them.

https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from receiver.sandbox.errors import Refused
from receiver.sandbox.pbbp2 import Frame, read, write

if TYPE_CHECKING:
    from receiver.sandbox.gateway import Ask
    from receiver.sandbox.state import App, Tenant

# https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
MOST = 50
SERVICE = 33_554_678
AUTH_FAILED = 514
FORBIDDEN = 403
TOO_MANY = 1_000_040_350
NO_TICKET = 1_000_040_345
NO_CREDENTIAL = 1_000_040_344
CUT = "receiver.sandbox.cut"
ACKS_KEPT = 1_000
_OK = 200


@dataclass(slots=True, eq=False)
class Line:
    """One connection of an app, and the messages whose acknowledgement it owes."""

    app_id: str
    socket: WebSocket
    waiting: dict[str, asyncio.Future[Frame]] = field(default_factory=dict)

    async def send(self, frame: Frame) -> None:
        """Send a frame."""
        await self.socket.send_bytes(write(frame))


@dataclass(frozen=True, slots=True)
class Heard:
    """What an app answered to a message; `error` says why there is no answer."""

    code: int = 0
    body: bytes = b""
    error: str = ""


class Lines:
    """Every long connection there is."""

    def __init__(self) -> None:
        self.open: list[Line] = []
        self.acks: list[Frame] = []
        self.pings = 0
        self._tickets: dict[str, str] = {}
        self._sent = 0

    def of(self, app_id: str) -> list[Line]:
        """List an app's connections, oldest first."""
        return [line for line in self.open if line.app_id == app_id]

    def ticket(self, app_id: str, ticket: str) -> str:
        """Keep a ticket for one handshake, and return it."""
        self._tickets[ticket] = app_id
        return ticket

    def admit(self, ticket: str) -> str:
        """Use up a ticket; return whose it was, or an empty text."""
        return self._tickets.pop(ticket, "")

    def kill(self, app_id: str) -> int:
        """Cut an app's connections without a farewell; return how many there were."""
        found = self.of(app_id)
        for line in found:
            cut = line.socket.scope["extensions"].get(CUT)
            if cut is not None:
                cut()
        return len(found)

    async def deliver(self, tenant: Tenant, app: App, kind: str, body: bytes) -> Heard:
        """Send a message to one connection, whichever it is, and wait for its acknowledgement."""
        lines = self.of(app.app_id)
        if not lines:
            return Heard(error="the app is not online: it has no long connection")
        line = lines[int(tenant.ids.mint()[:8], 16) % len(lines)]
        message = tenant.ids.mint()
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        line.waiting[message] = answer
        try:
            for frame in self._frames(tenant, (kind, message), body):
                await line.send(frame)
            return _heard((await answer).payload)
        except (WebSocketDisconnect, RuntimeError, ConnectionError):
            return Heard(error="the connection ended")
        finally:
            line.waiting.pop(message, None)

    def _frames(self, tenant: Tenant, named: tuple[str, str], body: bytes) -> list[Frame]:
        size = tenant.knobs.ws_fragment_bytes or len(body) or 1
        parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        self._sent += 1
        trace = tenant.ids.mint()
        headers = (("type", named[0]), ("message_id", named[1]), ("sum", str(len(parts))))
        now = ("timestamp", str(tenant.clock.now()))
        return [
            Frame(
                seq_id=self._sent,
                log_id=self._sent,
                service=SERVICE,
                method=1,
                headers=[*headers, ("seq", str(number)), ("trace_id", trace), now],
                payload=part,
            )
            for number, part in enumerate(parts)
        ]


def _heard(payload: bytes) -> Heard:
    try:
        said = msgspec.json.decode(payload)
        code, data = int(said["code"]), said.get("data") or ""
        body = base64.b64decode(data, validate=True) if data else b"{}"
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, KeyError, TypeError):
        return Heard(code=-1, error="an acknowledgement that is none")
    if code != _OK:
        return Heard(code=code, error=f"the app answered {code}")
    return Heard(body=body)


def client_config(tenant: Tenant) -> dict[str, Any]:
    """Return what the platform asks of its clients; times in seconds."""
    knobs = tenant.knobs
    return {
        "ReconnectCount": knobs.ws_reconnect_count,
        "ReconnectInterval": knobs.ws_reconnect_interval_s,
        "ReconnectNonce": knobs.ws_reconnect_nonce_s,
        "PingInterval": knobs.ws_ping_interval_s,
    }


def endpoint(ask: Ask) -> dict[str, Any]:
    """Answer `POST /callback/ws/endpoint`."""
    document = ask.document()
    app_id, secret = document.get("AppID"), document.get("AppSecret")
    if not app_id or not secret:
        raise Refused(NO_CREDENTIAL, "app_id or app_secret is empty", http=_OK)
    app = ask.tenant.apps.get(app_id) if isinstance(app_id, str) else None
    if app is None or secret != app.secret:
        raise Refused(AUTH_FAILED, "auth failed", http=_OK)
    if not app.enabled:
        raise Refused(FORBIDDEN, "forbidden", http=_OK)
    ask.app = app
    ticket = ask.tenant.lines.ticket(app.app_id, ask.tenant.ids.mint())
    query = {
        "fpid": "493",
        "aid": "552564",
        "device_id": str(int(ask.tenant.ids.mint()[:15], 16)),
        "access_key": ask.tenant.ids.mint(),
        "service_id": str(SERVICE),
        "ticket": ticket,
    }
    data = {
        "URL": f"ws://{ask.host}/ws/v2?{urlencode(query)}",
        "ClientConfig": client_config(ask.tenant),
    }
    return {"code": 0, "msg": "", "data": data}


def _denied(status: int, message: str, inner: int) -> Response:
    headers = {
        "Handshake-Status": str(status),
        "Handshake-Msg": message,
        "Handshake-Autherrcode": str(inner),
    }
    return Response(status_code=400, headers=headers)


def door(tenant: Tenant) -> Any:
    """Return the endpoint that apps connect to."""

    async def enter(socket: WebSocket) -> None:
        app_id = tenant.lines.admit(socket.query_params.get("ticket", ""))
        if not app_id:
            await socket.send_denial_response(_denied(AUTH_FAILED, "bad ticket", NO_TICKET))
            return
        if len(tenant.lines.of(app_id)) >= MOST:
            denied = _denied(AUTH_FAILED, "exceed connection limit", TOO_MANY)
            await socket.send_denial_response(denied)
            return
        await socket.accept()
        await _attend(tenant, Line(app_id, socket))

    return enter


async def _attend(tenant: Tenant, line: Line) -> None:
    tenant.lines.open.append(line)
    tenant.hub.publish({"type": "connection", "app_id": line.app_id, "open": True})
    try:
        while True:
            await _take(tenant, line, read(await line.socket.receive_bytes()))
    except (WebSocketDisconnect, RuntimeError, ConnectionError):
        pass
    except (ValueError, IndexError, KeyError):
        await line.socket.close(1002)
    finally:
        tenant.lines.open.remove(line)
        for answer in line.waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the connection ended"))
        tenant.hub.publish({"type": "connection", "app_id": line.app_id, "open": False})


async def _take(tenant: Tenant, line: Line, frame: Frame) -> None:
    if frame.method == 0:
        tenant.lines.pings += 1
        tenant.hub.publish({"type": "ping", "app_id": line.app_id})
        if frame.header("type") == "ping" and tenant.knobs.ws_pong == "answer":
            config = msgspec.json.encode(client_config(tenant))
            pong = Frame(service=frame.service, headers=[("type", "pong")], payload=config)
            await line.send(pong)
        return
    answer = line.waiting.get(frame.header("message_id"))
    if answer is not None and not answer.done():
        tenant.lines.acks = [*tenant.lines.acks[1 - ACKS_KEPT :], frame]
        answer.set_result(frame)

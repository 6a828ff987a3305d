"""The platform's door: log ids, tokens, scopes, limits, quota, faults and the envelope."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from receiver.sandbox.errors import Refused
from receiver.sandbox.knobs import Fault, FaultKind
from receiver.sandbox.limits import APP_RULES, Rule
from receiver.sandbox.state import App, Call, Tenant

# The server puts these into the scope's extensions: a callable that resets the connection, and
# how it writes the name of the log id's header.
RESET = "receiver.sandbox.reset"
LOG_ID = "receiver.sandbox.log_id"

_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(slots=True, kw_only=True)
class Ask:
    """One call as its endpoint sees it. The endpoint notes the chat it was about."""

    tenant: Tenant
    body: bytes
    now: int
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    host: str = ""
    app: App | None = None
    chat_id: str = ""

    @property
    def caller(self) -> App:
        """The app that the token belongs to."""
        if self.app is None:
            raise LookupError("this endpoint takes no token, so it has no caller")
        return self.app

    def document(self) -> dict[str, Any]:
        """Decode the body; raises Refused unless it is a JSON object."""
        try:
            document = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            document = None
        if not isinstance(document, dict):
            raise Refused(99992402, "field validation failed: the body is no JSON object")
        return document


Handler = Callable[[Ask], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One API of the platform and what stands before it."""

    name: str
    handler: Handler
    token: bool = True
    quota: bool = True
    scopes: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = APP_RULES
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back on the wire."""

    http: int
    code: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json; charset=utf-8"


class _Vanish(Exception):
    """The connection is reset instead of answered."""


def authenticate(tenant: Tenant, authorization: str, now: int) -> App:
    """Return the app that a bearer token belongs to; raises Refused."""
    scheme, _, token = authorization.partition(" ")
    http = tenant.knobs.bad_token_http
    if scheme.lower() != "bearer" or not token:
        raise Refused(99991661, http=http)
    if not token.startswith(("t-", "u-")):
        raise Refused(99991671, http=http)
    for app in tenant.apps.values():
        for known in app.tokens:
            if known.value == token and known.expires_at > now:
                if not app.enabled:
                    raise Refused(99991662, http=http)
                return app
    raise Refused(99991663, http=http)


def limited(tenant: Tenant, app: App, endpoint: str, rules: tuple[Rule, ...], now: int) -> None:
    """Count a call in the app's window for this endpoint; raises Refused when it is full."""
    count_refused = tenant.knobs.refused_calls_count
    scope = ("app", app.app_id, endpoint)
    wait = tenant.limits.admit(scope, rules, now, count_refused=count_refused)
    if wait:
        raise Refused(
            99991400,
            headers={
                "x-ogw-ratelimit-limit": str(max(rule.limit for rule in rules)),
                "x-ogw-ratelimit-reset": str(ceil(wait / 1000)),
            },
        )


def _spend_quota(tenant: Tenant, now: int) -> None:
    month = datetime.fromtimestamp(now / 1000, tz=UTC).strftime("%Y-%m")
    used = tenant.quota_used.get(month, 0)
    if tenant.knobs.monthly_quota is not None and used >= tenant.knobs.monthly_quota:
        raise Refused(99991403)
    tenant.quota_used[month] = used + 1


class Door:
    """One endpoint as an ASGI app."""

    def __init__(self, tenant: Tenant, endpoint: Endpoint) -> None:
        self._tenant = tenant
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or leave it unanswered when a fault says so."""
        request = Request(scope, receive)
        body = await request.body()
        ask = Ask(
            tenant=self._tenant,
            body=body,
            now=self._tenant.clock.now(),
            path=request.path_params,
            query=request.query_params,
            peer=request.client.host if request.client else "",
            host=request.headers.get("host", ""),
        )
        log_id = self._tenant.ids.mint(f"{ask.now}")
        answer = Answer(0, 0, b"")
        try:
            answer = await self._answer(ask, request, log_id)
            name = scope.get("extensions", {}).get(LOG_ID, b"x-tt-logid")
            await _send(answer, send, (name, log_id.encode()))
        except _Vanish:
            await _reset(request)
        finally:
            self._log(ask, answer)

    async def _answer(self, ask: Ask, request: Request, log_id: str) -> Answer:
        fault = self._tenant.faults.take(self._endpoint.name)
        if self._tenant.knobs.latency_ms:
            await self._tenant.clock.elapse(self._tenant.knobs.latency_ms)
        if fault and not fault.after:
            spoiled = await self._suffer(fault, request, log_id)
            if spoiled:
                return spoiled
        answer = self._work(ask, request.headers.get("authorization", ""), log_id)
        if fault and fault.after:
            return await self._suffer(fault, request, log_id) or answer
        return answer

    def _work(self, ask: Ask, authorization: str, log_id: str) -> Answer:
        endpoint = self._endpoint
        try:
            if endpoint.token:
                self._let_in(ask, authorization)
            document = endpoint.handler(ask)
        except Refused as refused:
            return self._refuse(refused, log_id)
        return Answer(200, 0, msgspec.json.encode(document))

    def _let_in(self, ask: Ask, authorization: str) -> None:
        endpoint = self._endpoint
        ask.app = authenticate(self._tenant, authorization, ask.now)
        owned = ask.app.scopes
        if owned is not None and endpoint.scopes and not endpoint.scopes & owned:
            wanted = ", ".join(sorted(endpoint.scopes))
            raise Refused(
                99991672,
                f"Access denied. One of the following scopes is required: [{wanted}]",
            )
        limited(self._tenant, ask.app, endpoint.name, endpoint.rules, ask.now)
        if endpoint.quota:
            _spend_quota(self._tenant, ask.now)

    def _refuse(self, refused: Refused, log_id: str) -> Answer:
        document = {"code": refused.code, "data": {}, "msg": refused.text}
        if not self._endpoint.plain:
            document["error"] = _support(refused.code, log_id)
        return Answer(refused.status, refused.code, msgspec.json.encode(document), refused.headers)

    async def _suffer(self, fault: Fault, request: Request, log_id: str) -> Answer | None:
        match fault.kind:
            case FaultKind.LATENCY:
                await self._tenant.clock.elapse(fault.ms)
                return None
            case FaultKind.HANG:
                await _until_gone(request, self._tenant.hub.closing)
                raise _Vanish
            case FaultKind.RESET:
                raise _Vanish
            case FaultKind.HTML:
                return Answer(fault.status, 0, _GATEWAY_PAGE, media_type="text/html")
            case FaultKind.CODE | FaultKind.JSON | FaultKind.TOO_MANY:
                return self._forced(fault, log_id)

    def _forced(self, fault: Fault, log_id: str) -> Answer:
        document = fault.body
        if not self._endpoint.plain:
            document["error"] = _support(document["code"], log_id)
        headers = {}
        if document["code"] == 99991400:  # noqa: PLR2004 - the code speaks for itself
            headers = {
                "x-ogw-ratelimit-limit": "50",
                "x-ogw-ratelimit-reset": str(max(1, ceil(fault.ms / 1000))),
            }
        body = msgspec.json.encode(document)
        return Answer(fault.status, document["code"], body, headers)

    def _log(self, ask: Ask, answer: Answer) -> None:
        self._tenant.log(
            Call(
                at=ask.now,
                app=ask.app.app_id if ask.app else "",
                call=self._endpoint.name,
                chat_id=ask.chat_id,
                http=answer.http,
                code=answer.code,
                ms=self._tenant.clock.now() - ask.now,
            )
        )


def _support(code: int, log_id: str) -> dict[str, str]:
    return {
        "log_id": log_id,
        "troubleshooter": "排查建议查看（Troubleshooting suggestions）： https://open.feishu.cn/"
        f"search?from=openapi&log_id={log_id}&code={code}&method_id=sandbox",
    }


async def _send(answer: Answer, send: Send, log_id: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        log_id,
    ]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.http, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _until_gone(request: Request, closing: asyncio.Event) -> None:
    gone = asyncio.ensure_future(request.receive())
    closed = asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait((gone, closed), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        closed.cancel()


async def _reset(request: Request) -> None:
    reset = request.scope.get("extensions", {}).get(RESET)
    if reset is None:
        raise ConnectionResetError("the sandbox was told to reset this connection")
    reset()
    await request.receive()

"""The page's API: what the web page shows, and what people do on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from receiver.sandbox import knobs
from receiver.sandbox.component import Impossible
from receiver.sandbox.desk import Desk, Unknown
from receiver.sandbox.knobs import BadKnob

PAGE = Path(__file__).parent / "page"
HEARTBEAT_S = 15
LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]
MAX_BODY = 4 * 1024 * 1024

T = TypeVar("T")
Handler = Callable[[Desk, dict[str, Any]], Awaitable[dict[str, Any]]]


class BadAsk(ValueError):
    """A request of the page that cannot be understood."""


def _answer(document: dict[str, Any], status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(document), status_code=status, media_type="application/json"
    )


async def _document(request: Request) -> dict[str, Any]:
    # A foreign site cannot send this type without asking first, and is not let.
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise BadAsk("Content-Type must be application/json")
    body = await request.body()
    if len(body) > MAX_BODY:
        raise BadAsk(f"the body is larger than {MAX_BODY} bytes")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAsk(f"the body is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadAsk("the body must be a JSON object")
    return document


def _doing(desk: Desk, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return _answer(await handler(desk, await _document(request)))
        except (BadAsk, BadKnob, Impossible) as error:
            return _answer({"error": str(error)}, 400)
        except Unknown as error:
            return _answer({"error": str(error)}, 404)

    return endpoint


class _ClickAsk(msgspec.Struct, forbid_unknown_fields=True):
    message_id: str
    open_id: str
    pointer: str
    option: str | None = None
    options: list[str] | None = None
    input_value: str | None = None
    checked: bool | None = None
    form_value: dict[str, Any] | None = None


class _UserAsk(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    email: str = ""
    open_id: str = ""


class _ChatAsk(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    members: list[str] | None = None
    apps: list[str] | None = None
    chat_id: str = ""


class _HookAsk(msgspec.Struct, forbid_unknown_fields=True):
    chat_id: str
    name: str = "告警机器人"
    token: str = ""
    secret: str = ""
    keywords: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


class _AppAsk(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    app_id: str = ""
    secret: str = ""
    encrypt_key: str = ""
    verification_token: str = ""
    callback_url: str = ""


class _RecallAsk(msgspec.Struct, forbid_unknown_fields=True):
    message_id: str
    how: str = "recalled"


class _ClockAsk(msgspec.Struct, forbid_unknown_fields=True):
    advance_ms: int


class _SayAsk(msgspec.Struct, forbid_unknown_fields=True):
    chat_id: str
    open_id: str
    text: str
    reply_to: str = ""


def _read(document: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise BadAsk(str(error)) from None


async def _click(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    ask = msgspec.structs.asdict(_read(document, _ClickAsk))
    ask["form_value"] = ask["form_value"] or {}
    return (await desk.click(**ask)).as_json()


async def _draw(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    return desk.draw(document.get("card"))


async def _users(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    user = desk.add_user(**msgspec.structs.asdict(_read(document, _UserAsk)))
    return {name: getattr(user, name) for name in ("open_id", "union_id", "name", "email")}


async def _chats(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    chat = desk.add_chat(**msgspec.structs.asdict(_read(document, _ChatAsk)))
    return desk.tenant.chat_json(chat)


async def _hooks(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    hook = desk.add_hook(**msgspec.structs.asdict(_read(document, _HookAsk)))
    return {"token": hook.token, "path": f"/open-apis/bot/v2/hook/{hook.token}"}


async def _apps(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    given = msgspec.to_builtins(_read(document, _AppAsk))
    url = given.pop("callback_url", "")
    app = desk.apps.get(given.get("app_id", "")) or desk.add_app(**given)
    error = await desk.set_callback_url(app.app_id, url) if url else None
    return {
        "ok": error is None,
        "error": error,
        "app_id": app.app_id,
        "app_secret": app.secret,
        "encrypt_key": app.encrypt_key,
        "verification_token": app.verification_token,
        "callback_url": app.callback_url,
    }


async def _recall(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    ask = _read(document, _RecallAsk)
    if ask.how not in ("recalled", "deleted"):
        raise BadAsk("how must be recalled or deleted")
    desk.recall(ask.message_id, ask.how)
    return {"ok": True}


async def _clock(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    ask = _read(document, _ClockAsk)
    if ask.advance_ms < 0:
        raise BadAsk("advance_ms must be 0 or more: time never goes back")
    return {"now": desk.clock.advance(ask.advance_ms)}


async def _knobs(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    return _built(desk.turn(**document))


def _built(value: object) -> dict[str, Any]:
    built = msgspec.to_builtins(value)
    return built if isinstance(built, dict) else {}


async def _fault(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    made = knobs.fault(document)
    desk.tenant.faults.add(made)
    return _built(made)


async def _say(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    ask = _read(document, _SayAsk)
    return desk.say(ask.chat_id, ask.open_id, ask.text, reply_to=ask.reply_to).as_json()


class _PrivateAsk(msgspec.Struct, forbid_unknown_fields=True):
    app_id: str
    open_id: str


async def _private(desk: Desk, document: dict[str, Any]) -> dict[str, Any]:
    ask = _read(document, _PrivateAsk)
    return desk.tenant.chat_json(desk.private(ask.app_id, ask.open_id))


DOINGS: dict[str, Handler] = {
    "click": _click,
    "draw": _draw,
    "users": _users,
    "chats": _chats,
    "hooks": _hooks,
    "apps": _apps,
    "recall": _recall,
    "clock": _clock,
    "knobs": _knobs,
    "fault": _fault,
    "say": _say,
    "private": _private,
}


async def _stream(desk: Desk, heartbeat_s: float) -> AsyncIterator[bytes]:
    yield b": here\n\n"
    async for event in desk.tenant.hub.events(heartbeat_s):
        if event is None:
            yield b": still here\n\n"
        else:
            yield b"data: " + msgspec.json.encode(event) + b"\n\n"


def control_app(
    desk: Desk, *, hosts: list[str] | None = None, heartbeat_s: float = HEARTBEAT_S
) -> Starlette:
    """Build the page and its API as an ASGI app; `hosts` are the names it may be called by."""

    async def index(_: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    async def state(_: Request) -> Response:
        return _answer(desk.snapshot())

    async def turned(_: Request) -> Response:
        return _answer(_built(desk.knobs))

    async def events(_: Request) -> Response:
        return StreamingResponse(
            _stream(desk, heartbeat_s),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    routes = [
        Route("/", index),
        Route("/api/state", state),
        Route("/api/events", events),
        Route("/api/knobs", turned, methods=["GET"]),
        *(
            Route(f"/api/{name}", _doing(desk, handler), methods=["POST"])
            for name, handler in DOINGS.items()
        ),
        Mount("/static", StaticFiles(directory=PAGE, check_dir=False)),
    ]
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=hosts or LOOPBACK, www_redirect=False)
    return Starlette(routes=routes, middleware=[guard])

"""What every HTTP endpoint shares: bodies within a limit, problems as documents, a server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

import msgspec
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

PROBLEM_TYPE = "application/problem+json"  # https://www.rfc-editor.org/rfc/rfc9457
# Alertmanager keeps its connections for five minutes: closing earlier would race with its posts.
KEEP_ALIVE = 310
BACKLOG = 2048  # a flush of 2,000 groups opens as many connections at once


class TooLarge(Exception):
    """The body is larger than the limit."""


def problem(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """Return an error document; ``detail`` is shown to the sender, so it holds no secret."""
    body = msgspec.json.encode({"title": title, "status": status, "detail": detail})
    return Response(body, status, headers, media_type=PROBLEM_TYPE)


def header(request: Request, name: bytes) -> str:
    """Return a request's header by its lower-case name, or an empty text.

    One pass over what the server parsed: building Starlette's view costs more than all else here.
    Tokens may hold any character, which clients send as UTF-8.
    """
    for key, value in request.scope["headers"]:
        if key == name:
            told: bytes = value
            return told.decode("utf-8", "replace")
    return ""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: it has more than ``limit`` bytes; the rest is not read.
        ClientDisconnect: the connection ended before the body did.

    """
    announced = header(request, b"content-length")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge
    first = await request.receive()
    if first["type"] == "http.request" and not first.get("more_body", False):
        whole: bytes = first.get("body", b"")
        if len(whole) > limit:
            raise TooLarge
        return whole
    return await _read_rest(request, first, limit)


async def _read_rest(request: Request, first: Message, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    message = first
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await request.receive()


class Handler(Protocol):
    """Answers requests."""

    async def __call__(self, request: Request, /) -> Response:
        """Answer one request; only a fault of ours may be raised."""


class Endpoint:
    """A handler as an ASGI app: one layer where Starlette has four.

    A fault of ours becomes an answer and a log line. Nothing has been sent then: a handler returns
    its answer whole.
    """

    def __init__(self, handler: Handler, log: FilteringBoundLogger) -> None:
        self._handler = handler
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            response = await self._handler(Request(scope, receive))
        except Exception:  # noqa: BLE001  (the one place: a sender is always answered)
            self._log.exception("unexpected fault", path=scope.get("path", ""))
            response = problem(500, "fault", "this is a fault of the receiver; its log says more")
        await response(scope, receive, send)


async def _missing(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(404, "not found", "docs/http.md lists the paths")
    await answer(scope, receive, send)


Table = Iterable[tuple[str, Handler, tuple[str, ...]]]


def application(table: Table, log: FilteringBoundLogger) -> ASGIApp:
    """Return the app of a table of paths, handlers and methods.

    A slash at the end of a path is accepted, and nothing is ever redirected: a redirected POST
    arrives as a GET, and its sender believes that it was delivered.
    """
    routes = [
        Route(path + slash, Endpoint(handler, log), methods=list(methods))
        for path, handler, methods in table
        for slash in ("", "/")
    ]
    others = [
        Route(path + slash, _WrongMethod(methods))
        for path, _, methods in table
        for slash in ("", "/")
    ]
    return Router([*routes, *others], redirect_slashes=False, default=_missing)


class _WrongMethod:
    """A path that exists, asked with a method that it does not have."""

    def __init__(self, methods: tuple[str, ...]) -> None:
        self._allowed = {"Allow": ", ".join(methods)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = "docs/http.md lists the methods"
        answer = problem(405, "method not allowed", said, self._allowed)
        await answer(scope, receive, send)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any.

    Raises:
        OSError: the address is in use, or not ours.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that say TCP; without it answers wait for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return a listening socket's address as the base of a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, grace: int) -> AsyncIterator[None]:
    """Serve an app until the block ends; requests under way get ``grace`` seconds to end."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
    )
    server = _Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await server.up.wait()
        yield
    finally:
        server.should_exit = True
        await task

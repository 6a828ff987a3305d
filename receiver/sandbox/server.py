"""Starts the sandbox on loopback: the platform on one port, the page on another."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.control import LOOPBACK, control_app
from receiver.sandbox.desk import Desk
from receiver.sandbox.gateway import LOG_ID, RESET
from receiver.sandbox.lines import CUT
from receiver.sandbox.platform import platform_app
from receiver.sandbox.preset import Team, small_team
from receiver.sandbox.state import Tenant

GRACE_S = 2
# As gateways do. Clients close idle connections after about five seconds: a server that did so too
# would lose requests that are on their way at that moment.
KEEP_ALIVE_S = 75
TICK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox: its two addresses, the desk to drive it, and the preset's team."""

    platform_url: str
    page_url: str
    state: Desk
    team: Team | None

    @property
    def hook_url(self) -> str:
        """The address of the preset's group bot."""
        if self.team is None:
            raise LookupError("a sandbox without the preset has no group bot")
        return f"{self.platform_url}/open-apis/bot/v2/hook/{self.team.hook.token}"


class _AsWritten(bytes):
    """A header name that the server does not put into lower case.

    The platform writes it so, and its SDKs look for exactly that.
    """

    __slots__ = ()

    def lower(self) -> bytes:
        return self


_X_TT_LOGID = _AsWritten(b"X-Tt-Logid")


class _Resettable(HttpToolsProtocol):
    """HTTP whose connection an app can reset, as a broken network would."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET: self._reset, LOG_ID: _X_TT_LOGID}  # type: ignore[dict-item]

    def _reset(self) -> None:
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:  # else the caller has hung up before
            # A close that does not linger sends RST.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _Cuttable(WebSocketsSansIOProtocol):
    """A WebSocket that an app can cut off, as a broken network would."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CUT] = self.transport.abort


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self.down = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        """Tick as usual, but end at once when told to."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with suppress(TimeoutError):
                await asyncio.wait_for(self.down.wait(), TICK_S)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def real_time() -> int:
    """Return the machine's time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say TCP; without
    # it each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def serve_app(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, closing: Callable[[], None]
) -> AsyncIterator[str]:
    """Serve an ASGI app in this loop and yield its base address; `closing` runs before the end."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=_Resettable,
        ws=_Cuttable,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await server.up.wait()
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        closing()
        server.should_exit = True
        server.down.set()
        await serving


@asynccontextmanager
async def serve_sandbox(
    *,
    clock: VirtualClock | None = None,
    preset: bool = True,
    seed: str = "sandbox",
    host: str = "127.0.0.1",
    ports: tuple[int, int] = (0, 0),
) -> AsyncIterator[Sandbox]:
    """Run a sandbox until the block ends; `ports` are the platform's and the page's, 0 is any."""
    tenant = Tenant(clock or VirtualClock(real_time), seed=seed)
    desk = Desk(tenant)
    team = small_team(desk) if preset else None
    hosts = LOOPBACK if host in ("127.0.0.1", "::1", "localhost") else ["*"]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(desk.close)
        platform_url = await stack.enter_async_context(
            serve_app(platform_app(tenant), host=host, port=ports[0], closing=tenant.hub.close)
        )
        page_url = await stack.enter_async_context(
            serve_app(
                control_app(desk, hosts=hosts), host=host, port=ports[1], closing=tenant.hub.close
            )
        )
        yield Sandbox(platform_url=platform_url, page_url=page_url, state=desk, team=team)


async def run(
    *,
    host: str = "127.0.0.1",
    ports: tuple[int, int] = (8090, 8091),
    callback_url: str = "",
    say: Callable[[str], None] = print,
) -> None:
    """Run a sandbox until it is cancelled, and say where it is and what its secrets are."""
    async with serve_sandbox(seed=f"run {real_time()}", host=host, ports=ports) as sandbox:
        if sandbox.team is None:
            raise LookupError("the preset is missing")
        app = sandbox.team.app
        app.callback_url = callback_url
        say(f"page          {sandbox.page_url}")
        say(f"base_url      {sandbox.platform_url}")
        say(f"group bot     {sandbox.hook_url}  secret {sandbox.team.hook.secret}")
        say(f"app           {app.app_id}  secret {app.secret}")
        say(f"encrypt key   {app.encrypt_key}  verification token {app.verification_token}")
        for chat in sandbox.team.chats:
            say(f"chat          {chat.chat_id}  {chat.name}")
        await asyncio.Event().wait()

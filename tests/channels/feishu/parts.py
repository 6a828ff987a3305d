"""A channel's surroundings for tests: real HTTP, spans that are kept, and a log to read."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.http import Timeouts, build_client
from receiver.channels.feishu.token import Account
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.desk import Desk
from receiver.sandbox.platform import platform_app
from receiver.sandbox.preset import small_team
from receiver.sandbox.server import Sandbox, serve_app
from receiver.sandbox.state import Tenant
from receiver.telemetry.logs import build_logging
from receiver.telemetry.tracing import Tracing
from tests.telemetry.spans import exporting, finished

START = 1_790_000_000_000
CHAT = "oc_production_alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Ports, and what went through them."""

    ports: Ports
    tracing: Tracing
    kept: InMemorySpanExporter
    stream: io.BytesIO
    tokens: list[tuple[str, bool, int]] = field(default_factory=list)

    def observe_token(self, app: str, ok: bool, expires_at: int) -> None:
        """Keep what was observed."""
        self.tokens.append((app, ok, expires_at))

    @property
    def log(self) -> str:
        """All lines until now."""
        return self.stream.getvalue().decode()

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the spans until now; tracing is over then."""
        return finished(self.tracing, self.kept)


@asynccontextmanager
async def parts(
    now: Callable[[], int], *, timeouts: Timeouts | None = None, share: float = 0.5
) -> AsyncIterator[Parts]:
    """Build a channel's surroundings, and take them down."""
    tracing, kept = exporting()
    stream = io.BytesIO()
    logs = build_logging("debug", stream)
    chosen = timeouts or Timeouts()
    restore = logs.capture_stdlib()
    try:
        async with build_client(chosen) as http:
            ports = Ports(
                http=http,
                tracing=tracing,
                log=logs("feishu"),
                now=now,
                share=lambda: share,
                timeouts=chosen,
            )
            yield Parts(ports=ports, tracing=tracing, kept=kept, stream=stream)
    finally:
        restore()
        tracing.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A sandbox on a clock that stands still, and a channel's surroundings."""

    sandbox: Sandbox
    clock: VirtualClock
    parts: Parts

    @property
    def account(self) -> Account:
        """The sandbox's app."""
        team = self.sandbox.team
        assert team is not None
        return Account(
            name="ops",
            base_url=self.sandbox.platform_url,
            app_id=team.app.app_id,
            app_secret=team.app.secret,
        )

    def calls(self, name: str) -> int:
        """Count the calls of one API."""
        return sum(call.call == name for call in self.sandbox.state.calls)


@asynccontextmanager
async def scene(*, timeouts: Timeouts | None = None, share: float = 0.5) -> AsyncIterator[Scene]:
    """Run a sandbox with its preset, and without its page."""
    clock = VirtualClock(start=START)
    async with AsyncExitStack() as stack:
        desk = Desk(Tenant(clock, seed="sandbox"))
        stack.push_async_callback(desk.close)
        url = await stack.enter_async_context(
            serve_app(platform_app(desk.tenant), closing=desk.tenant.hub.close)
        )
        sandbox = Sandbox(platform_url=url, page_url="", state=desk, team=small_team(desk))
        around = await stack.enter_async_context(parts(clock.now, timeouts=timeouts, share=share))
        yield Scene(sandbox=sandbox, clock=clock, parts=around)

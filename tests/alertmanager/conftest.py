"""What the tests of the Alertmanager client share: a client factory that remembers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from receiver.alertmanager.call import Call, Ports, Result, Timeouts, build_http
from receiver.alertmanager.client import AlertmanagerClient
from receiver.alertmanager.peer import Source
from receiver.alertmanager.silences import Outcome, Silencer, Surroundings
from receiver.telemetry.tracing import Tracing, build_tracing
from tests.real_alertmanager import wall_clock

PATIENT = Timeouts(connect=10.0, total=20.0)
# For a server that hangs for ever: it only decides how long the test takes.
IMPATIENT = Timeouts(connect=10.0, total=0.2)


class Kept(SpanExporter):
    """Keeps the spans that were exported."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        """Keep them."""
        assert isinstance(spans, list | tuple)
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


@dataclass(slots=True, kw_only=True)
class Desk:
    """Makes clients, and keeps what they tell."""

    http: httpx.AsyncClient
    tracing: Tracing
    kept: Kept
    told: list[tuple[Call, Result]] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)

    def client(
        self, source: Source, timeouts: Timeouts = PATIENT, share: float = 0.5
    ) -> AlertmanagerClient:
        """Make a client whose waiting takes no time."""

        async def wait(ms: int) -> None:
            self.waits.append(ms)
            await asyncio.sleep(0)

        def observe(call: Call, result: Result) -> None:
            self.told.append((call, result))

        ports = Ports(
            http=self.http,
            tracing=self.tracing,
            observe=observe,
            wait=wait,
            share=lambda: share,
        )
        return AlertmanagerClient(source, ports, timeouts)

    def of(self, *urls: str) -> AlertmanagerClient:
        """Make a client of these peers."""
        return self.client(Source(name="prod", urls=urls))

    def spans(self) -> list[ReadableSpan]:
        """Return every span that has ended, the first first."""
        assert self.tracing.close()
        return self.kept.spans


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    kept = Kept()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    tracing = build_tracing(env, "0", exporter=kept)
    async with build_http(PATIENT) as http:
        yield Desk(http=http, tracing=tracing, kept=kept)
    tracing.close()


async def real_wait(ms: int) -> None:
    """Let real time pass."""
    await asyncio.sleep(ms / 1000)


def silencer_of(
    client: AlertmanagerClient, wait: Callable[[int], Awaitable[None]] = real_wait
) -> tuple[Silencer, list[Outcome]]:
    """Return a silencer in real time with a real client, and the outcomes that it counts."""
    counted: list[Outcome] = []
    around = Surroundings(
        clients=lambda _: client,
        clock=wall_clock,
        wait=wait,
        share=lambda: 0.0,
        count=lambda _, outcome: counted.append(outcome),
    )
    return Silencer(around), counted

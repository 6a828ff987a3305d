"""Traces: they continue Alertmanager's, are stored with a card's revision, and join by links."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from receiver.telemetry import attributes
from receiver.telemetry.otel_settings import OtelSettings, read_settings
from receiver.telemetry.redaction import redact_url
from receiver.telemetry.span_redaction import Redacting

__all__ = ["TraceIds", "Tracing", "build_tracing", "redact_url"]

# The SDK's shutdown has no timeout of its own and blocks for up to 30 s when the collector is
# down: https://github.com/open-telemetry/opentelemetry-python/issues/4623
SHUTDOWN_SECONDS = 3.0

_PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """One tracer provider and what the stages need of it; constructed and passed."""

    def __init__(self, provider: TracerProvider, *, exporting: bool, ids: IdGenerator) -> None:
        self.provider: trace.TracerProvider = _CachedTracers(provider)
        self.tracer = provider.get_tracer("receiver")
        self.exporting = exporting
        self._sdk = provider
        self._ids = ids

    def context_of(self, traceparent: str | None, tracestate: str | None = None) -> Context | None:
        """Return the context of a W3C `traceparent`, or None when it is absent or unreadable."""
        if not traceparent:
            return None
        carrier = {"traceparent": traceparent}
        if tracestate:
            carrier["tracestate"] = tracestate
        context = _PROPAGATOR.extract(carrier, Context())
        return context or None

    def traceparent_of(self, span: Span) -> str:
        """Return a span's context as W3C text, to store with a revision; empty if it has none."""
        context = span.get_span_context()
        if not context.is_valid:
            return ""
        flags = TraceFlags.SAMPLED if context.trace_flags.sampled else TraceFlags.DEFAULT
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"

    def link_to(self, traceparent: str | None) -> list[Link]:
        """Return the link to a stored `traceparent`, or no link when there is none."""
        context = self.context_of(traceparent)
        if context is None:
            return []
        return [Link(trace.get_current_span(context).get_span_context())]

    def exemplar_of(self, span: Span) -> dict[str, str] | None:
        """Return a histogram's exemplar for a sampled span; None for one nobody can look up."""
        context = span.get_span_context()
        if not (context.is_valid and context.trace_flags.sampled):
            return None
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    @contextmanager
    def client_span(
        self, method: str, template: str, url: str, *, resend: int = 0, more: Attributes = None
    ) -> Iterator[Span]:
        """Open the span of one HTTP attempt, named by its template, with the URL redacted."""
        values = {
            attributes.HTTP_METHOD: method,
            attributes.URL_TEMPLATE: template,
            attributes.URL_FULL: redact_url(url),
            attributes.SERVER_ADDRESS: _host(url),
            **(more or {}),
        }
        if resend:
            values[attributes.HTTP_RESEND_COUNT] = resend
        with self.tracer.start_as_current_span(
            f"{method} {template}", kind=SpanKind.CLIENT, attributes=values
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute(attributes.ERROR_TYPE, type(error).__qualname__)
                raise

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Wrap an app: server spans where spans are exported, trace ids alone where not."""
        if self.exporting:
            return OpenTelemetryMiddleware(app, tracer_provider=self.provider)
        return TraceIds(app, self._ids)

    def close(self, wait: float = SHUTDOWN_SECONDS) -> bool:
        """Send what is left, waiting so many seconds at most; return whether that was enough."""
        worker = threading.Thread(target=self._sdk.shutdown, name="trace-shutdown", daemon=True)
        worker.start()
        worker.join(wait)
        return not worker.is_alive()


class TraceIds:
    """Gives each request a current trace id, its parent's or a new one, and records nothing.

    Starlette's middleware costs 20 µs a request or more even when nothing is sampled, this 3 to 7:
    logs and stored revisions keep their trace ids where there is no collector.
    """

    def __init__(self, app: ASGIApp, ids: IdGenerator) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app with the request's trace id in the current context."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = NonRecordingSpan(self._context(scope["headers"]))
        token = otel_context.attach(trace.set_span_in_context(span))
        try:
            await self._app(scope, receive, send)
        finally:
            otel_context.detach(token)

    def _context(self, headers: Sequence[tuple[bytes, bytes]]) -> SpanContext:
        parent = _parent(headers)
        return SpanContext(
            trace_id=parent.trace_id if parent else self._ids.generate_trace_id(),
            span_id=self._ids.generate_span_id(),
            is_remote=False,
        )


def _parent(headers: Sequence[tuple[bytes, bytes]]) -> SpanContext | None:
    for name, value in headers:
        if name == b"traceparent":
            context = _PROPAGATOR.extract({"traceparent": value.decode("latin-1")}, Context())
            span = trace.get_current_span(context).get_span_context()
            return span if span.is_valid else None
    return None


class _CachedTracers(trace.TracerProvider):
    """Hands out the same tracer again: the middleware asks at each request, for 12 µs each."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracers: dict[tuple[str, str | None], trace.Tracer] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        key = (instrumenting_module_name, instrumenting_library_version)
        tracer = self._tracers.get(key)
        if tracer is None:
            tracer = self._provider.get_tracer(*key, schema_url, attributes)
            self._tracers[key] = tracer
        return tracer


def build_tracing(
    env: Mapping[str, str],
    version: str,
    *,
    exporter: SpanExporter | None = None,
    ids: IdGenerator | None = None,
) -> Tracing:
    """Build tracing from the standard OTEL_* variables in `env`.

    Spans are exported when an OTLP endpoint is named or OTEL_TRACES_EXPORTER is otlp; otherwise
    trace ids still exist and nothing is sampled. A test passes its own exporter and ids. Raises
    `BadTracingSetting` for a value that cannot be followed.
    """
    settings = read_settings(env)
    ids = ids or RandomIdGenerator()
    provider = TracerProvider(
        sampler=settings.sampler,
        resource=Resource.create(
            {"service.name": "receiver", "service.version": version, **settings.resource}
        ),
        # `close` does it with a limit; the SDK's own hook would wait without one.
        shutdown_on_exit=False,
        id_generator=ids,
        span_limits=SpanLimits(max_span_attribute_length=settings.attribute_length),
    )
    if settings.endpoint is not None:
        batches = BatchSpanProcessor(exporter or _exporter(settings))
        provider.add_span_processor(Redacting(batches))
    return Tracing(provider, exporting=settings.endpoint is not None, ids=ids)


def _exporter(settings: OtelSettings) -> SpanExporter:
    return OTLPSpanExporter(
        endpoint=settings.endpoint, headers=dict(settings.headers), timeout=settings.timeout
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""

"""Keeps secrets out of spans, whoever started them: masked before anything is exported."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import Status

from receiver.telemetry.attributes import URL_FULL, URL_QUERY
from receiver.telemetry.redaction import redact_text

_URLS = (URL_QUERY, URL_FULL)


class Redacting(SpanProcessor):
    """Stands before another processor and masks URLs and the texts of exceptions."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Mask the URLs that the span starts with."""
        started = span.attributes or {}
        for name in _URLS:
            value = started.get(name)
            if isinstance(value, str):
                span.set_attribute(name, redact_text(value))
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the span, copied without an exception's message where there was one."""
        failed = span.events or span.status.description
        self._inner.on_end(_without_messages(span) if failed else span)

    def shutdown(self) -> None:
        """Shut the inner processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner processor."""
        return self._inner.force_flush(timeout_millis)


def _without_messages(span: ReadableSpan) -> ReadableSpan:
    # Exceptions are in the log, with their trace id; events of them are deprecated in
    # OpenTelemetry, and their stack traces quote values that nobody has checked.
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )

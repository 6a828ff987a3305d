"""Tracing that keeps its spans, for the tests of it."""

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.telemetry.tracing import Tracing, build_tracing

ON = {"OTEL_TRACES_EXPORTER": "otlp"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"
HOOK = "https://open.feishu.cn/open-apis/bot/v2/hook/aaaa-bbbb"


def exporting(env: dict[str, str] | None = None) -> tuple[Tracing, InMemorySpanExporter]:
    """Return tracing that keeps its spans, and where it keeps them."""
    kept = InMemorySpanExporter()
    return build_tracing({**ON, **(env or {})}, "1.2.3", exporter=kept), kept


def finished(tracing: Tracing, kept: InMemorySpanExporter) -> tuple[ReadableSpan, ...]:
    """Return the spans that were exported until the end."""
    assert tracing.close()
    return kept.get_finished_spans()

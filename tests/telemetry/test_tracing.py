"""Traces continue Alertmanager's, survive as text, stay quiet about secrets, and end in time."""

import socket
import threading
import time
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import INVALID_SPAN, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from receiver.telemetry.tracing import Tracing, build_tracing
from tests.telemetry.sink import running_sink
from tests.telemetry.spans import HOOK, ON, PARENT, TRACE, UNSAMPLED, exporting, finished


def app(tracing: Tracing) -> ASGIApp:
    """Return a service that answers with the current span as W3C text, or fails at /fail."""

    async def webhook(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(tracing.traceparent_of(trace.get_current_span()))

    async def fail(_request: Request) -> PlainTextResponse:
        raise RuntimeError(f"{HOOK} said no")

    routes = [Route("/alertmanager/{source}", webhook, methods=["POST"]), Route("/fail", fail)]
    return tracing.middleware(Starlette(routes=[Mount("/webhooks", routes=routes)]))


async def post(tracing: Tracing, path: str, headers: dict[str, str] | None = None) -> str:
    """Post to the service and return its answer."""
    transport = httpx.ASGITransport(app(tracing))
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        return (await client.post(path, headers=headers)).text


def test_it_is_w3c() -> None:
    tracing, _ = exporting()
    with tracing.tracer.start_as_current_span("x") as span:
        context = span.get_span_context()
        expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
        assert tracing.traceparent_of(span) == expected
    tracing.close()


def test_an_unsampled_one_has_ids_too() -> None:
    tracing = build_tracing({}, "1")
    with tracing.tracer.start_as_current_span("x") as span:
        text = tracing.traceparent_of(span)
    assert text.endswith("-00")
    (link,) = tracing.link_to(text)
    assert f"{link.context.trace_id:032x}" == text[3:35] != "0" * 32


def test_no_span_is_an_empty_text() -> None:
    assert build_tracing({}, "1").traceparent_of(INVALID_SPAN) == ""


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_it_comes_back_the_same(trace_id: int, span_id: int, sampled: bool) -> None:
    tracing = build_tracing({}, "1")
    text = f"00-{trace_id:032x}-{span_id:016x}-{int(sampled):02x}"
    context = tracing.context_of(text)
    assert tracing.traceparent_of(trace.get_current_span(context)) == text


@given(st.text(max_size=80) | st.none())
def test_hostile_text_is_no_context(text: str | None) -> None:
    tracing = build_tracing({}, "1")
    assert tracing.context_of(text, text) is None
    assert tracing.link_to(text) == []


def test_tracestate_is_kept() -> None:
    tracing = build_tracing({}, "1")
    context = tracing.context_of(PARENT, "vendor=1")
    assert trace.get_current_span(context).get_span_context().trace_state["vendor"] == "1"


def test_a_delivery_links_to_what_it_delivers() -> None:
    tracing, kept = exporting()
    with tracing.tracer.start_as_current_span("deliver", links=tracing.link_to(PARENT)):
        pass
    (span,) = finished(tracing, kept)
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]
    assert span.parent is None


def test_an_attempt_is_named_by_its_template_and_keeps_no_secret() -> None:
    tracing, kept = exporting()
    template = "/open-apis/bot/v2/hook/{token}"
    with tracing.client_span("POST", template, HOOK, resend=2, more={"error.type": "x"}):
        pass
    (span,) = finished(tracing, kept)
    assert span.name == "POST /open-apis/bot/v2/hook/{token}"
    assert span.attributes == {
        "http.request.method": "POST",
        "url.template": template,
        "url.full": "https://open.feishu.cn/open-apis/bot/v2/hook/***",
        "server.address": "open.feishu.cn",
        "http.request.resend_count": 2,
        "error.type": "x",
    }


def test_a_url_that_is_none_still_makes_a_span() -> None:
    tracing, kept = exporting()
    with tracing.client_span("GET", "/x", "http://[::1"):
        pass
    assert len(finished(tracing, kept)) == 1


def test_an_exceptions_message_does_not_leave() -> None:
    tracing, kept = exporting()
    with (
        pytest.raises(RuntimeError),
        tracing.client_span("POST", "/hook/{token}", HOOK),
    ):
        raise RuntimeError(f"{HOOK} said no")
    (span,) = finished(tracing, kept)
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert "aaaa-bbbb" not in span.to_json()


def test_a_url_that_somebody_else_records_is_masked() -> None:
    tracing, kept = exporting()
    tracing.tracer.start_span("x", attributes={"url.full": HOOK, "url.query": "token=t"}).end()
    (span,) = finished(tracing, kept)
    assert (span.attributes or {})["url.query"] == "token=***"
    assert "aaaa-bbbb" not in span.to_json()


def test_a_long_value_is_cut() -> None:
    tracing, kept = exporting()
    tracing.tracer.start_span("x", attributes={"alerting.alert.name": "a" * 100_000}).end()
    (span,) = finished(tracing, kept)
    assert len(str((span.attributes or {})["alerting.alert.name"])) == 1024


def test_an_exemplar_names_a_sampled_trace_alone() -> None:
    tracing, _ = exporting()
    with tracing.tracer.start_as_current_span("x") as span:
        assert tracing.exemplar_of(span) == {
            "trace_id": f"{span.get_span_context().trace_id:032x}",
            "span_id": f"{span.get_span_context().span_id:016x}",
        }
    tracing.close()
    quiet = build_tracing({}, "1")
    assert quiet.exemplar_of(quiet.tracer.start_span("x")) is None
    assert quiet.exemplar_of(INVALID_SPAN) is None


async def test_a_webhook_continues_the_senders_trace() -> None:
    tracing, kept = exporting()
    inside = await post(tracing, "/webhooks/alertmanager/prod", {"traceparent": PARENT})
    (span,) = finished(tracing, kept)
    assert inside == tracing.traceparent_of(trace.NonRecordingSpan(span.context))
    assert inside.startswith(f"00-{TRACE}-")
    assert span.name == "POST /webhooks/alertmanager/{source}"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


async def test_a_sender_that_does_not_sample_is_followed() -> None:
    tracing, kept = exporting()
    inside = await post(tracing, "/webhooks/alertmanager/prod", {"traceparent": UNSAMPLED})
    assert finished(tracing, kept) == ()
    assert inside[3:35] == TRACE
    assert inside.endswith("-00")


async def test_a_token_in_the_query_is_masked() -> None:
    tracing, kept = exporting()
    await post(tracing, "/webhooks/alertmanager/prod?token=s3cr3t&x=1")
    (span,) = finished(tracing, kept)
    assert (span.attributes or {})["url.query"] == "token=***&x=1"


async def test_a_failures_message_does_not_leave() -> None:
    tracing, kept = exporting()
    with pytest.raises(RuntimeError):
        await httpx.AsyncClient(transport=httpx.ASGITransport(app(tracing))).get(
            "http://receiver/webhooks/fail"
        )
    (span,) = finished(tracing, kept)
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert "aaaa-bbbb" not in span.to_json()


async def test_without_a_collector_the_senders_trace_id_stays() -> None:
    tracing = build_tracing({}, "1")
    first = await post(tracing, "/webhooks/alertmanager/prod", {"traceparent": PARENT})
    second = await post(tracing, "/webhooks/alertmanager/prod", {"traceparent": PARENT})
    assert first[3:35] == second[3:35] == TRACE
    assert first[36:52] != second[36:52]


@pytest.mark.parametrize("headers", [{}, {"traceparent": "junk"}])
async def test_without_a_collector_a_request_gets_a_trace_id(headers: dict[str, str]) -> None:
    tracing = build_tracing({}, "1")
    first = await post(tracing, "/webhooks/alertmanager/prod", headers)
    second = await post(tracing, "/webhooks/alertmanager/prod", headers)
    assert first[3:35] != second[3:35]
    assert tracing.context_of(first) is not None


async def test_the_context_ends_with_the_request() -> None:
    tracing = build_tracing({}, "1")
    await post(tracing, "/webhooks/alertmanager/prod", {"traceparent": PARENT})
    assert trace.get_current_span() is INVALID_SPAN


async def test_lifespan_passes_through() -> None:
    seen: list[str] = []

    async def inner(scope: dict[str, str], _receive: object, _send: object) -> None:
        seen.append(scope["type"])

    wrapped = build_tracing({}, "1").middleware(inner)  # type: ignore[arg-type]
    await wrapped({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


class _Stuck(SpanExporter):
    """An exporter whose collector never answers, until the test lets it."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.release.wait(20)
        return SpanExportResult.FAILURE if spans else SpanExportResult.SUCCESS


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces"),
    ],
)
def test_spans_arrive_at_a_collector(name: str, path: str) -> None:
    with running_sink() as sink:
        headers = "Authorization=Bearer%20abc"
        env = {name: sink.url + path, "OTEL_EXPORTER_OTLP_HEADERS": headers}
        tracing = build_tracing(env, "1")
        tracing.tracer.start_span("deliver").end()
        assert tracing.close()
        got, request = sink.arrived.get(timeout=5)
    assert got["authorization"] == "Bearer abc"
    spans = request.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == ["deliver"]


def test_a_collector_that_hangs_holds_nobody_up() -> None:
    stuck = _Stuck()
    tracing = build_tracing(ON, "1", exporter=stuck)
    tracing.tracer.start_span("x").end()
    began = time.monotonic()
    assert tracing.close(wait=0.05) is False
    assert time.monotonic() - began < 2
    stuck.release.set()


def test_a_collector_that_is_down_holds_nobody_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        tracing = build_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}, "1")
        tracing.tracer.start_span("x").end()
        began = time.monotonic()
        tracing.close()
        assert time.monotonic() - began < 4

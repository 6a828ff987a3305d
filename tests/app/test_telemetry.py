"""One story in spans, log lines and metrics: they join up, and tell no secret."""

import asyncio
import re
from collections.abc import Iterable

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.app.story import CALLER, COLLECTOR_SECRET, TRACE, Told, tell

WEBHOOK = "POST /webhooks/alertmanager/{source}"
CLICK = "POST /callbacks/feishu/{app}"
CREATE = "POST /open-apis/im/v1/messages"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Play the story once for all tests of it."""
    return asyncio.run(tell(tmp_path_factory.mktemp("story")))


def attributes(span: Span) -> dict[str, str]:
    """Return a span's attributes that are texts."""
    return {one.key: one.value.string_value for one in span.attributes}


def linked(span: Span, spans: Iterable[Span]) -> list[Span]:
    """Return the spans that a span is linked to."""
    ids = {(link.trace_id, link.span_id) for link in span.links}
    return [one for one in spans if (one.trace_id, one.span_id) in ids]


def test_the_webhooks_span_continues_the_callers_trace(told: Told) -> None:
    span = told.named(WEBHOOK)[0]
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == CALLER
    assert attributes(span)["alerting.group.key"] == '{}:{alertname="HighLoad"}'
    assert attributes(span)["receiver.reason"] == "first"


def test_a_delivery_is_a_root_of_its_own_linked_to_the_webhook(told: Told) -> None:
    webhook = told.named(WEBHOOK)[0]
    for channel in ("feishu_app", "feishu_bot"):
        delivery = told.named(f"process {channel}")[0]
        assert delivery.kind == Span.SPAN_KIND_CONSUMER
        assert delivery.parent_span_id == b""
        assert delivery.trace_id != webhook.trace_id
        assert linked(delivery, told.spans) == [webhook]
        assert attributes(delivery)["receiver.reason"] == "first"


def test_each_call_is_a_client_span_below_its_delivery(told: Told) -> None:
    delivery = told.named("process feishu_app")[0]
    (create,) = [span for span in told.named(CREATE) if span.trace_id == delivery.trace_id]
    assert create.kind == Span.SPAN_KIND_CLIENT
    assert create.parent_span_id == delivery.span_id
    bot = told.named("process feishu_bot")[0]
    (post,) = [span for span in told.spans if span.parent_span_id == bot.span_id]
    assert "/hook/***" in attributes(post)["url.full"]


def test_a_clicks_span_is_linked_to_the_delivery_of_its_card(told: Told) -> None:
    deliveries = told.named("process feishu_app")
    clicks = [span for span in told.named(CLICK) if attributes(span).get("receiver.action")]
    assert [attributes(span)["receiver.action"] for span in clicks] == [
        "acknowledge",
        "silence",
        "unsilence",
    ]
    for span in clicks:
        assert span.kind == Span.SPAN_KIND_SERVER
        assert span.parent_span_id == b""
        (delivery,) = linked(span, told.spans)
        assert delivery in deliveries
        assert delivery.end_time_unix_nano <= span.end_time_unix_nano
    assert linked(clicks[0], told.spans) == deliveries[:1]


def test_a_silence_is_created_and_ended_below_the_click_that_asked(told: Told) -> None:
    clicks = {attributes(span).get("receiver.action"): span for span in told.named(CLICK)}
    create = told.named("POST /api/v2/silences")[0]
    assert create.kind == Span.SPAN_KIND_CLIENT
    assert create.parent_span_id == clicks["silence"].span_id
    assert attributes(create)["alerting.silence.id"]
    end = told.named("DELETE /api/v2/silence/{silenceID}")[0]
    assert end.trace_id == clicks["unsilence"].trace_id


def test_a_click_stirs_a_delivery_that_is_linked_to_it(told: Told) -> None:
    clicks = {attributes(span).get("receiver.action"): span for span in told.named(CLICK)}
    caused = [linked(delivery, told.spans) for delivery in told.named("process feishu_app")]
    assert [clicks["unsilence"]] in caused


def test_no_span_is_open_across_a_wait(told: Told) -> None:
    known = {span.span_id: span for span in told.spans}
    for span in told.spans:
        parent = known.get(span.parent_span_id)
        if parent is not None and span.kind == Span.SPAN_KIND_CLIENT and "silence" not in span.name:
            assert span.end_time_unix_nano <= parent.end_time_unix_nano, span.name


def test_each_log_line_is_json_and_carries_its_trace(told: Told) -> None:
    traces = {span.trace_id.hex() for span in told.spans}
    spans = {span.span_id.hex() for span in told.spans}
    for event in told.events:
        assert {"timestamp", "level", "logger", "event"} <= event.keys()
    delivered = [event for event in told.events if event["event"] == "delivery"]
    clicks = [event for event in told.events if event["event"] == "click"]
    refused = [event for event in told.events if event["event"] == "body in quarantine"]
    assert len(clicks) == 3
    assert delivered
    assert refused
    for event in (*delivered, *clicks, *refused):
        assert event["trace_id"] in traces, event
        assert event["span_id"] in spans
    (ready,) = [event for event in told.events if event["event"] == "ready"]
    assert "trace_id" not in ready


def test_the_timeline_leads_to_the_traces(told: Told) -> None:
    first = next(line for line in told.incident["timeline"] if line["kind"] == "first")
    assert TRACE in first["trace"]
    traces = {span.trace_id.hex() for span in told.spans}
    kept = {line["trace"] for line in told.incident["timeline"] if line["trace"]}
    assert all(any(trace in text for trace in traces) for text in kept)


def test_exemplars_name_traces_that_were_exported(told: Told) -> None:
    text = told.texts["openmetrics"].decode()
    found = set(re.findall(r'# \{[^}]*trace_id="([0-9a-f]{32})"', text))
    assert found
    assert found <= {span.trace_id.hex() for span in told.spans}


def test_no_secret_is_in_anything_that_left_the_process(told: Told) -> None:
    assert {"log", "metrics", "openmetrics", "spans", "incidents/1"} <= told.texts.keys()
    assert all(told.texts.values())
    found = [
        (where, name)
        for where, text in told.texts.items()
        for name, secret in told.secrets.items()
        if secret.encode() in text
    ]
    assert found == []


def test_what_was_meant_to_be_told_was_told(told: Told) -> None:
    """The story really used the secrets, or their absence would prove nothing."""
    assert {"token", "create", "patch", "hook", "card.action.trigger"} <= set(told.received)
    assert told.received.count("token") >= 2
    assert all(
        headers["authorization"] == f"Bearer {COLLECTOR_SECRET}"
        for headers in told.collector_headers
    )
    assert b"HighLoad" in told.texts["cards drawn"]
    assert b"HighLoad" in told.texts["incidents/1"]
    assert "feishu" in {event["logger"] for event in told.events}

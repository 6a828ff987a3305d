"""The standard variables decide what is exported, what is sampled and how it is called."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.telemetry.otel_settings import BadTracingSetting
from receiver.telemetry.tracing import build_tracing
from tests.telemetry.spans import ON, PARENT, exporting, finished


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/x"}, True),
        (ON, True),
        ({**ON, "OTEL_SDK_DISABLED": "true"}, False),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_TRACES_EXPORTER": "none"},
            False,
        ),
    ],
)
def test_when_spans_are_exported(env: dict[str, str], expected: bool) -> None:
    assert build_tracing(env, "1", exporter=InMemorySpanExporter()).exporting is expected


@pytest.mark.parametrize(
    ("sampler", "argument", "root", "child"),
    [
        ("", "", True, True),
        ("always_on", "", True, True),
        ("always_off", "", False, False),
        ("parentbased_always_off", "", False, True),
        ("parentbased_always_on", "", True, True),
        ("traceidratio", "0", False, False),
        ("parentbased_traceidratio", "0", False, True),
        ("traceidratio", "", True, True),
    ],
)
def test_the_sampler(sampler: str, argument: str, root: bool, child: bool) -> None:
    tracing, _ = exporting({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    parent = tracing.context_of(PARENT)
    assert tracing.tracer.start_span("x").is_recording() is root
    assert tracing.tracer.start_span("x", context=parent).is_recording() is child
    tracing.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadTracingSetting, match=f"{name} is '{value}'"):
        build_tracing({**ON, name: value}, "1")


@pytest.mark.parametrize("ratio", ["2", "half", "nan"])
def test_a_ratio_out_of_range_is_refused(ratio: str) -> None:
    env = {**ON, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio}
    with pytest.raises(BadTracingSetting, match="OTEL_TRACES_SAMPLER_ARG is"):
        build_tracing(env, "1")


def test_a_protocol_for_traces_beats_the_shared_one() -> None:
    env = {
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    assert exporting(env)[0].close()


def test_the_resource_names_the_service() -> None:
    tracing, kept = exporting(
        {
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod, service.name=a,,x",
            "OTEL_SERVICE_NAME": "alerts",
        }
    )
    tracing.tracer.start_span("x").end()
    resource = finished(tracing, kept)[0].resource.attributes
    assert resource["service.name"] == "alerts"
    assert resource["service.version"] == "1.2.3"
    assert resource["deployment.environment.name"] == "prod"

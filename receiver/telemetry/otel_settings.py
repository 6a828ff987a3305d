"""The standard OTEL_* variables, read from a mapping into one checked value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.util.re import parse_env_headers

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
_DEFAULT_SAMPLER = "parentbased_always_on"
_TRACES_PATH = "v1/traces"
# A collector that is down must not hold up a shutdown: the SDK's own default is 10 s.
EXPORT_TIMEOUT_SECONDS = 2.0
# Labels come from outside and may be of any length; the SDK's default has no limit.
ATTRIBUTE_LENGTH = 1024


class BadTracingSetting(ValueError):
    """An OTEL_* variable has a value that the service cannot follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelSettings:
    """Where spans go and which are taken; `endpoint` is None when nothing is exported."""

    endpoint: str | None
    sampler: Sampler
    resource: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = EXPORT_TIMEOUT_SECONDS
    attribute_length: int = ATTRIBUTE_LENGTH


def read_settings(env: Mapping[str, str]) -> OtelSettings:
    """Read the standard variables; raise `BadTracingSetting`, naming the variable and the cure."""
    endpoint = _endpoint(env)
    return OtelSettings(
        endpoint=endpoint,
        sampler=ALWAYS_OFF if endpoint is None else _sampler(env),
        resource=_resource(env),
        headers=_headers(env),
        timeout=_number(
            env,
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
            EXPORT_TIMEOUT_SECONDS,
        ),
        attribute_length=int(
            _number(
                env,
                ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
                ATTRIBUTE_LENGTH,
            )
        ),
    )


def _endpoint(env: Mapping[str, str]) -> str | None:
    if _get(env, "OTEL_SDK_DISABLED").lower() == "true":
        return None
    exporter = _get(env, "OTEL_TRACES_EXPORTER").lower()
    if exporter not in {"", "otlp", "none"}:
        raise BadTracingSetting(f"OTEL_TRACES_EXPORTER is {exporter!r}; use otlp or none")
    traces = _get(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    base = _get(env, "OTEL_EXPORTER_OTLP_ENDPOINT")
    if exporter == "none" or not (exporter or traces or base):
        return None
    _check_protocol(env)
    return traces or f"{(base or 'http://localhost:4318').rstrip('/')}/{_TRACES_PATH}"


def _check_protocol(env: Mapping[str, str]) -> None:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = _get(env, name)
        if protocol not in {"", "http/protobuf"}:
            raise BadTracingSetting(f"{name} is {protocol!r}; only http/protobuf is built in")
        if protocol:
            return


def _sampler(env: Mapping[str, str]) -> Sampler:
    name = _get(env, "OTEL_TRACES_SAMPLER").lower() or _DEFAULT_SAMPLER
    root = _root_sampler(name.removeprefix("parentbased_"), env)
    if root is None:
        raise BadTracingSetting(
            f"OTEL_TRACES_SAMPLER is {name!r}; use always_on, always_off or traceidratio, "
            "each also with parentbased_ before it"
        )
    return ParentBased(root) if name.startswith("parentbased_") else root


def _root_sampler(name: str, env: Mapping[str, str]) -> Sampler | None:
    if name == "traceidratio":
        ratio = _number(env, ("OTEL_TRACES_SAMPLER_ARG",), 1.0)
        if ratio > 1:
            raise BadTracingSetting(f"OTEL_TRACES_SAMPLER_ARG is {ratio}; use a number from 0 to 1")
        return TraceIdRatioBased(ratio)
    return {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(name)


def _resource(env: Mapping[str, str]) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in _get(env, "OTEL_RESOURCE_ATTRIBUTES").split(","))
    resource = {key.strip(): value.strip() for key, _, value in pairs if key.strip() and value}
    name = _get(env, "OTEL_SERVICE_NAME")
    return {**resource, "service.name": name} if name else resource


def _headers(env: Mapping[str, str]) -> Mapping[str, str]:
    shared = parse_env_headers(_get(env, "OTEL_EXPORTER_OTLP_HEADERS"), liberal=True)
    traces = parse_env_headers(_get(env, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"), liberal=True)
    return {**shared, **traces}


def _number(env: Mapping[str, str], names: tuple[str, ...], default: float) -> float:
    for name in names:
        text = _get(env, name)
        if not text:
            continue
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise BadTracingSetting(f"{name} is {text!r}; use a number of 0 or more")
        return number
    return default


def _get(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()

"""Metrics with small closed sets, for every test of telemetry."""

import pytest
from prometheus_client import CollectorRegistry

from receiver.telemetry.metrics import Build, Labels, Metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def labels() -> Labels:
    return Labels(
        sources=("prod", "bot"),
        alertmanagers=("prod", "blind"),
        asked=("prod",),
        apps=("ops",),
        body_reasons=("first", "duplicate"),
        decision_reasons=("first", "unchanged"),
        retry_reasons=("timeout", "rate_limited"),
        rejection_reasons=("no_such_chat",),
        dead_letter_reasons=("no_such_chat", "too_old"),
        outlets=("ops", "legacy"),
        tenants=("default",),
    )


@pytest.fixture
def metrics(registry: CollectorRegistry, labels: Labels) -> Metrics:
    return Metrics(registry, labels, Build(version="1.2.3", python="3.11.7", sqlite="3.40.1"))

"""The documents say what the code does, and the labels are the domain's own words."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.alertmanager.call import Call as AlertmanagerCall
from receiver.alertmanager.call import Result
from receiver.deliver.circuit import Cause
from receiver.domain.action import ActionKind
from receiver.domain.card import Call
from receiver.domain.reason import CardReason
from receiver.domain.ruling import PolicyReason
from receiver.domain.units import UnitState
from receiver.store.changes import RETENTION
from receiver.telemetry import attributes
from receiver.telemetry.labels import (
    ACTIONS,
    ALERTMANAGER_CALLS,
    ALERTMANAGER_OUTCOMES,
    CIRCUIT_REASONS,
    FEISHU_APP,
    FEISHU_BOT,
    REFUSALS,
    SUPPRESSION_REASONS,
    UNIT_STATES,
)
from receiver.telemetry.metrics import Build, Labels, Metrics
from tests.telemetry.reference import table

# With these a card is settled or given away without having been shown.
_SUPPRESSING = (
    CardReason.NEVER_SHOWN,
    CardReason.UNCHANGED,
    CardReason.NO_EDIT,
    CardReason.MOVED,
)
DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_metrics_is_the_registrys() -> None:
    """To write it anew: python -m tests.telemetry.reference."""
    lines = (DOCS / "metrics.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("|") and "receiver_" in line] == table()[2:]


@pytest.mark.parametrize(
    "value",
    [*CIRCUIT_REASONS, *SUPPRESSION_REASONS, *UNIT_STATES, *FEISHU_APP.limits, *FEISHU_BOT.limits],
)
def test_a_labels_value_is_documented(value: str) -> None:
    rows = [line for line in (DOCS / "metrics.md").read_text().splitlines() if line.count("|") == 4]
    assert any(f"`{value}`" in row.split("|")[3] for row in rows)


@pytest.mark.parametrize("constant", [name for name in vars(attributes) if name.isupper()])
def test_an_attribute_is_documented(constant: str) -> None:
    assert f"`{getattr(attributes, constant)}`" in (DOCS / "tracing.md").read_text()


def test_the_words_are_the_domains() -> None:
    assert tuple(ActionKind) == ACTIONS
    assert {*REFUSALS, PolicyReason.PERMITTED, PolicyReason.NEEDS_APPROVAL} == set(PolicyReason)
    assert {*FEISHU_APP.calls, *FEISHU_BOT.calls} == set(Call)
    assert set(ALERTMANAGER_CALLS) == set(AlertmanagerCall)
    assert set(ALERTMANAGER_OUTCOMES) == set(Result)
    assert tuple(UnitState) == UNIT_STATES
    assert tuple(Cause) == CIRCUIT_REASONS
    assert set(SUPPRESSION_REASONS) == {*_SUPPRESSING, RETENTION}


def test_metrics_with_nothing_configured_are_exposed() -> None:
    metrics = Metrics(CollectorRegistry(), Labels(), Build(version="1", python="3", sqlite="3"))
    assert b"receiver_build_info" in metrics.expose(None)[0]

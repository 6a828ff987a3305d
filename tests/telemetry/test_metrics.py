"""The metrics exist from the start, stay bounded, and are valid to Prometheus' own checker."""

import re
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from receiver.telemetry.families import Builder
from receiver.telemetry.metrics import Build, Labels, Metrics, StoreFigures

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def exposed(metrics: Metrics) -> list[str]:
    """Return the exposition's lines."""
    return metrics.expose(None)[0].decode().splitlines()


def value(metrics: Metrics, line: str) -> float:
    """Return the value of the series that is written like this in the exposition."""
    for row in exposed(metrics):
        series, _, number = row.rpartition(" ")
        if series == line:
            return float(number)
    raise AssertionError(f"{line} is not exposed")


@pytest.mark.parametrize(
    "series",
    [
        'receiver_webhook_requests_total{outcome="unavailable",source="prod"}',
        'receiver_webhook_requests_total{outcome="unknown_source",source="other"}',
        'receiver_webhook_duration_seconds_count{source="bot"}',
        'receiver_bodies_total{reason="duplicate",source="prod"}',
        'receiver_delivery_attempts_total{call="patch",channel="feishu_app",outcome="retry",reason="timeout"}',
        'receiver_delivery_latency_seconds_count{channel="feishu_bot",severity="critical"}',
        'receiver_dead_letters_total{channel="feishu_app",reason="too_old"}',
        'receiver_limit_waits_total{channel="feishu_bot",limit="bot_minute"}',
        'receiver_token_refreshes_total{app="ops",outcome="failure"}',
        'receiver_callback_requests_total{app="ops",outcome="forged"}',
        'receiver_actions_total{action="silence",outcome="requested"}',
        'receiver_silences_total{outcome="recovered",source="prod"}',
        'receiver_alertmanager_requests_total{call="get_silences",outcome="timeout",source="prod"}',
        'receiver_store_failures_total{reason="disk"}',
        "receiver_delivery_never_shown_total",
        'receiver_delivery_circuits{channel="ops",reason="outage"}',
        'receiver_delivery_circuits{channel="legacy",reason="credentials"}',
        'receiver_delivery_moved_total{channel="legacy"}',
        "receiver_delivery_storms",
        "receiver_delivery_digested_total",
        'receiver_delivery_quota_calls{tenant="default"}',
        'receiver_delivery_quota_limit{tenant="default"}',
        'receiver_channel_clock_skew_seconds{channel="ops"}',
        'receiver_cards_oldest_critical_waiting_age_seconds{channel="feishu_app"}',
        'receiver_store_units{state="dead_lettered"}',
        'receiver_store_units_suppressed{reason="never_shown"}',
        "receiver_store_units_accepted",
        "receiver_store_units_difference",
        "receiver_store_selfcheck_timestamp_seconds",
    ],
)
def test_a_series_is_zero_before_anything_happened(metrics: Metrics, series: str) -> None:
    assert value(metrics, series) == 0


def test_build_info_names_what_runs(metrics: Metrics) -> None:
    series = 'receiver_build_info{python="3.11.7",sqlite="3.40.1",version="1.2.3"}'
    assert value(metrics, series) == 1


def test_a_call_that_a_channel_never_makes_has_no_series(metrics: Metrics) -> None:
    text = metrics.expose(None)[0].decode()
    assert 'call="post",channel="feishu_app"' not in text
    assert 'channel="feishu_bot",limit="chat"' not in text


@pytest.mark.parametrize("accept", [None, OPENMETRICS])
def test_no_created_series(metrics: Metrics, accept: str | None) -> None:
    assert re.search(rb"_created[{ ]", metrics.expose(accept)[0]) is None


def test_promtool_finds_nothing_to_say(metrics: Metrics) -> None:
    body, _ = metrics.expose(None)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_openmetrics_carries_the_exemplar(metrics: Metrics) -> None:
    child = metrics.delivery.latency.of("feishu_app", "critical")
    child.observe(0.3, {"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    body, content_type = metrics.expose(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    exemplars = [
        sample.exemplar.labels["trace_id"]
        for family in text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar
    ]
    assert exemplars == ["0af7651916cd43dd8448eb211c80319c"]


def test_plain_text_is_the_default(metrics: Metrics) -> None:
    assert metrics.expose(None)[1].startswith("text/plain")


def test_the_stores_figures_are_mirrored(metrics: Metrics) -> None:
    metrics.observe_store(
        StoreFigures(
            cards_waiting={"feishu_app": 3},
            oldest_waiting_age={"feishu_app": 4.5},
            oldest_critical_age={"feishu_app": 1.5},
            dead_letters=2,
            quarantine_rows=1,
            queue_length=7,
            size_bytes=4096,
        )
    )
    assert value(metrics, 'receiver_cards_waiting{channel="feishu_app"}') == 3
    assert value(metrics, 'receiver_cards_waiting{channel="feishu_bot"}') == 0
    age = 'receiver_cards_oldest_waiting_age_seconds{channel="feishu_app"}'
    assert value(metrics, age) == 4.5
    critical = 'receiver_cards_oldest_critical_waiting_age_seconds{channel="feishu_app"}'
    assert value(metrics, critical) == 1.5
    assert value(metrics, "receiver_dead_letter_rows") == 2
    assert value(metrics, "receiver_quarantine_rows") == 1
    assert value(metrics, "receiver_store_queue_length") == 7
    assert value(metrics, "receiver_store_size_bytes") == 4096


def test_a_later_snapshot_replaces_an_earlier_one(metrics: Metrics) -> None:
    metrics.observe_store(StoreFigures(cards_waiting={"feishu_app": 3}, dead_letters=2))
    metrics.observe_store(StoreFigures())
    assert value(metrics, 'receiver_cards_waiting{channel="feishu_app"}') == 0
    assert value(metrics, "receiver_dead_letter_rows") == 0


def test_the_units_are_mirrored_by_state_and_by_reason(metrics: Metrics) -> None:
    units = {"pending": 1, "shown": 4, "digested": 2, "suppressed": 6, "dead_lettered": 3}
    why = {"never_shown": 3, "a new reason": 1, "another one": 2}
    metrics.observe_store(StoreFigures(units_accepted=16, units=units, units_suppressed=why))
    assert value(metrics, "receiver_store_units_accepted") == 16
    for state, count in units.items():
        assert value(metrics, f'receiver_store_units{{state="{state}"}}') == count
    reasons = [line for line in exposed(metrics) if line.startswith("receiver_store_units_sup")]
    assert sum(float(line.rpartition(" ")[2]) for line in reasons) == 6
    assert value(metrics, 'receiver_store_units_suppressed{reason="never_shown"}') == 3
    assert value(metrics, 'receiver_store_units_suppressed{reason="other"}') == 3


def test_what_is_suppressed_for_no_reason_any_more_is_zero(metrics: Metrics) -> None:
    metrics.observe_store(StoreFigures(units_suppressed={"never_shown": 3, "a new reason": 1}))
    metrics.observe_store(StoreFigures())
    assert value(metrics, 'receiver_store_units_suppressed{reason="never_shown"}') == 0
    assert value(metrics, 'receiver_store_units_suppressed{reason="other"}') == 0


def test_a_state_that_is_none_adds_no_series(metrics: Metrics) -> None:
    """What is in no state is missing from the sum, and the rule on the sum says so."""
    metrics.observe_store(StoreFigures(units_accepted=5, units={"shown": 4, "lost": 1}))
    states = [line for line in exposed(metrics) if line.startswith("receiver_store_units{")]
    assert sum(float(line.rpartition(" ")[2]) for line in states) == 4


def test_a_selfcheck_says_when_and_what(metrics: Metrics) -> None:
    metrics.store.checked(2, 1_700_000_000_500)
    assert value(metrics, "receiver_store_units_difference") == 2
    assert value(metrics, "receiver_store_selfcheck_timestamp_seconds") == 1_700_000_000.5
    metrics.store.checked(0, 1_700_000_600_000)
    assert value(metrics, "receiver_store_units_difference") == 0


def test_a_reload_follows_the_channels_and_tenants(metrics: Metrics, labels: Labels) -> None:
    metrics.channels.clock_skew.of("legacy").set(90)
    metrics.channels.clock_skew.of("ops").set(2)
    metrics.delivery.quota_calls.of("default").set(9_900)
    metrics.delivery.quota_limit.of("default").set(10_000)
    metrics.delivery.circuits.of("legacy", "outage").inc()
    metrics.delivery.moved.of("legacy").inc(3)
    metrics.reload(replace(labels, outlets=("ops", "lark"), tenants=("branch",)))
    for series, expected in {
        'receiver_channel_clock_skew_seconds{channel="legacy"}': 0,
        'receiver_channel_clock_skew_seconds{channel="ops"}': 2,
        'receiver_channel_clock_skew_seconds{channel="lark"}': 0,
        'receiver_delivery_quota_calls{tenant="default"}': 0,
        'receiver_delivery_quota_limit{tenant="default"}': 0,
        'receiver_delivery_quota_limit{tenant="branch"}': 0,
        'receiver_delivery_circuits{channel="legacy",reason="outage"}': 1,
        'receiver_delivery_circuits{channel="lark",reason="quota"}': 0,
        'receiver_delivery_moved_total{channel="legacy"}': 3,
        'receiver_delivery_moved_total{channel="lark"}': 0,
    }.items():
        assert value(metrics, series) == expected, series


def test_a_reload_adds_and_forgets_nothing(metrics: Metrics, labels: Labels) -> None:
    metrics.ingest.requests.of("prod", "accepted").inc(5)
    metrics.reload(replace(labels, sources=("stage",), alertmanagers=("stage",), apps=("lark",)))
    assert value(metrics, 'receiver_webhook_requests_total{outcome="accepted",source="prod"}') == 5
    for series in (
        'receiver_webhook_requests_total{outcome="accepted",source="stage"}',
        'receiver_webhook_duration_seconds_count{source="stage"}',
        'receiver_alerts_received_total{source="stage",status="firing"}',
        'receiver_bodies_total{reason="first",source="stage"}',
        'receiver_quarantined_total{source="stage"}',
        'receiver_silences_total{outcome="created",source="stage"}',
        'receiver_callback_duration_seconds_count{app="lark"}',
        'receiver_token_expiry_timestamp_seconds{app="lark"}',
    ):
        assert value(metrics, series) == 0


def test_only_a_source_that_is_asked_says_when_it_answered(
    metrics: Metrics, labels: Labels
) -> None:
    name = "receiver_reconcile_answered_timestamp_seconds"
    metrics.reconciling.answered.of("prod").set(1_700_000_000)
    metrics.reload(replace(labels, alertmanagers=("stage", "blind"), asked=("stage",)))
    assert [row for row in exposed(metrics) if row.startswith(name)] == [
        f'{name}{{source="stage"}} 0.0'
    ]


def test_the_same_child_comes_back(metrics: Metrics) -> None:
    requests = metrics.ingest.requests
    assert requests.of("prod", "accepted") is requests.of("prod", "accepted")


@given(st.lists(st.tuples(st.text(), st.text()), max_size=60))
def test_hostile_label_values_make_no_series(arrived: list[tuple[str, str]]) -> None:
    """However many values arrive, the series are those of the closed sets and `other`."""
    registry = CollectorRegistry()
    family = Builder(registry).counter(
        "receiver_probe", "A probe.", {"source": ("a", "b"), "outcome": ("x", "y")}
    )
    for source, outcome in arrived:
        family.of(source, outcome).inc()
    samples = [s for metric in registry.collect() for s in metric.samples if "_total" in s.name]
    assert len(samples) <= 9
    assert sum(s.value for s in samples) == len(arrived)


def test_a_wrong_number_of_label_values_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="1 label values for"):
        metrics.ingest.requests.of("prod")


def test_two_registries_share_nothing(labels: Labels, metrics: Metrics) -> None:
    other = Metrics(CollectorRegistry(), labels, Build(version="2", python="3", sqlite="3"))
    metrics.ingest.requests.of("prod", "accepted").inc()
    series = 'receiver_webhook_requests_total{outcome="accepted",source="prod"}'
    assert (value(metrics, series), value(other, series)) == (1, 0)

"""The lint itself finds what it is for."""

import promql_parser as promql
import pytest

from tests.rules.promql import compares, exposed, problems, surviving

SERVICE = exposed()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("rate(receiver_nothing_total[5m])", "matches no series"),
        ('rate(receiver_bodies_total{colour="red"}[5m])', "matches no series"),
        (
            'rate(receiver_webhook_requests_total{outcome=~"accepted|lost"}[5m])',
            "never has outcome='lost'",
        ),
        ("receiver_bodies_total", "is read without rate"),
        ("rate(receiver_store_queue_length[5m])", "is no counter"),
        (
            'rate(receiver_delivery_latency_seconds_bucket{le="10"}[5m])',
            "never has le='10'",
        ),
    ],
)
def test_a_wrong_query_is_found(query: str, problem: str) -> None:
    assert any(problem in found for found in problems(promql.parse(query), SERVICE))


@pytest.mark.parametrize(
    "query",
    [
        'rate(receiver_delivery_latency_seconds_bucket{le="10.0",job="x"}[5m])',
        'receiver_cards_waiting{job=~"$job",channel=~"$channel"}',
        'rate(receiver_webhook_requests_total{outcome!="accepted"}[5m])',
    ],
)
def test_a_right_query_passes(query: str) -> None:
    assert problems(promql.parse(query), SERVICE) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [("a", False), ("a + 1", False), ("a > 1", True), ("(a > 1) and b", True), ("absent(a)", True)],
)
def test_whether_it_compares(query: str, expected: bool) -> None:
    assert compares(promql.parse(query)) is expected


def test_which_labels_survive() -> None:
    recorded = {"a:b": promql.parse("sum by (job, app) (x)")}
    query = "histogram_quantile(0.9, sum by (job, le) (rate(x[5m]))) > 1"
    assert surviving(promql.parse(query), {}) == {"job"}
    assert surviving(promql.parse("a:b > 1"), recorded) == {"job", "app"}
    assert surviving(promql.parse("absent(x)"), {}) == set()

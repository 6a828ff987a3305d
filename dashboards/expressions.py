"""The PromQL that panels share: every selector keeps to the chosen jobs and instances."""

from __future__ import annotations

from dashboards.grafana import GREEN, Query, Step

TARGET = 'job=~"$job",instance=~"$instance"'
# The promise for critical cards, which is also an edge of the histogram's buckets.
PROMISED = "10.0"


def selector(metric: str, labels: str = "") -> str:
    """Return the metric of the chosen jobs and instances."""
    return f"{metric}{{{TARGET}{',' + labels if labels else ''}}}"


def rate(metric: str, by: str, labels: str = "", window: str = "$__rate_interval") -> str:
    """Return the rate of a counter, summed by labels."""
    return f"sum by ({by}) (rate({selector(metric, labels)}[{window}]))"


def quantile(share: float, metric: str, by: str = "", labels: str = "") -> str:
    """Return a quantile of a histogram's recent observations."""
    keep = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(metric + '_bucket', keep, labels)})"


def quantiles(metric: str, by: str = "", labels: str = "") -> tuple[Query, ...]:
    """Return the median and the 99th percentile, with exemplars of single traces."""
    name = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(expr=quantile(share, metric, by, labels), legend=f"{name}{legend}", exemplars=True)
        for share, legend in ((0.5, "p50"), (0.99, "p99"))
    )


def counted(metric: str, *by: str, labels: str = "") -> tuple[Query, ...]:
    """Return one query of a counter's rate, its series named by their labels."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    return (Query(expr=rate(metric, ", ".join(by), labels), legend=legend),)


def happened(metric: str, *by: str, labels: str = "") -> tuple[Query, ...]:
    """Return one query of how often a counter moved in each step, for what people count."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by)
    moved = f"increase({selector(metric, labels)}[$__rate_interval])"
    return (Query(expr=f"sum by ({', '.join(by)}) ({moved})", legend=legend),)


def age(metric: str) -> str:
    """Return how long ago a gauge's moment was, where there was one."""
    return f"time() - ({selector(metric)} > 0)"


def gauge(metric: str, by: str, fold: str = "sum") -> tuple[Query, ...]:
    """Return one query of a gauge, folded by labels."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return (Query(expr=f"{fold} by ({by}) ({selector(metric)})", legend=legend),)


def warning(value: float) -> tuple[Step, ...]:
    """Return thresholds: green, and orange from this value on."""
    return (GREEN, Step(value=value, color="orange"))


def critical(value: float) -> tuple[Step, ...]:
    """Return thresholds: green, and red from this value on."""
    return (GREEN, Step(value=value, color="red"))


def promised() -> str:
    """Return the share of critical changes that were shown in time."""
    labels = 'severity="critical"'
    metric = "receiver_delivery_latency_seconds"
    edge = f'{labels},le="{PROMISED}"'
    shown = f"sum(rate({selector(metric + '_bucket', edge)}[$__range]))"
    return f"{shown} / sum(rate({selector(metric + '_count', labels)}[$__range]))"


def stage(metric: str, legend: str, labels: str = "") -> Query:
    """Return one stage of the funnel: how often, over the time shown."""
    return Query(expr=f"sum(increase({selector(metric, labels)}[$__range]))", legend=legend)


CHANGED = 'reason!~"repeat|duplicate"'
SHOWN = 'outcome="delivered"'
ACKNOWLEDGED = 'action="acknowledge",outcome="done"'

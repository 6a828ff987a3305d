"""How the process fares: the store, the configuration, CPU and memory."""

from __future__ import annotations

from dashboards.expressions import counted, gauge, quantile, quantiles, rate, selector, warning
from dashboards.grafana import Panel, Query, Row

GROUPED = "receiver_store_group_size"
STORE = Row(
    title="Store and runtime",
    panels=(
        Panel(
            title="Commit duration",
            description="One commit of a group, the sync to disk included.",
            unit="s",
            queries=quantiles("receiver_store_commit_duration_seconds", "instance"),
            steps=warning(0.25),
            runbook="ReceiverStoreSlow",
        ),
        Panel(
            title="Batches a commit",
            description="How many batches share a commit: the mean, and one in a hundred.",
            unit="short",
            queries=(
                Query(
                    expr=f"{rate(GROUPED + '_sum', 'instance')}"
                    f" / {rate(GROUPED + '_count', 'instance')}",
                    legend="{{instance}} mean",
                ),
                Query(expr=quantile(0.99, GROUPED, "instance"), legend="{{instance}} p99"),
            ),
        ),
        Panel(
            title="Batches that wait",
            description="Batches that wait for the writer.",
            unit="short",
            queries=gauge("receiver_store_queue_length", "instance"),
        ),
        Panel(
            title="Store failures",
            description="Batches that could not be committed; their senders got 503.",
            unit="ops",
            queries=counted("receiver_store_failures_total", "instance", "reason"),
            runbook="ReceiverStoreFailing",
        ),
        Panel(
            title="Store size",
            description="Bytes on disk, the log included.",
            unit="bytes",
            queries=gauge("receiver_store_size_bytes", "instance"),
        ),
        Panel(
            title="Configuration",
            description="1 if the last reload succeeded.",
            unit="short",
            queries=gauge("receiver_config_last_reload_successful", "instance", "min"),
            runbook="ReceiverConfigReloadFailed",
        ),
        Panel(
            title="CPU",
            description="Cores in use.",
            unit="short",
            queries=counted("process_cpu_seconds_total", "instance"),
            width=6,
        ),
        Panel(
            title="Memory",
            description="Resident memory.",
            unit="bytes",
            queries=gauge("process_resident_memory_bytes", "instance"),
            width=6,
        ),
        Panel(
            title="Open files",
            description="Of those that the process may open.",
            unit="percentunit",
            queries=(
                Query(
                    expr=f"{selector('process_open_fds')} / {selector('process_max_fds')}",
                    legend="{{instance}}",
                ),
            ),
            width=6,
        ),
        Panel(
            title="Age of the configuration",
            description="Since the configuration in use was loaded.",
            unit="s",
            queries=(
                Query(
                    expr="time() - "
                    + selector("receiver_config_last_reload_success_timestamp_seconds"),
                    legend="{{instance}}",
                ),
            ),
            width=6,
        ),
    ),
)

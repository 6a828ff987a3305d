"""The table of docs/metrics.md, made from the registry: `python -m tests.telemetry.reference`."""

from __future__ import annotations

import sys

from prometheus_client import CollectorRegistry

from receiver.telemetry.metrics import Build, Metrics
from tests.rules.promql import EXAMPLE

HEAD = ("| name | type | labels | meaning |", "|---|---|---|---|")
# Prometheus' own libraries document these.
FOREIGN = "process_"


def table() -> list[str]:
    """Return the table's lines, sorted by name."""
    registry = CollectorRegistry()
    Metrics(registry, EXAMPLE, Build(version="1", python="3", sqlite="3"))
    rows = []
    for family in registry.collect():
        if family.name.startswith(FOREIGN):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        listed = ", ".join(f"`{label}`" for label in sorted(labels))
        rows.append(f"| `{name}` | {family.type} | {listed} | {family.documentation} |")
    return [*HEAD, *sorted(rows)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(table()) + "\n")

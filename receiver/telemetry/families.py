"""Metric families whose label values come from closed sets, with their children at hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# What a label says when its value is not in the closed set: cardinality stays bounded whatever
# arrives from outside.
OTHER = "other"

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
Values = Mapping[str, Iterable[str]]


class Family(Generic[Metric]):
    """One metric with its labels' closed sets; every known combination exists from the start.

    `of` is for the hot path: one dictionary look-up, a third of the price of `labels()`.
    """

    def __init__(
        self, metric: Metric, values: Values, born: Iterable[tuple[str, ...]] | None = None
    ) -> None:
        """Create the children in `born`, or those of every combination of `values`."""
        self.labels = tuple(values)
        self._metric: Metric = metric
        self._known = {label: set(known) for label, known in values.items()}
        self._children: dict[tuple[str, ...], Metric] = {}
        for row in itertools.product(*self._known.values()) if born is None else born:
            self._create(row)

    def of(self, *values: str) -> Metric:
        """Return the child of these label values, in the order of the labels.

        A value outside its closed set is counted as `other`.
        """
        child = self._children.get(values)
        return self._create(self._folded(values)) if child is None else child

    def known(self, label: str) -> tuple[str, ...]:
        """Return the closed set of a label, sorted."""
        return tuple(sorted(self._known[label]))

    def grow(self, label: str, values: Iterable[str]) -> None:
        """Admit more values of a label, after a reload, and create their children."""
        new = set(values) - self._known[label]
        self._known[label] |= new
        axes = [new if name == label else known for name, known in self._known.items()]
        for row in itertools.product(*axes):
            self._create(row)

    def keep(self, label: str, values: Iterable[str]) -> None:
        """Remove the children whose value of a label is none of these, and forget the value."""
        kept = frozenset(values)
        place = self.labels.index(label)
        self._known[label] &= kept
        for row in [row for row in self._children if row[place] not in kept]:
            del self._children[row]
            self._metric.remove(*row)

    def without(self, label: str, values: Iterable[str]) -> list[Metric]:
        """Return the children whose value of a label is none of these."""
        kept = frozenset(values)
        place = self.labels.index(label)
        return [child for row, child in self._children.items() if row[place] not in kept]

    def _folded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(values) != len(self.labels):
            raise ValueError(f"{len(values)} label values for {self.labels}")
        sets = self._known.values()
        return tuple(v if v in known else OTHER for v, known in zip(values, sets, strict=True))

    def _create(self, row: tuple[str, ...]) -> Metric:
        child = self._children.get(row)
        if child is None:
            child = self._children[row] = self._metric.labels(*row)
        return child


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes the families of one registry."""

    registry: CollectorRegistry

    def counter(
        self,
        name: str,
        meaning: str,
        values: Values,
        born: Iterable[tuple[str, ...]] | None = None,
    ) -> Family[Counter]:
        """Make a counter; the library adds `_total` to its name."""
        return Family(Counter(name, meaning, list(values), registry=self.registry), values, born)

    def gauge(self, name: str, meaning: str, values: Values) -> Family[Gauge]:
        """Make a gauge."""
        return Family(Gauge(name, meaning, list(values), registry=self.registry), values)

    def histogram(
        self, name: str, meaning: str, values: Values, buckets: Sequence[float]
    ) -> Family[Histogram]:
        """Make a histogram with these upper bounds."""
        metric = Histogram(name, meaning, list(values), registry=self.registry, buckets=buckets)
        return Family(metric, values)

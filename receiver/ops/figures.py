"""What the store holds, by kinds of channels, as the metrics show it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from receiver.channels.base import split_target
from receiver.store.accounts import Totals
from receiver.store.base import Figures
from receiver.telemetry.metrics import StoreFigures


def store_figures(
    figures: Figures,
    units: Totals,
    *,
    kind_of: Callable[[str], str],
    queue_length: int,
    now: int,
) -> StoreFigures:
    """Return the metrics' figures; ``kind_of`` tells the kind of a channel by its name."""

    def kind(target: str) -> str:
        return kind_of(split_target(target)[0])

    def ages(since: Mapping[str, int]) -> Mapping[str, float]:
        oldest: dict[str, float] = {}
        for target, at in since.items():
            oldest[kind(target)] = max(oldest.get(kind(target), 0.0), max(now - at, 0) / 1000)
        return MappingProxyType(oldest)

    waiting: dict[str, int] = {}
    for target, count in figures.waiting.items():
        waiting[kind(target)] = waiting.get(kind(target), 0) + count
    return StoreFigures(
        cards_waiting=MappingProxyType(waiting),
        oldest_waiting_age=ages(figures.oldest),
        oldest_critical_age=ages(figures.critical),
        dead_letters=figures.dead,
        quarantine_rows=figures.quarantined,
        queue_length=queue_length,
        size_bytes=figures.size,
        units_accepted=units.accepted,
        units=MappingProxyType({str(state): count for state, count in units.by_state.items()}),
        units_suppressed=MappingProxyType(dict(units.reasons)),
    )

"""What a delivery works with."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from receiver.channels.base import Channel
from receiver.channels.templates import Templates
from receiver.deliver.budget import Ledger
from receiver.deliver.charts import Charts
from receiver.deliver.news import Tell, tell_nobody
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import SilenceRules
from receiver.store.base import Store
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing


def no_target() -> str:
    """Name no target: nobody is told."""
    return ""


def as_written(mention: Sequence[str]) -> tuple[str, ...]:
    """Return mentions unchanged: there are no on-call lists."""
    return tuple(mention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """The configuration in force, as delivery needs it."""

    channels: Mapping[str, Channel]
    scale: SeverityScale
    source_urls: Mapping[str, str]
    templates: Templates = Templates()  # noqa: RUF009  (never changes)
    silences: SilenceRules = SilenceRules()  # noqa: RUF009  (never changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a delivery needs; ``outlets`` gives the configuration in force.

    ``tell`` takes a note for the operators, whose own target ``operators`` names. ``expand`` puts
    who is on call now in the place of each list that a mention names.
    """

    outlets: Callable[[], Outlets]
    store: Store
    ledger: Ledger
    metrics: Metrics
    tracing: Tracing
    log: FilteringBoundLogger
    now: Callable[[], int]
    luck: Callable[[], float]
    pause: Callable[[float], Awaitable[None]]  # seconds
    tell: Tell = tell_nobody
    operators: Callable[[], str] = no_target
    expand: Callable[[Sequence[str]], tuple[str, ...]] = as_written
    charts: Charts | None = None

"""The charts of incidents: fetched beside delivery, which waits half a second for one at most."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from receiver.domain.chart import Asked, Chart, NoChart, Series, Span, Unasked, asked, draw, span
from receiver.domain.incident import Incident, Member

WAIT = 0.5  # seconds that a card waits; a chart that comes later is drawn with the next edit
REFRESH = 60_000  # ms before the same query is made again
KEPT_MOST = 500  # incidents whose charts are remembered
AT_ONCE = 4  # queries of one source; in a storm most cards go without
PAUSE = 30_000  # ms without queries of a source whose last one failed or was slow
MANY = 500  # series; choosing among more would keep the loop from others for some ms
DRAWN = "drawn"
_LONG_AGO = -REFRESH


class Ranges(Protocol):
    """What has values over time, and gives up by itself."""

    async def query_range(self, query: str, span: Span) -> tuple[Series, ...] | Unasked:
        """Return a query's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartMeans:
    """What charts need: the Prometheus of each source, in the configuration in force."""

    sources: Callable[[], Mapping[str, Ranges]]
    now: Callable[[], int]
    count: Callable[[str, str], None]  # a source, and what became of a chart
    log: FilteringBoundLogger


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of an incident's chart, asked for at ``at`` (Unix ms)."""

    expression: str
    span: Span | None
    at: int
    drawn: Chart | NoChart


class Charts:
    """Keeps the charts of the incidents that were drawn last; nothing here outlives the process."""

    def __init__(self, means: ChartMeans, wait: float = WAIT) -> None:
        self._means = means
        self._wait = wait
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._busy: dict[str, int] = {}
        self._paused: dict[str, tuple[int, NoChart]] = {}

    def known(self, incident: int) -> Chart | NoChart | None:
        """Return what is at hand, without asking: a click must not wait."""
        kept = self._kept.get(incident)
        return None if kept is None else kept.drawn

    async def prepare(self, incident: Incident, members: Sequence[Member]) -> None:
        """Have an incident's chart at hand, or the word why there is none; never raises.

        It takes half a second at most, whatever Prometheus does; what is not ready then is kept
        for the next time.
        """
        server = self._means.sources().get(incident.source)
        about = None if server is None else asked(incident, members)
        if server is None or about is None:
            self._kept.pop(incident.id, None)
            return
        now = self._means.now()
        if self._fresh(incident.id, about, now):
            return
        held = self._held(incident, now)
        if held is not None:
            self._make_do(incident.id, about, held)
            return
        task = self._asking.get(incident.id) or self._begin(incident, server, about)
        await asyncio.wait({task}, timeout=self._wait)
        if not task.done():
            self._make_do(incident.id, about, NoChart.SLOW)

    async def close(self) -> None:
        """End what is under way."""
        tasks = set(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fresh(self, incident: int, about: Asked, now: int) -> bool:
        kept = self._kept.get(incident)
        if kept is None or kept.expression != about.expression:
            return False
        if isinstance(kept.drawn, Chart) and kept.span == span(about, now):
            return True  # there is nothing more to come
        return 0 <= now - kept.at < REFRESH

    def _make_do(self, incident: int, about: Asked, why: NoChart) -> None:
        """Go on with an older chart of the same, or with the word why there is none."""
        kept = self._kept.get(incident)
        same = kept is not None and kept.expression == about.expression
        if not same or isinstance(self.known(incident), NoChart):
            self._keep(incident, _Kept(about.expression, None, _LONG_AGO, why))

    def _held(self, incident: Incident, now: int) -> NoChart | None:
        """Say why no query is made now, if none is."""
        if incident.id in self._asking:
            return None
        until, reason = self._paused.get(incident.source, (0, NoChart.FAILED))
        if until - PAUSE <= now < until:  # unless the clock was set back
            return reason
        if self._busy.get(incident.source, 0) < AT_ONCE:
            return None
        self._means.count(incident.source, NoChart.BUSY)
        return NoChart.BUSY

    def _begin(self, incident: Incident, server: Ranges, about: Asked) -> "asyncio.Task[None]":
        source = incident.source
        self._busy[source] = self._busy.get(source, 0) + 1
        task = asyncio.create_task(self._ask(incident, server, about))
        self._asking[incident.id] = task

        def done(_: "asyncio.Task[None]") -> None:
            self._busy[source] -= 1
            self._asking.pop(incident.id, None)

        task.add_done_callback(done)
        return task

    async def _ask(self, incident: Incident, server: Ranges, about: Asked) -> None:
        """Ask, draw, and keep it; a fault there harms no card."""
        means, now = self._means, self._means.now()
        wanted = span(about, now)
        try:
            found = await server.query_range(about.question.query, wanted)
            if isinstance(found, Unasked):
                drawn = self._failed(incident.source, found)
            elif len(found) > MANY:
                drawn = await asyncio.to_thread(draw, about, found, wanted)
            else:
                drawn = draw(about, found, wanted)
        except Exception:
            means.log.exception("chart fault", incident=incident.id, source=incident.source)
            drawn = NoChart.FAILED
        means.count(incident.source, drawn if isinstance(drawn, NoChart) else DRAWN)
        at = _LONG_AGO if drawn in (NoChart.SLOW, NoChart.FAILED) else now
        self._keep(incident.id, _Kept(about.expression, wanted, at, drawn))

    def _failed(self, source: str, why: Unasked) -> "Chart | NoChart":
        """Leave a source alone for a while: the next card must not wait for it too."""
        self._paused[source] = (self._means.now() + PAUSE, why.reason)
        self._means.log.warning("no chart", source=source, reason=why.reason, detail=why.detail)
        return why.reason

    def _keep(self, incident: int, kept: _Kept) -> None:
        self._kept[incident] = kept
        self._kept.move_to_end(incident)
        while len(self._kept) > KEPT_MOST:
            self._kept.popitem(last=False)

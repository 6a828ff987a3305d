"""Charts are fetched beside delivery: bounded, rarely, and a server in trouble is left alone."""

import asyncio
import io
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from receiver.deliver.charts import (
    AT_ONCE,
    KEPT_MOST,
    MANY,
    PAUSE,
    REFRESH,
    ChartMeans,
    Charts,
)
from receiver.domain.chart import MINUTE, Chart, NoChart, Series, Span, Unasked, draw
from receiver.domain.incident import Incident, Member
from receiver.telemetry.logs import build_logging
from tests.channels.views import NOW, incident, member

URL = "http://prometheus:9090/graph?g0.expr="
PATIENT = 30.0  # seconds: as long as a busy machine needs
AT_ONCE_SLOW = 0.0


@dataclass
class Server:
    """A Prometheus that answers when it is let."""

    now: int = NOW
    answer: tuple[Series, ...] | Unasked | Exception = (Series({"a": "1"}, ((NOW, 99.0),)),)
    asked: list[tuple[str, Span]] = field(default_factory=list)
    counted: list[tuple[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    log: io.BytesIO = field(default_factory=io.BytesIO)

    async def query_range(self, query: str, span: Span) -> tuple[Series, ...] | Unasked:
        """Answer once the door is open."""
        self.asked.append((query, span))
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def _count(self, source: str, outcome: str) -> None:
        self.counted.append((source, outcome))
        self.told.set()

    async def drawn(self) -> None:
        """Wait until something became of a chart."""
        async with asyncio.timeout(PATIENT):
            await self.told.wait()

    def charts(self, wait: float = PATIENT) -> Charts:
        """Return charts of this server."""
        means = ChartMeans(
            sources=lambda: {"prod": self},
            now=lambda: self.now,
            count=self._count,
            log=build_logging("info", self.log)("charts"),
        )
        return Charts(means, wait)


def opened() -> Server:
    made = Server()
    made.open.set()
    return made


def case(number: int = 1, query: str = "x > 80") -> tuple[Incident, list[Member]]:
    members = [member(1)._replace(url=URL + quote(query), since=NOW)]
    return incident(members, id=number), members


async def test_a_chart_is_at_hand_when_the_card_is_drawn() -> None:
    server = opened()
    charts = server.charts()
    assert charts.known(1) is None
    await charts.prepare(*case())
    found = charts.known(1)
    assert isinstance(found, Chart)
    assert found.threshold is not None
    ((query, _),) = server.asked
    assert query == "x"
    assert server.counted == [("prod", "drawn")]


async def test_among_many_it_is_chosen_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    drawers: list[threading.Thread] = []

    def watched(*given: Any) -> Chart | NoChart:
        drawers.append(threading.current_thread())
        return draw(*given)

    monkeypatch.setattr("receiver.deliver.charts.draw", watched)
    server = opened()
    for number, count in enumerate((MANY + 1, 1)):
        found = (Series({"n": str(n)}, ((NOW, 99.0),)) for n in range(count))
        server.answer = tuple(found)
        await server.charts().prepare(*case(number))
    assert [one is threading.main_thread() for one in drawers] == [False, True]


async def test_the_same_is_asked_again_after_a_minute() -> None:
    server = opened()
    charts = server.charts()
    for later in (0, REFRESH - 1, REFRESH, 2 * REFRESH - 1):
        server.now = NOW + later
        await charts.prepare(*case())
    assert len(server.asked) == 2
    server.now = NOW + 120 * MINUTE
    await charts.prepare(*case())
    server.now += 120 * MINUTE
    await charts.prepare(*case())
    assert len(server.asked) == 3  # what was shown then does not change any more


async def test_another_expression_is_asked_at_once() -> None:
    server = opened()
    charts = server.charts()
    await charts.prepare(*case())
    await charts.prepare(*case(query="y > 1"))
    assert [query for query, _ in server.asked] == ["x", "y"]


async def test_what_has_no_server_or_no_expression_has_no_chart() -> None:
    server = opened()
    charts = server.charts()
    found, members = case()
    await charts.prepare(found._replace(source="other"), members)
    bare = [member(1)._replace(url="")]
    await charts.prepare(found, bare)
    assert charts.known(1) is None
    assert server.asked == []


async def test_a_slow_one_is_not_waited_for_and_serves_the_next_card() -> None:
    server = Server()
    charts = server.charts(AT_ONCE_SLOW)
    await charts.prepare(*case())
    assert charts.known(1) is NoChart.SLOW
    await charts.prepare(*case())  # joins the query under way
    assert len(server.asked) == 1
    server.open.set()
    await server.drawn()
    assert isinstance(charts.known(1), Chart)


async def test_an_older_chart_beats_none() -> None:
    server = opened()
    charts = server.charts(AT_ONCE_SLOW)
    await charts.prepare(*case())
    await server.drawn()
    server.now += REFRESH
    server.open.clear()
    await charts.prepare(*case())
    assert len(server.asked) == 2
    assert isinstance(charts.known(1), Chart)
    await charts.close()


async def test_a_server_that_failed_is_left_alone_for_a_while() -> None:
    server = opened()
    server.answer = Unasked(NoChart.FAILED, "HTTP 500")
    charts = server.charts()
    await charts.prepare(*case())
    assert charts.known(1) is NoChart.FAILED
    server.now += PAUSE - 1
    await charts.prepare(*case(2))
    assert charts.known(2) is NoChart.FAILED
    assert len(server.asked) == 1
    server.now += 1
    await charts.prepare(*case(2))
    assert len(server.asked) == 2
    assert b"HTTP 500" in server.log.getvalue()


async def test_a_clock_that_is_set_back_does_not_end_charts() -> None:
    server = opened()
    server.answer = Unasked(NoChart.SLOW)
    server.now += 30 * PAUSE
    charts = server.charts()
    await charts.prepare(*case())
    server.now -= 10 * PAUSE
    await charts.prepare(*case())
    assert len(server.asked) == 2


async def test_our_own_fault_harms_no_card() -> None:
    server = opened()
    server.answer = RuntimeError("oops")
    charts = server.charts()
    await charts.prepare(*case())
    assert charts.known(1) is NoChart.FAILED
    assert b"chart fault" in server.log.getvalue()


async def test_a_storm_asks_a_few_queries_and_waits_for_none() -> None:
    server = Server()
    charts = server.charts(AT_ONCE_SLOW)
    for number in range(1, 3 * AT_ONCE + 1):
        await charts.prepare(*case(number))
    assert len(server.asked) == AT_ONCE
    assert charts.known(3 * AT_ONCE) is NoChart.BUSY
    assert server.counted == [("prod", "busy")] * 2 * AT_ONCE
    await charts.close()


async def test_what_is_kept_is_bounded() -> None:
    server = opened()
    charts = server.charts()
    for number in range(1, KEPT_MOST + 3):
        await charts.prepare(*case(number))
    assert charts.known(2) is None
    assert isinstance(charts.known(KEPT_MOST + 2), Chart)


async def test_an_end_waits_for_nobody() -> None:
    server = Server()
    charts = server.charts(AT_ONCE_SLOW)
    await charts.prepare(*case())
    await charts.close()

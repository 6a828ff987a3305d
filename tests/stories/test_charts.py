"""A card's chart, from the real Prometheus; a slow one holds nothing up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.domain.chart import MINUTE
from receiver.sandbox.server import serve_app
from tests.channels.feishu.reading import walk
from tests.real_alertmanager import wall_clock
from tests.real_prometheus import real_prometheus
from tests.stage import Stage, body, stage, words
from tests.stories.cards import Json
from tests.stories.charted import METRIC, PAST, charted, charted_by


def charts(content: Json) -> list[Json]:
    return [part["chart_spec"] for part in walk(content) if part.get("tag") == "chart"]


async def test_the_first_message_shows_what_prometheus_knows(tmp_path: Path) -> None:
    now = wall_clock() // MINUTE * MINUTE
    (tmp_path / "prometheus").mkdir()
    async with (
        real_prometheus(tmp_path / "prometheus", METRIC, PAST, now, 60 * MINUTE) as url,
        stage(tmp_path, **charted_by(url)) as at,
    ):
        await at.fire(charted())
        message = await at.message()
        (spec,) = charts(message.content)
        values = spec["data"][0]["values"]
        assert {value["s"] for value in values} == {"db-1", "db-2", "> 80"}
        assert max(value["y"] for value in values if value["s"] == "db-1") > 90
        assert message.updates == 0
        assert await at.metric("receiver_charts_total", outcome="drawn") == 1


class Slow:
    """A server that answers when it is let, and counts what it is asked."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    async def answer(self, _: Request) -> Response:
        """Answer late."""
        self.asked += 1
        await self.open.wait()
        start = wall_clock() // 1000 - 60
        row = f'{{"metric":{{"instance":"db-1"}},"values":[[{start},"91"],[{start + 60},"92"]]}}'
        return Response(f'{{"status":"success","data":{{"result":[{row}]}}}}')


@asynccontextmanager
async def slow(folder: Path) -> AsyncIterator[tuple[Stage, Slow]]:
    server = Slow()
    app = Starlette(routes=[Route("/{path:path}", server.answer, methods=["POST"])])
    async with (
        serve_app(app, closing=server.open.set) as url,
        stage(folder, **charted_by(url)) as at,
    ):
        yield at, server


async def test_a_slow_prometheus_delays_no_card_and_its_chart_comes_with_the_next_edit(
    tmp_path: Path,
) -> None:
    async with slow(tmp_path) as (at, server):
        await at.fire(charted())
        message = await at.message()
        assert charts(message.content) == []
        assert "Without a chart: Prometheus did not answer in time" in words(message)
        server.open.set()

        async def answered() -> bool:
            return await at.metric("receiver_charts_total", outcome="drawn") == 1

        await at.when(answered)
        await at.click(message, "acknowledge")
        await at.until(lambda: bool(charts(message.content)))
        assert server.asked == 1


async def test_a_message_that_is_sent_again_is_the_same(tmp_path: Path) -> None:
    async with slow(tmp_path) as (at, server):
        at.desk.fault("create", "reset", after=True)
        await at.fire(charted())
        message = await at.message()
        server.open.set()
        await at.quiet()
        assert at.calls("create") == [0, 0]  # the first one's answer never came
        assert len(at.messages()) == 1
        assert "Without a chart" in words(message)
        assert server.asked == 1  # what is sent again is not drawn again


async def test_an_alert_without_an_expression_has_no_chart(tmp_path: Path) -> None:
    async with slow(tmp_path) as (at, server):
        bare = {**charted(), "generatorURL": "http://grafana/alerting/grafana/a1/view"}
        await at.post(body(bare))
        message = await at.message()
        assert "chart" not in words(message)
        assert server.asked == 0

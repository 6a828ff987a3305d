"""The parts about charts: the Prometheus of each source, and what is kept of their answers."""

import dataclasses
from collections.abc import Callable, Mapping

from receiver.alertmanager.peer import Source
from receiver.alertmanager.prometheus import API, Prometheus, build_prometheus_http
from receiver.alertmanager.tls import Tls
from receiver.config import Config, PrometheusConfig
from receiver.deliver.charts import ChartMeans, Charts
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing


class Charting:
    """Keeps the charts of the configuration in force."""

    def __init__(
        self,
        config: Config,
        *,
        now: Callable[[], int],
        metrics: Metrics,
        tracing: Tracing,
        logs: LogFactory,
    ) -> None:
        self._tracing = tracing
        self._config = config
        self._servers = self._built(config, {})
        self._closing = list(self._servers.values())
        counter = metrics.charts.charts
        self.charts = Charts(
            ChartMeans(
                sources=lambda: self._servers,
                now=now,
                count=lambda source, outcome: counter.of(source, outcome).inc(),
                log=logs("charts"),
            )
        )

    def adopt(self, config: Config) -> None:
        """Take over a new configuration; what did not change keeps its connections."""
        before, said = self._servers, _said(self._config)
        same = {name: before[name] for name, new in _said(config).items() if said.get(name) == new}
        self._servers, self._config = self._built(config, same), config
        # Queries may be under way on the others: they are closed at the end.
        self._closing += [each for name, each in self._servers.items() if name not in same]

    async def close(self) -> None:
        """End the queries under way, and close the connections."""
        await self.charts.close()
        for server in self._closing:
            await server.close()

    def _built(self, config: Config, same: Mapping[str, Prometheus]) -> Mapping[str, Prometheus]:
        return {
            name: same.get(name) or server_of(name, said, self._tracing)
            for name, said in _said(config).items()
        }


def _said(config: Config) -> dict[str, PrometheusConfig]:
    return {
        source.name: source.prometheus
        for source in config.alertmanagers
        if source.prometheus is not None
    }


def server_of(name: str, said: PrometheusConfig, tracing: Tracing) -> Prometheus:
    """Return a source's Prometheus, with a client of its own."""
    tls = Tls() if said.tls is None else Tls(**dataclasses.asdict(said.tls))
    return Prometheus(_where(name, said), build_prometheus_http(tls), tracing)


def _where(name: str, said: PrometheusConfig) -> Source:
    """Return where a Prometheus is, and what it is shown."""
    auth = said.basic_auth
    return Source(
        name=name,
        urls=(said.url,),
        headers=dict(said.headers),
        basic_auth=None if auth is None else (auth.username, auth.password.reveal()),
        bearer="" if said.bearer_token is None else said.bearer_token.reveal(),
        api=API,
    )

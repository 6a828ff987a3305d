"""A configuration, turned into the parts that the stages work with."""

import platform
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import httpx
from prometheus_client import CollectorRegistry

from receiver.alertmanager.client import AlertmanagerClient, build_http
from receiver.alertmanager.client import Ports as AlertmanagerPorts
from receiver.alertmanager.peer import Source
from receiver.callback.desk import Setting
from receiver.callback.feishu import CallbackApp
from receiver.channels.base import Channel
from receiver.channels.feishu.attempt import Ports as FeishuPorts
from receiver.channels.feishu.callback import Keys
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.hook import FeishuBot
from receiver.channels.feishu.http import build_client
from receiver.channels.feishu.token import Account
from receiver.channels.templates import Templates
from receiver.config import (
    AgentSource,
    AlertmanagerSource,
    Config,
    FeishuAppConfig,
    FeishuBotConfig,
    Router,
    Secret,
)
from receiver.deliver.worker import Outlets
from receiver.domain.incident import Rules
from receiver.domain.outcome import RejectReason, RetryReason
from receiver.domain.reason import BodyReason, CardReason
from receiver.domain.silence import CONFIRM_WITHIN
from receiver.ingest.agents import AgentGate, Agents
from receiver.ingest.door import Doors, Gate
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Build, Labels, Metrics
from receiver.telemetry.tracing import Tracing

# Seconds that a replaced client may still be used: the drive of a silence keeps its client until
# the intent is confirmed or has failed; then its last call's timeout, and a margin.
RETIRE_AFTER = CONFIRM_WITHIN / 1000 + 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What parts are built with."""

    tracing: Tracing
    metrics: Metrics
    logs: LogFactory
    now: Callable[[], int]
    luck: Callable[[], float]
    wait: Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that one configuration stands for; swapped whole by a reload."""

    config: Config
    doors: Doors
    agents: Agents
    outlets: Outlets
    setting: Setting
    apps: Mapping[str, CallbackApp]
    alertmanagers: Mapping[str, AlertmanagerClient]
    connections: Mapping[str, httpx.AsyncClient]  # each app's, which a reload may keep
    closing: tuple[Callable[[], Awaitable[None]], ...]


class _Maker:
    """Builds clients, or takes over those whose configuration did not change."""

    def __init__(self, tools: Tools, before: Parts | None) -> None:
        self._tools = tools
        self._before = before
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self.connections: dict[str, httpx.AsyncClient] = {}

    def app(self, config: FeishuAppConfig) -> FeishuApp:
        """Return an app's channel, with its token and names if it had them before."""
        before = self._before
        if before is not None and config in before.config.feishu:
            channel = before.apps[config.name].channel
            http = before.connections[config.name]
        else:
            account = Account(
                name=config.name,
                base_url=config.base_url,
                app_id=config.app_id,
                app_secret=config.app_secret.reveal(),
            )
            ports = self._feishu_ports()
            channel, http = FeishuApp(account, ports, self._observe_token), ports.http
        self.connections[config.name] = http
        self.closing.extend((channel.close, http.aclose))
        return channel

    def bot(self, config: FeishuBotConfig) -> FeishuBot:
        """Return a group bot's channel."""
        ports = self._feishu_ports()
        self.closing.append(ports.http.aclose)
        return FeishuBot(
            config.name,
            config.webhook_url.reveal(),
            _reveal(config.secret),
            ports,
            keyword=config.keyword,
        )

    def alertmanager(self, config: AlertmanagerSource) -> AlertmanagerClient:
        """Return a source's client."""
        http = build_http()
        self.closing.append(http.aclose)
        auth = config.basic_auth
        requests = self._tools.metrics.callbacks.alertmanager_requests
        ports = AlertmanagerPorts(
            http=http,
            tracing=self._tools.tracing,
            observe=lambda call, result: requests.of(config.name, call, result).inc(),
            wait=self._tools.wait,
            share=self._tools.luck,
        )
        source = Source(
            name=config.name,
            urls=config.urls,
            headers=dict(config.headers),
            basic_auth=None if auth is None else (auth.username, auth.password.reveal()),
            bearer=_reveal(config.bearer_token),
        )
        return AlertmanagerClient(source, ports)

    def _feishu_ports(self) -> FeishuPorts:
        return FeishuPorts(
            http=build_client(),
            tracing=self._tools.tracing,
            log=self._tools.logs("feishu"),
            now=self._tools.now,
            share=self._tools.luck,
        )

    def _observe_token(self, app: str, success: bool, expires_at: int) -> None:
        callbacks = self._tools.metrics.callbacks
        callbacks.token_refreshes.of(app, "success" if success else "failure").inc()
        if success:
            callbacks.token_expiry.of(app).set(expires_at / 1000)


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def build(config: Config, tools: Tools, before: Parts | None) -> Parts:
    """Build the parts of a configuration, keeping what did not change."""
    maker = _Maker(tools, before)
    router = Router(config.routes)
    channels: dict[str, Channel] = {}
    apps: dict[str, CallbackApp] = {}
    for entry in config.feishu:
        if isinstance(entry, FeishuAppConfig):
            channel = maker.app(entry)
            channels[entry.name] = channel
            keys = Keys(
                encrypt_key=_reveal(entry.encrypt_key),
                verification_token=_reveal(entry.verification_token),
            )
            apps[entry.name] = CallbackApp(keys=keys, channel=channel)
        else:
            channels[entry.name] = maker.bot(entry)
    urls = {source.name: source.external_url for source in config.alertmanagers}
    clients = {source.name: maker.alertmanager(source) for source in config.alertmanagers}
    rules = Rules(config.severity, config.flap_window)
    templates = templates_of(config)
    return Parts(
        config=config,
        doors=_doors(config, router, rules),
        agents=_agents(config, router, rules, before),
        outlets=Outlets(
            channels=MappingProxyType(channels),
            scale=config.severity,
            source_urls=MappingProxyType(urls),
            templates=templates,
        ),
        setting=Setting(
            scale=config.severity,
            source_urls=lambda source: urls.get(source, ""),
            templates=templates,
        ),
        apps=MappingProxyType(apps),
        alertmanagers=MappingProxyType(clients),
        connections=MappingProxyType(maker.connections),
        closing=tuple(maker.closing),
    )


def templates_of(config: Config) -> Templates:
    """Return the configured templates, compiled."""
    said = config.templates
    return Templates(said.title or "", said.summary or "", said.text or "")


def _doors(config: Config, router: Router, rules: Rules) -> Doors:
    gates = {
        source.name: Gate(
            name=source.name,
            token=None if source.webhook_token is None else source.webhook_token.reveal(),
            place=router.union,
            rules=rules,
        )
        for source in config.alertmanagers
    }
    return Doors(gates=MappingProxyType(gates), body_limit=config.server.body_limit)


def _agents(config: Config, router: Router, rules: Rules, before: Parts | None) -> Agents:
    gates = {}
    for agent in config.agents:
        gate = Gate(name=agent.name, token=agent.token.reveal(), place=router.union, rules=rules)
        old = None if before is None else before.agents.gates.get(agent.name)
        gates[agent.name] = _agent(agent, gate, config, old)
    return Agents(MappingProxyType(gates))


def _agent(agent: AgentSource, gate: Gate, config: Config, old: AgentGate | None) -> AgentGate:
    rate = agent.rate_limit
    made = AgentGate(
        gate=gate,
        types=agent.message_types,
        rate=None if rate is None else (rate.most, rate.window_ms),
        severity_label=config.severity.label,
    )
    if old is not None:
        made.recent.extend(old.recent)  # a reload gives nobody a fresh allowance
    return made


def targets_of(config: Config) -> tuple[str, ...]:
    """Return every target that a route names."""
    return tuple(dict.fromkeys(target for route in config.routes for target in route.targets))


def labels_for(config: Config) -> Labels:
    """Return the closed label sets that follow from a configuration and the domain."""
    alertmanagers = tuple(source.name for source in config.alertmanagers)
    agents = tuple(agent.name for agent in config.agents)
    return Labels(
        sources=(*alertmanagers, *agents),
        alertmanagers=alertmanagers,
        apps=tuple(app.name for app in config.feishu if isinstance(app, FeishuAppConfig)),
        body_reasons=tuple(BodyReason),
        decision_reasons=tuple(CardReason),
        retry_reasons=tuple(RetryReason),
        rejection_reasons=tuple(RejectReason),
        dead_letter_reasons=tuple(RejectReason),
    )


def metrics_for(config: Config, registry: CollectorRegistry, release: str) -> Metrics:
    """Build the metrics of a process that starts with this configuration."""
    build = Build(version=release, python=platform.python_version(), sqlite=sqlite3.sqlite_version)
    return Metrics(registry, labels_for(config), build)

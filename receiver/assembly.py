"""A configuration, turned into the parts that the stages work with."""

import dataclasses
import platform
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import httpx
from prometheus_client import CollectorRegistry

from receiver.alertmanager.call import Ports as AlertmanagerPorts
from receiver.alertmanager.call import build_http
from receiver.alertmanager.client import AlertmanagerClient
from receiver.alertmanager.peer import API, GRAFANA_API, Source
from receiver.alertmanager.silences import Silencer, Surroundings
from receiver.alertmanager.tls import Tls
from receiver.callback.desk import Setting
from receiver.callback.feishu import CallbackApp
from receiver.channels.base import Channel, Quota
from receiver.channels.feishu.attempt import Ports as FeishuPorts
from receiver.channels.feishu.callback import Keys
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.hook import FeishuBot
from receiver.channels.feishu.http import build_client
from receiver.channels.feishu.token import Account
from receiver.channels.templates import LinkTemplate, Templates
from receiver.config import (
    GRAFANA,
    LONG_CONNECTION,
    AgentSource,
    AlertmanagerSource,
    Config,
    FeishuAppConfig,
    FeishuBotConfig,
    Router,
    Secret,
)
from receiver.deliver.circuit import Cause
from receiver.deliver.means import Outlets
from receiver.domain.incident import Flapping, Rules
from receiver.domain.outcome import RejectReason, RetryReason
from receiver.domain.policy import Policy
from receiver.domain.reason import BodyReason, CardReason, TruthReason
from receiver.domain.silence import CONFIRM_WITHIN
from receiver.domain.storm import Rules as StormRules
from receiver.ingest.agents import AgentGate, Agents
from receiver.ingest.door import Doors, Gate
from receiver.phrases import Said
from receiver.reconcile.truth import Subject
from receiver.store.base import Unusable
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
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
            account = account_of(config)
            ports = self._feishu_ports()
            quota = Quota(config.tenant, config.monthly_quota)
            channel = FeishuApp(account, ports, self._observe_token, quota=quota)
            http = ports.http
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
        http = build_http(tls=tls_of(config))
        self.closing.append(http.aclose)
        requests = self._tools.metrics.callbacks.alertmanager_requests
        ports = AlertmanagerPorts(
            http=http,
            tracing=self._tools.tracing,
            observe=lambda call, result: requests.of(config.name, call, result).inc(),
            wait=self._tools.wait,
            share=self._tools.luck,
        )
        return AlertmanagerClient(source_of(config), ports)

    def _feishu_ports(self) -> FeishuPorts:
        return FeishuPorts(
            http=build_client(),
            tracing=self._tools.tracing,
            log=self._tools.logs("feishu"),
            now=self._tools.now,
            share=self._tools.luck,
            observe_skew=self._observe_skew,
        )

    def _observe_skew(self, channel: str, seconds: float) -> None:
        """Show how far the platform's clock is ahead; told is how far ours is."""
        self._tools.metrics.channels.clock_skew.of(channel).set(-seconds)

    def _observe_token(self, app: str, success: bool, expires_at: int) -> None:
        callbacks = self._tools.metrics.callbacks
        callbacks.token_refreshes.of(app, "success" if success else "failure").inc()
        if success:
            callbacks.token_expiry.of(app).set(expires_at / 1000)


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def source_of(config: AlertmanagerSource) -> Source:
    """Return where a source's peers are, and what they are shown."""
    auth = config.basic_auth
    return Source(
        name=config.name,
        urls=config.urls,
        headers=dict(config.headers),
        basic_auth=None if auth is None else (auth.username, auth.password.reveal()),
        bearer=_reveal(config.bearer_token),
        api=GRAFANA_API if config.kind == GRAFANA else API,
    )


def tls_of(config: AlertmanagerSource) -> Tls:
    """Return whom a source's connections trust, and who we are to it."""
    return Tls() if config.tls is None else Tls(**dataclasses.asdict(config.tls))


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
    rules = rules_of(config)
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
            silences=config.silences.rules,
        ),
        setting=Setting(
            scale=config.severity,
            source_urls=lambda source: urls.get(source, ""),
            templates=templates,
            policy=Policy(config.policy),
            silences=config.silences.rules,
            zone=config.zone,
        ),
        apps=MappingProxyType(apps),
        alertmanagers=MappingProxyType(clients),
        connections=MappingProxyType(maker.connections),
        closing=tuple(maker.closing),
    )


def rules_of(config: Config) -> Rules:
    """Return what decisions about bodies need to know."""
    flapping = Flapping(config.flapping.threshold, config.flapping.window)
    return Rules(config.severity, config.flap_window, flapping)


def subjects_of(parts: Parts) -> dict[str, Subject]:
    """Return the sources that can be asked for their truth."""
    config = parts.config
    place = Router(config.routes).union
    return {
        source.name: Subject(
            asker=parts.alertmanagers[source.name],
            every=source.reconcile_every,
            warm_up=source.warm_up,
            stale_after=source.stale_after,
            rules=rules_of(config),
            place=place,
        )
        for source in config.alertmanagers
        if source.urls
    }


def storms_of(config: Config) -> StormRules:
    """Return when a backlog is a storm."""
    return StormRules(config.storm.enabled, config.storm.after)


def templates_of(config: Config) -> Templates:
    """Return the configured templates, compiled."""
    said = config.templates
    links = [
        LinkTemplate(Said(link.name.zh, link.name.en), link.url, link.matchers)
        for link in config.links
    ]
    return Templates(said.title or "", said.summary or "", said.text or "", links)


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
    """Return every target that a route names, its fallbacks last."""
    named = [target for route in config.routes for target in route.every_target]
    instead = [route.fallback for route in config.routes if route.fallback]
    return tuple(dict.fromkeys((*named, *instead)))


def labels_for(config: Config) -> Labels:
    """Return the closed label sets that follow from a configuration and the domain."""
    alertmanagers = tuple(source.name for source in config.alertmanagers)
    agents = tuple(agent.name for agent in config.agents)
    apps = [entry for entry in config.feishu if isinstance(entry, FeishuAppConfig)]
    return Labels(
        sources=(*alertmanagers, *agents),
        alertmanagers=alertmanagers,
        asked=tuple(source.name for source in config.alertmanagers if source.urls),
        apps=tuple(app.name for app in apps),
        body_reasons=tuple(BodyReason),
        truth_reasons=tuple(TruthReason),
        decision_reasons=tuple(CardReason),
        retry_reasons=tuple(RetryReason),
        rejection_reasons=tuple(RejectReason),
        dead_letter_reasons=tuple(RejectReason),
        circuit_reasons=tuple(Cause),
        outlets=tuple(entry.name for entry in config.feishu),
        tenants=tuple(dict.fromkeys(app.tenant for app in apps)),
        oncall_lists=tuple(each.name for each in config.oncall),
        streams=tuple(account.name for account in streams_of(config)),
    )


def account_of(app: FeishuAppConfig) -> Account:
    """Return what an app is known by."""
    return Account(
        name=app.name,
        base_url=app.base_url,
        app_id=app.app_id,
        app_secret=app.app_secret.reveal(),
    )


def streams_of(config: Config) -> tuple[Account, ...]:
    """Return the apps that are called along a long connection."""
    apps = [entry for entry in config.feishu if isinstance(entry, FeishuAppConfig)]
    return tuple(account_of(app) for app in apps if app.callbacks == LONG_CONNECTION)


def open_store(config: Config, metrics: Metrics, timer: Callable[[], float]) -> SqliteStore:
    """Open the configured store, whose commits the metrics count.

    Raises:
        Unusable: it cannot be opened.

    """
    path = config.store.path
    if path is None:
        raise Unusable(f"store.url: {config.store.url} is not a file of SQLite")

    def done(seconds: float, jobs: int) -> None:
        metrics.store.commit_duration.observe(seconds)
        metrics.store.group_size.observe(jobs)

    def failed(reason: str) -> None:
        metrics.store.failures.of(reason).inc()

    return SqliteStore(
        path,
        patience=config.server.commit_timeout / 1000,
        timer=timer,
        commits=Commits(done=done, failed=failed),
    )


def silencer(tools: Tools, parts: Callable[[], Parts]) -> Silencer:
    """Return what makes silences, with the clients of the configuration in force."""
    silences = tools.metrics.callbacks.silences

    def client(source: str) -> AlertmanagerClient | None:
        return parts().alertmanagers.get(source)

    return Silencer(
        Surroundings(
            clients=client,
            clock=tools.now,
            wait=tools.wait,
            share=tools.luck,
            count=lambda source, outcome: silences.of(source, outcome).inc(),
        )
    )


def metrics_for(config: Config, registry: CollectorRegistry, release: str) -> Metrics:
    """Build the metrics of a process that starts with this configuration."""
    build = Build(version=release, python=platform.python_version(), sqlite=sqlite3.sqlite_version)
    return Metrics(registry, labels_for(config), build)

"""What a configuration says, as immutable values; times are integer milliseconds."""

import ipaddress
from dataclasses import dataclass, field, fields
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from receiver.config.duty import Escalation, OncallList
from receiver.config.secret import Secret
from receiver.domain.custody import ACKNOWLEDGE_FOR, REOPEN_AFTER
from receiver.domain.incident import FLAP_WINDOW
from receiver.domain.matcher import Matcher
from receiver.domain.policy import Rule
from receiver.domain.reason import NotifyReason
from receiver.domain.reconcile import STALE_AFTER
from receiver.domain.severity import SeverityScale
from receiver.domain.silence import LONGEST, UNSTABLE_LABELS, SilenceRules
from receiver.domain.truth import WARM_UP

SECOND = 1000
HOUR = 60 * 60 * SECOND
DAY = 24 * HOUR

# https://open.feishu.cn/document/server-docs/api-call-guide/calling-process/overview
FEISHU_URL = "https://open.feishu.cn"
SQLITE = "sqlite:///"
MESSAGE_TYPES = ("text", "post", "card")
ALERTMANAGER, GRAFANA = "alertmanager", "grafana"
LONG_CONNECTION = "long_connection"
CALLBACKS = ("http", LONG_CONNECTION)
LOG_LEVELS = ("debug", "info", "warning", "error")


class Address(NamedTuple):
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class RateLimit(NamedTuple):
    """At most so many messages in so many ms."""

    most: int
    window_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the service listens, and what it allows; sizes in bytes."""

    listen: Address = Address("127.0.0.1", 8080)  # noqa: RUF009  (an immutable value)
    ops_listen: Address = Address("127.0.0.1", 8081)  # noqa: RUF009
    external_url: str = ""
    ops_token: Secret | None = None
    body_limit: int = 32 << 20
    commit_timeout: int = 5 * SECOND
    shutdown_timeout: int = 10 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Where the state is kept, and for how long."""

    url: str = "sqlite:////var/lib/receiver/receiver.db"
    retention: int = 30 * DAY

    @property
    def path(self) -> Path | None:
        """The file of an SQLite store; a relative one is relative to the working directory."""
        return Path(self.url.removeprefix(SQLITE)) if self.url.startswith(SQLITE) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A user name and a password for HTTP."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files for the connections to a source, and whom its certificate names."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusConfig:
    """Where a source's alerts are computed: asked for the charts of cards."""

    url: str
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # values may be secret
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSource:
    """One Alertmanager cluster: who may post as it, and how it is asked."""

    name: str
    urls: tuple[str, ...] = ()
    webhook_token: Secret | None = None
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # values may be secret
    reconcile_every: int = 30 * SECOND
    warm_up: int = WARM_UP
    stale_after: int = STALE_AFTER
    external_url: str = ""
    kind: str = ALERTMANAGER
    tls: TlsFiles | None = None
    prometheus: PrometheusConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSource:
    """A program that sends messages of its own."""

    name: str
    token: Secret
    priority: int = 1
    rate_limit: RateLimit | None = None
    message_types: frozenset[str] = frozenset(MESSAGE_TYPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuAppConfig:
    """An app bot: it edits its cards and hears clicks."""

    name: str
    app_id: str
    app_secret: Secret
    base_url: str = FEISHU_URL
    encrypt_key: Secret | None = None
    verification_token: Secret | None = None
    callbacks: str = "http"
    monthly_quota: int = 0  # calls; 0 when the tenant has none
    tenant: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeishuBotConfig:
    """A group bot: a webhook that only sends."""

    name: str
    webhook_url: Secret
    secret: Secret | None = None
    keyword: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A chat that several apps serve: each incident is shown by one of them."""

    apps: tuple[str, ...]
    chat: str

    @property
    def targets(self) -> tuple[str, ...]:
        """The same chat as each app's target."""
        return tuple(f"{app}:{self.chat}" for app in self.apps)

    def __str__(self) -> str:
        return f"{'|'.join(self.apps)}:{self.chat}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where alerts go that all matchers accept, and who is called for there."""

    matchers: tuple[Matcher, ...] = ()
    targets: tuple[str | Spread, ...]
    fallback: str = ""
    mention: tuple[str, ...] = ()
    notify: tuple[NotifyReason, ...] = tuple(NotifyReason)
    continue_: bool = False
    acknowledge_for: int = ACKNOWLEDGE_FOR
    reopen_after: int = REOPEN_AFTER
    escalation: str = ""

    @property
    def every_target(self) -> tuple[str, ...]:
        """Every target that an incident may be shown in at first, of a spread one each app's."""
        found: list[str] = []
        for target in self.targets:
            found.extend(target.targets if isinstance(target, Spread) else (target,))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Whether a backlog that cannot be shown within ``after`` ms becomes one digest."""

    enabled: bool = True
    after: int = 20 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping:
    """How often within ``window`` ms an incident re-opens before it is said to flap."""

    threshold: int = 4
    window: int = HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """How long a silence may last (ms), and which labels one alert's silence leaves out."""

    longest: int = LONGEST
    unstable_labels: tuple[str, ...] = UNSTABLE_LABELS

    @property
    def rules(self) -> SilenceRules:
        """What decisions about silences need to know."""
        return SilenceRules(self.longest, self.unstable_labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Jinja2 texts that replace parts of a card; None keeps the built-in one."""

    title: str | None = None
    summary: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkName:
    """What a link is called, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """A link that cards offer: its address is a template."""

    name: LinkName
    url: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration, checked; ``warnings`` are what a person should still look at."""

    server: Server = Server()
    store: StoreConfig = StoreConfig()
    alertmanagers: tuple[AlertmanagerSource, ...] = ()
    agents: tuple[AgentSource, ...] = ()
    feishu: tuple[FeishuAppConfig | FeishuBotConfig, ...] = ()
    routes: tuple[Route, ...]
    severity: SeverityScale = SeverityScale()  # noqa: RUF009
    flap_window: int = FLAP_WINDOW
    flapping: Flapping = Flapping()
    storm: Storm = Storm()
    oncall: tuple[OncallList, ...] = ()
    silences: Silences = Silences()
    timezone: str = "Asia/Shanghai"
    escalations: tuple[Escalation, ...] = ()
    operators_target: str = ""
    log: str = "info"
    templates: Templates = Templates()
    links: tuple[LinkConfig, ...] = ()
    policy: tuple[Rule, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def zone(self) -> tzinfo:
        """The clocks of readers whose own are not known."""
        try:
            return ZoneInfo(self.timezone)
        except KeyError:  # what was written was looked up: only the default may not be there
            return timezone(timedelta(hours=8), self.timezone)

    def changed(self, other: "Config") -> tuple[str, ...]:
        """Name the keys at the top whose values differ; never a value, which may be secret."""
        return tuple(
            field.name
            for field in fields(self)
            if field.name != "warnings" and getattr(self, field.name) != getattr(other, field.name)
        )

    def differences(self, other: "Config") -> tuple[str, ...]:
        """Name the changes that need a restart, so that a reload refuses them."""
        pairs: dict[str, tuple[Any, Any]] = {
            "server.listen": (self.server.listen, other.server.listen),
            "server.ops_listen": (self.server.ops_listen, other.server.ops_listen),
            "server.commit_timeout": (self.server.commit_timeout, other.server.commit_timeout),
            "server.shutdown_timeout": (
                self.server.shutdown_timeout,
                other.server.shutdown_timeout,
            ),
            "store.url": (self.store.url, other.store.url),
            "log": (self.log, other.log),
        }
        return tuple(key for key, (mine, theirs) in pairs.items() if mine != theirs)

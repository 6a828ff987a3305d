"""Every key of the configuration: its kind here, its default in the dataclass it becomes."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

from receiver.config.document import Entries
from receiver.config.duty_kinds import ESCALATION, ESCALATION_NAME, MENTION, ONCALL_LIST
from receiver.config.kinds import (
    ADDRESS,
    BOOLEAN,
    NAME,
    RATE,
    TEXT,
    ZONE,
    Kind,
    choice,
    duration,
    integer,
    listed,
    named,
    pattern,
    size,
)
from receiver.config.place import Place
from receiver.config.policies import rule_kind
from receiver.config.secret_kinds import SECRET, TOKEN, WEBHOOK_URL
from receiver.config.section import either, section
from receiver.config.targets import BOT_MARKS, PLACED, TARGET, check_route
from receiver.config.tls import FILE, check_tls
from receiver.config.urls import FEISHU_BASE, HEADERS, PEER_URL, PLAIN_URL, STORE_URL
from receiver.config.values import ALERTMANAGER as ALERTMANAGER_KIND
from receiver.config.values import (
    CALLBACKS,
    DAY,
    HOUR,
    LOG_LEVELS,
    LONG_CONNECTION,
    MESSAGE_TYPES,
    SECOND,
    AgentSource,
    AlertmanagerSource,
    BasicAuth,
    Config,
    FeishuAppConfig,
    FeishuBotConfig,
    Flapping,
    LinkConfig,
    LinkName,
    PrometheusConfig,
    Route,
    Server,
    Silences,
    StoreConfig,
    Storm,
    Templates,
    TlsFiles,
)
from receiver.config.values import GRAFANA as GRAFANA_KIND
from receiver.domain.matcher import BadMatcher, Matcher, parse_matcher
from receiver.domain.reason import NotifyReason
from receiver.domain.severity import SeverityScale

MINUTE = 60 * SECOND
YEAR = 365 * DAY
QUOTA_MOST = 1_000_000_000

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_APP_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _matcher(place: Place) -> Matcher:
    text = place.text()
    try:
        with warnings.catch_warnings(action="ignore"):  # what another engine may read otherwise
            return parse_matcher(text)
    except (BadMatcher, OverflowError, RecursionError):
        cure = 'write a matcher such as severity="critical" or team=~"db|web"'
        raise place.refuse(cure) from None


def _notify(place: Place) -> NotifyReason:
    return NotifyReason(_REASON.read(place))


def _template(place: Place) -> str:
    text = place.text(lines=True)
    # Few configurations have templates, and Jinja2 takes longer to import than this to load.
    from receiver.channels.templates import BadTemplate, check_template  # noqa: PLC0415

    try:
        check_template(place.path.rpartition(".")[2], text)
    except BadTemplate as wrong:
        # Only its first line: what follows quotes the template.
        raise place.refuse(f"correct the template: {str(wrong).splitlines()[0]}") from None
    except (RecursionError, ValueError, OverflowError):
        raise place.refuse("write a simpler template") from None
    return text


def _link_url(place: Place) -> str:
    text = place.text()
    from receiver.channels.templates import BadTemplate, check_link  # noqa: PLC0415

    try:
        check_link(text)
    except BadTemplate as wrong:
        raise place.refuse(f"correct the template: {str(wrong).splitlines()[0]}") from None
    return text


def _link_name(place: Place) -> LinkName:
    if isinstance(place.item, Entries):
        return LINK_NAMES.read(place)
    text = SHORT.read(place)
    return LinkName(zh=text, en=text)


_REASON = choice(*NotifyReason)
NOTIFY = Kind(_REASON.name, _notify)
MATCHER = Kind("matcher", _matcher)
TEMPLATE = Kind("template", _template)
APP_ID = Kind("text", pattern(_APP_ID, "copy the App ID from the app's page: cli_…"))


def _check_server(values: Mapping[str, Any], place: Place) -> None:
    ops = values.get("ops_listen")
    if ops is None:
        return
    if not ops.loopback and values.get("ops_token", ...) is None:
        cure = "set server.ops_token or server.ops_token_file, or listen on 127.0.0.1"
        place.note_at("ops_listen", cure, f"'{ops}'")
    if values.get("listen") == ops and ops.port:
        cure = "choose another port: server.listen has this one"
        place.note_at("ops_listen", cure, f"'{ops}'")


def _check_access(values: Mapping[str, Any], place: Place) -> None:
    if values.get("basic_auth") is not None and values.get("bearer_token") is not None:
        place.note_at("basic_auth", "keep one of basic_auth and bearer_token", "both")
    key = "url" if "url" in values else "urls"
    urls = (values["url"],) if key == "url" else values.get(key, ())
    if values.get("tls") is not None and any(url.startswith("http:") for url in urls):
        place.note_at("tls", f"use https in {key}, or remove tls", f"{key} without TLS")
    names = [name.lower() for name, _ in values.get("headers", ())]
    if "authorization" in names:
        place.note_at("headers", "use basic_auth or bearer_token", "an Authorization header")
    if len(set(names)) < len(names):
        place.note_at("headers", "name each header once", "a header twice")


def _check_app(values: Mapping[str, Any], place: Place) -> None:
    keyless = values.get("encrypt_key", ...) is values.get("verification_token", ...) is None
    if keyless and values.get("callbacks") != LONG_CONNECTION:
        cure = "set encrypt_key (better) or verification_token, or anybody could forge a click"
        place.note(cure, "neither encrypt_key nor verification_token")
    quota = values.get("monthly_quota") or 0
    tenant = values.get("tenant", "")
    if quota and tenant:
        path, first = place.notes.quotas.setdefault(tenant, (place.path, quota))
        if first != quota:
            cure = f"write {first}, as {path}: the apps of tenant {tenant} share one quota"
            place.note_at("monthly_quota", cure, str(quota))


SERVER = section(
    Server,
    {
        "listen": ADDRESS,
        "ops_listen": ADDRESS,
        "external_url": PLAIN_URL,
        "ops_token": TOKEN,
        "body_limit": size(1 << 10, 1 << 30),
        "commit_timeout": duration(100, MINUTE),
        "shutdown_timeout": duration(0, 10 * MINUTE),
    },
    _check_server,
)
STORE = section(StoreConfig, {"url": STORE_URL, "retention": duration(DAY, 10 * YEAR)})
BASIC_AUTH = section(BasicAuth, {"username": TEXT, "password": SECRET})
TLS = section(
    TlsFiles,
    {
        "ca_file": FILE,
        "cert_file": FILE,
        "key_file": FILE,
        "server_name": Kind("text", pattern(_HOST, "write a host name: am.example.com")),
    },
    check_tls,
)
PROMETHEUS = section(
    PrometheusConfig,
    {
        "url": PEER_URL,
        "basic_auth": BASIC_AUTH,
        "bearer_token": TOKEN,
        "headers": HEADERS,
        "tls": TLS,
    },
    _check_access,
)
ALERTMANAGER = section(
    AlertmanagerSource,
    {
        "name": named("source"),
        "urls": listed(PEER_URL),
        "webhook_token": TOKEN,
        "basic_auth": BASIC_AUTH,
        "bearer_token": TOKEN,
        "headers": HEADERS,
        "tls": TLS,
        "kind": choice(ALERTMANAGER_KIND, GRAFANA_KIND),
        "reconcile_every": duration(5 * SECOND, HOUR),
        "warm_up": duration(0, HOUR),
        "stale_after": duration(5 * SECOND, DAY),
        "external_url": PLAIN_URL,
        "prometheus": PROMETHEUS,
    },
    _check_access,
)
AGENT = section(
    AgentSource,
    {
        "name": named("source"),
        "token": TOKEN,
        "priority": integer(0, 9),
        "rate_limit": RATE,
        "message_types": listed(choice(*MESSAGE_TYPES), least=1, make=frozenset),
    },
)
APP = section(
    FeishuAppConfig,
    {
        "name": named("channel"),
        "base_url": FEISHU_BASE,
        "app_id": APP_ID,
        "app_secret": TOKEN,
        "encrypt_key": SECRET,
        "verification_token": SECRET,
        "callbacks": choice(*CALLBACKS),
        "monthly_quota": integer(1, QUOTA_MOST),
        "tenant": NAME,
    },
    _check_app,
)
BOT = section(
    FeishuBotConfig,
    {"name": named("channel"), "webhook_url": WEBHOOK_URL, "secret": SECRET, "keyword": TEXT},
    foreign=dict.fromkeys(
        ("monthly_quota", "tenant"), "remove it: the quota counts an app's calls, not a group bot's"
    ),
)
ROUTE = section(
    Route,
    {
        "match": listed(MATCHER),
        "targets": listed(PLACED, least=1),
        "fallback": TARGET,
        "mention": listed(MENTION),
        "notify": listed(NOTIFY),
        "continue": BOOLEAN,
        "acknowledge_for": duration(MINUTE, 7 * DAY),
        "reopen_after": integer(1, 1000),
        "escalation": ESCALATION_NAME,
    },
    check_route,
)
STORM = section(Storm, {"enabled": BOOLEAN, "after": duration(SECOND, 10 * MINUTE)})
FLAPPING = section(Flapping, {"threshold": integer(2, 1000), "window": duration(MINUTE, DAY)})
SILENCES = section(
    Silences,
    {"longest": duration(HOUR, YEAR), "unstable_labels": listed(TEXT)},
)
SEVERITY = section(SeverityScale, {"label": TEXT, "order": listed(TEXT, least=1)})
SHORT = Kind("text", pattern(re.compile(r"\S(.{0,38}\S)?"), "write 1 to 40 characters"))
LINK_NAMES = section(LinkName, {"zh": SHORT, "en": SHORT})
LINK = section(
    LinkConfig,
    {
        "name": Kind("text", _link_name, keys=LINK_NAMES.keys),
        "url": Kind("template", _link_url),
        "match": listed(MATCHER),
    },
)
TEMPLATES = section(Templates, {"title": TEMPLATE, "summary": TEMPLATE, "text": TEMPLATE})
ROOT: Kind[Config] = section(
    Config,
    {
        "server": SERVER,
        "store": STORE,
        "alertmanagers": listed(ALERTMANAGER, once=False),
        "agents": listed(AGENT, once=False),
        "feishu": listed(either(APP, BOT, BOT_MARKS), once=False),
        "routes": listed(ROUTE, least=1, once=False),
        "severity": SEVERITY,
        "flap_window": duration(0, DAY),
        "flapping": FLAPPING,
        "storm": STORM,
        "oncall": listed(ONCALL_LIST, once=False),
        "silences": SILENCES,
        "timezone": ZONE,
        "escalations": listed(ESCALATION, once=False),
        "operators_target": TARGET,
        "log": choice(*LOG_LEVELS),
        "templates": TEMPLATES,
        "links": listed(LINK, once=False),
        "policy": listed(rule_kind(MATCHER), once=False),
    },
)


def every_key(kind: Kind[Any] = ROOT, prefix: str = "") -> list[tuple[str, Kind[Any], Any]]:
    """List each key that is more than a section: its path, its kind and its default."""
    found: list[tuple[str, Kind[Any], Any]] = []
    for key, of, default in kind.keys:
        below = of.item if of.item is not None else of
        path = f"{prefix}{key}" + ("[]" if of.item is not None and below.keys else "")
        if not below.keys or below.form != "mapping":
            found.append((f"{prefix}{key}", of, default))
        found += every_key(below, f"{path}.") if below.keys else []
    return found

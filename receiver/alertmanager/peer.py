"""The addresses of one cluster's peers, with their credentials kept out of sight."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

API = "/api/v2"
# https://grafana.com/docs/grafana/latest/developers/http_api/alerting_provisioning/
GRAFANA_API = "/api/alertmanager/grafana/api/v2"


class BadAddress(ValueError):
    """A text that is no peer's URL; the message shows no credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Alertmanager cluster as configured; the URLs may carry a path prefix."""

    name: str
    urls: tuple[str, ...] = field(repr=False)  # they may carry a password
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)
    bearer: str = field(default="", repr=False)
    api: str = API


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One member of a cluster; ``base`` has no credentials and no slash at its end."""

    base: str
    headers: Mapping[str, str] = field(repr=False)
    api: str = API

    def url(self, path: str) -> str:
        """Return the address of an API call, such as ``/silences``."""
        return f"{self.base}{self.api}{path}"


def peers_of(source: Source) -> tuple[Peer, ...]:
    """Return the peers of a source, in the configured order.

    Credentials of the source win over those in a URL, and an Authorization header over both.

    Raises:
        BadAddress: a URL is not one of http or https with a host, or has a query or fragment;
            or a header cannot be sent.

    """
    return tuple(_peer(source, url) for url in source.urls)


def _peer(source: Source, url: str) -> Peer:
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise BadAddress(f"{source.name}: the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress(f"{source.name}: the URL must look like http://host:9093/prefix")
    if parts.query or parts.fragment:
        raise BadAddress(f"{source.name}: the URL must have no query and no fragment")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    # A doubled slash is answered by a redirect, which is never followed.
    prefix = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    auth = _authorization(source, parts.username, parts.password)
    if any(name.lower() == "authorization" for name in source.headers):
        auth = {}
    headers = MappingProxyType({**auth, **source.headers})
    for name, value in headers.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise BadAddress(f"{source.name}: the header {name!r} must be printable ASCII")
    base = f"{parts.scheme}://{host}{port}{prefix}"
    return Peer(base=base, headers=headers, api=source.api)


def _authorization(source: Source, user: str | None, password: str | None) -> dict[str, str]:
    if source.bearer:
        return {"Authorization": f"Bearer {source.bearer}"}
    pair = source.basic_auth
    if pair is None and user is not None:
        pair = (unquote(user), unquote(password or ""))
    if pair is None:
        return {}
    token = base64.b64encode(":".join(pair).encode()).decode()
    return {"Authorization": f"Basic {token}"}

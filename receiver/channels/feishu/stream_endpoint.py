"""Where an app's long connection goes: the platform is asked anew for each one.

Codes and headers are those that the official SDKs know:
https://github.com/larksuite/oapi-sdk-python/blob/v2_main/lark_oapi/ws/const.py
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec

from receiver.channels.feishu.codes import shorten
from receiver.channels.feishu.content import UNREADABLE

PATH: Final = "/callback/ws/endpoint"
OK_STATUS = 200
CONNECTION_LIMIT = 1_000_040_350
FORBIDDEN = 403
RETRIED: Final = frozenset({1, 1_000_040_343})
URL_LIMIT = 4_096
# Second levels under which others register: nobody's domain.
_SHARED = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})
_PLAIN = re.compile(r"[!-~]+")
_SERVICE = re.compile(r"-?[0-9]{1,10}", re.ASCII)


class Loss(StrEnum):
    """Why there is no connection, as in metrics."""

    CLOSED = "closed"  # it was there and ended
    SILENT = "silent"  # no pong
    UNREACHABLE = "unreachable"
    BUSY = "busy"  # the platform says: later
    REFUSED = "refused"  # only a person can cure it
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a connection could not be made; ``cure`` says what a person must do, if one must."""

    loss: Loss
    detail: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, once; the address holds credentials."""

    url: str = field(repr=False)
    service: int
    config: bytes = b""


class _Data(msgspec.Struct):
    url: str | None = msgspec.field(default=None, name="URL")
    config: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="ClientConfig")


class _Body(msgspec.Struct):
    code: int
    msg: str | None = None
    data: _Data | None = None


_body = msgspec.json.Decoder(_Body).decode

_CURES: Final[Mapping[int, str]] = {
    FORBIDDEN: "allow the app to use the long connection, and publish a version of it",
    514: "correct app_id and app_secret: the platform does not know them",
    1_000_040_344: "set app_id and app_secret",
    CONNECTION_LIMIT: "end other programs that use this app's long connection: 50 are the limit",
    1_000_040_351: "correct base_url: the app is of the other platform (Feishu or Lark)",
}
_ELSE = "look at the app's page of events in the console: the long connection must be chosen there"


def read_endpoint(status: int, body: bytes, base_url: str) -> Endpoint | Trouble:
    """Say what the platform's answer means; total on arbitrary bytes."""
    if status != OK_STATUS:
        return Trouble(Loss.BUSY, f"HTTP {status}")
    try:
        said = _body(body)
    except UNREADABLE:
        return Trouble(Loss.BUSY, "an answer that is not the platform's")
    if said.code:
        detail = f"code {said.code}: {shorten(said.msg or '')}"
        if said.code in RETRIED:
            return Trouble(Loss.BUSY, detail)
        return Trouble(Loss.REFUSED, detail, _CURES.get(said.code, _ELSE))
    return _located(said.data or _Data(), base_url)


def _located(data: _Data, base_url: str) -> Endpoint | Trouble:
    url = data.url or ""
    problem = foreign(url, base_url)
    if problem:
        return Trouble(Loss.REFUSED, problem, "check base_url, and who answers for it")
    service = parse_qs(urlsplit(url).query).get("service_id", ("",))[0]
    if not _SERVICE.fullmatch(service) or not -(2**31) <= int(service) < 2**31:
        return Trouble(Loss.BUSY, "an address without a service_id")
    return Endpoint(url, int(service), bytes(data.config))


def refused_handshake(headers: Mapping[str, str], status: int) -> Trouble:
    """Say what it means that the address did not let us in."""
    said = {name.lower(): value for name, value in headers.items()}
    code = _number(said.get("handshake-status", ""))
    inner = _number(said.get("handshake-autherrcode", ""))
    detail = f"handshake refused: HTTP {status}, {code or '-'}/{inner or '-'}"
    if inner == CONNECTION_LIMIT:
        return Trouble(Loss.REFUSED, detail, _CURES[CONNECTION_LIMIT])
    if code == FORBIDDEN:
        return Trouble(Loss.REFUSED, detail, _CURES[FORBIDDEN])
    return Trouble(Loss.BUSY, detail)  # a ticket that has ended: the next address has a new one


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else 0


class Place(NamedTuple):
    """A host, and whether it is this very machine."""

    host: str
    local: bool


def place_of(url: str) -> Place:
    """Return where a URL leads; an empty host where that cannot be said."""
    host = (_split(url).hostname or "").rstrip(".").lower()
    return Place(host, _is_local(host))


def foreign(url: str, base_url: str) -> str:
    """Say why an address must not be connected to, or nothing where it may be.

    The platform names the address, so whoever answers in its place could point us anywhere: only
    hosts of the channel's own domain are followed, encrypted. From a loopback ``base_url``, where
    the sandbox is, only to loopback.
    """
    parts, home = _split(url), place_of(base_url)
    there = place_of(url)
    if not there.host or len(url) > URL_LIMIT or not _PLAIN.fullmatch(url):
        return "an address that is none"
    if "@" in parts.netloc or parts.fragment:
        return "an address with a user or a fragment"
    if home.local:
        fine = there.local and parts.scheme in ("ws", "wss")
        return "" if fine else "an address that is not this machine's, as base_url is"
    if parts.scheme != "wss":
        return "an address that is not encrypted"
    domain = domain_of(home.host)
    fine = there.host == domain or there.host.endswith(f".{domain}")
    return "" if fine else f"an address outside {domain}"


def domain_of(host: str) -> str:
    """Return the part of a platform's host that its other hosts share."""
    if _is_address(host):
        return host
    parent = host.partition(".")[2]
    labels = parent.split(".")
    shared = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SHARED  # noqa: PLR2004
    return host if len(labels) == 1 or shared else parent


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)

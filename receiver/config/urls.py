"""URLs and headers: what may be called, without credentials where everybody can read them."""

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from receiver.config.document import Entries
from receiver.config.kinds import Kind
from receiver.config.place import HIDDEN, Place, Refused
from receiver.config.problem import shown_url
from receiver.config.values import SQLITE, Address

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PATH = re.compile(r"[!-~]*")
# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


def _address(place: Place, cure: str, text: str) -> SplitResult:
    """Return a URL's parts.

    Raises:
        Refused: it is no absolute http or https URL, or carries more than an address.

    """
    seen = HIDDEN if place.hidden else shown_url(_raw(place))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise place.refuse(cure, seen) from None
    named = parts.hostname is not None and _HOST.fullmatch(parts.hostname)
    if parts.scheme not in ("http", "https") or not named or port == 0 or not _PATH.fullmatch(text):
        raise place.refuse(cure, seen)
    if "@" in parts.netloc:
        raise place.refuse("take user and password out of the URL: use basic_auth", seen)
    if "#" in text:
        raise place.refuse("take the # and what follows out of the URL", seen)
    return parts


def _raw(place: Place) -> str:
    return getattr(place.item, "text", "")


def _reader(cure: str, *, encrypted: bool = False, query: bool = False) -> Callable[[Place], str]:
    def read(place: Place) -> str:
        text = place.text()
        parts = _address(place, cure, text)
        seen = HIDDEN if place.hidden else shown_url(_raw(place))
        if "?" in text and not query:
            raise place.refuse("take the ? and what follows out of the URL", seen)
        local = Address(parts.hostname or "", 0).loopback
        if encrypted and parts.scheme != "https" and not local:
            raise place.refuse("use https: only a loopback address may do without", seen)
        return text.rstrip("/")

    return read


def _store_url(place: Place) -> str:
    text = place.text()
    if text.startswith(("postgresql:", "postgres:")):
        cure = "PostgreSQL is not in this version yet: use sqlite:////absolute/path"
        raise place.refuse(cure, "a PostgreSQL URL")
    path = text.removeprefix(SQLITE)
    if path == text or not path.strip("/") or path.endswith("/") or set(path) & set("?#"):
        cure = "write sqlite:////absolute/path/receiver.db, or sqlite:///receiver.db"
        raise place.refuse(cure, shown_url(_raw(place)))
    return text


def _headers(place: Place) -> tuple[tuple[str, str], ...]:
    if not isinstance(place.item, Entries):
        raise place.refuse("write pairs, such as {X-Scope-OrgID: team-a}")
    headers: list[tuple[str, str]] = []
    refused = False
    for name in place.item.entries:
        try:
            headers.append((_header_name(place, name), _header_value(place, name)))
        except Refused:
            refused = True
    if refused:
        raise Refused(place.path)
    return tuple(headers)


def _header_name(place: Place, name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise place.entry(name, hidden=True).refuse("a header's name has letters, digits and -")
    return name


def _header_value(place: Place, name: str) -> str:
    here = place.entry(name, hidden=True)
    value = here.text()
    if not _HEADER_VALUE.fullmatch(value):
        raise here.refuse("write the value in ASCII, without spaces around it")
    return value


PLAIN_URL = Kind("URL", _reader("write a URL such as https://alerts.example.com"))
PEER_URL = Kind("URL", _reader("write a URL such as http://alertmanager:9093"))
FEISHU_BASE = Kind("URL", _reader("write a URL such as https://open.feishu.cn", encrypted=True))
hook_url = _reader(
    "copy the group bot's whole webhook URL, https://open.feishu.cn/open-apis/bot/v2/hook/…",
    encrypted=True,
    query=True,
)
calendar_url = _reader(
    "copy the calendar's whole address, https://… in the place of webcal://…", query=True
)
LIST_URL = Kind("URL", _reader("write a URL such as https://duty.example.com/db", query=True))
STORE_URL = Kind("store URL", _store_url)
HEADERS = Kind("headers", _headers, "mapping")

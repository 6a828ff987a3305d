"""The Alertmanagers: each peer's API, its version, and what we may read there."""

from typing import Any

import httpx
import msgspec

from receiver.alertmanager.call import build_http
from receiver.alertmanager.peer import Peer, peers_of
from receiver.assembly import source_of, tls_of
from receiver.channels.feishu.content import UNREADABLE
from receiver.channels.feishu.http import Answer, Request, exchange, explain
from receiver.charting import server_of
from receiver.config import AlertmanagerSource
from receiver.doctor.finding import Finding, fail, ok, unknown
from receiver.doctor.kit import TIMEOUTS, Kit
from receiver.domain.chart import MINUTE, Span, Unasked

OLDEST = (0, 25)
_OK = 200
_UNAUTHORISED = (401, 403)
_READ = (("/alerts", "alerts"), ("/silences", "silences"), ("/alerts/groups", "alert groups"))


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Status(msgspec.Struct, rename={"version": "versionInfo"}):
    version: _Version = _Version()


async def examine_source(entry: AlertmanagerSource) -> list[Finding]:
    """Check every peer of a source."""
    where = f"alertmanager {entry.name}"
    if not entry.urls:
        cure = "set urls to the peers, or nothing can be silenced and no end is noticed"
        return [unknown(where, "it has no urls", cure)]
    found: list[Finding] = []
    async with build_http(tls=tls_of(entry)) as http:
        for peer in peers_of(source_of(entry)):
            found += await _peer(http, f"{where} {peer.base}", peer)
    return found


async def examine_prometheus(kit: Kit, entry: AlertmanagerSource) -> list[Finding]:
    """Ask a source's Prometheus for something that each one knows."""
    if entry.prometheus is None:
        return []
    where = f"prometheus of {entry.name}"
    now = kit.world.now()
    server = server_of(entry.name, entry.prometheus, kit.tracing)
    try:
        found = await server.query_range("vector(1)", Span(now - MINUTE, now, MINUTE))
    finally:
        await server.close()
    if isinstance(found, Unasked):
        cure = "check its url, credentials and headers, or take prometheus out of the source"
        return [fail(where, f"it cannot be asked ({found.detail})", cure)]
    if not found:
        return [unknown(where, "it answers, and without a value", "check that it is a Prometheus")]
    return [ok(where, "it answers queries")]


async def _peer(http: httpx.AsyncClient, where: str, peer: Peer) -> list[Finding]:
    answer = await _get(http, peer, "/status")
    wrong = _wrong(where, answer, "its status")
    if wrong is not None:
        return [wrong]
    found = [_version(where, answer)]
    for path, what in _READ:
        wrong = _wrong(where, await _get(http, peer, path), f"its {what}")
        found.append(wrong or ok(where, f"its {what} can be read"))
    return found


async def _get(http: httpx.AsyncClient, peer: Peer, path: str) -> Answer | Exception:
    url = peer.url(path)
    request = Request(method="GET", url=url, template=path, shown_url=url, headers=peer.headers)
    return await exchange(http, request, TIMEOUTS.total)


def _wrong(where: str, answer: Answer | Exception, what: str) -> Finding | None:
    if isinstance(answer, Exception):
        cure = "check urls, and the network between"
        return fail(where, f"{what} cannot be asked for ({explain(answer).detail})", cure)
    if answer.status in _UNAUTHORISED:
        cure = "check basic_auth, bearer_token, headers and tls"
        return fail(where, f"{what} is refused (HTTP {answer.status})", cure)
    if answer.status != _OK:
        cure = "check urls: the address of the API without /api/v2, with the path prefix"
        return fail(where, f"{what} is answered by HTTP {answer.status}", cure)
    try:
        msgspec.json.decode(answer.body, type=dict[str, Any] | list[Any])
    except UNREADABLE:
        cure = "check urls: something else than an Alertmanager answers there"
        return fail(where, f"{what} cannot be read", cure)
    return None


def _version(where: str, answer: Answer | Exception) -> Finding:
    body = b"{}" if isinstance(answer, Exception) else answer.body
    try:
        version = msgspec.json.decode(body, type=_Status).version.version
    except UNREADABLE:
        version = ""
    numbers = version.split(".")[:2]
    if len(numbers) != len(OLDEST) or not all(part.isdecimal() for part in numbers):
        return ok(where, f"its API answers, version {version or 'not told'}")
    if tuple(map(int, numbers)) < OLDEST:
        cure = "use 0.25 or newer: older ones are not tested"
        return unknown(where, f"it is version {version}", cure)
    return ok(where, f"its API answers, version {version}")

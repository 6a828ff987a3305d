"""A stand-in Alertmanager for machines without the real one: API v2 and real webhooks."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from receiver.sandbox.alerts import Alert, Book, Refusal, Silence, posted, stamp
from receiver.sandbox.clock import VirtualClock
from receiver.sandbox.ids import Ids
from receiver.sandbox.matchers import BadMatcher, Matcher, all_match, parse, regex
from receiver.sandbox.notify import (
    AlertmanagerConfig,
    Dispatcher,
    group_labels,
    inhibited_by,
)
from receiver.sandbox.postable import postable
from receiver.sandbox.server import real_time, serve_app

VERSION = "0.33.1"
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)

GRAFANA = "/api/alertmanager/grafana"
NOT_FOUND = 404

Handler = Callable[[Request], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is answered with 202."""

    body: object


class StandIn:
    """The state of a stand-in; `url` is where it listens."""

    def __init__(
        self, config: AlertmanagerConfig, clock: VirtualClock, seed: str = "alertmanager"
    ) -> None:
        self.config = config
        self.clock = clock
        self.ids = Ids(seed)
        self.book = Book()
        self.dispatcher = Dispatcher(lambda: self.config, self.book, clock, self.ids)
        self.url = ""
        self.began = clock.now()

    def fire(self, alerts: list[dict[str, Any]]) -> list[Alert]:
        """Take in alerts as `POST /api/v2/alerts` does; raises Refusal, and then takes none."""
        now = self.clock.now()
        read = [posted(item, now, self.config.resolve_timeout_ms) for item in alerts]
        taken = [self.book.put(alert, now) for alert in read]
        for alert in taken:
            self.dispatcher.take(alert)
        return taken

    def silences(self) -> list[Silence]:
        """List every silence, expired ones too."""
        return list(self.book.silences.values())

    def status_of(self, alert: Alert, now: int) -> dict[str, Any]:
        """Draw an alert's status."""
        silenced = self.book.silenced_by(alert, now)
        inhibited = inhibited_by(self.config.inhibitions, self.book, alert, now)
        return {
            "inhibitedBy": inhibited,
            "mutedBy": [],
            "silencedBy": silenced,
            "state": "suppressed" if silenced or inhibited else "active",
        }

    def alert_json(self, alert: Alert, now: int) -> dict[str, Any]:
        """Draw an alert as the API does."""
        drawn = {
            "annotations": dict(alert.annotations),
            "endsAt": stamp(alert.ends_at),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": self.config.receiver}],
            "startsAt": stamp(alert.starts_at),
            "status": self.status_of(alert, now),
            "updatedAt": stamp(alert.updated_at),
            "labels": dict(alert.labels),
        }
        # An empty one is left out, not sent empty.
        return drawn | ({"generatorURL": alert.generator_url} if alert.generator_url else {})

    def listed(self, query: Mapping[str, str], filters: list[str]) -> list[Alert]:
        """List the firing alerts that an API query asks for; raises Refusal."""
        now, wanted = self.clock.now(), _filters(filters)
        try:
            receiver = regex(query.get("receiver", ".*"))
        except BadMatcher as error:
            raise Refusal(400, f"failed to parse receiver param: {error}") from None
        if not receiver.fullmatch(self.config.receiver):
            return []

        def hidden(alert: Alert) -> bool:
            status = self.status_of(alert, now)
            return (
                (query.get("active") == "false" and status["state"] == "active")
                or (query.get("silenced") == "false" and bool(status["silencedBy"]))
                or (query.get("inhibited") == "false" and bool(status["inhibitedBy"]))
            )

        return sorted(
            (
                alert
                for alert in self.book.alerts.values()
                if not alert.resolved(now) and all_match(wanted, alert.labels) and not hidden(alert)
            ),
            key=lambda alert: alert.fingerprint,
        )


def _filters(texts: list[str]) -> list[Matcher]:
    try:
        return [parse(text) for text in texts]
    except BadMatcher as error:
        raise Refusal(400, str(error)) from None


def _json(body: object, status: int = 200) -> Response:
    if body is None:
        return Response(status_code=status)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await handler(request)
            if isinstance(answer, Accepted):
                return _json(answer.body, 202)
            return _json(answer)
        except Refusal as refusal:
            return _json(refusal.body, refusal.status)

    return endpoint


async def _read(request: Request, what: str) -> Any:
    kind = request.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        message = f'unsupported media type "{kind}", only [application/json] are allowed'
        raise Refusal(415, {"code": 415, "message": message})
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f'parsing {what} body from "" failed, because {error}'
        raise Refusal(400, {"code": 400, "message": message}) from None


def _silence_id(request: Request) -> str:
    given = str(request.path_params["silence_id"])
    if not _UUID.match(given):
        message = f'silenceID in path must be of type uuid: "{given}"'
        raise Refusal(422, {"code": 601, "message": message})
    return given


class _Api:
    """The endpoints of one stand-in."""

    def __init__(self, standin: StandIn) -> None:
        self._am = standin

    async def post_alerts(self, request: Request) -> object:
        document = await _read(request, "alerts")
        if not isinstance(document, list):
            message = 'parsing alerts body from "" failed, because json: cannot unmarshal object'
            raise Refusal(400, {"code": 400, "message": message})
        self._am.fire(document)
        return None

    async def get_alerts(self, request: Request) -> object:
        query = request.query_params
        now = self._am.clock.now()
        found = self._am.listed(query, query.getlist("filter"))
        return [self._am.alert_json(alert, now) for alert in found]

    async def groups(self, request: Request) -> object:
        query = request.query_params
        now = self._am.clock.now()
        grouped: dict[tuple[tuple[str, str], ...], list[Alert]] = {}
        for alert in self._am.listed(query, query.getlist("filter")):
            labels = group_labels(alert.labels, self._am.config.group_by)
            grouped.setdefault(labels, []).append(alert)
        return [
            {
                "alerts": [self._am.alert_json(alert, now) for alert in alerts],
                "labels": dict(labels),
                "receiver": {"name": self._am.config.receiver},
            }
            for labels, alerts in sorted(grouped.items())
        ]

    async def get_silences(self, request: Request) -> object:
        wanted = _filters(request.query_params.getlist("filter"))
        now = self._am.clock.now()
        return [
            silence.as_json(now)
            for silence in self._am.silences()
            if all_match(wanted, {item.name: item.value for item in silence.matchers})
        ]

    async def post_silence(self, request: Request) -> object:
        now = self._am.clock.now()
        wanted = postable(await _read(request, "silence"), now)
        return {"silenceID": self._am.book.set_silence(wanted, self._am.ids.uuid(), now)}

    async def get_silence(self, request: Request) -> object:
        silence = self._am.book.silences.get(_silence_id(request))
        if silence is None:
            raise Refusal(404)
        return silence.as_json(self._am.clock.now())

    async def delete_silence(self, request: Request) -> object:
        self._am.book.expire(_silence_id(request), self._am.clock.now())
        return None

    async def status(self, _: Request) -> object:
        return {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": self._am.config.original()},
            "uptime": stamp(self._am.began),
            "versionInfo": {"version": VERSION, "branch": "stand-in"},
        }

    async def receivers(self, _: Request) -> object:
        return [{"name": self._am.config.receiver}]


class _GrafanaApi(_Api):
    """Grafana's built-in one: the same questions, some answers of its own.

    https://github.com/grafana/grafana/blob/main/pkg/services/ngalert/api/api_alertmanager_silences.go
    """

    async def post_silence(self, request: Request) -> object:
        return Accepted(await super().post_silence(request))

    async def get_silence(self, request: Request) -> object:
        with _grafanas_words():
            return await super().get_silence(request)

    async def delete_silence(self, request: Request) -> object:
        with _grafanas_words():
            await super().delete_silence(request)
        return {"message": "silence deleted"}

    async def status(self, request: Request) -> object:
        told = await super().status(request)
        return {"cluster": None, "config": told["config"]} if isinstance(told, dict) else told


@contextmanager
def _grafanas_words() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        if refusal.status != NOT_FOUND:
            raise
        raise Refusal(NOT_FOUND, {"message": "silence not found"}) from None


def _guarded(config: AlertmanagerConfig, handler: Handler) -> Handler:
    async def guarded(request: Request) -> object:
        given = request.headers.get("authorization", "")
        if config.api_token and given != f"Bearer {config.api_token}":
            raise Refusal(401, {"message": "Unauthorized"} if config.grafana else "Unauthorized")
        return await handler(request)

    return guarded


def alertmanager_app(standin: StandIn) -> Starlette:
    """Build a stand-in's API as an ASGI app."""
    config = standin.config
    api: _Api = _GrafanaApi(standin) if config.grafana else _Api(standin)
    base = GRAFANA if config.grafana else ""

    async def fine(_: Request) -> Response:
        return PlainTextResponse("OK")

    async def about(_: Request) -> Response:
        return PlainTextResponse("A stand-in Alertmanager: it has an API and no pages.")

    table: list[tuple[str, str, Handler]] = [
        ("POST", "/api/v2/alerts", api.post_alerts),
        ("GET", "/api/v2/alerts", api.get_alerts),
        ("GET", "/api/v2/alerts/groups", api.groups),
        ("GET", "/api/v2/silences", api.get_silences),
        ("POST", "/api/v2/silences", api.post_silence),
        ("GET", "/api/v2/silence/{silence_id}", api.get_silence),
        ("DELETE", "/api/v2/silence/{silence_id}", api.delete_silence),
        ("GET", "/api/v2/status", api.status),
        ("GET", "/api/v2/receivers", api.receivers),
    ]
    routes = [
        Route(base + path, _answering(_guarded(config, handler)), methods=[method])
        for method, path, handler in table
    ]
    return Starlette(
        routes=[
            *routes,
            Route("/-/healthy", fine),
            Route("/-/ready", fine),
            Route("/", about),
        ]
    )


@asynccontextmanager
async def serve_alertmanager(
    config: AlertmanagerConfig,
    *,
    clock: VirtualClock | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[StandIn]:
    """Run a stand-in until the block ends; its `config` may be replaced while it runs."""
    standin = StandIn(config, clock or VirtualClock(real_time))
    try:
        async with serve_app(
            alertmanager_app(standin), host=host, port=port, closing=lambda: None
        ) as url:
            standin.url = url
            if not config.external_url:
                standin.config = replace(config, external_url=url)
            yield standin
    finally:
        await standin.dispatcher.close()

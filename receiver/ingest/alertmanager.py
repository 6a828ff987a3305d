"""POST /webhooks/alertmanager/{source}: 200 after the commit, 503 when it cannot be made."""

from collections.abc import Callable
from typing import NamedTuple

from opentelemetry import trace as otel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from receiver.domain.reason import BodyReason
from receiver.ingest import body as bodies
from receiver.ingest.door import Doors, Gate, admits, unauthorized
from receiver.ingest.operators import Tell, tell_nobody
from receiver.store.base import Poisoned, Store, Unavailable
from receiver.telemetry import attributes
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing
from receiver.web import TooLarge, header, problem, read_body

RETRY_LATER = "the change is not durable yet; the same body may be sent again"


def hurry_nobody(_: str) -> None:
    """Ask no source: there is no reconciler."""


class Tools(NamedTuple):
    """What a webhook needs; ``doors`` gives the configuration in force, ``wake`` stirs deliver."""

    doors: Callable[[], Doors]
    store: Store
    metrics: Metrics
    tracing: Tracing
    log: FilteringBoundLogger
    now: Callable[[], int]
    timer: Callable[[], float]
    wake: Callable[[], None]
    tell: Tell = tell_nobody
    hurry: Callable[[str], None] = hurry_nobody


class AlertmanagerWebhook:
    """Alertmanager, Grafana, Mimir: anything that speaks Alertmanager's webhook."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        # One answer for each reason, made once: it holds nothing of a request.
        self._answers = {
            reason: Response(
                b'{"reason":"' + reason.encode() + b'"}', media_type="application/json"
            )
            for reason in BodyReason
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one webhook, and count what became of it."""
        tools = self._tools
        started = tools.timer()
        name = request.path_params["source"]
        gate = tools.doors().gates.get(name)
        if gate is None:
            tools.metrics.ingest.requests.of("other", "unknown_source").inc()
            return problem(404, "unknown source", "no entry of alertmanagers has this name")
        outcome, response = await self._admit(request, gate)
        tools.metrics.ingest.requests.of(name, outcome).inc()
        tools.metrics.ingest.duration.of(name).observe(tools.timer() - started)
        return response

    async def _admit(self, request: Request, gate: Gate) -> tuple[str, Response]:
        if not admits(gate, header(request, b"authorization")):
            return "unauthorized", unauthorized()
        limit = self._tools.doors().body_limit
        try:
            raw = await read_body(request, limit)
        except TooLarge:
            self._tools.log.warning("body too large", source=gate.name, limit=limit)
            detail = f"more than {limit} bytes; set max_alerts, or raise server.body_limit"
            title = f"{gate.name}: a webhook body is too large"
            await self._tools.tell(title, detail, f"too_large:{gate.name}")
            return "too_large", problem(413, "body too large", detail)
        except ClientDisconnect:
            return "malformed", problem(400, "incomplete", "the connection ended in the body")
        try:
            return await self._accept(raw, gate)
        except Unavailable as failure:
            self._tools.log.warning("webhook not stored", source=gate.name, problem=str(failure))
            return "unavailable", problem(503, "not stored", RETRY_LATER, {"Retry-After": "1"})

    async def _accept(self, raw: bytes, gate: Gate) -> tuple[str, Response]:
        tools = self._tools
        try:
            body = bodies.decode(raw)
        except bodies.Malformed as wrong:
            await self._put_aside(raw, gate, str(wrong))
            return "malformed", problem(400, "unreadable body", str(wrong))
        labels = bodies.firing(body)
        span = otel.get_current_span()
        placements = gate.place(
            labels, gate.name, bodies.unescape(body.receiver), bodies.group_key(body)
        )
        notice = bodies.notice(body, gate.name, placements, tools.tracing.traceparent_of(span))
        if span.is_recording():
            span.set_attributes(_attributes(body, len(labels)))
        try:
            applied = await tools.store.apply(notice, gate.rules, tools.now())
        except Poisoned as fault:
            tools.log.exception("body cannot be applied", source=gate.name)
            if not await self._put_aside(raw, gate, str(fault)):
                raise Unavailable("capacity", "the quarantine is full") from fault
            return "quarantined", Response(b'{"reason":"quarantined"}', 202)
        if applied.raised:
            tools.wake()
        if applied.reason is BodyReason.REOPENED or notice.truncated:
            tools.hurry(gate.name)  # a stale body, or a cut one: its source knows
        self._count(gate.name, applied.reason, len(labels), len(body.alerts))
        if span.is_recording():
            span.set_attribute(attributes.REASON, applied.reason)
        return "accepted", self._answers[applied.reason]

    async def _put_aside(self, raw: bytes, gate: Gate, wrong: str) -> bool:
        """Keep a body that cannot be applied, so that it is not lost; say whether it is kept."""
        kept = await self._tools.store.quarantine(gate.name, raw, wrong, self._tools.now())
        self._tools.metrics.ingest.quarantined.of(gate.name).inc()
        self._tools.log.error("body in quarantine", source=gate.name, problem=wrong, kept=kept)
        title = f"{gate.name}: a webhook body could not be applied"
        where = "It is kept in quarantine." if kept else "The quarantine is full."
        await self._tools.tell(title, f"{wrong}. {where}", f"aside:{gate.name}")
        return kept

    def _count(self, source: str, reason: BodyReason, firing: int, total: int) -> None:
        ingest = self._tools.metrics.ingest
        ingest.bodies.of(source, reason).inc()
        if firing:
            ingest.alerts.of(source, "firing").inc(firing)
        if total > firing:
            ingest.alerts.of(source, "resolved").inc(total - firing)


def _attributes(body: bodies.Body, firing: int) -> dict[str, str | int]:
    return {
        attributes.GROUP_KEY: (body.groupKey or "")[:512],
        attributes.RECEIVER_NAME: body.receiver[:256],
        attributes.ALERTS_COUNT: len(body.alerts),
        attributes.ALERTS_FIRING: firing,
    }

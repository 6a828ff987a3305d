"""POST /webhooks/alertmanager/{source}/events: Alertmanager's event recorder says "look now".

An event changes nothing by itself: it may be late, lost or forged by who has the token, and the
next look at the source tells the truth anyway. It only makes that look immediate.
https://github.com/prometheus/alertmanager/tree/main/eventrecorder
"""

import asyncio
import re
from collections import Counter

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from receiver.ingest.alertmanager import Tools
from receiver.ingest.door import Gate, admits, unauthorized
from receiver.web import TooLarge, header, problem, read_body

BODY_LIMIT = 2 << 20  # bytes; some thousand events. They are read in one piece, some ms
LARGE = 64 << 10  # bytes; reading more than this would keep the loop from others
OTHER = "other"
# What may change the truth. Besides these, some are said again each time that alerts are asked
# for (an alert is muted, or inhibited): to look at those would never end. Prometheus' repetition
# of what fires is one more (alert_grouped), and what was notified comes as a webhook.
STIRRING = frozenset(
    {
        "alertmanager_startup_event",
        "alert_created",
        "alert_resolved",
        "silence_created",
        "silence_updated",
    }
)
QUIET = frozenset(
    {
        "alertmanager_shutdown_event",
        "alert_grouped",
        "notification",
        "silence_muted_alert",
        "inhibition_muted_alert",
    }
)
_UPPER = re.compile(r"(?<=[a-z])([A-Z])")


class _Event(msgspec.Struct):
    """An event; its one field of ``data`` says what happened."""

    data: dict[str, msgspec.Raw]


_decoder = msgspec.json.Decoder(_Event | list[_Event])


class Unreadable(ValueError):
    """The body holds no events; the message says where it is wrong."""


def kinds(raw: bytes) -> tuple[str, ...]:
    """Return what happened, in order: one event, or a list of them where they come in batches.

    Raises:
        Unreadable: it is no JSON, or has another shape.

    """
    try:
        told = _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as wrong:
        raise Unreadable(str(wrong)) from None
    events = told if isinstance(told, list) else [told]
    return tuple(_kind(name) for event in events for name in event.data)


def _counts(raw: bytes) -> Counter[str]:
    return Counter(kinds(raw))


def _kind(name: str) -> str:
    """Return an event's name as its definition has it; JSON writes it in camel case."""
    plain = _UPPER.sub(r"_\1", name).lower() if len(name) <= 64 else ""  # noqa: PLR2004
    return plain if plain in STIRRING or plain in QUIET else OTHER


class EventsWebhook:
    """The event recorder's webhook output, of Alertmanager 0.33 and later."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, request: Request) -> Response:
        """Answer one post of events, and count what they say."""
        tools = self._tools
        name = request.path_params["source"]
        gate = tools.doors().gates.get(name)
        if gate is None:
            return problem(404, "unknown source", "no entry of alertmanagers has this name")
        outcome, response = await self._admit(request, gate)
        tools.metrics.ingest.event_requests.of(name, outcome).inc()
        return response

    async def _admit(self, request: Request, gate: Gate) -> tuple[str, Response]:
        if not admits(gate, header(request, b"authorization")):
            return "unauthorized", unauthorized()
        limit = min(self._tools.doors().body_limit, BODY_LIMIT)
        try:
            raw = await read_body(request, limit)
        except TooLarge:
            detail = f"more than {limit} bytes; lower batch_max_bytes"
            return "too_large", problem(413, "body too large", detail)
        except ClientDisconnect:
            return "malformed", problem(400, "incomplete", "the connection ended in the body")
        try:
            large = len(raw) > LARGE
            happened = await asyncio.to_thread(_counts, raw) if large else _counts(raw)
        except Unreadable as wrong:
            return "malformed", problem(400, "unreadable body", str(wrong))
        self._take_in(gate.name, happened)
        return "accepted", Response(status_code=202)

    def _take_in(self, source: str, happened: Counter[str]) -> None:
        for kind, count in happened.items():
            self._tools.metrics.ingest.events.of(source, kind).inc(count)
        if STIRRING.intersection(happened):
            self._tools.hurry(source)

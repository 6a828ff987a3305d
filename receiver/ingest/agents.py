"""POST /webhooks/agents/{agent}: a program's message, with or without a state."""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec
from opentelemetry import trace as otel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from receiver.domain.alert import Alert, fingerprint
from receiver.domain.incident import Kind, Notice
from receiver.ingest.alertmanager import RETRY_LATER, Tools
from receiver.ingest.door import Gate, admits, unauthorized
from receiver.store.base import Poisoned, Unavailable
from receiver.web import TooLarge, header, problem, read_body

MESSAGE_LIMIT = 1 << 20
TEXT_LIMIT = 20_000
LINKS_MOST = 10
ID_LIMIT = 256
RECEIVER = "agent"


class _Link(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    url: str


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """The generic message, as docs/agents.md describes it."""

    id: str
    title: str
    text: str = ""
    markdown: str = ""
    type: Literal["text", "post", "card"] = "card"
    severity: str = "info"
    state: Literal["firing", "resolved"] | None = None
    labels: dict[str, str] = {}
    dedup_key: str = ""
    links: list[_Link] = []


class _CloudEvent(msgspec.Struct):
    """A CloudEvents 1.0 envelope in structured mode (https://cloudevents.io)."""

    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentGate:
    """A configured agent: its door, what it may send, and how often."""

    gate: Gate
    types: frozenset[str]
    rate: tuple[int, int] | None = None  # so many messages in so many ms
    severity_label: str = "severity"
    recent: deque[int] = field(default_factory=deque, repr=False)


class Agents(NamedTuple):
    """The configured agents by name."""

    gates: Mapping[str, AgentGate]


class _Turned(Exception):
    """The message is turned away with this outcome and this answer."""

    def __init__(self, outcome: str, response: Response) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.response = response


class Unacceptable(ValueError):
    """The message cannot be used; the text says why."""


_message = msgspec.json.Decoder(Message)
_event = msgspec.json.Decoder(_CloudEvent)


def read_message(raw: bytes, headers: Mapping[str, str]) -> Message:
    """Read a message, bare or in a CloudEvents 1.0 envelope (structured or binary).

    Raises:
        Unacceptable: the text says what is wrong, and where.

    """
    try:
        if headers.get("content-type", "").startswith("application/cloudevents+json"):
            event = _event.decode(raw)
            return _limited(_from_event(event.id, bytes(event.data)))
        if "ce-id" in headers:
            return _limited(_from_event(headers["ce-id"], raw))
        return _limited(_message.decode(raw))
    except (msgspec.MsgspecError, RecursionError, ValueError) as wrong:
        raise Unacceptable(str(wrong)) from None


def _from_event(event_id: str, data: bytes) -> Message:
    """Read an event's data; the event's id stands in where the data has none."""
    fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    fields.setdefault("id", msgspec.Raw(msgspec.json.encode(event_id)))
    return _message.decode(msgspec.json.encode(fields))


def _limited(message: Message) -> Message:
    for name, value, most in (
        ("id", message.id, ID_LIMIT),
        ("title", message.title, TEXT_LIMIT),
        ("text", message.text, TEXT_LIMIT),
        ("markdown", message.markdown, TEXT_LIMIT),
        ("dedup_key", message.dedup_key, TEXT_LIMIT),
    ):
        if len(value) > most:
            raise Unacceptable(f"{name} has {len(value)} characters; {most} are allowed")
    if not message.id or not message.title:
        raise Unacceptable("id and title must not be empty")
    if len(message.links) > LINKS_MOST:
        raise Unacceptable(f"links has {len(message.links)} entries; {LINKS_MOST} are allowed")
    return message


def notice_of(message: Message, agent: AgentGate, trace: str) -> Notice:
    """Say what a message says, in our words: an alert of its own in a group of its own."""
    name = agent.gate.name
    labels = {**message.labels, agent.severity_label: message.severity, "agent": name}
    key = message.dedup_key or message.id
    annotations = {"summary": message.title}
    if message.text:
        annotations["description"] = message.text
    if message.markdown:
        annotations["markdown"] = message.markdown
    alert = Alert(
        fingerprint({"agent": name, "dedup_key": key}),
        message.state != "resolved",
        labels,
        annotations,
    )
    digest = hashlib.sha256(f"{name}\0{message.id}".encode("utf-8", "replace")).hexdigest()
    group_key = f"state:{key}" if message.state else f"message:{message.id}"
    return Notice(
        source=name,
        receiver=RECEIVER,
        group_key=group_key,
        alerts=(alert,),
        group_labels=message.labels,
        placements=agent.gate.place([labels] if alert.firing else [], name, RECEIVER, group_key),
        kind=Kind.AGENT if message.state else Kind.MESSAGE,
        title=message.title,
        links=tuple((link.title, link.url) for link in message.links),
        once=f"agent:{digest}",
        trace=trace,
        plain=message.type == "text",
    )


def spend(recent: deque[int], rate: tuple[int, int] | None, now: int) -> int:
    """Count a message against its agent's limit; return 0, or the ms until there is room."""
    if rate is None:
        return 0
    most, window = rate
    while recent and recent[0] <= now - window:
        recent.popleft()
    if len(recent) >= most:
        return recent[0] + window - now
    recent.append(now)
    return 0


class AgentWebhook:
    """Programs that speak for themselves."""

    def __init__(self, tools: Tools, agents: Callable[[], Agents]) -> None:
        self._tools = tools
        self._agents = agents

    async def __call__(self, request: Request) -> Response:
        """Answer one message, and count what became of it."""
        tools = self._tools
        started = tools.timer()
        name = request.path_params["agent"]
        agent = self._agents().gates.get(name)
        if agent is None:
            tools.metrics.ingest.requests.of("other", "unknown_source").inc()
            return problem(404, "unknown agent", "no entry of agents has this name")
        outcome, response = await self._admit(request, agent)
        tools.metrics.ingest.requests.of(name, outcome).inc()
        tools.metrics.ingest.duration.of(name).observe(tools.timer() - started)
        return response

    async def _admit(self, request: Request, agent: AgentGate) -> tuple[str, Response]:
        try:
            message = await self._read(request, agent)
            return await self._accept(message, agent)
        except _Turned as turned:
            return turned.outcome, turned.response
        except Unavailable:
            return "unavailable", problem(503, "not stored", RETRY_LATER, {"Retry-After": "1"})

    async def _read(self, request: Request, agent: AgentGate) -> Message:
        """Return the message.

        Raises:
            _Turned: it is refused; the answer says why.

        """
        if not admits(agent.gate, header(request, b"authorization")):
            raise _Turned("unauthorized", unauthorized())
        try:
            raw = await read_body(request, MESSAGE_LIMIT)
            message = read_message(raw, request.headers)
        except TooLarge:
            answer = problem(413, "too large", f"more than {MESSAGE_LIMIT} bytes")
            raise _Turned("too_large", answer) from None
        except ClientDisconnect:
            answer = problem(400, "incomplete", "the connection ended in the body")
            raise _Turned("malformed", answer) from None
        except Unacceptable as wrong:
            answer = problem(400, "unacceptable message", str(wrong))
            raise _Turned("malformed", answer) from None
        self._police(message, agent)
        return message

    def _police(self, message: Message, agent: AgentGate) -> None:
        if message.type not in agent.types:
            allowed = ", ".join(sorted(agent.types))
            detail = f"type is {message.type}; this agent may send {allowed}"
            raise _Turned("malformed", problem(403, "type not allowed", detail))
        wait = spend(agent.recent, agent.rate, self._tools.now())
        if wait:
            seconds = str(-(-wait // 1000))
            detail = f"more messages than this agent's rate_limit; wait {seconds} s"
            answer = problem(429, "too many", detail, {"Retry-After": seconds})
            raise _Turned("rate_limited", answer)

    async def _accept(self, message: Message, agent: AgentGate) -> tuple[str, Response]:
        tools = self._tools
        trace = tools.tracing.traceparent_of(otel.get_current_span())
        name = agent.gate.name
        try:
            notice = notice_of(message, agent, trace)
            applied = await tools.store.apply(notice, agent.gate.rules, tools.now())
        except Poisoned as fault:
            tools.log.exception("message cannot be applied", source=name)
            raw = msgspec.json.encode(message)
            if not await tools.store.quarantine(name, raw, str(fault), tools.now()):
                raise Unavailable("capacity", "the quarantine is full") from fault
            return "quarantined", Response(b'{"reason":"quarantined"}', 202)
        if applied.raised:
            tools.wake()
        tools.metrics.ingest.bodies.of(name, applied.reason).inc()
        body = {"reason": str(applied.reason), "incident": applied.incident}
        return "accepted", Response(msgspec.json.encode(body), media_type="application/json")

"""A desk with a real store, a real channel and an Alertmanager, and an incident on its card."""

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client import CollectorRegistry

from receiver.alertmanager.call import Ports as AlertmanagerPorts
from receiver.alertmanager.call import build_http
from receiver.alertmanager.client import AlertmanagerClient
from receiver.alertmanager.peer import Source
from receiver.alertmanager.silences import Silencer, Surroundings
from receiver.callback.desk import Desk, Reply, Setting
from receiver.callback.feishu import CallbackApp, CallbackMeans, FeishuCallback
from receiver.callback.silencing import Silencing
from receiver.channels.feishu.attempt import Ports
from receiver.channels.feishu.callback import Keys
from receiver.channels.feishu.client import FeishuApp
from receiver.channels.feishu.token import Account
from receiver.domain.action import Action, ActionKind
from receiver.domain.alert import Alert, fingerprint
from receiver.domain.card import Ability
from receiver.domain.incident import Kind, Notice, Placement, Rules
from receiver.domain.outcome import Delivered
from receiver.domain.person import Actor
from receiver.domain.policy import Policy
from receiver.domain.settle import Sent
from receiver.domain.severity import SeverityScale
from receiver.sandbox.crypto import encrypt, signature
from receiver.store.base import Snapshot
from receiver.store.sqlite import SqliteStore
from receiver.store.writer import Commits
from receiver.telemetry.logs import LogFactory, build_logging
from receiver.telemetry.metrics import Build, Labels, Metrics
from receiver.telemetry.tracing import Tracing, build_tracing
from receiver.web import application

Json = dict[str, Any]

START: Final = 1_790_000_000_000
TARGET: Final = "ops:oc_1"
LABELS: Final = {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"}
LI: Final = Actor(open_id="ou_li", union_id="on_li", name="李雷")
HAN: Final = Actor(open_id="ou_han", union_id="on_han", name="")
KEYS: Final = Keys(encrypt_key="a-key", verification_token="a-token")  # noqa: S106
NOWHERE: Final = "http://127.0.0.1:9"


@dataclass
class Clock:
    """Time that a test moves."""

    at: int = START

    def now(self) -> int:
        """Return Unix milliseconds."""
        return self.at


@dataclass
class Bench:
    """What a test has at hand; the incident has the id 1, and so has its card."""

    store: SqliteStore
    channel: FeishuApp
    desk: Desk
    silencing: Silencing
    callback: FeishuCallback
    metrics: Metrics
    clock: Clock
    log: io.BytesIO
    woken: list[int]
    paused: list[float]
    registry: CollectorRegistry
    clicks: int = 0
    shut_already: bool = False
    apps: dict[str, CallbackApp] = field(default_factory=dict)
    rules: list[Policy] = field(default_factory=list)  # the last one is in force

    async def shut(self) -> None:
        """Close the store, once."""
        if not self.shut_already:
            self.shut_already = True
            await self.store.close()

    async def fire(self, *alerts: Alert, kind: Kind = Kind.ALERTS, escalation: str = "") -> None:
        """Apply a body with these alerts."""
        notice = Notice(
            source="prod",
            receiver="team",
            group_key='{}:{alertname="DiskFull"}',
            alerts=alerts or (Alert(fingerprint(LABELS), True, LABELS, {}),),
            group_labels={"alertname": "DiskFull"},
            placements=(Placement(TARGET, escalation=escalation),),
            kind=kind,
            title="DiskFull",
        )
        await self.store.apply(notice, Rules(), self.clock.at)

    async def show(self) -> None:
        """Have the card sent, as a delivery would."""
        work = await self.store.begin(1, Ability.EDITS, self.clock.at)
        assert work is not None
        assert work.card.in_flight is not None
        sent = Sent(
            call=work.card.in_flight,
            reason=getattr(work.step, "reason"),  # noqa: B009  (any step that calls has one)
            revision=work.snapshot.incident.revision,
            shown=_picture(work.snapshot),
            trace="",
        )
        await self.store.settle(1, sent, Delivered("om_1"), (), self.clock.at, 0.5)

    def action(self, kind: ActionKind, **keys: Any) -> Action:
        """Return a click on the incident's card, each with an id of its own."""
        self.clicks += 1
        made = Action(
            id=f"action-{self.clicks}",
            kind=kind,
            incident=1,
            actor=LI,
            at=self.clock.at,
            card=1,
            generation=1,
            duration="1h" if kind is ActionKind.SILENCE else "",
            place=TARGET,
        )
        return replace(made, **keys)

    async def click(self, kind: ActionKind, **keys: Any) -> Reply:
        """Click, and return what the clicker sees."""
        return await self.desk.answer(self.action(kind, **keys), self.channel)

    async def snapshot(self) -> Snapshot:
        """Return the incident as it is kept."""
        found = await self.store.snapshot(1)
        assert found is not None
        return found

    def counted(self, name: str, **labels: str) -> float:
        """Return a metric's sample."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def events(self) -> list[Json]:
        """Return what was logged."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def client(self) -> httpx.AsyncClient:
        """Return a client of the callback's endpoint."""
        log = build_logging("info", self.log)("http")
        app = application((("/callbacks/feishu/{app}", self.callback, ("POST",)),), log)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver")

    def signed(self, document: Json, nonce: str = "nonce") -> tuple[bytes, dict[str, str]]:
        """Return a callback's body and headers, as the platform would send it."""
        plain = json.dumps(document).encode()
        raw = json.dumps({"encrypt": encrypt(plain, KEYS.encrypt_key, b"\1" * 16)}).encode()
        timestamp = str(self.clock.at // 1000)
        return raw, {
            "Content-Type": "application/json",
            "X-Lark-Request-Timestamp": timestamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": signature(timestamp, nonce, KEYS.encrypt_key, raw),
        }


def clicked(value: object, event_id: str = "event-1", **action: Any) -> Json:
    """Return the document of a click."""
    return {
        "schema": "2.0",
        "header": {
            "event_id": event_id,
            "event_type": "card.action.trigger",
            "token": KEYS.verification_token,
            "create_time": "1790000000000000",
            "tenant_key": "tenant",
            "app_id": "cli_a1",
        },
        "event": {
            "operator": {"open_id": "ou_han", "union_id": "on_han", "tenant_key": "tenant"},
            "token": "c-anupdatetokenthatnobodymaysee",
            "action": {"tag": "button", "value": value, **action},
            "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"},
        },
    }


def _picture(snapshot: Snapshot) -> Any:
    from receiver.domain.card import picture  # noqa: PLC0415

    return picture(snapshot.incident, snapshot.members)


def channel_of(name: str, http: httpx.AsyncClient, tracing: Tracing, logs: LogFactory) -> FeishuApp:
    """Return an app's channel; nothing here ever calls its platform."""
    account = Account(
        name=name,
        base_url=NOWHERE,
        app_id="cli_a1",
        app_secret="an-app-secret",  # noqa: S106
    )
    ports = Ports(
        http=http, tracing=tracing, log=logs("feishu"), now=lambda: START, share=lambda: 0.5
    )
    return FeishuApp(account, ports, lambda *_: None)


Open = Callable[..., SqliteStore]


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    alertmanager: str = "",
    open_store: Open = SqliteStore,
    fire: bool = True,
    policy: Policy = Policy(),  # noqa: B008  (never changes)
) -> AsyncIterator[Bench]:
    """Set up a desk; without ``alertmanager`` the source is not configured."""
    async with AsyncExitStack() as stack:
        made = await _assemble(folder, alertmanager, open_store, stack)
        made.rules.append(policy)
        if fire:
            await made.fire()
            await made.show()
            made.woken.clear()
        yield made


async def _assemble(
    folder: Path, alertmanager: str, open_store: Open, stack: AsyncExitStack
) -> Bench:
    clock, log, registry = Clock(), io.BytesIO(), CollectorRegistry()
    woken: list[int] = []
    paused: list[float] = []
    logs = build_logging("info", log)
    tracing = build_tracing({}, "1")
    labels = Labels(sources=("prod",), alertmanagers=("prod",), apps=("ops",))
    metrics = Metrics(registry, labels, Build(version="1", python="3", sqlite="3"))
    commits = Commits(done=lambda *_: None, failed=lambda _: None)
    store = open_store(folder / "receiver.db", patience=5.0, timer=lambda: 0.0, commits=commits)
    # A real client reads the system's certificates, which takes longer than most of these tests.
    nobody = httpx.MockTransport(lambda _: httpx.Response(500))
    feishu = await stack.enter_async_context(httpx.AsyncClient(transport=nobody))
    channel = channel_of("ops", feishu, tracing, logs)
    stack.push_async_callback(channel.close)

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async def wait(ms: int) -> None:
        clock.at += ms

    clients: dict[str, AlertmanagerClient] = {}
    if alertmanager:
        http = await stack.enter_async_context(build_http())
        ports = AlertmanagerPorts(
            http=http, tracing=tracing, observe=lambda *_: None, wait=wait, share=lambda: 0.5
        )
        clients["prod"] = AlertmanagerClient(Source(name="prod", urls=(alertmanager,)), ports)
    silencer = Silencer(
        Surroundings(
            clients=clients.get,
            clock=clock.now,
            wait=wait,
            share=lambda: 0.5,
            count=lambda source, outcome: metrics.callbacks.silences.of(source, outcome).inc(),
        )
    )
    silencing = Silencing(
        silencer=silencer,
        store=store,
        log=logs("silencing"),
        now=clock.now,
        pause=pause,
        wake=lambda: woken.append(clock.at),
    )
    desk = Desk(
        store=store,
        silencing=silencing,
        metrics=metrics,
        now=clock.now,
        wake=lambda: woken.append(clock.at),
        setting=lambda: Setting(
            scale=SeverityScale(), source_urls=lambda _: "http://am.test", policy=made.rules[-1]
        ),
        log=logs("callback"),
    )
    apps = {"ops": CallbackApp(keys=KEYS, channel=channel)}
    callback = FeishuCallback(
        CallbackMeans(
            apps=lambda: apps,
            desk=desk,
            store=store,
            metrics=metrics,
            tracing=tracing,
            log=logs("callback"),
            now=clock.now,
            timer=lambda: 0.0,
        )
    )
    made = Bench(
        store=store,
        channel=channel,
        desk=desk,
        silencing=silencing,
        callback=callback,
        metrics=metrics,
        clock=clock,
        log=log,
        woken=woken,
        paused=paused,
        registry=registry,
        apps=apps,
    )
    stack.push_async_callback(made.shut)
    stack.push_async_callback(silencing.close)
    return made

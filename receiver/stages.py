"""The stages of a receiver, built to work with the parts of the configuration in force."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from receiver import assembly
from receiver.assembly import Parts, Tools
from receiver.callback.desk import Desk
from receiver.callback.errands import Errands
from receiver.callback.feishu import CallbackMeans, FeishuCallback
from receiver.callback.silencing import Silencing
from receiver.callback.streams import StreamMeans, Streams
from receiver.channels.feishu.stream_wire import open_wire
from receiver.charting import Charting
from receiver.deliver.budget import Ledger
from receiver.deliver.dispatcher import Dispatcher
from receiver.deliver.escalator import Escalator
from receiver.deliver.means import Means
from receiver.deliver.storm import Storms
from receiver.duty import Duty, plans_of
from receiver.ingest.agents import Agents, AgentWebhook
from receiver.ingest.alertmanager import AlertmanagerWebhook
from receiver.ingest.alertmanager import Tools as WebhookTools
from receiver.ingest.events import EventsWebhook
from receiver.ingest.operators import Operators
from receiver.listening import commands_of, duty_of, errands
from receiver.ops.conservation import CheckMeans, Conservation
from receiver.reconcile.clock import Clock
from receiver.reconcile.truth import Means as TruthMeans
from receiver.reconcile.truth import Reconciler
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Metrics
from receiver.telemetry.tracing import Tracing
from receiver.web import Handler
from receiver.world import World

Table = tuple[tuple[str, Handler, tuple[str, ...]], ...]
Hear = Callable[[str, bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every stage stands on; ``parts`` are those in force, which a reload swaps."""

    store: SqliteStore
    world: World
    metrics: Metrics
    tracing: Tracing
    logs: LogFactory
    tools: Tools
    duty: Duty
    charting: Charting
    parts: Callable[[], Parts]


class Stages:
    """Every stage of one receiver; they are started and stopped elsewhere."""

    def __init__(self, on: Ground) -> None:
        self._on = on
        self.operators = Operators(
            target=self._operators_target, store=on.store, now=on.world.now, wake=self.wake
        )
        self.reconciler = self._make_reconciler()
        self.silencing = self._make_silencing()
        means = self._means()
        self.ledger = means.ledger
        self.dispatcher = Dispatcher(means, on.world.sleep, self._make_storms(means.ledger))
        self.escalator = Escalator(
            means, self.dispatcher.watch, lambda: plans_of(on.parts().config), on.world.sleep
        )
        self.clock = self._make_clock()
        self.conservation = self._make_conservation()
        desk = self._make_desk()
        self.errands = self._make_errands(desk, means.ledger)
        self._callback = FeishuCallback(self._callback_means(desk))
        self.streams = self._make_streams(self._callback.heard)

    def wake(self) -> None:
        """Look for cards at once."""
        self.dispatcher.wake()

    def _make_silencing(self) -> Silencing:
        world = self._on.world
        return Silencing(
            silencer=assembly.silencer(self._on.tools, self._on.parts),
            store=self._on.store,
            log=self._on.logs("silencing"),
            now=world.now,
            pause=world.pause,
            wake=self.wake,
            hurry=self.reconciler.hurry,
        )

    def _make_reconciler(self) -> Reconciler:
        world = self._on.world
        means = TruthMeans(
            subjects=lambda: assembly.subjects_of(self._on.parts()),
            configured=lambda: [one.name for one in self._on.parts().config.alertmanagers],
            store=self._on.store,
            metrics=self._on.metrics.reconciling,
            log=self._on.logs("reconcile"),
            now=world.now,
            timer=world.timer,
            luck=world.luck,
            sleep=world.sleep,
            wake=self.wake,
            trouble=self.operators.trouble,
        )
        return Reconciler(means)

    def _means(self) -> Means:
        world = self._on.world
        return Means(
            outlets=lambda: self._on.parts().outlets,
            store=self._on.store,
            ledger=Ledger(lambda: int(world.timer() * 1000)),
            metrics=self._on.metrics,
            tracing=self._on.tracing,
            log=self._on.logs("deliver"),
            now=world.now,
            luck=world.luck,
            pause=world.pause,
            tell=self.operators.tell,
            operators=self._operators_target,
            expand=self._on.duty.oncall.expand,
            charts=self._on.charting.charts,
        )

    def _make_storms(self, ledger: Ledger) -> Storms:
        return Storms(
            store=self._on.store,
            ledger=ledger,
            channels=lambda: self._on.parts().outlets.channels,
            rules=lambda: assembly.storms_of(self._on.parts().config),
            metrics=self._on.metrics,
            log=self._on.logs("storm"),
        )

    def _make_clock(self) -> Clock:
        return Clock(
            store=self._on.store,
            now=self._on.world.now,
            sleep=self._on.world.sleep,
            retention=lambda: self._on.parts().config.store.retention,
            resume=self.silencing.resume,
            wake=self.wake,
            log=self._on.logs("clock"),
        )

    def _make_conservation(self) -> Conservation:
        return Conservation(
            CheckMeans(
                selfcheck=self._on.store.selfcheck,
                observe=self._on.metrics.store.checked,
                now=self._on.world.now,
                sleep=self._on.world.sleep,
                log=self._on.logs("conservation"),
            )
        )

    def table(self) -> Table:
        """Return what answers on the public port: paths, handlers and methods."""
        world = self._on.world
        tools = WebhookTools(
            doors=lambda: self._on.parts().doors,
            store=self._on.store,
            metrics=self._on.metrics,
            tracing=self._on.tracing,
            log=self._on.logs("ingest"),
            now=world.now,
            timer=world.timer,
            wake=self.wake,
            tell=self.operators.tell,
            hurry=self.reconciler.hurry,
        )
        return (
            ("/webhooks/alertmanager/{source}", AlertmanagerWebhook(tools), ("POST", "PUT")),
            ("/webhooks/alertmanager/{source}/events", EventsWebhook(tools), ("POST",)),
            ("/webhooks/agents/{agent}", AgentWebhook(tools, self._agents), ("POST",)),
            ("/callbacks/feishu/{app}", self._callback, ("POST",)),
        )

    def _make_desk(self) -> Desk:
        world = self._on.world
        return Desk(
            store=self._on.store,
            silencing=self.silencing,
            metrics=self._on.metrics,
            now=world.now,
            wake=self.wake,
            setting=lambda: self._on.parts().setting,
            log=self._on.logs("callback"),
            lists=self._on.duty.lists_of,
            chart=self._on.charting.charts.known,
        )

    def _make_errands(self, desk: Desk, ledger: Ledger) -> Errands:
        duty = duty_of(self._on.duty.oncall)
        return errands(
            commands_of(desk, duty, lambda: self._on.parts().alertmanagers),
            apps=lambda: self._on.parts().apps,
            ledger=ledger,
            charge=self.dispatcher.charge,
            pause=self._on.world.pause,
        )

    def _callback_means(self, desk: Desk) -> CallbackMeans:
        world = self._on.world
        return CallbackMeans(
            hear=self.errands.hear,
            apps=lambda: self._on.parts().apps,
            desk=desk,
            store=self._on.store,
            metrics=self._on.metrics,
            tracing=self._on.tracing,
            log=self._on.logs("callback"),
            now=world.now,
            timer=world.timer,
        )

    def _make_streams(self, hear: Hear) -> Streams:
        world = self._on.world
        means = StreamMeans(
            http=lambda app: self._on.parts().connections[app],
            hear=hear,
            open=open_wire,
            metrics=self._on.metrics,
            tracing=self._on.tracing,
            log=self._on.logs("stream"),
            timer=world.timer,
            luck=world.luck,
            sleep=world.sleep,
            tell=self.operators.tell,
        )
        return Streams(means)

    def _operators_target(self) -> str:
        return self._on.parts().config.operators_target

    def _agents(self) -> Agents:
        return self._on.parts().agents

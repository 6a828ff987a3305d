"""The composition root: a configuration becomes parts, started in order and stopped in reverse."""

import asyncio
import contextlib
import platform
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from receiver import assembly
from receiver.assembly import Acquaintance, Parts, Tools
from receiver.callback.desk import Desk
from receiver.callback.feishu import CallbackMeans, FeishuCallback
from receiver.callback.silencing import Silencing
from receiver.callback.streams import StreamMeans, Streams
from receiver.channels.feishu.stream_wire import open_wire
from receiver.charting import Charting
from receiver.config import BadConfig, Config, load
from receiver.deliver.budget import Ledger
from receiver.deliver.dispatcher import Dispatcher
from receiver.deliver.escalator import Escalator
from receiver.deliver.means import Means
from receiver.deliver.storm import Storms
from receiver.domain.audit import Trail
from receiver.domain.incident import Line
from receiver.duty import Duty, plans_of
from receiver.ingest.agents import Agents, AgentWebhook
from receiver.ingest.alertmanager import AlertmanagerWebhook
from receiver.ingest.alertmanager import Tools as WebhookTools
from receiver.ingest.events import EventsWebhook
from receiver.ingest.operators import Operators
from receiver.listening import duty_of, errands
from receiver.ops import Ops, OpsMeans
from receiver.ops.conservation import CheckMeans, Conservation
from receiver.ops.figures import store_figures
from receiver.reconcile.clock import Clock
from receiver.reconcile.truth import Means as TruthMeans
from receiver.reconcile.truth import Reconciler
from receiver.store.base import Store, StoreError
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Metrics, StoreFigures
from receiver.telemetry.tracing import Tracing, build_tracing
from receiver.web import Handler, address_of, application, listen, serving
from receiver.world import World, real_world

__all__ = ["DISTRIBUTION", "App", "World", "real_world", "running"]

DISTRIBUTION = "alertmanager-feishu-receiver"


class App:
    """One receiver; ``start`` brings the parts up in order, ``stop`` down in reverse."""

    def __init__(
        self,
        config: Config,
        *,
        path: Path,
        environ: Mapping[str, str],
        logs: LogFactory,
        world: World,
    ) -> None:
        self.config = config
        self._path = path
        self._environ = environ
        self._logs = logs
        self._log = logs("app")
        self._world = world
        release = version(DISTRIBUTION)
        self.tracing: Tracing = build_tracing(environ, release)
        self.metrics: Metrics = assembly.metrics_for(config, CollectorRegistry(), release)
        self._tools = Tools(
            tracing=self.tracing,
            metrics=self.metrics,
            logs=logs,
            now=world.now,
            luck=world.luck,
            wait=lambda ms: world.pause(ms / 1000),
        )
        self.parts: Parts = assembly.build(config, self._tools, None)
        self._charting = Charting(
            config, now=world.now, metrics=self.metrics, tracing=self.tracing, logs=logs
        )
        self._stack = contextlib.AsyncExitStack()
        self._acquaintance = Acquaintance(lambda: self.parts, world.pause, world.sleep)
        self._reloading = asyncio.Lock()
        self.url = ""
        self.ops_url = ""

    async def start(self) -> None:
        """Bring everything up; afterwards ``url`` and ``ops_url`` are where it listens.

        Raises:
            Unusable: the store cannot be opened.
            OSError: an address cannot be listened on; the message names the key.

        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, finish the calls under way, close the store."""
        await self._stack.aclose()

    async def reload(self, by: str = "SIGHUP", place: str = "") -> str:
        """Read the configuration file again; return what is wrong, or nothing.

        A bad file leaves the old configuration in force. ``by`` and ``place`` say who asked, from
        where.
        """
        async with self._reloading:  # or an older reading of the file could win
            before = self.config
            wrong = await self._reload()
            changed = wrong or ", ".join(before.changed(self.config)) or "nothing"
            result = "refused" if wrong else "reloaded"
            await self._note(Line("config_reload", changed, by, Trail(place=place, result=result)))
            return wrong

    async def _note(self, line: Line) -> None:
        """Keep what was done to the service; a store that is in trouble must not prevent it."""
        try:
            await self.store.note(line, self._world.now())
        except StoreError:
            self._log.exception("not in the audit", kind=line.kind, detail=line.detail)

    async def _reload(self) -> str:
        self.metrics.config.last_reload_successful.set(0)
        try:
            fresh = await asyncio.to_thread(load, self._path, self._environ)
        except BadConfig as wrong:
            self._log.error("configuration not reloaded", problem=str(wrong))
            return str(wrong)
        refused = self.config.differences(fresh)
        if refused:
            names = ", ".join(refused)
            wrong_keys = f"{names}: changed, which needs a restart; nothing was reloaded"
            self._log.error("configuration not reloaded", problem=wrong_keys)
            return wrong_keys
        self._adopt(fresh)
        return ""

    def _adopt(self, fresh: Config) -> None:
        """Swap the configuration: work under way finishes on the old one."""
        self.metrics.reload(assembly.labels_for(fresh))
        old, self.parts = self.parts, assembly.build(fresh, self._tools, self.parts)
        self.config = fresh
        self._retire(old)
        self._loaded()
        self._duty.adopt(fresh)
        self._charting.adopt(fresh)
        self._acquaintance.hurry()
        self._streams.adopt(assembly.streams_of(fresh))
        self._reconciler.reload()
        self._dispatcher.wake()
        self._log.info("configuration reloaded")

    def _retire(self, old: Parts) -> None:
        """Close the clients that nothing uses any more, once their calls must have ended."""
        gone = [part for part in old.closing if part not in self.parts.closing]

        async def close() -> None:
            try:
                await self._world.pause(assembly.RETIRE_AFTER)
            finally:  # a stop does not wait, but closes them all the same
                for part in gone:
                    await part()

        task = asyncio.create_task(close())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _start(self) -> None:
        config, world = self.config, self._world
        self._retiring: set[asyncio.Task[None]] = set()
        self._stack.callback(self.tracing.close)
        store = assembly.open_store(config, self.metrics, world.timer)
        self.store: Store = store
        self._stack.push_async_callback(store.close)
        self._stack.push_async_callback(self._close_parts)
        self._duty = self._begin_duty()
        self._make_stages(store)
        await self._dispatcher.restore()
        for part in (self._dispatcher, self._escalator, self._clock, self._reconciler):
            self._run(part.run, part.stop)
        self._stack.push_async_callback(self._silencing.close)
        await self._silencing.resume()
        await self._serve(store)
        self._loaded()
        self._run(self._acquaintance.run, self._acquaintance.stop)
        conservation = self._make_conservation(store)
        self._run(conservation.run, conservation.stop)
        await self._announce()

    async def _announce(self) -> None:
        """Say that everything is up, in the audit and in the log."""
        by = Trail(result="started")
        await self._note(Line("started", version(DISTRIBUTION), "receiver", by))
        self._log.info(
            "ready",
            url=self.url,
            ops_url=self.ops_url,
            sqlite=sqlite3.sqlite_version,
            python=platform.python_version(),
            started=self._world.now(),
        )

    async def _serve(self, store: SqliteStore) -> None:
        """Listen, and be called."""
        server = self.config.server
        grace = max(server.shutdown_timeout // 1000, 1)
        public = self._listen("server.listen", server.listen.host, server.listen.port)
        self.url = address_of(public)
        await self._stack.enter_async_context(serving(self._public_app(store), public, grace))
        self._stack.push_async_callback(self._errands.close)
        await self._errands.resume()
        self._connect()
        address = server.ops_listen
        ops = self._listen("server.ops_listen", address.host, address.port)
        self.ops_url = address_of(ops)
        await self._stack.enter_async_context(serving(self._ops_app(store), ops, grace))

    def _make_stages(self, store: Store) -> None:
        world = self._world
        self._operators = Operators(
            target=self._operators_target, store=store, now=world.now, wake=self._wake
        )
        self._reconciler = self._make_reconciler(store)
        self._silencing = self._make_silencing(store)
        self._dispatcher = self._make_dispatcher(store)
        self._clock = self._make_clock(store)

    def _make_silencing(self, store: Store) -> Silencing:
        world = self._world
        return Silencing(
            silencer=assembly.silencer(self._tools, lambda: self.parts),
            store=store,
            log=self._logs("silencing"),
            now=world.now,
            pause=world.pause,
            wake=self._wake,
            hurry=self._reconciler.hurry,
        )

    def _connect(self) -> None:
        """Open the long connections, which end before all that answers them."""
        world = self._world
        self._streams = Streams(
            StreamMeans(
                http=lambda app: self.parts.connections[app],
                hear=self._callback.heard,
                open=open_wire,
                metrics=self.metrics,
                tracing=self.tracing,
                log=self._logs("stream"),
                timer=world.timer,
                luck=world.luck,
                sleep=world.sleep,
                tell=self._operators.tell,
            )
        )
        self._stack.push_async_callback(self._streams.close)
        self._streams.adopt(assembly.streams_of(self.config))

    def _make_reconciler(self, store: Store) -> Reconciler:
        world = self._world
        means = TruthMeans(
            subjects=lambda: assembly.subjects_of(self.parts),
            store=store,
            metrics=self.metrics.reconciling,
            log=self._logs("reconcile"),
            now=world.now,
            timer=world.timer,
            luck=world.luck,
            sleep=world.sleep,
            wake=self._wake,
            trouble=self._operators.trouble,
        )
        return Reconciler(means)

    def _make_dispatcher(self, store: Store) -> Dispatcher:
        world = self._world
        means = Means(
            outlets=lambda: self.parts.outlets,
            store=store,
            ledger=Ledger(lambda: int(world.timer() * 1000)),
            metrics=self.metrics,
            tracing=self.tracing,
            log=self._logs("deliver"),
            now=world.now,
            luck=world.luck,
            pause=world.pause,
            tell=self._operators.tell,
            operators=self._operators_target,
            expand=self._duty.oncall.expand,
            charts=self._charting.charts,
        )
        storms = Storms(
            store=store,
            ledger=means.ledger,
            channels=lambda: self.parts.outlets.channels,
            rules=lambda: assembly.storms_of(self.config),
            metrics=self.metrics,
            log=self._logs("storm"),
        )
        self.ledger = means.ledger
        dispatcher = Dispatcher(means, world.sleep, storms)
        self._escalator = Escalator(
            means, dispatcher.watch, lambda: plans_of(self.config), world.sleep
        )
        return dispatcher

    def _begin_duty(self) -> Duty:
        duty = Duty(
            self.config,
            now=self._world.now,
            sleep=self._world.sleep,
            metrics=self.metrics,
            logs=self._logs,
            channels=lambda: [each.channel for each in self.parts.apps.values()],
        )
        self._stack.push_async_callback(duty.close)
        self._run(duty.run, duty.stop)
        return duty

    def _make_clock(self, store: Store) -> Clock:
        return Clock(
            store=store,
            now=self._world.now,
            sleep=self._world.sleep,
            retention=lambda: self.config.store.retention,
            resume=self._silencing.resume,
            wake=self._wake,
            log=self._logs("clock"),
        )

    def _make_conservation(self, store: Store) -> Conservation:
        return Conservation(
            CheckMeans(
                selfcheck=store.selfcheck,
                observe=self.metrics.store.checked,
                now=self._world.now,
                sleep=self._world.sleep,
                log=self._logs("conservation"),
            )
        )

    def _wake(self) -> None:
        self._dispatcher.wake()

    def _run(self, loop: Callable[[], Coroutine[Any, Any, None]], stop: Callable[[], None]) -> None:
        """Run a loop until the stack unwinds; its end before that is a fault and is logged."""
        task = asyncio.create_task(loop())

        async def end() -> None:
            stop()
            await asyncio.wait([task], timeout=self.config.server.shutdown_timeout / 1000)
            task.cancel()

        def ended(done: "asyncio.Task[None]") -> None:
            if not done.cancelled() and done.exception() is not None:
                self._log.critical("a loop died", problem=repr(done.exception()))

        task.add_done_callback(ended)
        self._stack.push_async_callback(end)

    def _listen(self, key: str, host: str, port: int) -> socket.socket:
        try:
            return listen(host, port)
        except OSError as failure:
            raise OSError(f"{key}: cannot listen on {host}:{port}: {failure.strerror}") from failure

    async def _close_parts(self) -> None:
        await self._charting.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for close in self.parts.closing:
            await close()

    def _loaded(self) -> None:
        self.metrics.config.last_reload_successful.set(1)
        self.metrics.config.last_reload_success_timestamp.set(self._world.now() / 1000)
        for warning in self.config.warnings:
            self._log.warning("configuration", warning=warning)

    def _public_app(self, store: Store) -> ASGIApp:
        world = self._world
        tools = WebhookTools(
            doors=lambda: self.parts.doors,
            store=store,
            metrics=self.metrics,
            tracing=self.tracing,
            log=self._logs("ingest"),
            now=world.now,
            timer=world.timer,
            wake=self._wake,
            tell=self._operators.tell,
            hurry=self._reconciler.hurry,
        )
        self._callback = FeishuCallback(self._callback_means(store))
        table: tuple[tuple[str, Handler, tuple[str, ...]], ...] = (
            ("/webhooks/alertmanager/{source}", AlertmanagerWebhook(tools), ("POST", "PUT")),
            ("/webhooks/alertmanager/{source}/events", EventsWebhook(tools), ("POST",)),
            ("/webhooks/agents/{agent}", AgentWebhook(tools, self._agents), ("POST",)),
            ("/callbacks/feishu/{app}", self._callback, ("POST",)),
        )
        return self.tracing.middleware(application(table, self._logs("http")))

    def _callback_means(self, store: Store) -> CallbackMeans:
        world = self._world
        desk = Desk(
            store=store,
            silencing=self._silencing,
            metrics=self.metrics,
            now=world.now,
            wake=self._wake,
            setting=lambda: self.parts.setting,
            log=self._logs("callback"),
            lists=self._duty.lists_of,
            chart=self._charting.charts.known,
        )
        self._errands = errands(
            desk,
            apps=lambda: self.parts.apps,
            ledger=self.ledger,
            charge=self._dispatcher.charge,
            on_duty=duty_of(self._duty.oncall),
            pause=world.pause,
        )
        return CallbackMeans(
            hear=self._errands.hear,
            apps=lambda: self.parts.apps,
            desk=desk,
            store=store,
            metrics=self.metrics,
            tracing=self.tracing,
            log=self._logs("callback"),
            now=world.now,
            timer=world.timer,
        )

    def _operators_target(self) -> str:
        return self.config.operators_target

    def _agents(self) -> Agents:
        return self.parts.agents

    def _ops_app(self, store: SqliteStore) -> ASGIApp:
        means = OpsMeans(
            store=store,
            metrics=self.metrics,
            figures=partial(self._figures, store),
            reload=lambda place: self.reload("HTTP", place),
            token=self._ops_token,
            now=self._world.now,
            retry=self._dispatcher.retry,
        )
        return application(Ops(means).table(), self._logs("http"))

    def _ops_token(self) -> str | None:
        token = self.config.server.ops_token
        return None if token is None else token.reveal()

    async def _figures(self, store: SqliteStore) -> StoreFigures:
        self._duty.observe()
        return store_figures(
            await store.figures(),
            await store.units(),
            kind_of=self._kind_of,
            queue_length=store.queue_length,
            now=self._world.now(),
        )

    def _kind_of(self, channel: str) -> str:
        known = self.parts.outlets.channels.get(channel)
        return "other" if known is None else known.kind


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """Run an app until the block ends."""
    await app.start()
    try:
        yield app
    finally:
        await app.stop()

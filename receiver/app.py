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
from receiver.acquaintance import Acquaintance
from receiver.assembly import Parts, Tools
from receiver.charting import Charting
from receiver.config import BadConfig, Config, load
from receiver.domain.audit import Trail
from receiver.domain.incident import Line
from receiver.duty import Duty
from receiver.ops import Ops, OpsMeans
from receiver.ops.figures import store_figures
from receiver.stages import Ground, Stages
from receiver.store.base import Store, StoreError
from receiver.store.sqlite import SqliteStore
from receiver.telemetry.logs import LogFactory
from receiver.telemetry.metrics import Metrics, StoreFigures
from receiver.telemetry.tracing import Tracing, build_tracing
from receiver.web import address_of, application, listen, serving
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
        self._stages.streams.adopt(assembly.streams_of(fresh))
        self._stages.reconciler.reload()
        self._stages.dispatcher.wake()
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
        self._stages = self._make_stages(store)
        self.ledger = self._stages.ledger
        stages = self._stages
        await stages.dispatcher.restore()
        for part in (stages.dispatcher, stages.escalator, stages.clock, stages.reconciler):
            self._run(part.run, part.stop)
        self._stack.push_async_callback(stages.silencing.close)
        await stages.silencing.resume()
        await self._serve(store)
        self._loaded()
        self._run(self._acquaintance.run, self._acquaintance.stop)
        self._run(stages.conservation.run, stages.conservation.stop)
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
        stages = self._stages
        await self._stack.enter_async_context(serving(self._public_app(), public, grace))
        self._stack.push_async_callback(stages.errands.close)
        await stages.errands.resume()
        # The long connections end before all that answers them.
        self._stack.push_async_callback(stages.streams.close)
        stages.streams.adopt(assembly.streams_of(self.config))
        address = server.ops_listen
        ops = self._listen("server.ops_listen", address.host, address.port)
        self.ops_url = address_of(ops)
        await self._stack.enter_async_context(serving(self._ops_app(store), ops, grace))

    def _make_stages(self, store: SqliteStore) -> Stages:
        return Stages(
            Ground(
                store=store,
                world=self._world,
                metrics=self.metrics,
                tracing=self.tracing,
                logs=self._logs,
                tools=self._tools,
                duty=self._duty,
                charting=self._charting,
                parts=lambda: self.parts,
            )
        )

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

    def _public_app(self) -> ASGIApp:
        table = application(self._stages.table(), self._logs("http"))
        return self.tracing.middleware(table)

    def _ops_app(self, store: SqliteStore) -> ASGIApp:
        means = OpsMeans(
            store=store,
            metrics=self.metrics,
            figures=partial(self._figures, store),
            reload=lambda place: self.reload("HTTP", place),
            token=self._ops_token,
            now=self._world.now,
            retry=self._stages.dispatcher.retry,
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

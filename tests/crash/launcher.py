"""Runs the real ``receiver`` in this process, and kills it (SIGKILL) at a named point.

    python -m tests.crash.launcher --kill-at SITE:MOMENT --hit N serve --config FILE

The product has no hooks: the modules of ``scan.MODULES`` are compiled, as they are imported, with
a call at each of their sites. Hits count from the first request that comes while the file
``--armed-by`` exists, or from the start where none is named.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import json
import os
import selectors
import signal
import socket
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn, TextIO, TypeVar

from receiver.domain.incident import Notice, Rules
from receiver.store.base import Applied
from receiver.store.holders import Holders
from tests.crash import scan

T = TypeVar("T")
Hooks = dict[str, Callable[..., Any]]

# The module that does the first thing with a request, before it reads the first byte.
FIRST = "web"
HELD = "a poisoned body is held"
HOLD = 0.2  # seconds for which a poisoned body holds the writer, so that others wait together


class Trap:
    """Counts hits once armed, and ends the process at the one that was asked for."""

    def __init__(self) -> None:
        self._point = ""
        self._hit = 0
        self._armed_by: Path | None = None
        self._armed = False
        self._hits: Counter[str] = Counter()
        self._record: TextIO | None = None

    def set(self, options: argparse.Namespace) -> None:
        """Set the trap for this process."""
        self._point, self._hit = options.kill_at, options.hit
        self._armed_by = options.armed_by
        self._armed = self._armed_by is None
        if options.record is not None:
            self._record = options.record.open("a", encoding="utf-8", buffering=1)

    def at(self, site: str, moment: str, value: T | None = None) -> T | None:
        """Pass a moment of a site, if the process may live on."""
        if not self._armed:
            self._arm(site)
        if self._armed:
            point = f"{site}:{moment}"
            self._hits[point] += 1
            if self._record is not None:
                self._record.write(point + "\n")
            if point == self._point and self._hits[point] == self._hit:
                os.kill(os.getpid(), signal.SIGKILL)
        return value

    async def each(self, site: str, items: Any) -> AsyncIterator[Any]:
        """Pass a moment before and after each turn of an ``async for``."""
        iterator = aiter(items)
        while True:
            self.at(site, scan.BEFORE)
            try:
                item = await anext(iterator)
            except StopAsyncIteration:
                self.at(site, scan.AFTER)
                return
            self.at(site, scan.AFTER)
            yield item

    def around(
        self, site: str, inner: AbstractAsyncContextManager[Any, bool | None]
    ) -> AbstractAsyncContextManager[Any, bool | None]:
        """Pass a moment before and after the entry and the exit of an ``async with``."""
        return _Around(self, site, inner)

    def _arm(self, site: str) -> None:
        if site.startswith(f"{FIRST}:") and self._armed_by is not None:
            self._armed = self._armed_by.exists()


class _Around(AbstractAsyncContextManager[Any, bool | None]):
    def __init__(
        self, trap: Trap, site: str, inner: AbstractAsyncContextManager[Any, bool | None]
    ) -> None:
        self._trap = trap
        self._site = site
        self._inner = inner

    async def __aenter__(self) -> Any:
        self._trap.at(self._site, "before enter")
        return self._trap.at(self._site, "after enter", await self._inner.__aenter__())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._trap.at(self._site, "before exit")
        done = await self._inner.__aexit__(kind, error, trace)
        return self._trap.at(self._site, "after exit", done)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with its calls; nothing of it goes into a bytecode cache."""

    def __init__(self, name: str, path: str, module: str, hooks: Hooks) -> None:
        super().__init__(name, path)
        self._module = module
        self._hooks = hooks

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.get_filename(fullname)).read_text(encoding="utf-8")
        tree: ast.Module = scan.instrumented(self._module, source)
        return compile(tree, self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self._hooks)
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are to be compiled with calls."""

    def __init__(self, modules: Sequence[str], trap: Trap) -> None:
        self._modules = {f"receiver.{module}": module for module in modules}
        self._hooks: Hooks = {scan.AT: trap.at, scan.EACH: trap.each, scan.AROUND: trap.around}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a module's spec with the loader that adds the calls."""
        module = self._modules.get(fullname)
        if module is None:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            raise ImportError(f"{fullname} has no file")
        found.loader = _Loader(fullname, found.origin, module, self._hooks)
        return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.crash.launcher")
    parser.add_argument("--kill-at", default="", metavar="SITE:MOMENT")
    parser.add_argument("--hit", type=int, default=1)
    parser.add_argument("--armed-by", type=Path, metavar="FILE")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write down every hit")
    parser.add_argument("--ahead", type=int, default=0, metavar="MS", help="set the clock ahead")
    parser.add_argument("--poison", default="", metavar="TEXT", help="fail on groups with this")
    parser.add_argument("--forks", type=int, metavar="FD", help="be the parent of many lives")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def main(argv: Sequence[str]) -> None:
    """Compile the product with its calls, then be the receiver, or the parent of many."""
    options = _parser().parse_args(argv)
    trap = Trap()
    sys.meta_path.insert(0, _Finder(scan.MODULES, trap))
    if options.forks is None:
        _live(trap, options)
    else:
        _breed(trap, socket.socket(fileno=options.forks))


def _live(trap: Trap, options: argparse.Namespace) -> None:
    from receiver.__main__ import main as receiver  # noqa: PLC0415  (after the finder is there)

    trap.set(options)
    _set_ahead(options.ahead)
    _poison(options.poison)
    receiver(options.command)


def _breed(trap: Trap, orders: socket.socket) -> None:
    """Fork a life for each order, and say how each ended; the imports are done once.

    An order is a JSON list of words, with the life's output as a file descriptor.
    """
    import uvloop  # noqa: F401, PLC0415

    import receiver.app  # noqa: PLC0415
    import receiver.telemetry.logs  # noqa: F401, PLC0415

    waiting = selectors.DefaultSelector()
    waiting.register(orders, selectors.EVENT_READ, 0)
    while True:
        for key, _ in waiting.select():
            if key.data:
                _, status = os.waitpid(key.data, 0)
                waiting.unregister(key.fd)
                os.close(key.fd)
                _say(pid=key.data, code=os.waitstatus_to_exitcode(status))
                continue
            words, files, _, _ = socket.recv_fds(orders, 1 << 16, 1)
            if not words:
                return
            child = os.fork()
            if not child:
                _be_born(trap, json.loads(words), files[0])
            os.close(files[0])
            waiting.register(os.pidfd_open(child), selectors.EVENT_READ, child)
            _say(born=child)


def _say(**facts: int) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _be_born(trap: Trap, words: list[str], output: int) -> NoReturn:
    """Be a life, in a process that was just forked."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        _live(trap, _parser().parse_args(words))
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  (said, and the process ends here whatever it was)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _set_ahead(ms: int) -> None:
    """Set the receiver's clock ahead: the world is a parameter of the app."""
    if not ms:
        return
    import receiver.app  # noqa: PLC0415  (after the trap is set)

    real = receiver.app.real_world()
    receiver.app.real_world = lambda: replace(real, now=lambda: real.now() + ms)


def _poison(text: str) -> None:
    """Make the change of a body fail where its group's key has this text: a fault of our own."""
    if not text:
        return
    from receiver.store import changes  # noqa: PLC0415  (after the trap is set)

    sound = changes.apply_notice

    def apply_notice(
        db: sqlite3.Connection, notice: Notice, rules: Rules, now: int, holders: Holders
    ) -> Applied:
        if text not in notice.group_key:
            return sound(db, notice, rules, now, holders)
        sys.stdout.write(HELD + "\n")
        sys.stdout.flush()
        time.sleep(HOLD)
        raise ValueError("poison")

    changes.apply_notice = apply_notice


if __name__ == "__main__":
    main(sys.argv[1:])

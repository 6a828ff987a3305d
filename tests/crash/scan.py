"""Finds every await and every hand-off in a module, names it, and can put a call around it."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "receiver"

# Where an alert passes between the webhook's first byte and the record of the platform's answer.
MODULES = (
    "web",
    "ingest.alertmanager",
    "store.sqlite",
    "store.reading",
    "store.file",
    "store.writer",
    "deliver.dispatcher",
    "deliver.worker",
    "channels.feishu.client",
    "channels.feishu.api",
    "channels.feishu.attempt",
    "channels.feishu.http",
    "channels.feishu.token",
    "channels.feishu.people",
    "channels.feishu.flights",
)

# Calls that give work to another thread or task, or an answer to whoever waits for it.
HANDS_OVER = frozenset(
    {
        "submit",
        "submit_first",
        "run_in_executor",
        "to_thread",
        "call_soon_threadsafe",
        "run_coroutine_threadsafe",
        "create_task",
        "ensure_future",
        "set_result",
        "set_exception",
    }
)
QUEUE_TYPES = frozenset({"SimpleQueue", "Queue", "LifoQueue", "PriorityQueue"})
QUEUE_CALLS = frozenset({"put", "put_nowait", "get", "get_nowait"})
# Statements that begin, divide or end a transaction, or fold the log back into the file.
SQL_WORDS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "PRAGMA wal_checkpoint")

BEFORE, HANDED, AFTER = "before", "handed", "after"

# The names under which the launcher offers what this module writes into the code.
AT, EACH, AROUND = "_crash_at", "_crash_each", "_crash_around"


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code: ``module:function:what:ordinal``, and the moments it has."""

    name: str
    moments: tuple[str, ...]


def path_of(module: str) -> Path:
    """Return a module's file."""
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def sites(module: str, source: str | None = None) -> tuple[Site, ...]:
    """Return the sites of a module, in the order of its text."""
    marker = _marked(module, path_of(module).read_text("utf-8") if source is None else source)[1]
    return tuple(marker.found)


def instrumented(module: str, source: str) -> ast.Module:
    """Return a module's tree with a call at each moment of each site."""
    return ast.fix_missing_locations(_marked(module, source)[0])


def _marked(module: str, source: str) -> tuple[ast.Module, "_Marker"]:
    tree = ast.parse(source)
    marker = _Marker(module, frozenset(_queues(tree)))
    marked = marker.visit(tree)
    if not isinstance(marked, ast.Module):
        raise TypeError(f"{module}: no module came out of a module")
    return marked, marker


def _queues(tree: ast.AST) -> Iterator[str]:
    """Return the names of the attributes and variables that hold a queue."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        made = node.value.func
        if isinstance(made, ast.Subscript):
            made = made.value
        if _last_name(made) in QUEUE_TYPES:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (_last_name(target) for target in targets)


def _last_name(node: ast.AST) -> str:
    match node:
        case ast.Call(func=func):
            return _last_name(func)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return type(node).__name__.lower()


class _Marker(ast.NodeTransformer):
    """Names sites as they come, and puts calls around them."""

    def __init__(self, module: str, queues: frozenset[str]) -> None:
        self.found: list[Site] = []
        self._module = module
        self._queues = queues
        self._scope: list[str] = []
        self._counted: Counter[str] = Counter()

    def _site(self, what: str, *moments: str) -> str:
        where = f"{self._module}:{'.'.join(self._scope) or '-'}:{what}"
        self._counted[where] += 1
        name = f"{where}:{self._counted[where]}"
        self.found.append(Site(name, moments))
        return name

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Enter a class."""
        return self._within(node.name, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Enter a function."""
        return self._within(node.name, node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Enter a coroutine."""
        return self._within(node.name, node)

    def _within(self, name: str, node: ast.AST) -> ast.AST:
        self._scope.append(name)
        self.generic_visit(node)
        self._scope.pop()
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Stop before the expression, where it hands over, and after the answer."""
        value = node.value
        hands_over = isinstance(value, ast.Call) and self._what(value) != ""
        moments = (BEFORE, HANDED, AFTER) if hands_over else (BEFORE, AFTER)
        name = self._site(f"await {_last_name(value)}", *moments)
        if isinstance(value, ast.Call):
            self.generic_visit(value)  # its arguments; the call itself has its name by now
        else:
            node.value = self.visit(value)
        if hands_over:
            node.value = _call(name, HANDED, value)
        return _in_turn(name, node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Stop before and after a call that hands over."""
        what = self._what(node)
        name = self._site(what, BEFORE, AFTER) if what else ""
        self.generic_visit(node)
        return _in_turn(name, node) if name else node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """Stop before and after each turn's wait."""
        name = self._site(f"async for {_last_name(node.iter)}", BEFORE, AFTER)
        self.generic_visit(node)
        node.iter = _named(EACH, name, node.iter)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """Stop before and after each entry and exit."""
        names = [
            self._site(f"async with {_last_name(item.context_expr)}", *_ENTER_EXIT)
            for item in node.items
        ]
        self.generic_visit(node)
        for name, item in zip(names, node.items, strict=True):
            item.context_expr = _named(AROUND, name, item.context_expr)
        return node

    def _what(self, node: ast.Call) -> str:
        """Say what a call hands over, or nothing."""
        if not isinstance(node.func, ast.Attribute):
            return ""
        name, owner = node.func.attr, _last_name(node.func.value)
        if name in QUEUE_CALLS:
            return f"{owner}.{name}" if owner in self._queues else ""
        if name == "execute":
            return _statement(node)
        return name if name in HANDS_OVER else ""


_ENTER_EXIT = ("before enter", "after enter", "before exit", "after exit")


def _statement(node: ast.Call) -> str:
    text = node.args[0] if node.args else None
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return ""
    return next((f"sql {word}" for word in SQL_WORDS if text.value.startswith(word)), "")


def _call(name: str, moment: str, *value: ast.expr) -> ast.Call:
    words: list[ast.expr] = [ast.Constant(name), ast.Constant(moment)]
    return ast.Call(ast.Name(AT, ast.Load()), [*words, *value], [])


def _in_turn(name: str, node: ast.expr) -> ast.expr:
    """Return an expression that stops, evaluates the node, stops, and has the node's value."""
    steps = ast.Tuple([_call(name, BEFORE), _call(name, AFTER, node)], ast.Load())
    turned = ast.Subscript(steps, ast.Constant(1), ast.Load())
    return ast.copy_location(turned, node)


def _named(hook: str, name: str, node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(hook, ast.Load()), [ast.Constant(name), node], [])

"""Compiles and renders the templates: apart, so that Jinja2 is loaded only where there are any."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from receiver.channels.templates.said import OUTPUT_LIMIT, SOURCE_LIMIT, BadTemplate, Said

STEPS = 20_000  # turns of all loops of one rendering together
RANGE_LIMIT = 1_000
GROWTH_LIMIT = 10_000  # characters or items that one multiplication or pad may make

_METER = "_metered"
_BUDGET = "_budget"
_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items",
    "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "replace", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title",
    "trim", "truncate", "unique", "upper",
)  # fmt: skip
# What could call itself, or reach other files.
_BANNED = (
    nodes.Macro,
    nodes.CallBlock,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
)
_METHODS = frozenset(
    {
        *("get", "items", "keys", "values"),
        *("endswith", "find", "lower", "lstrip", "removeprefix", "removesuffix", "rsplit"),
        *("rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
    }
)


class _Budget:
    """How many turns the loops of one rendering have left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS

    def spend(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.left -= 1
            if self.left < 0:
                raise SecurityError(f"more than {STEPS} turns of loops")
            yield item


@pass_context
def _metered(context: Context, items: Iterable[Any]) -> list[Any]:
    budget: _Budget = context[_BUDGET]
    return list(budget.spend(items))


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > RANGE_LIMIT:
        raise SecurityError(f"range() of more than {RANGE_LIMIT}")
    return made


class _Environment(ImmutableSandboxedEnvironment):
    """Reads data, and neither grows without bound nor reaches anything else."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, cache_size=0)
        self.globals = {"range": _range}
        self.filters = {name: self.filters[name] for name in _FILTERS} | {_METER: _metered}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would make something large of something small."""
        sized = isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple)
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"{operator} is not offered")
        if operator == "*" and sized and _size(left) * _size(right) > GROWTH_LIMIT:
            raise SecurityError(f"a product of more than {GROWTH_LIMIT}")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no ``format``: a width in it makes a text of any length."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow data, and the methods that only read."""
        if callable(value) and attr not in _METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else abs(int(value))


class _Raw(str):
    """A part of an address that is not encoded again."""

    __slots__ = ()


def _encoded(value: Any) -> str:
    """Percent-encode a value, so that it is one part of an address whatever it holds."""
    return value if isinstance(value, _Raw) else quote(str(value), safe="", errors="replace")


def _iso(at: int) -> str:
    """Write a time (Unix ms) as the tools that keep logs do."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


class _Addresses(_Environment):
    """Writes addresses: what is put in is encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.finalize = _encoded
        self.filters |= {"raw": _Raw, "iso": _iso}


_ENVIRONMENT = _Environment()
_ADDRESSES = _Addresses()


def compile_address(name: str, source: str) -> Template:
    """Compile the template of an address, whose values are percent-encoded.

    Raises:
        BadTemplate: the message names it, the line and the fault.

    """
    return _checked(_ADDRESSES, name, source)


def compile_template(name: str, source: str) -> Template:
    """Compile a template.

    Raises:
        BadTemplate: the message names it, the line and the fault.

    """
    return _checked(_ENVIRONMENT, name, source)


def _checked(environment: _Environment, name: str, source: str) -> Template:
    if len(source) > SOURCE_LIMIT:
        raise BadTemplate(f"{name} has {len(source)} characters; {SOURCE_LIMIT} are allowed")
    try:
        return _compiled(environment, name, source)
    except BadTemplate:
        raise
    except TemplateError as wrong:
        where = getattr(wrong, "lineno", 0) or 1
        raise BadTemplate(f"{name}, line {where}: {wrong}") from None
    except (RecursionError, ValueError, OverflowError):
        raise BadTemplate(f"{name} cannot be read; write a simpler one") from None


def _compiled(environment: _Environment, name: str, source: str) -> Template:
    tree = environment.parse(source)
    for banned in tree.find_all(_BANNED):
        kind = type(banned).__name__.lower()
        raise BadTemplate(f"{name}, line {banned.lineno}: {kind} is not offered")
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise BadTemplate(f"{name}, line {loop.lineno}: recursive is not offered")
        loop.iter = nodes.Filter(loop.iter, _METER, [], [], None, None)
    code = environment.compile(tree, name, name)
    return Template.from_code(environment, code, dict(environment.globals))


def render(template: Template, given: Mapping[str, Any]) -> Said:
    """Return what a template makes of the data, or why it made nothing; never raises."""
    made: list[str] = []
    size = 0
    try:
        for piece in template.generate({**given, _BUDGET: _Budget()}):
            made.append(piece)
            size += len(piece)
            if size > OUTPUT_LIMIT:
                break
    except Exception as fault:  # noqa: BLE001  (users' code may fail in any way)
        return Said(problem=f"{type(fault).__name__}: {fault}"[:200])
    return Said("".join(made)[:OUTPUT_LIMIT].strip())

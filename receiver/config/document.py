"""YAML text as a tree of texts that know their lines; which type each has is the schema's matter.

The tree is built from events and not by recursion, since a file of ten thousand brackets would
overflow the C stack of PyYAML's composer; aliases are refused, since a few of them can make a
small file huge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, Union

import yaml

from receiver.config.problem import BadConfig, Problem, below

LIMIT = 1 << 20  # bytes; ten thousand routes are smaller
DEPTH = 16
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class Scalar(NamedTuple):
    """A single value as it is written; ``plain`` when it stands without quotes."""

    text: str
    line: int
    plain: bool = False

    @property
    def null(self) -> bool:
        """Whether YAML reads this as no value at all."""
        return self.plain and self.text in NULLS


class Items(NamedTuple):
    """A list."""

    items: list["Item"]
    line: int


class Entries(NamedTuple):
    """A mapping; of a key that is given twice the first stands here."""

    entries: dict[str, "Item"]
    line: int


Item: TypeAlias = Union[Scalar, Items, Entries]  # noqa: UP007  (a forward reference in 3.11)


def read_document(text: str) -> tuple[Entries, tuple[Problem, ...]]:
    """Return the file's tree, and the problems that do not keep it from being read further.

    Raises:
        BadConfig: the text is no YAML mapping.

    """
    _reject_unfit(text)
    building = _Building()
    try:
        for event in _events(text):
            building.take(event)
    except yaml.YAMLError as wrong:
        raise BadConfig((_syntax(wrong),)) from None
    except BadConfig:
        raise
    except (ValueError, OverflowError):
        cure = "the file is not readable as YAML: a number or an escape in it is out of range"
        raise BadConfig((Problem("", "a strange value", cure),)) from None
    root = building.root
    if not isinstance(root, Entries):
        raise BadConfig((_not_a_mapping(root),))
    return root, tuple(building.problems)


def kind_of(item: Item) -> str:
    """Return what stands somewhere, without its value."""
    if isinstance(item, Items):
        return "a list"
    if isinstance(item, Entries):
        return "a mapping"
    return "nothing" if item.null else "a text"


def _reject_unfit(text: str) -> None:
    if len(text) > LIMIT:
        seen = f"{len(text)} characters"
        raise BadConfig((Problem("", seen, f"a configuration has at most {LIMIT}"),))
    try:
        text.encode()
    except UnicodeEncodeError:
        cure = "save the file as UTF-8 text"
        raise BadConfig((Problem("", "half a character", cure),)) from None


def _not_a_mapping(root: Item | None) -> Problem:
    seen = "nothing" if root is None else kind_of(root)
    line = None if root is None else root.line
    cure = "write key: value pairs; docs/configuration.md begins with an example"
    return Problem("", seen, cure, line)


def _events(text: str) -> Iterator[yaml.Event]:
    loader = _Loader(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
            if isinstance(event, yaml.StreamEndEvent):
                return
    finally:
        loader.dispose()


def _line(event: yaml.Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _syntax(wrong: yaml.YAMLError) -> Problem:
    """Say where the YAML ends to be readable, without quoting a word of it."""
    said = getattr(wrong, "problem", None) or getattr(wrong, "reason", None) or "not readable"
    what = re.split(r"['\"]", str(said))[0].strip().removesuffix(", but found")
    mark = getattr(wrong, "problem_mark", None)
    line = None if mark is None else mark.line + 1
    column = "" if mark is None else f"column {mark.column + 1}: "
    cure = "correct the YAML: look at the indentation, colons and quotes here and one line above"
    return Problem("", f"{column}{what}", cure, line)


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is not complete yet."""

    item: Items | Entries
    path: str
    key: str | None = None


class _Building:
    """A tree in the making."""

    def __init__(self) -> None:
        self.root: Item | None = None
        self.problems: list[Problem] = []
        self._open: list[_Frame] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event; raises BadConfig where nothing after it can be understood."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._fatal(event, "a second document", "keep one document: remove the --- line")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            cure = 'write the value in full; a value that begins with * or & needs "quotes"'
            self._fatal(event, "an anchor or an alias", cure)
        if getattr(event, "tag", None) is not None:
            cure = 'remove the tag; a value that begins with ! needs "quotes"'
            self._fatal(event, "a tag", cure)
        line = _line(event)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(Scalar(event.value, line, event.implicit[0]), event)
            return
        made: Items | Entries = (
            Items([], line) if isinstance(event, yaml.SequenceStartEvent) else Entries({}, line)
        )
        if len(self._open) >= DEPTH:
            self._fatal(event, f"more than {DEPTH} levels", "no key stands that deep")
        path = self._add(made, event)
        self._open.append(_Frame(made, path))

    def _scalar(self, made: Scalar, event: yaml.Event) -> None:
        frame = self._open[-1] if self._open else None
        if frame is None or frame.key is not None or isinstance(frame.item, Items):
            self._add(made, event)
            return
        frame.key = made.text
        if made.text in frame.item.entries:
            first = frame.item.entries[made.text].line
            seen = f"the key again, first at line {first}"
            path = below(frame.path, made.text)
            self.problems.append(Problem(path, seen, "keep one of the two", made.line))

    def _add(self, made: Item, event: yaml.Event) -> str:
        """Put a value where it belongs, and return its path."""
        if not self._open:
            self.root = made
            return ""
        frame = self._open[-1]
        if isinstance(frame.item, Items):
            frame.item.items.append(made)
            return f"{frame.path}[{len(frame.item.items) - 1}]"
        if frame.key is None:
            self._fatal(event, f"{kind_of(made)} as a key", "a key is a word")
        key, frame.key = str(frame.key), None
        frame.item.entries.setdefault(key, made)
        return below(frame.path, key)

    def _fatal(self, event: yaml.Event, seen: str, cure: str) -> None:
        path = self._open[-1].path if self._open else ""
        key = self._open[-1].key if self._open else None
        where = path if key is None else below(path, key)
        problem = Problem(where, seen, cure, _line(event))
        raise BadConfig((*self.problems, problem))

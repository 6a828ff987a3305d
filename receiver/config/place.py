"""One place in the file: what stands there, its path, and how to complain about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receiver.config.document import Entries, Item, Items, Scalar, kind_of
from receiver.config.problem import Problem, below, shown

HIDDEN = "a secret"
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)\})?", re.ASCII)
# Without the newline and the tab, which a text of several lines may have.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Refused(Exception):
    """The problem is noted already; the value cannot be used."""


class MissingVariable(KeyError):
    """An environment variable that is not set; an empty name stands for a wrong reference."""


@dataclass(slots=True)
class Notes:
    """What the reading of one file knows and learns."""

    environ: Mapping[str, str]
    base: Path  # what relative file names are relative to
    channels: Mapping[str, str] = field(default_factory=dict)  # name -> app or bot
    problems: list[Problem] = field(default_factory=list)
    names: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, name) -> path
    platforms: Mapping[str, str] = field(default_factory=dict)  # channel -> base_url
    quotas: dict[str, tuple[str, int]] = field(default_factory=dict)  # tenant -> path, quota
    lists: frozenset[str] = frozenset()  # the names of on-call lists
    escalations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the file with its path; ``hidden`` keeps it out of every message."""

    item: Item
    path: str
    notes: Notes
    hidden: bool = False

    def seen(self) -> str:
        """Return what stands here as a message may say it: as written, before variables."""
        if not isinstance(self.item, Scalar) or self.item.null:
            return kind_of(self.item)
        return HIDDEN if self.hidden else shown(self.item.text)

    def note(self, cure: str, seen: str | None = None) -> None:
        """Note a problem with this value."""
        told = self.seen() if seen is None else seen
        self.notes.problems.append(Problem(self.path, told, cure, self.item.line))

    def note_at(self, key: str, cure: str, seen: str) -> None:
        """Note a problem with a key of this mapping, which may be absent."""
        line = self.entry(key).item.line
        self.notes.problems.append(Problem(below(self.path, key), seen, cure, line))

    def refuse(self, cure: str, seen: str | None = None) -> Refused:
        """Note a problem and return what to raise."""
        self.note(cure, seen)
        return Refused(self.path)

    def entry(self, key: str, *, hidden: bool = False) -> "Place":
        """Return the place of a key that this mapping has, or else the mapping's own."""
        if not isinstance(self.item, Entries) or key not in self.item.entries:
            return self
        return Place(self.item.entries[key], below(self.path, key), self.notes, hidden=hidden)

    def items(self) -> "tuple[Place, ...]":
        """Return the places in this list.

        Raises:
            Refused: it is none.

        """
        if not isinstance(self.item, Items):
            raise self.refuse("write a list, such as [one, two]", kind_of(self.item))
        return tuple(
            Place(item, f"{self.path}[{number}]", self.notes, hidden=self.hidden)
            for number, item in enumerate(self.item.items)
        )

    def text(self, *, lines: bool = False) -> str:
        """Return the text here with its variables replaced; ``lines`` allows several.

        Raises:
            Refused: there is none, or it has characters that no value has.

        """
        if not isinstance(self.item, Scalar):
            raise self.refuse("write a single value here")
        if self.item.null:
            raise self.refuse("give it a value, or remove the key")
        try:
            text = expand(self.item.text, self.notes.environ)
        except MissingVariable as missing:
            raise self._missing(str(missing.args[0])) from None
        wrong = _unfit(text, lines=lines)
        if wrong:
            raise self.refuse(f"remove the {wrong}", HIDDEN if self.hidden else "a text with it")
        return text

    def _missing(self, name: str) -> Refused:
        if not name:
            cure = "write ${NAME} for an environment variable, or $${ for a plain ${"
            return self.refuse(cure)
        cure = f"set the environment variable {name}, or write $${{ for a plain ${{"
        return self.refuse(cure, f"${{{name}}}")


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ``${NAME}`` by its environment variable, and ``$${`` by ``${``.

    Raises:
        MissingVariable: one is not set, or ``${`` begins no name.

    """

    def replace(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        name = found["name"] or ""
        if name not in environ:
            raise MissingVariable(name)
        return environ[name]

    return _VARIABLE.sub(replace, text) if "${" in text else text


def _unfit(text: str, *, lines: bool) -> str:
    """Name what makes a text unusable, or return an empty one."""
    if _CONTROL.search(text):
        return "control character"
    if not lines and ("\n" in text or "\t" in text):
        return "line break or tab"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half character (a lone surrogate)"
    return ""


def plain_text(item: Any, environ: Mapping[str, str]) -> str:
    """Return the text of an item without complaining; empty where it has none."""
    if not isinstance(item, Scalar):
        return ""
    try:
        return expand(item.text, environ)
    except MissingVariable:
        return ""

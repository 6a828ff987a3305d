"""The pages that people read, taken apart."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.packaging.tree import ROOT, files

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_RULE = re.compile(r"^\|(?:-+\|)+$")


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines that a reader types, without the prompt."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def page(name: str) -> str:
    """Return a page by its path under the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> Iterator[Path]:
    """Yield every page of the repository."""
    return (path for path in files() if path.suffix == ".md")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks."""
    return [Block(found[2], found[3]) for found in _BLOCK.finditer(text)]


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", text)


def spans(text: str) -> list[str]:
    """Return what stands in backticks, outside fenced blocks."""
    return _SPAN.findall(prose(text))


def links(text: str) -> list[str]:
    """Return the targets of links and pictures."""
    return _LINK.findall(prose(text))


def headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the words of each heading."""
    return [(len(marks), words) for marks, words in _HEADING.findall(prose(text))]


def anchors(text: str) -> set[str]:
    """Return the fragments that lead to the headings, as GitHub and GitLab make them."""
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in headings(text)}


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    _, _, rest = text.partition(f"\n## {title}\n")
    assert rest, f"there is no section {title}"
    return rest.partition("\n## ")[0]


def table(text: str, first: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this header."""
    lines = prose(text).splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} |"))
    assert _RULE.fullmatch(lines[start + 1])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows

"""The commands that the READMEs, docs/development.md and docs/http.md tell people to type."""

import json
import re
import tomllib

import pytest
from click.testing import CliRunner

from receiver.__main__ import main
from tests.docs.pages import blocks, page, spans
from tests.packaging.tree import ROOT

GUIDE = page("docs/development.md")
TYPED = [
    command
    for name in ("README.md", "docs/development.md", "docs/http.md")
    for block in blocks(page(name))
    for command in block.commands
]
OURS = [
    command.split()[1:]
    for command in TYPED
    if command.split()[0] in ("receiver", ".venv/bin/receiver")
]
MADE = [command.split()[1] for command in TYPED if command.startswith("make ")]
RENDERED = [words[1:] for words in OURS if words[0] == "render"]


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_the_program_understands_what_is_typed(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command = main.commands[words[0]]
    with command.make_context(words[0], words[1:]) as context:
        assert context.command is command


@pytest.mark.parametrize("words", RENDERED, ids=" ".join)
def test_the_example_is_rendered(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("RECEIVER_CONFIG", raising=False)
    done = CliRunner().invoke(main, ["render", *words])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)


def test_every_target_that_is_typed_exists() -> None:
    targets = set(re.findall(r"^(\w+):", page("Makefile"), re.MULTILINE))
    assert MADE
    assert set(MADE) <= targets


def test_every_place_that_is_named_exists() -> None:
    named = {span for span in spans(GUIDE) if re.fullmatch(r"[\w.]+/[\w./]*", span)}
    assert {"tests/stories/", "receiver/sandbox/"} <= named
    bases = (ROOT, ROOT / "receiver")
    assert [each for each in named if not any((base / each).exists() for base in bases)] == []


def test_the_changelog_has_this_version_first() -> None:
    version = tomllib.loads(page("pyproject.toml"))["project"]["version"]
    found = re.search(r"^## (\S+?),? ", page("CHANGELOG.md"), re.MULTILINE)
    assert found
    assert found[1] == version

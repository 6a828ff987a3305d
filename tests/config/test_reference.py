"""docs/configuration.md names every key, and says of each what the code does."""

import dataclasses
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from receiver.config import load, parse
from receiver.config.document import Item, read_document
from receiver.config.kinds import Kind
from receiver.config.place import Notes, Place
from receiver.config.schema import every_key

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "configuration.md").read_text()
_ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
SECRETS = (
    "WEBHOOK_TOKEN ALERTMANAGER_PASSWORD AGENT_TOKEN FEISHU_APP_SECRET FEISHU_ENCRYPT_KEY "
    "FEISHU_VERIFICATION_TOKEN HOOK_SECRET"
)
ENVIRON = dict.fromkeys(SECRETS.split(), "s3cret") | {"HOOK_URL": "https://open.feishu.cn/hook"}


class Row(NamedTuple):
    """A key as the guide describes it."""

    key: str
    kind: str
    default: str
    example: str
    meaning: str


ROWS = [Row(*found.groups()) for found in _ROW.finditer(GUIDE)]
KEYS: dict[str, tuple[Kind[Any], Any]] = {
    path: (kind, default) for path, kind, default in every_key()
}


def item(cell: str) -> Item:
    """Read a cell as the value that it shows."""
    text = cell.strip("`").replace("\\|", "|")
    root, _ = read_document(f"value: {text}")
    return root.entries["value"]


def value(key: str, cell: str) -> Any:
    """Read a cell as its key does."""
    notes = Notes({}, Path(), channels={"ops": "app", "legacy": "bot"})
    read = KEYS[key][0].read(Place(item(cell), key, notes))
    assert not notes.problems
    return read


def test_the_guide_and_the_code_know_the_same_keys() -> None:
    assert sorted(row.key for row in ROWS) == sorted(KEYS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_key_is_described_as_the_code_reads_it(row: Row) -> None:
    kind, default = KEYS[row.key]
    assert row.kind == kind.name
    if row.default == "required":
        assert default is dataclasses.MISSING
    elif row.default == "none":
        assert not default
        assert default is not False
    else:
        assert value(row.key, row.default) == default


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_keys_example_can_be_copied(row: Row) -> None:
    assert value(row.key, row.example)


def test_the_guides_whole_example_is_read() -> None:
    (text,) = re.findall(r"```yaml\n(.+?)```", GUIDE, re.DOTALL)
    config = parse(text, ENVIRON, Path())
    assert [each.name for each in config.feishu] == ["ops", "legacy"]
    assert config.warnings == ()


def test_the_shortest_useful_file_is_read() -> None:
    path = DOCS / "examples/receiver.yaml"
    config = load(path, ENVIRON)
    assert config.warnings == ()
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 10

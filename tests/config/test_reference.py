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


EXAMPLES: list[str] = re.findall(r"```yaml\n(.+?)```", GUIDE, re.DOTALL)
CHANNELS = """
feishu:
  - {name: ops, app_id: cli_a1, app_secret: s, encrypt_key: k}
  - {name: ops2, app_id: cli_a2, app_secret: s, encrypt_key: k}
"""
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
    channels = {"ops": "app", "ops2": "app", "legacy": "bot"}
    notes = Notes({}, Path(), channels=channels, lists=frozenset({"db"}))
    notes.escalations = frozenset({"database"})
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
    config = parse(EXAMPLES[0], ENVIRON, Path())
    assert [each.name for each in config.feishu] == ["ops", "legacy"]
    assert config.warnings == ()


@pytest.mark.parametrize("text", EXAMPLES[1:])
def test_a_section_has_an_example_that_is_read(text: str, tmp_path: Path) -> None:
    for name in ("app-secret", "encrypt-key"):
        (tmp_path / name).write_text("s3cret")
    (tmp_path / "hook-url").write_text("https://open.feishu.cn/hook")
    whole = text if "feishu:" in text else text + CHANNELS
    warnings = parse(whole, {}, tmp_path).warnings
    assert warnings == ("neither alertmanagers nor agents has an entry: nothing can be received",)


def test_the_shortest_useful_file_is_read() -> None:
    path = DOCS / "examples/receiver.yaml"
    config = load(path, ENVIRON)
    assert config.warnings == ()
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 10

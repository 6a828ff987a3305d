"""Whatever a file holds, reading it ends with a configuration or with problems in words."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.config import BadConfig, Config, document, load, parse
from receiver.config.schema import every_key
from tests.config.made import HERE, WHOLE, problems

WORDS = st.sampled_from(
    sorted({part.strip("[]") for path, _, _ in every_key() for part in path.split(".")})
)
VALUES = st.sampled_from(
    [
        *("prod", "ops", "ops:oc_1", "127.0.0.1:1", "30s", "32MB", "100/m", "http://a", "all"),
        *("https://a/b", "true", "text", "${X}", "$${", "${", 'a="b"', 'a=~"("', "{{ x", "", "~"),
        *("[", "http://[", "http://a:b", "\x00", "\ud800", "a=~(?P<x>", "a=~" + "(" * 500),
        *("9" * 5000, "a=~a{9999999999}", "a=~[[a]", "{{" + "(" * 2000, "{{ " + "9" * 5000 + " }}"),
    ]
)
LEAVES: st.SearchStrategy[Any] = (
    VALUES | st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.none()
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner),
    max_leaves=20,
)


def outcome(text: str) -> Config | str:
    """Return the configuration, or what is said about it, which can be printed."""
    try:
        return parse(text, {"X": "x"}, HERE)
    except BadConfig as bad:
        told = bad
    assert told.problems
    assert str(told).encode()
    return str(told)


@given(st.text())
def test_arbitrary_text_raises_nothing_else(text: str) -> None:
    outcome(text)


@given(st.text(alphabet="{}[]:,-?!&*#|>'\"%@` \n\tabc~<=$"))
def test_arbitrary_yaml_raises_nothing_else(text: str) -> None:
    outcome(text)
    outcome(WHOLE + text)


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_arbitrary_json_raises_nothing_else(tree: Any) -> None:
    outcome(json.dumps(tree))


@given(st.dictionaries(WORDS, TREES))
@settings(max_examples=300, deadline=None)
def test_arbitrary_values_of_known_keys_raise_nothing_else(tree: dict[str, Any]) -> None:
    outcome(json.dumps(tree, ensure_ascii=False))


@given(raw=st.binary())
def test_arbitrary_bytes_raise_nothing_else(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.yaml"
    path.write_bytes(raw)
    with pytest.raises(BadConfig):
        load(path, {})


@pytest.mark.parametrize("path", [path for path, _, _ in every_key()])
@given(value=LEAVES)
@settings(max_examples=40, deadline=None)  # the first template imports Jinja2
def test_a_hostile_value_of_any_key_raises_nothing_else(path: str, value: Any) -> None:
    tree: Any = value
    for part in reversed(path.split(".")):
        tree = {part.removesuffix("[]"): [tree] if part.endswith("[]") else tree}
    outcome(json.dumps(tree, ensure_ascii=False))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_very_deep_files_are_refused(opening: str) -> None:
    (problem,) = problems(opening * 50_000)
    assert "more than 16 levels" in problem or "not allowed" in problem or "as a key" in problem


def test_aliases_do_not_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 40)]
    (problem,) = problems("\n".join(lines))
    assert "an anchor or an alias" in problem


@given(st.text(alphabet="{}[]:,- \n'\"abc~"))
def test_both_of_yamls_readers_agree(text: str) -> None:
    """Where PyYAML was built without its C part the same files are configurations."""
    assert yaml.__with_libyaml__
    loader = document._Loader  # noqa: SLF001
    first = outcome(text + "\n" + WHOLE), outcome(WHOLE + text)
    document._Loader = yaml.SafeLoader  # noqa: SLF001
    try:
        second = outcome(text + "\n" + WHOLE), outcome(WHOLE + text)
    finally:
        document._Loader = loader  # noqa: SLF001
    for one, other in zip(first, second, strict=True):
        assert isinstance(one, Config) is isinstance(other, Config)


def test_the_slower_reader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs/examples/receiver.yaml").read_text()
    environ = dict.fromkeys(("WEBHOOK_TOKEN", "FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY"), "x")
    fast = parse(text, environ, HERE)
    monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)
    assert parse(text, environ, HERE) == fast

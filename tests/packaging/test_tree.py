"""House rules that no linter knows, over every file of the repository."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.packaging.tree import ROOT, files, texts

VAGUE = {"common", "helper", "helpers", "manager", "misc", "models", "util", "utils"}
SOMEONES_HOME = re.compile(r"/(?:home|Users)/(?!runner\b|user\b)[a-z]\w*/")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
BROWSER_SLEEP = re.compile(r"\bwait_for_timeout\b")
REAL_TIME = ("tests/bench/",)  # a load has a pace
LONGEST_FUNCTION = 50


def code(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path, text in texts(ROOT / folder):
        if path.suffix == ".py":
            yield path, ast.parse(text, str(path))


def nodes(folder: str) -> Iterator[tuple[str, ast.AST]]:
    for path, tree in code(folder):
        for node in ast.walk(tree):
            yield f"{path}:{getattr(node, 'lineno', 0)}", node


def sleeps(node: ast.AST) -> bool:
    """Tell whether a call waits for a time that the test chose, as in sleep(0.1).

    A sleep of nothing lets others run; a sleep of a variable is a clock doing what it was told.
    """
    if not isinstance(node, ast.Call):
        return False
    called = (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    )
    chosen = any(isinstance(a, ast.Constant) and a.value for a in node.args[:1])
    return called == "sleep" and chosen


def mocks(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "unittest.mock" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return node.module == "unittest.mock" or (node.module == "unittest" and "mock" in names)
    return False


def statement(source: str) -> ast.AST:
    (node,) = ast.parse(source).body
    return node.value if isinstance(node, ast.Expr) else node


def test_the_walk_sees_the_repository() -> None:
    seen = {str(path.relative_to(ROOT)) for path in files()}
    assert {"pyproject.toml", ".ci/run", "receiver/__init__.py", "tests/binaries.py"} <= seen
    assert not any(path.startswith((".venv", ".git/")) for path in seen)


def test_every_name_says_what_it_holds() -> None:
    assert [p for p in files() if VAGUE & {p.stem, p.parent.name}] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert [p for p, text in texts() if str(ROOT) in text or SOMEONES_HOME.search(text)] == []


def test_no_file_names_a_package_registry() -> None:
    assert [p for p, text in texts() if REGISTRIES.search(text)] == []


def test_no_test_waits_for_time() -> None:
    chosen = [where for where, node in nodes("tests") if sleeps(node)]
    assert [where for where in chosen if not where.startswith(REAL_TIME)] == []
    mine = Path(__file__).relative_to(ROOT)
    browser = [p for p, text in texts(ROOT / "tests") if BROWSER_SLEEP.search(text)]
    assert [path for path in browser if path != mine] == []


def test_a_sleep_is_known_when_it_is_seen() -> None:
    assert sleeps(statement("asyncio.sleep(0.1)"))
    assert sleeps(statement("sleep(2)"))
    assert not sleeps(statement("asyncio.sleep(0)"))
    assert not sleeps(statement("sleep(pause)"))
    assert not sleeps(statement("clock.advance(1)"))


def test_nothing_is_mocked() -> None:
    everything = [*nodes("receiver"), *nodes("tests")]
    assert [where for where, node in everything if mocks(node)] == []


def test_a_mock_is_known_when_it_is_seen() -> None:
    assert mocks(statement("import unittest.mock"))
    assert mocks(statement("from unittest import mock"))
    assert mocks(statement("from unittest.mock import Mock"))
    assert not mocks(statement("from tests import binaries"))


def test_functions_fit_on_a_screen() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{where} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for where, node in nodes("receiver")
        if isinstance(node, functions)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []

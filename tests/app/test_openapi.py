"""The OpenAPI document is sound, and says neither more nor less than the routes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.openapi import document
from tests.app.ports import endpoints, store_at

DOCUMENT = document()
# https://spec.openapis.org/oas/v3.1.0#path-item-object
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
STATUS = re.compile(r"[1-5][0-9]{2}")
OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method in item
]


async def routes(folder: Path) -> set[tuple[str, str]]:
    """Return the API's paths and methods as they are served."""
    store = store_at(folder / "receiver.db")
    table = endpoints(store).table()
    await store.close()
    return {
        (path, method.lower())
        for path, _, methods in table
        for method in methods
        if path.startswith("/api/") and not path.endswith("openapi.json")
    }


def nodes(node: object) -> Iterator[dict[str, Any]]:
    """Walk through every mapping of the document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def resolved(reference: str) -> object:
    """Return what a reference inside the document leads to; KeyError where it leads nowhere."""
    found: Any = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


def test_it_names_its_version_and_itself() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT.keys() <= {"openapi", "info", "paths", "components", "security", "servers"}


async def test_its_paths_are_the_routes(tmp_path: Path) -> None:
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described == await routes(tmp_path)


def test_its_references_lead_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert references
    assert all(isinstance(resolved(reference), dict) for reference in references)


def test_its_operations_have_names_of_their_own() -> None:
    names = [item[method]["operationId"] for item in DOCUMENT["paths"].values() for method in item]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_is_complete(path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    assert method in METHODS
    assert operation["summary"]
    in_path = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    for parameter in operation["parameters"]:
        assert parameter["in"] in {"path", "query", "header", "cookie"}
        assert parameter["required"] or parameter["in"] != "path"
        assert parameter["schema"]["type"] in {"integer", "string"}
    assert "200" in operation["responses"]
    for status, response in operation["responses"].items():
        assert STATUS.fullmatch(status)
        assert response["description"]
        good = {"application/json", "application/x-ndjson"}
        kinds = good if status == "200" else {"application/problem+json"}
        assert len(response["content"].keys() & kinds) == len(response["content"]) == 1
    for requirement in operation["security"]:
        assert requirement.keys() <= DOCUMENT["components"]["securitySchemes"].keys()


def test_it_is_json_and_the_same_each_time() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == document()

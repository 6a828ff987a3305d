"""The locks are whole, hashed, free of hosts, in step with pyproject.toml and with each other."""

import re
import tomllib
from importlib import metadata
from itertools import pairwise

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.tree import ROOT

LOCKS = ("run", "build", "test")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> list[str]:
    """Split a lock into one text for each requirement, hashes and all."""
    lines = (ROOT / f"requirements/{lock}.txt").read_text().splitlines()
    body = [line for line in lines if not line.startswith("#")]
    starts = [n for n, line in enumerate(body) if not line.startswith(" ")]
    return ["\n".join(body[a:b]) for a, b in pairwise([*starts, len(body)])]


def locked(lock: str) -> dict[str, Requirement]:
    requirements = [Requirement(entry.split("\\")[0]) for entry in entries(lock)]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def version(requirement: Requirement) -> str:
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return pin.version


def wanted(name: str) -> list[Requirement]:
    lines = (ROOT / f"requirements/{name}.in").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def unmet(requirement: Requirement, lock: dict[str, Requirement]) -> bool:
    pinned = lock.get(canonicalize_name(requirement.name))
    return not pinned or not requirement.specifier.contains(version(pinned), prereleases=True)


def needed_by(requirement: Requirement) -> list[Requirement]:
    """List what an installed distribution needs here, with the extras that were asked for."""
    extras = requirement.extras or {""}
    parsed = [Requirement(text) for text in metadata.requires(requirement.name) or []]
    return [
        need
        for need in parsed
        if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in extras)
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    assert entries(lock)
    assert [entry for entry in entries(lock) if not HASH.search(entry)] == []
    assert all(version(requirement) for requirement in locked(lock).values())


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_index(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^--|index-url|find-links|trusted-host", text, re.MULTILINE)


def test_the_run_lock_meets_the_projects_dependencies() -> None:
    dependencies = [Requirement(text) for text in PROJECT["dependencies"]]
    assert [str(r) for r in dependencies if unmet(r, locked("run"))] == []


def test_the_other_locks_meet_what_was_asked_of_them() -> None:
    assert [str(r) for r in wanted("build") if unmet(r, locked("build"))] == []
    assert [str(r) for r in wanted("test") if unmet(r, locked("test"))] == []


def test_the_run_lock_is_closed() -> None:
    lock = locked("run")
    asked = [Requirement(text) for text in PROJECT["dependencies"]]
    seen = {str(requirement) for requirement in asked}
    while asked:
        requirement = asked.pop()
        assert not unmet(requirement, lock), f"{requirement} is not in the lock: make lock"
        news = [need for need in needed_by(requirement) if str(need) not in seen]
        seen |= {str(need) for need in news}
        asked += news


@pytest.mark.parametrize("lock", ["run", "build"])
def test_what_ships_is_what_is_tested(lock: str) -> None:
    tested = {name: version(requirement) for name, requirement in locked("test").items()}
    shipped = {name: version(requirement) for name, requirement in locked(lock).items()}
    assert shipped.items() <= tested.items()


def test_lark_oapi_is_for_tests_alone() -> None:
    assert "lark-oapi" in locked("test")
    assert "lark-oapi" not in locked("run")

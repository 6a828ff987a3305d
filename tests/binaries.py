"""Finds the real programs that tests start: a missing one skips a test, and in CI fails it."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

# The Debian package that carries a program, where it is not named like it.
PACKAGES = {
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "promtool": "prometheus",
}
YES = {"1", "true", "yes"}
# Where .ci/current unpacks what Debian's newest suite has, besides what the machine's own has.
CURRENT = "alertmanager-feishu-receiver/current/usr/bin"


def required(environment: Mapping[str, str]) -> bool:
    """Tell whether a missing program is a failure: in CI, or with REQUIRE_BINARIES=1."""
    return any(environment.get(name, "").lower() in YES for name in ("CI", "REQUIRE_BINARIES"))


def look_up(*names: str) -> Path | None:
    """Return the first program found by any of the names, the virtual environment's own first."""
    own = Path(sys.executable).parent
    for name in names:
        found = shutil.which(name, path=own) or shutil.which(name)
        if found:
            return Path(found)
    return None


def find(*names: str) -> Path:
    """Return the program that bears one of these names, the first choice first.

    Where there is none, the calling test is skipped, or fails where programs are required.
    """
    found = look_up(*names)
    if found:
        return found
    package = PACKAGES.get(names[0], names[0])
    message = f"no {' or '.join(names)} on PATH: apt-get install {package}"
    if required(os.environ):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def current(name: str) -> Path:
    """Return the newest version of a program, which is not the machine's own.

    Where .ci/current did not put it, the calling test is skipped, or fails as in ``find``.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / CURRENT / name
    if program.exists():
        return program
    message = f"no {program}: run .ci/current"
    if required(os.environ):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)

"""What CI and the Makefile promise to the people who run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.binaries import find
from tests.packaging.tree import ROOT

NO_SKIPS = ROOT / ".ci/no_skips.py"
CASE = '<testcase classname="tests.a" name="test_b">{}</testcase>'
VERBS = ["setup", "demo", "test", "check", "bench", "soak", "lock"]


def judged(tmp_path: Path, *cases: str) -> subprocess.CompletedProcess[str]:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    command = [sys.executable, str(NO_SKIPS), str(report)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_without_skips_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, CASE.format("")).returncode == 0


def test_one_skipped_test_fails_the_run_and_is_named(tmp_path: Path) -> None:
    done = judged(tmp_path, CASE.format(""), CASE.format('<skipped message="no chromium"/>'))
    assert done.returncode == 1
    assert "skipped: tests.a.test_b: no chromium" in done.stderr


def test_a_run_without_tests_fails(tmp_path: Path) -> None:
    done = judged(tmp_path)
    assert (done.returncode, "no test ran" in done.stderr) == (1, True)


def test_ci_runs_every_verb_that_judges() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    assert re.findall(r"^make (\w+)", script, re.MULTILINE) == ["setup", "check", "test", "soak"]


def test_ci_gets_the_current_alertmanager_before_the_tests() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    tests = next(line for line in lines if line.startswith("make test"))
    assert lines.index(".ci/current") < lines.index(tests)


@pytest.mark.parametrize("script", [".ci/run", ".ci/current"])
def test_ci_is_valid_bash(script: str) -> None:
    done = subprocess.run([find("bash"), "-n", ROOT / script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_names_every_verb() -> None:
    done = subprocess.run(
        [find("make"), "--no-print-directory", "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split()[1] for line in done.stdout.splitlines()] == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_can_be_planned_without_uv(verb: str) -> None:
    plan = [str(find("make")), "--dry-run", "--always-make", "UV=", verb]
    done = subprocess.run(plan, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if verb != "lock":
        assert "-m pip install" in done.stdout
        assert "--require-hashes -r requirements/build.txt -r requirements/run.txt" in done.stdout

"""The rules are valid, tested both ways, true to the service, and each alert has its runbook."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from tests.binaries import find
from tests.rules.promql import compares, exposed, problems, rated, surviving

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules" / "receiver.yaml"
RULE_TESTS = ROOT / "rules" / "receiver_test.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
RUNBOOK_URL = (
    "https://github.com/alertmanager-feishu-receiver/alertmanager-feishu-receiver"
    "/blob/main/docs/runbooks"
)
# Four scrapes of 30 s: a rate over fewer is empty as soon as one fails.
SHORTEST_RANGE = timedelta(minutes=2)


def rules() -> list[dict[str, Any]]:
    """Return all rules of all groups."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: promql.parse(rule["expr"]) for rule in rules() if "record" in rule}
SERVICE = exposed()


def text(name: str) -> str:
    """Return all of an alert's annotations."""
    return " ".join(ALERTS[name]["annotations"].values())


def test_promtool_accepts_the_rules() -> None:
    promtool = find("promtool")
    checked = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_runs_the_cases() -> None:
    promtool = find("promtool")
    ran = subprocess.run(
        [promtool, "test", "rules", RULE_TESTS], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    cases: dict[str, set[bool]] = {}
    for group in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        for case in group["alert_rule_test"]:
            cases.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert cases == {name: {True, False} for name in ALERTS}


def test_there_are_enough_alerts() -> None:
    assert len(ALERTS) >= 12


@pytest.mark.parametrize("name", ALERTS)
class TestAlert:
    """What holds for each alert."""

    def test_it_says_all_that_a_person_needs(self, name: str) -> None:
        """It has a severity, a way around us, a duration and the three annotations."""
        rule = ALERTS[name]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["labels"]["component"] == "alertmanager-feishu-receiver"
        assert rule["for"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOK_URL}/{name}.md"
        assert "$value" not in rule["annotations"]["summary"]

    def test_it_can_be_false(self, name: str) -> None:
        """It compares with something, or asks for absence."""
        assert compares(promql.parse(ALERTS[name]["expr"]))

    def test_its_text_uses_labels_that_survive(self, name: str) -> None:
        """A label in the text is a label of the result."""
        used = set(re.findall(r"\$labels\.(\w+)", text(name)))
        assert used <= surviving(promql.parse(ALERTS[name]["expr"]), RECORDED)

    def test_its_runbook_answers_the_four_questions(self, name: str) -> None:
        """Meaning, impact, diagnosis with a query, cure."""
        book = (RUNBOOKS / f"{name}.md").read_text()
        headings = re.findall(r"^#+ (.+)$", book, re.MULTILINE)
        assert headings == [name, "Meaning", "Impact", "Diagnosis", "Cure"]
        assert queries_of(book)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_the_service_exposes_what_a_rule_reads(rule: dict[str, Any]) -> None:
    expr = promql.parse(rule["expr"])
    assert problems(expr, SERVICE, frozenset(RECORDED)) == []
    assert [r for r in rated(expr) if r[2] < SHORTEST_RANGE] == []


def queries_of(book: str) -> list[str]:
    """Return the PromQL of a page's code blocks."""
    return re.findall(r"^```promql\n(.+?)^```", book, re.MULTILINE | re.DOTALL)


def test_runbooks_and_alerts_are_the_same_set() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbooks_queries_are_true_to_the_service(path: Path) -> None:
    for query in queries_of(path.read_text()):
        assert problems(promql.parse(query), SERVICE, frozenset(RECORDED)) == [], query


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbooks_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        assert (RUNBOOKS / link).is_file(), link


def test_no_rule_is_written_twice() -> None:
    written = [promql.parse(rule["expr"]).prettify() for rule in rules()]
    assert len(written) == len(set(written))

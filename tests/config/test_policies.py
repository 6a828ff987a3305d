"""The rules of the policy: what they become, and what is said of wrong ones."""

import re
from pathlib import Path

import pytest

from receiver.config import summary
from receiver.domain.matcher import parse_matcher
from receiver.domain.policy import Permission, Rule
from tests.config.made import WHOLE, added, made

DOCS = Path(__file__).parents[2] / "docs"


LISTS = """oncall:
  - {name: db, rotation: {zone: UTC, start: 2026-01-05, every: 7d, people: [ou_1]}}
"""


def test_a_rule_is_read() -> None:
    text = (
        "policy:\n  - who: [Li@Example.com, ou_1, on_1, 'chat:oc_1', 'oncall:db', all]\n"
        "    may: [silence, acknowledge]\n    match: [team=db]\n    longest: 1d\n"
        "  - {who: [all], may: [all]}\n"
    )
    first, second = made(WHOLE + LISTS + text).policy
    assert first == Rule(
        who=("li@example.com", "ou_1", "on_1", "chat:oc_1", "oncall:db", "all"),
        may=frozenset({Permission.SILENCE, Permission.ACKNOWLEDGE}),
        matchers=(parse_matcher("team=db"),),
        longest=86_400_000,
    )
    assert second == Rule(who=("all",), may=frozenset(Permission))


@pytest.mark.parametrize("text", ["", "policy:\n", "policy: []\n"])
def test_without_rules_there_is_no_policy(text: str) -> None:
    assert made(WHOLE + text).policy == ()


WHO = (
    "write an open_id (ou_…), a union_id (on_…), an e-mail address, chat:oc_…, oncall:NAME, or all"
)
WRONG = {
    "{who: [li], may: [all]}": f"policy[0].who[0] (line 10): seen 'li'; {WHO}",
    "{who: ['chat:'], may: [all]}": f"policy[0].who[0] (line 10): seen 'chat:'; {WHO}",
    "{who: ['oncall:Db'], may: [all]}": f"policy[0].who[0] (line 10): seen 'oncall:Db'; {WHO}",
    "{who: ['oncall:db'], may: [all]}": (
        "policy[0].who[0] (line 10): seen 'oncall:db'; add it to oncall"
    ),
    "{who: [], may: [all]}": "policy[0].who (line 10): seen an empty list; name at least one",
    "{may: [all]}": "policy[0].who (line 10): seen nothing; set who",
    "{who: [all]}": "policy[0].may (line 10): seen nothing; set may",
    "{who: [all], may: [all], longest: 1s}": (
        "policy[0].longest (line 10): seen '1s'; write between 1m and 365d"
    ),
    "{who: [all], may: [all], mach: [a=b]}": (
        "policy[0].mach (line 10): seen an unknown key; did you mean match?"
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_rule_is_named_with_its_cure(text: str) -> None:
    assert added(f"policy:\n  - {text}") == [WRONG[text]]


def test_a_wrong_permission_is_named_with_those_there_are() -> None:
    (problem,) = added("policy:\n  - {who: [all], may: [delete]}")
    known = ", ".join([*Permission, "all"])
    assert problem == f"policy[0].may[0] (line 10): seen 'delete'; write one of {known}"


def test_the_guides_example_is_read() -> None:
    (text,) = re.findall(r"```yaml\n(.+?)```", (DOCS / "policy.md").read_text(), re.DOTALL)
    config = made(WHOLE + LISTS + text)
    assert len(config.policy) == 4
    assert not [each for each in config.warnings if "policy" in each]


def test_the_summary_says_that_there_is_a_policy() -> None:
    rule = "policy:\n  - {who: [all], may: [all]}\n"
    assert "policy: 1 rule, and nothing else is permitted" in summary(made(WHOLE + rule))
    assert "policy" not in summary(made(WHOLE))


def test_what_nobody_could_approve_is_warned_of() -> None:
    rule = "policy:\n  - {who: [all], may: [silence], broad: 0}\n"
    warned = "policy[0].broad wants a second person, and no rule permits to approve"
    assert warned in made(WHOLE + rule).warnings
    assert warned not in made(WHOLE + rule + "  - {who: [ou_1], may: [approve]}\n").warnings

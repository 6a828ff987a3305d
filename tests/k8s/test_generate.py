"""The generated manifests follow the files that they are made of."""

from pathlib import Path

import yaml

from k8s import generate

RULES = """\
groups:
  - name: receiver
    rules:
      - {alert: Absent, expr: absent(up), for: 5m, labels: {severity: critical}}
"""


def write_sources(root: Path) -> None:
    for path in (
        generate.RULES,
        generate.PROMETHEUS_RULE,
        *generate.COPIES,
        *generate.COPIES.values(),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / generate.RULES).write_text(RULES)
    for source in generate.COPIES:
        (root / source).write_text('{"panels": []}\n')


def test_generated_manifests_are_those_of_their_sources() -> None:
    assert generate.stale(generate.ROOT) == []


def test_a_missing_manifest_is_stale_until_it_is_written(tmp_path: Path) -> None:
    write_sources(tmp_path)
    assert set(generate.stale(tmp_path)) == {generate.PROMETHEUS_RULE, *generate.COPIES.values()}
    assert generate.main(["--check"], tmp_path) == 1
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0


def test_a_changed_source_makes_its_own_manifest_stale(tmp_path: Path) -> None:
    write_sources(tmp_path)
    generate.main([], tmp_path)
    (tmp_path / generate.RULES).write_text(RULES.replace("5m", "6m"))
    assert generate.stale(tmp_path) == [generate.PROMETHEUS_RULE]


def test_the_rule_carries_the_groups_unchanged() -> None:
    rules = (generate.ROOT / generate.RULES).read_text()
    assert yaml.safe_load(generate.prometheus_rule(rules))["spec"] == yaml.safe_load(rules)

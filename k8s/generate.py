"""Writes the manifests that are made of other files; with `--check`, names those that are stale."""

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = Path("rules/receiver.yaml")
PROMETHEUS_RULE = Path("k8s/components/prometheus-operator/prometheusrule.yaml")
PROMETHEUS_RULE_HEAD = f"""\
# Made from {RULES} by k8s/generate.py: change that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: receiver
  labels: {{app.kubernetes.io/name: receiver}}
spec:
"""
# A ConfigMap's files must lie in the component's own folder, so the dashboards are copied there.
COPIES = {
    Path("dashboards") / name: Path("k8s/components/grafana-dashboards") / name
    for name in ("overview.json", "delivery.json", "people.json")
}


def prometheus_rule(rules: str) -> str:
    """Wrap the text of a Prometheus rule file into the operator's PrometheusRule."""
    return PROMETHEUS_RULE_HEAD + textwrap.indent(rules, "  ")


def generated(root: Path) -> dict[Path, str]:
    """Return what each generated file must say, by its path under the root."""
    files = {PROMETHEUS_RULE: prometheus_rule((root / RULES).read_text("utf-8"))}
    files |= {copy: (root / source).read_text("utf-8") for source, copy in COPIES.items()}
    return files


def stale(root: Path) -> list[Path]:
    """Name the generated files that are missing or differ from what their sources say."""
    return [
        path
        for path, text in generated(root).items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    ]


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write what is stale, or with `--check` only name it; return the exit code."""
    check = arguments == ["--check"]
    behind = stale(root)
    wanted = generated(root)
    for path in behind:
        if check:
            print(f"{path} is stale: run python k8s/generate.py", file=sys.stderr)  # noqa: T201 - a command
        else:
            (root / path).write_text(wanted[path], "utf-8")
    return 1 if check and behind else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Fails where a JUnit report names a skipped test, or no test at all."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def complaints(report: Path) -> list[str]:
    """Say what is missing in one report; nothing to say means that every test ran."""
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it a moment ago
    if not cases:
        return [f"{report}: no test ran"]
    return [
        f"{report}: skipped: {case.get('classname')}.{case.get('name')}: {skip.get('message')}"
        for case in cases
        for skip in case.iter("skipped")
    ]


def main(reports: list[str]) -> int:
    """Print every complaint about the reports, and return the exit code."""
    found = [line for report in reports for line in complaints(Path(report))]
    if not reports:
        found = ["no report was named"]
    for line in found:
        print(line, file=sys.stderr)  # noqa: T201 - a command speaks to the terminal
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

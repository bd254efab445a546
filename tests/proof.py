# SPDX-License-Identifier: GPL-2.0-only
"""Run the long proofs at their full size and keep the result in PROOF.md: `python -m tests.proof [pytest options]`."""

import datetime as dt
import platform
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Proofs at full size

`make test` runs a seeded sample of each of these; `make proof` runs them whole and writes this page.

Last run: {day}, {system}, Python {python}. {passed} of {total} passed.

| proof | result | seconds |
|---|---|---|
"""


def read_results(report: Path) -> list[tuple[str, str, float]]:
    """Name, result and seconds of each test in a JUnit file that pytest wrote."""
    rows = []
    for case in ET.parse(report).getroot().iter("testcase"):
        place = f"{case.get('classname', '')}.{case.get('name', '')}".removeprefix("tests.")
        bad = [kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None]
        rows.append((place, bad[0] if bad else "passed", float(case.get("time", "0"))))
    return sorted(rows)


def write_page(rows: list[tuple[str, str, float]]) -> None:
    """PROOF.md, by name."""
    passed = sum(result == "passed" for _, result, _ in rows)
    head = HEAD.format(
        day=dt.datetime.now(tz=dt.UTC).date(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        passed=passed,
        total=len(rows),
    )
    body = "".join(f"| `{name}` | {result} | {seconds:.1f} |\n" for name, result, seconds in rows)
    (ROOT / "PROOF.md").write_text(head + body)


def main() -> int:
    """Pytest's own exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "proof.xml"
        parallel = ["-n", "auto", "--dist", "load"]
        code = pytest.main(["-m", "proof", "-q", *parallel, f"--junitxml={report}", *sys.argv[1:], str(ROOT / "tests")])
        write_page(read_results(report))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())

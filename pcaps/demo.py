# SPDX-License-Identifier: GPL-2.0-only
"""`python -m pcaps.demo`: audit a call of two real phones and the call of the paper's Table 4, as a user would.

Prints the summary of both and leaves an HTML report of each in `demo/`. Findings are what an audit is for: the exit
codes of the audits say what was found, and the demo itself succeeds.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

from pcaps.samples import HERE

CALLS = ("baresip_sdes_call", "table_4")
# 0 nothing found, 4 something unknown, 5 a rule failed: an audit that was made to its end.
AUDITED = frozenset({0, 4, 5})
FOLDER = Path("demo")


def audit(name: str) -> Path:
    """Audit one sample with the keys of its sidecar; returns where its report stands."""
    folder = HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE
    sidecar = folder / f"{name}.toml"
    report = FOLDER / f"{name}.html"
    capture = folder / f"{name}.pcapng"
    print(f"\n── {tomllib.loads(sidecar.read_text(encoding='utf-8'))['sample']['title']}\n", flush=True)
    program = (sys.executable, "-m", "analyzer", "analyze", str(capture), "--keys", str(sidecar))
    for outputs in ((), ("--html", str(report))):
        code = subprocess.run((*program, *outputs), check=False).returncode
        if code not in AUDITED:
            sys.exit(code)
    return report


def main() -> None:
    """Audit both and say where the reports are."""
    FOLDER.mkdir(exist_ok=True)
    reports = [audit(name) for name in CALLS]
    print("\nReports:", *(f"  {report}" for report in reports), sep="\n")


if __name__ == "__main__":
    main()

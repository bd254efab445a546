# SPDX-License-Identifier: GPL-2.0-only
"""Scapy's own test tool runs the layers' test file."""

import subprocess
import sys
from pathlib import Path


def test_the_file_of_scapys_test_tool() -> None:
    path = Path(__file__).with_name("layers.uts")
    command = [sys.executable, "-m", "scapy.tools.UTscapy", "-f", "text", "-t", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED=0" in done.stdout + done.stderr

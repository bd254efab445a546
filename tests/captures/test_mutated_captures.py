# SPDX-License-Identifier: GPL-2.0-only
"""Mutated small captures: no crash, no hang, no more than twice the memory that the clean ones take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE, WHOLE, SHARES = 300, 100_000, 20
WORKER = "tests.captures.mutate"


def run(count: int, seed: int) -> dict[str, int]:
    """What the worker, a process of its own, says at its end."""
    command = [sys.executable, "-m", WORKER, str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, int] = json.loads(done.stdout)
    return told


def check(count: int, seed: int) -> None:
    told = run(count, seed)
    assert told["captures"] == count
    assert told["audited"] > count // 2
    assert told["mutated_kib"] < 2 * told["clean_kib"]
    assert told["slowest_ms"] < 20_000


def test_a_sample_of_mutated_captures() -> None:
    check(SAMPLE, 1)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(2, 2 + SHARES))
def test_mutated_captures(seed: int) -> None:
    check(WHOLE // SHARES, seed)

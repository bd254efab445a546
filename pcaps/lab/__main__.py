# SPDX-License-Identifier: GPL-2.0-only
"""`python -m pcaps.lab`: run the experiment and write it up; the same numbers give the same page."""

import argparse
import sys
from pathlib import Path

from pcaps.lab import page
from pcaps.lab.experiment import run

PAIRS, ATTACKED_PAIRS, SEED = 400, 80, 2006


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(prog="python -m pcaps.lab", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of endpoints in the comparison of methods")
    parser.add_argument(
        "--attacked-pairs", type=int, default=ATTACKED_PAIRS, help="pairs for each carrier under attack"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=Path("docs"), help="the folder for the page and its plots")
    options = parser.parse_args()

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<60}")

    options.output.mkdir(parents=True, exist_ok=True)
    results = run(options.pairs, options.attacked_pairs, options.seed, progress)
    command = (
        f"python -m pcaps.lab --pairs {options.pairs} --attacked-pairs {options.attacked_pairs} --seed {options.seed}"
    )
    page.write(results, options.output, command)
    sys.stderr.write(f"\n{results.calls} calls were made and judged; {options.output / 'experiment.md'} is written\n")


if __name__ == "__main__":
    main()

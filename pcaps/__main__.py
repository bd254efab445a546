# SPDX-License-Identifier: GPL-2.0-only
"""`python -m pcaps [FOLDER]`: make every sample anew, its sidecar, and the index of them all."""

import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pcaps.samples import FAIL, HERE, UNKNOWN, all_samples

RECORDED = ("baresip_sdes_call",)
HEAD = """\
# Samples

Made by `python -m pcaps`, the same octets on every run; sources that are *recorded* are calls of real phones.
Each sidecar (`CASE.toml`) is a key file for `--keys`; its table `sample` says what has to be found.

| capture | what it is | the one flaw | clause | twin | verdict | reasons | rules that fail | rules that stay unknown |
|---|---|---|---|---|---|---|---|---|
"""


def row(name: str, sample: Mapping[str, Any]) -> str:
    """What a sidecar says of its capture, in one line."""
    expected = sample["expected"]
    about = [sample.get(key, "") for key in ("title", "flaw", "clause", "twin")]
    outcomes = [
        ", ".join(rule for rule, one in expected["outcomes"].items() if one == kind) for kind in (FAIL, UNKNOWN)
    ]
    if sample["source"].startswith("recorded"):
        about[0] = f"*recorded*: {about[0]}"
    cells = (name, *about, expected["verdict"], ", ".join(expected["reasons"]), *outcomes)
    return "|".join(("", *(f" {cell} " for cell in cells), "\n"))


def index(folder: Path) -> Iterator[str]:
    """The index of a folder of sidecars."""
    yield HEAD
    for path in sorted(folder.glob("*.toml")):
        yield row(path.stem, tomllib.loads(path.read_text(encoding="utf-8"))["sample"])


def main(folder: Path) -> None:
    """Write everything; recorded calls are copied where the folder is another one."""
    for sample in all_samples():
        sample.write(folder)
    for name in RECORDED if folder != HERE else ():
        for ending in ("pcapng", "toml"):
            shutil.copy(HERE / f"{name}.{ending}", folder)
    (folder / "INDEX.md").write_text("".join(index(folder)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

# SPDX-License-Identifier: GPL-2.0-only
"""The samples in pcaps/ with what their sidecars say."""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "pcaps"
SIDECARS = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["sample"] for path in sorted(FOLDER.glob("*.toml"))
}
NAMES = tuple(SIDECARS)
FLAWED = tuple(name for name, sample in SIDECARS.items() if "twin" in sample)


def expected(name: str) -> dict[str, Any]:
    """What has to be found in a sample."""
    found: dict[str, Any] = SIDECARS[name]["expected"]
    return found

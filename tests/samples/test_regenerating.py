# SPDX-License-Identifier: GPL-2.0-only
"""The programs in pcaps/ make the same octets again, and the folder holds nothing that none of them makes."""

import hashlib
from pathlib import Path

from pcaps.__main__ import main
from tests.samples.sample_cases import FOLDER, NAMES, SIDECARS


def test_every_run_makes_the_octets_that_are_committed(tmp_path: Path) -> None:
    main(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {f"{name}.{ending}" for name in NAMES for ending in ("pcapng", "toml")} | {"INDEX.md"}
    differing = [name for name in sorted(made) if (tmp_path / name).read_bytes() != (FOLDER / name).read_bytes()]
    assert not differing


def test_every_capture_is_the_one_that_its_sidecar_speaks_of() -> None:
    assert {path.stem for path in FOLDER.glob("*.pcapng")} == set(NAMES)
    for name in NAMES:
        assert hashlib.sha256((FOLDER / f"{name}.pcapng").read_bytes()).hexdigest() == SIDECARS[name]["sha256"]

# SPDX-License-Identifier: GPL-2.0-only
"""What every test may ask for: programs that pip can't install, and the real captures."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about us; growth is counted, not timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT.parent / "shared" / "captures"
REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"


def missing(what: str) -> None:
    """Skip visibly, or fail where everything must be present."""
    if REQUIRE_ALL:
        pytest.fail(f"{what} is required here and missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def skip_for_want_of() -> Callable[[str], None]:
    """A function that skips visibly because something is missing, or fails where everything must be present."""
    return missing


@pytest.fixture(autouse=True)
def _tools(request: pytest.FixtureRequest) -> None:
    for marker in request.node.iter_markers("tool"):
        for name in marker.args:
            if shutil.which(name) is None:
                missing(f"the program {name}")


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real captures by other people's software, which is not part of the repository."""
    if not CAPTURES.is_dir():
        pytest.skip("the real captures are not beside this checkout")
    return CAPTURES

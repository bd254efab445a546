# SPDX-License-Identifier: GPL-2.0-only
"""NumPy is loaded when something is taken from it, is NumPy then, and says clearly where it can't be."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.captures import write_call_capture, write_media_capture

LATE = "import sys\nfrom analyzer.cli.late_numpy import load_numpy_late\nload_numpy_late()\n"


def run(program: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    started = f"import sys\nsys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run([sys.executable, "-c", started + program], capture_output=True, text=True, check=False)


def shown(program: str) -> str:
    done = run(program)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_import_loads_nothing_yet() -> None:
    assert shown(f"{LATE}import numpy as np, numpy\nprint('numpy.version' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "use",
    [
        "import numpy as np; np.zeros(2)",
        "from numpy import zeros",
        "import numpy.linalg",
        "import numpy.typing as npt; npt.NDArray",
        "import numpy, importlib; importlib.import_module('numpy.random')",
        "import numba",
    ],
)
def test_any_use_gives_all_of_numpy(use: str) -> None:
    program = (
        f"{LATE}{use}\nimport numpy as np, types\nprint(type(np) is types.ModuleType, np.arange(3).sum(), np.__name__)"
    )
    assert shown(program) == "True 3 numpy"
    names = "print(sorted(name for name in vars(numpy) if name != '__builtins__'))"
    assert shown(f"{LATE}{use}\nimport numpy\n{names}") == shown(f"{use}\nimport numpy\n{names}")


def test_what_numpy_has_not_is_missed_as_ever() -> None:
    done = run(f"{LATE}import numpy as np\nnp.no_such_thing")
    assert "AttributeError: module 'numpy' has no attribute 'no_such_thing'" in done.stderr
    assert (
        shown(f"{LATE}import numpy as np\nprint(hasattr(np, 'no_such_thing'), hasattr(np, 'ndarray'))") == "False True"
    )


def test_threads_that_meet_it_at_once_wait_for_it() -> None:
    program = (
        f"{LATE}import numpy as np\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print(set(pool.map(lambda n: int(np.ones(n).sum()) == n, range(64))))"
    )
    assert shown(program) == "{True}"


def test_a_program_that_has_numpy_keeps_it() -> None:
    assert shown(f"import numpy\nbefore = numpy\n{LATE}import numpy\nprint(numpy is before)") == "True"


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize(
    "text", ["raise ImportError('its library is for another processor')", "import a_part_that_is_missing"]
)
def test_what_is_broken_is_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(text)
    capture = tmp_path / "media.pcap"
    write_media_capture(capture, 200_000 if name == "numba" else 100, 2)  # enough to be compiled
    done = run(f"from analyzer.cli import main\nmain(['analyze', {str(capture)!r}])", path=tmp_path)
    assert done.returncode == 70
    assert done.stderr.startswith("srtp-audit: the installation is damaged: ")
    assert "another processor" in done.stderr or "a_part_that_is_missing" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_messages_alone_are_audited_without_numpy(tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('broken')")
    write_call_capture(tmp_path / "few.pcap", 7, sdes=True)
    program = f"from analyzer.cli import main\nmain(['analyze', '-v', {str(tmp_path / 'few.pcap')!r}])"
    without, usual = run(program, path=tmp_path), run(program)
    assert "0 of 7 calls protected" in without.stdout
    assert (without.returncode, without.stdout) == (usual.returncode, usual.stdout)

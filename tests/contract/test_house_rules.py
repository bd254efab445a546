# SPDX-License-Identifier: GPL-2.0-only
"""What the conventions say, enforced: who may import whom, how large a thing may grow, what no file may hold."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.bench.captures import write_call_capture

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("analyzer", "dissectors", "reports")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 60
LEFTOVERS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError")
FENCES = {"analyzer/cli/main.py", "analyzer/rules/runner.py", "analyzer/cli/files.py"}


def test_the_import_contract_holds() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_keeps_to_the_house_rules(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# SPDX-License-Identifier: GPL-2.0-only\n")
    assert text.count("\n") <= MAX_MODULE_LINES
    assert not LEFTOVERS.search(text)
    for node in ast.walk(ast.parse(text)):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"
        if isinstance(node, ast.ExceptHandler) and str(path.relative_to(ROOT)) not in FENCES:
            assert node.type is not None
            assert getattr(node.type, "id", "") not in {"Exception", "BaseException"}, f"line {node.lineno}"


def test_version_and_help_load_neither_scapy_nor_numpy() -> None:
    for option in ("--version", "--help"):
        program = (
            "import sys\nfrom analyzer.cli import main\n"
            f"try:\n    main([{option!r}])\nexcept SystemExit:\n    pass\n"
            "print(sorted({'scapy', 'numpy', 'numba', 'cryptography', 'jinja2'} & set(sys.modules)))\n"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "[]", option


# What a capture of SIP over UDP with SDES has no use for, by what would need it.
UNNEEDED = {
    "other inputs and outputs": {"scapy", "pyshark", "jinja2", "difflib", "zstandard", "lz4"},
    "arrays and compiled passes": {"numpy.version", "numba", "llvmlite"},
    "keys and ciphers": {"cryptography", "analyzer.keying.key_files", "analyzer.keying.stream_audit"},
    "MIKEY to open": {"mikey_keying", "mikey_messages", "mikey_books", "mikey_history", "mikey_psk", "refusal_checks"},
    "handshakes": {"dtls_keys", "zrtp_keys", "path_certificates", "tls.connection", "tls.handshake"},
    "streams": {"capture.tcp", "capture.sctp", "evidence.streamed", "evidence.connections", "grammar.websocket"},
    "media": {"srtp.bulk", "srtp.transform", "srtp.clear_test", "audio"},
}


def test_a_small_capture_loads_what_it_needs(tmp_path: Path) -> None:
    """Of a small run, starting is nearly all: what is loaded without need is noticed by every user every time."""
    write_call_capture(tmp_path / "few.pcap", 7, sdes=True)
    program = (
        "import sys\nfrom analyzer.cli import main\n"
        f"try:\n    main(['analyze', {str(tmp_path / 'few.pcap')!r}])\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "0 of 7 calls protected" in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    for need, modules in UNNEEDED.items():
        found = [name for name in loaded for each in modules if name == each or name.endswith(f".{each}")]
        assert found == [], need
    assert "analyzer.keying.sdes_keys" in loaded  # names as they are spelled here


def test_what_small_captures_do_not_need_exists() -> None:
    """A module that was renamed would be missed by nobody above."""
    ours = {name for names in UNNEEDED.values() for name in names if "." in name or "_" in name} - {"numpy.version"}
    known = {".".join(path.with_suffix("").relative_to(ROOT).parts) for path in SOURCES}
    assert [name for name in ours if not any(f".{each}".endswith(f".{name}") for each in known)] == []


def test_the_grammar_needs_the_standard_library_only() -> None:
    program = (
        "import sys, pkgutil, importlib, dissectors.grammar as grammar\n"
        "for each in pkgutil.walk_packages(grammar.__path__, 'dissectors.grammar.'):\n"
        "    importlib.import_module(each.name)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'dissectors'}))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    foreign = ast.literal_eval(done.stdout)
    assert not [name for name in foreign if not name.startswith(("_", "sitecustomize", "usercustomize"))], foreign


def test_test_modules_have_names_of_their_own() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []

# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report in a real browser: it renders, its style sheet passes the policy, it fits a narrow screen."""

import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from reports.html_report import render_html
from tests.reports.builders import Words, full_report

LIGHT_PAPER = (0xF6, 0xF4, 0xEF)
DARK_PAPER = (0x12, 0x16, 0x1C)
PROBE = """<!doctype html><meta charset="utf-8"><title>waiting</title>
<iframe src="report.html" width="{width}" height="800"></iframe>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument;
  const root = page.documentElement;
  const ladder = page.querySelector("svg.ladder");
  const seen = [root.scrollWidth, root.clientWidth, page.querySelectorAll("script,img").length,
                ladder.getBoundingClientRect().height > 200, page.querySelectorAll(".badge").length > 10];
  document.title = seen.join(" ");
}});
</script>
"""

pytestmark = pytest.mark.tool("chromium")


def chromium(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def violations(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if "Content Security Policy" in line]


def corner_pixel(picture: bytes) -> tuple[int, ...]:
    """The first pixel of a PNG with 8 bits a channel ; no filter of PNG changes it."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    position, data = 8, b""
    while position < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, position)
        if kind == b"IDAT":
            data += picture[position + 8 : position + 8 + length]
        position += length + 12
    return tuple(zlib.decompress(data)[1:4])


def write_report(folder: Path, words: Words | None = None) -> Path:
    path = folder / "report.html"
    path.write_text(render_html(full_report(words)), encoding="utf-8")
    return path


@pytest.mark.parametrize(("scheme", "paper"), [(1, LIGHT_PAPER), (0, DARK_PAPER)], ids=["light", "dark"])
def test_it_renders_with_its_style_in_both_schemes(tmp_path: Path, scheme: int, paper: tuple[int, ...]) -> None:
    picture = tmp_path / "report.png"
    done = chromium(
        tmp_path,
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={picture}",
        "--window-size=1280,1600",
        write_report(tmp_path).as_uri(),
    )
    assert violations(done.stderr) == []
    assert corner_pixel(picture.read_bytes()) == paper
    assert picture.stat().st_size > 50_000


def test_a_violation_would_be_noticed(tmp_path: Path) -> None:
    path = write_report(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("<main>", '<main style="color: red">'), encoding="utf-8")
    done = chromium(tmp_path, f"--screenshot={tmp_path / 'report.png'}", path.as_uri())
    assert violations(done.stderr)


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("length", [0, 300], ids=["ordinary", "long words"])
def test_no_sideways_scrolling(tmp_path: Path, width: int, length: int) -> None:
    long = "W" * length
    write_report(tmp_path, Words(call_id=f"{long}@example.com", caller=f"sip:{long}@example.com", path=f"{long}.pcap"))
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(width=width), encoding="utf-8")
    done = chromium(tmp_path, "--allow-file-access-from-files", "--window-size=1400,900", "--dump-dom", probe.as_uri())
    found = re.search(r"<title>([0-9]+) ([0-9]+) 0 true true</title>", done.stdout)
    assert found is not None, done.stdout[:500]
    assert int(found[1]) <= int(found[2]) <= width

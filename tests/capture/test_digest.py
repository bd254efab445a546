# SPDX-License-Identifier: GPL-2.0-only
"""The digest of a large capture: made of the octets that the pass looks at, let go of once they are digested."""

import hashlib
import threading
from itertools import islice
from pathlib import Path

import capture_frames as made
import pytest

from analyzer.capture import digest, source
from analyzer.capture.source import Capture, open_capture

FRAME = made.ethernet(made.ipv4(made.udp(made.rtp(1))))
PACKETS = 3000
PAGE = 4096


def open_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Capture, str]:
    """A capture that counts as large, its file gone already, and the digest of that file."""
    path.write_bytes(made.pcap([FRAME] * PACKETS))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    monkeypatch.setattr(digest, "PIECE_OCTETS", 2 * PAGE)
    capture = open_capture(path)
    capture.compile_octets = 1 << 40
    told = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    return capture, told


@pytest.mark.parametrize("batches", [(0,), (1,), (7,), (None,), (None, None), (7, None), (None, 3)])
def test_however_much_was_looked_at(
    batches: tuple[int | None, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture, told = open_large(tmp_path / "x.pcap", monkeypatch)
    capture.begin_digest()
    for some in batches:
        for _ in islice(capture.batches(100), some):
            pass
    assert capture.sha256 == told
    assert capture.sha256 == told
    assert "sha256" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("begun", [False, True])
def test_what_was_looked_at_is_let_go(begun: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: set[int] = set()

    def note(_: object, start: int, stop: int) -> None:
        gone.update(range(start // PAGE, stop // PAGE))

    monkeypatch.setattr(digest, "let_go", note)
    monkeypatch.setattr(source, "let_go", note)
    capture, told = open_large(tmp_path / "x.pcap", monkeypatch)
    if begun:
        capture.begin_digest()
    for _ in range(2):
        gone.clear()
        assert sum(map(len, capture.batches(100))) == PACKETS
        if begun:
            assert capture.sha256 == told
        assert gone == set(range(capture.bytes // PAGE))


def test_no_more_than_some_pieces_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass waits for a digest that is slower: else all of the file would come to lie in memory."""
    capture, told = open_large(tmp_path / "x.pcap", monkeypatch)
    begin, may_go_on, behind = digest.MappedDigest._digest, threading.Event(), []

    def slow(self: digest.MappedDigest, start: int, stop: int) -> None:
        may_go_on.wait(20)
        behind.append(self._given - start)
        begin(self, start, stop)

    monkeypatch.setattr(digest.MappedDigest, "_digest", slow)
    capture.begin_digest()
    reader = threading.Thread(target=lambda: [None for _ in capture.batches(20)])
    reader.start()
    reader.join(0.05)
    assert reader.is_alive()
    may_go_on.set()
    reader.join()
    assert capture.sha256 == told
    assert max(behind) <= (digest.MAX_WAITING + 3) * digest.PIECE_OCTETS

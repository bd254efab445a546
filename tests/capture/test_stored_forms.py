# SPDX-License-Identifier: GPL-2.0-only
"""How captures are stored: compressed, piped, in rings; with secrets and comments inside; damaged anywhere."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import capture_frames as made
import lz4.frame
import pytest
import zstandard

import analyzer.capture.intake as intake
import analyzer.capture.source as source
from analyzer.capture.source import Capture, CaptureHead, open_capture, peek_capture
from analyzer.cli.capture_paths import expand_paths
from analyzer.errors import CaptureError

HELLO = made.ethernet(made.ipv4(made.udp(made.rtp(1))))
CONTENT = made.pcap([HELLO] * 300, step_us=1)
PACKERS: dict[str, Any] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


def read(data: bytes, tmp_path: Path) -> Capture:
    path = tmp_path / "capture"
    path.write_bytes(data)
    capture = open_capture(path)
    list(capture.batches())
    return capture


@pytest.mark.parametrize("name", PACKERS)
def test_compressed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PACKERS[name](CONTENT)
    for limit in (intake.MEMORY_OCTETS, 100):  # in memory, and put aside in a file
        monkeypatch.setattr(intake, "MEMORY_OCTETS", limit)
        capture = read(packed, tmp_path)
        assert (capture.packets, capture.defects, capture.bytes) == (300, (), len(packed))
        assert capture.sha256 == hashlib.sha256(packed).hexdigest()
    head = peek_capture(tmp_path / "capture")
    assert head == CaptureHead("pcap", (1,), made.START * 1_000_000_000)


@pytest.mark.parametrize("name", PACKERS)
def test_members_in_a_row_and_padding(name: str, tmp_path: Path) -> None:
    half = len(CONTENT) // 2
    packed = PACKERS[name](CONTENT[:half]) + PACKERS[name](CONTENT[half:]) + bytes(512)
    capture = read(packed, tmp_path)
    assert (capture.packets, capture.defects) == (300, ())


@pytest.mark.parametrize("name", PACKERS)
def test_cut_and_corrupt_compression_gives_what_can_be_read(name: str, tmp_path: Path) -> None:
    content = made.pcap([made.ethernet(made.ipv4(made.udp(os.urandom(1000)))) for _ in range(2000)], step_us=1)
    packed = PACKERS[name](content)
    cut = read(packed[: len(packed) * 3 // 4], tmp_path)
    (defect,) = (each for each in cut.defects if each.code == "damaged-compression")
    assert name in defect.detail
    assert 500 < cut.packets < 2000
    broken = bytearray(packed)
    broken[len(packed) * 3 // 4] ^= 0x55
    broken[len(packed) * 3 // 4 + 1] ^= 0x55
    corrupt = read(bytes(broken), tmp_path)
    assert 500 < corrupt.packets <= 2000
    assert corrupt.packets == 2000 or corrupt.defects


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_a_missing_wheel_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = {"zstd": "zstandard", "lz4": "lz4"}[name]
    monkeypatch.setitem(sys.modules, "zstandard" if name == "zstd" else "lz4.frame", None)
    with pytest.raises(CaptureError, match=rf"capture: this is {name}, which needs the package {package}"):
        read(PACKERS[name](CONTENT), tmp_path)


@pytest.mark.parametrize("name", ["", *PACKERS])
def test_standard_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = PACKERS[name](CONTENT) if name else CONTENT
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    capture = open_capture("-")
    list(capture.batches())
    assert (capture.packets, capture.bytes) == (300, len(data))
    assert capture.sha256 == hashlib.sha256(data).hexdigest()


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(CONTENT))
    writer.start()
    capture = open_capture(path)
    writer.join()
    list(capture.batches())
    assert capture.packets == 300


@pytest.mark.tool("tcpdump")
def test_what_tcpdump_writes_into_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(CONTENT)
    command = f"tcpdump -r {path} -U -w - 2>/dev/null | {sys.executable} -m analyzer analyze - --json -"
    told = subprocess.run(command, shell=True, capture_output=True, text=True, check=False).stdout
    assert '"packets": 300' in told


def test_directories_go_by_time(tmp_path: Path) -> None:
    names = {"b.pcap": 0, "a.pcap": 3, "ring.pcap2": 1, "ring.pcap10": 2, "z.pcapng.zst": 4}
    for name, place in names.items():
        step = place * 1_000_000
        data = made.pcap([HELLO, HELLO], step_us=step) if place else made.pcap([HELLO])
        data = data[:24] + data[24 + 16 + len(HELLO) :] if place else data
        (tmp_path / name).write_bytes(PACKERS["zstd"](data) if name.endswith("zst") else data)
    (tmp_path / "notes.txt").write_text("not a capture")
    assert [Path(path).name for path in expand_paths([str(tmp_path)])] == sorted(names, key=lambda name: names[name])


def key_log_block(text: bytes, kind: int = 0x544C534B) -> bytes:
    return made.block(10, kind.to_bytes(4, "little") + len(text).to_bytes(4, "little") + text)


def test_decryption_secrets(tmp_path: Path) -> None:
    line = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
    blocks = key_log_block(b"# comment\n" + line + b"garbage\n") + key_log_block(b"x", 0x57474B4C)
    path = tmp_path / "secrets.pcapng"
    path.write_bytes(made.section() + made.interface() + blocks + made.enhanced(HELLO, 1) + key_log_block(line))
    with open_capture(path) as capture:
        found = [secret for batch in capture.batches(1) for secret in batch.secrets]
        assert [(secret.label, secret.client_random) for secret in found] == [("CLIENT_RANDOM", b"\xab" * 32)] * 2
        assert [defect.code for defect in capture.defects] == ["secrets-unreadable", "secrets-not-used"]
        assert "cd" * 8 not in repr(found) + repr(capture.defects)


def commented(frame: bytes, *comments: bytes, flags: bool = False) -> bytes:
    block = made.enhanced(frame, 5)
    options = made.option(2, bytes(4)) if flags else b""
    options += b"".join(made.option(1, comment) for comment in comments) + made.option(0, b"")
    return made.block(6, block[8:-4] + options)


def test_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    section = made.block(0x0A0D0D0A, made.section()[8:-4] + made.option(1, b"whole") + made.option(0, b""))
    blocks = [commented(HELLO, b"one <b>", flags=True), made.enhanced(HELLO, 1), commented(HELLO, b"two", key, b"\xff")]
    data = section + made.interface(options=made.option(1, b"wire")) + b"".join(blocks)
    for threshold in (1 << 60, -1):
        monkeypatch.setattr("analyzer.capture.source.COMPILE_OCTETS", threshold)
        capture = read(data, tmp_path)
        assert (capture.packets, capture.defects) == (3, ())
        told = [(comment.frame, comment.text) for comment in capture.comments]
        assert told[:4] == [(0, "whole"), (0, "wire"), (1, "one <b>"), (3, "two")]
        assert told[4][1].startswith("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:··")
        assert told[5] == (3, "\\xff")


def name_block(*records: bytes, options: bytes = b"", order: str = "<") -> bytes:
    return made.block(4, b"".join(records) + bytes(4) + options, order)


@pytest.mark.parametrize("order", ["<", ">"])
def test_names(order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = made.option(1, b"\x0a\0\0\x01pbx\0trunk\xff\0", order)
    odd = [
        made.option(9, b"eui", order),
        made.option(1, b"\x0a", order),
        made.option(2, bytes(15) + b"\x01lo\0", order),
    ]
    comment = made.option(1, b"looked up", order) + made.option(0, b"", order)
    blocks = name_block(*odd, two, options=comment, order=order) + name_block(two, order=order)
    broken = made.block(4, two + made.option(1, b"", order)[:2] + b"\xff\xff", order)
    data = made.section(order) + made.interface(order=order) + blocks + broken
    names = [("::1", "lo"), ("10.0.0.1", "pbx"), ("10.0.0.1", "trunk\\xff")]
    for threshold in (1 << 60, -1):
        monkeypatch.setattr("analyzer.capture.source.COMPILE_OCTETS", threshold)
        capture = read(data, tmp_path)
        assert list(capture.account.names) == names
        assert [comment.text for comment in capture.comments] == ["looked up"]
        assert [defect.code for defect in capture.defects] == ["names-unreadable"]
    monkeypatch.setattr("analyzer.capture.blocks.MAX_NAMES", 1)
    assert [defect.code for defect in read(data, tmp_path).defects] == ["names-unreadable", "more-names"]


@pytest.mark.tool("tshark")
def test_tshark_reads_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "named.pcapng"
    block = name_block(made.option(1, b"\x0a\0\0\x01pbx.example\0"))
    path.write_bytes(made.section() + made.interface() + block + made.enhanced(HELLO, 1))
    command = ["tshark", "-r", str(path), "-N", "n", "-T", "fields", "-e", "ip.src_host"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert [("10.0.0.1", name) for name in told] == list(read(path.read_bytes(), tmp_path).account.names)


def test_reading_goes_on_behind_a_long_damage(tmp_path: Path) -> None:
    good = made.pcap([HELLO] * 10)
    damage = b"\xff" * (3 << 20)
    capture = read(good + damage + good[24:], tmp_path)
    assert capture.packets == 20
    (defect,) = capture.defects
    assert f"octets {len(good)} to {len(good) + len(damage)}" in defect.detail


@pytest.mark.parametrize("lost", [1, 2, 3, 5, 30])
def test_octets_lost_inside_a_block(lost: int, tmp_path: Path) -> None:
    blocks = [made.enhanced(HELLO, i) for i in range(10)]
    blocks[4] = blocks[4][:20] + blocks[4][20 + lost :]
    capture = read(made.section() + made.interface() + b"".join(blocks), tmp_path)
    assert capture.packets == 9
    assert [defect.code for defect in capture.defects] == ["damaged-record"]


def test_a_digest_is_made_only_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(made.rtp(1))))]))
    for large in (-1, 1 << 30):
        monkeypatch.setattr(source, "COMPILE_OCTETS", large)
        with open_capture(path, digest=False) as capture:
            assert sum(map(len, capture.batches())) == 1
            assert capture.sha256 is None
        with open_capture(path) as capture:
            assert sum(map(len, capture.batches())) == 1
            assert capture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

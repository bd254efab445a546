# SPDX-License-Identifier: GPL-2.0-only
"""Old systems wrote longer record headers under magic numbers of others: read as Wireshark reads them."""

import random
import struct
import subprocess
from pathlib import Path

import capture_frames as made
import pytest

from analyzer.capture.blocks import read_file_header
from analyzer.capture.scan import S_HEADER
from analyzer.capture.source import open_capture

FORMS = {"pcap": 16, "nokiapcap": 20, "rh6_1pcap": 24, "modpcap": 24, "suse6_3pcap": 28, "nsecpcap": 16}
HELLO = made.ethernet(made.ipv4(made.udp(b"hello")))


def swapped(data: bytes, header: int) -> bytes:
    """The same capture of a writer of the other byte order."""
    out, at = [struct.pack(">IHHiIII", *struct.unpack("<IHHiIII", data[:24]))], 24
    while at < len(data):
        words = struct.unpack_from("<IIII", data, at)
        stop = at + header + words[2]
        out += [struct.pack(">IIII", *words), data[at + 16 : stop]]
        at = stop
    return b"".join(out)


@pytest.mark.tool("editcap")
@pytest.mark.parametrize("form", FORMS)
def test_what_editcap_writes_is_read(form: str, tmp_path: Path) -> None:
    plain, other = tmp_path / "plain.pcap", tmp_path / "other.pcap"
    plain.write_bytes(made.pcap([HELLO, made.ethernet(made.ipv4(made.udp(b"hi"))), HELLO]))
    subprocess.run(["editcap", "-F", form, plain, other], check=True, capture_output=True)
    for data in (other.read_bytes(), swapped(other.read_bytes(), FORMS[form])):
        other.write_bytes(data)
        assert read_file_header(data, "").state[S_HEADER] == FORMS[form]
        capture = open_capture(other)
        (batch,) = capture.batches()
        payloads = [
            bytes(batch.buffer[offset : offset + octets])
            for offset, octets in zip(batch.columns.payload_offset, batch.columns.payload_octets, strict=True)
        ]
        assert (payloads, capture.defects) == ([b"hello", b"hi", b"hello"], ())


@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B2CD34])
@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_a_capture_that_is_cut_or_padded_keeps_its_form(frames: int, magic: int) -> None:
    usual = 16 if magic == 0xA1B2C3D4 else 24
    whole = made.pcap([HELLO] * frames, magic=magic)
    for size in range(24, len(whole) + 1):
        assert read_file_header(whole[:size], "").state[S_HEADER] == usual
    for size in range(40):
        assert read_file_header(whole + bytes(size), "").state[S_HEADER] == usual


def test_octets_that_are_no_records_have_the_usual_form() -> None:
    chance = random.Random(2468)
    head = made.pcap([])
    assert all(read_file_header(head + chance.randbytes(300), "").state[S_HEADER] == 16 for _ in range(2000))

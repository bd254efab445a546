# SPDX-License-Identifier: GPL-2.0-only
"""Files of every make give their packets; damaged ones give what is left, and say what is not."""

import gzip
import hashlib
import io
import random
import subprocess
import sys
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import Columns, Flag, PayloadKind, Transport
from analyzer.capture.source import Capture, open_capture
from analyzer.errors import CaptureError

HELLO = made.ethernet(made.ipv4(made.udp(b"hello")))


def read(data: bytes, tmp_path: Path) -> tuple[Capture, Columns]:
    path = tmp_path / "made.pcap"
    path.write_bytes(data)
    capture = open_capture(path)
    return capture, joined(capture)


def joined(capture: Capture, packets: int = 1 << 18) -> Columns:
    batches = list(capture.batches(packets))
    return Columns(*(np.concatenate([b.columns[i] for b in batches] or [np.array([])]) for i in range(23)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
def test_classic_pcap(order: str, magic: int, tmp_path: Path) -> None:
    capture, columns = read(made.pcap([HELLO] * 3, order, magic), tmp_path)
    assert (capture.format, capture.packets, capture.defects) == ("pcap", 3, ())
    assert columns.timestamp_ns.tolist() == [made.START * 10**9 + i * 20_000_000 for i in range(3)]
    assert capture.first_time_ns == made.START * 10**9
    assert columns.frame.tolist() == [1, 2, 3]
    assert columns.payload_octets.tolist() == columns.wire_octets.tolist() == [5, 5, 5]
    assert capture.sha256 == hashlib.sha256(Path(capture.path).read_bytes()).hexdigest()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [
        (6, 1_500_000),
        (9, 1_500_000_000),
        (3, 1500),
        (0, 1),
        (12, 1_500_000_000_000),
        (0x80 | 10, 1536),
        (0x80 | 40, 3 << 39),
    ],
)
def test_pcapng_time_resolution(order: str, resolution: int, ticks: int, tmp_path: Path) -> None:
    offset = made.option(14, (100).to_bytes(8, "big" if order == ">" else "little"), order)
    options = made.option(9, bytes([resolution]), order) + offset
    data = made.section(order) + made.interface(options=options, order=order) + made.enhanced(HELLO, ticks, order=order)
    capture, columns = read(data, tmp_path)
    assert capture.format == "pcapng"
    assert columns.timestamp_ns.tolist() == [(101 if resolution == 0 else 101.5) * 10**9]


def test_pcapng_sections_interfaces_and_drops(tmp_path: Path) -> None:
    raw = made.ipv4(made.udp(b"raw"))
    data = (
        made.section() + made.interface() + made.interface(link=101) + made.enhanced(HELLO, 0)
        + made.block(0xABC, b"what")
        + made.enhanced(raw, 5, index=1) + made.statistics(0, 3, 1) + made.statistics(0, 7, 2) + made.simple(HELLO)
        + made.section(">") + made.interface(link=101, order=">") + made.enhanced(raw, 9, order=">")
        + made.statistics(0, 10, 0, order=">") + made.enhanced(raw, 9, index=4, order=">")
    )  # fmt: skip
    capture, columns = read(data, tmp_path)
    assert columns.transport.tolist() == [17, 17, 17, 17, Transport.UNREAD_LINK]
    assert columns.frame.tolist() == [1, 2, 3, 4, 5]
    assert [bool(flag & Flag.NO_TIME) for flag in columns.flags] == [False, False, True, False, True]
    assert capture.interface_drops == 19
    assert [defect.code for defect in capture.defects] == ["unread-link-type"]


LINKS = {
    1: bytes(12) + b"\x08\x00",
    113: bytes(14) + b"\x08\x00",
    276: b"\x08\x00" + bytes(18),
    0: b"\x02\x00\x00\x00",
    108: b"\x00\x00\x00\x02",
    12: b"",
    14: b"",
    101: b"",
    228: b"",
}


@pytest.mark.parametrize("link", LINKS)
def test_link_types(link: int, tmp_path: Path) -> None:
    capture, columns = read(made.pcap([LINKS[link] + made.ipv4(made.udp(b"hello", 4000, 4002))], link=link), tmp_path)
    ends = (columns.src_hi[0], columns.src_lo[0], columns.src_port[0])
    assert format_endpoint(*ends) == "10.0.0.1:4000"
    assert columns.tos.tolist() == [0xB8]
    assert capture.defects == ()


def test_what_stands_before_and_after_ip(tmp_path: Path) -> None:
    datagram = made.udp(b"hello")
    extended = bytes([60, 0, 0, 0, 0, 0, 0, 0]) + bytes([17, 1]) + bytes(14) + datagram
    whole = bytes([17, 0, 0, 0, 0, 0, 0, 9]) + datagram  # RFC 6946: an atomic fragment
    inner = made.ipv4(datagram)
    pppoe = b"\x11\x00\x00\x01" + (len(inner) + 2).to_bytes(2, "big") + b"\x00\x21" + inner
    frames = [
        made.ethernet(inner, tags=[0x8100]),
        made.ethernet(inner, tags=[0x88A8, 0x8100]),
        made.ethernet(inner) + bytes(20),  # Ethernet padding is no payload
        made.ethernet(made.ipv6(datagram)),
        made.ethernet(made.ipv6(extended, 0)),
        made.ethernet(made.ipv6(whole, 44)),
        made.ethernet(pppoe, 0x8864),
    ]
    capture, columns = read(made.pcap(frames), tmp_path)
    assert columns.payload_octets.tolist() == [5] * 7
    assert columns.transport.tolist() == [17] * 7
    assert format_endpoint(columns.src_hi[4], columns.src_lo[4], columns.src_port[4]) == "[fe80::1]:5060"
    assert capture.defects == ()


def test_nothing_is_lost_silently(tmp_path: Path) -> None:
    frames = [
        made.ethernet(bytes(28), 0x0806),
        made.ethernet(made.ipv4(b"x", 47)),
        made.ethernet(made.ipv4(made.udp(b"hello"))[:15]),
        made.ethernet(made.ipv4(made.udp(bytes(100)))),
    ]
    capture, columns = read(made.pcap(frames, snaplen=60), tmp_path)
    assert columns.transport.tolist() == [Transport.NOT_IP, Transport.OTHER, Transport.DAMAGED, Transport.UDP]
    assert (columns.payload_octets[3], columns.wire_octets[3]) == (18, 100)
    assert {(d.code, d.detail) for d in capture.defects} == {
        ("not-ip", "1 packets of EtherType 0x0806"),
        ("unread-protocol", "1 packets of IP protocol 47"),
        ("damaged-packet", "1 packets"),
        ("packet-cut-by-snaplen", "1 packets"),
    }
    other, _ = read(made.pcap([b"\x00" * 40], link=147), tmp_path)
    assert [(d.code, d.detail) for d in other.defects] == [("unread-link-type", "1 packets of link type 147")]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", PayloadKind.EMPTY),
        (made.rtp(1), PayloadKind.RTP_LIKE),
        (made.rtp(1, second=200), PayloadKind.RTCP_LIKE),
        (made.rtp(1, first=0x40), PayloadKind.UNKNOWN),
        (b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), PayloadKind.STUN),
        (b"\x10\x00\x00\x01ZRTP" + bytes(12), PayloadKind.ZRTP),
        (b"\x16\xfe\xff" + bytes(12), PayloadKind.DTLS),
        (b"\x40\x00\x00\x04abcd", PayloadKind.TURN_CHANNEL),
        (b"\r\n\r\n", PayloadKind.UNKNOWN),
        (b"SIP/2.0 200 OK\r\n\r\n", PayloadKind.SIP_LIKE),
        (b"sip/2.0 200 OK\r\n\r\n", PayloadKind.SIP_LIKE),
        (b"\r\nOPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\r\n\r\n", PayloadKind.SIP_LIKE),
        (b"INVITE  sip:user@example.com; lr SIP/2.0\r\n\r\n", PayloadKind.SIP_LIKE),
        (b"!odd* sips:x SIP/2.0\r\n\r\n", PayloadKind.SIP_LIKE),
        (b"GET / HTTP/1.1\r\n\r\n", PayloadKind.UNKNOWN),
        (b"SETUP rtsp://10.0.0.1/ RTSP/1.0\r\n\r\n", PayloadKind.UNKNOWN),
    ],
)
def test_kinds_of_payload(payload: bytes, kind: PayloadKind, tmp_path: Path) -> None:
    _, columns = read(made.pcap([made.ethernet(made.ipv4(made.udp(payload)))]), tmp_path)
    assert PayloadKind(int(columns.kind[0])) == kind


def test_rtp_columns(tmp_path: Path) -> None:
    extended = made.rtp(7, 9, 0xFFFFFFFF, bytes(8) + b"\xbe\xde\x00\x01" + bytes(4 + 20), 0x92, 0x80 | 96)
    broken = made.rtp(7, body=b"\xbe\xde\xff\xff", first=0x90)
    _, columns = read(made.pcap([made.ethernet(made.ipv4(made.udp(p))) for p in (extended, broken)]), tmp_path)
    row = [int(c[0]) for c in (columns.seq, columns.rtp_timestamp, columns.ssrc, columns.payload_type, columns.marker)]
    assert row == [7, 9, 0xFFFFFFFF, 96, 1]
    assert columns.header_octets.tolist() == [12 + 8 + 8, 0]


def test_a_fragmented_datagram_stands_in_the_row_that_completes_it(tmp_path: Path) -> None:
    datagram = made.udp(made.rtp(5, body=bytes(range(200))), 4000, 4002)
    pieces = [
        made.ipv4(datagram[96:], identification=9, fragment=96 // 8),
        made.ipv4(datagram[:96], identification=9, fragment=0x2000),
    ]
    sixes = [
        made.ipv6(bytes([17, 0, 0, 1, 0, 0, 0, 3]) + datagram[:96], 44),
        made.ipv6(bytes([17, 0, 0, 96, 0, 0, 0, 3]) + datagram[96:], 44),
    ]
    capture, columns = read(made.pcap([made.ethernet(piece) for piece in pieces + sixes]), tmp_path)
    assert columns.transport.tolist() == [Transport.FRAGMENT, Transport.UDP] * 2
    assert columns.seq.tolist() == [0, 5, 0, 5]
    assert columns.src_port.tolist() == [0, 4000, 0, 4000]
    (batch,) = capture.batches()
    assert batch.payload(1) == batch.payload(3) == datagram[8:]
    assert capture.defects == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty (offset 0)"),
        (b"INVITE sip:bob@example.com SIP/2.0\r\n", "a text file, not a pcap or pcapng capture (offset 0)"),
        (b"\x7fELF\x02\x01\x01\x00", "unknown magic number 0x7f454c46, not a pcap or pcapng capture (offset 0)"),
        (made.pcap([])[:20], "cut inside the pcap file header (offset 20 of 24)"),
        (made.section()[:10], "a pcapng section header without its byte-order magic (offset 8)"),
    ],
)
def test_no_capture(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(CaptureError) as caught:
        open_capture(path)
    assert str(caught.value) == f"{path}: {message}"


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        open_capture(tmp_path / "none.pcap")
    with pytest.raises(CaptureError, match="Is a directory"):
        open_capture(tmp_path)


@pytest.mark.parametrize("cut", [1, 16, 17, 40])
def test_a_cut_keeps_everything_before_it(cut: int, tmp_path: Path) -> None:
    whole = made.pcap([HELLO] * 5)
    capture, _ = read(whole[:-cut], tmp_path)
    last = len(whole) - len(HELLO) - 16
    assert capture.packets == 4
    assert [(d.code, d.offset) for d in capture.defects] == [("truncated-record", last)]
    ng = made.section() + made.interface() + made.enhanced(HELLO, 1) + made.enhanced(HELLO, 2)
    capture, _ = read(ng[:-cut], tmp_path)
    assert capture.packets == 1
    assert [d.code for d in capture.defects] == ["truncated-record"]


def test_a_damaged_record_leaves_a_gap(tmp_path: Path) -> None:
    data = bytearray(made.pcap([HELLO] * 10))
    third = 24 + 2 * (16 + len(HELLO))
    data[third + 8 : third + 12] = b"\xff\xff\xff\x7f"
    capture, _ = read(bytes(data), tmp_path)
    assert capture.packets == 9
    assert [(d.code, d.offset) for d in capture.defects] == [("damaged-record", third)]
    assert f"octets {third} to {third + 16 + len(HELLO)}" in capture.defects[0].detail
    blocks = [made.enhanced(HELLO, i) for i in range(10)]
    blocks[4] = b"\xff" * len(blocks[4])
    capture, _ = read(made.section() + made.interface() + b"".join(blocks), tmp_path)
    assert capture.packets == 9
    assert [d.code for d in capture.defects] == ["damaged-record"]


def test_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(made.pcap([HELLO] * 300, step_us=1))
    capture, _ = read(packed, tmp_path)
    assert (capture.packets, capture.defects, capture.bytes) == (300, (), len(packed))
    assert capture.sha256 == hashlib.sha256(packed).hexdigest()
    cut, _ = read(packed[:-20], tmp_path)
    assert "damaged-compression" in {d.code for d in cut.defects}


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made.pcap([HELLO] * 2)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    capture = open_capture("-")
    assert len(joined(capture).frame) == 2
    assert capture.sha256 == hashlib.sha256(data).hexdigest()


def test_a_growing_file_gives_whole_records_only(tmp_path: Path) -> None:
    path = tmp_path / "live.pcapng"
    head = made.section() + made.interface()
    records = [made.enhanced(HELLO, tick) for tick in range(4)]
    path.write_bytes(head)
    with open_capture(path, follow=True) as capture:
        assert capture.poll() == []
        seen = []
        stream = head + b"".join(records)
        for end in range(len(head), len(stream) + 1, 7):
            path.write_bytes(stream[:end])
            seen += [frame for batch in capture.poll() for frame in batch.frame.tolist()]
            assert len(seen) == (end - len(head)) // len(records[0])
        assert capture.defects == ()
        assert capture.sha256 is None
        path.write_bytes(stream + statistics_with_drops())
        seen += [frame for batch in capture.poll() for frame in batch.frame.tolist()]
        capture.finish()
        assert seen == [1, 2, 3, 4]
        assert capture.interface_drops == 12
        assert capture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def statistics_with_drops() -> bytes:
    return made.statistics(0, 12, 0)


def test_any_split_into_batches_gives_the_same(tmp_path: Path) -> None:
    datagram = made.udp(made.rtp(5, body=bytes(100)))
    frames = [made.ethernet(made.ipv4(datagram[:64], identification=i, fragment=0x2000)) for i in range(5)]
    frames += [HELLO] * 7
    frames += [made.ethernet(made.ipv4(datagram[64:], identification=i, fragment=8)) for i in range(5)]
    capture, columns = read(made.pcap(frames), tmp_path)
    assert columns.transport.tolist() == [Transport.FRAGMENT] * 5 + [Transport.UDP] * 12
    for size in (1, 2, 5, 16, 17):
        again = joined(capture, size)
        for name, one, other in zip(Columns._fields, columns, again, strict=True):
            if name not in ("payload_offset", "header_offset"):  # places in the side of each batch
                assert np.array_equal(one, other), name


@pytest.mark.parametrize("seed", range(4))
def test_mutated_captures_raise_nothing_else(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    pieces = [
        HELLO,
        made.ethernet(made.ipv6(made.udp(made.rtp(1)))),
        made.ethernet(made.ipv4(bytes(8), fragment=0x2000)),
    ]
    blocks = made.enhanced(HELLO, 1) + made.statistics(0, 1, 1) + made.enhanced(HELLO, 2) + made.simple(HELLO)
    samples = [made.pcap(pieces * 3), made.section() + made.interface() + blocks]
    for _ in range(150):
        data = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.choice((0, 255, chance.randrange(256)))
        data = data[: chance.choice((len(data), chance.randrange(len(data))))]
        try:
            capture, columns = read(bytes(data), tmp_path)
        except CaptureError:
            continue
        assert capture.packets == len(columns.frame)
        assert (columns.payload_octets >= 0).all()
        assert (columns.payload_octets <= columns.wire_octets).all()


@pytest.mark.captures
@pytest.mark.tool("capinfos")
def test_packet_counts_equal_capinfos(captures: Path) -> None:
    files = sorted(path for path in captures.rglob("*.pcap*") if path.suffix in (".pcap", ".pcapng", ".gz"))
    assert len(files) > 100
    told = subprocess.run(
        ["capinfos", "-c", "-M", "-T", "-r", *map(str, files)], capture_output=True, text=True, check=False
    )
    expected = {line.split("\t")[0]: int(line.split("\t")[1]) for line in told.stdout.splitlines()}
    assert len(expected) == len(files)
    for path in files:
        with open_capture(path) as capture:
            assert sum(len(batch) for batch in capture.batches()) == expected[str(path)], path

# SPDX-License-Identifier: GPL-2.0-only
"""One call seen from two points: one call, each message once, the clocks' offset told, media bound all the same."""

import io
import struct
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.capture.writer import PcapngWriter
from analyzer.model.evidence import Wire
from analyzer.model.report import Report
from pcaps.calls import Packet
from pcaps.flow_script import FlowScript, write_capture
from pcaps.psk_calls import KEYS, psk_call
from pcaps.rtsp_keys import session
from pcaps.rtsp_session import Carriage
from tests.captures.end_to_end import ring_of

HOUR_NS = 3_600_000_000_000


def written(path: Path, packets: list[Packet]) -> Path:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, comment="")
    for packet in packets:
        writer.write(packet.timestamp_ns, packet.frame)
    path.write_bytes(stream.getvalue())
    return path


def is_from_alice(frame: bytes) -> bool:
    return frame[26:30] == bytes((192, 0, 2, 10))


def seen_from_bob(packets: tuple[Packet, ...], offset_ns: int, transit_ns: int = 30_000_000) -> list[Packet]:
    """What a tap at Bob's side sees: Alice's packets later, Bob's earlier, all by another clock."""
    moved = [
        Packet(one.timestamp_ns + offset_ns + (transit_ns if is_from_alice(one.frame) else -transit_ns), one.frame)
        for one in packets
    ]
    return sorted(moved, key=lambda packet: packet.timestamp_ns)


def both(tmp_path: Path, offset_ns: int, *, second_only: bool = False) -> Report:
    packets = psk_call("points").packets()
    media = [one for one in packets if struct.unpack(">H", one.frame[36:38])[0] != 5060]
    signalling = [one for one in packets if struct.unpack(">H", one.frame[36:38])[0] == 5060]
    first = written(tmp_path / "a.pcapng", signalling if second_only else list(packets))
    second = written(tmp_path / "b.pcapng", seen_from_bob((*signalling, *media), offset_ns))
    return audit([first, second], ring=ring_of(KEYS))


@pytest.mark.parametrize("offset_ns", [0, 2_500_000_000, -HOUR_NS, 26 * HOUR_NS])
def test_two_points_are_one_call(tmp_path: Path, offset_ns: int) -> None:
    report = both(tmp_path, offset_ns)
    (call,) = report.calls
    assert len(call.call.messages) == 6
    assert all(message.retransmission_of is None for message in call.call.messages)
    assert [capture.clock_offset_ns for capture in report.captures] == [None, offset_ns]
    (media,) = call.media
    assert {(stream.bound.stream.capture, stream.authenticated) for stream in media.streams} == {(0, 60), (1, 60)}
    assert len(media.streams) == 4
    assert not report.streams
    assert any("6 message(s) that both show count once" in note for note in report.notes)
    failed = [outcome.rule for outcome in call.outcomes if outcome.outcome.value in ("fail", "unknown")]
    assert not failed


def test_media_that_only_the_second_point_shows_belongs_to_the_call(tmp_path: Path) -> None:
    report = both(tmp_path, 26 * HOUR_NS, second_only=True)
    ((media,),) = (call.media for call in report.calls)
    assert [stream.wire for stream in media.streams] == [Wire.PROVED, Wire.PROVED]
    assert not report.streams


def test_captures_that_share_nothing_keep_their_times(tmp_path: Path) -> None:
    first = written(tmp_path / "a.pcapng", list(psk_call("one").packets()))
    second = written(tmp_path / "b.pcapng", list(psk_call("two").packets()))
    report = audit([first, second], ring=ring_of(KEYS))
    assert [capture.clock_offset_ns for capture in report.captures] == [None, None]
    assert len(report.calls) == 2
    assert not report.notes


def test_a_retransmission_stays_one_in_both_captures(tmp_path: Path) -> None:
    packets = list(psk_call("again").packets())
    packets.insert(1, Packet(packets[0].timestamp_ns + 500_000, packets[0].frame))
    first = written(tmp_path / "a.pcapng", packets)
    second = written(tmp_path / "b.pcapng", packets)
    (call,) = audit([first, second]).calls
    assert [message.retransmission_of for message in call.call.messages].count(None) == 6
    assert len(call.call.messages) == 7


def test_an_rtsp_session_from_two_points(tmp_path: Path) -> None:
    packets = session("points", Carriage.INTERLEAVED).packets()
    first = written(tmp_path / "a.pcapng", list(packets))
    second = written(tmp_path / "b.pcapng", [Packet(one.timestamp_ns + HOUR_NS, one.frame) for one in packets])
    report = audit([first, second])
    (call,) = report.calls
    assert len(call.call.messages) == 8
    assert len(call.media[0].streams) == 2


def through_a_proxy(folder: Path, offset_ns: int, *, keep_call_id: bool, media: bool = True) -> Report:
    """One call before and behind an element 3 ms away, which rewrites what each hop has of its own."""
    lines = "A>P INVITE A\nP>A 100\nP>A 180\nP>A 200 B\nA>P ACK\n" + ("A~B 12\n" if media else "") + "A>P BYE\nP>A 200"
    near = FlowScript("near").run(lines)
    there = ":".join(near[0][1].split(":")[:1])
    far = []
    for time_ns, source, destination, octets in near:
        way = 3_000_000 if source.startswith(there) else -3_000_000
        if octets.startswith(b"SIP/2.0") or b" SIP/2.0\r\n" in octets:
            octets = octets.replace(b"branch=z9hG4bK", b"branch=z9hG4bKfar")
            octets = octets if keep_call_id else octets.replace(b"near-1@", b"far-1@")
            source, destination = source.replace("10.20", "10.30"), destination.replace("10.20", "10.30")
        far.append((time_ns + way + offset_ns, source, destination, octets))
    for name, datagrams in (("a", near), ("b", far)):
        (folder / f"{name}.pcapng").write_bytes(write_capture(datagrams))
    return audit([folder / "a.pcapng", folder / "b.pcapng"])


@pytest.mark.parametrize("offset_ns", [0, 26 * HOUR_NS, -7_000_000])
def test_clocks_are_set_by_transactions_where_a_proxy_rewrites_messages(offset_ns: int, tmp_path: Path) -> None:
    report = through_a_proxy(tmp_path, offset_ns, keep_call_id=True, media=False)
    assert [capture.clock_offset_ns for capture in report.captures] == [None, offset_ns]
    (note,) = report.notes
    assert "an element between the two rewrites, within 0.003000 s" in note
    assert "0 message(s)" in note


@pytest.mark.parametrize("offset_ns", [0, 50_000_000_000, -7_000_000])
def test_clocks_are_set_by_media_where_the_calls_are_others(offset_ns: int, tmp_path: Path) -> None:
    report = through_a_proxy(tmp_path, offset_ns, keep_call_id=False)
    assert [capture.clock_offset_ns for capture in report.captures] == [None, offset_ns]
    (note,) = report.notes
    assert "by media packets that both show, within 0.003000 s" in note
    assert len(report.calls) == 2


def test_media_that_comes_again_after_minutes_sets_no_clock(tmp_path: Path) -> None:
    report = through_a_proxy(tmp_path, 70_000_000_000, keep_call_id=False)
    assert [capture.clock_offset_ns for capture in report.captures] == [None, None]
    assert [call.call.other_legs for call in report.calls] == [(), ()]


def test_one_direction_alone_says_so(tmp_path: Path) -> None:
    packets = FlowScript("one").run("A>B INVITE A")
    later = [(time_ns + 5_000_000, *rest) for time_ns, *rest in packets]
    for name, datagrams in (("a", packets), ("b", later)):
        (tmp_path / f"{name}.pcapng").write_bytes(write_capture(datagrams))
    (note,) = audit([tmp_path / "a.pcapng", tmp_path / "b.pcapng"]).notes
    assert "0.005000 s ahead" in note
    assert "by one direction alone" in note

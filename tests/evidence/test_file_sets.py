# SPDX-License-Identifier: GPL-2.0-only
"""Files that one capture was written into are read as one; what only looks like that is not."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import capture_frames as made
import pytest

from analyzer.api import audit
from analyzer.capture.file_sets import MAX_PAUSE_NS, FileEnd, goes_on, plan_sets
from analyzer.capture.source import CaptureHead
from analyzer.evidence import readers_ahead, reading_ahead
from analyzer.forked import ForkedWork
from analyzer.model.evidence import FrameRef
from analyzer.model.report import Report
from reports.json_report import render_json

SECOND_NS = 1_000_000_000
BODY = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
INVITE = (
    b"INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n"
    b"Call-ID: joint\r\nCSeq: 1 INVITE\r\nContact: <sip:a@a>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
FIRST, SECOND = "tap_00001_20240101120000.pcap", "tap_00002_20240101120005.pcap"


def segments(*cuts: int) -> list[bytes]:
    """The INVITE over TCP in segments."""
    ends = zip((0, *cuts), (*cuts, len(INVITE)), strict=True)
    return [made.ethernet(made.ipv4(made.tcp(INVITE[start:stop], 1000 + start), 6)) for start, stop in ends]


def fragments() -> list[bytes]:
    """The INVITE over UDP in two IP fragments."""
    whole = made.udp(INVITE)
    return [
        made.ethernet(made.ipv4(whole[:160], fragment=0x2000)),
        made.ethernet(made.ipv4(whole[160:], fragment=160 // 8)),
    ]


def files(folder: Path, first: list[bytes], second: list[bytes], names: Sequence[str] = (FIRST, SECOND)) -> list[Path]:
    """Two captures, of which the second begins when the first has ended."""
    octets = made.pcap([*first, *second])
    size = len(made.pcap(first))
    paths = [folder / name for name in names]
    paths[0].write_bytes(octets[:size])
    paths[1].write_bytes(octets[:24] + octets[size:])
    return paths


def rtp(number: int) -> bytes:
    return made.ethernet(made.ipv4(made.udp(made.rtp(number), 4000, 5000)))


def messages_of(report: Report) -> list[FrameRef]:
    return [message.ref for call in report.calls for message in call.call.messages]


@pytest.mark.parametrize("packets", [segments(60, 200), fragments()], ids=["tcp", "fragments"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_message_that_the_joint_cuts_is_whole(packets: list[bytes], jobs: int, tmp_path: Path) -> None:
    report = audit(files(tmp_path, packets[:1], packets[1:]), jobs=jobs)
    (call,) = report.calls
    assert call.call.messages[0].sip.raw == INVITE
    assert messages_of(report) == [FrameRef(1, len(packets) - 1)]
    assert [capture.continues for capture in report.captures] == [None, 0]
    assert not any(capture.defects for capture in report.captures)
    assert [note for note in report.notes if "goes on where" in note]


@pytest.mark.parametrize("packets", [segments(60, 200), fragments()], ids=["tcp", "fragments"])
def test_files_of_other_names_stay_apart(packets: list[bytes], tmp_path: Path) -> None:
    report = audit(files(tmp_path, packets[:1], packets[1:], ("tap1.pcap", "tap2.pcap")))
    assert [capture.continues for capture in report.captures] == [None, None]
    assert not any(message.sip.raw == INVITE for call in report.calls for message in call.call.messages)


def test_a_fragment_without_its_rest_is_told_once_at_the_end(tmp_path: Path) -> None:
    report = audit(files(tmp_path, fragments()[:1], [rtp(1)]))
    told = [[defect.code for defect in capture.defects] for capture in report.captures]
    assert told == [[], ["fragment-incomplete"]]


def test_a_stream_over_the_joint_is_one_with_the_loss_there(tmp_path: Path) -> None:
    report = audit(files(tmp_path, [rtp(number) for number in range(100)], [rtp(number) for number in range(103, 150)]))
    (stream,) = report.streams
    assert (stream.audit.packets, stream.audit.lost) == (147, 3)
    assert (stream.audit.first, stream.audit.last) == (FrameRef(0, 1), FrameRef(1, 47))
    assert [capture.media_packets for capture in report.captures] == [100, 47]


def test_a_message_repeated_behind_the_joint_names_what_it_repeats(tmp_path: Path) -> None:
    again = made.ethernet(made.ipv4(made.udp(INVITE)))
    report = audit(files(tmp_path, [rtp(1), again], [again]))
    (call,) = report.calls
    assert [(one.ref, one.retransmission_of) for one in call.call.messages] == [
        (FrameRef(0, 2), None),
        (FrameRef(1, 1), FrameRef(0, 2)),
    ]


def test_the_same_time_is_two_taps(tmp_path: Path) -> None:
    packets = [made.ethernet(made.ipv4(made.udp(INVITE))), *map(rtp, range(60))]
    first, second = files(tmp_path, packets, packets)
    shutil.copy(first, second)
    report = audit([first, second])
    assert [capture.continues for capture in report.captures] == [None, None]
    assert [capture.clock_offset_ns for capture in report.captures] == [None, 0]
    assert messages_of(report) == [FrameRef(0, 1)]


def test_the_order_on_the_command_line_does_not_matter(tmp_path: Path) -> None:
    packets = segments(60, 200)
    second, first = files(tmp_path, packets[:2], packets[2:])[::-1]
    report = audit([second, first])
    assert [capture.continues for capture in report.captures] == [1, None]
    assert messages_of(report) == [FrameRef(0, 1)]


@pytest.mark.parametrize(
    "names",
    [
        ("x_00009_20240101120000.pcapng", "x_00010_20240101120100.pcapng"),  # dumpcap -b, editcap -c
        ("x.pcap", "x.pcap1"),  # tcpdump -C
        ("x.pcap09", "x.pcap10"),  # tcpdump -C -W
        ("x-2024-01-01_12:00:00.pcap", "x-2024-01-01_12:01:00.pcap"),  # tcpdump -G
        ("x_00001_20240101120000.pcap.gz", "x_00002_20240101120100.pcap.gz"),
    ],
)
def test_names_of_sets(names: tuple[str, str]) -> None:
    assert len(plan_sets(names)) == 1


@pytest.mark.parametrize("names", [("tap1.pcap", "tap2.pcap"), ("a_00001.pcap", "b_00002.pcap"), ("-", "a.pcap")])
def test_names_of_different_captures(names: tuple[str, str]) -> None:
    assert len(plan_sets(names)) == 2


def test_what_goes_on() -> None:
    end = FileEnd(CaptureHead("pcap", (1,), 100 * SECOND_NS), 200 * SECOND_NS)
    assert goes_on(end, CaptureHead("pcap", (1,), 200 * SECOND_NS))
    assert goes_on(end, CaptureHead("pcap", (1,), 200 * SECOND_NS - 50_000_000))  # packets are a little out of order
    assert goes_on(end, CaptureHead("pcap", (1,), 0))  # empty
    assert not goes_on(end, CaptureHead("pcap", (1,), 199 * SECOND_NS))
    assert not goes_on(end, CaptureHead("pcap", (1,), 200 * SECOND_NS + MAX_PAUSE_NS + 1))
    assert not goes_on(end, CaptureHead("pcapng", (1,), 200 * SECOND_NS))
    assert not goes_on(end, CaptureHead("pcap", (113,), 200 * SECOND_NS))


class WorkHere(ForkedWork):
    """What a child would do, done at once by this process."""

    started = 0

    def __init__(self, produce: Callable[[], Iterable[bytes]]) -> None:
        self._pieces = list(produce())
        WorkHere.started += 1

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        """Nothing is at work."""


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> type[WorkHere]:
    monkeypatch.setattr(readers_ahead, "MIN_MESSAGES", 0)
    monkeypatch.setattr(reading_ahead, "ForkedWork", WorkHere)
    monkeypatch.setattr(reading_ahead, "can_fork", lambda: True)
    monkeypatch.setattr(WorkHere, "started", 0)
    return WorkHere


def test_many_small_captures_are_read_by_children_and_give_the_same(tmp_path: Path, children: type[WorkHere]) -> None:
    paths = [tmp_path / f"site{number}.pcap" for number in range(5)]
    for number, path in enumerate(paths):
        invites = [INVITE.replace(b"Call-ID: joint", b"Call-ID: %d-%d" % (number, call)) for call in range(20)]
        path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(invite))) for invite in invites]))
    paths[3].write_bytes(b"no capture")
    alone = render_json(audit(paths))
    for jobs in (2, 3):
        children.started = 0
        assert render_json(audit(paths, jobs=jobs)) == alone
        assert children.started == 4
    assert json.loads(alone)["summary"]["calls"] == 80


def test_children_of_a_set_give_way_where_a_datagram_lies_over_the_joint(
    tmp_path: Path, children: type[WorkHere]
) -> None:
    first, second = fragments()
    more = made.ethernet(made.ipv4(made.udp(INVITE.replace(b"Call-ID: joint", b"Call-ID: other"))))
    paths = files(tmp_path, [more, first], [second, more])
    alone = render_json(audit(paths))
    assert render_json(audit(paths, jobs=2)) == alone
    assert json.loads(alone)["summary"]["calls"] == 2
    assert children.started == 2

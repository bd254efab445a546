# SPDX-License-Identifier: GPL-2.0-only
"""A capture read ahead by a child says what it says when it is read here, whatever becomes of the child."""

import contextlib
import marshal
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import capture_frames as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.capture.account import CaptureAccount
from analyzer.capture.source import Capture, open_capture
from analyzer.errors import CaptureError
from analyzer.evidence import reading_ahead
from analyzer.evidence.packets import SignallingDatagram
from analyzer.evidence.reading import Reading
from analyzer.evidence.reading_ahead import CaptureReader, is_mostly_signalling, iter_pieces, open_reader, start_reading
from analyzer.forked import ForkedWork, WorkLost
from analyzer.model.evidence import MediaEvidence, SignallingMessage
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sip import pack_sip, parse_sip, unpack_sip
from tests.bench.captures import write_call_capture

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "pcaps").glob("*.pcapng"))
CAPTURES = (".pcap", ".pcapng", ".cap")
HEADERS = b"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\n"
INVITE = b"INVITE sip:b@b SIP/2.0\r\n" + HEADERS + b"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
PLAIN = INVITE + b"Content-Length: 0\r\n\r\n"
MIKEY = INVITE + b"Content-Type: application/mikey\r\nContent-Length: 4\r\n\r\n\1\2\3\4"
ODD = b"\r\nINVITE sip:b@b  SIP/2.0\r\n" + HEADERS + b"CSeq: x INVITE\r\nc: a\r\nC: b\r\n\r\nbody \xff"
SHORT = b"INVITE sip:b@b SIP/2.0\r\nCall-ID: \xc3\xa9\xff"
UNREADABLE = b"SIP/2.0 nothing\r\n\r\n"
CALLER = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"

Told = tuple[list[Any], CaptureAccount, Any]


class LostWork(ForkedWork):
    """A child that is lost after some pieces, without a process."""

    def __init__(self, pieces: Iterable[bytes], stop: int | None = None) -> None:
        self._pieces, self._stop = list(pieces), stop

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces[: self._stop]
        if self._stop is not None:
            raise WorkLost

    def close(self) -> None:
        """Nothing is at work."""


def flows_of(media: MediaEvidence) -> list[Any]:
    flows = (*media.streams, *media.rtcp, *media.dtls, *media.zrtp, *media.stun)
    return [
        (flow.source, flow.destination, list(flow.frame), [flow.payload(index) for index in range(len(flow))])
        for flow in flows
    ]


def read(reader: CaptureReader, index: int = 3) -> Told:
    """All that comes out of a reader; messages as plain values, because equal octets make messages equal."""
    reading = Reading(index)
    messages = [one for batch, ahead in reader.batches(index) for one in reading.feed(batch, ahead)]
    messages += reading.finish()
    messages.sort(key=lambda message: message.frame)
    told = [(*each[:6], tuple(each[6])) for each in messages]
    facts = reading.facts(reader.capture, reader.account)
    rest = (facts.packets, facts.first_time_ns, facts.last_time_ns, facts.media_packets, reading.key_log)
    return told, reader.account, (rest, reading.defects, sorted(reading.mikey), flows_of(reading.media.evidence()))


def ahead(path: Path, stop: int | None = None, waiting: bytes = b"\0") -> CaptureReader:
    """A reader of what a child would have sent, up to the piece where it was lost."""
    return CaptureReader(open_capture(path), LostWork(iter_pieces(open_capture(path), waiting), stop))


def here(path: Path) -> CaptureReader:
    return CaptureReader(open_capture(path))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_read_ahead_are_what_they_are(path: Path) -> None:
    assert read(ahead(path)) == read(here(path))


def test_real_captures_read_ahead_are_what_they_are(captures: Path) -> None:
    found = [path for path in sorted(captures.rglob("*")) if path.suffix in CAPTURES and path.stat().st_size < 1 << 20]
    compared = 0
    for path in found:
        with contextlib.suppress(CaptureError):
            assert read(ahead(path)) == read(here(path)), path
            compared += 1
    assert compared > 80


PAYLOADS = st.sampled_from([PLAIN, MIKEY, ODD, SHORT, UNREADABLE, CALLER, made.rtp(7), b"", b"hello"])


@st.composite
def _packets(draw: st.DrawFn) -> bytes:
    payload = draw(PAYLOADS)
    kind = draw(st.sampled_from(["udp", "ipv6", "tcp", "fragments"]))
    if kind == "tcp":
        return made.ethernet(made.ipv4(made.tcp(payload, draw(st.integers(1, 4)) * 100), 6))
    if kind == "ipv6":
        return made.ethernet(made.ipv6(made.udp(payload)))
    if kind == "fragments":
        whole, part = made.udp(payload.ljust(64, b"\0")), draw(st.integers(0, 1))
        pieces = [made.ipv4(whole[:32], fragment=0x2000), made.ipv4(whole[32:], fragment=4)]
        return made.ethernet(pieces[part])
    return made.ethernet(made.ipv4(made.udp(payload, draw(st.sampled_from([5060, 554, 2269])))))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packets=st.lists(_packets(), max_size=24),
    size=st.integers(1, 25),
    stop=st.none() | st.integers(0, 30),
    waiting=st.sampled_from([b"\0", b"\1"]),
)
def test_wherever_batches_are_cut_and_the_child_is_lost(
    packets: list[bytes], size: int, stop: int | None, waiting: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mixed.pcap"
    path.write_bytes(made.pcap(packets) + b"cut")
    expected = read(here(path))
    monkeypatch.setattr(reading_ahead, "BATCH_PACKETS", size)
    assert read(ahead(path, stop, waiting)) == expected


@pytest.mark.parametrize("raw", [PLAIN, MIKEY, ODD, SHORT])
def test_a_packed_message_is_the_same_message(raw: bytes) -> None:
    message = parse_sip(raw)
    again = unpack_sip(raw, marshal.loads(marshal.dumps(pack_sip(message))))
    assert tuple(again) == tuple(message)
    assert again.section.names == message.section.names
    assert again.headers == message.headers
    assert [type(defect) for defect in again.defects] == [type(defect) for defect in message.defects]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PLAIN.split(b"\r\n") + ODD.split(b"\r\n") + [b"v: x", b"\xe2\x82"])))
def test_any_message_packs(lines: list[bytes]) -> None:
    raw = b"\r\n".join([b"INVITE sip:b@b SIP/2.0", *lines])
    try:
        message = parse_sip(raw)
    except GrammarError:
        return
    assert tuple(unpack_sip(raw, marshal.loads(marshal.dumps(pack_sip(message))))) == tuple(message)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("stop", [0, 1, 3, None])
def test_a_real_child_and_one_that_is_killed(stop: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_ahead, "BATCH_PACKETS", 40)
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 30, sdes=True)

    def produce(capture: Capture) -> Iterator[bytes]:
        for number, piece in enumerate(iter_pieces(capture)):
            if number == stop:
                os.kill(os.getpid(), signal.SIGKILL)
            yield piece

    capture = open_capture(path)
    with CaptureReader(capture, ForkedWork(lambda: produce(capture))) as reader:
        assert read(reader) == read(here(path))


def test_an_error_of_the_child_is_met_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 3, sdes=False)
    pieces = list(iter_pieces(open_capture(path)))

    def fail(_self: Capture, _packets: int) -> Any:
        raise ZeroDivisionError("a fault of the scan")

    monkeypatch.setattr(Capture, "_next_batch", fail)
    with pytest.raises(ZeroDivisionError, match="a fault of the scan"):
        read(CaptureReader(open_capture(path), LostWork(pieces, 0)))


def test_what_is_worth_a_child(tmp_path: Path) -> None:
    calls, media = tmp_path / "calls.pcap", tmp_path / "media.pcap"
    write_call_capture(calls, 800, sdes=True)
    octets = calls.read_bytes()
    assert is_mostly_signalling(octets)
    assert not is_mostly_signalling(octets[: len(octets) // 4])
    media.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(made.rtp(7, body=bytes(160)))))] * 9) * 900)
    assert not is_mostly_signalling(media.read_bytes())


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_small_capture_is_read_here(jobs: int, tmp_path: Path) -> None:
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 3, sdes=False)
    with open_reader(path, jobs) as reader:
        assert reader.is_ahead is False


def test_what_cannot_be_opened_is_left_to_whoever_asks(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"no capture at all")
    for path in (bad, tmp_path / "missing.pcap", "-"):
        with start_reading(path, 2) as reader:
            assert reader is None


def test_messages_are_of_the_capture_that_asked(tmp_path: Path) -> None:
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 1, sdes=False)
    (messages,) = (found for _, found in ahead(path).batches(5))
    assert messages is not None
    assert all(isinstance(message, SignallingMessage) and message.capture == 5 for message in messages)


def test_a_parent_that_waits_is_given_work(tmp_path: Path) -> None:
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 2, sdes=False)
    waiting = bytearray(1)
    seen = []

    def pieces() -> Iterator[bytes]:
        for piece in iter_pieces(open_capture(path), waiting):
            seen.append(waiting[0])
            yield piece

    class Lazy(LostWork):
        def __iter__(self) -> Iterator[bytes]:
            return pieces()

    reader = CaptureReader(open_capture(path), Lazy(()), waiting)
    (found,) = (found for _, found in reader.batches(0))
    assert (seen, waiting[0]) == ([1, 1], 0)
    assert [type(message) for message in found or ()] == [SignallingDatagram] * 14


WHOLE = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from analyzer.api import audit
from analyzer.evidence import readers_ahead, reading_ahead
from analyzer.evidence.reading_ahead import open_reader
from reports.json_report import render_json

reading_ahead.MIN_MESSAGES, reading_ahead.MAX_OCTETS_PER_MESSAGE, reading_ahead.BATCH_PACKETS = 0, 1 << 40, 16
readers_ahead.MIN_MESSAGES = 0
for path in sys.argv[1:]:
    with open_reader(path, 2) as reader:
        assert reader.is_ahead, path
    assert render_json(audit([path], jobs=2)) == render_json(audit([path])), path
several = sys.argv[1:3]
assert render_json(audit(several, jobs=2)) == render_json(audit(several)), several
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("the same, and no child left")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody forks")
def test_whole_reports_are_the_same(tmp_path: Path) -> None:
    calls = tmp_path / "calls.pcap"
    write_call_capture(calls, 60, sdes=True)
    paths = [str(path) for path in (calls, *SAMPLES[::3])]
    # A process of its own: pytest's has threads.
    told = subprocess.run([sys.executable, "-c", WHOLE, *paths], capture_output=True, text=True, check=False)
    assert (told.stderr, told.stdout) == ("", "the same, and no child left\n")


ABANDONED = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from analyzer.evidence.reading_ahead import start_reading

try:
    with start_reading(sys.argv[1], 2) as reader:
        assert reader.is_ahead
        raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child left")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody forks")
def test_an_interruption_ends_the_child(tmp_path: Path) -> None:
    path = tmp_path / "calls.pcap"
    write_call_capture(path, 1000, sdes=False)
    told = subprocess.run([sys.executable, "-c", ABANDONED, str(path)], capture_output=True, text=True, check=False)
    assert (told.stderr, told.stdout) == ("", "no child left\n")

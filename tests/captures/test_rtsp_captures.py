# SPDX-License-Identifier: GPL-2.0-only
"""GStreamer's RTSP sessions: every packet authenticates, the audio is what its client heard, however it is carried."""

import base64
import io
import re
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.opening import context_that_opened, iter_clear_rtp
from analyzer.model.call import CallState, Party, Side
from analyzer.model.evidence import Wire
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedCall, Report
from dissectors.grammar.rtp import parse_rtp_header
from pcaps.calls import ALICE, BOB, Packet
from pcaps.rtsp_session import COOKIE, TUNNELLED, Connection
from tests.captures.end_to_end import report_of, sidecar_of
from tests.srtp.srtp_peers import read_datagrams

pytestmark = pytest.mark.captures

FOLDER = "peers/gst_rtsp"
SERVER_PORT, CLIENT_PORT, MEDIA_PORT = 8554, 46476, 48550


def one_call(report: Report) -> AuditedCall:
    (call,) = report.calls
    assert call.call.protocol == "rtsp"
    assert (call.call.state, len(call.call.messages)) == (CallState.ENDED, 12)
    return call


def heard(call: AuditedCall) -> bytes:
    """The G.711 octets of the server's stream as its keys open it."""
    (media,) = call.media
    (stream,) = media.streams
    packets = iter_clear_rtp(stream, context_that_opened(stream, media.keying, KeyRing()))
    return b"".join(packet.octets[parse_rtp_header(packet.octets).header_octets :] for packet in packets)


def test_savp_with_mikey_both_ways(captures: Path) -> None:
    facts = sidecar_of(f"{FOLDER}/savp_udp.pcap")
    report = report_of(f"{FOLDER}/savp_udp.pcap")
    call = one_call(report)
    (media,) = call.media
    assert (media.verdict, media.reasons) == (Verdict.CONFORM, ())
    assert media.line.offer is not None
    assert media.line.answer is not None
    assert (media.line.offer.body.party, media.line.answer.body.party) == (Party.CALLEE, Party.CALLER)
    (stream,) = media.streams
    assert (stream.wire, stream.bound.sent_by) == (Wire.PROVED, Side.OFFERER)
    check = facts["independent_python_check"]
    assert (stream.authenticated, stream.failed) == (check["rtp_ok"], 0)
    assert stream.rtcp.authenticated + media.lone_rtcp.authenticated == check["rtcp_ok"]
    offered, answered = facts["mikey_server_sdp"][0], facts["mikey_client_keymgmt"][0]
    for side, fact, ssrc in ((Side.OFFERER, offered, stream.bound.stream.ssrc), (Side.ANSWERER, answered, None)):
        (key,) = [key for key in media.keying.keys if key.sender is side]
        assert key.key.reveal() + key.salt.reveal() == bytes.fromhex(fact["kemac"]["key"])
        assert f"{key.ssrc:08x}" == fact["cs"][0]["ssrc"]
        assert ssrc in (None, key.ssrc)
    assert heard(call).startswith((captures / FOLDER / "savp_udp.client.law").read_bytes())
    assert report.notes == ("2 packets look like RTP but form no stream; they were not judged",)
    outcomes = {outcome.rule: outcome.outcome.value for outcome in call.outcomes}
    assert (outcomes["MKY-001"], outcomes["MKY-025"], outcomes["SRT-003"]) == ("fail", "unknown", "pass")


def test_plain_rtp(captures: Path) -> None:
    call = one_call(report_of(f"{FOLDER}/avp_udp.pcap"))
    (media,) = call.media
    assert media.verdict is Verdict.UNPROTECTED
    assert media.streams[0].clear == 250
    assert heard(call).startswith((captures / FOLDER / "avp_udp.client.law").read_bytes())


def rewritten(captures: Path, *, tunnel: bool) -> bytes:
    """The session with MIKEY once more: the same messages and packets, interleaved on TCP, or in a tunnel in HTTP."""
    messages = one_call(report_of(f"{FOLDER}/savp_udp.pcap")).call.messages
    datagrams = read_datagrams(captures / FOLDER / "savp_udp.pcap")
    items = [(one.timestamp_ns, one.source.endswith(f":{SERVER_PORT}"), reworded(one.text.raw)) for one in messages]
    start = messages[0].timestamp_ns
    for number, one in enumerate(datagrams):
        at_server = one.destination.endswith((f":{MEDIA_PORT}", f":{MEDIA_PORT + 1}"))
        channel = int(one.destination.endswith((f":{CLIENT_PORT + 1}", f":{MEDIA_PORT + 1}")))
        header = b"$" + bytes([channel]) + len(one.payload).to_bytes(2, "big")
        items.append((start + 100_000_000 + number * 15_000_000, not at_server, header + one.payload))
    main = Connection(ALICE, BOB, 40000, SERVER_PORT, 1000)
    post = Connection(ALICE, BOB, 40001, SERVER_PORT, 2000)
    packets = [*main.open(start - 10_000_000)]
    if tunnel:
        head = f"x-sessioncookie: {COOKIE}\r\nContent-Type: {TUNNELLED}\r\n\r\n"
        packets.append(main.segment(start - 9_000_000, 0, f"GET /x HTTP/1.0\r\n{head}".encode()))
        packets.append(main.segment(start - 8_000_000, 1, f"HTTP/1.0 200 OK\r\n{head}".encode()))
        packets += post.open(start - 7_000_000)
        packets.append(post.segment(start - 6_000_000, 0, f"POST /x HTTP/1.0\r\n{head}".encode()))
    for time_ns, by_server, octets in sorted(items, key=lambda item: item[0]):
        if tunnel and not by_server:
            packets.append(post.segment(time_ns, 0, base64.b64encode(octets)))
        else:
            packets.append(main.segment(time_ns, int(by_server), octets))
    return written(packets)


def reworded(message: bytes) -> bytes:
    """A message whose Transport speaks of channels."""
    return re.sub(rb"RTP/SAVP;unicast;[^\r\n]*", b"RTP/SAVP/TCP;unicast;interleaved=0-1", message)


def written(packets: list[Packet]) -> bytes:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, comment="")
    for packet in packets:
        writer.write(packet.timestamp_ns, packet.frame)
    return stream.getvalue()


@pytest.mark.parametrize("tunnel", [False, True], ids=["interleaved", "tunnelled"])
def test_the_same_session_on_its_connection(captures: Path, tmp_path: Path, tunnel: bool) -> None:
    path = tmp_path / "session.pcapng"
    path.write_bytes(rewritten(captures, tunnel=tunnel))
    report = audit([path])
    call = one_call(report)
    (media,) = call.media
    (stream,) = media.streams
    assert (media.verdict, stream.wire) == (Verdict.CONFORM, Wire.PROVED)
    assert (stream.authenticated, stream.rtcp.authenticated, media.lone_rtcp.authenticated) == (250, 1, 1)
    assert stream.bound.stream.source.endswith(f":{SERVER_PORT}$0")
    assert heard(call).startswith((captures / FOLDER / "savp_udp.client.law").read_bytes())
    assert not any(capture.defects for capture in report.captures)

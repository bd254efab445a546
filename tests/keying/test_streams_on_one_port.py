# SPDX-License-Identifier: GPL-2.0-only
"""Several sources, their RTCP and several media lines on one port: each packet under the right counter and key."""

import base64
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.opening import context_that_opened, iter_clear_rtcp, iter_clear_rtp
from analyzer.model.evidence import Wire
from analyzer.model.report import AuditedCall
from analyzer.srtp.transform import protect_rtcp, protect_rtp
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from tests.cli.command_line import A_RTP, B_RTP, KEY_A, KEY_B, call, pcapng, sdp
from tests.keying.test_calls_with_keys import CM_80, K_A, K_B, Packets, crypto
from tests.keying.test_why_streams_stay_shut import context

SPEECH = bytes(0x80 | place % 37 for place in range(160))
FORTH, BACK = (A_RTP, B_RTP), (B_RTP, A_RTP)


def clear(ssrc: int, first: int, payload_type: int = 0, count: int = 80) -> list[tuple[int, bytes]]:
    """Extended sequence numbers and packets."""
    return [
        (
            number,
            build_rtp_header(
                RtpHeader(
                    payload_type=payload_type,
                    sequence_number=number & 0xFFFF,
                    timestamp=160 * number & 0xFFFFFFFF,
                    ssrc=ssrc,
                )
            )
            + SPEECH,
        )
        for number in range(first, first + count)
    ]


def report(ssrc: int) -> bytes:
    return b"\x80\xc9\0\1" + ssrc.to_bytes(4, "big") + b"\x81\xca\0\2" + ssrc.to_bytes(4, "big") + b"\1\2\0\0"


def sealed(ends: tuple[str, str], key: bytes, *streams: list[tuple[int, bytes]]) -> Packets:
    """The streams in turn, a packet of each after another, and RTCP of each source between them."""
    used = context(key=key)
    packets: Packets = []
    for step in range(max(map(len, streams))):
        for index, stream in enumerate(streams):
            number, packet = stream[step]
            packets.append((*ends, protect_rtp(packet, used, number >> 16)))
            if step % 20 == 0:
                ssrc = int.from_bytes(packet[8:12], "big")
                packets.append((*ends, protect_rtcp(report(ssrc), used, 1 + step + index)))
    return packets


def audited(folder: Path, offer: bytes, answer: bytes, packets: Packets) -> tuple[AuditedCall, int, int]:
    """The call, and how many clear RTP packets and RTCP compounds come out of it."""
    (folder / "x.pcapng").write_bytes(pcapng(call(offer, answer, packets)))
    (found,) = audit([folder / "x.pcapng"]).calls
    rtp = rtcp = 0
    for media in found.media:
        for stream in media.streams:
            opened = context_that_opened(stream, media.keying, KeyRing())
            for packet in iter_clear_rtp(stream, opened):
                assert packet.octets[-160:] == SPEECH
                rtp += 1
            for compound in iter_clear_rtcp(stream.bound, media.keying, opened):
                assert compound.octets == report(int.from_bytes(compound.octets[4:8], "big"))
                rtcp += 1
    return found, rtp, rtcp


def muxed(address: str, port: int, key: str) -> bytes:
    return sdp(address, port, crypto(1, CM_80, key), "rtcp-mux")


def test_sources_with_counters_of_their_own_and_their_rtcp(tmp_path: Path) -> None:
    """One of three sources wraps, one starts late; RTCP goes over the same port (RFC 5761)."""
    forth = sealed(FORTH, K_A, clear(1, 0), clear(2, 65_500), clear(3, (900 << 16) + 7))
    back = sealed(BACK, K_B, clear(4, 100))
    offer, answer = muxed("192.0.2.1", 4000, KEY_A), muxed("192.0.2.2", 6000, KEY_B)
    found, rtp, rtcp = audited(tmp_path, offer, answer, [*forth, *back])
    streams = {stream.bound.stream.ssrc: stream for stream in found.media[0].streams}
    assert sorted(streams) == [1, 2, 3, 4]
    assert {(s.authenticated, s.failed, s.wire) for s in streams.values()} == {(80, 0, Wire.PROVED)}
    assert [defect.code for defect in streams[3].defects] == ["rollover-counter-found"]
    assert (rtp, rtcp) == (320, 16)
    assert sum(s.rtcp.authenticated for s in streams.values()) == 16


def bundled(address: str, port: int, keys: tuple[str, str]) -> bytes:
    """Audio and video in one BUNDLE group (RFC 9143): one port, and the key of the first line for both."""
    body = sdp(address, port, crypto(1, CM_80, keys[0]), "mid:a", "rtcp-mux")
    body = body.replace(b"t=0 0\r\n", b"t=0 0\r\na=group:BUNDLE a v\r\n")
    video = f"m=video {port} RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\na=mid:v\r\na=rtcp-mux\r\n"
    return body + video.encode() + f"a={crypto(1, CM_80, keys[1])}\r\n".encode()


@pytest.mark.parametrize("same", [True, False], ids=["one-key", "a-key-each"])
def test_media_lines_in_a_bundle(tmp_path: Path, same: bool) -> None:
    other_a, other_b = (base64.b64encode(base64.b64decode(key)[::-1]).decode() for key in (KEY_A, KEY_B))
    offer = bundled("192.0.2.1", 4000, (KEY_A, KEY_A if same else other_a))
    answer = bundled("192.0.2.2", 6000, (KEY_B, KEY_B if same else other_b))
    packets = sealed(FORTH, K_A, clear(1, 0)) + sealed(FORTH, K_A if same else K_A[::-1], clear(2, 9, 96))
    packets += sealed(BACK, K_B, clear(3, 0)) + sealed(BACK, K_B if same else K_B[::-1], clear(4, 9, 96))
    found, rtp, rtcp = audited(tmp_path, offer, answer, packets)
    opened = [
        sorted((stream.bound.stream.ssrc, stream.authenticated) for stream in media.streams) for media in found.media
    ]
    assert opened == [[(1, 80), (3, 80)], [(2, 80), (4, 80)]]
    assert rtp == 320
    assert rtcp == 16

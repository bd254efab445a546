# SPDX-License-Identifier: GPL-2.0-only
"""Media of real calls that their keys open: every count, and every octet against what was protected."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_keying import EMPTY
from analyzer.keying.opening import context_that_opened, iter_clear_rtcp, iter_clear_rtp
from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import Keying, StreamAudit
from tests.captures.end_to_end import document_of, report_of, ring_of, sidecar_of, streams_of
from tests.srtp.srtp_peers import read_datagrams

pytestmark = pytest.mark.captures

BARESIP = ["udp_sdes_cm80_mand", "udp_sdes_cm32_mand", "tcp_sdes_cm80_mand"]
LIBSRTP = [
    "base_AES_CM_128_HMAC_SHA1_80",
    "base_AES_CM_128_HMAC_SHA1_32",
    "base_AES_CM_128_HMAC_SHA1_80_with_UNENCRYPTED_SRTCP",
    "base_NULL_HMAC_SHA1_80",
    "loss_reorder_AES_CM_128_HMAC_SHA1_80",
    "mux_AES_CM_128_HMAC_SHA1_80",
    "mki4_AES_CM_128_HMAC_SHA1_80",
]


def truth(path: Path) -> dict[int, bytes]:
    """The clear UDP payload of each frame, read by another reader."""
    return {datagram.frame: datagram.payload for datagram in read_datagrams(path)}


def check_opened(streams: Iterable[tuple[StreamAudit, Keying]], ring: KeyRing, clear: dict[int, bytes]) -> set[int]:
    """Every packet given out as clear equals the truth of its frame; returns the frames."""
    seen: set[int] = set()
    for stream, keying in streams:
        context = context_that_opened(stream, keying, ring)
        rtp = list(iter_clear_rtp(stream, context))
        assert len(rtp) == stream.decrypted + stream.clear + stream.clear_early
        for packet in (*rtp, *iter_clear_rtcp(stream.bound, keying, context)):
            assert packet.octets == clear[packet.frame], packet.frame
            assert packet.frame not in seen
            seen.add(packet.frame)
    return seen


@pytest.mark.parametrize("name", [f"peers/baresip/{name}.pcap" for name in BARESIP])
def test_a_call_with_sdes(captures: Path, name: str) -> None:
    facts = sidecar_of(name)
    report = report_of(name)
    ((media,),) = (call.media for call in report.calls)
    assert [stream.wire for stream in media.streams] == [Wire.PROVED, Wire.PROVED]
    check = facts["independent_python_check"]
    assert sum(stream.authenticated for stream in media.streams) == check["rtp_ok"]
    for stream in media.streams:
        assert stream.authenticated == stream.decrypted == stream.packets
        assert (stream.failed, stream.not_tried, stream.clear) == (0, 0, 0)
        assert stream.bound_key
        assert stream.rtcp.authenticated + stream.rtcp.clear == stream.rtcp.packets
    assert sum(stream.rtcp.clear for stream in media.streams) == len(check["plaintext_rtcp_frames"])
    assert sum(stream.rtcp.authenticated for stream in media.streams) == check["rtcp_ok"]
    clear = truth(captures / name.replace(".pcap", ".clear.pcap"))
    seen = check_opened(((stream, media.keying) for stream in media.streams), KeyRing(), clear)
    assert len(seen) == check["rtp_ok"] + check["rtcp_ok"] + len(check["plaintext_rtcp_frames"])
    outcomes = {outcome.rule: outcome.outcome.value for outcome in report.calls[0].outcomes}
    assert (outcomes["SRT-001"], outcomes["SRT-002"], outcomes["SRT-003"]) == ("pass", "pass", "pass")


def libsrtp_keys(facts: dict[str, Any], *, bound: bool) -> str:
    """A key file with the keys of both senders; the three streams of a sidecar share them."""
    lines = []
    for side in "AB":
        keys = "|".join(
            f"inline:{key['inline']}"
            + (f"|{int(key['mki_hex'], 16)}:{facts[side]['mki_len']}" if key["mki_hex"] else "")
            for key in facts[side]["master_keys"][:1]
        )
        more = "".join(
            f";inline:{key['inline']}|{int(key['mki_hex'], 16)}:{facts[side]['mki_len']}"
            for key in facts[side]["master_keys"][1:]
        )
        line = f"a=crypto:1 {facts[side]['sdes_suite']} {keys}{more} {facts[side]['session_params']}".rstrip()
        to = facts["B_is" if side == "A" else "A_is"].removeprefix("sender ")
        lines.append(f'[[srtp]]\ncrypto = "{line}"\n' + (f'destination = "{to}"\n' if bound else ""))
    return "\n".join(lines)


@pytest.mark.parametrize("bound", [False, True], ids=["any", "bound"])
@pytest.mark.parametrize("stem", LIBSRTP)
def test_streams_of_libsrtp_with_given_keys(captures: Path, stem: str, bound: bool) -> None:
    name = f"peers/libsrtp/{stem}.srtp.pcap"
    facts = sidecar_of(name)
    keys = libsrtp_keys(facts, bound=bound)
    report = audit([captures / name], ring=ring_of(keys))
    assert report.calls == ()
    streams = {f"0x{stream.bound.stream.ssrc:08x}": stream for stream in streams_of(report)}
    for fact in facts["streams"]:
        stream = streams.pop(fact["ssrc"])
        assert (stream.packets, stream.rtcp.packets) == (fact["rtp_in_capture"], fact["rtcp_in_capture"])
        assert (stream.authenticated, stream.failed, stream.wire) == (stream.packets, 0, Wire.PROVED)
        assert stream.rtcp.authenticated == stream.rtcp.packets
        assert stream.suite == facts["A"]["sdes_suite"]
        assert stream.bound_key
    assert streams == {}
    clear = truth(captures / "peers" / "libsrtp" / facts["clear_pcap"])
    assert len(check_opened(((s, EMPTY) for s in streams_of(report)), ring_of(keys), clear)) == facts["frames"]


def test_tampered_packets_are_those_that_fail(captures: Path) -> None:
    name = "peers/libsrtp/tampered_AES_CM_128_HMAC_SHA1_80.srtp.pcap"
    facts = sidecar_of(name)
    ring = ring_of(libsrtp_keys(facts, bound=True))
    report = audit([captures / name], ring=ring)
    streams = streams_of(report)
    kinds = {d.frame: 200 <= d.payload[1] <= 204 for d in read_datagrams(captures / name)}
    media = {frame for frame in facts["tampered_frames"] if not kinds[frame]}
    failed = {frame for stream in streams for frame in stream.failed_frames}
    untried = sum(stream.not_tried for stream in streams)
    assert failed <= media
    assert len(failed) + untried == len(media)
    assert untried <= 1  # a flipped bit can make the header longer than its packet: no tag was there to check
    assert sum(stream.rtcp.failed for stream in streams) == len(facts["tampered_frames"]) - len(media)
    assert {stream.wire for stream in streams} == {Wire.CONTRADICTING}  # 5 % is above what is tolerated
    clear = truth(captures / "peers" / "libsrtp" / facts["clear_pcap"])
    opened = check_opened(((s, EMPTY) for s in streams), ring, clear)
    assert opened.isdisjoint(facts["tampered_frames"])
    assert len(opened) == facts["independent_python_check"]["ok"]


def test_f8_by_rtpengine(captures: Path) -> None:
    name = "peers/rtpengine/F8_128_HMAC_SHA1_80.pcap"
    facts = sidecar_of(name)
    lines = [f'[[srtp]]\ncrypto = "{line.strip()}"\n' for line in facts["keys"].values()]
    ring = ring_of("".join(lines))
    report = audit([captures / name], ring=ring)
    streams = streams_of(report)
    assert [(s.authenticated, s.failed, s.wire) for s in streams] == [(s.packets, 0, Wire.PROVED) for s in streams]
    assert sum(s.authenticated for s in streams) == facts["independent_python_check"]["rtp_ok"]
    assert {s.suite for s in streams} == {"F8_128_HMAC_SHA1_80"}
    clear = truth(captures / "peers" / "rtpengine" / facts["clear_pcap"])
    assert len(check_opened(((s, EMPTY) for s in streams), ring, clear)) == 400


def test_f8_under_the_name_of_the_paper(captures: Path) -> None:
    name = "peers/rtpengine/F8_128_HMAC_SHA1_80.pcap"
    keys = [line.strip().replace("F8_128", "AES_F8_128") for line in sidecar_of(name)["keys"].values()]
    report = audit([captures / name], ring=ring_of("".join(f'[[srtp]]\ncrypto = "{line}"\n' for line in keys)))
    assert {(s.suite, s.wire) for s in streams_of(report)} == {("F8_128_HMAC_SHA1_80", Wire.PROVED)}


def test_ffmpeg_with_a_given_key(captures: Path) -> None:
    name = "peers/ffmpeg/srtp_80.pcap"
    facts = sidecar_of(name)
    ring = ring_of(f'[[srtp]]\ncrypto = "a=crypto:1 {facts["suite"]} inline:{facts["inline"]}"\n')
    (stream,) = streams_of(audit([captures / name], ring=ring))
    assert (stream.authenticated, stream.failed) == (313, 0)
    packets = iter_clear_rtp(stream, context_that_opened(stream, EMPTY, ring))
    payload = b"".join(packet.octets[12:] for packet in packets)
    assert payload == (captures / "peers" / "ffmpeg" / facts["clear_payload"]).read_bytes()


def test_a_key_bound_to_the_stream_that_does_not_open_it(captures: Path) -> None:
    name = "peers/libsrtp/base_AES_CM_128_HMAC_SHA1_80.srtp.pcap"
    facts = sidecar_of(name)
    wrong = libsrtp_keys(sidecar_of("peers/libsrtp/base_AES_CM_128_HMAC_SHA1_32.srtp.pcap"), bound=True)
    wrong = wrong.replace("SHA1_32", "SHA1_80")
    streams = streams_of(audit([captures / name], ring=ring_of(wrong)))
    assert {stream.wire for stream in streams} == {Wire.CONTRADICTING}
    assert sum(stream.failed for stream in streams) == sum(fact["rtp_in_capture"] for fact in facts["streams"])
    loose = "\n".join(line for line in wrong.splitlines() if not line.startswith("destination"))
    streams = streams_of(audit([captures / name], ring=ring_of(loose)))
    assert {(s.failed, s.not_tried == s.packets) for s in streams} == {(0, True)}
    assert all(s.reason.startswith("no key in the ring fits: wrong key or altered packets") for s in streams)


TWINS = [
    ("peers/baresip/udp_sdes_cm80_mand", True),
    ("peers/baresip/udp_sdes_cm32_mand", True),
    ("peers/baresip/tcp_sdes_cm80_mand", True),
    ("peers/baresip/udp_sdes_gcm256_mand", True),
    ("peers/baresip/udp_dtls_srtp", True),
    ("peers/linphone/sdes_80", True),
    ("peers/linphone/sdes_256", True),
    ("peers/linphone/zrtp", False),
]


@pytest.mark.parametrize(("stem", "savp"), TWINS)
def test_the_clear_twin_of_a_protected_call(captures: Path, stem: str, savp: bool) -> None:
    document = document_of(report_of(f"{stem}.clear.pcap"))
    (call,) = document["calls"]
    (media,) = call["media"]
    assert (media["verdict"], media["reasons"][0]) == ("unprotected", "clear-media")
    assert media["offer"]["profile"].endswith(("SAVP", "SAVPF")) == savp
    outcomes = {outcome["rule"]: outcome["outcome"] for outcome in call["outcomes"]}
    assert outcomes["PRO-001"] == "fail"
    assert outcomes["SRT-001"] == ("fail" if savp else "not-applicable")
    assert {stream["protection"] for stream in media["streams"]} == {"rtp"}
    assert {stream["authenticated"] for stream in media["streams"]} == {0}


def test_media_without_signalling_is_judged_on_its_own(captures: Path) -> None:
    document = document_of(report_of("peers/libsrtp/base_AES_CM_128_HMAC_SHA1_80.clear.pcap.gz"))
    for stream in document["streams"]:
        assert stream["protection"] == "rtp"
        assert {o["rule"]: o["outcome"] for o in stream["outcomes"]} == {"PRO-001": "fail", "SRT-001": "fail"}
    shut = report_of("peers/libsrtp/base_AES_CM_128_HMAC_SHA1_80.srtp.pcap")
    for each in shut.streams:
        assert each.audit.protection is Protection.SRTP
        assert {(o.outcome.value, o.missing) for o in each.outcomes} == {("unknown", "signalling-unseen")}

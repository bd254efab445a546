# SPDX-License-Identifier: GPL-2.0-only
"""Streams of other people's stacks, opened with their keys and compared with what they protected."""

from dataclasses import replace
from pathlib import Path

import pytest
from srtp_peers import (
    Datagram,
    context_of,
    inline_context,
    libsrtp_contexts,
    read_datagrams,
    sidecar,
)

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.diagnose import FailureReason, Trial, diagnose_stream
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.rtcp import RtcpOpening, RtcpOutcome, open_rtcp
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from dissectors.grammar.datagram import DatagramKind, classify_datagram

pytestmark = pytest.mark.captures

OPENED = [
    "base_AES_CM_128_HMAC_SHA1_80",
    "base_AES_CM_128_HMAC_SHA1_32",
    "base_AES_256_CM_HMAC_SHA1_80",
    "base_AEAD_AES_256_GCM",
    "base_NULL_HMAC_SHA1_80",
    "base_AES_CM_128_HMAC_SHA1_80_with_UNENCRYPTED_SRTCP",
    "loss_reorder_AES_CM_128_HMAC_SHA1_80",
    "mki4_AES_CM_128_HMAC_SHA1_80",
    "mux_AES_CM_128_HMAC_SHA1_80",
    "rekey_AES_CM_128_HMAC_SHA1_80",
    "roc_start_7_AES_CM_128_HMAC_SHA1_80",
    "tampered_AES_CM_128_HMAC_SHA1_80",
]


def of_kind(datagrams: list[Datagram], kind: DatagramKind) -> list[Datagram]:
    return [datagram for datagram in datagrams if classify_datagram(datagram.payload) is kind]


def open_both(datagrams: list[Datagram], context: SrtpContext) -> tuple[StreamOpening, RtcpOpening]:
    rtp, rtcp = of_kind(datagrams, DatagramKind.RTP), of_kind(datagrams, DatagramKind.RTCP)
    return open_stream([d.payload for d in rtp], context), open_rtcp([d.payload for d in rtcp], context)


def check_clear(
    datagrams: list[Datagram], clear: dict[int, bytes], opening: StreamOpening, control: RtcpOpening
) -> tuple[list[int], list[int]]:
    """Every opened packet equals its clear frame; gives the frames that failed, and those of clear RTCP."""
    rtp, rtcp = of_kind(datagrams, DatagramKind.RTP), of_kind(datagrams, DatagramKind.RTCP)
    opened = dict(opening.clear_packets())
    assert len(opened) == opening.authenticated.sum()
    for number, packet in opened.items():
        assert clear[rtp[number].frame] == packet
    for datagram, found in zip(rtcp, control.opened, strict=True):
        assert found is None or clear[datagram.frame] == found.packet
    failed = [d.frame for d, bad in zip(rtp, opening.failed, strict=True) if bad]
    failed += [d.frame for d, o in zip(rtcp, control.outcomes, strict=True) if o is RtcpOutcome.BAD_TAG]
    in_clear = [d.frame for d, o in zip(rtcp, control.outcomes, strict=True) if o is RtcpOutcome.CLEAR]
    return sorted(failed), in_clear


@pytest.mark.parametrize("name", OPENED)
def test_libsrtp(captures: Path, name: str) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / f"{name}.json")
    datagrams = read_datagrams(folder / facts["srtp_pcap"])
    clear = {datagram.frame: datagram.payload for datagram in read_datagrams(folder / facts["clear_pcap"])}
    failed, repeated, rocs, seen = [], 0, {}, 0
    for address, context in libsrtp_contexts(facts).items():
        mine = [datagram for datagram in datagrams if datagram.source.startswith(f"{address}:")]
        opening, control = open_both(mine, context)
        bad, in_clear = check_clear(mine, clear, opening, control)
        assert not in_clear
        failed += bad
        repeated += int(opening.repeated.sum())
        rocs.update(opening.roc)
        seen += len(mine)
        assert control.tag_octets == context.srtcp_tag_octets
        assert all(
            one is None or one.encrypted is ("NULL" not in name and "UNENC" not in name) for one in control.opened
        )
    assert seen == facts["frames"]
    assert sorted(failed) == facts["tampered_frames"]
    assert repeated == len(facts["duplicate_frames"])
    for stream in facts["streams"]:
        assert rocs[int(stream["ssrc"], 16)] == (stream["roc_of_first_packet"], stream["roc_of_last_packet"])


def test_tampered_header_lengths_are_no_bad_tags(captures: Path) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / "tampered_AES_CM_128_HMAC_SHA1_80.json")
    datagrams = read_datagrams(folder / facts["srtp_pcap"])
    context = libsrtp_contexts(facts)["127.0.0.1"]
    mine = [d for d in of_kind(datagrams, DatagramKind.RTP) if d.source.startswith("127.0.0.1:")]
    opening = open_stream([d.payload for d in mine], context)
    assert opening.count(PacketOutcome.TOO_SHORT) == 1
    assert opening.count(PacketOutcome.BAD_TAG) == 62


def test_libsrtp_aes_192_opens_with_its_own_derivation_only(captures: Path) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / "base_AES_192_CM_HMAC_SHA1_80.json")
    datagrams = read_datagrams(folder / facts["srtp_pcap"])
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    for address, context in libsrtp_contexts(facts).items():
        mine = [d for d in datagrams if d.source.startswith(f"{address}:")]
        packets = [d.payload for d in of_kind(mine, DatagramKind.RTP)]
        assert not open_stream(packets, context).authenticated.any()
        diagnosis = diagnose_stream(packets, context)
        assert diagnosis.reason is FailureReason.DEVIANT_DERIVATION
        opening, control = open_both(mine, replace(context, derivation=KeyDerivation.LIBSRTP_AES_192))
        assert opening.authenticated.all()
        assert check_clear(mine, clear, opening, control) == ([], [])


@pytest.mark.parametrize("name", ["F8_128_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
def test_rtpengine(captures: Path, name: str) -> None:
    folder = captures / "peers" / "rtpengine"
    facts = sidecar(folder / f"{name}.json")
    datagrams = read_datagrams(folder / facts["pcap"])
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    total = 0
    for address, line in facts["keys"].items():
        _, suite_name, inline = line.strip().removeprefix("a=crypto:").split(" ", 2)
        mine = [d for d in datagrams if d.source.startswith(f"{address}:")]
        opening, control = open_both(mine, inline_context(suite_name, inline.removeprefix("inline:")))
        assert opening.authenticated.all()
        assert check_clear(mine, clear, opening, control) == ([], [])
        assert list(opening.roc.values()) == [(0, 1)]
        total += len(opening.outcome)
    assert total == facts["independent_python_check"]["rtp_ok"]


def test_ffmpeg(captures: Path) -> None:
    folder = captures / "peers" / "ffmpeg"
    facts = sidecar(folder / "srtp_80.json")
    datagrams = read_datagrams(folder / facts["pcap"])
    opening, control = open_both(datagrams, inline_context(facts["suite"], facts["inline"]))
    assert opening.authenticated.all()
    assert control.outcomes == (RtcpOutcome.AUTHENTICATED,)
    payload = b"".join(packet[12:] for _, packet in opening.clear_packets())
    assert payload == (folder / facts["clear_payload"]).read_bytes()


BARESIP = ["udp_sdes_cm80_mand", "udp_sdes_cm32_mand", "tcp_sdes_cm80_mand", "udp_sdes_gcm256_mand"]


@pytest.mark.parametrize("name", BARESIP)
def test_baresip(captures: Path, name: str) -> None:
    folder = captures / "peers" / "baresip"
    facts = sidecar(folder / f"{name}.json")
    addresses = {"a": "10.77.0.1", "b": "10.77.0.2"}
    datagrams = [d for d in read_datagrams(folder / facts["pcap"]) if int(d.source.rsplit(":", 1)[1]) > 9000]
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    checked = facts["independent_python_check"]
    rtp = rtcp = 0
    plain: list[int] = []
    for key in facts["keys"]:
        if key["role"] != "tx":
            continue
        mine = [d for d in datagrams if d.source.startswith(addresses[key["peer"]] + ":")]
        both = bytes.fromhex(key["master_key_salt_hex"])
        opening, control = open_both(mine, context_of(key["suite"], both))
        failed, in_clear = check_clear(mine, clear, opening, control)
        assert not failed
        assert control.tag_octets == (4 if name == "udp_sdes_cm32_mand" else opening.context.srtcp_tag_octets)
        plain += in_clear
        rtp += int(opening.authenticated.sum())
        rtcp += control.count(RtcpOutcome.AUTHENTICATED)
    assert (rtp, rtcp) == (checked["rtp_ok"], checked["rtcp_ok"])
    assert sorted(plain) == checked["plaintext_rtcp_frames"]


@pytest.mark.parametrize("name", ["sdes_80", "sdes_256", "zrtp"])
def test_linphone(captures: Path, name: str) -> None:
    folder = captures / "peers" / "linphone"
    facts = sidecar(folder / f"{name}.json")
    datagrams = read_datagrams(folder / facts["pcap"])
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    rtp = rtcp = 0
    for key in facts["keys"]:
        if key["dir"] != "out":
            continue
        context = context_of(key["suite"], bytes.fromhex(key["master_key_salt_hex"]))
        for source in sorted({d.source for d in of_kind(datagrams, DatagramKind.RTP)}):
            mine = [d for d in datagrams if d.source == source]
            opening, control = open_both(mine, context)
            if not opening.authenticated.any():
                continue
            check_clear(mine, clear, opening, control)
            rtp += int(opening.authenticated.sum())
    assert rtp == facts["independent_python_check"]["rtp_ok"], rtcp


def test_marseillaise(captures: Path) -> None:
    datagrams = read_datagrams(captures / "public" / "gteissier__srtp-decrypt" / "marseillaise-srtp.pcap")
    context = inline_context("AES_CM_128_HMAC_SHA1_80", "aSBrbm93IGFsbCB5b3VyIGxpdHRsZSBzZWNyZXRz")
    opening = open_stream([d.payload for d in datagrams], context)
    assert opening.authenticated.sum() == len(datagrams) == 11888


def test_gstreamer_opens_the_path_with_noise(captures: Path) -> None:
    folder = captures / "peers" / "gst_rtsp"
    facts = sidecar(folder / "savp_udp.json")
    datagrams = read_datagrams(folder / facts["pcap"])
    rtp = of_kind(datagrams, DatagramKind.RTP)
    key = bytes.fromhex(facts["mikey_server_sdp"][0]["kemac"]["key"])
    opening = open_stream([d.payload for d in rtp], context_of("AES_CM_128_HMAC_SHA1_80", key))
    assert opening.authenticated.sum() == facts["independent_python_check"]["rtp_ok"]
    assert [d.frame for d, ok in zip(rtp, opening.authenticated, strict=True) if not ok] == [
        d.frame for d in rtp if len(d.payload) == 200
    ]


def test_an_mki_that_nobody_signalled_is_found_and_reported(captures: Path) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / "mki4_AES_CM_128_HMAC_SHA1_80.json")
    signalled = libsrtp_contexts(facts)["127.0.0.1"]
    silent = replace(signalled, keys=(replace(signalled.keys[0], mki=b""),))
    datagrams = of_kind(read_datagrams(folder / facts["srtp_pcap"]), DatagramKind.RTP)
    packets = [d.payload for d in datagrams if d.source.startswith("127.0.0.1:")]
    opening = open_stream(packets, silent)
    assert (opening.mki_octets, opening.context.keys[0].mki.hex()) == (4, "00000001")
    assert opening.authenticated.sum() == 300
    assert opening.count(PacketOutcome.UNKNOWN_MKI) == 300
    assert diagnose_stream(packets, silent).reason is FailureReason.UNSIGNALLED_MKI


def test_why_a_stream_stays_shut(captures: Path) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / "base_AES_CM_128_HMAC_SHA1_32.json")
    a, b = libsrtp_contexts(facts).values()
    datagrams = of_kind(read_datagrams(folder / facts["srtp_pcap"]), DatagramKind.RTP)
    packets = [d.payload for d in datagrams if d.source.startswith("127.0.0.1:")]
    assert diagnose_stream(packets, a).reason is FailureReason.NONE
    assert diagnose_stream(packets, b).reason is FailureReason.WRONG_KEY
    other = diagnose_stream(packets, b, [Trial(FailureReason.OTHER_DIRECTION, "", a)])
    assert other.reason is FailureReason.OTHER_DIRECTION
    longer = context_of("AES_CM_128_HMAC_SHA1_80", a.keys[0].key.reveal() + a.keys[0].salt.reveal())
    suite = diagnose_stream(packets, longer)
    assert (suite.reason, suite.detail) == (FailureReason.OTHER_SUITE, "AES_CM_128_HMAC_SHA1_32")
    clear = [d.payload for d in read_datagrams(folder / facts["clear_pcap"]) if d.source.startswith("127.0.0.1:")]
    assert diagnose_stream(clear, a).reason is FailureReason.CLEAR
    assert diagnose_stream([], a).reason is FailureReason.NO_PACKETS

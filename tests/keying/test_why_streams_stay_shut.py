# SPDX-License-Identifier: GPL-2.0-only
"""Calls in which a key does not fit as agreed: each cause made for itself, and the reason that is given for it."""

import base64
import io
import struct
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtp
from analyzer.model.evidence import Wire
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedMedia
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.suites import suite_by_name
from analyzer.srtp.transform import protect_rtcp, protect_rtp
from dissectors.grammar.secret import Secret
from tests.cli.command_line import A_RTP, B_RTP, KEY_A, KEY_B, call, pcapng, sdp
from tests.keying.test_calls_with_keys import A_SSRC, ANSWER, CM_32, CM_80, K_A, K_B, OFFER, crypto, rtp
from tests.srtp.second_srtp import Peer
from tests.srtp.second_srtp import protect_rtcp as second_rtcp
from tests.srtp.second_srtp import protect_rtp as second_rtp

COUNT = 120
ENHANCED_PACKET = 6
CLEAR = [rtp(number, A_SSRC) for number in range(COUNT)]
OTHER = bytes(range(30))
A_RTCP, B_RTCP = "192.0.2.1:4001", "192.0.2.2:6001"
REPORT = bytes.fromhex("80c90001decafbad81ca0002decafbad01020000")


def context(suite_name: str = CM_80, key: bytes = K_A, mki: bytes = b"", **parameters: Any) -> SrtpContext:
    suite = suite_by_name(suite_name)
    assert suite is not None
    octets = key.ljust(suite.inline_octets, b"\x07")
    salt = octets[suite.key_octets : suite.inline_octets]
    return SrtpContext(suite, (StreamKey(Secret(octets[: suite.key_octets]), Secret(salt), mki),), **parameters)


def sealed(under: SrtpContext, roc: int = 0) -> list[tuple[str, str, bytes]]:
    return [(A_RTP, B_RTP, protect_rtp(packet, under, roc)) for packet in CLEAR]


def heard(
    folder: Path, packets: list[tuple[str, str, bytes]], offer: bytes = OFFER, answer: bytes = ANSWER, keys: str = ""
) -> tuple[AuditedMedia, StreamAudit, list[bytes]]:
    """The media line, its only stream, and what of it opens."""
    (folder / "x.pcapng").write_bytes(pcapng(call(offer, answer, packets)))
    (folder / "keys.toml").write_text(keys)
    ring = read_key_ring(folder / "keys.toml") if keys else KeyRing()
    (found,) = audit([folder / "x.pcapng"], ring=ring).calls
    (media,) = found.media
    (stream,) = media.streams
    opened = context_that_opened(stream, media.keying, ring, media.line)
    return media, stream, [packet.octets for packet in iter_clear_rtp(stream, opened)]


def offering(suite: str, key: str = KEY_A, more: str = "") -> tuple[bytes, bytes]:
    second = base64.b64encode(base64.b64decode(key)[::-1]).decode()
    return (
        sdp("192.0.2.1", 4000, crypto(1, suite, key, more)),
        sdp("192.0.2.2", 6000, crypto(1, suite, second, more)),
    )


def test_a_wrong_key(tmp_path: Path) -> None:
    media, stream, clear = heard(tmp_path, sealed(context(key=OTHER)))
    assert stream.reason.startswith("wrong key or altered packets")
    assert (stream.failed, stream.wire, media.verdict, clear) == (COUNT, Wire.CONTRADICTING, Verdict.MISMATCH, [])


def test_the_key_of_the_other_direction(tmp_path: Path) -> None:
    media, stream, clear = heard(tmp_path, sealed(context(key=K_B)))
    assert stream.reason.startswith("the key of the other direction")
    assert (stream.failed, stream.authenticated, media.verdict) == (COUNT, 0, Verdict.MISMATCH)
    assert clear == CLEAR


@pytest.mark.parametrize("used", [CM_32, "AEAD_AES_128_GCM"])
def test_another_suite_than_agreed(tmp_path: Path, used: str) -> None:
    media, stream, clear = heard(tmp_path, sealed(context(used)))
    assert stream.reason == f"another suite under the same key ({used})"
    assert (stream.wire, media.verdict, stream.suite) == (Wire.CONTRADICTING, Verdict.MISMATCH, CM_80)
    assert clear == CLEAR


def test_another_tag_length(tmp_path: Path) -> None:
    media, stream, clear = heard(tmp_path, sealed(context(srtp_tag=8)))
    assert stream.reason == "another tag length (8 octets, not 10)"
    assert (media.verdict, clear) == (Verdict.MISMATCH, CLEAR)


def test_no_tags_at_all(tmp_path: Path) -> None:
    media, stream, clear = heard(tmp_path, sealed(context(authenticated=False)))
    assert stream.reason.startswith("encrypted with the key, but without authentication tags")
    assert (media.verdict, stream.authenticated, clear) == (Verdict.MISMATCH, 0, CLEAR)


def test_clear_behind_tags_that_verify_is_unprotected(tmp_path: Path) -> None:
    media, stream, _ = heard(tmp_path, sealed(context("NULL_HMAC_SHA1_80")))
    assert stream.reason == "the tags verify, but the payload is not encrypted"
    assert (stream.authenticated, stream.clear) == (COUNT, COUNT)
    assert (stream.wire, media.verdict) == (Wire.CONTRADICTING, Verdict.UNPROTECTED)


def test_no_srtp_at_all(tmp_path: Path) -> None:
    media, stream, clear = heard(tmp_path, [(A_RTP, B_RTP, packet) for packet in CLEAR])
    assert stream.reason.startswith("not SRTP: the payload is clear")
    assert (media.verdict, clear) == (Verdict.UNPROTECTED, CLEAR)


def test_an_mki_that_nobody_signalled(tmp_path: Path) -> None:
    _, stream, clear = heard(tmp_path, sealed(context(mki=b"\0\0\0\7")))
    assert [defect.code for defect in stream.defects] == ["mki-not-signalled"]
    assert stream.mki_fault == "an MKI that was not signalled (4 octets before the tag: 00000007)"
    assert (stream.authenticated, stream.wire, clear) == (COUNT, Wire.PROVED, CLEAR)


def test_an_mki_behind_the_tag_of_an_aead(tmp_path: Path) -> None:
    """RFC 7714 §12: the tag is part of the cipher text, and the MKI follows it."""
    suite = "AEAD_AES_128_GCM"
    octets = bytes(range(28))
    offer, answer = offering(suite, base64.b64encode(octets).decode())
    _, stream, clear = heard(tmp_path, sealed(context(suite, octets, mki=b"\0\7")), offer, answer)
    assert stream.mki_fault == "an MKI that was not signalled (2 octets behind the tag: 0007)"
    assert (stream.authenticated, clear) == (COUNT, CLEAR)


@pytest.mark.parametrize("more", ["", "|2^31|1:4"])
def test_an_mki_that_comes_or_goes_in_mid_stream(tmp_path: Path, more: str) -> None:
    offer, answer = offering(CM_80, more=more)
    packets = sealed(context())[:60] + sealed(context(mki=b"\0\0\0\1"))[60:]
    _, stream, _ = heard(tmp_path, packets, offer, answer)
    assert stream.mki_fault.startswith("60 packets differ from the others: ")
    assert "MKI" in stream.mki_fault
    assert (stream.authenticated, stream.failed) == (60, 60)


def test_a_signalled_mki_that_is_absent(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more="|2^31|1:4")
    _, stream, clear = heard(tmp_path, sealed(context()), offer, answer)
    assert stream.reason == "the signalled MKI is absent (4 octets were to stand before the tag)" == stream.mki_fault
    assert (stream.authenticated, stream.wire, clear) == (COUNT, Wire.PROVED, CLEAR)


@pytest.mark.parametrize("mki", [b"\0\0\0\2", b"\2"])
def test_another_mki_than_signalled(tmp_path: Path, mki: bytes) -> None:
    offer, answer = offering(CM_80, more="|2^31|1:4")
    _, stream, clear = heard(tmp_path, sealed(context(mki=mki)), offer, answer)
    assert stream.reason == f"an MKI that no key at hand has (the packets say {mki.hex()})" == stream.mki_fault
    assert (stream.authenticated, clear) == (COUNT, CLEAR)


def test_an_mki_of_a_key_that_is_not_at_hand(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more="|2^31|1:4")
    _, stream, clear = heard(tmp_path, sealed(context(key=OTHER, mki=b"\0\0\0\2")), offer, answer)
    assert stream.reason == "an MKI that no key at hand has (the keys have 00000001)"
    assert (stream.failed, clear, stream.mki_fault) == (COUNT, [], "")


def test_the_longest_mki(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more="|2^31|1:128")
    _, stream, clear = heard(tmp_path, sealed(context(mki=(1).to_bytes(128, "big"))), offer, answer)
    assert (stream.reason, stream.mki_fault, stream.authenticated, clear) == ("", "", COUNT, CLEAR)


def test_a_long_mki_behind_little_payload_is_no_clear_text(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more="|2^31|1:128")
    used = context(mki=(1).to_bytes(128, "big"))
    little = [packet[:32] for packet in CLEAR]
    packets = [(A_RTP, B_RTP, protect_rtp(packet, used)) for packet in little]
    _, stream, clear = heard(tmp_path, packets, offer, answer)
    assert (stream.clear, stream.wire, clear) == (0, Wire.PROVED, little)
    used = context(key=OTHER, mki=(1).to_bytes(128, "big"))
    packets = [(A_RTP, B_RTP, protect_rtp(packet, used)) for packet in little]
    media, stream, clear = heard(tmp_path, packets, offer, answer)
    assert (stream.clear, stream.failed, media.verdict, clear) == (0, COUNT, Verdict.MISMATCH, [])


def test_a_late_start_is_found_and_reported(tmp_path: Path) -> None:
    _, stream, clear = heard(tmp_path, sealed(context(), roc=700))
    assert (stream.authenticated, clear, stream.wire) == (COUNT, CLEAR, Wire.PROVED)
    (defect,) = stream.defects
    assert (defect.code, defect.detail) == (
        "rollover-counter-found",
        "0xdecafbad starts at 700, found by trial; 0 was expected",
    )


@pytest.mark.parametrize(("roc", "found"), [(20_000, True), (3_000_000, False)])
def test_a_rollover_counter_out_of_reach_where_srtcp_proves_the_key(tmp_path: Path, roc: int, found: bool) -> None:
    control = [(A_RTCP, B_RTCP, protect_rtcp(REPORT, context(), index)) for index in (1, 2, 3)]
    _, stream, clear = heard(tmp_path, [*sealed(context(), roc), *control])
    if found:
        assert (stream.authenticated, clear) == (COUNT, CLEAR)
        assert stream.reason == "a rollover counter out of reach (it starts at 20000)"
    else:
        assert stream.reason.startswith("a rollover counter out of reach (the key is right")
        assert (stream.failed, clear, stream.rtcp.authenticated) == (COUNT, [], 3)


def test_a_key_derivation_rate_that_is_not_applied(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more=" KDR=4")
    _, stream, clear = heard(tmp_path, sealed(context()), offer, answer)
    assert "whatever the key derivation rate says" in stream.reason
    assert (stream.authenticated, clear) == (COUNT, CLEAR)


def test_a_key_derivation_rate_that_is_applied(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more=" KDR=4")
    _, stream, clear = heard(tmp_path, sealed(context(kdr=16)), offer, answer)
    assert (stream.reason, stream.authenticated, clear) == ("", COUNT, CLEAR)


def test_the_key_of_an_offered_line_that_was_declined(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_A), crypto(2, CM_32, base64.b64encode(OTHER).decode()))
    answer = sdp("192.0.2.2", 6000, crypto(2, CM_32, KEY_B))
    _, stream, clear = heard(tmp_path, sealed(context()), offer, answer)
    assert stream.reason == "another key fits (that of the offered line 1, which was not accepted)"
    assert (stream.failed, clear) == (COUNT, CLEAR)


def entry(suite: str, key: bytes, more: str = "") -> str:
    return f'[[srtp]]\nsuite = "{suite}"\nkey = "{key.hex()}"\n{more}'


def test_a_key_of_the_key_file_that_is_meant_for_another_stream(tmp_path: Path) -> None:
    keys = entry(CM_80, OTHER, "ssrc = 1\n")
    _, stream, clear = heard(tmp_path, sealed(context(key=OTHER)), keys=keys)
    assert stream.reason == "another key fits (the [[srtp]] entry of line 1, given for another stream)"
    assert (stream.failed, clear) == (COUNT, CLEAR)


def test_a_key_of_the_key_file_under_another_suite(tmp_path: Path) -> None:
    """In a stream of no call the suite is the auditor's own word: what fits is said, and opens."""
    (tmp_path / "x.pcapng").write_bytes(pcapng(sealed(context(CM_32, OTHER))))
    (tmp_path / "keys.toml").write_text(entry(CM_80, OTHER))
    (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.toml")).streams
    assert found.audit.reason == f"another suite under the same key ({CM_32})"
    assert (found.audit.authenticated, found.audit.wire) == (COUNT, Wire.PROVED)


def test_a_given_key_proves_another_suite_than_agreed(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, base64.b64encode(OTHER[::-1]).decode())
    media, stream, clear = heard(tmp_path, sealed(context(CM_32)), offer, answer, entry(CM_32, K_A))
    assert stream.reason == f"authenticates as {CM_32}, which was not agreed"
    assert (stream.wire, media.verdict, clear) == (Wire.CONTRADICTING, Verdict.MISMATCH, CLEAR)


def test_a_change_of_keys_that_nobody_signalled(tmp_path: Path) -> None:
    packets = sealed(context())[:80] + sealed(context(key=OTHER))[80:]
    _, stream, clear = heard(tmp_path, packets)
    assert stream.reason.startswith("40 packets fail: wrong key or altered packets")
    assert (stream.failed, clear) == (40, CLEAR[:80])


def test_a_change_to_the_key_of_the_other_direction(tmp_path: Path) -> None:
    packets = sealed(context())[:80] + sealed(context(key=K_B))[80:]
    _, stream, _ = heard(tmp_path, packets)
    assert stream.reason.startswith("40 packets fail: the key of the other direction")


def test_replayed_packets_are_recognised(tmp_path: Path) -> None:
    packets = sealed(context())
    _, stream, _ = heard(tmp_path, [*packets, *packets[:5]])
    (defect,) = stream.defects
    assert (defect.code, defect.detail) == ("packets-replayed", "5 packets repeat the index of an earlier one")
    assert stream.authenticated == COUNT + 5


def test_a_source_that_starts_again(tmp_path: Path) -> None:
    """The same SSRC from rollover counter 0 again, far from where its sequence numbers were."""
    again = [rtp(number + 20_000, A_SSRC) for number in range(40)]
    packets = [(A_RTP, B_RTP, protect_rtp(packet, context(), 3)) for packet in CLEAR[:60]]
    packets += [(A_RTP, B_RTP, protect_rtp(packet, context(), 0)) for packet in again]
    _, stream, clear = heard(tmp_path, packets)
    assert clear == [*CLEAR[:60], *again]
    assert "rollover-counter-restarted" in [defect.code for defect in stream.defects]


def test_a_counter_that_does_not_roll_over(tmp_path: Path) -> None:
    """A sender that forgets to count: after the wrap it goes on under counter 0."""
    before = [rtp(number - 1000 + 65_500, A_SSRC) for number in range(36)]
    after = [rtp(number - 1000, A_SSRC) for number in range(1000, 1060)]
    packets = [(A_RTP, B_RTP, protect_rtp(packet, context(), 5)) for packet in (*before, *after)]
    _, stream, clear = heard(tmp_path, packets)
    assert clear == [*before, *after]
    assert "rollover-counter-stuck" in [defect.code for defect in stream.defects]


def test_an_unauthentic_packet_among_many_is_no_reason(tmp_path: Path) -> None:
    packets = sealed(context())
    packets[7] = (*packets[7][:2], packets[7][2][:-1] + bytes((packets[7][2][-1] ^ 1,)))
    _, stream, _ = heard(tmp_path, packets)
    assert (stream.failed, stream.reason) == (1, "")


def test_a_key_of_another_length_than_its_suite_has(tmp_path: Path) -> None:
    """The line says one suite and brings the key of another, under which the packets then authenticate."""
    used = context("AES_256_CM_HMAC_SHA1_80", bytes(range(46)))
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, base64.b64encode(bytes(range(46))).decode()))
    media, stream, clear = heard(tmp_path, sealed(used), offer)
    (defect,) = (each for each in media.keying.defects if each.code == "sdes-key-length")
    assert defect.detail == (
        "AES_CM_128_HMAC_SHA1_80 wants 30 octets of key and salt, the line has 46, as AES_256_CM_HMAC_SHA1_80 does"
    )
    assert stream.reason == "authenticates as AES_256_CM_HMAC_SHA1_80, which was not agreed"
    assert (media.verdict, clear) == (Verdict.MISMATCH, CLEAR)


def test_a_key_that_is_too_long_may_stand_at_the_front(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, base64.b64encode(K_A + bytes(16)).decode()))
    _, stream, clear = heard(tmp_path, sealed(context()), offer)
    assert stream.reason == "the leading 30 octets of the line are key and salt"
    assert (stream.wire, stream.authenticated, clear) == (Wire.PROVED, COUNT, CLEAR)


def test_a_key_that_is_too_short_for_any_suite(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, "AES_256_CM_HMAC_SHA1_80", KEY_A))
    answer = sdp("192.0.2.2", 6000, crypto(1, "AES_256_CM_HMAC_SHA1_80", KEY_B))
    _, stream, _ = heard(tmp_path, sealed(context(key=OTHER)), offer, answer)
    wanted = "AES_256_CM_HMAC_SHA1_80 wants 46 octets of key and salt, the line has 30"
    assert stream.reason.startswith((wanted, "no key in the ring fits"))


@pytest.mark.parametrize("key", [KEY_A.rstrip("="), KEY_A.replace("+", "-").replace("/", "_")])
def test_base64_as_peers_write_it(tmp_path: Path, key: str) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, key))
    _, stream, clear = heard(tmp_path, sealed(context()), offer)
    assert (stream.authenticated, clear) == (COUNT, CLEAR)


@pytest.mark.parametrize(("lifetime", "exceeded"), [("2^7", False), ("119", True), ("2^31", False)])
def test_the_lifetime_of_a_key(tmp_path: Path, lifetime: str, exceeded: bool) -> None:
    offer, answer = offering(CM_80, more=f"|{lifetime}")
    _, stream, _ = heard(tmp_path, sealed(context()), offer, answer)
    assert [defect.code for defect in stream.defects] == ["key-lifetime-exceeded"] * exceeded
    assert stream.authenticated == COUNT


def controlled(folder: Path, control: list[bytes], under: SrtpContext | None = None) -> StreamAudit:
    """A stream that opens, and its RTCP."""
    packets = sealed(under or context()) + [(A_RTCP, B_RTCP, packet) for packet in control]
    offer, answer = offering((under or context()).suite.name, base64.b64encode(keys_of_context(under)).decode())
    return heard(folder, packets, offer, answer)[1]


def keys_of_context(under: SrtpContext | None) -> bytes:
    key = (under or context()).keys[0]
    return key.key.reveal() + key.salt.reveal()


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"srtcp_tag": 16}, "another tag length (16 octets)"),
        ({"key": OTHER}, "wrong key or altered packets"),
        (
            {"derivation": KeyDerivation.SP_800_135},
            "session keys with labels 16 bits lower, as in NIST SP 800-135",
        ),
        ({"suite_name": "AEAD_AES_128_GCM"}, "another suite under the same key (AEAD_AES_128_GCM)"),
    ],
)
def test_srtcp_that_does_not_authenticate_beside_a_stream_that_does(
    tmp_path: Path, parameters: dict[str, Any], why: str
) -> None:
    other = context(**parameters)
    stream = controlled(tmp_path, [protect_rtcp(REPORT, other, index) for index in range(4)])
    (defect,) = stream.defects
    assert (defect.code, defect.detail) == ("srtcp-not-authentic", f"SRTCP does not authenticate: {why}")
    assert (stream.rtcp.failed, stream.authenticated) == (4, COUNT)


def test_some_srtcp_that_does_not_authenticate_says_why(tmp_path: Path) -> None:
    """A sender that derives SRTCP keys once, whatever the rate: the first packets open all the same."""
    offer, answer = offering(CM_80, more=" KDR=1")
    peer = Peer(K_A[:16], K_A[16:])
    control = [(A_RTCP, B_RTCP, second_rtcp(peer, REPORT, index)) for index in range(1, 7)]
    _, stream, _ = heard(tmp_path, [*sealed(context(kdr=2)), *control], offer, answer)
    (defect,) = stream.defects
    assert (defect.code, stream.rtcp.authenticated, stream.rtcp.failed) == ("srtcp-not-authentic", 1, 5)
    assert defect.detail.startswith("5 of 6 SRTCP packets do not authenticate: a key derivation that strays")


@pytest.mark.parametrize(
    ("said", "is_encrypted", "code"),
    [
        ("", True, None),
        (" UNENCRYPTED_SRTCP", False, None),
        ("", False, "srtcp-not-encrypted"),
        (" UNENCRYPTED_SRTCP", True, "srtcp-encrypted"),
    ],
)
def test_srtcp_is_encrypted_as_agreed(tmp_path: Path, said: str, is_encrypted: bool, code: str | None) -> None:
    offer, answer = offering(CM_80, more=said)
    used = context(srtcp_encrypted=is_encrypted)
    control = [(A_RTCP, B_RTCP, protect_rtcp(REPORT, used, index)) for index in range(1, 4)]
    _, stream, _ = heard(tmp_path, [*sealed(context()), *control], offer, answer)
    assert [defect.code for defect in stream.defects] == ([code] if code else [])
    assert stream.rtcp.authenticated == 3


def counting(suite: str, more: str = "") -> str:
    peer = second_peer(suite)
    return entry(suite, peer.key + peer.salt, more)


def second_peer(suite: str) -> Peer:
    return Peer(OTHER[:16], OTHER[16:28], tag=None) if suite.startswith("AEAD") else Peer(OTHER[:16], OTHER[16:30])


@pytest.mark.parametrize(
    ("suite", "sent", "keys", "opened", "why"),
    [
        (CM_80, (2, 4), "rcc = 2\nrcc_rate = 4\n", COUNT, ""),
        (CM_80, (1, 1), "", COUNT, "in each of them"),
        ("AEAD_AES_128_GCM", (3, 1), "", COUNT, "behind each of them"),
        (CM_80, (2, 4), "", COUNT * 3 // 4, "in each of them"),
        ("AEAD_AES_128_GCM", (3, 4), "", COUNT * 3 // 4, "behind each of them"),
        (CM_80, (2, 4), "rcc = 2\nrcc_rate = 3\n", None, "in no packet, or not in those whose number the rate divides"),
        (CM_80, None, "rcc = 2\nrcc_rate = 3\n", COUNT * 2 // 3, "in no packet"),
    ],
)
def test_tags_that_carry_the_rollover_counter(
    tmp_path: Path, suite: str, sent: tuple[int, int] | None, keys: str, opened: int | None, why: str
) -> None:
    """RFC 4771 as another implementation sends it, and key files that speak of it rightly, wrongly or not at all."""
    peer = second_peer(suite)
    packets = [second_rtp(peer, packet[:12], packet[12:], 1 if sent else 0, rcc=sent) for packet in CLEAR]
    (tmp_path / "x.pcapng").write_bytes(pcapng([(A_RTP, B_RTP, packet) for packet in packets]))
    (tmp_path / "keys.toml").write_text(counting(suite, keys))
    (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.toml")).streams
    stream = found.audit
    assert opened is None or stream.authenticated == opened
    assert why in stream.reason
    assert ("tags carry the rollover counter" in stream.reason) == bool(why)


def test_neither_encrypted_nor_authenticated_as_agreed_is_clear(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more=" UNENCRYPTED_SRTP UNAUTHENTICATED_SRTP")
    media, stream, _ = heard(tmp_path, [(A_RTP, B_RTP, packet) for packet in CLEAR], offer, answer)
    assert (stream.clear, stream.wire, media.verdict) == (COUNT, Wire.CONTRADICTING, Verdict.UNPROTECTED)


def test_srtcp_with_an_mki_that_nobody_signalled(tmp_path: Path) -> None:
    used = context(mki=b"\7\7")
    stream = controlled(tmp_path, [protect_rtcp(REPORT, used, index) for index in range(4)], used)
    assert [defect.code for defect in stream.defects] == ["mki-not-signalled"]
    assert (stream.rtcp.authenticated, stream.key and stream.key.mki) == (4, b"\7\7")


def test_short_srtcp_tags_and_repeats_are_reported(tmp_path: Path) -> None:
    used = context(CM_32, srtcp_tag=4)
    control = [protect_rtcp(REPORT, used, index) for index in (1, 2, 2, 3)]
    stream = controlled(tmp_path, control, used)
    assert [defect.code for defect in stream.defects] == ["srtcp-tag-short", "srtcp-replayed"]
    assert stream.rtcp.authenticated == 4


def test_srtcp_cut_by_the_snaplen_refutes_nothing(tmp_path: Path) -> None:
    control = [(A_RTCP, B_RTCP, protect_rtcp(REPORT, context(), index)) for index in (1, 2)]
    with (tmp_path / "x.pcapng").open("wb") as file:
        writer = PcapngWriter(file)
        for number, packet in enumerate(call(OFFER, ANSWER, sealed(context()) + control)):
            frame = build_udp_frame(*packet)
            cut = frame[:-5] if packet[0] == A_RTCP else frame
            writer.write(number * 10**7, cut, original_octets=len(frame))
    (found,) = audit([tmp_path / "x.pcapng"]).calls
    (stream,) = found.media[0].streams
    assert (stream.rtcp.packets, stream.rtcp.authenticated, stream.rtcp.failed) == (2, 0, 0)


def test_tags_that_were_altered(tmp_path: Path) -> None:
    """Behind the cipher is speech, so the key is right; that there are no tags would be another fault."""
    packets = [(source, to, octets[:-1] + bytes([octets[-1] ^ 1])) for source, to, octets in sealed(context())]
    media, stream, clear = heard(tmp_path, packets)
    assert stream.reason.startswith("altered packets")
    assert (stream.failed, stream.authenticated, media.verdict, clear) == (COUNT, 0, Verdict.MISMATCH, [])


def test_some_altered_packets_among_others(tmp_path: Path) -> None:
    packets = sealed(context())
    for number in range(5, COUNT, 3):
        source, to, octets = packets[number]
        packets[number] = (source, to, octets[:40] + bytes([octets[40] ^ 1]) + octets[41:])
    _, stream, _ = heard(tmp_path, packets)
    assert stream.failed == len(range(5, COUNT, 3))
    assert stream.reason.startswith(f"{stream.failed} packets fail: altered packets")


def test_encrypted_although_that_was_switched_off(tmp_path: Path) -> None:
    offer, answer = offering(CM_80, more=" UNENCRYPTED_SRTP")
    _, stream, clear = heard(tmp_path, sealed(context()), offer, answer)
    assert stream.reason == "UNENCRYPTED_SRTP was agreed, and the payload is encrypted"
    assert (stream.authenticated, clear) == (COUNT, CLEAR)
    _, stream, clear = heard(tmp_path, sealed(context(srtp_encrypted=False)), offer, answer)
    assert (stream.reason, stream.authenticated, clear) == ("", COUNT, CLEAR)


@pytest.mark.parametrize("mki", [b"", b"\0\0\0\1"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_tags_although_those_were_switched_off(tmp_path: Path, mki: bytes, encrypted: bool) -> None:
    """They verify, so they are no part of the payload, and the key is proved."""
    more = ("|2^31|1:4" if mki else "") + " UNAUTHENTICATED_SRTP" + ("" if encrypted else " UNENCRYPTED_SRTP")
    offer, answer = offering(CM_80, more=more)
    _, stream, clear = heard(tmp_path, sealed(context(mki=mki, srtp_encrypted=encrypted)), offer, answer)
    assert stream.reason == "UNAUTHENTICATED_SRTP was agreed, and the packets carry tags that verify"
    assert (stream.authenticated, stream.wire, clear) == (COUNT, Wire.PROVED, CLEAR)
    bare = sealed(context(mki=mki, authenticated=False, srtp_encrypted=encrypted))
    _, stream, clear = heard(tmp_path, bare, offer, answer)
    assert (stream.reason, stream.authenticated, stream.decrypted, clear) == ("", 0, COUNT, CLEAR)


@pytest.mark.parametrize("rate", ["KDR=0", "KDR=48", "KDR=99"])
def test_a_key_derivation_rate_that_no_index_reaches(tmp_path: Path, rate: str) -> None:
    offer, answer = offering(CM_80, more=f" {rate}")
    _, stream, clear = heard(tmp_path, sealed(context()), offer, answer)
    assert (stream.authenticated, stream.reason, clear) == (COUNT, "", CLEAR)


def test_a_key_for_a_suite_that_is_recognised_only(tmp_path: Path) -> None:
    name = "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM"
    (tmp_path / "x.pcapng").write_bytes(pcapng(sealed(context())))
    key = base64.b64encode(bytes(56)).decode()
    (tmp_path / "keys.txt").write_text(f"a=crypto:1 {name} inline:{key}\n")
    (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.txt")).streams
    assert found.audit.reason == "double AES-GCM (RFC 8723) is recognised, not opened"


def test_packets_cut_by_the_snaplen_among_whole_ones(tmp_path: Path) -> None:
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for number, (source, to, octets) in enumerate(sealed(context())):
        frame = build_udp_frame(source, to, octets)
        writer.write(number * 20_000_000, frame)
    whole = bytearray(stream.getvalue())
    place, cut = 0, 0
    while place < len(whole):  # every second packet ends 20 octets before it was sent to
        kind, size = struct.unpack_from("<II", whole, place)
        if kind == ENHANCED_PACKET:
            cut += 1
            if cut % 2:
                (captured,) = struct.unpack_from("<I", whole, place + 20)
                struct.pack_into("<I", whole, place + 20, captured - 20)
        place += size
    (tmp_path / "x.pcapng").write_bytes(whole)
    (tmp_path / "keys.txt").write_text(f"a=crypto:1 {CM_80} inline:{KEY_A}\n")
    (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.txt")).streams
    told = found.audit
    assert (told.authenticated, told.failed, told.not_tried) == (COUNT // 2, 0, COUNT // 2)
    assert told.reason == f"{COUNT // 2} packets are cut by the snaplen"

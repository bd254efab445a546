# SPDX-License-Identifier: GPL-2.0-only
"""Calls written by hand, keyed by SDES and MIKEY, their media protected by libsrtp: what the keys prove of them."""

import base64
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.capture.source import open_capture
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtp
from analyzer.model.evidence import Wire
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedCall, AuditedMedia
from dissectors.grammar.secret import Secret
from tests.cli.command_line import A_RTP, ALICE, B_RTP, BOB, KEY_A, KEY_B, call, message, pcapng, sdp
from tests.keying.mikey_vectors import V1, V2

CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
PROFILES = {CM_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80, CM_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32}
PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
A_SSRC, B_SSRC = 0xDECAFBAD, 0xFEEDFACE
Packets = list[tuple[str, str, bytes]]


def tone(number: int) -> bytes:
    """20 ms of something that is G.711 speech to any test: a slow triangle in mu-law."""
    return bytes(0x80 | ((number * 160 + place) % 37) for place in range(160))


def rtp(number: int, ssrc: int) -> bytes:
    return struct.pack(">BBHII", 0x80, 0, 1000 + number, 160 * number, ssrc) + tone(number)


def stream(forth: bool, count: int, key: bytes | None = None, suite: str = CM_80, first: int = 0) -> Packets:
    """Packets of one direction, protected by libsrtp where there is a key."""
    ssrc, ends = (A_SSRC, (A_RTP, B_RTP)) if forth else (B_SSRC, (B_RTP, A_RTP))
    clear = [rtp(number, ssrc) for number in range(first, first + count)]
    if key is None:
        return [(*ends, packet) for packet in clear]
    session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
    return [(*ends, session.protect(packet)) for packet in clear]


def both(key_a: bytes, key_b: bytes, count: int = 120) -> Packets:
    pairs = zip(stream(True, count, key_a), stream(False, count, key_b), strict=True)
    return [packet for pair in pairs for packet in pair]


def audited(folder: Path, packets: Sequence[tuple[str, str, bytes]], *psks: tuple[bytes, str | None]) -> AuditedCall:
    (folder / "x.pcapng").write_bytes(pcapng(packets))
    ring = KeyRing(psk=tuple(PskEntry(Secret(key), name, 1) for key, name in psks))
    (found,) = audit([folder / "x.pcapng"], ring=ring).calls
    return found


def only(found: AuditedCall) -> AuditedMedia:
    (media,) = found.media
    return media


def outcomes(found: AuditedCall) -> dict[str, str]:
    return {outcome.rule: outcome.outcome.value for outcome in found.outcomes}


def crypto(tag: int, suite: str, key: str, more: str = "") -> str:
    return f"crypto:{tag} {suite} inline:{key}{more}"


K_A, K_B = base64.b64decode(KEY_A), base64.b64decode(KEY_B)
OFFER, ANSWER = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_A)), sdp("192.0.2.2", 6000, crypto(1, CM_80, KEY_B))


def test_sdes_keys_open_what_each_side_sends(tmp_path: Path) -> None:
    media = only(audited(tmp_path, call(OFFER, ANSWER, both(K_A, K_B))))
    assert (media.verdict, media.reasons) == (Verdict.CONFORM, ())
    assert [(s.authenticated, s.failed, s.wire) for s in media.streams] == [(120, 0, Wire.PROVED)] * 2
    for each in media.streams:
        forth = each.bound.stream.ssrc == A_SSRC
        context = context_that_opened(each, media.keying, KeyRing())
        clear = [packet.octets for packet in iter_clear_rtp(each, context)]
        assert clear == [packet for _, _, packet in stream(forth, 120)]


def test_a_side_that_protects_with_the_others_key_is_refuted(tmp_path: Path) -> None:
    media = only(audited(tmp_path, call(OFFER, ANSWER, both(K_B, K_A))))
    assert {s.wire for s in media.streams} == {Wire.CONTRADICTING}
    assert media.verdict is Verdict.MISMATCH


def test_an_answer_under_another_tag_was_not_offered(tmp_path: Path) -> None:
    answer = sdp("192.0.2.2", 6000, crypto(2, CM_80, KEY_B))
    found = audited(tmp_path, call(OFFER, answer, both(K_A, K_B)))
    assert only(found).verdict is Verdict.MISMATCH
    assert outcomes(found)["SDE-006"] == "fail"
    assert "crypto-not-offered" in [defect.code for defect in only(found).keying.defects]


def test_the_second_of_two_lines_is_taken(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_B), crypto(2, CM_32, KEY_A))
    answer = sdp("192.0.2.2", 6000, crypto(2, CM_32, KEY_B))
    media = only(audited(tmp_path, call(offer, answer, stream(True, 100, K_A, CM_32))))
    assert (media.streams[0].authenticated, media.streams[0].suite) == (100, CM_32)
    assert media.verdict is Verdict.INCONCLUSIVE  # whether the answerer can do the first is not known


def test_a_line_with_another_key_than_its_suite_has_opens_nothing(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_A[:20]))
    media = only(audited(tmp_path, call(offer, ANSWER, both(K_A, K_B))))
    assert "sdes-key-length" in [defect.code for defect in media.keying.defects]
    opened = {each.bound.stream.ssrc: each.authenticated for each in media.streams}
    assert opened == {A_SSRC: 0, B_SSRC: 120}


def test_keys_with_mkis_are_told_apart_by_the_packets(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_B, f"|2^31|1:4;inline:{KEY_A}|2^31|2:4"))
    session = Session(Policy(key=K_A, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[CM_80]))
    packets = []
    for number in range(80):
        protected = session.protect(rtp(number, A_SSRC))
        packets.append((A_RTP, B_RTP, protected[:-10] + (2).to_bytes(4, "big") + protected[-10:]))
    media = only(audited(tmp_path, call(offer, ANSWER, packets)))
    assert (media.streams[0].authenticated, media.streams[0].failed) == (80, 0)
    assert media.streams[0].expected_tag_octets == 14


def test_crypto_lines_that_stand_as_capabilities(tmp_path: Path) -> None:
    offer = sdp(
        "192.0.2.1", 4000, "tcap:1 RTP/SAVP", f"acap:1 {crypto(1, CM_80, KEY_A)}", "pcfg:1 t=1 a=1", proto="RTP/AVP"
    )
    answer = sdp("192.0.2.2", 6000, crypto(1, CM_80, KEY_B), "acfg:1 t=1 a=1")
    media = only(audited(tmp_path, call(offer, answer, both(K_A, K_B))))
    assert [each.authenticated for each in media.streams] == [120, 120]
    assert media.negotiation.chosen.key_agreement == "SDES"


def test_clear_media_before_the_answer_is_counted_apart(tmp_path: Path) -> None:
    early = stream(False, 150)
    secured = stream(False, 300, K_B, first=150)
    invite, *rest = call(OFFER, ANSWER, [*secured, *stream(True, 100, K_A)])
    media = only(audited(tmp_path, [invite, *early, *rest]))
    (found,) = (each for each in media.streams if each.bound.stream.ssrc == B_SSRC)
    assert (found.clear, found.clear_early, found.authenticated, found.failed) == (0, 150, 300, 0)
    assert (found.wire, media.verdict) == (Wire.PROVED, Verdict.CONFORM)
    context = context_that_opened(found, media.keying, KeyRing())
    clear = [packet.octets for packet in iter_clear_rtp(found, context)]
    assert clear == [packet for _, _, packet in stream(False, 450)]


def test_a_stream_that_turns_clear_in_mid_call_is_unprotected(tmp_path: Path) -> None:
    media = stream(True, 300, K_A) + stream(True, 200, first=300)
    found = audited(tmp_path, call(OFFER, ANSWER, media))
    (line,) = only(found).streams
    assert (line.authenticated, line.clear, line.failed, line.wire) == (300, 200, 0, Wire.CONTRADICTING)
    assert (only(found).verdict, only(found).reasons[0]) == (Verdict.UNPROTECTED, "clear-media")
    assert outcomes(found)["SRT-001"] == "fail"
    context = context_that_opened(line, only(found).keying, KeyRing())
    assert len(list(iter_clear_rtp(line, context))) == 500


def test_what_stays_shut_is_not_given_out_as_clear(tmp_path: Path) -> None:
    """A stream that turns clear and whose key is not known: only its clear part is copied."""
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_B))
    media = stream(True, 120, K_A) + stream(True, 200, first=120)
    found = only(audited(tmp_path, call(offer, ANSWER, media)))
    (line,) = found.streams
    assert (line.authenticated, line.clear) == (0, 200)
    clear = [packet.octets for packet in iter_clear_rtp(line, context_that_opened(line, found.keying, KeyRing()))]
    assert clear == [packet for _, _, packet in stream(True, 200, first=120)]


def test_unauthenticated_srtp_is_decrypted_and_proves_nothing(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, crypto(1, CM_80, KEY_A, " UNAUTHENTICATED_SRTP"))
    answer = sdp("192.0.2.2", 6000, crypto(1, CM_80, KEY_B, " UNAUTHENTICATED_SRTP"))
    packets = [(a, b, data[:-10]) for a, b, data in stream(True, 100, K_A)]
    media = only(audited(tmp_path, call(offer, answer, packets)))
    (found,) = media.streams
    assert (found.authenticated, found.decrypted, found.failed) == (0, 100, 0)


@pytest.mark.parametrize(("bad", "verdict", "wire"), [(1, "conform", "proved"), (5, "mismatch", "contradicting")])
def test_failures_under_one_percent_change_no_verdict(tmp_path: Path, bad: int, verdict: str, wire: str) -> None:
    media = stream(True, 300, K_A) + stream(False, 100, K_B)
    for place in range(bad):
        a, b, data = media[50 * place + 20]
        media[50 * place + 20] = (a, b, data[:40] + bytes([data[40] ^ 1]) + data[41:])
    found = audited(tmp_path, call(OFFER, ANSWER, media))
    (line,) = (each for each in only(found).streams if each.bound.stream.ssrc == A_SSRC)
    assert (line.failed, line.authenticated, line.wire.value) == (bad, 300 - bad, wire)
    assert only(found).verdict.value == verdict
    assert outcomes(found)["SRT-003"] == "fail"


def test_packets_cut_by_the_snaplen_are_not_tried(tmp_path: Path) -> None:
    output = io.BytesIO()
    writer = PcapngWriter(output)
    for number, packet in enumerate(call(OFFER, ANSWER, both(K_A, K_B))):
        frame = build_udp_frame(*packet)
        short = frame[:120] if packet[0] in (A_RTP, B_RTP) else frame
        writer.write(number * 10**7, short, original_octets=len(frame))
    (tmp_path / "x.pcapng").write_bytes(output.getvalue())
    (found,) = audit([tmp_path / "x.pcapng"]).calls
    media = only(found)
    assert [(s.failed, s.authenticated, s.not_tried) for s in media.streams] == [(0, 0, 120)] * 2
    assert all(s.reason for s in media.streams)
    assert media.verdict in (Verdict.CONFORM, Verdict.INCONCLUSIVE)
    assert outcomes(found)["SRT-003"] == "unknown"


def test_packets_cut_by_the_snaplen_do_not_say_that_a_key_fits_not(tmp_path: Path) -> None:
    output = io.BytesIO()
    writer = PcapngWriter(output)
    for number, packet in enumerate(both(K_A, K_B)):
        frame = build_udp_frame(*packet)
        writer.write(number * 10**7, frame[:120], original_octets=len(frame))
    (tmp_path / "x.pcapng").write_bytes(output.getvalue())
    (tmp_path / "keys.txt").write_text(f"a=crypto:1 {CM_80} inline:{KEY_A}\n")
    found = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.txt")).streams
    assert [each.audit.reason for each in found] == [
        "cut by the snaplen (120 packets are not whole in the capture)"
    ] * 2


def mikey_call(
    initiator: str, responder: str | None, media: Packets, *, session_level: bool = False
) -> list[tuple[str, str, bytes]]:
    bodies = []
    for address, port, octets in (("192.0.2.1", 4000, initiator), ("192.0.2.2", 6000, responder)):
        line = None if octets is None else f"key-mgmt:mikey {base64.b64encode(bytes.fromhex(octets)).decode()}"
        body = sdp(address, port, *([line] if line and not session_level else []))
        if line and session_level:
            body = body.replace(b"t=0 0\r\n", f"t=0 0\r\na={line}\r\n".encode())
        bodies.append(body)
    return call(*bodies, media)


def v1_media(count: int = 100) -> Packets:
    key_a, key_b = (bytes.fromhex(V1[f"cs{n}_tek"] + V1[f"cs{n}_salt"]) for n in (1, 2))
    return both(key_a, key_b, count)


@pytest.mark.parametrize("session_level", [False, True], ids=["media", "session"])
@pytest.mark.parametrize("name", [None, "alice@example.com", "sip:bob@example.com"])
def test_mikey_psk_opens_both_directions(tmp_path: Path, name: str | None, session_level: bool) -> None:
    found = audited(tmp_path, mikey_call(V1["I"], V1["R"], v1_media(), session_level=session_level), (PSK, name))
    media = only(found)
    assert (media.keying.verified, media.keying.how) == (True, "MAC verifies, V verifies")
    assert [(s.authenticated, s.failed, s.wire) for s in media.streams] == [(100, 0, Wire.PROVED)] * 2
    assert {evidence.level for evidence in media.keying.mikey} == {"session" if session_level else "media"}
    assert (media.verdict, outcomes(found)["MKY-025"]) == (Verdict.CONFORM, "pass")


def test_a_key_that_nothing_binds_and_that_fits_nothing(tmp_path: Path) -> None:
    for ring in ((), ((b"other", None),), ((b"other", "carol@example.com"),)):
        found = audited(tmp_path, mikey_call(V1["I"], V1["R"], v1_media()), *ring)
        keying = only(found).keying
        assert (keying.verified, keying.how, keying.authentic) == (None, "no key in the ring fits", None)
        assert outcomes(found)["MKY-025"] == "unknown"


def test_a_wrong_key_bound_to_a_party(tmp_path: Path) -> None:
    found = audited(tmp_path, mikey_call(V1["I"], V1["R"], v1_media()), (b"other", "sip:alice@EXAMPLE.com"))
    media = only(found)
    assert (media.keying.verified, media.keying.how) == (False, "wrong key or altered message")
    assert (media.verdict, media.reasons[0]) == (Verdict.INCONCLUSIVE, "keying-not-authentic")
    assert (outcomes(found)["MKY-025"], outcomes(found)["SRT-003"]) == ("fail", "unknown")


def test_the_right_key_beside_a_wrong_bound_one(tmp_path: Path) -> None:
    ring = ((b"other", "alice@example.com"), (PSK, None))
    assert only(audited(tmp_path, mikey_call(V1["I"], V1["R"], v1_media()), *ring)).keying.verified is True


def altered(octets: str, place: int) -> str:
    data = bytearray.fromhex(octets)
    data[place] ^= 1
    return data.hex()


def test_an_altered_response_fails_with_the_key_of_its_request(tmp_path: Path) -> None:
    packets = mikey_call(V1["I"], altered(V1["R"], -1), v1_media())
    found = audited(tmp_path, packets, (PSK, None))  # unbound, but it verified the first message of this call
    keying = only(found).keying
    assert keying.verified is False
    assert keying.how.startswith("altered message")
    assert only(found).reasons[0] == "keying-not-authentic"
    assert outcomes(found)["MKY-025"] == "fail"


def test_an_altered_request_fails_with_the_key_of_its_response(tmp_path: Path) -> None:
    packets = mikey_call(altered(V1["I"], -1), V1["R"], v1_media())
    found = audited(tmp_path, packets, (PSK, "alice@example.com"))
    assert only(found).keying.verified is False
    assert outcomes(found)["MKY-025"] == "fail"


def test_a_response_that_was_asked_for_and_is_missing(tmp_path: Path) -> None:
    assert bytes.fromhex(V1["I"])[3] & 0x80  # V is set
    found = audited(tmp_path, mikey_call(V1["I"], None, v1_media()), (PSK, None))
    media = only(found)
    assert (media.keying.method, media.keying.verified) == ("MIKEY-PSK", None)
    assert media.keying.how == "MAC verifies; the response is missing"
    assert [(s.authenticated, s.wire) for s in media.streams] == [(100, Wire.PROVED)] * 2
    assert (media.verdict, media.reasons) == (Verdict.CONFORM, ("responder-not-verified",))
    assert outcomes(found)["MKY-025"] != "fail"


def test_one_way_mikey_whose_response_nobody_asked_for(tmp_path: Path) -> None:
    """V=0, NULL MAC and NULL encryption: the keys open without a ring and nothing is authenticated."""
    initiator = bytearray.fromhex(V1["I"])
    kemac = initiator.index(bytes.fromhex("010014" + V1["encr_data"]))
    open_kemac = bytes.fromhex("000014" + V1["key_data"] + "00")
    initiator[kemac:] = open_kemac
    initiator[3] &= 0x7F
    found = audited(tmp_path, mikey_call(initiator.hex(), None, v1_media()))
    media = only(found)
    assert (media.keying.method, media.keying.verified, media.keying.how) == ("MIKEY-PSK", None, "no MAC")
    assert media.keying.response_required is False
    assert {s.bound.stream.ssrc: s.authenticated for s in media.streams}[A_SSRC] == 100
    assert outcomes(found)["MKY-001"] == "fail"
    assert outcomes(found)["PRO-004"] == "not-applicable"


def test_the_libmikey_prf_is_named_and_proves_nothing(tmp_path: Path) -> None:
    """libmikey's PRF on a key this short: the alternate derivation is tried on media, and named where it opens it."""
    found = audited(tmp_path, mikey_call(V1["I"], V1["R"], v1_media()), (PSK, None))
    labels = {key.label for key in only(found).keying.keys}
    assert labels <= {"", "libmikey derivation"}
    assert {s.key.label for s in only(found).streams if s.key} == {""}


def test_an_spi_becomes_the_mki_of_the_packets(tmp_path: Path) -> None:
    found = audited(tmp_path, mikey_call(V2["I"], V2["R"], []), (bytes(range(32)), None))
    keying = only(found).keying
    assert keying.verified is True
    assert {key.mki for key in keying.keys} == {bytes.fromhex("00000001")}
    assert only(found).verdict is Verdict.INCONCLUSIVE
    assert "wire-unseen" in only(found).reasons


def test_the_same_octets_again_are_one_message(tmp_path: Path) -> None:
    packets = mikey_call(V1["I"], V1["R"], v1_media(20))
    found = audited(tmp_path, [packets[0], *packets], (PSK, None))
    assert len(found.media) == 1
    assert only(found).keying.verified is True


def test_what_the_writer_writes_the_reader_reads(tmp_path: Path) -> None:
    sent = [(ALICE, BOB, b"odd"), ("[2001:db8::1]:5060", "[2001:db8::2]:5061", b"even"), (BOB, ALICE, b"")]
    output = io.BytesIO()
    writer = PcapngWriter(output, comment="a warning")
    for number, packet in enumerate(sent):
        writer.write(1_700_000_000_123_456_789 + number, build_udp_frame(*packet), comment=f"packet {number}")
    writer.write_statistics(1_700_000_000_123_456_789, 7)
    (tmp_path / "x.pcapng").write_bytes(output.getvalue())
    capture = open_capture(tmp_path / "x.pcapng")
    times: list[Any] = [time for batch in capture.batches() for time in batch.columns.timestamp_ns.tolist()]
    assert times == [1_700_000_000_123_456_789 + number for number in range(3)]
    assert capture.interface_drops == 7
    for ends in (("10.0.0.1:1", "[2001:db8::1]:2"), ("nonsense", "10.0.0.1:1"), ("10.0.0.1:99999", "10.0.0.1:1")):
        with pytest.raises(ValueError, match=r".*"):
            build_udp_frame(*ends, b"x")
    with pytest.raises(ValueError, match="datagram"):
        build_udp_frame(ALICE, BOB, bytes(70_000))
    assert message("OPTIONS sip:b SIP/2.0", "1 OPTIONS").startswith(b"OPTIONS")

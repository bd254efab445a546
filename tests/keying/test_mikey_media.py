# SPDX-License-Identifier: GPL-2.0-only
"""From MIKEY to media: several keys, sessions and streams of one bundle, each opened with what is meant for it.

The messages are built with the cryptography library alone, the media is protected by libsrtp.
"""

import base64
import hmac
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.mikey_prf import KeyConstant, crypto_session_label, derive_mikey_key
from analyzer.keying.mikey_protection import ProtectionKeySource
from analyzer.model.evidence import Wire
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedCall
from dissectors.grammar.mikey import (
    GenericIdEntry,
    Header,
    Kemac,
    KeyData,
    KeyDataPayloads,
    Payload,
    Rand,
    SrtpIdEntry,
    Timestamp,
    Validity,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.secret import Secret
from tests.cli.command_line import ALICE, BOB, START_NS, call, message, pcapng
from tests.keying.mikey_builders import CSB_ID, RAND, TGK, interval, spi

PSK = b"0123456789abcdef"
CM_80 = "AES_CM_128_HMAC_SHA1_80"
OTHER_TGK = bytes(range(200, 216))
NTP = START_NS // 10**9 + 2_208_988_800
Packets = list[tuple[str, str, bytes]]
Entry = SrtpIdEntry | GenericIdEntry


def t(seconds: int = 0) -> Timestamp:
    return Timestamp(0, (NTP + seconds).to_bytes(4, "big") + bytes(4))


def psk_message(
    sessions: Sequence[Entry], keys: Sequence[KeyData], *, rand: bytes | None = RAND, at: int = 0, policies: bool = True
) -> str:
    """A NULL-encrypted, authenticated I_MESSAGE without V, as the value of a key-mgmt line."""
    following = [each.payload_type for each in keys[1:]] + [0] * bool(keys)
    linked = tuple(replace(each, next_payload=kind) for each, kind in zip(keys, following, strict=True))
    clear = build_key_data_payloads(KeyDataPayloads(linked))
    policy: list[Payload] = [build_policy_for_suite(CM_80, 0)] if policies else []
    payloads = [t(at), *([Rand(rand)] if rand is not None else []), *policy, Kemac(0, Secret(clear), 1, bytes(20))]
    kind = 2 if sessions and isinstance(sessions[0], GenericIdEntry) else 0
    header = Header(1, 0, 0, False, 0, CSB_ID, len(sessions), kind, tuple(sessions))
    octets = build_mikey(link_payloads(header, payloads))[:-20]
    auth = ProtectionKeySource(Secret(PSK), CSB_ID, rand or RAND, 0).derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20)
    return "mikey " + base64.b64encode(octets + hmac.digest(auth.reveal(), octets, "sha1")).decode()


def master(cs_id: int, tgk: bytes = TGK) -> bytes:
    """Master key and salt of one crypto session, joined as libsrtp takes them."""
    lengths = ((KeyConstant.TEK, 16), (KeyConstant.TGK_SALT, 14))
    labels = ((crypto_session_label(constant, cs_id, CSB_ID, RAND), octets) for constant, octets in lengths)
    return b"".join(derive_mikey_key(Secret(tgk), label, octets, 0).reveal() for label, octets in labels)


def protect(
    ends: tuple[str, str], ssrc: int, key: bytes, *, first: int = 1000, count: int = 60, roc: int = 0, mki: bytes = b""
) -> Packets:
    """Packets of a slow triangle under one key; `first` is the sequence number within `roc`."""
    session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    if roc:  # libsrtp counts wraps itself
        for number in range(roc << 2):
            session.protect(struct.pack(">BBHII", 0x80, 0, number << 14 & 0xFFFF, 0, ssrc) + b"x")
    packets = []
    for number in range(first, first + count):
        tone = bytes(0x80 | ((number * 160 + place) % 37) for place in range(160))
        octets = session.protect(struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, number * 160, ssrc) + tone)
        packets.append((*ends, octets[:-10] + mki + octets[-10:]))
    return packets


def body(address: str, *ports: int, session: str = "", media: str = "", version: int = 1) -> bytes:
    lines = ["v=0", f"o=- 1 {version} IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    lines += [f"a=key-mgmt:{session}"] if session else []
    for port in ports:
        lines += [f"m=audio {port} RTP/SAVP 0", *([f"a=key-mgmt:{media}"] if media else [])]
    return "".join(f"{line}\r\n" for line in lines).encode()


def audited(folder: Path, packets: Packets) -> AuditedCall:
    (folder / "x.pcapng").write_bytes(pcapng(packets))
    (found,) = audit([folder / "x.pcapng"], ring=KeyRing(psk=(PskEntry(Secret(PSK), None, 1),))).calls
    return found


def proofs(found: AuditedCall) -> dict[int, tuple[int, int, Wire]]:
    return {
        stream.bound.stream.ssrc: (stream.authenticated, stream.failed, stream.wire)
        for line in found.media
        for stream in line.streams
    }


A, B = ("192.0.2.1:4000", "192.0.2.2:6000"), ("192.0.2.2:6000", "192.0.2.1:4000")
SESSIONS = (SrtpIdEntry(1, 0, 0xA1, 0), SrtpIdEntry(2, 0, 0xB1, 0))


def key(tgk: bytes = TGK, validity: Validity | None = None) -> KeyData:
    return KeyData(0, Secret(tgk), validity=validity or Validity())


def test_a_bundle_of_four_sessions_keys_four_streams_of_two_lines(tmp_path: Path) -> None:
    entries = [SrtpIdEntry(number, 0, ssrc, 0) for number, ssrc in enumerate((0xA1, 0xB1, 0xA2, 0xB2), start=1)]
    second = ("192.0.2.1:4002", "192.0.2.2:6002"), ("192.0.2.2:6002", "192.0.2.1:4002")
    media = [
        *protect(A, 0xA1, master(1)),
        *protect(B, 0xB1, master(2)),
        *protect(second[0], 0xA2, master(3)),
        *protect(second[1], 0xB2, master(4)),
    ]
    offer = body("192.0.2.1", 4000, 4002, session=psk_message(entries, [key()]))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000, 6002), media))
    assert proofs(found) == dict.fromkeys((0xA1, 0xB1, 0xA2, 0xB2), (60, 0, Wire.PROVED))
    assert [each.verdict for each in found.media] == [Verdict.CONFORM] * 2


def test_one_line_with_more_sessions_than_two_keys_each_of_its_streams(tmp_path: Path) -> None:
    entries = [SrtpIdEntry(number, 0, ssrc, 0) for number, ssrc in enumerate((0xA1, 0xB1, 0xA2), start=1)]
    media = [*protect(A, 0xA1, master(1)), *protect(B, 0xB1, master(2)), *protect(A, 0xA2, master(3))]
    found = audited(
        tmp_path, call(body("192.0.2.1", 4000, media=psk_message(entries, [key()])), body("192.0.2.2", 6000), media)
    )
    assert proofs(found) == dict.fromkeys((0xA1, 0xB1, 0xA2), (60, 0, Wire.PROVED))


def test_keys_of_two_spis_are_told_apart_by_the_mki_of_the_packets(tmp_path: Path) -> None:
    keys = [key(TGK, spi(b"\0\0\0\1")), key(OTHER_TGK, spi(b"\0\0\0\2"))]
    first = protect(A, 0xA1, master(1), mki=b"\0\0\0\1")
    second = protect(A, 0xA1, master(1, OTHER_TGK), first=1060, mki=b"\0\0\0\2")
    offer = body("192.0.2.1", 4000, media=psk_message(SESSIONS, keys))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), first + second))
    assert proofs(found) == {0xA1: (120, 0, Wire.PROVED)}
    assert found.media[0].streams[0].expected_tag_octets == 14


def test_keys_of_two_intervals_follow_one_another(tmp_path: Path) -> None:
    keys = [key(TGK, interval(0, 1059)), key(OTHER_TGK, interval(1060, 1 << 20))]
    media = protect(A, 0xA1, master(1)) + protect(A, 0xA1, master(1, OTHER_TGK), first=1060)
    offer = body("192.0.2.1", 4000, media=psk_message(SESSIONS, keys))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), media))
    assert proofs(found) == {0xA1: (120, 0, Wire.PROVED)}
    assert not found.media[0].streams[0].defects


def test_a_key_used_outside_its_interval_is_named(tmp_path: Path) -> None:
    keys = [key(TGK, interval(0, 1049)), key(OTHER_TGK, interval(1050, 1 << 20))]
    media = protect(A, 0xA1, master(1)) + protect(A, 0xA1, master(1, OTHER_TGK), first=1060)
    offer = body("192.0.2.1", 4000, media=psk_message(SESSIONS, keys))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), media))
    (defect,) = found.media[0].streams[0].defects
    assert (defect.code, defect.detail) == (
        "key-outside-interval",
        "10 packets outside the interval of their key, which is the indices 0 to 1049",
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_a_key_of_a_session_that_is_for_another_ssrc_is_named(tmp_path: Path, swapped: bool) -> None:
    """The map says which session each SSRC is in; the sides use the other one's key (RFC 3830 §6.1.1)."""
    entries = tuple(SrtpIdEntry(cs_id, 0, ssrc, 0) for cs_id, ssrc in ((1, 0xA1), (2, 0xB1)))
    sessions = (2, 1) if swapped else (1, 2)
    media = protect(A, 0xA1, master(sessions[0])) + protect(B, 0xB1, master(sessions[1]))
    offer = body("192.0.2.1", 4000, media=psk_message(entries, [key(TGK)]))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), media))
    assert proofs(found) == {0xA1: (60, 0, Wire.PROVED), 0xB1: (60, 0, Wire.PROVED)}
    named = {defect.detail for each in found.media[0].streams for defect in each.defects}
    under = "60 packets of {:#010x} under the key of the crypto session that is for {:#010x}"
    assert named == ({under.format(0xA1, 0xB1), under.format(0xB1, 0xA1)} if swapped else set())


def test_a_generic_map_names_key_ssrc_and_rollover_counter(tmp_path: Path) -> None:
    """Each session names by SPI which of two keys it wants; the counter is the one that the map says."""
    rolled = struct.pack(">IIH", 0xA1, 3, 0)
    entries = (
        GenericIdEntry(1, 0, True, (0,), rolled, b"\2"),
        GenericIdEntry(2, 0, False, (0,), struct.pack(">I", 0xB1), b"\1"),
    )
    keys = [key(TGK, spi(b"\1")), key(OTHER_TGK, spi(b"\2"))]
    media = [
        *protect(A, 0xA1, master(1, OTHER_TGK), roc=3, mki=b"\2"),
        *protect(B, 0xB1, master(2), mki=b"\1"),
    ]
    offer = body("192.0.2.1", 4000, media=psk_message(entries, keys))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), media))
    assert proofs(found) == {0xA1: (60, 0, Wire.PROVED), 0xB1: (60, 0, Wire.PROVED)}
    mine = {each.ssrc: (each.mki, each.roc) for each in found.media[0].keying.keys}
    assert mine == {0xA1: (b"\2", 3), 0xB1: (b"\1", None)}


@pytest.mark.parametrize("stated", [3, 0])
def test_a_rollover_counter_is_taken_from_the_map_and_found_without_it(tmp_path: Path, stated: int) -> None:
    entries = (SrtpIdEntry(1, 0, 0xA1, stated), SESSIONS[1])
    offer = body("192.0.2.1", 4000, media=psk_message(entries, [key()]))
    found = audited(tmp_path, call(offer, body("192.0.2.2", 6000), protect(A, 0xA1, master(1), roc=3)))
    assert proofs(found) == {0xA1: (60, 0, Wire.PROVED)}


def rekeyed(offer: str, media: Packets, *, extra: Sequence[Entry] = SESSIONS) -> Packets:
    """A call whose second INVITE brings `offer`; the media goes on."""
    first = body("192.0.2.1", 4000, media=psk_message(extra, [key()]))
    begin = call(first, body("192.0.2.2", 6000), protect(A, 0xA1, master(1)))
    again = (
        (
            ALICE,
            BOB,
            message("INVITE sip:bob@example.com SIP/2.0", "3 INVITE", body("192.0.2.1", 4000, media=offer, version=2)),
        ),
        (BOB, ALICE, message("SIP/2.0 200 OK", "3 INVITE", body("192.0.2.2", 6000, version=2))),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "3 ACK")),
    )
    ending = [
        (ALICE, BOB, message("BYE sip:bob@example.com SIP/2.0", "4 BYE")),
        (BOB, ALICE, message("SIP/2.0 200 OK", "4 BYE")),
    ]
    return [*begin[:-2], *again, *media, *ending]


def test_an_update_without_rand_brings_a_new_key(tmp_path: Path) -> None:
    update = psk_message(SESSIONS, [key(OTHER_TGK)], rand=None, at=2)
    media = protect(A, 0xA1, master(1, OTHER_TGK), first=1060)
    found = audited(tmp_path, rekeyed(update, media))
    assert [each.keying.verified for each in found.media] == [True, True]
    assert [(s.authenticated, s.failed) for each in found.media for s in each.streams] == [(60, 0), (60, 0)]


def test_an_update_without_keys_and_policy_goes_on_under_the_old_ones(tmp_path: Path) -> None:
    update = psk_message(SESSIONS, [], rand=None, at=2, policies=False)
    session = protect(A, 0xA1, master(1), count=120)
    found = audited(tmp_path, rekeyed(update, session[60:]))
    assert [each.negotiation.chosen.suite for each in found.media] == [CM_80, CM_80]
    assert [(s.authenticated, s.failed) for each in found.media for s in each.streams] == [(60, 0), (60, 0)]


def test_an_update_adds_a_crypto_session(tmp_path: Path) -> None:
    entries = (*SESSIONS, SrtpIdEntry(3, 0, 0xA2, 0))
    update = psk_message(entries, [], rand=None, at=2)
    session = protect(A, 0xA1, master(1), count=120)
    found = audited(tmp_path, rekeyed(update, [*session[60:], *protect(A, 0xA2, master(3))]))
    assert {s.bound.stream.ssrc: (s.authenticated, s.failed) for s in found.media[1].streams} == {
        0xA1: (60, 0),
        0xA2: (60, 0),
    }


def test_packets_still_under_the_old_key_after_an_update_are_no_failures(tmp_path: Path) -> None:
    update = psk_message(SESSIONS, [key(OTHER_TGK)], rand=None, at=2)
    session = protect(A, 0xA1, master(1), count=63)
    media = [*session[60:], *protect(A, 0xA1, master(1, OTHER_TGK), first=1063)]
    found = audited(tmp_path, rekeyed(update, media))
    assert sum(s.failed for each in found.media for s in each.streams) == 0
    assert sum(s.authenticated for each in found.media for s in each.streams) == 123


def test_a_key_that_an_update_replaced_does_not_count_for_the_rest(tmp_path: Path) -> None:
    update = psk_message(SESSIONS, [key(OTHER_TGK)], rand=None, at=2)
    session = protect(A, 0xA1, master(1), count=300)
    found = audited(tmp_path, rekeyed(update, session[60:]))
    (late,) = found.media[1].streams
    assert (late.authenticated, late.failed, late.wire) == (0, 240, Wire.CONTRADICTING)
    assert late.reason == "240 packets are protected with the key that was replaced"
    assert found.media[1].verdict is Verdict.MISMATCH


def test_packets_that_fall_back_to_the_replaced_key_fail(tmp_path: Path) -> None:
    update = psk_message(SESSIONS, [key(OTHER_TGK)], rand=None, at=2)
    session = protect(A, 0xA1, master(1), count=400)
    media = [*protect(A, 0xA1, master(1, OTHER_TGK), first=1060, count=200), *session[260:]]
    found = audited(tmp_path, rekeyed(update, media))
    (late,) = found.media[1].streams
    assert (late.authenticated, late.failed) == (200, 140)

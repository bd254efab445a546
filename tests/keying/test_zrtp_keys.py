# SPDX-License-Identifier: GPL-2.0-only
"""ZRTP with s0 at hand: real handshakes under keys of our own, bzrtp's Confirm messages, what each side announced."""

import hashlib
import hmac
import json
import struct
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from analyzer.api import audit
from analyzer.errors import KeyMaterialError
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtp
from analyzer.model.evidence import Wire
from analyzer.model.report import AuditedMedia
from dissectors.grammar.zrtp import parse_zrtp, parse_zrtp_confirm
from dissectors.layers.trees import describe_payload
from tests.cli.command_line import A_RTP, B_RTP, call, pcapng, sdp
from tests.keying.test_calls_with_keys import A_SSRC, B_SSRC, Packets, rtp
from tests.srtp.srtp_peers import read_datagrams

S0 = bytes(range(100, 132))
# Confirm1 and Confirm2 out of bzrtp's own tests, with its MAC keys.
CONFIRMS = [
    (
        (
            "100009f65a52545012345678505a0013436f6e6669726d31b121eee267a4fda694249a60f02e5ed933e1d84154a37ceae961aef9190db368"
            "689ef81a189187c56e5e2d5e32a2b26631b8e559c910bba0006cee0c6dfbeb3285b66e93"
        ),
        "3aa5224326138fd6545940b85cf40f0cbc9c4f7d55eb4ba51e1c42d05eac1206",
    ),
    (
        (
            "100002d25a52545087654321505a0013436f6e6669726d320fecfa4b45179db3927d1c53860112d92548ca18b9109504b7c8ee872bec5939"
            "92961173a6692b11cd1da173b2c9296f82326a0a564057fbacab20b8e2a92c616a05e8b5"
        ),
        "dc47e1c74811b154142a91299fa48b4587168d3ae6b00c084fa548d596671a1b",
    ),
]


@pytest.mark.parametrize(("packet", "mac_key"), CONFIRMS)
def test_the_mac_of_confirm_messages(packet: str, mac_key: str) -> None:
    confirm = parse_zrtp_confirm(parse_zrtp(bytes.fromhex(packet)))
    assert hmac.digest(bytes.fromhex(mac_key), confirm.encrypted, "sha256")[:8] == confirm.mac


def kdf(secret: bytes, label: str, context: bytes, bits: int) -> bytes:
    """RFC 6189 §4.5.1 once more, written from its text."""
    data = b"\x00\x00\x00\x01" + label.encode() + b"\x00" + context + struct.pack(">I", bits)
    return hmac.new(secret, data, hashlib.sha256).digest()[: bits // 8]


class Handshake:
    """The real ZRTP packets of a capture, their Confirm messages made anew for another s0."""

    def __init__(self, captures: Path, s0: bytes) -> None:
        packets = read_datagrams(captures / "peers" / "linphone" / "zrtp.pcap")
        self.packets = [packet for packet in packets if packet.payload[4:8] == b"ZRTP"]
        self.by_type = {packet.payload[16:24].decode().strip(): packet for packet in self.packets}
        self.initiator = self.by_type["Commit"].source
        hello = next(p for p in self.packets if p.payload[16:21] == b"Hello" and p.source != self.initiator)
        self.hello_of_responder = hello.payload[12:-4]
        self.commit = self.by_type["Commit"].payload[12:-4]
        self.zids = self.commit[12 + 32 :][:12] + self.hello_of_responder[12 + 4 + 16 + 32 :][:12]
        whole = self.hello_of_responder + self.commit
        whole += self.by_type["DHPart1"].payload[12:-4] + self.by_type["DHPart2"].payload[12:-4]
        self.context = self.zids + hashlib.sha256(whole).digest()
        self.s0 = s0

    def wire(self, *, multistream: bool = False) -> Packets:
        """The packets between the endpoints of a call written by hand, the initiator being the caller."""
        ends = {True: (A_RTP, B_RTP), False: (B_RTP, A_RTP)}
        packets = []
        for packet in self.packets:
            octets = self.confirmed(packet.payload, multistream=multistream)
            packets.append((*ends[packet.source == self.initiator], octets))
        return packets

    def confirmed(self, octets: bytes, *, multistream: bool) -> bytes:
        kind = octets[16:24].decode().strip()
        if multistream and kind == "Commit":
            return octets[: 12 + 12 + 32 + 12 + 12] + b"Mult" + octets[12 + 12 + 32 + 12 + 16 :]
        if not kind.startswith("Confirm"):
            return octets
        role = "Responder" if kind == "Confirm1" else "Initiator"
        key = kdf(self.s0, f"{role} HMAC key", self.context, 256)
        encrypted = octets[12 + 12 + 8 + 16 : -4]
        return octets[:24] + hmac.new(key, encrypted, hashlib.sha256).digest()[:8] + octets[32:]

    def keys(self) -> tuple[bytes, bytes]:
        """Master key and salt of the initiator, then of the responder."""
        return tuple(  # type: ignore[return-value]
            kdf(self.s0, f"{role} SRTP master key", self.context, 128)
            + kdf(self.s0, f"{role} SRTP master salt", self.context, 112)
            for role in ("Initiator", "Responder")
        )


def media(keys: tuple[bytes, bytes], count: int = 100) -> Packets:
    packets: Packets = []
    for key, ssrc, ends in zip(keys, (A_SSRC, B_SSRC), ((A_RTP, B_RTP), (B_RTP, A_RTP)), strict=True):
        session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        packets += [(*ends, session.protect(rtp(number, ssrc))) for number in range(count)]
    return packets


PLAIN = sdp("192.0.2.1", 4000, proto="RTP/AVP"), sdp("192.0.2.2", 6000, proto="RTP/AVP")


def heard(folder: Path, packets: Packets, *secrets: bytes) -> tuple[AuditedMedia, int]:
    (folder / "x.pcapng").write_bytes(pcapng(call(*PLAIN, packets)))
    (folder / "keys.toml").write_text("".join(f'[[zrtp]]\ns0 = "{s0.hex()}"\n' for s0 in secrets))
    ring = read_key_ring(folder / "keys.toml")
    (found,) = audit([folder / "x.pcapng"], ring=ring).calls
    (line,) = found.media
    clear = 0
    for stream in line.streams:
        context = context_that_opened(stream, line.keying, ring)
        for number, packet in enumerate(iter_clear_rtp(stream, context)):
            assert packet.octets == rtp(number, stream.bound.stream.ssrc)
            clear += 1
    return line, clear


@pytest.mark.captures
def test_s0_opens_both_directions_and_the_confirm_messages_prove_it(captures: Path, tmp_path: Path) -> None:
    handshake = Handshake(captures, S0)
    line, clear = heard(tmp_path, [*handshake.wire(), *media(handshake.keys())], bytes(32), S0)
    assert [(s.authenticated, s.failed, s.wire) for s in line.streams] == [(100, 0, Wire.PROVED)] * 2
    assert (line.keying.verified, clear) == (True, 200)
    assert line.keying.how == (
        "keys come from the ZRTP handshake (hash S256, cipher AES1, tag HS80, DH3k, SAS B32, by BZRTPv1.1),"
        " its Confirm message verifies"
    )
    assert S0.hex() not in repr(line.keying)


@pytest.mark.captures
def test_a_wrong_s0_fits_nothing_and_refutes_nothing(captures: Path, tmp_path: Path) -> None:
    handshake = Handshake(captures, S0)
    line, clear = heard(tmp_path, [*handshake.wire(), *media(handshake.keys())], bytes(32))
    assert (line.keying.verified, clear) == (None, 0)
    assert "which no s0 of the key file fits" in line.keying.how
    assert {(s.failed, s.wire) for s in line.streams} == {(0, Wire.CONSISTENT)}


@pytest.mark.captures
def test_without_confirm_messages_the_packets_prove_the_key(captures: Path, tmp_path: Path) -> None:
    handshake = Handshake(captures, S0)
    unconfirmed = [packet for packet in handshake.wire() if packet[2][16:23] != b"Confirm"]
    line, clear = heard(tmp_path, [*unconfirmed, *media(handshake.keys())], S0)
    assert (line.keying.verified, clear) == (None, 200)
    assert {s.wire for s in line.streams} == {Wire.PROVED}


@pytest.mark.captures
def test_a_message_that_all_keys_depend_on_is_missing(captures: Path, tmp_path: Path) -> None:
    handshake = Handshake(captures, S0)
    without = [packet for packet in handshake.wire() if packet[2][16:23] != b"DHPart1"]
    line, clear = heard(tmp_path, [*without, *media(handshake.keys())], S0)
    assert (line.keying.verified, clear, line.keying.keys) == (None, 0, ())


@pytest.mark.captures
def test_multistream_takes_its_keys_from_the_first_stream(captures: Path, tmp_path: Path) -> None:
    first = Handshake(captures, S0)
    second = Handshake(captures, b"")
    commit = second.confirmed(second.by_type["Commit"].payload, multistream=True)[12:-4]
    second.context = second.zids + hashlib.sha256(second.hello_of_responder + commit).digest()
    session = kdf(S0, "ZRTP Session Key", first.context, 256)
    second.s0 = kdf(session, "ZRTP MSK", second.context, 256)
    elsewhere = [(a.replace(":4000", ":4002"), b.replace(":6000", ":6002"), o) for a, b, o in first.wire()]
    elsewhere = [(a.replace(":6000", ":6002"), b.replace(":4000", ":4002"), o) for a, b, o in elsewhere]
    bodies = [body + b"m=audio %d RTP/AVP 0\r\n" % port for body, port in zip(PLAIN, (4002, 6002), strict=True)]
    packets = [*elsewhere, *second.wire(multistream=True), *media(second.keys())]
    (tmp_path / "x.pcapng").write_bytes(pcapng(call(bodies[0], bodies[1], packets)))
    (tmp_path / "keys.toml").write_text(f'[[zrtp]]\ns0 = "{S0.hex()}"\n')
    (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.toml")).calls
    proved = [stream.authenticated for line in found.media for stream in line.streams]
    assert proved == [100, 100]


@pytest.mark.captures
def test_srtp_keys_given_by_hand_open_a_zrtp_call(captures: Path, tmp_path: Path) -> None:
    folder = captures / "peers" / "linphone"
    facts = json.loads((folder / "zrtp.json").read_text())
    keys = {key["master_key_salt_hex"] for key in facts["keys"]}
    entries = [f'[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_80"\nkey = "{key}"\n' for key in sorted(keys)]
    (tmp_path / "keys.toml").write_text("".join(entries))
    ring = read_key_ring(tmp_path / "keys.toml")
    (found,) = audit([folder / "zrtp.pcap"], ring=ring).calls
    (line,) = found.media
    assert sum(s.authenticated for s in line.streams) == facts["independent_python_check"]["rtp_ok"]
    assert sum(s.rtcp.authenticated for s in line.streams) == facts["independent_python_check"]["rtcp_ok"]
    assert line.keying.defects == ()  # both Hello messages are those that the SDP announced


@pytest.mark.captures
def test_a_hello_that_the_sdp_did_not_announce(captures: Path, tmp_path: Path) -> None:
    octets = (captures / "peers" / "linphone" / "zrtp.pcap").read_bytes()
    announced = b"zrtp-hash:1.10 78927df2ef7a5b49"
    assert announced in octets
    (tmp_path / "x.pcap").write_bytes(octets.replace(announced, b"zrtp-hash:1.10 78927df2ef7a5b48"))
    (found,) = audit([tmp_path / "x.pcap"]).calls
    (defect,) = found.media[0].keying.defects
    assert defect.code == "zrtp-hash-mismatch"


def test_an_s0_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text('[[zrtp]]\ns0 = "0011"\n')
    with pytest.raises(KeyMaterialError, match=r"keys.toml:2: .*32 or 48 octets; the entry has 2"):
        read_key_ring(tmp_path / "keys.toml")


@pytest.mark.captures
def test_the_tree_of_a_packet(captures: Path) -> None:
    handshake = Handshake(captures, S0)
    trees = {kind: describe_payload("zrtp", packet.payload) for kind, packet in handshake.by_type.items()}
    assert "client_id = 'BZRTPv1.1'" in trees["Hello"]
    assert "ciphers   = ('AES1', 'AES3')" in trees["Hello"]
    assert "sas_type  = 'B32'" in trees["Commit"]
    assert "message_type= 'DHPart2'" in trees["DHPart2"]
    assert "zrtp-unreadable" in describe_payload("zrtp", b"\x10\x00\x00\x00ZRTP")
    assert "0000" in describe_payload("dtls", bytes(20))

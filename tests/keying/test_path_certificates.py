# SPDX-License-Identifier: GPL-2.0-only
"""Certificates on the media path beside the fingerprints of the SDP: handshakes of OpenSSL, and of a real call."""

import hashlib
import re
import ssl
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.outcome import Outcome
from tests.capture.capture_frames import pcap
from tests.tls.tls_peers import CLIENT, Conversation, Identity, context, make_identity

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
DTLS_CALL = "peers/baresip/udp_dtls_srtp.pcap"
ALICE, BOB = "10.0.0.1", "10.0.0.2"
OTHER = "a=fingerprint:sha-256 " + ":".join(["4A"] * 32)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("ec"), "ec")


def fingerprint(identity: Identity, function: str = "sha-256") -> str:
    pem = identity.path.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])
    return f"a=fingerprint:{function} {hashlib.new(function.replace('-', ''), der).digest().hex(':').upper()}"


def talk(identity: Identity, version: ssl.TLSVersion, key_log: Path | None, *, both: bool) -> Conversation:
    """A handshake in which the server, or both, show the certificate."""
    server = context(ssl.PROTOCOL_TLS_SERVER, version, "", 0)
    client = context(ssl.PROTOCOL_TLS_CLIENT, version, "", 0)
    server.load_cert_chain(identity.path)
    if both:
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(identity.path)
        client.load_cert_chain(identity.path)
    conversation = Conversation(identity, key_log, version=version, server=server, client=client)
    conversation.say(CLIENT, b"media")
    return conversation


def message(start: str, host: str, port: int, *lines: str) -> bytes:
    sdp = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", "t=0 0", f"m=audio {port} TCP/TLS/RTP/AVP 0", f"c=IN IP4 {host}"]
    body = "\r\n".join([*sdp, *lines, ""])
    head = [start, f"Via: SIP/2.0/UDP {ALICE};branch=z9hG4bK1", "From: <sip:a@a>;tag=1", "To: <sip:b@b>;tag=2"]
    head += ["Call-ID: tls", "CSeq: 1 INVITE", "Content-Type: application/sdp", f"Content-Length: {len(body)}", "", ""]
    return ("\r\n".join(head) + body).encode()


def write_call(path: Path, conversation: Conversation, offered: str, answered: str, unseen: int | None = None) -> None:
    """A call whose media runs in the TLS of the conversation, which Alice opens; one message may not be captured."""
    ends = f"{ALICE}:5060", f"{BOB}:5060"
    frames = [
        build_udp_frame(*ends, message("INVITE sip:b@b SIP/2.0", ALICE, 9, "a=setup:active", offered)),
        build_udp_frame(*ends[::-1], message("SIP/2.0 200 OK", BOB, 5000, "a=setup:passive", answered)),
    ]
    if unseen is not None:
        del frames[unseen]
    ways = (Ether() / IP(src=ALICE, dst=BOB), 40000, 5000), (Ether() / IP(src=BOB, dst=ALICE), 5000, 40000)
    for way, source, destination in ways:
        frames.append(bytes(way / TCP(sport=source, dport=destination, seq=0, flags="S")))
    at = [1, 1]
    for sender, octets in conversation.flights:
        way, source, destination = ways[sender]
        frames.append(bytes(way / TCP(sport=source, dport=destination, seq=at[sender], flags="PA") / octets))
        at[sender] += len(octets)
    path.write_bytes(pcap(frames))


def said(path: Path, ring: KeyRing | None = None) -> Outcome:
    (call,) = audit([path], ring=ring).calls
    (outcome,) = [one for one in call.outcomes if one.rule == "DTL-001"]
    return outcome


@pytest.mark.parametrize(("version", "with_keys"), [(TLS_1_2, False), (TLS_1_2, True), (TLS_1_3, True)])
@pytest.mark.parametrize(
    ("offered", "answered", "both", "value"),
    [
        ("own", "own", True, "pass"),
        ("own", "own", False, "unknown"),  # the client showed none
        ("own", "other", True, "fail"),
        ("other", "own", True, "fail"),
        ("other", "own", False, "unknown"),
    ],
)
def test_media_in_tls(
    version: ssl.TLSVersion,
    with_keys: bool,
    offered: str,
    answered: str,
    both: bool,
    value: str,
    identity: Identity,
    tmp_path: Path,
) -> None:
    prints = {"own": fingerprint(identity), "other": OTHER}
    key_log = tmp_path / "keys.log"
    conversation = talk(identity, version, key_log, both=both)
    (tmp_path / "keys.toml").write_text('[[dtls]]\nkeylog = "keys.log"\n')
    write_call(tmp_path / "call.pcap", conversation, prints[offered], prints[answered])
    ring = read_key_ring(tmp_path / "keys.toml") if with_keys else None
    assert said(tmp_path / "call.pcap", ring).outcome.value == value


def test_tls_1_3_without_its_keys_hides_certificates(identity: Identity, tmp_path: Path) -> None:
    write_call(tmp_path / "call.pcap", talk(identity, TLS_1_3, None, both=True), OTHER, OTHER)
    outcome = said(tmp_path / "call.pcap")
    assert (outcome.outcome.value, outcome.missing) == ("unknown", "certificate")


@pytest.mark.parametrize(("fits", "value"), [(True, "unknown"), (False, "fail")])
def test_without_the_offer_no_certificate_is_good(fits: bool, value: str, identity: Identity, tmp_path: Path) -> None:
    line = fingerprint(identity) if fits else OTHER
    write_call(tmp_path / "call.pcap", talk(identity, TLS_1_2, None, both=True), line, line, unseen=0)
    assert said(tmp_path / "call.pcap").outcome.value == value


@pytest.mark.parametrize(("function", "value"), [("sha-1", "pass"), ("sha-512", "pass"), ("md2", "unknown")])
def test_hash_functions(function: str, value: str, identity: Identity, tmp_path: Path) -> None:
    line = "a=fingerprint:md2 " + ":".join(["4A"] * 16) if function == "md2" else fingerprint(identity, function)
    write_call(tmp_path / "call.pcap", talk(identity, TLS_1_2, None, both=True), line, line)
    assert said(tmp_path / "call.pcap").outcome.value == value


@pytest.mark.parametrize(("altered", "value"), [(0, "fail"), (2, "fail"), (1, "pass"), (None, "pass")])
def test_a_call_of_real_phones_with_another_digit_in_a_fingerprint(
    altered: int | None, value: str, tmp_path: Path, captures: Path
) -> None:
    """Of its three fingerprints the second stands at session level, and one at the medium replaces it."""
    octets = bytearray((captures / DTLS_CALL).read_bytes())
    places = [found.end() for found in re.finditer(rb"a=fingerprint:SHA-256 ", octets)]
    assert len(places) == 3
    if altered is not None:
        place = places[altered]
        octets[place] = ord("0") if octets[place] != ord("0") else ord("1")
    path = tmp_path / "call.pcap"
    path.write_bytes(octets)
    assert said(path).outcome.value == value

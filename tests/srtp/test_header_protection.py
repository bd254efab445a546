# SPDX-License-Identifier: GPL-2.0-only
"""Headers encrypted in part: RFC 6904 Appendix A, RFC 9335 Appendix A, and libsrtp's capture."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from srtp_peers import context_of, libsrtp_contexts, read_datagrams, sidecar

from analyzer.api import audit
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtp
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import KeySchedule
from analyzer.srtp.header_protection import crypt_extensions, rtp_start
from analyzer.srtp.kdf import Usage
from analyzer.srtp.transform import AuthenticationError, protect_rtp, unprotect_rtp
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from dissectors.grammar.rtp_extensions import ExtensionElement, Extmap, parse_extension_elements, parse_extmap

CM = ("AES_CM_128_HMAC_SHA1_80", bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"))
GCM = ("AEAD_AES_128_GCM", bytes.fromhex("000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab"))
CRYPTEX = [
    (
        "900f1235decafbadcafebabebede000151000200abababababababababababababababab",
        "900f1235decafbadcafebabec0de0001eb92365251c3e036f8de27e9c27ee3e0b4651d9fbc4218a70244522f34a5",
        "900f1235decafbadcafebabec0de000139972dc9572c4d99e8fc355de743fb2e94f9d8ff54e72f4193bbc5c74ffab0fa9fa0fbeb",
    ),
    (
        "900f1236decafbadcafebabe1000000105020002abababababababababababababababab",
        "900f1236decafbadcafebabec2de00014ed9cc4e6a712b3096c5ca77339d4204ce0d77396cab69585fbce38194a5",
        "900f1236decafbadcafebabec2de0001bb75a4c545cd1f413bdb7daa2b1e3263de313667c963249081b35a65f5cb6c88b394235f",
    ),
    (
        "920f1238decafbadcafebabe0001e2400000b26ebede000151000200abababababababababababababababab",
        "920f1238decafbadcafebabe8bb6e12b5cff16ddc0de000192838c8c09e58393e1de3a9a74734d6745671338c3acf11da2df8423bee0",
        (
            "920f1238decafbadcafebabe63bbccc4a7f695c4c0de00018ad7c71fac70a80c92866b4c6ba98546ef913586e95ffaaffe956885bb06"
            "47a8bc094ac8"
        ),
    ),
    (
        "920f1239decafbadcafebabe0001e2400000b26e1000000105020002abababababababababababababababab",
        "920f1239decafbadcafebabef70e513eb90b9b25c2de0001bbed4848faa644665f3d7f34125914e9f4d0ae923c6f479b95a0f7b53133",
        (
            "920f1239decafbadcafebabe3680524f8d312b00c2de0001c78d120038422bc111a7187a18246f980c059cc6bc9df8b626394eca344e"
            "4b05d80fea83"
        ),
    ),
    (
        "920f123adecafbadcafebabe0001e2400000b26ebede0000abababababababababababababababab",
        "920f123adecafbadcafebabe7130b6abfe2ab0e3c0de0000e3d9f64b25c9e74cb4cf8e43fb92e3781c2c0ceab6b3a499a14c",
        (
            "920f123adecafbadcafebabe15b6bb4337906fffc0de0000b7b964537a2b03ab7ba5389ce93317126b5d974df30c6884dcb651c5e120"
            "c1da"
        ),
    ),
    (
        "920f123bdecafbadcafebabe0001e2400000b26e10000000abababababababababababababababab",
        "920f123bdecafbadcafebabecbf24c124330e1c8c2de0000599dd45bc9d687b603e8b59d771fd38e88b170e0cd31e125eabe",
        (
            "920f123bdecafbadcafebabedcb38c9e48bf95f4c2de000061ee432cf920317076613258d3ce4236c06ac429681ad08413512dc98b52"
            "07d8"
        ),
    ),
]


@pytest.mark.parametrize(("plain", "counter_mode", "gcm"), CRYPTEX)
def test_cryptex_of_rfc9335(plain: str, counter_mode: str, gcm: str) -> None:
    clear = bytes.fromhex(plain)
    for (suite, key), sealed in ((CM, bytes.fromhex(counter_mode)), (GCM, bytes.fromhex(gcm))):
        context = context_of(suite, key)
        assert protect_rtp(clear, context_of(suite, key, cryptex=True)) == sealed
        assert unprotect_rtp(sealed, context) == clear
        opening = open_stream([sealed], context)
        assert opening.authenticated.all()
        assert list(opening.clear_packets()) == [(0, clear)]
        few = replace(context, roc_search_limit=1)
        for place in range(0, len(sealed), 3):
            broken = bytearray(sealed)
            broken[place] ^= 1
            assert not open_stream([bytes(broken)], few).authenticated.any()


def test_encrypted_elements_of_rfc6904() -> None:
    context = context_of(*CM)
    session = KeySchedule(context, Usage.SRTP).header_session(0, 0)
    assert session.keys.encryption.reveal().hex() == "549752054d6fb708622c4a2e596a1b93"
    assert session.keys.salt.reveal().hex() == "ab01818174c40d39a3781f7c2d27"
    assert rtp_start(session, b"", 0xCAFEBABE, 0x1234).tobytes().hex() == "ab018181be3ab787a3781f7c3f130000"
    plain, cipher = (
        bytes.fromhex(body)
        for body in (
            "17414273a475262748220000c8308e4655996386b395fb00",
            "17588a9270f4e15e1c220000c8309546a994f0bc54789700",
        )
    )
    form = RtpHeader(sequence_number=0x1234, ssrc=0xCAFEBABE, extension_profile=0xBEDE)
    clear, sealed = (build_rtp_header(form._replace(extension_data=body)) for body in (plain, cipher))
    assert crypt_extensions(clear, session, 0x1234, frozenset((1, 3, 4))) == sealed
    assert crypt_extensions(sealed, session, 0x1234, frozenset((1, 3, 4))) == clear


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"])
def test_encrypted_elements_in_two_byte_form(suite: str) -> None:
    context = context_of(suite, bytes(range(44)), encrypted_extensions=frozenset((7,)))
    body = bytes.fromhex("0703aabbcc 0901ee 0700 0000".replace(" ", ""))
    packet = build_rtp_header(RtpHeader(extension_profile=0x1000, extension_data=body)) + b"payload"
    sealed = protect_rtp(packet, context)
    assert sealed[16:18] + sealed[21:28] == body[:2] + body[5:]
    assert sealed[18:21] != body[2:5]
    assert unprotect_rtp(sealed, context) == packet
    assert list(open_stream([sealed], context).clear_packets()) == [(0, packet)]


@pytest.mark.captures
def test_libsrtp_with_encrypted_extensions(captures: Path, tmp_path: Path) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / "encxtn_AES_CM_128_HMAC_SHA1_80.json")
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    entries = [
        f'[[srtp]]\ncrypto = "1 {context.suite.name} inline:{facts[side]["master_keys"][0]["inline"]}"\n'
        "encrypted_extensions = [1, 2]\n"
        for side, context in zip("AB", libsrtp_contexts(facts).values(), strict=True)
    ]
    (tmp_path / "keys.toml").write_text("".join(entries))
    ring = read_key_ring(tmp_path / "keys.toml")
    report = audit([folder / facts["srtp_pcap"]], ring=ring)
    opened = [
        packet
        for stream in report.streams
        for packet in iter_clear_rtp(stream.audit, context_that_opened(stream.audit, stream.keying, ring))
    ]
    assert len(opened) == 900
    assert all(clear[packet.frame] == packet.octets for packet in opened)


def test_extension_maps() -> None:
    assert parse_extmap("1 urn:x") == Extmap(1, "urn:x", encrypted=False)
    assert parse_extmap("4/recvonly urn:x a b") == Extmap(4, "urn:x", encrypted=False)
    encrypted = "4/sendrecv urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:smpte-tc 25@600/24"
    assert parse_extmap(encrypted) == Extmap(4, "urn:ietf:params:rtp-hdrext:smpte-tc", encrypted=True)
    assert parse_extmap("x urn:x") is None
    assert parse_extmap("1 urn:ietf:params:rtp-hdrext:encrypt") is None


@given(st.sampled_from([0xBEDE, 0x1000, 0x100F, 0xC0DE, 0x1234]), st.binary(max_size=300))
def test_elements_lie_apart_within_the_body(profile: int, body: bytes) -> None:
    place = 0
    for element in parse_extension_elements(profile, body):
        assert isinstance(element, ExtensionElement)
        assert place < element.start <= element.stop <= len(body)
        place = element.stop


@given(st.binary(max_size=120))
def test_hostile_packets_raise_nothing(noise: bytes) -> None:
    context = context_of(*CM, encrypted_extensions=frozenset(range(16)), authenticated=False)
    for packet in (noise, b"\x9f" + noise, b"\x92\0" + bytes(18) + b"\xc0\xde\0\1" + noise):
        list(open_stream([packet], context).clear_packets())


def test_a_packet_shorter_than_its_header_is_refused() -> None:
    sealed = protect_rtp(bytes.fromhex(CRYPTEX[4][0]), context_of(*CM, cryptex=True))
    with pytest.raises(AuthenticationError):
        unprotect_rtp(sealed[:30], context_of(*CM))

# SPDX-License-Identifier: GPL-2.0-only
"""Published vectors: RFC 3711 Appendix B, RFC 6188 §7, RFC 7714 §16–17, RFC 9335 A.2 keys, libsrtp's own packets."""

import numpy as np
import pytest

from analyzer.srtp.context import Session, SrtpContext, StreamKey
from analyzer.srtp.header_protection import rtp_start
from analyzer.srtp.kdf import KeyDerivation, SessionKeys, Usage, derive_key, derive_session_keys
from analyzer.srtp.keystream import counter_mode_start, keystream
from analyzer.srtp.suites import SUITES, SrtpError, Suite, UnavailableSuiteError, suite_by_dtls_profile, suite_by_name
from analyzer.srtp.transform import AuthenticationError, protect_rtcp, protect_rtp, unprotect_rtcp, unprotect_rtp
from dissectors.grammar.dtls import ProtectionProfile
from dissectors.grammar.secret import Secret

MASTER_KEY = "e1f97a0d3e018be0d64fa32c06de4139"
MASTER_SALT = "0ec675ad498afeebb6960b3aabe6"
RTP_PLAIN = "800f1234decafbadcafebabeabababababababababababababababab"
RTCP_PLAIN = "81c8000bcafebabeabababababababababababababababab"


def suite(name: str) -> Suite:
    found = suite_by_name(name)
    assert found is not None
    return found


def context(name: str, key: str, salt: str, mki: str = "", **parameters: object) -> SrtpContext:
    stream_key = StreamKey(Secret(bytes.fromhex(key)), Secret(bytes.fromhex(salt)), bytes.fromhex(mki))
    return SrtpContext(suite(name), (stream_key,), **parameters)  # type: ignore[arg-type]


def session(name: str, key: str, salt: str) -> Session:
    keys = SessionKeys(Secret(bytes.fromhex(key)), Secret(bytes(20)), Secret(bytes.fromhex(salt)))
    return Session(suite(name), keys)


def test_f8_keystream_of_rfc3711_b1() -> None:
    header = bytes.fromhex("806e5cba50681de55c621599")
    ready = session("F8_128_HMAC_SHA1_80", "234829008467be186c3de14aae72d62c", "32f2870d")
    start = rtp_start(ready, header, 0x5C621599, 0xD462564A << 16 | 0x5CBA)
    assert start.tobytes().hex() == "006e5cba50681de55c621599d462564a"
    plain = bytes.fromhex("70736575646f72616e646f6d6e65737320697320746865206e6578742062657374207468696e67")
    cipher = bytes.fromhex("019ce7a26e7854014a6366aa95d4eefd1ad4172a14f9faf455b7f1d4b62bd08f562c0eef7c4802")
    stream = keystream(ready, np.repeat(start, 2, axis=0), len(plain))
    for row in stream:
        assert (np.frombuffer(plain, np.uint8) ^ row).tobytes() == cipher


COUNTER_MODE = [
    (
        "AES_CM_128_HMAC_SHA1_80",
        "2b7e151628aed2a6abf7158809cf4f3c",
        {
            0: "e03ead0935c95e80e166b16dd92b4eb4",
            1: "d23513162b02d0f72a43a2fe4a5f97ab",
            2: "41e95b3bb0a2e8dd477901e4fca894c0",
            0xFEFF: "ec8cdf7398607cb0f2d21675ea9ea1e4",
            0xFF00: "362b7c3c6773516318a077d7fc5073ae",
            0xFF01: "6a2cc3787889374fbeb4c81b17ba6c44",
        },
    ),
    (
        "AES_256_CM_HMAC_SHA1_80",
        "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
        {
            0: "92bdd28a93c3f52511c677d08b5515a4",
            2: "63c4868b7096d88421b563b8c94c9a31",
            0xFF01: "6eb246913062a16891433e97dd01a57f",
        },
    ),
    (
        "AES_192_CM_HMAC_SHA1_80",
        "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
        {
            0: "35096cba4610028dc1b57503804ce37c",
            1: "5de986291dcce161d5165ec4568f5c9a",
            0xFF01: "a5dab625811034e8cebdfeb6dc158dd3",
        },
    ),
]


@pytest.mark.parametrize(("name", "key", "blocks"), COUNTER_MODE)
def test_counter_mode_keystream(name: str, key: str, blocks: dict[int, str]) -> None:
    ready = session(name, key, "f0f1f2f3f4f5f6f7f8f9fafbfcfd")
    start = counter_mode_start(ready, np.zeros(1, np.uint64), np.zeros(1, np.uint64))
    stream = keystream(ready, start, 16 * 0xFF02)[0].tobytes()
    for number, block in blocks.items():
        assert stream[16 * number : 16 * number + 16].hex() == block


DERIVATIONS = [
    (
        "AES_CM_128_HMAC_SHA1_80",
        Usage.SRTP,
        MASTER_KEY,
        MASTER_SALT,
        "c61e7a93744f39ee10734afe3ff7a087",
        "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
        "30cbbc08863d8c85d49db34a9ae1",
    ),
    (
        "AES_CM_128_HMAC_SHA1_80",
        Usage.SRTCP,
        MASTER_KEY,
        MASTER_SALT,
        "4c1aa45a81f73d61c800bbb00fbb1eaa",
        "8d54534feb49ae8e7993a6bd0b844fc323a93dfd",
        "9581c7ad87b3e530bf3e4454a8b3",
    ),
    (
        "AES_256_CM_HMAC_SHA1_80",
        Usage.SRTP,
        "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
        "3b04803de51ee7c96423ab5b78d2",
        "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
        "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
        "fa31791685ca444a9e07c6c64e93",
    ),
    (
        "AES_192_CM_HMAC_SHA1_80",
        Usage.SRTP,
        "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1",
        "c8522f3acd4ce86d5add78edbb11",
        "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb",
        "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb",
        "2372b82d639b6d8503a47adc0a6c",
    ),
    (
        "AEAD_AES_128_GCM",
        Usage.SRTP,
        "000102030405060708090a0b0c0d0e0f",
        "a0a1a2a3a4a5a6a7a8a9aaab",
        "077c6143cb221bc355ff23d5f984a16e",
        "",
        "9af3e95364ebac9c99c5a7c4",
    ),
]


@pytest.mark.parametrize(("name", "usage", "key", "salt", "encryption", "authentication", "session_salt"), DERIVATIONS)
def test_session_keys(
    name: str, usage: Usage, key: str, salt: str, encryption: str, authentication: str, session_salt: str
) -> None:
    keys = derive_session_keys(Secret(bytes.fromhex(key)), Secret(bytes.fromhex(salt)), suite(name), usage)
    assert keys.encryption.reveal().hex() == encryption
    assert keys.authentication.reveal().hex() == authentication
    assert keys.salt.reveal().hex() == session_salt
    assert encryption not in repr(keys)


def test_session_keys_of_sp_800_135() -> None:
    """The first AES-128 vector of NIST's component validation: SRTP as everybody, SRTCP with labels 16 bits lower."""
    master = Secret(bytes.fromhex("c4809f6d369888728e26adb532129890"))
    salt = Secret(bytes.fromhex("0e23006c6c044f5662400e9d1bd6"))
    expected = {
        Usage.SRTP: (
            "dc382192ab65108a86b259b61b3af46f",
            "b83937fb321792ee87b788193be5a4e3bd326ee4",
            "f1c035c00b5a54a61692c016276c",
        ),
        Usage.SRTCP: (
            "ab5be0b456235dcf77d5086929bafb38",
            "c52fde0b80b0f0bad8d15645cb86e7c7c3d8770e",
            "deb5f85f81336a965ed32bb7ede8",
        ),
    }
    for usage, keys in expected.items():
        cm = suite("AES_CM_128_HMAC_SHA1_80")
        found = derive_session_keys(master, salt, cm, usage, derivation=KeyDerivation.SP_800_135)
        assert tuple(key.reveal().hex() for key in (found.encryption, found.authentication, found.salt)) == keys


def test_long_authentication_key_of_rfc3711_b3() -> None:
    derived = derive_key(bytes.fromhex(MASTER_KEY), bytes.fromhex(MASTER_SALT), 1, 94)
    assert derived.hex() == (
        "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef72270986371c10c9a369a"
        "c2f94a8c5fbcdddc256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2"
    )


def test_key_derivation_rate_changes_keys_at_its_multiples_only() -> None:
    master = Secret(bytes.fromhex(MASTER_KEY)), Secret(bytes.fromhex(MASTER_SALT)), suite("AES_CM_128_HMAC_SHA1_80")
    at = [derive_session_keys(*master, kdr=4, index=index).encryption for index in (0, 3, 4, 7, 8)]
    assert at[0] == at[1] == derive_session_keys(*master).encryption
    assert at[2] == at[3]
    assert len({at[0], at[2], at[4]}) == 3


GCM = [
    (
        "AEAD_AES_128_GCM",
        "000102030405060708090a0b0c0d0e0f",
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        (
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf8"
            "7245d9eade"
        ),
        "841dd9683dd78ec92ae58790125f62b3",
    ),
    (
        "AEAD_AES_256_GCM",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        (
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f"
            "6cb26ac3be"
        ),
        "91db4afbfeee5a978fab4393ed2615fe",
    ),
]


@pytest.mark.parametrize(("name", "key", "rtp", "rtcp", "rtcp_tag"), GCM)
def test_gcm_with_session_keys_of_rfc7714(name: str, key: str, rtp: str, rtcp: str, rtcp_tag: str) -> None:
    ready = session(name, key, "517569642070726f2071756f")
    header = bytes.fromhex("8040f17b8041f8d35501a0b2")
    nonce = ready.aead_nonce(0x5501A0B2, 0xF17B)
    assert nonce.hex() == "51753c6580c2726f20718414"
    payload = bytes.fromhex("47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573")
    assert ready.open_aead(nonce, bytes.fromhex(rtp), header) == payload
    clear = bytes.fromhex("81c8000d4d617273")
    body = bytes.fromhex("4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef")
    nonce = ready.aead_nonce(0x4D617273, 0x5D4)
    assert nonce.hex() == "517524055203726f207170bb"
    assert ready.open_aead(nonce, bytes.fromhex(rtcp), clear + bytes.fromhex("800005d4")) == body
    assert ready.open_aead(nonce, bytes.fromhex(rtcp_tag), clear + body + bytes.fromhex("000005d4")) == b""


PACKETS = [
    ("AES_CM_128_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "", 0, RTP_PLAIN,
     "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"),
    ("AES_CM_128_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "e1f97a0d", 0, RTP_PLAIN,
     "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402e1f97a0db78d6acc99ea179b8dbb"),
    ("NULL_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "", 0, RTP_PLAIN,
     "800f1234decafbadcafebabeabababababababababababababababababa136270b679134ce9b"),
    ("AES_192_CM_HMAC_SHA1_80", "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1", "c8522f3acd4ce86d5add78edbb11", "",
     0, "800f0000decafbad00000000abababababababababababababababab",
     "800f0000decafbad00000000d98865552f2762c3ef37f837acfdb7122d6bc4dc84c76f74aea5"),
    ("AES_256_CM_HMAC_SHA1_80", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
     "3b04803de51ee7c96423ab5b78d2", "", 0, RTP_PLAIN,
     "800f1234decafbadcafebabef1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b"),
    ("AEAD_AES_128_GCM", "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab", "", 0, RTP_PLAIN,
     "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392"),
    ("AES_CM_128_HMAC_SHA1_32", MASTER_KEY, MASTER_SALT, "", 0, RTP_PLAIN,
     "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc"),
    ("AES_CM_128_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "", 1, RTP_PLAIN,
     "800f1234decafbadcafebabe179265c8bf303e4c24e7279f739bb5a6f8b3916fd670057bf1dc"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "salt", "mki", "roc", "plain", "protected"), PACKETS)
def test_srtp_packets(name: str, key: str, salt: str, mki: str, roc: int, plain: str, protected: str) -> None:
    under = context(name, key, salt, mki)
    assert protect_rtp(bytes.fromhex(plain), under, roc).hex() == protected
    assert unprotect_rtp(bytes.fromhex(protected), under, roc).hex() == plain
    with pytest.raises(AuthenticationError):
        unprotect_rtp(bytes.fromhex(protected), under, roc + 1)


CONTROL = [
    ("AES_CM_128_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "",
     "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"),
    ("AES_CM_128_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "e1f97a0d",
     "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001e1f97a0d993e08cd54d6c1230798"),
    ("NULL_HMAC_SHA1_80", MASTER_KEY, MASTER_SALT, "",
     "81c8000bcafebabeabababababababababababababababab00000001fe88c7fdfd37ebce615d"),
    ("AEAD_AES_128_GCM", "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab", "",
     "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "salt", "mki", "protected"), CONTROL)
def test_srtcp_packets(name: str, key: str, salt: str, mki: str, protected: str) -> None:
    under = context(name, key, salt, mki)
    assert protect_rtcp(bytes.fromhex(RTCP_PLAIN), under, 1).hex() == protected
    opened = unprotect_rtcp(bytes.fromhex(protected), under)
    assert (opened.packet.hex(), opened.index, opened.encrypted) == (RTCP_PLAIN, 1, "NULL" not in name)


def test_unencrypted_srtcp_of_rfc7714_layout() -> None:
    clear = context("AEAD_AES_128_GCM", "00" * 16, "11" * 12, srtcp_encrypted=False)
    packet = protect_rtcp(bytes.fromhex(RTCP_PLAIN), clear, 7)
    assert packet[:24].hex() == RTCP_PLAIN
    assert packet[-4:].hex() == "00000007"
    assert unprotect_rtcp(packet, clear).packet.hex() == RTCP_PLAIN


def test_suite_table() -> None:
    names = [name for entry in SUITES for name in (entry.name, *entry.aliases)]
    assert len(names) == len(set(names))
    assert suite("aes_cm_128_hmac_sha1_80") is suite("SRTP_AES128_CM_HMAC_SHA1_80")
    assert suite("AES_F8_128_HMAC_SHA1_80").name == "F8_128_HMAC_SHA1_80"
    assert suite_by_name("AES_CM_128_HMAC_SHA1_8") is None
    assert [suite(name).inline_octets for name in ("AES_192_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32")] == [38, 46]
    assert [suite(name).inline_octets for name in ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM")] == [28, 44]
    for profile in ProtectionProfile:
        by_id = suite_by_dtls_profile(profile)
        assert by_id is suite(profile.name)


def test_what_can_not_be_opened_says_so() -> None:
    double = suite("DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM")
    assert not double.available
    with pytest.raises(UnavailableSuiteError, match="RFC 8723"):
        derive_session_keys(Secret(bytes(32)), Secret(bytes(24)), double)
    with pytest.raises(SrtpError, match="16 and 14"):
        derive_session_keys(Secret(bytes(16)), Secret(bytes(12)), suite("AES_CM_128_HMAC_SHA1_80"))

# SPDX-License-Identifier: GPL-2.0-only
"""SEED (RFC 5669 Appendix A) and ARIA (RFC 8269 Appendix A) with Botan's library, and what is said without it."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from analyzer.srtp import botan
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.ciphers import aead_of
from analyzer.srtp.context import KeySchedule, Session, SrtpContext, StreamKey
from analyzer.srtp.header_protection import crypt, rtp_start
from analyzer.srtp.kdf import SessionKeys, Usage, derive_key, derive_session_keys
from analyzer.srtp.rtcp import open_rtcp
from analyzer.srtp.suites import SUITES, Suite, UnavailableSuiteError, suite_by_name
from analyzer.srtp.transform import open_verified, protect_rtcp, protect_rtp
from dissectors.grammar.secret import Secret

VECTORS = {
    "rtp_header": "8008315ebf2e6fe020e8f5eb",
    "payload_160": (
        "f57af5fd4ae19562976ec57a5a7ad55a5af5c5e5c5fdf5c55ad57a4a7272d57262e9729566ed66e97ac54a4a5a7ad5e1"
        "5ae5fdd5fd5ac5d56ae56ad5c572d54ae54ac55a956afd6aed5a4ac562957a9516991691d572fd14e97ae962ed7a9f4a"
        "955af572e162f57a956666e17ae1f54a95f566d54a66e16e4afd6a9f7ae1c5c55ae5d56afde916c5e94a6ec56695e14a"
        "fde1148416e94ad57ac5146ed59d1cc5"
    ),
    "session_enc_key": "0c5ffd37a11edc42c325287fc0604f2e",
    "session_salt": "cd3a7c42c671e0067a2a2639b43a",
    "ciphertext": (
        "df5a89291e7e383e9beff765e691a73749c9e33139ad3001cd8da73ad07f69a2805a70358b5c7c8c60ed359f95cf5e08"
        "f713c53ff7b808250d79a19ccb8d10734e3cb72ed1f0a4e85b002b248049ab0763dbe571bec52cf9153fdf2019e421ef"
        "779cd6f4bd1c8211da8c272e2fce43934b9eabb87362510f254149f992599036f5e43102327db1ac5e78adc4f66546ed"
        "7abfb5a4db320fb7b9c52a61bc554e44"
    ),
    "nonce": "000020e8f5eb00000000315e",
    "ccm_key": "974bee725d44fc3992267b284c3c6750",
    "ccm_ciphertext": (
        "486843a881df215a8574650ddabf5dbb2650f06f51252bccaeb4012899d6d71e30c64dad5ead5d8ba65ffe9d79aaf30d"
        "c9e6334490c07e7533d704114a9006ecb3b3bff59ecf585485bc0bd286ed434cfd684d19a1ad514ca5f37b71d93288c0"
        "7cf4d5e9b83db8becc8c692a7279b6a9ac62ba970fc54f46dcc926d434c0b5ad8678fbf0e7a03037924dae342ef64fa6"
        "5b8eaea260fecb477a57e3919c5dab82"
    ),
    "ccm_tag_10": "b0a8274cf6a8bb6cc466",
    "gcm_key": "e91e5e75da65554a48181f3846349562",
    "gcm_ciphertext_and_tag_12": (
        "8a5363682c6b1bbf13c0b09cf747a5512543cb2f129b8bd0e92dfadf735cda8f88c4bbf90288f5e58d20c4f1bb0d5844"
        "6ea009103ee57ba99cdeabaaa18d4a9a05ddb46e7e5290a5a2284fe50b1f6fe9ad3f1348c354181e85b24f1a552a1193"
        "cf0e13eed5ab95ae854fb4f5b0edb2d3ee5eb238c8f4bfb136b2eb6cd78760420680ce1879100014f140a15e07e70133"
        "ed9cbb6d57b75d574acb0087eefbac9936cd9ae602be3ee2cd8d5d9d"
    ),
    "ctr128_key": "0c5ffd37a11edc42c325287fc0604f2e",
    "ctr128_ciphertext": (
        "1bf753f412e6f35058cc398dc851aae3a6ccdcb463fbed9cfb3de2fb76fdffa9e481f5efb64c92487f59dabbc7cc72da"
        "092485f3fbad87888820b86037311fa44330e18a59a1e1338ba2c21458493a57463475c54691f91cec785429119e0dfc"
        "d9048f90e07fecd50b528e8c62ee6e71445de5d7f659405135aff3604c2ca4ff4aaca40809cb9eee42cc4ad232307570"
        "81ca289f2851d3315e9568b501fdce6d"
    ),
    "ctr128_tag_80": "f9de4e729054672b0e35",
    "ctr256_key": "0c5ffd37a11edc42c325287fc0604f2e3e8cd5671a00fe3216aa5eb105783b54",
    "ctr256_ciphertext": (
        "c424c59fd5696305e5b13d8e8ca7656617ccd7471088af9debf07b55c750f804a5ac2b737be48140958a9b420524112a"
        "e72e4da5bca59d2b1019ddd7dbdc30b43d5f046152ced40947d62d2c93e7b8e50f02db2b6b61b010e4c1566884de1fa9"
        "702cdf8157e8aedfe3dd77c76bb50c25ae4d624615c15acfdeeb5f79482aaa01d3e4c05eb601eca2bd10518e9d46b021"
        "16359232e9eac0fabd05235dd09e6dea"
    ),
    "ctr256_tag_80": "192f515fab04bbb4e62c",
    "gcm128_key": "e91e5e75da65554a48181f3846349562",
    "gcm128_ciphertext_and_tag_16": (
        "4d8a9a0675550c704b17d8c9ddc81a5cd6f7da34f2fe1b3db7cb3dfb9697102ea0f3c1fc2dbc873d44bceeae8e444297"
        "4ba21ff6789d3272613fb9631a7cf3f14bacbeb421633a90ffbe58c2fa6bdca534f10d0de0502ce1d531b6336e588782"
        "78531e5c22bc6c85bbd784d78d9e680aa19031aaf89101d669d7a3965c1f7e16229d7463e0535f4e253f5d18187d40b8"
        "ae0f564bd970b5e7e2adfb211e89a9535abace3f37f5a736f4be984bbffbedc1"
    ),
    "gcm256_key": "0c5ffd37a11edc42c325287fc0604f2e3e8cd5671a00fe3216aa5eb105783b54",
    "gcm256_ciphertext_and_tag_16": (
        "6f9e4bcbc8c85fc0128fb1e4a0a20cb9932ff74581f54fc013dd054b19f99371425b352d97d3f337b90b63d1b082adee"
        "ea9d2d7391897d591b985e55fb50cb5350cf7d38dc27dda127c078a149c8eb98083d66363a46e3726af217d3a00275ad"
        "5bf772c7610ea4c23006878f0ee69a8397703169a419303f40b72e4573714d19e2697df61e7c7252e5abc6bade876ac4"
        "961bfac4d5e867afca351a48aed52822e210d6ced2cf430ff841472915e7ef48"
    ),
    "aria128_master_key": "e1f97a0d3e018be0d64fa32c06de4139",
    "aria128_session_enc_key": "dbd85a3c4d9219b3e81f7d942e299de4",
    "aria128_session_salt": "9700657f5f34161830d7d85f5dc8",
    "aria128_session_auth_key_94": (
        "d021877bd3eaf92d581ed70ddc050e03f11257032676f2a29f57b21abd3a1423769749bdc5dd9ca5b43ca6b6c1f3a7de"
        "4047904bcf811f601cc03eaa5d7af6db9f88efa2e51ca832fc2a15b126fa7be2469af896acb1852c31d822c45799"
    ),
    "aria256_master_key": "0c5ffd37a11edc42c325287fc0604f2e3e8cd5671a00fe3216aa5eb105783b54",
    "aria256_session_enc_key": "0649a09d93755fe9c2b2efba1cce930af2e76ce8b77e4b175950321aa94b0cf4",
    "aria256_session_salt": "194abaa8553a8eba8a413a340fc8",
    "aria256_session_auth_key_94": (
        "e58d42915873b71899234807334658f20bc460181d06e02b7a9e60f02ff10bfc9ade3795cf78f3e0f2556d9d913470c4"
        "e82e45d254bfb8e2933851a3930ffe7dfca751c03ec1e77e35e28dac4f17d1a580bdac028766d3b1e8f5a41faa3c"
    ),
}
AUTH_KEY_16 = "f93563311b354748c978913795530631"
AUTH_KEY = AUTH_KEY_16 + "16452309"
MASTER_SALT = "0ec675ad498afeebb6960b3aabe6"
NEEDING_BOTAN = [suite.name for suite in SUITES if suite.cipher.value.startswith(("SEED", "ARIA"))]


def octets(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name])


def suite(name: str) -> Suite:
    found = suite_by_name(name)
    assert found is not None
    return found


@pytest.fixture
def library(skip_for_want_of: Callable[[str], None]) -> None:
    if not botan.is_available():
        skip_for_want_of("Botan's library (libbotan-2-19)")


def ready(name: str, key: str, authentication: str = AUTH_KEY, salt: bytes = b"") -> Session:
    salt = salt or octets("session_salt")
    keys = SessionKeys(Secret(octets(key)), Secret(bytes.fromhex(authentication)), Secret(salt))
    return Session(suite(name), keys)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "key", "cipher_text", "authentication", "tag"),
    [
        # The tag that RFC 5669 prints is over the plaintext and without the rollover counter; this is RFC 3711's.
        ("SEED_CTR_128_HMAC_SHA1_80", "session_enc_key", "ciphertext", AUTH_KEY_16, "1d82cc2b73bb1517626c"),
        ("SEED_CTR_128_HMAC_SHA1_80", "session_enc_key", "ciphertext", AUTH_KEY, "3e0c258e19de585df312"),
        ("SRTP_ARIA_128_CTR_HMAC_SHA1_80", "ctr128_key", "ctr128_ciphertext", AUTH_KEY, VECTORS["ctr128_tag_80"]),
        ("SRTP_ARIA_256_CTR_HMAC_SHA1_80", "ctr256_key", "ctr256_ciphertext", AUTH_KEY, VECTORS["ctr256_tag_80"]),
    ],
)
def test_counter_mode(name: str, key: str, cipher_text: str, authentication: str, tag: str) -> None:
    session, header = ready(name, key, authentication), octets("rtp_header")
    start = rtp_start(session, header, 0x20E8F5EB, 0x315E)
    assert start.tobytes().hex() == "cd3a7c42e69915ed7a2a263985640000"
    assert crypt(octets("payload_160"), session, start) == octets(cipher_text)
    assert session.tag(header, octets(cipher_text), bytes(4))[:10].hex() == tag


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "key", "sealed"),
    [
        ("SEED_128_CCM_80", "ccm_key", VECTORS["ccm_ciphertext"] + VECTORS["ccm_tag_10"]),
        ("SEED_128_GCM_96", "gcm_key", VECTORS["gcm_ciphertext_and_tag_12"]),
        ("SRTP_AEAD_ARIA_128_GCM", "gcm_key", VECTORS["gcm128_ciphertext_and_tag_16"]),
        ("SRTP_AEAD_ARIA_256_GCM", "gcm256_key", VECTORS["gcm256_ciphertext_and_tag_16"]),
    ],
)
def test_aead(name: str, key: str, sealed: str) -> None:
    session, header = ready(name, key, salt=bytes(12)), octets("rtp_header")
    nonce = session.aead_nonce(0x20E8F5EB, 0x315E)
    assert nonce == octets("nonce")
    assert session.aead.encrypt(nonce, octets("payload_160"), header).hex() == sealed
    for place in (0, 100, -1):
        data = bytearray.fromhex(sealed)
        assert session.open_aead(nonce, bytes(data), header) == octets("payload_160")
        data[place] ^= 1
        assert session.open_aead(nonce, bytes(data), header) is None
    assert session.open_aead(nonce, b"", header) is None


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("bits", [128, 256])
def test_session_keys_of_rfc8269(bits: int) -> None:
    aria = suite(f"SRTP_ARIA_{bits}_CTR_HMAC_SHA1_80")
    master = octets(f"aria{bits}_master_key")
    keys = derive_session_keys(Secret(master), Secret(bytes.fromhex(MASTER_SALT)), aria)
    assert keys.encryption.reveal() == octets(f"aria{bits}_session_enc_key")
    assert keys.salt.reveal() == octets(f"aria{bits}_session_salt")
    long = derive_key(master, bytes.fromhex(MASTER_SALT), 1, 94, cipher=aria.cipher)
    assert long == octets(f"aria{bits}_session_auth_key_94")
    assert keys.authentication.reveal() == long[:20]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", [*NEEDING_BOTAN, "AEAD_AES_128_CCM", "AEAD_AES_256_CCM", "AEAD_AES_128_GCM_8"])
def test_streams_and_reports_open_and_altered_ones_do_not(name: str) -> None:
    chosen = suite(name)
    key = StreamKey(Secret(bytes(range(chosen.key_octets))), Secret(bytes(chosen.salt_octets)), b"\7\7")
    context = SrtpContext(chosen, (key,))
    header = octets("rtp_header")
    clear = [header[:2] + number.to_bytes(2, "big") + header[4:] + bytes(number) for number in range(40)]
    sealed = [protect_rtp(packet, context, 3) for packet in clear]
    opening = open_stream(sealed, context)
    assert dict(opening.clear_packets()) == dict(enumerate(clear))
    assert opening.authenticated.all()
    altered = [packet[:5] + bytes((packet[5] ^ 1,)) + packet[6:] for packet in sealed]
    assert not open_stream(altered, context).authenticated.any()
    report = bytes.fromhex("80c90001cafebabe81ca0002cafebabe01020000")
    (found,) = open_rtcp([protect_rtcp(report, context, 5)], context).opened
    assert found is not None
    assert found.packet == report
    assert open_verified(sealed[0][:20], 12, KeySchedule(context, Usage.SRTP), 0, 0) is None or not chosen.aead


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("key", [bytes(range(16)), bytes(range(32))])
def test_aes_of_both_libraries_is_the_same(key: bytes) -> None:
    """CCM and GCM through Botan's interface against `cryptography`, the associated data empty and not."""
    bits = 8 * len(key)
    pairs = (
        (botan.BotanAead(f"AES-{bits}/CCM(16,3)", key, 16), AESCCM(key)),
        (botan.BotanAead(f"AES-{bits}/GCM(16)", key, 16), AESGCM(key)),
    )
    for ours, theirs in pairs:
        for size in (0, 1, 16, 333):
            for associated in (b"", b"header"):
                sealed = theirs.encrypt(bytes(12), bytes(size), associated)
                assert ours.encrypt(bytes(12), bytes(size), associated) == sealed
                assert ours.open(bytes(12), sealed, associated) == bytes(size)
    short = aead_of(suite(f"AEAD_AES_{bits}_GCM_8"), key)
    botan_short = botan.BotanAead(f"AES-{bits}/GCM(8)", key, 8)
    assert short.encrypt(bytes(12), b"voice", b"x") == botan_short.encrypt(bytes(12), b"voice", b"x")
    assert short.open(bytes(12), b"voice", b"x") is None


def test_without_the_library_the_suites_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botan, "is_available", lambda: False)
    for name in NEEDING_BOTAN:
        assert not suite(name).available
        assert "libbotan-2-19" in suite(name).unavailable_reason
        with pytest.raises(UnavailableSuiteError, match="Botan"):
            derive_session_keys(Secret(bytes(16)), Secret(bytes(14)), suite(name))


def test_double_encryption_is_recognised() -> None:
    for bits, key_octets in ((128, 32), (256, 64)):
        double = suite(f"DOUBLE_AEAD_AES_{bits}_GCM_AEAD_AES_{bits}_GCM")
        assert (double.key_octets, double.salt_octets, double.available) == (key_octets, 24, False)
        assert "RFC 8723" in double.unavailable_reason

# SPDX-License-Identifier: GPL-2.0-only
"""Odd but legal pre-shared key messages, and media that libsrtp protected under keys derived here once more.

PRF, labels, AES-CM, key wrap and MACs are written out from RFC 3830 §4.1 and §4.2, RFC 3394 and RFC 6043 §6.1.
"""

import base64
import hmac
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pylibsrtp import Policy, Session

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.model.evidence import Wire
from analyzer.model.report import AuditedMedia
from dissectors.grammar.mikey import (
    GenericIdEntry,
    Header,
    Identity,
    Kemac,
    KeyData,
    PolicyParameter,
    Rand,
    SecurityPolicy,
    SrtpIdEntry,
    Timestamp,
    Validity,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.secret import Secret
from tests.cli.command_line import A_RTP, B_RTP, call, pcapng, sdp

PSK, CSB, RAND, TGK = b"0123456789abcdef", bytes.fromhex("12345678"), bytes(range(16)), bytes(range(0x30, 0x40))
OTHER, SALT = bytes(range(0x90, 0xA0)), bytes(range(0x70, 0x7E))
TIME = bytes.fromhex("e8fd12ba00000000")
T = Timestamp(0, TIME)
SESSIONS = (SrtpIdEntry(1, 0, 0xA1, 0), SrtpIdEntry(2, 0, 0xB1, 0))
GENERIC = tuple(
    GenericIdEntry(cs_id, 0, False, (0,), bytes((0, 0, 0, ssrc)), b"") for cs_id, ssrc in ((1, 0xA1), (2, 0xB1))
)
CM_80 = build_policy_for_suite("AES_CM_128_HMAC_SHA1_80", 0)
CM_32 = build_policy_for_suite("AES_CM_128_HMAC_SHA1_32", 7)
HASHES = {0: "sha1", 1: "sha256"}


def prf(key: bytes, label: bytes, octets: int, digest: str = "sha1") -> bytes:
    result, size = 0, hmac.new(b"", b"", digest).digest_size
    rounds = -(-octets // size)
    for start in range(0, len(key), 32):
        part, a, out = key[start : start + 32], label, b""
        for _ in range(rounds):
            a = hmac.digest(part, a, digest)
            out += hmac.digest(part, a + label, digest)
        result ^= int.from_bytes(out, "big")
    return result.to_bytes(rounds * size, "big")[:octets]


def master(
    cs_id: int, tgk: bytes = TGK, *, rand: bytes = RAND, key: int = 16, salt: int = 14, prf_number: int = 0
) -> bytes:
    label = bytes((cs_id,)) + CSB + rand
    pairs = (("2AD01C64", key), ("39A2C14B", salt))
    return b"".join(prf(tgk, bytes.fromhex(c) + label, octets, HASHES[prf_number]) for c, octets in pairs)


def wrap(key: bytes, iv: bytes, clear: bytes) -> bytes:
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    a, blocks = iv, [clear[start : start + 8] for start in range(0, len(clear), 8)]
    for turn in range(6):
        for number, block in enumerate(blocks):
            out = encrypt(a + block)
            a = (int.from_bytes(out[:8], "big") ^ (len(blocks) * turn + number + 1)).to_bytes(8, "big")
            blocks[number] = out[8:]
    return a + b"".join(blocks)


def message(
    *keys: KeyData,
    sessions: Sequence[SrtpIdEntry | GenericIdEntry] = SESSIONS,
    policies: Sequence[SecurityPolicy] = (CM_80,),
    encryption: int = 1,
    mac: int = 1,
    prf_number: int = 0,
    rand: bytes = RAND,
    timestamp: Timestamp = T,
    time: bytes = TIME,
    identities: Sequence[Identity] = (),
) -> bytes:
    """An I_MESSAGE without V; `time` is T as the 64 bits that the IV wants."""

    def derive(constant: str, octets: int) -> bytes:
        return prf(PSK, bytes.fromhex(constant) + b"\xff" + CSB + rand, octets, HASHES[prf_number])

    following = [20] * (len(keys) - 1) + [0]
    data = b"".join(replace(key, next_payload=kind).build() for key, kind in zip(keys, following, strict=True))
    if encryption == 2:
        data = wrap(derive("150533E1", 16), derive("29B88916", 8), data)
    elif encryption:
        masked = zip(derive("29B88916", 14), bytes(2) + CSB + time, strict=True)
        counter = modes.CTR(bytes(x ^ y for x, y in masked) + bytes(2))
        cipher = Cipher(algorithms.AES(derive("150533E1", 32 if encryption == 3 else 16)), counter)
        data = cipher.encryptor().update(data)
    octets = {0: 0, 1: 20, 2: 32}[mac]
    kind = 1 if not sessions else 2 if isinstance(sessions[0], GenericIdEntry) else 0
    header = Header(1, 0, 0, False, prf_number, int.from_bytes(CSB, "big"), len(sessions), kind, tuple(sessions))
    kemac = Kemac(encryption, Secret(data), mac, bytes(octets))
    built = build_mikey(link_payloads(header, [timestamp, Rand(rand), *identities, *policies, kemac]))
    covered = built[: len(built) - octets]
    if not octets:
        return covered
    return covered + hmac.digest(derive("2D22AC75", octets), covered, HASHES[mac - 1])


def key(tgk: bytes = TGK, kind: int = 0, salt: bytes | None = None, spi: bytes = b"") -> KeyData:
    return KeyData(
        kind, Secret(tgk), None if salt is None else Secret(salt), Validity(1, spi=spi) if spi else Validity()
    )


def policy(*parameters: tuple[int, bytes]) -> SecurityPolicy:
    return SecurityPolicy(0, 0, tuple(PolicyParameter(*each) for each in parameters))


PROFILES = {
    "80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 10),
    "32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 4),
    "GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 0),
    "GCM-256": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 0),
}


def protect(
    ends: tuple[str, str], ssrc: int, master_key: bytes, profile: str, mki: bytes
) -> list[tuple[str, str, bytes]]:
    srtp_profile, tag = PROFILES[profile]
    session = Session(Policy(key=master_key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=srtp_profile))
    packets = []
    for number in range(1000, 1040):
        tone = bytes(0x80 | ((number * 160 + place) % 37) for place in range(160))
        octets = session.protect(struct.pack(">BBHII", 0x80, 0, number, number * 160, ssrc) + tone)
        end = len(octets) - tag
        packets.append((*ends, octets[:end] + mki + octets[end:]))
    return packets


def heard(
    folder: Path, octets: bytes, keys: tuple[bytes, bytes], profile: str = "80", mki: bytes = b"", *more: bytes
) -> AuditedMedia:
    """A call that offers the message, and `more` behind it, and gets no MIKEY in its answer."""
    lines = [f"key-mgmt:mikey {base64.b64encode(each).decode()}" for each in (octets, *more)]
    offer = sdp("192.0.2.1", 4000, *lines)
    media = protect((A_RTP, B_RTP), 0xA1, keys[0], profile, mki) + protect((B_RTP, A_RTP), 0xB1, keys[1], profile, mki)
    (folder / "x.pcapng").write_bytes(pcapng(call(offer, sdp("192.0.2.2", 6000), media)))
    (found,) = audit([folder / "x.pcapng"], ring=KeyRing(psk=(PskEntry(Secret(PSK), None, 1),))).calls
    return found.media[0]


def both(tgk: bytes = TGK, **how: int | bytes) -> tuple[bytes, bytes]:
    return master(1, tgk, **how), master(2, tgk, **how)  # type: ignore[arg-type]


T_20, T_192 = bytes(range(20)), bytes(number * 7 % 251 for number in range(192))
NAMES = (Identity(2, b"\xff\0\1"), Identity(0, b"bob@example.com"))
GCM_BY_SALT_OF_14 = policy((0, b"\6"), (1, b"\x10"), (4, b"\x0e"))
WIDE = policy((0, b"\0\0\0\1"), (1, b"\0\x10"), (77, b"abc"), (250, b""), (11, b"\4"))
CASES: dict[str, tuple[bytes, tuple[bytes, bytes], str, bytes]] = {
    "as usual": (message(key()), both(), "80", b""),
    "an MKI of one octet": (message(key(spi=b"\7")), both(), "80", b"\7"),
    "an MKI of 128 octets": (message(key(spi=bytes(range(128)))), both(), "80", bytes(range(128))),
    "AEAD by its number alone": (message(key(), policies=[policy((0, b"\6"))]), both(salt=12), "GCM", b""),
    "AEAD with a salt of CM's length": (message(key(), policies=[GCM_BY_SALT_OF_14]), both(salt=12), "GCM", b""),
    "AEAD of 256 bits as 3GPP writes it": (
        message(key(), policies=[policy((0, b"\6"), (1, b"\x20"), (5, b"\0"), (6, b"\0"), (20, b"\x10"))]),
        both(key=32, salt=12), "GCM-256", b"",
    ),
    "no policy": (message(key(), policies=[]), both(), "80", b""),
    "an empty policy": (message(key(), policies=[policy()]), both(), "80", b""),
    "wide and unknown parameters": (message(key(), policies=[WIDE]), both(), "32", b""),
    "the second policy by its number": (
        message(key(), policies=[CM_80, CM_32], sessions=[each._replace(policy_number=7) for each in SESSIONS]),
        both(), "32", b"",
    ),
    "NULL encryption": (message(key(), encryption=0), both(), "80", b""),
    "NULL encryption and NULL MAC": (message(key(), encryption=0, mac=0), both(), "80", b""),
    "key wrap": (message(key(T_20), encryption=2), both(T_20), "80", b""),
    "key wrap and NULL MAC": (message(key(T_20), encryption=2, mac=0), both(T_20), "80", b""),
    "AES-CM and NULL MAC": (message(key(), mac=0), both(), "80", b""),
    "SHA-256 and AES-CM-256": (message(key(), prf_number=1, mac=2, encryption=3), both(prf_number=1), "80", b""),
    "SHA-256 for the MAC alone": (message(key(), mac=2), both(), "80", b""),
    "no octet of RAND": (message(key(), rand=b""), both(rand=b""), "80", b""),
    "255 octets of RAND": (message(key(), rand=b"\x09" * 255), both(rand=b"\x09" * 255), "80", b""),
    "a TGK of 192 octets": (message(key(T_192)), both(T_192), "80", b""),
    "two TGKs, the second in use": (message(key(), key(OTHER)), both(OTHER), "80", b""),
    "a salt for the TGK": (message(key(kind=1, salt=SALT)), (both()[0][:16] + SALT, both()[1][:16] + SALT), "80", b""),
    "a TEK and its salt": (message(key(kind=3, salt=SALT)), (TGK + SALT, TGK + SALT), "80", b""),
    "key and salt in one TEK": (message(key(TGK + SALT, 2)), (TGK + SALT, TGK + SALT), "80", b""),
    "a TEK and an empty map": (message(key(kind=3, salt=SALT), sessions=(), policies=()), (TGK + SALT,) * 2, "80", b""),
    "a counter for T": (
        message(key(), timestamp=Timestamp(2, b"\0\0\0\5"), time=bytes(7) + b"\5"), both(), "80", b""
    ),
    "T of 32 bits": (message(key(), timestamp=Timestamp(3, TIME[:4]), time=TIME[:4] + bytes(4)), both(), "80", b""),
    "identities of other types": (message(key(), identities=NAMES), both(), "80", b""),
    "no SSRC chosen": (message(key(), sessions=[each._replace(ssrc=0) for each in SESSIONS]), both(), "80", b""),
    "a generic map": (message(key(), sessions=GENERIC), both(), "80", b""),
    "a generic map without data": (
        message(key(), sessions=[each._replace(session_data=b"", policies=()) for each in GENERIC]), both(), "80", b""
    ),
    "a generic map with CS IDs of its own": (
        message(key(), sessions=[each._replace(cs_id=4 * each.cs_id) for each in GENERIC]),
        (master(4), master(8)), "80", b"",
    ),
    "a generic map with the SPI": (
        message(key(), sessions=[each._replace(spi=b"\5\6") for each in GENERIC]), both(), "80", b"\5\6"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_odd_messages_open_their_media(name: str, tmp_path: Path) -> None:
    octets, keys, profile, mki = CASES[name]
    media = heard(tmp_path, octets, keys, profile, mki)
    assert [(each.authenticated, each.failed, each.wire) for each in media.streams] == [(40, 0, Wire.PROVED)] * 2
    assert media.keying.verified is (None if "NULL MAC" in name else True)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (message(key(bytes(10), 3, SALT)), "tek-length"),
        (message(key(TGK, 3, bytes(8))), "tek-length"),
        (message(key(bytes(30), 2), policies=[build_policy_for_suite("AEAD_AES_128_GCM", 0)]), "tek-length"),
        (message(key(TGK, 1, bytes(3))), "salt-length"),
    ],
)
def test_keys_that_no_suite_takes_open_nothing_and_refute_nothing(octets: bytes, code: str, tmp_path: Path) -> None:
    media = heard(tmp_path, octets, both())
    assert [(each.authenticated, each.failed) for each in media.streams] == [(0, 0)] * 2
    assert code in {defect.code for defect in media.keying.defects}


def test_of_a_policy_whose_lengths_are_not_its_suites_the_defect_says_so(tmp_path: Path) -> None:
    media = heard(tmp_path, message(key(), policies=[GCM_BY_SALT_OF_14]), both(salt=12), "GCM")
    (found,) = [defect for defect in media.keying.defects if defect.code == "policy-lengths"]
    assert (
        found.detail == "the policy says 16 octets of key and 14 of salt, its suite has 16 octets of key and 12 of salt"
    )


@pytest.mark.parametrize("taken", [TGK, OTHER])
def test_of_several_messages_that_nobody_answers_packets_tell_which_was_taken(taken: bytes, tmp_path: Path) -> None:
    rand = bytes(range(0x20, 0x30))
    second = message(key(OTHER), rand=rand)
    keys = both() if taken == TGK else both(OTHER, rand=rand)
    media = heard(tmp_path, message(key()), keys, "80", b"", second)
    assert [(each.authenticated, each.failed, each.wire) for each in media.streams] == [(40, 0, Wire.PROVED)] * 2
    assert (media.keying.method, media.keying.verified) == ("MIKEY-PSK", None)
    assert media.keying.how == "which of the offered messages was taken is not known"

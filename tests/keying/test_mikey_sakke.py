# SPDX-License-Identifier: GPL-2.0-only
"""SAKKE and ECCSI: the RFCs' appendices, Streamwide's MCPTT messages, and each way to fail."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import mikey_builders as made
import pytest
import sakke_vectors as vectors

from analyzer.errors import KeyMaterialError
from analyzer.keying.eccsi import hash_identity, verify_eccsi
from analyzer.keying.key_ring import EccsiEntry, KeyPeriod, KeyRing, SakkeEntry
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.mikey_identifiers import monthly_identifier, three_gpp_uid
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_sakke import open_sakke_message
from analyzer.keying.prime_curve import Point
from analyzer.keying.sakke import CURVE, extract_ssv, pair, read_receiver_key, ssv_fits
from analyzer.model.mikey_facts import KnownBy
from dissectors.grammar.mikey import (
    Header,
    IdentityWithRole,
    Rand,
    Sakke,
    Sign,
    Timestamp,
    build_mikey,
    link_payloads,
    parse_mikey,
)
from dissectors.grammar.secret import Secret

VERIFIED, FAILED, NO_KEY = Authentication.VERIFIED, Authentication.FAILED, Authentication.NO_KEY
SW, RFC8, RFC7 = vectors.STREAMWIDE, vectors.RFC_6508, vectors.RFC_6507
PERIOD = KeyPeriod("kms.mydev.streamwide.com", 16777215, 0)
KMS = "kms.mydev.streamwide.com"


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def receiver(name: str, *, by_uid: bool = True) -> SakkeEntry:
    id_ = SW[f"{name}_uid"] if by_uid else SW[f"{name}_uri"]
    return SakkeEntry(
        Secret(octets(SW[f"{name}_rsk"])), Secret(octets(SW["pub_enc_key_Z"])), id_, None if by_uid else PERIOD, 1
    )


def authority(id_: str | None = KMS) -> EccsiEntry:
    return EccsiEntry(octets(SW["pub_auth_key_KPAK"]), id_, None, 1)


ENCAPSULATED = octets("04" + RFC8["Rbx"] + RFC8["Rby"] + RFC8["H"])
RSK = Point(int(RFC8["Kbx"], 16), int(RFC8["Kby"], 16))
Z = Point(int(RFC8["Zx"], 16), int(RFC8["Zy"], 16))
IDENTIFIER = octets(RFC8["b_identifier"])


def test_rfc_6508_appendix_a() -> None:
    assert pair(CURVE.base, CURVE.base) == int(RFC8["g"], 16)
    ssv = extract_ssv(ENCAPSULATED, RSK)
    assert ssv is not None
    assert ssv.reveal().hex() == RFC8["SSV"]
    assert ssv_fits(ENCAPSULATED, ssv, IDENTIFIER, Z)
    assert not ssv_fits(ENCAPSULATED, ssv, IDENTIFIER + b"x", Z)
    assert extract_ssv(ENCAPSULATED[:-1], RSK) is None
    off_curve = bytearray(ENCAPSULATED)
    off_curve[9] ^= 1
    assert extract_ssv(bytes(off_curve), RSK) is None


def test_rfc_6507_appendix_a_and_every_part_altered() -> None:
    parts = {name: octets(RFC7[name]) for name in ("M", "sig", "ID", "KPAK")}
    assert hash_identity(parts["KPAK"], parts["ID"], octets(RFC7["PVT"])).hex() == RFC7["HS"]
    assert verify_eccsi(parts["M"], parts["sig"], parts["ID"], parts["KPAK"])
    for name, value in parts.items():
        altered = bytearray(value)
        altered[-1] ^= 1
        changed = parts | {name: bytes(altered)}
        assert not verify_eccsi(changed["M"], changed["sig"], changed["ID"], changed["KPAK"])
    for place in (0, 40, 70, 128):
        altered = bytearray(parts["sig"])
        altered[place] ^= 1
        assert not verify_eccsi(parts["M"], bytes(altered), parts["ID"], parts["KPAK"])
    assert not verify_eccsi(parts["M"], bytes(129), parts["ID"], parts["KPAK"])


def test_curve_arithmetic_by_two_ways() -> None:
    sum_ = None
    for factor in range(6):
        assert CURVE.multiply(factor, CURVE.base) == sum_
        sum_ = CURVE.add(sum_, CURVE.base)
    assert CURVE.multiply(CURVE.order, CURVE.base) is None
    assert CURVE.multiply(CURVE.order - 1, CURVE.base) == Point(CURVE.base.x, CURVE.p - CURVE.base.y)


@pytest.mark.parametrize(("name", "uid"), vectors.UIDS.items())
def test_published_user_identifiers(name: str, uid: str) -> None:
    seconds, offset, number = map(int, name.removeprefix("uid_").split("_"))
    period = KeyPeriod("kms.example.org", seconds, offset)
    assert three_gpp_uid("sip:user@example.org", period, number).hex() == uid


def test_monthly_identifier_takes_the_month_of_the_timestamp() -> None:
    data = made.build(26, [Timestamp(0, octets("d0fb0d8000000000")), Rand(made.RAND)])
    assert monthly_identifier("tel:+447700900123", parse_mikey(data)) == IDENTIFIER  # 2011-02


@pytest.mark.captures
@pytest.mark.parametrize(
    ("test", "name", "sender", "user"), [("Test 1", "gmk", "gms", "alice"), ("Test 3", "pck", "alice", "bob")]
)
def test_messages_of_streamwide_verify_and_open(captures: Path, test: str, name: str, sender: str, user: str) -> None:
    data = streamwide_message(captures, test)
    for entry in (receiver(user), receiver(user, by_uid=False)):
        ring = KeyRing(sakke=(receiver("iwf"), entry), eccsi=(authority(),))
        opening = open_sakke_message(data, parse_mikey(data), ring)
        assert (opening.outcome, opening.reason, opening.defects) == (VERIFIED, "", ())
        assert opening.ssv is not None
        assert opening.ssv.reveal().hex() == vectors.SSVS[name]
        assert (opening.signer.hex(), opening.receiver.hex()) == (SW[f"{sender}_uid"], SW[f"{user}_uid"])
        assert {step.known_by for step in opening.steps} == {KnownBy.SIGNATURE}
        assert [len(key.master_salt) for key in opening.crypto_session_keys] == ([12] if name == "gmk" else [])


def streamwide_message(captures: Path, test: str) -> bytes:
    lines = (captures / "mikey" / "in_the_wild.jsonl").read_text().splitlines()
    found = [row["b64"] for row in map(json.loads, lines) if f"TestVectors.md {test}" in row.get("source", "")]
    return base64.b64decode(found[0])


@pytest.mark.captures
def test_wrong_keys_and_altered_messages_of_streamwide(captures: Path) -> None:
    data = streamwide_message(captures, "Test 1")
    parsed = parse_mikey(data)
    full = KeyRing(sakke=(receiver("alice"),), eccsi=(authority(),))
    other = open_sakke_message(data, parsed, KeyRing(sakke=(receiver("bob"),), eccsi=(authority(),)))
    assert (other.outcome, other.ssv) == (VERIFIED, None)
    assert "no receiver secret key in the key ring fits" in other.reason
    assert open_sakke_message(data, parsed, KeyRing(eccsi=(authority(),))).reason == "no receiver secret key"
    assert open_sakke_message(data, parsed, KeyRing()).outcome is NO_KEY
    stranger = EccsiEntry(octets(RFC7["KPAK"]), None, None, 1)
    assert open_sakke_message(data, parsed, KeyRing(eccsi=(stranger,))).outcome is NO_KEY
    bound = replace(stranger, id=KMS)
    assert open_sakke_message(data, parsed, KeyRing(eccsi=(bound,))).outcome is FAILED
    signature_only = KeyRing(eccsi=(authority(),))
    for place in [payload.offset + payload.length - 1 for payload in parsed.payloads]:
        altered = bytearray(data)
        altered[place] ^= 1
        parsed_again = parse_mikey(bytes(altered))
        assert open_sakke_message(bytes(altered), parsed_again, signature_only).outcome is not VERIFIED
    sakke = parsed.find(Sakke)
    assert sakke is not None
    altered = bytearray(data)
    altered[sakke.offset + sakke.length - 1] ^= 1
    opening = open_sakke_message(bytes(altered), parse_mikey(bytes(altered)), full)
    assert (opening.outcome, opening.ssv) == (FAILED, None)
    cut = data[:-1]
    assert open_sakke_message(cut, parse_mikey(cut), full).outcome is Authentication.ABSENT


def rfc_message(sakke: Sakke, sign: Sign | None = None) -> bytes:
    payloads = [Timestamp(0, octets("d0fb0d8000000000")), Rand(made.RAND), IdentityWithRole(2, 1, b"tel:+447700900123")]
    tail = [sakke] if sign is None else [sakke, sign]
    header = Header(1, 26, 0, False, 1, made.CSB_ID, 2, 0, made.SESSIONS)
    return build_mikey(link_payloads(header, [*payloads, *tail]))


def test_rfc_vector_inside_a_message_and_what_it_can_lack() -> None:
    entry = SakkeEntry(Secret(CURVE.write_point(RSK)), Secret(CURVE.write_point(Z)), None, None, 1)
    ring = KeyRing(sakke=(entry,))
    data = rfc_message(Sakke(1, 1, ENCAPSULATED))
    opening = open_sakke_message(data, parse_mikey(data), ring)
    assert (opening.outcome, opening.reason) == (Authentication.ABSENT, "no signature")
    assert opening.ssv is not None
    assert opening.ssv.reveal().hex() == RFC8["SSV"]
    assert [key.cs_id for key in opening.crypto_session_keys] == [1, 2]
    for sakke, reason in (
        (Sakke(2, 1, ENCAPSULATED), "SAKKE parameter set 2"),
        (Sakke(1, 1, ENCAPSULATED[:-1]), "encapsulated data of 272 octets, 273 are wanted"),
        (Sakke(1, 1, b"\4" + bytes(range(1, 255)) + bytes(18)), "the encapsulated data holds no point of the curve"),
    ):
        data = rfc_message(sakke)
        assert open_sakke_message(data, parse_mikey(data), ring).reason == f"no signature; {reason}"
    data = rfc_message(Sakke(1, 1, ENCAPSULATED), Sign(2, bytes(128)))
    opening = open_sakke_message(data, parse_mikey(data), ring)
    assert opening.outcome is Authentication.UNSUPPORTED
    assert [defect.code for defect in opening.defects] == ["signature-length"]


def test_key_ring_reads_identity_based_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    text = (
        f'[[sakke]]\nrsk = "{SW["bob_rsk"]}"\nz = "{SW["pub_enc_key_Z"]}"\nid = "sip:bob@streamwide.com"\n'
        f'kms = "{KMS}"\nkey_period = 16777215\n[[eccsi]]\nkpak = "{SW["pub_auth_key_KPAK"]}"\nid = "{KMS}"\n'
    )
    file.write_text(text)
    found = read_key_ring(file)
    assert (found.sakke[0].period, found.eccsi[0].id) == (PERIOD, KMS)
    assert read_receiver_key(found.sakke[0].receiver_key) is not None
    assert SW["bob_rsk"] not in repr(found)
    for broken, words in (
        (text.replace(SW["bob_rsk"], SW["bob_rsk"][:-2] + "00"), "rsk: is no point of SAKKE's curve"),
        (text.replace(SW["pub_auth_key_KPAK"], "04" * 65), "kpak: is no point of P-256"),
        (text.replace("key_period = 16777215", "key_period = 0"), "key_period: must be at least one second"),
        (text.replace(f'kms = "{KMS}"\n', ""), "'kms' is missing"),
    ):
        file.write_text(broken)
        with pytest.raises(KeyMaterialError, match=words):
            read_key_ring(file)

# SPDX-License-Identifier: GPL-2.0-only
"""Opening MIKEY pre-shared key messages: Minisip's real ones, computed ones, and every way they can fail."""

import base64
import hmac
import json
import random
import re
from dataclasses import replace
from pathlib import Path

import mikey_vectors as vectors
import pytest
from literal_prf import TEK, TGK_SALT, literal_prf

from analyzer.keying import mikey_session_keys
from analyzer.keying.mikey_prf import KeyConstant, PrfVariant
from analyzer.keying.mikey_protection import (
    ProtectionKeySource,
    decrypt_kemac,
    derive_kemac_iv,
    mac_matches,
)
from analyzer.keying.mikey_psk import Authentication, PskOpening, open_psk_message, verify_psk_response
from analyzer.keying.mikey_session_keys import (
    CryptoSessionKeys,
    derive_session_keys,
    fill_responder_ssrcs,
    take_answered_policies,
)
from dissectors.grammar.mikey import (
    Identity,
    Kemac,
    KeyData,
    KeyDataPayloads,
    MikeyMessage,
    PolicyParameter,
    Rand,
    SecurityPolicy,
    Timestamp,
    Validity,
    Verification,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
    parse_mikey,
)
from dissectors.grammar.secret import Secret
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange

SECRET = Secret(b"secret")
PSK_16 = Secret(bytes(range(16)))
PSK_32 = Secret(bytes(range(32)))
KEY_MGMT = re.compile(rb"a=key-mgmt:mikey ([A-Za-z0-9+/=]+)")
# The responder's message of the wiki's mikey.pcap, which is not among the captures.
NULL_RESPONSE = (
    "01010500894b75480200006305ef85000000000034c15504000000000900c997ffcf0ce4217d"
    "0001e64c0dc8639ec38b9003eeef842b43e8ee8dd420"
)
MINISIP_CASES = (("8aa5717a", vectors.MINISIP), ("894b7548", vectors.MINISIP_NULL))


def minisip_messages(captures: Path, csb_id: str) -> tuple[bytes, bytes]:
    """Initiator's and responder's message of one of the two Minisip calls."""
    if csb_id == "894b7548":
        lines = (captures / "mikey" / "in_the_wild.jsonl").read_text().splitlines()
        found = [case["b64"] for case in map(json.loads, lines) if case.get("csb_id") == csb_id]
        return base64.b64decode(found[0]), bytes.fromhex(NULL_RESPONSE)
    capture = captures / "public" / "wireshark-wiki" / "SampleCaptures" / "mikey_psk.pcap"
    texts = dict.fromkeys(KEY_MGMT.findall(capture.read_bytes()))
    initiator, responder = (base64.b64decode(text) for text in texts)
    return initiator, responder


def opened(data: bytes, psk: Secret | None) -> PskOpening:
    return open_psk_message(data, parse_mikey(data), psk)


def hexes(keys: tuple[CryptoSessionKeys, ...]) -> list[tuple[int, str, str]]:
    return [(key.cs_id, key.master_key.reveal().hex(), key.master_salt.reveal().hex()) for key in keys]


@pytest.mark.captures
@pytest.mark.parametrize(("csb_id", "vector"), MINISIP_CASES)
def test_minisip_calls_open_with_their_key(captures: Path, csb_id: str, vector: dict[str, str]) -> None:
    messages = minisip_messages(captures, csb_id)
    initiator, responder = (parse_mikey(message) for message in messages)
    opening = open_psk_message(messages[0], initiator, SECRET)
    assert (opening.mac, opening.reason, opening.prf_variant) == (Authentication.VERIFIED, "", PrfVariant.RFC_3830)
    assert [key.key.reveal().hex() for key in opening.key_data] == [vector["tgk_192"]]
    for variant, keys in (("rfc", opening.crypto_session_keys), ("libmikey", opening.alternate_session_keys)):
        assert hexes(keys) == [
            (cs_id, vector[f"cs{cs_id}_tek_{variant}"], vector[f"cs{cs_id}_salt_{variant}"]) for cs_id in (1, 2)
        ]
    assert {key.policy.suite for key in opening.crypto_session_keys if key.policy} == {"AES_CM_128_HMAC_SHA1_80"}
    verification = verify_psk_response(messages[1], responder, initiator, SECRET)
    assert verification.outcome is Authentication.VERIFIED
    assert [defect.code for defect in verification.defects] == ["timestamp-not-echoed"]
    filled = fill_responder_ssrcs(opening.crypto_session_keys, responder)
    assert [key.ssrc for key in filled] == [initiator.header.crypto_sessions[0].ssrc, filled[1].ssrc]
    assert filled[1].ssrc != 0


@pytest.mark.parametrize("vector", [vectors.MINISIP, vectors.MINISIP_NULL])
def test_minisip_protection_keys_are_those_that_were_found_independently(vector: dict[str, str]) -> None:
    source = ProtectionKeySource(SECRET, int(vector["csb_id"], 16), bytes.fromhex(vector["rand"]), 0)
    check_protection_keys(source, vector)
    salt = source.derive(KeyConstant.MESSAGE_SALT_KEY, 14)
    iv = derive_kemac_iv(salt, source.csb_id, bytes.fromhex(vector["t_initiator"]))
    assert iv.hex() == vector["kemac_iv"]


def check_protection_keys(source: ProtectionKeySource, vector: dict[str, str], prefix: str = "") -> None:
    for constant, name in (
        (KeyConstant.MESSAGE_ENCRYPTION_KEY, "encr_key"),
        (KeyConstant.MESSAGE_AUTHENTICATION_KEY, "auth_key"),
        (KeyConstant.MESSAGE_SALT_KEY, "salt_key"),
    ):
        expected = vector[prefix + name]
        assert source.derive(constant, len(expected) // 2).reveal().hex() == expected


@pytest.mark.parametrize(
    ("vector", "psk", "session_keys"),
    [(vectors.V1, PSK_16, vectors.V1), (vectors.V2, PSK_32, None), (vectors.V3, PSK_16, vectors.V3)],
)
def test_computed_exchanges_verify_and_open(
    vector: dict[str, str], psk: Secret, session_keys: dict[str, str] | None
) -> None:
    data, answer = bytes.fromhex(vector["I"]), bytes.fromhex(vector["R"])
    initiator, responder = parse_mikey(data), parse_mikey(answer)
    source = ProtectionKeySource(psk, initiator.header.csb_id, bytes(range(0x10, 0x20)), initiator.header.prf_function)
    check_protection_keys(source, vector)
    opening = open_psk_message(data, initiator, psk)
    assert (opening.mac, opening.reason, opening.prf_variant) == (Authentication.VERIFIED, "", PrfVariant.RFC_3830)
    assert build_key_data_payloads(KeyDataPayloads(opening.key_data)).hex() == vector["key_data"]
    verification = verify_psk_response(answer, responder, initiator, psk)
    assert (verification.outcome, verification.defects) == (Authentication.VERIFIED, ())
    if session_keys is not None:
        expected = [(cs_id, session_keys[f"cs{cs_id}_tek"], session_keys[f"cs{cs_id}_salt"]) for cs_id in (1, 2)]
        assert hexes(opening.crypto_session_keys) == expected
    ssrcs = [key.ssrc for key in fill_responder_ssrcs(opening.crypto_session_keys, responder)]
    assert ssrcs == [0xDECAFBAD, 0xFEEDFACE]


def test_a_carried_salt_and_spi_become_master_salt_and_mki() -> None:
    opening = opened(bytes.fromhex(vectors.V2["I"]), PSK_32)
    first = opening.crypto_session_keys[0]
    assert (first.master_key.reveal().hex(), first.mki.hex()) == (vectors.V1["cs1_tek"], "00000001")
    assert first.master_salt.reveal() == bytes(range(0x40, 0x4E))


def test_aes_cm_256_opens_the_key_data() -> None:
    source = ProtectionKeySource(PSK_16, 0x12345678, bytes(range(0x10, 0x20)), 1)
    check_protection_keys(source, {"auth_key": vectors.V3["auth_key"], **vectors.V4})
    clear = decrypt_kemac(source, 3, Secret(bytes.fromhex(vectors.V4["encr_data"])), bytes.fromhex("c8e350ea00000000"))
    assert clear is not None
    assert clear.reveal().hex() == vectors.V3["key_data"]


def test_a_public_key_kemac_verifies_over_itself_with_next_payload_zero() -> None:
    wire = bytes.fromhex(vectors.V6["kemac_on_wire"])
    source = ProtectionKeySource(Secret(bytes(range(0x50, 0x60))), 0x12345678, bytes(range(0x10, 0x20)), 0)
    check_protection_keys(source, vectors.V6)
    assert mac_matches(source, 1, b"\0" + wire[1:-20], wire[-20:])
    assert not mac_matches(source, 1, wire[:-20], wire[-20:])
    clear = decrypt_kemac(source, 1, Secret(wire[4:-21]), bytes.fromhex("c8e350ea00000000"))
    assert clear is not None
    assert clear.reveal().hex() == vectors.V6["plain"]


def test_aes_key_wrap_opens_what_rfc_3394_wraps() -> None:
    """RFC 3394 §4.1 with the default initial value in the salt's place checks the unwrapping itself."""
    from analyzer.keying.mikey_protection import _unwrap

    key, iv = Secret(bytes(range(16))), Secret(bytes.fromhex("A6" * 8))
    wrapped = bytes.fromhex("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5")
    clear = _unwrap(key, iv, wrapped)
    assert clear is not None
    assert clear.reveal().hex() == "00112233445566778899aabbccddeeff"
    assert _unwrap(key, Secret(bytes(8)), wrapped) is None
    assert _unwrap(key, iv, wrapped[:-1]) is None


def test_a_wrong_key_is_not_told_from_an_altered_message() -> None:
    opening = opened(bytes.fromhex(vectors.V1["I"]), Secret(b"wrong"))
    assert (opening.mac, opening.reason) == (Authentication.FAILED, "wrong key or altered message")
    assert opening.key_data == opening.crypto_session_keys == ()


def test_an_altered_message_is_told_from_a_wrong_key_by_its_key_data() -> None:
    data = bytearray(bytes.fromhex(vectors.V1["I"]))
    data[-1] ^= 1
    opening = opened(bytes(data), PSK_16)
    assert (opening.mac, opening.reason) == (
        Authentication.FAILED,
        "altered message: the key opens well-formed key data",
    )
    assert [len(key.key) for key in opening.key_data] == [16]


def test_every_altered_octet_is_noticed() -> None:
    data = bytes.fromhex(vectors.V1["I"])
    answer = bytes.fromhex(vectors.V1["R"])
    for position in range(len(data)):
        altered = data[:position] + bytes((data[position] ^ 0x40,)) + data[position + 1 :]
        assert opened(altered, PSK_16).mac is not Authentication.VERIFIED
    initiator = parse_mikey(data)
    for position in range(len(answer)):
        altered = answer[:position] + bytes((answer[position] ^ 0x40,)) + answer[position + 1 :]
        outcome = verify_psk_response(altered, parse_mikey(altered), initiator, PSK_16).outcome
        assert outcome is not Authentication.VERIFIED


def test_without_a_key_only_null_encryption_opens() -> None:
    opening = opened(bytes.fromhex(vectors.V1["I"]), None)
    assert (opening.mac, opening.reason, opening.key_data) == (Authentication.NO_KEY, "no pre-shared key", ())
    answer = bytes.fromhex(vectors.V1["R"])
    initiator = parse_mikey(bytes.fromhex(vectors.V1["I"]))
    assert verify_psk_response(answer, parse_mikey(answer), initiator, None).outcome is Authentication.NO_KEY


def message_with(
    key_data: list[KeyData],
    *,
    policy: SecurityPolicy | None = None,
    encryption: int = 0,
    mac: tuple[int, bytes] = (0, b""),
) -> tuple[bytes, MikeyMessage]:
    """A pre-shared key message like V1's with other contents and no protection."""
    template = parse_mikey(bytes.fromhex(vectors.V1["I"]))
    chain = [replace(key, next_payload=20 if index < len(key_data) - 1 else 0) for index, key in enumerate(key_data)]
    data = Secret(build_key_data_payloads(KeyDataPayloads(tuple(chain))))
    payloads = [payload for payload in template.payloads if not isinstance(payload, Kemac | SecurityPolicy)]
    if policy is not None:
        payloads.append(policy)
    message = link_payloads(template.header, [*payloads, Kemac(encryption, data, *mac)])
    return build_mikey(message), message


def test_null_encryption_and_null_mac_open_without_a_key() -> None:
    data, message = message_with([KeyData(2, Secret(bytes(range(30))))])
    opening = open_psk_message(data, message, None)
    assert (opening.mac, opening.reason) == (Authentication.ABSENT, "no MAC")
    expected = (bytes(range(16)).hex(), bytes(range(16, 30)).hex())
    assert hexes(opening.crypto_session_keys) == [(1, *expected), (2, *expected)]


@pytest.mark.parametrize(("octets", "key_octets"), [(30, 16), (38, 24), (46, 32), (28, 16), (44, 32)])
def test_a_joined_tek_is_cut_by_its_length_where_no_policy_says(octets: int, key_octets: int) -> None:
    data, message = message_with([KeyData(2, Secret(bytes(octets)))])
    keys = open_psk_message(data, message, None).crypto_session_keys
    assert [(len(key.master_key), len(key.master_salt)) for key in keys] == [(key_octets, octets - key_octets)] * 2


def test_a_tek_that_does_not_fit_the_policy_gives_no_keys_but_says_why() -> None:
    policy = SecurityPolicy(0, 0, (PolicyParameter(0, b"\x01"), PolicyParameter(1, b"\x10")))
    data, message = message_with([KeyData(2, Secret(bytes(46)))], policy=policy)
    opening = open_psk_message(data, message, None)
    assert opening.crypto_session_keys == ()
    assert [(defect.code, defect.detail) for defect in opening.defects] == [
        ("tek-length", "the policy wants 16 octets of key and 14 of salt, the TEK has 46")
    ]


def test_tek_and_salt_fields_are_used_as_they_are_with_mki_and_interval() -> None:
    keys = [
        KeyData(3, Secret(bytes(16)), Secret(bytes(14)), Validity(1, spi=b"\x07")),
        KeyData(3, Secret(bytes(16)), Secret(bytes(14)), Validity(2, valid_from=bytes(6), valid_to=b"\0\0\0\1\0\0")),
    ]
    data, message = message_with(keys)
    opened_keys = open_psk_message(data, message, None).crypto_session_keys
    assert [(key.cs_id, key.mki, key.index_range) for key in opened_keys] == [
        (1, b"\x07", None),
        (2, b"\x07", None),
        (1, b"", (0, 65536)),
        (2, b"", (0, 65536)),
    ]


def test_keys_of_other_modes_give_no_srtp_keys() -> None:
    data, message = message_with([KeyData(6, Secret(bytes(16)))])
    opening = open_psk_message(data, message, None)
    assert (opening.crypto_session_keys, [defect.code for defect in opening.defects]) == ((), ["key-type-not-used"])


def test_one_message_gives_a_bounded_number_of_keys() -> None:
    data, message = message_with([KeyData(2, Secret(bytes(30)))] * 400)
    opening = open_psk_message(data, message, None)
    assert len(opening.crypto_session_keys) == 512
    assert [defect.code for defect in opening.defects] == ["session-key-limit"]


@pytest.mark.parametrize("octets", [1, 256, 257, 3000, 65_000])
def test_a_tgk_may_be_as_long_as_a_message_carries(octets: int) -> None:
    tgk = random.Random(octets).randbytes(octets)
    data, message = message_with([KeyData(0, Secret(tgk))])
    opening = open_psk_message(data, message, None)
    header, rand = message.header, next(each.data for each in message.find_all(Rand))
    expected = []
    for session in header.crypto_sessions:
        tail = bytes((session.cs_id,)) + header.csb_id.to_bytes(4, "big") + rand
        labels = [(constant.to_bytes(4, "big") + tail, size) for constant, size in ((TEK, 16), (TGK_SALT, 14))]
        expected.append((session.cs_id, *(literal_prf(tgk, label, size, "sha1").hex() for label, size in labels)))
    assert hexes(opening.crypto_session_keys) == expected
    assert opening.defects == ()


def test_one_message_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mikey_session_keys, "MAX_DERIVED_OCTETS", 50_000)
    data, message = message_with([KeyData(0, Secret(bytes(30_000)))] * 2)
    opening = open_psk_message(data, message, None)
    assert [key.cs_id for key in opening.crypto_session_keys] == [1, 2]
    assert [defect.code for defect in opening.defects] == ["session-key-limit"]


def test_a_policy_that_wants_absurd_lengths_costs_nothing() -> None:
    policy = SecurityPolicy(0, 0, (PolicyParameter(1, b"\xff\xff\xff\xff"),))
    data, message = message_with([KeyData(0, Secret(bytes(16)))], policy=policy)
    opening = open_psk_message(data, message, None)
    assert (opening.crypto_session_keys, [defect.code for defect in opening.defects]) == ((), ["master-key-length"])


def test_a_peer_with_libmikeys_prf_is_recognised_and_named() -> None:
    vector = vectors.V2
    template = parse_mikey(bytes.fromhex(vector["I"]))
    kemac = template.find(Kemac)
    assert kemac is not None
    weak = ProtectionKeySource(PSK_32, 0x12345678, bytes(range(0x10, 0x20)), 0, PrfVariant.LIBMIKEY)
    check_protection_keys(weak, vector, "libmikey_")
    clear = Secret(bytes.fromhex(vector["key_data"]))
    encrypted = decrypt_kemac(weak, 1, clear, bytes.fromhex("c8e350ea00000000"))
    assert encrypted is not None
    data = build_mikey(replace(template, payloads=(*template.payloads[:-1], replace(kemac, data=encrypted))))
    covered = data[:-20]
    auth_key = bytes.fromhex(vector["libmikey_auth_key"])
    data = covered + hmac.digest(auth_key, covered, "sha1")
    opening = opened(data, Secret(b"x" * 32))
    assert (opening.mac, opening.prf_variant) == (Authentication.VERIFIED, PrfVariant.LIBMIKEY)
    assert [defect.code for defect in opening.defects] == ["libmikey-prf"]
    assert "not used at all" in opening.defects[0].detail
    assert opened(data, PSK_16).mac is Authentication.FAILED


@pytest.mark.parametrize(
    ("appended", "coverage"),
    [("t", "message, initiator's T"), ("own", "message, responder's own T"), ("", "message")],
)
def test_a_v_that_covers_less_than_it_should_is_named(appended: str, coverage: str) -> None:
    initiator = parse_mikey(bytes.fromhex(vectors.V1["I"]))
    asked = initiator.find(Timestamp)
    assert asked is not None
    header = replace(initiator.header, data_type=1, v=False)
    own = Timestamp(0, b"12345678")
    unsigned = link_payloads(header, [own, Verification(1, bytes(20))])
    covered = build_mikey(unsigned)[:-20]
    tail = {"t": asked.value, "own": own.value, "": b""}[appended]
    mac = hmac.digest(bytes.fromhex(vectors.V1["auth_key"]), covered + tail, "sha1")
    data = covered + mac
    result = verify_psk_response(data, parse_mikey(data), initiator, PSK_16)
    assert (result.outcome, result.coverage) == (Authentication.VERIFIED, coverage)
    assert [defect.code for defect in result.defects] == ["timestamp-not-echoed", "v-coverage"]


def test_responses_without_a_mac_prove_nothing() -> None:
    initiator = parse_mikey(bytes.fromhex(vectors.V1["I"]))
    header = replace(initiator.header, data_type=1)
    without = link_payloads(header, [Timestamp(0, bytes(8))])
    null = link_payloads(header, [Timestamp(0, bytes(8)), Verification(0, b"")])
    for message in (without, null):
        result = verify_psk_response(build_mikey(message), message, initiator, PSK_16)
        assert result.outcome is Authentication.ABSENT
    unknown = link_payloads(header, [Verification(77, b"mac")])
    result = verify_psk_response(build_mikey(unknown), unknown, initiator, PSK_16)
    assert (result.outcome, result.reason) == (Authentication.UNSUPPORTED, "MAC algorithm unknown 77")


def test_messages_that_are_no_pre_shared_key_messages_are_not_tried() -> None:
    message = parse_mikey(bytes.fromhex(vectors.V1["R"]))
    opening = open_psk_message(bytes.fromhex(vectors.V1["R"]), message, PSK_16)
    assert (opening.mac, opening.reason) == (Authentication.UNSUPPORTED, "not a pre-shared key message")
    empty = link_payloads(replace(message.header, data_type=0), [Rand(bytes(16))])
    assert open_psk_message(build_mikey(empty), empty, PSK_16).reason == "no KEMAC"


def test_unknown_algorithms_are_named_and_break_nothing() -> None:
    data, message = message_with([], encryption=77, mac=(1, bytes(20)))
    assert open_psk_message(data, message, PSK_16).mac is Authentication.FAILED
    data, message = message_with([KeyData(0, Secret(bytes(16)))], encryption=77, mac=(0, b""))
    assert open_psk_message(data, message, PSK_16).reason == "no MAC; encryption algorithm unknown 77"
    header = replace(message.header, prf_function=99)
    message = link_payloads(header, message.payloads)
    assert open_psk_message(build_mikey(message), message, PSK_16).crypto_session_keys == ()


def test_an_update_uses_the_rand_of_the_exchange_it_updates() -> None:
    template = parse_mikey(bytes.fromhex(vectors.V1["I"]))
    message = link_payloads(template.header, [p for p in template.payloads if not isinstance(p, Rand)])
    covered = build_mikey(message)[:-20]
    data = covered + hmac.digest(bytes.fromhex(vectors.V1["auth_key"]), covered, "sha1")
    opening = open_psk_message(data, parse_mikey(data), PSK_16, bytes(range(0x10, 0x20)))
    assert hexes(opening.crypto_session_keys)[0][1] == vectors.V1["cs1_tek"]
    lost = opened(data, PSK_16)
    assert (lost.mac, [defect.code for defect in lost.defects]) == (Authentication.UNSUPPORTED, ["rand-missing"])
    assert lost.reason.startswith("it has no RAND, and the exchange that it updates was not seen")


def test_the_rfc_example_stays_shut_with_a_wrong_key() -> None:
    """RFC 4567 §5.1: a whole message whose pre-shared key nobody published."""
    text = (
        "AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2UaDX8ZE22YwKAAAPZG9uYWxkQGR1Y2suY29tAQAAAAAAAQAk0JKpgaVk"
        "Daawi9whVBtBt0KZ14ymNuu62+Nv3ozPLygwK/GbAV9iemnGUIZ19fWQUOSrzKTAv9zV"
    )
    data = base64.b64decode(text)
    message = parse_mikey(data)
    assert [identity.text for identity in message.find_all(Identity)] == ["donald@duck.com"]
    opening = open_psk_message(data, message, SECRET)
    assert (opening.mac, opening.reason) == (Authentication.FAILED, "wrong key or altered message")


@pytest.mark.captures
def test_gstreamers_uninitialised_macs_fail_and_its_clear_keys_open(captures: Path) -> None:
    lines = [json.loads(line) for line in (captures / "mikey" / "gstreamer.jsonl").read_text().splitlines()]
    tried = 0
    for case in lines:
        data = base64.b64decode(case["base64"])
        if not case["id"].startswith("mac_"):
            continue
        tried += 1
        opening = opened(data, SECRET)
        assert opening.mac is Authentication.FAILED
        assert opening.key_data[0].key.reveal().hex() == case["payloads"][-1]["sub"][0]["key"]
    assert tried >= 2


def test_nothing_shown_of_an_opening_holds_a_key() -> None:
    data, message = message_with([KeyData(2, Secret(b"K" * 30))])
    opening = open_psk_message(data, message, Secret(b"PSKPSK"))
    assert "KKKK" not in repr(opening) + repr(message) + str(opening.crypto_session_keys)
    assert "PSK" not in repr(opening).replace("PskOpening", "")


def test_the_answer_takes_one_of_the_offered_policies() -> None:
    exchange = PskExchange("policies", (CM_80, CM_32, F8_80))
    message, response = parse_mikey(exchange.offer()), parse_mikey(exchange.answer(2))
    taken = take_answered_policies(message, response)
    opening = open_psk_message(exchange.offer(), message, Secret(exchange.psk))
    derived = derive_session_keys(taken, opening.key_data, exchange.rand)
    assert [key.policy.suite for key in derived.keys if key.policy] == [F8_80, F8_80]
    assert take_answered_policies(message, parse_mikey(exchange.answer(0))) is message
    unknown = take_answered_policies(message, parse_mikey(exchange.answer(7)))
    assert unknown is message

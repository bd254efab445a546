# SPDX-License-Identifier: GPL-2.0-only
"""What security policies amount to, and the extensions that speak of the negotiation."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.mikey import GeneralExtension, PolicyParameter, SecurityPolicy
from dissectors.grammar.mikey.policy import SUITES, build_policy_for_suite, srtp_policy
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
    list_digest,
    parse_priority_list,
    sdp_id_list,
)

# Both whole payloads: next payload, type 241, length, then the list.
ALICE = bytes.fromhex("01f10018010001050000010000010102000201040100010001010101")
BOB = bytes.fromhex("09f10018010101050000010200010104000201000100010001010101")


def policy(**numbers: int) -> SecurityPolicy:
    """An SP of one-octet parameters, `t4=14` for type 4."""
    parameters = tuple(PolicyParameter(int(name[1:]), bytes((value,))) for name, value in numbers.items())
    return SecurityPolicy(0, 0, parameters)


def test_an_empty_policy_takes_srtps_defaults() -> None:
    read = srtp_policy(SecurityPolicy(5, 0))
    assert (read.policy_number, read.suite, read.key_octets, read.salt_octets) == (5, "AES_CM_128_HMAC_SHA1_80", 16, 14)
    assert (read.tag_octets, read.srtcp_tag_octets, read.auth_key_octets) == (10, 10, 20)
    assert (read.srtp_encrypted, read.srtcp_encrypted, read.srtp_authenticated) == (True, True, True)
    assert (read.key_derivation_rate, read.roc_transmission_rate, read.defects) == (0, 1, ())


@pytest.mark.parametrize("suite", sorted(SUITES.values()))
def test_a_policy_built_for_a_suite_amounts_to_it(suite: str) -> None:
    read = srtp_policy(build_policy_for_suite(suite, 7))
    assert (read.suite, read.policy_number, read.defects) == (suite, 7, ())
    if suite.endswith("_32"):
        assert (read.tag_octets, read.srtcp_tag_octets) == (4, 10)


def test_the_policies_of_the_ordered_example_are_built_as_printed() -> None:
    first, second = (
        build_policy_for_suite(f"AES_CM_128_HMAC_SHA1_{bits}", number) for number, bits in ((0, 80), (1, 32))
    )
    assert first.build().hex() == "000000001200010101011002010103011404010e0b010a"
    assert second.build().hex() == "000100001500010101011002010103011404010e12010413010a"


@pytest.mark.parametrize(
    ("parameters", "suite", "codes"),
    [
        (policy(t11=4), "AES_CM_128_HMAC_SHA1_32", []),
        (policy(t1=24), "AES_192_CM_HMAC_SHA1_80", []),
        (policy(t0=2), "F8_128_HMAC_SHA1_80", []),
        (policy(t0=0), "NULL_HMAC_SHA1_80", []),
        (policy(t0=0, t1=0), "NULL_HMAC_SHA1_80", []),
        (policy(t0=6, t2=0), "AEAD_AES_128_GCM", []),
        (policy(t0=6), "AEAD_AES_128_GCM", []),
        (policy(t0=6, t1=32, t20=16), "AEAD_AES_256_GCM", []),
        (policy(t0=6, t2=4, t18=4, t19=0), None, []),
        (policy(t2=0), None, []),
        (policy(t2=3), None, []),
        (policy(t11=8), None, []),
        (policy(t0=77), None, []),
        (policy(t2=1, t14=2), None, []),
        (policy(t11=10, t18=4), "AES_CM_128_HMAC_SHA1_32", []),
        (policy(t3=4), "AES_CM_128_HMAC_SHA1_32", ["auth-key-length-holds-tag-length"]),
        (policy(t3=10), "AES_CM_128_HMAC_SHA1_80", ["auth-key-length-holds-tag-length"]),
        (policy(t3=20, t11=4), "AES_CM_128_HMAC_SHA1_32", []),
        (policy(t77=1), "AES_CM_128_HMAC_SHA1_80", ["policy-parameter-unknown"]),
        (SecurityPolicy(0, 0, (PolicyParameter(11, b""),)), "AES_CM_128_HMAC_SHA1_80", ["policy-parameter-length"]),
        (
            SecurityPolicy(0, 0, (PolicyParameter(11, b"\x0a"), PolicyParameter(11, b"\x04"))),
            "AES_CM_128_HMAC_SHA1_32",
            ["policy-parameter-repeated"],
        ),
    ],
)
def test_parameters_amount_to_their_suite(parameters: SecurityPolicy, suite: str | None, codes: list[str]) -> None:
    read = srtp_policy(parameters)
    assert (read.suite, [defect.code for defect in read.defects]) == (suite, codes)


def test_switches_stand_beside_the_suite() -> None:
    read = srtp_policy(policy(t7=0, t8=0, t10=0))
    assert (read.srtp_encrypted, read.srtcp_encrypted, read.srtp_authenticated) == (False, False, False)
    assert read.suite == "AES_CM_128_HMAC_SHA1_80"
    assert srtp_policy(policy(t0=6, t10=0)).srtp_authenticated
    wide = SecurityPolicy(0, 0, (PolicyParameter(13, b"\1\0"), PolicyParameter(6, b"\0\0\1\0")))
    assert (srtp_policy(wide).roc_transmission_rate, srtp_policy(wide).key_derivation_rate) == (256, 256)


def test_policies_of_other_protocols_and_unknown_suites_are_refused() -> None:
    with pytest.raises(Malformed, match="TESLA"):
        srtp_policy(SecurityPolicy(0, 1))
    with pytest.raises(Malformed, match="AES_CM_127"):
        build_policy_for_suite("AES_CM_127", 0)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=8)), max_size=20))
def test_any_parameters_are_interpreted(parameters: list[tuple[int, bytes]]) -> None:
    read = srtp_policy(SecurityPolicy(0, 0, tuple(PolicyParameter(*pair) for pair in parameters)))
    assert read.suite is None or read.suite in SUITES.values()


def test_the_lists_of_table_4_are_read() -> None:
    alice, bob = (parse_priority_list(octets[4:]) for octets in (ALICE, BOB))
    assert (alice.version, alice.owner, alice.rule, alice.defects) == (1, Owner.INITIATOR, Rule.MIN_SUM, ())
    assert bob.owner == Owner.RESPONDER
    agreements = [
        [(entry.priority, entry.value[0]) for entry in side.entries if entry.kind == EntryKind.KEY_AGREEMENT]
        for side in (alice, bob)
    ]
    assert agreements == [[(0, 0), (1, 2), (2, 4)], [(0, 2), (1, 4), (2, 0)]]
    for octets, side in ((ALICE, alice), (BOB, bob)):
        extension = GeneralExtension(241, build_priority_list(side), octets[0])
        assert extension.build() == octets
    assert list_digest(ALICE[4:]) == hashlib.sha256(ALICE[4:]).digest()


@given(
    st.integers(0, 1),
    st.integers(0, 255),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)), max_size=9),
)
def test_every_list_survives_building_and_parsing(owner: int, rule: int, entries: list[tuple[int, int, bytes]]) -> None:
    built = build_priority_list(PriorityList(1, owner, rule, tuple(PriorityEntry(*entry) for entry in entries)))
    parsed = parse_priority_list(built)
    assert (parsed.owner, parsed.rule, list(parsed.entries)) == (owner, rule, entries)


@pytest.mark.parametrize(
    "data",
    [b"", b"\1\0\1", b"\2\0\1\0", b"\1\2\1\0", b"\1\0\1\1", b"\1\0\1\0\0", ALICE[4:-1], ALICE[4:] + b"\0"],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_priority_list(data)


@pytest.mark.parametrize(
    ("rule", "entries", "codes"),
    [
        (9, [], ["priority-rule-unknown"]),
        (1, [(9, 0, b"?")], ["priority-kind-unknown"]),
        (1, [(0, 0, b"\0\0")], ["priority-value-length"]),
        (1, [(3, 0, b"digest")], ["priority-value-length"]),
        (1, [(2, 0, b"AES_CM_128_HMAC_SHA1_80"), (2, 1, b"AES_CM_128_HMAC_SHA1_80")], ["priority-repeated"]),
    ],
)
def test_oddities_in_a_list_are_defects(rule: int, entries: list[tuple[int, int, bytes]], codes: list[str]) -> None:
    built = build_priority_list(PriorityList(1, 0, rule, tuple(PriorityEntry(*entry) for entry in entries)))
    assert [defect.code for defect in parse_priority_list(built).defects] == codes


def test_sdp_ids_are_listed_in_order() -> None:
    assert sdp_id_list(GeneralExtension(1, b"mikey;keyp1;mikey")) == ("mikey", "keyp1", "mikey")
    assert sdp_id_list(GeneralExtension(1, b"m\xffy")) == ("m\\xffy",)
    with pytest.raises(Malformed):
        sdp_id_list(GeneralExtension(241, ALICE[4:]))

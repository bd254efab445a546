# SPDX-License-Identifier: GPL-2.0-only
"""Boneh-Franklin encryption against RFC 5091's test data; its blocks in DER against OpenSSL's reading, and mutated."""

import subprocess
from random import Random

import ibe_vectors as vectors
import pytest
from ibe_builders import TYPE_1, Service

from analyzer.keying.boneh_franklin import decrypt, hash_to_range, pair, read_ibe_parameters, read_ibe_private_key
from analyzer.keying.prime_curve import Point, PrimeCurve
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey.ibe_blocks import (
    FpPoint,
    PublicParameters,
    build_ciphertext,
    build_private_key,
    build_public_parameters,
    parse_ciphertext,
    parse_private_key,
    parse_public_parameters,
)
from dissectors.grammar.secret import Secret

SERVICE = Service()
BOB = b"sip:bob@example.com2026-01-01"
LONG = bytes(range(250))


def test_the_rfcs_own_values() -> None:
    parameters = SERVICE.parameters
    assert hash_to_range(vectors.HASHED, vectors.HASH_RANGE, parameters) == vectors.HASH_RESULT
    a, b = Point(*vectors.PAIRING_A), Point(*vectors.PAIRING_B)
    assert pair(a, b, PrimeCurve(vectors.PAIRING_P, 1, a, vectors.PAIRING_Q, 17, 0)) == vectors.PAIRING_RESULT
    assert SERVICE.identity_point(vectors.IDENTITY) == vectors.DERIVED
    assert SERVICE.private_point(vectors.IDENTITY) == vectors.EXTRACTED
    assert parameters.curve.multiply(vectors.MASTER_SECRET, parameters.curve.base) == vectors.PUBLIC


@pytest.mark.parametrize("oid", ["2B0E03021A", "608648016503040204", "608648016503040201", "608648016503040203"])
@pytest.mark.parametrize("clear", [b"", b"Hi there!", LONG], ids=["nothing", "short", "longer than a digest"])
def test_what_is_encrypted_to_an_identity_opens_with_its_key_alone(oid: str, clear: bytes) -> None:
    service = Service(hash_function=bytes.fromhex(oid))
    block = service.encrypt(clear, BOB)
    opened = decrypt(block, service.private_point(BOB), service.parameters)
    assert opened is not None
    assert opened.reveal() == clear
    assert decrypt(block, service.private_point(b"sip:carol@example.com"), service.parameters) is None
    assert decrypt(block, Service(secret=12345).private_point(BOB), service.parameters) is None


def test_no_altered_ciphertext_opens() -> None:
    block, key = SERVICE.encrypt(b"a point and two identities", BOB), SERVICE.private_point(BOB)
    for place in range(len(block)):
        altered = bytearray(block)
        altered[place] ^= 1 << place % 8
        assert decrypt(bytes(altered), key, SERVICE.parameters) is None
    for count in range(len(block)):
        assert decrypt(block[:count], key, SERVICE.parameters) is None


def test_points_where_the_pairing_has_no_value_open_nothing() -> None:
    parsed = parse_ciphertext(SERVICE.encrypt(b"x", BOB))
    for point in ((0, 1), (0, vectors.P - 1), (vectors.P - 1, 0), (1, 1)):
        block = build_ciphertext(parsed._replace(u=FpPoint(*point)))
        assert decrypt(block, SERVICE.private_point(BOB), SERVICE.parameters) is None


def test_blocks_are_der_as_openssl_reads_it() -> None:
    block = SERVICE.encrypt(b"x", BOB)
    run = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=block, capture_output=True, check=True)
    kinds = [line.split(b": ")[1][:12].strip() for line in run.stdout.splitlines()]
    point = [b"SEQUENCE", b"INTEGER", b"INTEGER"]
    assert kinds == [b"SEQUENCE", b"INTEGER", *point, b"OCTET STRING", b"OCTET STRING"]


def test_blocks_that_parse_are_built_the_same() -> None:
    random = Random(5091)
    blocks = (
        (SERVICE.encrypt(LONG, BOB), parse_ciphertext, build_ciphertext),
        (SERVICE.block, parse_public_parameters, build_public_parameters),
        (
            SERVICE.private_key(BOB).reveal(),
            lambda octets: parse_private_key(Secret(octets)),
            lambda point: build_private_key(point).reveal(),
        ),
    )
    for octets, parse, build in blocks:
        assert build(parse(octets)) == octets
        survivors = 0
        for _ in range(1500):
            mutated = bytearray(octets)
            mutated[random.randrange(len(mutated))] = random.randrange(256)
            mutated = mutated[: random.choice((len(mutated), random.randrange(len(mutated))))]
            try:
                value = parse(bytes(mutated))
            except GrammarError:
                continue
            survivors += 1
            assert build(value) == mutated
        assert survivors > 100


def test_parameters_that_are_none_are_refused() -> None:
    good = PublicParameters(
        TYPE_1, vectors.P, vectors.Q, FpPoint(*vectors.BASE), FpPoint(*vectors.PUBLIC), vectors.SHA_1
    )
    assert read_ibe_parameters(build_public_parameters(good)) is not None
    for wrong in (
        good._replace(curve=vectors.SHA_1),
        good._replace(hash_function=TYPE_1),
        good._replace(p=vectors.P + 12),
        good._replace(p=vectors.Q * 12 - 1),
        good._replace(q=vectors.Q - 1),
        good._replace(point=FpPoint(1, 1)),
        good._replace(public_point=FpPoint(1, 1)),
    ):
        assert read_ibe_parameters(build_public_parameters(wrong)) is None
    assert read_ibe_private_key(build_private_key(FpPoint(1, 1)), SERVICE.parameters) is None
    assert read_ibe_private_key(Secret(b"\x30\x00"), SERVICE.parameters) is None

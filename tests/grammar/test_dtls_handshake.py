# SPDX-License-Identifier: GPL-2.0-only
"""Handshake messages out of fragments: any cut, any order, bounded memory, hostile octets."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.dtls import HandshakeType, parse_handshakes, parse_hello
from dissectors.grammar.dtls_handshake import MAX_FRAGMENTS, MAX_PENDING_MESSAGES, HandshakeAssembler

EXTENSIONS = bytes.fromhex("002b0005 04fefcfefd 000e0007 0004 00010007 00".replace(" ", ""))
BODY = (
    b"\xfe\xfd"
    + bytes(range(32))
    + b"\0\0"
    + bytes.fromhex("000413011302")
    + b"\1\0"
    + len(EXTENSIONS).to_bytes(2, "big")
    + EXTENSIONS
)


def fragment(body: bytes, start: int, stop: int, sequence: int = 0, kind: int = 1) -> bytes:
    sizes = (start.to_bytes(3, "big"), (stop - start).to_bytes(3, "big"))
    return (
        bytes((kind,)) + len(body).to_bytes(3, "big") + sequence.to_bytes(2, "big") + b"".join(sizes) + body[start:stop]
    )


def record(content: bytes, epoch: int = 0) -> bytes:
    return b"\x16\xfe\xfd" + epoch.to_bytes(2, "big") + bytes(6) + len(content).to_bytes(2, "big") + content


@given(st.lists(st.integers(0, len(BODY)), max_size=12), st.randoms(use_true_random=False))
def test_any_cut_in_any_order(cuts: list[int], rng: random.Random) -> None:
    edges = sorted({0, len(BODY), *cuts})
    pieces = [(max(low - rng.randrange(3), 0), high) for low, high in itertools.pairwise(edges)]
    rng.shuffle(pieces)
    assembler = HandshakeAssembler()
    found = [one for low, high in pieces for one in assembler.feed(record(fragment(BODY, low, high)))]
    assert [one.body for one in found][:1] == [BODY]
    hello = parse_hello(found[0])
    assert hello.random == bytes(range(32))
    assert hello.supported_versions == (0xFEFC, 0xFEFD)
    assert hello.srtp_profiles == (1, 7)


def test_several_messages_of_one_record() -> None:
    both = fragment(BODY, 0, len(BODY)) + fragment(b"", 0, 0, 1, HandshakeType.server_hello_done)
    assert [one.message_type for one in parse_handshakes(both)] == [1, 14]
    assert [one.message_type for one in HandshakeAssembler().feed(record(both))] == [1, 14]
    assert list(HandshakeAssembler().feed(record(both, epoch=1))) == []


def test_a_new_message_replaces_the_rest_of_an_old_one() -> None:
    old = bytes(2) + b"\xff" * (len(BODY) - 2)
    assembler = HandshakeAssembler()
    assert not list(assembler.feed(record(fragment(old, 0, 40))))
    assert not list(assembler.feed(record(fragment(BODY, 0, 40))))
    (whole,) = assembler.feed(record(fragment(BODY, 40, len(BODY))))
    assert whole.body == BODY


def test_limits() -> None:
    assembler = HandshakeAssembler()
    long = bytes(4 * MAX_FRAGMENTS)
    for place in range(0, len(long), 2):
        assert not list(assembler.feed(record(fragment(long, place, place + 1))))
    assert len(assembler._pending) <= 1
    for sequence in range(100):
        assert not list(assembler.feed(record(fragment(BODY, 0, 1, sequence))))
    assert len(assembler._pending) == MAX_PENDING_MESSAGES
    huge = b"\1\xff\xff\xff" + bytes(2) + bytes(3) + b"\0\0\1" + b"x"
    assert not list(HandshakeAssembler().feed(record(huge)))


@given(st.binary(max_size=200))
def test_hostile_octets_raise_nothing(noise: bytes) -> None:
    assembler = HandshakeAssembler()
    for datagram in (noise, record(noise), record(fragment(BODY, 0, len(BODY))[: len(noise)] + noise)):
        list(assembler.feed(datagram))

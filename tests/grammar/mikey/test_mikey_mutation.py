# SPDX-License-Identifier: GPL-2.0-only
"""Messages of every mode, altered in every way: only the grammar's own error comes out, and work follows length."""

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import (
    GeneralExtension,
    Kemac,
    MikeyMessage,
    Ticket,
    TicketPolicy,
    build_key_data_payloads,
    build_mikey,
    parse_key_data_payloads,
    parse_mikey,
)
from dissectors.grammar.mikey.contents import (
    build_embedded_payloads,
    build_key_ids,
    build_ticket_data,
    parse_embedded_payloads,
    parse_key_ids,
    parse_ticket_data,
)
from dissectors.grammar.mikey.message import MAX_PAYLOADS
from dissectors.grammar.mikey.parameter_words import policy_in_words
from dissectors.grammar.mikey.payloads import SecurityPolicy
from dissectors.grammar.mikey.policy import srtp_policy
from dissectors.grammar.mikey.registries import DataType
from tests.grammar.mikey.mode_messages import MODES, message_of, messages_of

SAMPLE, FULL = 2_000, 200_000
CALLS_PER_OCTET, CALLS_AT_LEAST = 4, 400


@pytest.mark.parametrize("data_type", list(DataType))
def test_a_message_of_every_data_type_is_read_without_a_defect_and_rebuilt(data_type: int) -> None:
    octets = message_of(data_type)
    message = parse_mikey(octets)
    by_rfc_4650 = ["kemac-numbered-by-rfc4650"] if data_type == DataType.DHHMAC_RESP else []
    assert [defect.code for defect in message.defects] == by_rfc_4650
    assert build_mikey(message) == octets
    assert message.header.data_type == data_type


def spans(octets: bytes) -> list[tuple[int, int]]:
    """Where the payloads stand."""
    return [(each.offset, each.offset + each.length) for each in parse_mikey(octets).payloads]


def flip(generator: random.Random, octets: bytearray) -> None:
    octets[generator.randrange(len(octets))] ^= 1 << generator.randrange(8)


def overwrite(generator: random.Random, octets: bytearray) -> None:
    octets[generator.randrange(len(octets))] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))


def cut_out(generator: random.Random, octets: bytearray) -> None:
    place = generator.randrange(len(octets))
    del octets[place : place + generator.randint(1, 9)]


def insert(generator: random.Random, octets: bytearray) -> None:
    place = generator.randrange(len(octets))
    octets[place:place] = generator.randbytes(generator.randint(1, 9))


def truncate(generator: random.Random, octets: bytearray) -> None:
    del octets[generator.randrange(len(octets)) :]


def swap_payloads(generator: random.Random, octets: bytearray) -> None:
    """Two payloads change places, as they are: the chain of types then lies."""
    try:
        found = spans(bytes(octets))
    except GrammarError:
        return
    if len(found) < 2:
        return
    (a, b), (c, d) = sorted(generator.sample(found, 2))
    octets[a:d] = octets[c:d] + octets[b:c] + octets[a:b]


def repeat_payload(generator: random.Random, octets: bytearray) -> None:
    try:
        found = spans(bytes(octets))
    except GrammarError:
        return
    if found:
        start, end = generator.choice(found)
        octets[start:start] = octets[start:end] * generator.randint(1, 3)


MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    flip, flip, overwrite, overwrite, cut_out, insert, truncate, swap_payloads, repeat_payload,
)  # fmt: skip


def mutated(generator: random.Random, octets: bytes) -> bytes:
    result = bytearray(octets)
    for _ in range(generator.randint(1, 4)):
        if result:
            generator.choice(MUTATIONS)(generator, result)
    return bytes(result)


def read_wholly(octets: bytes) -> None:
    """All that the grammar makes of a message and of what stands inside its payloads; it must come back as it was."""
    message: MikeyMessage = parse_mikey(octets)
    assert build_mikey(message) == octets
    for payload in message.payloads:
        if isinstance(payload, Kemac):
            clear = payload.data.reveal()
            assert build_key_data_payloads(parse_key_data_payloads(clear)) == clear
        elif isinstance(payload, SecurityPolicy):
            policy_in_words(payload)
            _guarded(srtp_policy, payload)
        elif isinstance(payload, GeneralExtension):
            assert build_key_ids(parse_key_ids(payload.data)) == payload.data
        elif isinstance(payload, Ticket | TicketPolicy):
            _guarded(lambda data: _same(build_embedded_payloads(parse_embedded_payloads(data)), data), payload.tp_data)
        if isinstance(payload, Ticket):
            _guarded(lambda data: _same(build_ticket_data(parse_ticket_data(data)), data), payload.ticket_data)


def _guarded(read: Callable[[Any], object], value: object) -> None:
    try:
        read(value)
    except GrammarError:
        return


def _same(rebuilt: bytes, data: bytes) -> None:
    assert rebuilt == data


def check(mode: str, count: int) -> None:
    generator = random.Random(f"MIKEY-{mode}")
    seeds = messages_of(mode)
    for _ in range(count):
        octets = mutated(generator, generator.choice(seeds))
        try:
            read_wholly(octets)
        except GrammarError:
            continue


@pytest.mark.parametrize("mode", MODES)
def test_mutated_messages_of_a_mode_raise_only_the_grammars_error(mode: str) -> None:
    check(mode, SAMPLE)


@pytest.mark.proof
@pytest.mark.parametrize("mode", MODES)
def test_200_000_mutated_messages_of_a_mode_raise_only_the_grammars_error(mode: str) -> None:
    check(mode, FULL)


def calls_of(octets: bytes) -> int:
    """Function calls, Python's and C's, that reading the message takes: work that no busy machine changes."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        parse_mikey(octets)
    except GrammarError:
        pass
    finally:
        sys.setprofile(None)
    return count


def check_work(mode: str, count: int) -> None:
    generator = random.Random(f"work {mode}")
    seeds = messages_of(mode)
    parse_mikey(seeds[0])
    for _ in range(count):
        octets = mutated(generator, generator.choice(seeds))
        assert calls_of(octets) <= CALLS_AT_LEAST + CALLS_PER_OCTET * len(octets), octets.hex()


@pytest.mark.parametrize("mode", MODES)
def test_work_for_a_mutated_message_is_bounded_by_its_length(mode: str) -> None:
    check_work(mode, 300)


@pytest.mark.proof
@pytest.mark.parametrize("mode", MODES)
def test_work_for_many_mutated_messages_is_bounded_by_their_length(mode: str) -> None:
    check_work(mode, 20_000)


@pytest.mark.parametrize("octets", [b"\x0b\0", b"\x0a\0\0\0\0", b"\x15\0\0\0", b"\x06\0\0\0", b"\x14\0\0\0"])
def test_work_grows_with_the_number_of_payloads_and_no_faster(octets: bytes) -> None:
    def chain(count: int) -> bytes:
        return bytes((1, 0, octets[0], 0)) + bytes(6) + octets * count

    few, many = (calls_of(chain(count)) for count in (MAX_PAYLOADS // 8, MAX_PAYLOADS))
    assert few * 6 < many < few * 8.5
    assert calls_of(chain(100 * MAX_PAYLOADS)) < many * 1.1

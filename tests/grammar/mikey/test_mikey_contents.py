# SPDX-License-Identifier: GPL-2.0-only
"""What stands inside payloads: key IDs, OMA BCAST data, tickets, the sub-payloads of IBAKE; each there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.errors import Malformed, Truncated
from dissectors.grammar.mikey import (
    EccPoint,
    IdentityWithRole,
    Kemac,
    PolicyParameter,
    Rand,
    SecretKey,
    SecurityPolicy,
    Ticket,
    TicketFlag,
    TicketPolicy,
    Timestamp,
    Verification,
    name_of,
    parse_key_data_payloads,
    parse_mikey,
    registries,
)
from dissectors.grammar.mikey.contents import (
    KeyId,
    KeyIds,
    OmaBcast,
    build_embedded_payloads,
    build_key_ids,
    build_oma_bcast,
    build_ticket_data,
    parse_embedded_payloads,
    parse_key_ids,
    parse_oma_bcast,
    parse_ticket_data,
)
from dissectors.grammar.mikey.parameter_words import parameter_in_words
from dissectors.grammar.mikey.registries import EccCurve, KeyIdType, OmaBcastSubtype, Registry
from dissectors.grammar.mikey.tickets import flag_faults, flag_letters
from dissectors.layers.mikey import MIKEY_SP

HDR = bytes((1, 14, 17, 0)) + bytes(6)


def test_key_ids_of_an_mbms_message_are_read() -> None:
    """RFC 4563 §4: domain (3 octets, as 3GPP TS 33.246 has it), service and traffic key, each with its own length."""
    data = bytes.fromhex("0003 0101F0 0104 00010002 0202 0007".replace(" ", ""))
    read = parse_key_ids(data)
    assert [(name_of(KeyIdType, each.type), each.id.hex()) for each in read.ids] == [
        ("MBMS Key Domain ID", "0101f0"),
        ("MBMS Service Key ID", "00010002"),
        ("MBMS Traffic Key ID", "0007"),
    ]
    assert (read.remainder, build_key_ids(read)) == (b"", data)


@given(st.binary(max_size=80))
def test_any_key_ids_are_rebuilt(data: bytes) -> None:
    assert build_key_ids(parse_key_ids(data)) == data


def test_an_id_that_is_cut_short_is_kept_as_remainder() -> None:
    assert parse_key_ids(b"\0\1a\1\5bc") == KeyIds((KeyId(0, b"a"),), b"\1\5bc")
    with pytest.raises(Malformed):
        build_key_ids(KeyIds((KeyId(0, bytes(256)),)))


def test_oma_bcast_has_the_subtypes_of_rfc_5410_which_keeps_those_of_rfc_4909() -> None:
    assert parse_oma_bcast(b"\1data") == OmaBcast(1, b"data")
    assert [name_of(OmaBcastSubtype, number) for number in range(1, 6)] == [
        "LTKM",
        "STKM",
        "LTKM Reporting",
        "Parental Control",
        "unknown 5",
    ]
    assert build_oma_bcast(OmaBcast(4, b"x")) == b"\4x"
    with pytest.raises(Truncated):
        parse_oma_bcast(b"")


def test_rfc_6309_leaves_every_number_within_the_range_that_it_states() -> None:
    """RFC 6309 §2: C 0-3, S type 0-15, Key data type 0-15, KV 0-15; private use is 241-255 elsewhere, so no more."""
    small = {
        registries.CacheType: 3,
        registries.SignatureType: 15,
        registries.KeyDataType: 15,
        registries.KeyValidity: 15,
    }
    spaces = [
        each
        for each in vars(registries).values()
        if isinstance(each, type) and issubclass(each, Registry) and each is not Registry
    ]
    assert len(spaces) >= 30
    for space in spaces:
        numbers = [int(member) for member in space]
        assert max(numbers) <= small.get(space, 255), space
        assert len({member.label for member in space}) == len(numbers), space
        private = [number for number in numbers if number > 240]
        assert private == ([241] if space is registries.GeneralExtensionType else []), space


def test_a_ticket_is_read_to_its_flags() -> None:
    """RFC 6043 §6.10: type 1, subtype 1, version 1, PRF 1, flags D, F, G and H."""
    head = bytes.fromhex("0001 01 01".replace(" ", "")) + (1 << 17 | 0b101110000000 << 5).to_bytes(3, "big")
    octets = bytes((0,)) + head + b"\0\1\0" + b"\0\2ab" + b"\0\0"
    ticket = parse_mikey(HDR + octets).find(Ticket)
    assert ticket is not None
    assert (ticket.ticket_type, ticket.prf_function, flag_letters(ticket.flags)) == (1, 1, "DFGH")
    assert ticket.flags == TicketFlag.D | TicketFlag.F | TicketFlag.G | TicketFlag.H
    assert (ticket.tp_data, ticket.ticket_data, ticket.initiator_data) == (b"\0", b"ab", b"")
    assert ticket.build() == octets


@pytest.mark.parametrize(
    ("flags", "faults"),
    [
        (TicketFlag.D | TicketFlag.H, []),
        (TicketFlag.H, ["not D implies L"]),
        (TicketFlag.D | TicketFlag.G, ["G implies F"]),
        (TicketFlag.D, ["not G implies H"]),
        (TicketFlag.D | TicketFlag.H | TicketFlag.I, ["I implies E"]),
        (TicketFlag.L | TicketFlag.H | TicketFlag.K, ["K implies D"]),
        (TicketFlag.D | TicketFlag.H | TicketFlag.M, ["M implies F"]),
    ],
)
def test_flags_that_contradict_each_other_are_named(flags: int, faults: list[str]) -> None:
    assert list(flag_faults(flags)) == faults


def test_a_flag_that_does_not_fit_is_not_built() -> None:
    for values in ((128, 0, 0), (0, 4096, 0), (0, 0, 32)):
        with pytest.raises(Malformed):
            TicketPolicy(1, 1, 1, *values, b"").build()


def test_tp_data_and_base_ticket_data_are_read_payload_by_payload() -> None:
    """RFC 6043 §6.10 and A.3: the first octet names the first payload; a ticket begins with THDR."""
    identity = IdentityWithRole(3, 1, b"sip:kms@example.com")
    embedded = parse_embedded_payloads(bytes((14,)) + identity.build())
    (read,) = embedded.content.payloads
    assert isinstance(read, IdentityWithRole)
    assert build_embedded_payloads(embedded) == bytes((14,)) + identity.build()
    assert parse_embedded_payloads(b"\0").content.payloads == ()
    data = b"\5\0\3xyz" + bytes.fromhex("0b00") + bytes(8) + b"\1\2ab" + b"\x09\0\0\0\0" + b"\0\1" + bytes(20)
    ticket = parse_ticket_data(data)
    assert ticket.header_data == b"xyz"
    kinds = [type(each) for each in ticket.content.payloads]
    assert kinds == [Timestamp, Rand, Kemac, Verification]
    assert build_ticket_data(ticket) == data
    for broken in (b"", b"\5", b"\5\0\7x"):
        with pytest.raises(Truncated):
            parse_ticket_data(broken)


@given(st.binary(min_size=1, max_size=120))
def test_any_embedded_octets_are_rebuilt(data: bytes) -> None:
    assert build_embedded_payloads(parse_embedded_payloads(data)) == data


WORDS = [
    (0, 0, "06", "Encryption algorithm", "AES-GCM"),
    (0, 1, "10", "Session Encr. key length", "16 octets"),
    (0, 2, "04", "Authentication algorithm", "RCCm3"),
    (0, 5, "00", "SRTP Pseudo Random Function", "AES-CM"),
    (0, 6, "0a", "Key derivation rate", "10"),
    (0, 7, "00", "SRTP encryption off/on", "off"),
    (0, 8, "01", "SRTCP encryption off/on", "on"),
    (0, 10, "02", "SRTP authentication off/on", "2"),
    (0, 9, "00", "sender's FEC order", "FEC before SRTP"),
    (0, 13, "0100", "ROC transmission rate", "256 packets"),
    (0, 20, "10", "AEAD authentication tag length", "16 octets"),
    (0, 99, "01", "unknown 99", "1"),
    (0, 1, "", "Session Encr. key length", "(empty)"),
    (0, 1, "010203040506070809", "Session Encr. key length", "0x010203040506070809"),
    (1, 1, "00", "PRF identifier for f and f'", "HMAC-SHA1"),
    (1, 2, "a0", "Length of PRF f' output", "160 bits"),
    (1, 4, "50", "Length of TESLA MAC output", "80 bits"),
    (1, 5, "ecf4d04000000000", "Start of session", "NTP second 3975467072"),
    (1, 6, "000001f4", "Interval duration", "500 ms"),
    (1, 7, "0002", "Key disclosure delay", "2 intervals"),
    (1, 8, "03e8", "Key chain length", "1000 intervals"),
    (1, 9, "00", "Local timestamp media receiver", "0x00"),
    (7, 1, "ff", "type 1", "0xff"),
]


@pytest.mark.parametrize(("protocol", "kind", "value", "name", "words"), WORDS)
def test_policy_parameters_have_names_values_and_units(
    protocol: int, kind: int, value: str, name: str, words: str
) -> None:
    """RFC 3830 §6.10.1, RFC 4771 §4, RFC 7714 §14.3; TESLA: RFC 4442 §4.2, whose defaults these are."""
    parameter = PolicyParameter(kind, bytes.fromhex(value))
    assert parameter_in_words(protocol, parameter) == (name, words)
    layer = MIKEY_SP(SecurityPolicy(0, protocol, (parameter,)).build())
    tree = layer.show(dump=True)
    assert bytes(layer) == SecurityPolicy(0, protocol, (parameter,)).build()
    assert protocol > 1 or name.startswith("unknown") or (name in tree and words in tree)


def test_the_sub_payloads_of_ibake_are_read() -> None:
    """RFC 6267 §6.1.4, §6.1.5: a P-256 point takes 65 octets, so that one octet fills it up to 32 bits."""
    point = b"\4" + bytes(range(64))
    octets = bytes((24, 8)) + point + b"\0" + b"\1\0\x10\1\2ab" + bytes.fromhex("0010000173")
    first, second = parse_key_data_payloads(octets, 25).payloads
    assert isinstance(first, EccPoint)
    assert isinstance(second, SecretKey)
    assert (name_of(EccCurve, first.curve), first.point, first.tgk_octets) == ("P-256", point, 16)
    assert (first.validity.spi, second.key.reveal()) == (b"ab", b"s")
    assert first.build() + second.build() == octets

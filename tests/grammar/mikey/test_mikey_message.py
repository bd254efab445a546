# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's grammar by itself: the RFC's examples, every payload there and back, unknown values, hostile octets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.errors import Malformed, Truncated
from dissectors.grammar.mikey import (
    Certificate,
    CertificateHash,
    Dh,
    EccPoint,
    EncryptedSecretKey,
    ErrorPayload,
    GeneralExtension,
    GenericIdEntry,
    Header,
    Ibake,
    Identity,
    IdentityWithRole,
    Kemac,
    KeyData,
    KeyDataPayloads,
    Opaque,
    Payload,
    Pke,
    PolicyParameter,
    Rand,
    RandWithRole,
    Sakke,
    SecretKey,
    SecurityPolicy,
    Sign,
    SrtpIdEntry,
    Ticket,
    TicketPolicy,
    Timestamp,
    TimestampWithRole,
    Validity,
    Verification,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
    name_of,
    parse_key_data_payloads,
    parse_mikey,
    payload_name,
)
from dissectors.grammar.mikey.registries import DataType, IdType, MacAlgorithm, PayloadType
from dissectors.grammar.secret import Secret

# RFC 4567 §5.1, both messages.
OFFER = base64.b64decode(
    "AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAGEEoo2pee4hp2UaDX8ZE22YwKAAAPZG9uYWxkQGR1Y2suY29tAQAAAAAAAQAk0JKpgaVkDaaw"
    "i9whVBtBt0KZ14ymNuu62+Nv3ozPLygwK/GbAV9iemnGUIZ19fWQUOSrzKTAv9zV"
)
ANSWER = base64.b64decode(
    "AQEFgM0XflABAAAAAAAAAAAAAAYAyONQ6gAAAAAJAAAQbWlja2V5QG1vdXNlLmNvbQABn8HdGE5BMDXFIuGEga+62AgY5cc="
)
# ONVIF Streaming Specification, an RTSP camera's message: TEK of 30 octets and MKI in the clear.
ONVIF = base64.b64decode(
    "AQAFAP1td9ABAADCD1UcAAAAAAoAAdOOGc75XD0BAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsBCgAAACcAIQAe30C59UrClE0e27UP5h/Wty9UL8+"
    "dfzg+2ttmmo3kBAAAAC8A"
)


def octets(minimum: int = 0, maximum: int = 40) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=maximum)


def secrets(maximum: int = 40) -> st.SearchStrategy[Secret]:
    return octets(0, maximum).map(Secret)


U4, U8, U16, U32 = (st.integers(0, (1 << bits) - 1) for bits in (4, 8, 16, 32))
MACS = st.sampled_from([(0, 0), (1, 20), (2, 32)]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), octets(pair[1], pair[1]))
)
TIMES = st.sampled_from([(0, 8), (1, 8), (2, 4), (3, 4)]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), octets(pair[1], pair[1]))
)
VALIDITIES = st.one_of(
    st.just(Validity()),
    st.builds(Validity, st.just(1), spi=octets()),
    st.builds(Validity, st.just(2), valid_from=octets(), valid_to=octets()),
)
KEYS = st.one_of(
    st.builds(KeyData, st.sampled_from([0, 2, 4, 6, 7, 9, 15]), secrets(), st.none(), VALIDITIES),
    st.builds(KeyData, st.sampled_from([1, 3, 5]), secrets(), secrets(), VALIDITIES),
)
PARAMETERS = st.lists(st.builds(PolicyParameter, U8, octets()), max_size=8).map(tuple)
GROUPS = st.sampled_from([(0, 192), (1, 96), (2, 128)]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), octets(pair[1], pair[1]))
)
HASHES = st.sampled_from([(0, 20), (1, 16), (2, 32)]).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), octets(pair[1], pair[1]))
)
TICKET_HEADS = st.tuples(U16, U8, U8, st.integers(0, 127), st.integers(0, 4095), st.integers(0, 31))
POINTS = st.sampled_from([(8, 65, 1), (8, 33, 1), (14, 133, 1), (1, 49, 1), (11, 97, 1)]).flatmap(
    lambda point: st.tuples(
        st.just(point[0]),
        octets(point[1] - 1, point[1] - 1).map(
            lambda rest: bytes((4 if len(rest) % 2 == 0 and len(rest) != 32 else 2,)) + rest
        ),
    )
)
PAYLOADS: st.SearchStrategy[Payload] = st.one_of(
    st.builds(lambda algorithm, data, mac: Kemac(algorithm, data, *mac), U8, secrets(), MACS),
    st.builds(Pke, st.integers(0, 3), octets(0, 300)),
    st.builds(lambda group, reserved, validity: Dh(*group, reserved, validity), GROUPS, U4, VALIDITIES),
    st.builds(lambda value: Timestamp(*value), TIMES),
    st.builds(Identity, U8, octets()),
    st.builds(Certificate, U8, octets(0, 300)),
    st.builds(lambda value: CertificateHash(*value), HASHES),
    st.builds(lambda value: Verification(*value), MACS),
    st.builds(SecurityPolicy, U8, U8, PARAMETERS, st.sampled_from([b"", b"\7", b"\7\2\1"])),
    st.builds(Rand, octets()),
    st.builds(ErrorPayload, U8, U16),
    st.builds(lambda role, value: TimestampWithRole(role, *value), U8, TIMES),
    st.builds(IdentityWithRole, U8, U8, octets()),
    st.builds(RandWithRole, U8, octets()),
    st.builds(lambda head, data: TicketPolicy(*head, data), TICKET_HEADS, octets()),
    st.builds(lambda head, *data: Ticket(*head, *data), TICKET_HEADS, octets(), octets(), octets()),
    st.builds(SecretKey, U4, secrets(), VALIDITIES),
    st.builds(
        lambda point, padding, auth, tgk, reserved, validity: EccPoint(
            *point, padding[: -(2 + len(point[1])) % 4], auth, tgk, reserved, validity
        ),
        POINTS,
        octets(3, 3),
        U8,
        U16,
        U4,
        VALIDITIES,
    ),
    KEYS,
    st.builds(GeneralExtension, U8, octets()),
    st.builds(Ibake, octets()),
    st.builds(EncryptedSecretKey, octets()),
    st.builds(Sakke, U8, U8, octets()),
)
LAST_PAYLOADS: st.SearchStrategy[list[Payload]] = st.one_of(
    st.just([]),
    st.builds(lambda kind, signature: [Sign(kind, signature)], U4, octets(0, 300)),
    st.builds(lambda kind, data: [Opaque(kind, data)], st.integers(27, 255), octets()),
)
SRTP_SESSIONS = st.lists(st.tuples(U8, U32, U32), max_size=5).map(
    lambda entries: tuple(SrtpIdEntry(number, *entry) for number, entry in enumerate(entries, start=1))
)
GENERIC_SESSIONS = st.lists(
    st.builds(GenericIdEntry, U8, U8, st.booleans(), st.lists(U8, max_size=5).map(tuple), octets(), octets()),
    max_size=5,
).map(tuple)
HEADERS = st.one_of(
    st.tuples(st.just(0), SRTP_SESSIONS), st.tuples(st.just(2), GENERIC_SESSIONS), st.tuples(st.just(1), st.just(()))
).flatmap(
    lambda kind: st.builds(
        Header,
        st.just(1),
        st.integers(0, 26).filter(lambda number: number not in (7, 8)),
        st.just(0),
        st.booleans(),
        st.integers(0, 127),
        U32,
        st.just(len(kind[1])),
        st.just(kind[0]),
        st.just(kind[1]),
    )
)


def codes(data: bytes) -> list[str]:
    return [defect.code for defect in parse_mikey(data).defects]


def with_payloads(*payloads: Payload, data_type: int = 0) -> bytes:
    return build_mikey(link_payloads(Header(1, data_type, 0, False, 0, 1, 0, 0), payloads))


def test_the_offer_of_rfc_4567_is_read() -> None:
    message = parse_mikey(OFFER)
    header = message.header
    assert (header.data_type, header.v, header.csb_id) == (DataType.PRE_SHARED, True, 0xCD177E50)
    assert header.crypto_sessions == (SrtpIdEntry(1, 0, 0, 0),)
    assert [payload_name(payload.payload_type) for payload in message.payloads] == ["T", "RAND", "ID", "SP", "KEMAC"]
    assert [(payload.offset, payload.length) for payload in message.payloads] == [
        (19, 10),
        (29, 18),
        (47, 19),
        (66, 5),
        (71, 61),
    ]
    assert (message.defects, message.trailing, build_mikey(message)) == ((), b"", OFFER)
    identity = message.find(Identity)
    assert identity is not None
    assert (identity.text, name_of(IdType, identity.id_type)) == ("donald@duck.com", "NAI")
    kemac = message.find(Kemac)
    assert kemac is not None
    assert (len(kemac.data), name_of(MacAlgorithm, kemac.mac_algorithm)) == (36, "HMAC-SHA-1-160")


def test_the_answer_of_rfc_4567_is_read() -> None:
    message = parse_mikey(ANSWER)
    assert message.header.data_type == DataType.PSK_VER_MSG
    assert [payload_name(payload.payload_type) for payload in message.payloads] == ["T", "ID", "V"]
    assert (message.defects, build_mikey(message)) == ((), ANSWER)


def test_the_key_and_mki_of_an_onvif_camera_are_read() -> None:
    message = parse_mikey(ONVIF)
    kemac = message.find(Kemac)
    assert kemac is not None
    (key,) = parse_key_data_payloads(kemac.data.reveal()).keys
    assert key.key.reveal().hex() == "df40b9f54ac2944d1edbb50fe61fd6b72f542fcf9d7f383edadb669a8de4"
    assert (key.key_type, key.salt, key.validity.spi.hex()) == (2, None, "0000002f")
    assert message.header.crypto_sessions[0].ssrc == 0xC20F551C
    assert message.find_all(Rand) == ()


def test_a_key_data_body_with_spi_and_padding_is_read() -> None:
    """gortsplib's unit test: TEK+SPI, then the KEMAC's next octets."""
    content = parse_key_data_payloads(bytes.fromhex("00210003aabbcc021122"))
    assert [(key.key.reveal().hex(), key.validity.spi.hex()) for key in content.keys] == [("aabbcc", "1122")]


@given(HEADERS, st.lists(PAYLOADS, max_size=6), LAST_PAYLOADS, st.sampled_from([b"", b"\0", b"\0\0", b"x"]))
def test_every_value_survives_building_and_parsing(
    header: Header, payloads: list[Payload], last: list[Payload], trailing: bytes
) -> None:
    message = link_payloads(header, [*payloads, *last])
    if last and isinstance(last[0], Opaque):
        trailing = b""
    data = build_mikey(message) + trailing
    parsed = parse_mikey(data)
    assert (parsed.header, parsed.payloads, parsed.trailing) == (message.header, message.payloads, trailing)
    assert build_mikey(parsed) == data


@given(st.binary(max_size=400))
def test_any_octets_are_refused_or_rebuilt_from_their_value(data: bytes) -> None:
    if len(data) < 10:
        with pytest.raises(Truncated):
            parse_mikey(data)
        return
    message = parse_mikey(data)
    assert build_mikey(message) == data
    assert build_mikey(parse_mikey(b"\1\0" + data[2:])) == b"\1\0" + data[2:]


@given(st.binary(max_size=200), st.sampled_from([6, 20, 77]))
def test_any_octets_are_taken_as_key_data_and_rebuilt(data: bytes, first_payload: int) -> None:
    content = parse_key_data_payloads(data, first_payload)
    assert build_key_data_payloads(content) == data


@given(st.lists(KEYS, min_size=1, max_size=4))
def test_key_data_survives_building_and_parsing(keys: list[KeyData]) -> None:
    linked = link_payloads(Header(1, 0, 0, False, 0, 0, 0, 0), keys)
    data = build_key_data_payloads(KeyDataPayloads(linked.payloads))
    content = parse_key_data_payloads(data)
    assert [(key.key_type, key.key, key.salt, key.validity) for key in content.keys] == [
        (key.key_type, key.key, key.salt, key.validity) for key in keys
    ]


def test_an_endless_chain_of_payloads_is_cut_with_a_defect() -> None:
    data = bytes((1, 0, 11, 0)) + bytes(6) + b"\x0b\0" * 600
    message = parse_mikey(data)
    assert len(message.payloads) == 512
    assert "payload-limit" in codes(data)
    assert build_mikey(message) == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\2" + OFFER[1:], "version-unknown"),
        (b"\1\x4d" + OFFER[2:], "data-type-unknown"),
        (OFFER[:3] + b"\x87" + OFFER[4:], "prf-unknown"),
        (OFFER[:9] + b"\x4d" + OFFER[10:], "cs-id-map-type-unknown"),
        (OFFER[:8] + b"\xff" + OFFER[9:], "cs-id-map-truncated"),
        (OFFER[:2] + b"\x4d" + OFFER[3:], "payload-type-unknown"),
        (OFFER[:-1], "payload-truncated"),
        (OFFER + b"\0\0", "trailing-zeros"),
        (OFFER + b"\1", "trailing-octets"),
        (with_payloads(Timestamp(77, b"?"), Rand(bytes(16))), "payload-length-unknown"),
        (with_payloads(Timestamp(77, b"?")), "algorithm-unknown"),
        (with_payloads(Dh(77, b"value")), "payload-length-unknown"),
        (with_payloads(Kemac(77, Secret(b""), 0, b"")), "encryption-algorithm-unknown"),
        (with_payloads(Kemac(0, Secret(b""), 77, b"mac")), "algorithm-unknown"),
        (with_payloads(Kemac(0, Secret(b""), 77, b"mac"), Rand(bytes(16))), "payload-length-unknown"),
        (with_payloads(CertificateHash(77, b"hash")), "algorithm-unknown"),
        (with_payloads(Verification(77, b"v")), "algorithm-unknown"),
        (with_payloads(Pke(3, b"")), "cache-type-unknown"),
        (with_payloads(Sign(9, b"")), "signature-type-unknown"),
        (with_payloads(Identity(77, b"")), "id-type-unknown"),
        (with_payloads(Certificate(77, b"")), "cert-type-unknown"),
        (with_payloads(SecurityPolicy(0, 77)), "protocol-type-unknown"),
        (with_payloads(SecurityPolicy(0, 0, (), b"\1")), "policy-parameter-truncated"),
        (with_payloads(Rand(b"short")), "rand-short"),
        (with_payloads(ErrorPayload(77)), "error-number-unknown"),
        (with_payloads(GeneralExtension(77, b"")), "extension-type-unknown"),
        (with_payloads(KeyData(0, Secret(bytes(16)))), "key-data-outside-kemac"),
        (with_payloads(SecretKey(1, Secret(bytes(16)))), "secret-key-outside-esk"),
        (with_payloads(SecretKey(3, Secret(bytes(16)))), "secret-key-type-unknown"),
        (with_payloads(EccPoint(8, b"\4" + bytes(64), b"\0")), "ec-point-outside-ibake"),
        (with_payloads(EccPoint(99, b"\4" + bytes(64), b"\0")), "payload-length-unknown"),
        (with_payloads(TicketPolicy(9, 1, 1, 0, 0x880, 0, b"")), "ticket-type-unknown"),
        (with_payloads(TicketPolicy(1, 1, 1, 0, 0x000, 0, b"")), "ticket-flags-contradict"),
        (
            build_mikey(link_payloads(Header(1, 0, 0, False, 0, 1, 0, 1), [SecurityPolicy(0, 0)])),
            "policy-with-empty-map",
        ),
        (with_payloads(KeyData(12, Secret(bytes(16)))), "key-data-type-unknown"),
        (with_payloads(KeyData(0, Secret(b""), None, Validity(9, raw=b"?"))), "key-validity-unknown"),
    ],
)
def test_what_is_unknown_or_broken_is_kept_with_a_defect(data: bytes, code: str) -> None:
    message = parse_mikey(data)
    assert code in [defect.code for defect in message.defects]
    assert build_mikey(message) == data


def test_an_unknown_payload_keeps_the_rest_and_what_stood_before_it() -> None:
    data = with_payloads(Rand(bytes(16)), Opaque(77, b"whatever this is"))
    message = parse_mikey(data)
    assert message.find(Rand) is not None
    opaque = message.find(Opaque)
    assert opaque is not None
    assert (opaque.payload_type, opaque.data, opaque.offset) == (77, b"whatever this is", 28)
    assert payload_name(77) == "unknown 77"


@pytest.mark.parametrize("data_type", [DataType.DHHMAC_INIT, DataType.DHHMAC_RESP])
def test_dhhmac_may_number_its_algorithms_as_rfc_4650_does(data_type: int) -> None:
    by_rfc4650 = with_payloads(Kemac(2, Secret(b""), 0, bytes(20)), data_type=data_type)
    message = parse_mikey(by_rfc4650)
    kemac = message.find(Kemac)
    assert kemac is not None
    assert (len(kemac.mac), message.trailing) == (20, b"")
    assert codes(by_rfc4650) == ["kemac-numbered-by-rfc4650"]
    by_rfc3830 = with_payloads(Kemac(0, Secret(b""), 1, bytes(20)), data_type=data_type)
    assert codes(by_rfc3830) == []
    other_mode = parse_mikey(with_payloads(Kemac(2, Secret(b""), 0, b"\1" * 20)))
    assert [defect.code for defect in other_mode.defects] == ["trailing-octets"]


def test_generic_ids_give_ssrc_and_rollover_counter() -> None:
    entry = GenericIdEntry(3, 0, True, (0, 1), bytes.fromhex("decafbad000000070001"), b"\1")
    assert (entry.ssrc, entry.roc, entry.policies) == (0xDECAFBAD, 7, (0, 1))
    assert entry._replace(session_data=b"").ssrc == 0
    # The example of the paper's second encoding: cs 1, policies 0 and 1, SSRC decafbad.
    example = GenericIdEntry(1, 0, False, (0, 1), bytes.fromhex("decafbad"), b"")
    assert example.build().hex() == "01000200010004decafbad00"


def test_a_timestamp_of_32_bits_is_padded_on_the_side_its_type_asks_for() -> None:
    assert Timestamp(2, b"\1\2\3\4").as_64_bits == bytes(4) + b"\1\2\3\4"
    assert Timestamp(3, b"\1\2\3\4").as_64_bits == b"\1\2\3\4" + bytes(4)
    assert Timestamp(0, bytes(range(8))).as_64_bits == bytes(range(8))


@pytest.mark.parametrize(
    "payload",
    [
        Rand(bytes(256)),
        Pke(1, bytes(1 << 14)),
        Pke(4, b""),
        Sign(0, bytes(1 << 12)),
        Sign(16, b""),
        Identity(256, b""),
        KeyData(16, Secret(b"")),
        SecurityPolicy(0, 0, (PolicyParameter(0, bytes(256)),)),
        GeneralExtension(1, bytes(1 << 16)),
    ],
)
def test_what_does_not_fit_its_field_is_not_built(payload: Payload) -> None:
    with pytest.raises(Malformed):
        payload.build()


def test_nothing_shown_of_a_message_holds_a_key() -> None:
    clear = build_key_data_payloads(KeyDataPayloads((KeyData(2, Secret(b"KEYKEYKEY")),)))
    whole = with_payloads(Rand(bytes(16)), Kemac(0, Secret(clear), 0, b""))
    for data in (whole, whole[:-1], whole[:10] + b"\0" + whole[11:], whole[:9] + b"\x4d" + whole[10:]):
        assert "KEYKEY" not in repr(parse_mikey(data))


def test_every_payload_type_has_a_reader() -> None:
    from dissectors.grammar.mikey.message import READERS

    assert set(READERS) == {int(kind) for kind in PayloadType} - {PayloadType.LAST}

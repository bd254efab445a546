# SPDX-License-Identifier: GPL-2.0-only
"""One well-formed message of every data type, payloads in the order that its RFC gives; contents are placeholders."""

from dissectors.grammar.mikey import (
    Certificate,
    CertificateHash,
    Dh,
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
    Payload,
    Pke,
    PolicyParameter,
    Rand,
    RandWithRole,
    Sakke,
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
)
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.mikey.registries import DataType
from dissectors.grammar.secret import Secret

T, RAND = Timestamp(0, bytes(range(8))), Rand(bytes(range(16)))
ID_I, ID_R = Identity(1, b"sip:alice@example.com"), Identity(1, b"sip:bob@example.com")
IDR_I, IDR_R, IDR_KMS = (
    IdentityWithRole(role, 1, name)
    for role, name in ((1, b"sip:alice@example.com"), (2, b"sip:bob@example.com"), (3, b"sip:kms@example.com"))
)
RANDR_I, RANDR_R, RANDR_KMS = (RandWithRole(role, bytes(range(role, role + 16))) for role in (1, 2, 3))
SP = build_policy_for_suite("AES_CM_128_HMAC_SHA1_80", 0)
TESLA = SecurityPolicy(1, 1, (PolicyParameter(1, b"\0"), PolicyParameter(6, bytes(4)), PolicyParameter(7, bytes(2))))
EXTENSIONS = (GeneralExtension(1, b"mikey"), GeneralExtension(3, b"\0\3abc\1\2de"), GeneralExtension(5, b"\1x"))
V, CERT, CHASH, PKE = (
    Verification(1, bytes(20)),
    Certificate(0, bytes(range(200))),
    CertificateHash(0, bytes(20)),
    Pke(1, bytes(128)),
)
SIGN, ECCSI = Sign(0, bytes(range(128))), Sign(2, bytes(129))
DH_I, DH_R = Dh(1, bytes(range(96))), Dh(1, bytes(96), 0, Validity(1, spi=b"\1\2\3\4"))
KEYS = build_key_data_payloads(
    KeyDataPayloads(
        (
            KeyData(1, Secret(bytes(16)), Secret(bytes(14)), Validity(2, valid_from=bytes(6), valid_to=bytes(6)), 20),
            KeyData(2, Secret(bytes(30)), None, Validity(1, spi=b"\0\0\0\1")),
        )
    )
)
KEMAC, CLEAR, EMPTY = (
    Kemac(1, Secret(KEYS), 1, bytes(20)),
    Kemac(0, Secret(KEYS), 0, b""),
    Kemac(0, Secret(b""), 1, bytes(20)),
)
TP_DATA = b"\x0e" + IDR_KMS.build() + TimestampWithRole(3, 0, bytes(8)).build()
TP = TicketPolicy(1, 1, 1, 1, 0x880, 0, TP_DATA)
TICKET = Ticket(1, 1, 1, 1, 0x880, 0, TP_DATA, b"\5\0\0" + T.build() + RAND.build() + CLEAR.build() + V.build(), b"")
IBAKE, ESK, SAKKE = Ibake(bytes(range(120))), EncryptedSecretKey(bytes(60)), Sakke(1, 1, bytes(273))
SRTP_MAP = (SrtpIdEntry(1, 0, 0xDECAFBAD, 0), SrtpIdEntry(2, 0, 0, 7))
GENERIC_MAP = (GenericIdEntry(1, 0, True, (0, 1), bytes(10), b"\1"), GenericIdEntry(2, 0, False, (0,), bytes(4), b""))

PAYLOADS: dict[int, tuple[Payload, ...]] = {
    DataType.PRE_SHARED: (T, RAND, ID_I, ID_R, SP, TESLA, *EXTENSIONS, KEMAC),
    DataType.PSK_VER_MSG: (T, ID_R, V),
    DataType.PUBLIC_KEY: (T, RAND, ID_I, CERT, ID_R, SP, KEMAC, CHASH, PKE, SIGN),
    DataType.PK_VER_MSG: (T, ID_R, V),
    DataType.DH_INIT: (T, RAND, CERT, ID_R, SP, DH_I, SIGN),
    DataType.DH_RESP: (T, CERT, ID_I, DH_R, DH_I, SIGN),
    DataType.ERROR: (T, ErrorPayload(9), ErrorPayload(10), SP, V),
    DataType.DHHMAC_INIT: (T, RAND, ID_I, ID_R, SP, *EXTENSIONS, DH_I, EMPTY),
    DataType.DHHMAC_RESP: (T, ID_R, ID_I, DH_R, DH_I, Kemac(2, Secret(b""), 0, bytes(20))),
    DataType.RSA_R_I_MSG: (T, RAND, CERT, ID_R, SP, SIGN),
    DataType.RSA_R_R_MSG: (GeneralExtension(4, bytes(4)), T, CERT, SP, KEMAC, PKE, SIGN),
    DataType.REQUEST_INIT_PSK: (T, RANDR_I, IDR_I, IDR_KMS, TP, V),
    DataType.REQUEST_INIT_PK: (T, RANDR_I, IDR_I, CERT, IDR_KMS, TP, CHASH, PKE, SIGN),
    DataType.REQUEST_RESP: (T, IDR_KMS, TICKET, KEMAC, V),
    DataType.TRANSFER_INIT: (T, RANDR_I, IDR_I, IDR_R, SP, TICKET, V),
    DataType.TRANSFER_RESP: (T, RANDR_R, IDR_R, RANDR_KMS, SP, V),
    DataType.RESOLVE_INIT_PSK: (T, RANDR_R, IDR_R, IDR_KMS, TICKET, V),
    DataType.RESOLVE_INIT_PK: (T, RANDR_R, IDR_R, CERT, IDR_KMS, TICKET, PKE, SIGN),
    DataType.RESOLVE_RESP: (T, IDR_KMS, KEMAC, IDR_R, RANDR_KMS, V),
    DataType.REQUEST_KEY_PSK: (T, RAND, IDR_I, IDR_KMS, V),
    DataType.REQUEST_KEY_PKE: (T, RAND, IDR_I, CERT, IDR_KMS, CHASH, PKE, SIGN),
    DataType.REQUEST_KEY_RESP: (T, IDR_I, IDR_KMS, KEMAC, V),
    DataType.I_MESSAGE_1: (T, RAND, IDR_I, IDR_R, IBAKE, ESK),
    DataType.R_MESSAGE_1: (T, IDR_I, IDR_R, IBAKE),
    DataType.I_MESSAGE_2: (T, RAND, IDR_I, IDR_R, IBAKE, ESK),
    DataType.R_MESSAGE_2: (T, IDR_I, IDR_R, IBAKE, V),
    DataType.SAKKE_MSG: (T, RAND, IDR_I, IDR_R, IDR_KMS, SP, *EXTENSIONS, SAKKE, ECCSI),
}
MODES: dict[str, range] = {
    "PSK": range(2),
    "PKE": range(2, 4),
    "DH": range(4, 6),
    "error": range(6, 7),
    "DHHMAC": range(7, 9),
    "RSA-R": range(9, 11),
    "TICKET": range(11, 19),
    "IBAKE": range(19, 26),
    "SAKKE": range(26, 27),
}


def message_of(data_type: int) -> bytes:
    """The message's octets; TICKET has the map that it must have, exchanges with a KMS an empty one."""
    entries: tuple[SrtpIdEntry | GenericIdEntry, ...] = SRTP_MAP
    map_type = 0
    if data_type in (DataType.TRANSFER_INIT, DataType.TRANSFER_RESP):
        entries, map_type = GENERIC_MAP, 2
    elif 11 <= data_type <= 21:
        entries, map_type = (), 1
    header = Header(1, data_type, 0, True, 0, 0xCAFEBABE, len(entries), map_type, entries)
    return build_mikey(link_payloads(header, PAYLOADS[data_type]))


def messages_of(mode: str) -> list[bytes]:
    """Every message of a mode."""
    return [message_of(data_type) for data_type in MODES[mode]]

# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY message: the common header and the chain of payloads behind it (RFC 3830 §5.2, §6)."""

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from typing import TypeVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Truncated
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.header import Header
from dissectors.grammar.mikey.ibake_payloads import EccPoint, EncryptedSecretKey, Ibake, SecretKey
from dissectors.grammar.mikey.key_data import KeyData
from dissectors.grammar.mikey.key_payloads import CertificateHash, Dh, Kemac, Pke, Sign, Verification
from dissectors.grammar.mikey.later_payloads import IdentityWithRole, RandWithRole, Sakke, TimestampWithRole
from dissectors.grammar.mikey.order import first_out_of_order
from dissectors.grammar.mikey.payloads import (
    Certificate,
    ErrorPayload,
    GeneralExtension,
    Identity,
    Opaque,
    Rand,
    SecurityPolicy,
    Timestamp,
)
from dissectors.grammar.mikey.reading import Reading, UnknownLength
from dissectors.grammar.mikey.registries import CsIdMapType, PayloadType, payload_name
from dissectors.grammar.mikey.tickets import Ticket, TicketPolicy

MAX_PAYLOADS = 512
# Payloads that stand inside another one, encrypted, and never in a message itself.
SUB_PAYLOADS: dict[int, tuple[str, str]] = {
    PayloadType.KEY_DATA: ("key-data-outside-kemac", "RFC 3830 §6.13"),
    PayloadType.SK: ("secret-key-outside-esk", "RFC 6267 §6.1.5"),
    PayloadType.ECCPT: ("ec-point-outside-ibake", "RFC 6267 §6.1.4"),
}

Payload = (
    Kemac
    | Pke
    | Dh
    | Sign
    | Timestamp
    | Identity
    | Certificate
    | CertificateHash
    | Verification
    | SecurityPolicy
    | Rand
    | ErrorPayload
    | TimestampWithRole
    | IdentityWithRole
    | RandWithRole
    | TicketPolicy
    | Ticket
    | KeyData
    | GeneralExtension
    | Ibake
    | EncryptedSecretKey
    | SecretKey
    | EccPoint
    | Sakke
    | Opaque
)

_P = TypeVar("_P", bound=Payload)

READERS: dict[int, Callable[[Cursor, Reading], Payload]] = {
    kind.payload_type: kind.read
    for kind in (
        Kemac,
        Pke,
        Dh,
        Sign,
        Timestamp,
        Identity,
        Certificate,
        CertificateHash,
        Verification,
        SecurityPolicy,
        Rand,
        ErrorPayload,
        TimestampWithRole,
        IdentityWithRole,
        RandWithRole,
        TicketPolicy,
        Ticket,
        KeyData,
        GeneralExtension,
        Ibake,
        EncryptedSecretKey,
        SecretKey,
        EccPoint,
        Sakke,
    )
}


@dataclass(frozen=True, slots=True)
class MikeyMessage:
    """Header and payloads in wire order; `trailing` follows the last payload and may hold keys, so repr hides it."""

    header: Header
    payloads: tuple[Payload, ...] = ()
    trailing: bytes = field(default=b"", repr=False)
    defects: tuple[Defect, ...] = ()

    @property
    def is_read_whole(self) -> bool:
        """Whether every payload was understood; what is not ends the chain, and more may stand behind it."""
        return self.header.map_complete and not any(isinstance(payload, Opaque) for payload in self.payloads)

    def find(self, kind: type[_P]) -> _P | None:
        """The first payload of that class, or None."""
        for payload in self.payloads:
            if isinstance(payload, kind):
                return payload
        return None

    def find_all(self, kind: type[_P]) -> tuple[_P, ...]:
        """Every payload of that class, in wire order."""
        return tuple(payload for payload in self.payloads if isinstance(payload, kind))


@dataclass(frozen=True, slots=True)
class KeyDataPayloads:
    """What a KEMAC held in the clear: Key data, before them an ID in the public-key modes (RFC 3830 §6.2)."""

    payloads: tuple[Payload, ...] = ()
    trailing: bytes = field(default=b"", repr=False)
    defects: tuple[Defect, ...] = ()

    @property
    def keys(self) -> tuple[KeyData, ...]:
        """The Key data sub-payloads alone."""
        return tuple(payload for payload in self.payloads if isinstance(payload, KeyData))


def parse_mikey(data: bytes) -> MikeyMessage:
    """A message from its octets; raises `Truncated` where not even the 10 fixed octets of the header are there.

    What can't be read after that stays as `Opaque` or `trailing` octets with a defect (RFC 3830 §6 gives payloads no
    generic length, so one that is not understood ends the chain).
    """
    cursor = Cursor(data)
    reading = Reading()
    header = Header.read(cursor, reading)
    payloads = _read_chain(cursor, header.next_payload, reading) if header.map_complete else ()
    if header.cs_id_map_type == CsIdMapType.EMPTY:
        _note_policies(payloads, reading)
    _note_order(header.data_type, payloads, reading)
    trailing = _read_trailing(cursor, reading)
    return MikeyMessage(header, payloads, trailing, tuple(reading.defects))


def build_mikey(message: MikeyMessage) -> bytes:
    """The message's octets, each `next_payload` as the values say; raises `Malformed` where a field does not fit."""
    return message.header.build() + b"".join(payload.build() for payload in message.payloads) + message.trailing


def parse_key_data_payloads(data: bytes, first_payload: int = PayloadType.KEY_DATA) -> KeyDataPayloads:
    """The sub-payloads in a KEMAC's decrypted or NULL-encrypted data; `first_payload` is 6 (ID) in public-key modes."""
    cursor = Cursor(data)
    reading = Reading()
    payloads = _read_chain(cursor, first_payload, reading, inside_kemac=True) if data else ()
    trailing = _read_trailing(cursor, reading)
    return KeyDataPayloads(payloads, trailing, tuple(reading.defects))


def build_key_data_payloads(content: KeyDataPayloads) -> bytes:
    """The octets to put into a KEMAC."""
    return b"".join(payload.build() for payload in content.payloads) + content.trailing


def link_payloads(header: Header, payloads: Iterable[Payload]) -> MikeyMessage:
    """A message whose `next_payload` fields, offsets and lengths are set to what the order of `payloads` asks for."""
    chain = list(payloads)
    following = [payload.payload_type for payload in chain] + [0]
    header = replace(header, next_payload=following[0])
    header = replace(header, length=len(header.build()))
    linked: list[Payload] = []
    offset = header.length
    for payload, next_payload in zip(chain, following[1:], strict=True):
        length = len(payload.build())
        linked.append(replace(payload, next_payload=next_payload, offset=offset, length=length))
        offset += length
    return MikeyMessage(header, tuple(linked))


def _read_chain(
    cursor: Cursor, payload_type: int, reading: Reading, *, inside_kemac: bool = False
) -> tuple[Payload, ...]:
    payloads: list[Payload] = []
    while payload_type:
        if len(payloads) == MAX_PAYLOADS:
            reading.note("payload-limit", cursor.offset, "RFC 3830 §6", f"more than {MAX_PAYLOADS} payloads")
            break
        payload = _read_payload(cursor, payload_type, reading)
        if payload_type in SUB_PAYLOADS and not inside_kemac:
            code, clause = SUB_PAYLOADS[payload_type]
            reading.note(code, payload.offset, clause)
        payloads.append(payload)
        payload_type = payload.next_payload
    return tuple(payloads)


def _note_order(data_type: int, payloads: tuple[Payload, ...], reading: Reading) -> None:
    """The first payload that stands behind one which should follow it (RFC 3830 §5.2)."""
    number = first_out_of_order(data_type, [payload.payload_type for payload in payloads])
    if number is not None:
        behind = (
            f"{payload_name(payloads[number].payload_type)} behind {payload_name(payloads[number - 1].payload_type)}"
        )
        reading.note("payload-order", payloads[number].offset, "RFC 3830 §5.2", behind)


def _note_policies(payloads: tuple[Payload, ...], reading: Reading) -> None:
    """An empty map says that the policies come another way, so there must be none in the message."""
    for payload in payloads:
        if isinstance(payload, SecurityPolicy):
            reading.note("policy-with-empty-map", payload.offset, "RFC 4563 §5")


def _read_payload(cursor: Cursor, payload_type: int, reading: Reading) -> Payload:
    """The payload at the cursor, or all that is left as `Opaque` where it can't be read."""
    start = cursor.offset
    reader = READERS.get(payload_type)
    if reader is None:
        reading.note_unknown("payload-type-unknown", payload_type, start, "RFC 3830 §6.1")
    else:
        try:
            return reader(cursor, reading)
        except Truncated as error:
            reading.note("payload-truncated", error.offset, error.clause, f"{payload_name(payload_type)}: {error}")
        except UnknownLength as error:
            reading.note("payload-length-unknown", error.offset, error.clause, f"{payload_name(payload_type)}: {error}")
    cursor.offset = start
    rest = cursor.rest()
    return Opaque(payload_type, rest, 0, start, len(rest))


def _read_trailing(cursor: Cursor, reading: Reading) -> bytes:
    start = cursor.offset
    trailing = cursor.rest()
    if trailing:
        code = "trailing-octets" if trailing.strip(b"\0") else "trailing-zeros"
        reading.note(code, start, "RFC 3830 §6", f"{len(trailing)} octets after the last payload")
    return trailing

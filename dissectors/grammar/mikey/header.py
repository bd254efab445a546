# SPDX-License-Identifier: GPL-2.0-only
"""HDR, the common header, and the CS ID maps (RFC 3830 §6.1, RFC 4563 §5, RFC 6043 §6.1.1)."""

import struct
from dataclasses import field
from typing import ClassVar, NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Truncated
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.octets import build_counted, build_uint
from dissectors.grammar.mikey.reading import Reading, known
from dissectors.grammar.mikey.registries import CsIdMapType, DataType, PrfFunction, ProtocolType

FIXED_OCTETS = 10
VERSION = 1
DATA_TYPES = known(DataType)
PRF_FUNCTIONS = known(PrfFunction)
SRTP_ID = struct.Struct(">BII")


class SrtpIdEntry(NamedTuple):
    """One crypto session of an SRTP-ID map (RFC 3830 §6.1.1); `cs_id` is its position, counted from 1."""

    cs_id: int
    policy_number: int
    ssrc: int
    roc: int

    @property
    def policies(self) -> tuple[int, ...]:
        """The security policy numbers of this session: here always one."""
        return (self.policy_number,)

    def build(self) -> bytes:
        """The entry's 9 octets."""
        parts = ((self.policy_number, 1, "Policy_no"), (self.ssrc, 4, "SSRC"), (self.roc, 4, "ROC"))
        return b"".join(build_uint(*part) for part in parts)


class GenericIdEntry(NamedTuple):
    """One crypto session of a GENERIC-ID map (RFC 6043 §6.1.1); `session_data` of SRTP is SSRC [ROC SEQ]."""

    cs_id: int
    protocol_type: int
    roc_and_seq: bool
    policies: tuple[int, ...]
    session_data: bytes
    spi: bytes

    @property
    def ssrc(self) -> int:
        """The SSRC, or 0 where the session data has none."""
        if self.protocol_type != ProtocolType.SRTP or len(self.session_data) < 4:
            return 0
        return int.from_bytes(self.session_data[:4], "big")

    @property
    def roc(self) -> int:
        """The rollover counter, or 0 where the session data has none."""
        if self.protocol_type != ProtocolType.SRTP or not self.roc_and_seq or len(self.session_data) < 8:
            return 0
        return int.from_bytes(self.session_data[4:8], "big")

    def build(self) -> bytes:
        """The entry's octets."""
        return (
            build_uint(self.cs_id, 1, "CS ID")
            + build_uint(self.protocol_type, 1, "Prot type")
            + bytes((self.roc_and_seq << 7 | build_uint(len(self.policies) << 1, 1, "#P")[0] >> 1,))
            + b"".join(build_uint(number, 1, "Policy no") for number in self.policies)
            + build_counted(self.session_data, 2, "Session data")
            + build_counted(self.spi, 1, "SPI")
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The common header; `map_info` holds the map's octets where its type is unassigned or it is cut short."""

    payload_type: ClassVar[int] = -1

    version: int
    data_type: int
    next_payload: int
    v: bool
    prf_function: int
    csb_id: int
    cs_count: int
    cs_id_map_type: int
    crypto_sessions: tuple[SrtpIdEntry | GenericIdEntry, ...] = ()
    map_info: bytes = field(default=b"", repr=False)
    offset: int = 0
    length: int = FIXED_OCTETS

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Header":
        """The header at the cursor; raises `Truncated` where not even its fixed part is there."""
        fixed = cursor.take(FIXED_OCTETS, "common header")
        version, data_type, next_payload, v_and_prf, csb_id, count, map_type = _FIXED.unpack(fixed)
        reading.data_type = data_type
        if version != VERSION:
            reading.note("version-unknown", 0, "RFC 3830 §6.1", f"version {version}")
        if data_type not in DATA_TYPES:
            reading.note_unknown("data-type-unknown", data_type, 1, "RFC 3830 §6.1")
        if v_and_prf & 127 not in PRF_FUNCTIONS:
            reading.note_unknown("prf-unknown", v_and_prf & 127, 3, "RFC 3830 §6.1")
        sessions, map_info = _read_map(cursor, count, map_type, reading)
        return cls(
            version,
            data_type,
            next_payload,
            v_and_prf >= 128,
            v_and_prf & 127,
            csb_id,
            count,
            map_type,
            sessions,
            map_info,
            0,
            cursor.offset,
        )

    @property
    def map_complete(self) -> bool:
        """Whether the CS ID map was read whole, so that payloads can follow it."""
        return self.cs_id_map_type == CsIdMapType.EMPTY or len(self.crypto_sessions) == self.cs_count

    def build(self) -> bytes:
        """The header's octets; raises `Malformed` where a field does not fit."""
        fixed = (
            (self.version, 1, "version"),
            (self.data_type, 1, "data type"),
            (self.next_payload, 1, "next payload"),
            (self.v << 7 | self.prf_function, 1, "V and PRF func"),
            (self.csb_id, 4, "CSB ID"),
            (self.cs_count, 1, "#CS"),
            (self.cs_id_map_type, 1, "CS ID map type"),
        )
        head = b"".join(build_uint(*part) for part in fixed)
        return head + b"".join(session.build() for session in self.crypto_sessions) + self.map_info


_FIXED = struct.Struct(">BBBBIBB")


def _read_map(
    cursor: Cursor, count: int, map_type: int, reading: Reading
) -> tuple[tuple[SrtpIdEntry | GenericIdEntry, ...], bytes]:
    """The crypto sessions of the map, and the octets that made none."""
    start = cursor.offset
    try:
        if map_type == CsIdMapType.SRTP_ID:
            octets = cursor.take(SRTP_ID.size * count, "CS ID map info")
            entries = enumerate(SRTP_ID.iter_unpack(octets), start=1)
            return tuple([SrtpIdEntry(cs_id, *entry) for cs_id, entry in entries]), b""
        if map_type == CsIdMapType.GENERIC_ID:
            return tuple(_read_generic_entry(cursor) for _ in range(count)), b""
    except Truncated as error:
        reading.note("cs-id-map-truncated", error.offset, "RFC 3830 §6.1", str(error))
        cursor.offset = start
        return (), cursor.rest()
    if map_type != CsIdMapType.EMPTY and count:
        reading.note_unknown("cs-id-map-type-unknown", map_type, 9, "RFC 3830 §6.1")
        return (), cursor.rest()
    return (), b""


def _read_generic_entry(cursor: Cursor) -> GenericIdEntry:
    cs_id = cursor.u8("CS ID")
    protocol = cursor.u8("Prot type")
    flags = cursor.u8("S and #P")
    policies = tuple(cursor.take(flags & 127, "Policies"))
    session_data = cursor.take(cursor.u16("Session data length"), "Session data")
    spi = cursor.take(cursor.u8("SPI length"), "SPI")
    return GenericIdEntry(cs_id, protocol, flags >= 128, policies, session_data, spi)

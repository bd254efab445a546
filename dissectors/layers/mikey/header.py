# SPDX-License-Identifier: GPL-2.0-only
"""HDR, the common header, and the crypto sessions of its map (RFC 3830 §6.1, RFC 6043 §6.1.1)."""

from dataclasses import fields as fields_of

from scapy.fields import (
    BitField,
    ByteField,
    IntField,
    XIntField,
)
from scapy.packet import Packet

from dissectors.grammar import mikey as grammar
from dissectors.grammar.mikey import registries
from dissectors.grammar.mikey.registries import ProtocolType, name_of
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    ListField,
    OctetsField,
    defects_field,
    shown_if_set,
)
from dissectors.layers.mikey.payload import NOT_FIELDS, chain, enum_field, following_type, next_payload_field


class MIKEY_CS(GrammarLayer):
    """One crypto session of an SRTP-ID map (RFC 3830 §6.1.1)."""

    name = "MIKEY crypto session"
    fields_desc = [ByteField("policy_number", 0), XIntField("ssrc", 0), IntField("roc", 0)]

    def to_value(self) -> grammar.SrtpIdEntry:
        """The grammar's entry; its CS ID is its place in the map."""
        return grammar.SrtpIdEntry(0, self.policy_number, self.ssrc, self.roc)

    def build_octets(self) -> bytes:
        """The entry's octets."""
        return self.to_value().build()


class MIKEY_CS_Generic(GrammarLayer):
    """One crypto session of a GENERIC-ID map (RFC 6043 §6.1.1)."""

    name = "MIKEY generic crypto session"
    fields_desc = [
        ByteField("cs_id", 1),
        enum_field("protocol_type", 0, ProtocolType),
        BitField("roc_and_seq", 0, 1),
        ListField("policies", []),
        OctetsField("session_data"),
        OctetsField("spi"),
    ]

    def to_value(self) -> grammar.GenericIdEntry:
        """The grammar's entry."""
        values = {name: self.getfieldval(name) for name in grammar.GenericIdEntry._fields}
        return grammar.GenericIdEntry(
            **values | {"roc_and_seq": bool(values["roc_and_seq"]), "policies": tuple(values["policies"])}
        )

    def build_octets(self) -> bytes:
        """The entry's octets."""
        return self.to_value().build()


class MIKEY(GrammarLayer):
    """HDR, the common header (RFC 3830 §6.1); the payloads are the layers behind it."""

    name = "MIKEY"
    fields_desc = [
        ByteField("version", 1),
        enum_field("data_type", 0, registries.DataType),
        next_payload_field(),
        BitField("v", 0, 1),
        BitField("prf_function", 0, 7),
        XIntField("csb_id", 0),
        ByteField("cs_count", None),
        enum_field("cs_id_map_type", 0, registries.CsIdMapType),
        LayersField("crypto_sessions"),
        shown_if_set(OctetsField("map_info")),
        defects_field(),
    ]

    def read_octets(self, octets: bytes) -> None:
        """Read a whole message."""
        message = grammar.parse_mikey(octets)
        header = message.header
        self.fields.update({f.name: getattr(header, f.name) for f in fields_of(header) if f.name not in NOT_FIELDS})
        self.fields["v"] = int(header.v)
        self.fields["crypto_sessions"] = [session_layer(entry) for entry in header.crypto_sessions]
        self.fields["defects"] = message.defects
        chain(self, message.payloads, message.trailing)

    def build_octets(self) -> bytes:
        """The header's octets, built by the grammar."""
        entries = tuple(layer.to_value() for layer in self.getfieldval("crypto_sessions"))
        count = self.getfieldval("cs_count")
        return grammar.Header(
            version=self.version,
            data_type=self.data_type,
            next_payload=following_type(self),
            v=bool(self.v),
            prf_function=self.prf_function,
            csb_id=self.csb_id,
            cs_count=len(entries) if count is None else count,
            cs_id_map_type=self.cs_id_map_type,
            crypto_sessions=entries,
            map_info=self.getfieldval("map_info"),
        ).build()

    def mysummary(self) -> str:
        """One line: the kind of message."""
        return f"MIKEY {name_of(registries.DataType, self.data_type)}"


def session_layer(entry: grammar.SrtpIdEntry | grammar.GenericIdEntry) -> Packet:
    """The layer of one entry of a CS ID map."""
    if isinstance(entry, grammar.SrtpIdEntry):
        return MIKEY_CS(policy_number=entry.policy_number, ssrc=entry.ssrc, roc=entry.roc)
    return MIKEY_CS_Generic(**entry._asdict() | {"roc_and_seq": int(entry.roc_and_seq)})

# SPDX-License-Identifier: GPL-2.0-only
"""ZRTP for Scapy (RFC 6189 §5): what a packet shows in the clear, read and not made."""

from typing import Any, ClassVar

from scapy.fields import IntField, ShortField

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.secret import Secret
from dissectors.grammar.zrtp import ZrtpPacket, parse_zrtp, parse_zrtp_commit, parse_zrtp_confirm, parse_zrtp_hello
from dissectors.layers.base import HexField, OctetsField, SpelledLayer, ValueField, shown_if_set

HELLO = ("version", "client_id", "zid", "hashes", "ciphers", "auth_tags", "key_agreements", "sas_types")
COMMIT = ("zid", "hash", "cipher", "auth_tag", "key_agreement", "sas_type")
CONFIRM = ("mac", "iv")


class ZRTP(SpelledLayer):
    """One ZRTP packet: a Hello with its lists, a Commit with the choice, or another message by its type."""

    name = "ZRTP"
    fields_desc: ClassVar[list[Any]] = [
        SpelledLayer,
        ShortField("sequence_number", 0),
        HexField("ssrc", 0),
        ValueField("message_type", ""),
        *(shown_if_set(ValueField(name, None)) for name in ("version", "client_id")),
        shown_if_set(OctetsField("zid", b"")),
        *(shown_if_set(ValueField(name, None)) for name in (*HELLO[3:], *COMMIT[1:])),
        *(shown_if_set(OctetsField(name, b"")) for name in CONFIRM),
        IntField("crc", 0),
    ]

    def read_octets(self, octets: bytes) -> None:
        """Read one packet; a message that is not what its type says shows its type alone."""
        packet = parse_zrtp(octets)
        self.fields.update(spelling=Secret(octets), crc=packet.crc)
        self.fields.update(sequence_number=packet.sequence_number, ssrc=packet.ssrc, message_type=packet.message_type)
        try:
            self.fields.update(_details(packet))
        except GrammarError:
            return

    def mysummary(self) -> str:
        """The message's type and source."""
        return f"ZRTP {self.getfieldval('message_type')} ssrc {self.getfieldval('ssrc'):#010x}"


def _details(packet: ZrtpPacket) -> dict[str, Any]:
    """What the message says in the clear, by field."""
    if packet.message_type == "Hello":
        hello = parse_zrtp_hello(packet)
        return {name: getattr(hello, name) for name in HELLO}
    if packet.message_type == "Commit":
        commit = parse_zrtp_commit(packet)
        return {name: getattr(commit, name) for name in COMMIT}
    if packet.message_type.startswith("Confirm"):
        confirm = parse_zrtp_confirm(packet)
        return {name: getattr(confirm, name) for name in CONFIRM}
    return {}

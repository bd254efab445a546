# SPDX-License-Identifier: GPL-2.0-only
"""RTCP and SRTCP for Scapy (RFC 3550 §6, RFC 3711 §3.4).

`RTCP(data)` lists the packets of a compound; `SRTCP(data, tag_octets=10, mki_octets=0, aead=False)` shows what SRTCP
leaves in the clear. Without the constructor's lengths, those stated for the destination count, else a tag of 10 octets.
"""

from typing import Any, ClassVar

from scapy.fields import BitField, ByteField, IntField, ShortField
from scapy.packet import Packet

from dissectors.grammar.errors import Malformed
from dissectors.grammar.rtcp import (
    App,
    Bye,
    ReceiverReport,
    ReportBlock,
    RtcpDetail,
    RtcpHeader,
    RtcpPacket,
    RtcpTail,
    RtcpType,
    SdesChunk,
    SdesType,
    SenderReport,
    SourceDescription,
    SrtcpPacket,
    build_rtcp,
    build_srtcp,
    parse_rtcp,
    parse_srtcp,
)
from dissectors.grammar.rtcp_making import make_rtcp
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    GrammarLayer,
    HexField,
    LayersField,
    NamedNumberField,
    NumberField,
    OctetsField,
    SourcesField,
    SpelledLayer,
    ValueField,
    defects_field,
    hidden,
    opaque_octets,
    shown_if_set,
)
from dissectors.layers.srtp import SrtpLengths, stated_lengths

DEFAULT_TAG_OCTETS = 10
SDES_LABELS = {int(kind): kind.name for kind in SdesType}
TYPE_LABELS = {int(kind): kind.name for kind in RtcpType}
FIRST_WORD = ("padding", "count", "packet_type", "length_words", "version")


def type_field(default: int) -> NamedNumberField:
    """The packet type with its name."""
    return NamedNumberField("packet_type", default, TYPE_LABELS)


class RTCP_ReportBlock(GrammarLayer):
    """One reception report block (RFC 3550 §6.4.1)."""

    name = "RTCP report block"
    fields_desc: ClassVar[list[Any]] = [
        HexField("ssrc", 0),
        ByteField("fraction_lost", 0),
        NumberField("cumulative_lost", 0),
        IntField("highest_sequence", 0),
        IntField("jitter", 0),
        IntField("last_sr", 0),
        IntField("delay_since_last_sr", 0),
    ]

    def to_value(self) -> ReportBlock:
        """The grammar's block."""
        return ReportBlock(*map(self.getfieldval, ReportBlock._fields))


class RTCP_Item(GrammarLayer):
    """One item of a source description (RFC 3550 §6.5)."""

    name = "RTCP SDES item"
    fields_desc: ClassVar[list[Any]] = [
        NamedNumberField("type", int(SdesType.CNAME), SDES_LABELS),
        OctetsField("text", b"", text=True),
    ]


class RTCP_Chunk(GrammarLayer):
    """The items of one source (RFC 3550 §6.5)."""

    name = "RTCP SDES chunk"
    fields_desc: ClassVar[list[Any]] = [HexField("ssrc", 0), LayersField("items")]

    def to_value(self) -> SdesChunk:
        """The grammar's chunk."""
        items = ((item.getfieldval("type"), item.getfieldval("text")) for item in self.getfieldval("items"))
        return SdesChunk(self.getfieldval("ssrc"), tuple(items))


class RTCP_Packet(SpelledLayer):
    """One packet of a compound; one that is not understood keeps its body as octets (RFC 3550 §6.1)."""

    name = "RTCP packet"
    fields_desc: ClassVar[list[Any]] = [
        SpelledLayer,
        BitField("version", 2, 2),
        BitField("padding", 0, 1),
        NumberField("count", 0),
        type_field(RtcpType.RTPFB),
        ShortField("length_words", None),
        OctetsField("body", b""),
        defects_field(),
    ]

    def read_octets(self, octets: bytes) -> None:
        """Read one packet alone."""
        packet, *others = parse_rtcp(octets)
        if others or not isinstance(packet, RtcpPacket):
            raise Malformed("not one RTCP packet", clause="RFC 3550 §6.1")
        self.read_packet(octets, packet)

    def read_packet(self, octets: bytes, packet: RtcpPacket) -> None:
        """Set the fields from the grammar's packet."""
        header = packet.header
        self.fields.update({name: getattr(header, name) for name in FIRST_WORD})
        self.fields.update(padding=int(header.padding), body=packet.body, defects=packet.defects)
        self.fields["spelling"] = Secret(octets)

    def write_octets(self) -> bytes:
        """The packet, its length taken from the body where it is None."""
        body, words = self.getfieldval("body"), self.getfieldval("length_words")
        header = RtcpHeader(
            bool(self.getfieldval("padding")),
            self.getfieldval("count"),
            self.getfieldval("packet_type"),
            len(body) // 4 if words is None else words,
            self.getfieldval("version"),
        )
        return build_rtcp((RtcpPacket(header, body),))


class RTCP_Detailed(RTCP_Packet):
    """A packet that is shown by what it says."""

    name = "RTCP packet"
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, HexField("ssrc", 0), defects_field()]
    detail_class: ClassVar[type[Any]] = App

    def read_packet(self, octets: bytes, packet: RtcpPacket) -> None:
        """Set the fields from the packet's detail."""
        if not isinstance(packet.detail, self.detail_class):
            raise Malformed(f"not {self.name}", clause="RFC 3550 §6")
        self.fields.update(self.detail_fields(packet.detail))
        if any(field.name == "ssrc" for field in self.fields_desc):
            self.fields["ssrc"] = packet.ssrc
        self.fields.update(spelling=Secret(octets), defects=packet.defects)

    def detail_fields(self, detail: Any) -> dict[str, Any]:
        """The fields that the detail says."""
        return dict(detail._asdict())

    def to_detail(self) -> RtcpDetail:
        """The detail that the fields say."""
        raise Malformed(f"{self.name} says nothing by itself", clause="RFC 3550 §6")

    def write_octets(self) -> bytes:
        """The packet without padding, built by the grammar."""
        ssrc = self.getfieldval("ssrc") if any(field.name == "ssrc" for field in self.fields_desc) else 0
        return build_rtcp((make_rtcp(ssrc, self.to_detail(), count=self.subtype()),))

    def subtype(self) -> int | None:
        """What stands in the count field where it counts nothing."""
        return None


def report_layers(detail: SenderReport | ReceiverReport) -> list[Packet]:
    """The layers of the report blocks."""
    return [RTCP_ReportBlock(**block._asdict()) for block in detail.reports]


class RTCP_SR(RTCP_Detailed):
    """Sender report (RFC 3550 §6.4.1)."""

    name = "RTCP SR"
    detail_class = SenderReport
    fields_desc: ClassVar[list[Any]] = [
        SpelledLayer,
        HexField("ssrc", 0),
        HexField("ntp_timestamp", 0),
        IntField("rtp_timestamp", 0),
        IntField("packets", 0),
        IntField("octets", 0),
        LayersField("reports"),
        defects_field(),
    ]

    def detail_fields(self, detail: SenderReport) -> dict[str, Any]:
        """Sender information and report blocks."""
        return detail._asdict() | {"reports": report_layers(detail)}

    def to_detail(self) -> SenderReport:
        """The grammar's report."""
        values = {name: self.getfieldval(name) for name in SenderReport._fields}
        reports = tuple(block.to_value() for block in values.pop("reports"))
        return SenderReport(**values, reports=reports)


class RTCP_RR(RTCP_Detailed):
    """Receiver report (RFC 3550 §6.4.2)."""

    name = "RTCP RR"
    detail_class = ReceiverReport
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, HexField("ssrc", 0), LayersField("reports"), defects_field()]

    def detail_fields(self, detail: ReceiverReport) -> dict[str, Any]:
        """Report blocks."""
        return {"reports": report_layers(detail)}

    def to_detail(self) -> ReceiverReport:
        """The grammar's report."""
        return ReceiverReport(tuple(block.to_value() for block in self.getfieldval("reports")))


class RTCP_SDES(RTCP_Detailed):
    """Source description (RFC 3550 §6.5)."""

    name = "RTCP SDES"
    detail_class = SourceDescription
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, LayersField("chunks"), defects_field()]

    def detail_fields(self, detail: SourceDescription) -> dict[str, Any]:
        """A layer for each chunk, in it one for each item."""
        chunks = [
            RTCP_Chunk(ssrc=chunk.ssrc, items=[RTCP_Item(type=kind, text=text) for kind, text in chunk.items])
            for chunk in detail.chunks
        ]
        return {"chunks": chunks}

    def to_detail(self) -> SourceDescription:
        """The grammar's description."""
        return SourceDescription(tuple(chunk.to_value() for chunk in self.getfieldval("chunks")))


class RTCP_BYE(RTCP_Detailed):
    """Goodbye (RFC 3550 §6.6)."""

    name = "RTCP BYE"
    detail_class = Bye
    fields_desc: ClassVar[list[Any]] = [
        SpelledLayer,
        SourcesField("sources", []),
        shown_if_set(OctetsField("reason", None, text=True)),
        defects_field(),
    ]

    def detail_fields(self, detail: Bye) -> dict[str, Any]:
        """Who leaves, and why."""
        return {"sources": list(detail.sources), "reason": detail.reason}

    def to_detail(self) -> Bye:
        """The grammar's goodbye."""
        return Bye(tuple(self.getfieldval("sources")), self.getfieldval("reason"))


class RTCP_APP(RTCP_Detailed):
    """Application-defined packet (RFC 3550 §6.7)."""

    name = "RTCP APP"
    detail_class = App
    fields_desc: ClassVar[list[Any]] = [
        SpelledLayer,
        NumberField("subtype_number", 0),
        HexField("ssrc", 0),
        OctetsField("application", bytes(4), text=True),
        OctetsField("data", b""),
        defects_field(),
    ]

    def read_packet(self, octets: bytes, packet: RtcpPacket) -> None:
        """Set the fields from the packet's detail and the subtype."""
        super().read_packet(octets, packet)
        self.fields["subtype_number"] = packet.header.count

    def detail_fields(self, detail: App) -> dict[str, Any]:
        """Name and data."""
        return {"application": detail.name, "data": detail.data}

    def to_detail(self) -> App:
        """The grammar's packet."""
        return App(self.getfieldval("application"), self.getfieldval("data"))

    def subtype(self) -> int:
        """The subtype."""
        return int(self.getfieldval("subtype_number"))


DETAILED: dict[type[Any], type[RTCP_Detailed]] = {
    layer.detail_class: layer for layer in (RTCP_SR, RTCP_RR, RTCP_SDES, RTCP_BYE, RTCP_APP)
}


def packet_layer(packet: RtcpPacket | RtcpTail) -> Packet:
    """The layer that shows one element of a compound."""
    if isinstance(packet, RtcpTail):
        return opaque_octets(packet.octets, packet.defects)
    layer = DETAILED.get(type(packet.detail), RTCP_Packet)()
    layer.read_packet(build_rtcp((packet,)), packet)
    return layer


class RTCP(GrammarLayer):
    """A compound of RTCP packets in the clear (RFC 3550 §6.1)."""

    name = "RTCP"
    fields_desc: ClassVar[list[Any]] = [LayersField("packets"), defects_field()]

    def read_octets(self, octets: bytes) -> None:
        """Read a whole datagram."""
        self.fields["packets"] = [packet_layer(packet) for packet in parse_rtcp(octets)]

    def build_octets(self) -> bytes:
        """The packets in order."""
        return b"".join(map(bytes, self.getfieldval("packets")))


class SRTCP(GrammarLayer):
    """An SRTCP packet: the first eight octets, the rest encrypted, E flag, index, MKI and tag (RFC 3711 §3.4)."""

    __slots__ = ["is_aead", "lengths"]
    name = "SRTCP"
    fields_desc: ClassVar[list[Any]] = [
        BitField("version", 2, 2),
        BitField("padding", 0, 1),
        NumberField("count", 0),
        type_field(RtcpType.SR),
        ShortField("length_words", 0),
        HexField("ssrc", 0),
        OctetsField("body", b""),
        BitField("encrypted", 1, 1),
        NumberField("index", 0),
        shown_if_set(OctetsField("mki", b"")),
        OctetsField("tag", b""),
        hidden(ValueField("aead", default=False)),
        defects_field(),
    ]

    def __init__(
        self,
        *args: Any,
        tag_octets: int | None = None,
        mki_octets: int | None = None,
        aead: bool = False,
        **fields: Any,
    ) -> None:
        stated = (tag_octets, mki_octets) != (None, None)
        lengths = SrtpLengths(DEFAULT_TAG_OCTETS if tag_octets is None else tag_octets, mki_octets or 0)
        object.__setattr__(self, "lengths", lengths if stated else None)
        object.__setattr__(self, "is_aead", aead)
        super().__init__(*args, aead=aead, **fields)

    def read_octets(self, octets: bytes) -> None:
        """Read one packet."""
        lengths = self.lengths or stated_lengths(self) or SrtpLengths(DEFAULT_TAG_OCTETS)
        packet = parse_srtcp(octets, *lengths, aead=self.is_aead)
        self.fields.update({name: getattr(packet.header, name) for name in FIRST_WORD})
        for name in ("ssrc", "body", "index", "mki", "tag"):
            self.fields[name] = getattr(packet, name)
        self.fields.update(padding=int(packet.header.padding), encrypted=int(packet.encrypted))

    def build_octets(self) -> bytes:
        """The packet, built by the grammar."""
        padding, *others = (self.getfieldval(name) for name in FIRST_WORD)
        header = RtcpHeader(bool(padding), *others)
        body, index, mki, tag = (self.getfieldval(name) for name in ("body", "index", "mki", "tag"))
        encrypted, aead = bool(self.getfieldval("encrypted")), bool(self.getfieldval("aead"))
        return build_srtcp(SrtcpPacket(header, self.getfieldval("ssrc"), body, encrypted, index, mki, tag, aead))

# SPDX-License-Identifier: GPL-2.0-only
"""RTP and SRTP for Scapy (RFC 3550 §5.1, RFC 3711 §3.1).

The lengths of MKI and tag are not on the wire. `SRTP(data, tag_octets=10, mki_octets=4)` states them;
`set_srtp_lengths` states them for a destination; else all that follows the header is the encrypted payload.
"""

from typing import Any, ClassVar, NamedTuple

from scapy.fields import BitField, ConditionalField, IntField, ShortField
from scapy.layers.inet import UDP
from scapy.packet import Packet

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Truncated
from dissectors.grammar.rtp import RtpHeader, build_rtp_header, padding_octets, parse_rtp_header
from dissectors.layers.base import (
    GrammarLayer,
    HexField,
    OctetsField,
    SourcesField,
    defects_field,
    shown_if_set,
)


class SrtpLengths(NamedTuple):
    """How many octets the authentication tag and the MKI of a stream have."""

    tag_octets: int = 0
    mki_octets: int = 0


_LENGTHS: dict[tuple[str, int], SrtpLengths] = {}


def set_srtp_lengths(address: str, port: int, tag_octets: int = 0, mki_octets: int = 0) -> None:
    """State the lengths for all SRTP and SRTCP to a destination."""
    _LENGTHS[address, port] = SrtpLengths(tag_octets, mki_octets)


def forget_srtp_lengths() -> None:
    """Forget what was stated for destinations."""
    _LENGTHS.clear()


def stated_lengths(layer: Packet) -> SrtpLengths | None:
    """The lengths stated for the destination of the datagram that carries `layer`."""
    datagram = layer.underlayer
    if not isinstance(datagram, UDP) or datagram.underlayer is None:
        return None
    destination = datagram.underlayer.fields.get("dst")
    return _LENGTHS.get((str(destination), datagram.fields.get("dport", 0)))


class RtpFields(GrammarLayer):
    """What RTP and SRTP have in common: the header in the clear."""

    name = "RTP header"
    fields_desc: ClassVar[list[Any]] = [
        BitField("version", 2, 2),
        BitField("padding", 0, 1),
        BitField("marker", 0, 1),
        BitField("payload_type", 0, 7),
        ShortField("sequence_number", 0),
        IntField("timestamp", 0),
        HexField("ssrc", 0),
        shown_if_set(SourcesField("csrc", [])),
        shown_if_set(HexField("extension_profile", None)),
        ConditionalField(OctetsField("extension_data", b""), lambda p: p.getfieldval("extension_profile") is not None),
    ]

    def read_header(self, octets: bytes) -> bytes:
        """Set the header's fields; what follows the header."""
        header = parse_rtp_header(octets)
        self.fields.update(header._asdict())
        self.fields.update(padding=int(header.padding), marker=int(header.marker), csrc=list(header.csrc))
        return octets[header.header_octets :]

    def build_header(self) -> bytes:
        """The header's octets."""
        values = {name: self.getfieldval(name) for name in RtpHeader._fields}
        values |= {"csrc": tuple(values["csrc"]), "padding": bool(values["padding"]), "marker": bool(values["marker"])}
        return build_rtp_header(RtpHeader(**values))

    def mysummary(self) -> str:
        """Payload type, sequence number and source."""
        fields = (self.getfieldval(name) for name in ("payload_type", "sequence_number", "ssrc"))
        return "{} PT {} seq {} ssrc {:#010x}".format(type(self).__name__, *fields)


class RTP(RtpFields):
    """An RTP packet in the clear; `media` is the payload without its padding (RFC 3550 §5.1)."""

    name = "RTP"
    fields_desc: ClassVar[list[Any]] = [
        RtpFields,
        OctetsField("media", b""),
        shown_if_set(OctetsField("padding_data", b"")),
        defects_field(),
    ]

    def read_octets(self, octets: bytes) -> None:
        """Read one packet."""
        payload = self.read_header(octets)
        padding = padding_octets(payload) if self.getfieldval("padding") else 0
        end = len(payload) - (padding or 0)
        self.fields.update(media=payload[:end], padding_data=payload[end:])
        if padding is None:
            defect = Defect("padding-count", max(len(octets) - 1, 0), "RFC 3550 §5.1")
            self.fields["defects"] = (defect,)

    def build_octets(self) -> bytes:
        """Header, media and padding."""
        return self.build_header() + bytes(self.getfieldval("media")) + bytes(self.getfieldval("padding_data"))


class SRTP(RtpFields):
    """An SRTP packet: the header, the encrypted payload, MKI and authentication tag (RFC 3711 §3.1)."""

    __slots__ = ["lengths"]
    name = "SRTP"
    fields_desc: ClassVar[list[Any]] = [
        RtpFields,
        OctetsField("encrypted", b""),
        shown_if_set(OctetsField("mki", b"")),
        shown_if_set(OctetsField("tag", b"")),
        defects_field(),
    ]

    def __init__(self, *args: Any, tag_octets: int | None = None, mki_octets: int | None = None, **fields: Any) -> None:
        stated = (tag_octets, mki_octets) != (None, None)
        object.__setattr__(self, "lengths", SrtpLengths(tag_octets or 0, mki_octets or 0) if stated else None)
        super().__init__(*args, **fields)

    def read_octets(self, octets: bytes) -> None:
        """Read one packet; raises `Truncated` where MKI and tag have no room."""
        lengths = self.lengths or stated_lengths(self) or SrtpLengths()
        rest = self.read_header(octets)
        mki_at = len(rest) - sum(lengths)
        if mki_at < 0:
            raise Truncated("MKI and tag", needed=sum(lengths), have=len(rest), clause="RFC 3711 §3.1")
        tag_at = mki_at + lengths.mki_octets
        self.fields.update(encrypted=rest[:mki_at], mki=rest[mki_at:tag_at], tag=rest[tag_at:])

    def build_octets(self) -> bytes:
        """Header, encrypted payload, MKI and tag."""
        return self.build_header() + b"".join(map(self.getfieldval, ("encrypted", "mki", "tag")))

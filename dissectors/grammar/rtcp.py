# SPDX-License-Identifier: GPL-2.0-only
"""RTCP compound packets and the SRTCP packet around them (RFC 3550 §6; RFC 3711 §3.4; RFC 7714 §9)."""

from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError, Malformed, Truncated
from dissectors.grammar.late_dataclass import dataclass

RTCP_VERSION = 2
FIRST_RTCP_TYPE, LAST_RTCP_TYPE = 192, 223
HEADER_OCTETS = 4
REPORT_BLOCK_OCTETS = 24
SENDER_INFO_OCTETS = 20
INDEX_WORD_OCTETS = 4
SRTCP_CLEAR_OCTETS = 8
MAX_PACKETS = 128
MAX_SDES_ITEMS = 256


class RtcpType(IntEnum):
    """RTCP packet types (IANA "RTCP Control Packet Types")."""

    FIR = 192
    NACK = 193
    SMPTETC = 194
    IJ = 195
    SR = 200
    RR = 201
    SDES = 202
    BYE = 203
    APP = 204
    RTPFB = 205
    PSFB = 206
    XR = 207
    AVB = 208
    RSI = 209
    TOKEN = 210
    IDMS = 211
    RGRS = 212
    SNM = 213


class SdesType(IntEnum):
    """SDES item types (RFC 3550 §6.5)."""

    END = 0
    CNAME = 1
    NAME = 2
    EMAIL = 3
    PHONE = 4
    LOC = 5
    TOOL = 6
    NOTE = 7
    PRIV = 8


@dataclass(frozen=True, slots=True)
class RtcpHeader:
    """The first word of an RTCP packet; `length_words` is the field as sent, one less than the packet's words."""

    padding: bool
    count: int
    packet_type: int
    length_words: int
    version: int = RTCP_VERSION


class ReportBlock(NamedTuple):
    """One reception report block (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


class SenderReport(NamedTuple):
    """SR: sender information and report blocks; the NTP time is 32.32 bit fixed point (RFC 3550 §6.4.1)."""

    ntp_timestamp: int
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]


class ReceiverReport(NamedTuple):
    """RR: report blocks (RFC 3550 §6.4.2)."""

    reports: tuple[ReportBlock, ...]


class SdesChunk(NamedTuple):
    """The items of one source: (type, text octets) pairs in wire order (RFC 3550 §6.5)."""

    ssrc: int
    items: tuple[tuple[int, bytes], ...]


class SourceDescription(NamedTuple):
    """SDES (RFC 3550 §6.5)."""

    chunks: tuple[SdesChunk, ...]


class Bye(NamedTuple):
    """BYE: who leaves, and the reason if one is given (RFC 3550 §6.6)."""

    sources: tuple[int, ...]
    reason: bytes | None


class App(NamedTuple):
    """APP: four octets of name and the application's data (RFC 3550 §6.7)."""

    name: bytes
    data: bytes


RtcpDetail = SenderReport | ReceiverReport | SourceDescription | Bye | App


class RtcpPacket(NamedTuple):
    """One packet of a compound: `body` is all that follows the first word, `detail` what it says, if understood."""

    header: RtcpHeader
    body: bytes
    detail: RtcpDetail | None = None
    defects: tuple[Defect, ...] = ()

    @property
    def ssrc(self) -> int | None:
        """The source that sent the packet (for SDES and BYE the first one listed), if there is room for one."""
        return int.from_bytes(self.body[:4], "big") if len(self.body) >= 4 else None


class RtcpTail(NamedTuple):
    """Octets behind the last packet that could be read."""

    octets: bytes
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class SrtcpPacket:
    """An SRTCP packet: `body` follows the first eight octets, `tag` and `mki` are as long as they were asked for."""

    header: RtcpHeader
    ssrc: int
    body: bytes
    encrypted: bool
    index: int
    mki: bytes
    tag: bytes
    aead: bool = False


def _parse_header(cursor: Cursor) -> RtcpHeader:
    start = cursor.offset
    first, packet_type, words = cursor.u8("RTCP header"), cursor.u8("RTCP header"), cursor.u16("RTCP header")
    if first >> 6 != RTCP_VERSION:
        msg = f"RTCP version {first >> 6}, not 2"
        raise Malformed(msg, offset=start, clause="RFC 3550 §6.4.1")
    if not FIRST_RTCP_TYPE <= packet_type <= LAST_RTCP_TYPE:
        msg = f"RTCP packet type {packet_type}"
        raise Malformed(msg, offset=start + 1, clause="RFC 5761 §4")
    return RtcpHeader(bool(first & 0x20), first & 0x1F, packet_type, words)


def _build_header(header: RtcpHeader) -> bytes:
    try:
        first = header.version << 6 | header.padding << 5 | header.count
        return bytes((first, header.packet_type)) + header.length_words.to_bytes(2, "big")
    except (OverflowError, ValueError) as error:
        msg = f"a field does not fit its width: {error}"
        raise Malformed(msg, clause="RFC 3550 §6.4.1") from error


def _reports(cursor: Cursor, count: int) -> tuple[ReportBlock, ...]:
    def block() -> ReportBlock:
        ssrc, lost = cursor.u32("report block"), cursor.u32("report block")
        cumulative = lost & 0xFFFFFF
        cumulative -= (cumulative & 0x800000) << 1
        rest = [cursor.u32("report block") for _ in range(4)]
        return ReportBlock(ssrc, lost >> 24, cumulative, *rest)

    return tuple(block() for _ in range(count))


def _sender_report(cursor: Cursor, count: int) -> SenderReport:
    cursor.u32("SSRC")
    ntp, rtp = cursor.u64("sender info"), cursor.u32("sender info")
    return SenderReport(ntp, rtp, cursor.u32("sender info"), cursor.u32("sender info"), _reports(cursor, count))


def _receiver_report(cursor: Cursor, count: int) -> ReceiverReport:
    cursor.u32("SSRC")
    return ReceiverReport(_reports(cursor, count))


def _sdes(cursor: Cursor, count: int) -> SourceDescription:
    chunks: list[SdesChunk] = []
    items_read = 0
    for _ in range(count):
        start = cursor.offset
        ssrc = cursor.u32("SDES chunk")
        items: list[tuple[int, bytes]] = []
        while kind := cursor.u8("SDES item"):
            items.append((kind, cursor.take(cursor.u8("SDES item length"), "SDES item")))
            items_read += 1
            if items_read > MAX_SDES_ITEMS:
                raise Malformed("too many SDES items", offset=cursor.offset, clause="RFC 3550 §6.5")
        cursor.take(-(cursor.offset - start) % 4, "SDES padding")
        chunks.append(SdesChunk(ssrc, tuple(items)))
    return SourceDescription(tuple(chunks))


def _bye(cursor: Cursor, count: int) -> Bye:
    sources = tuple(cursor.u32("BYE source") for _ in range(count))
    reason = cursor.take(cursor.u8("reason length"), "reason for leaving") if cursor.left else None
    return Bye(sources, reason)


def _app(cursor: Cursor, _count: int) -> App:
    cursor.u32("SSRC")
    return App(cursor.take(4, "APP name"), cursor.rest())


_DETAILS = {
    RtcpType.SR: _sender_report,
    RtcpType.RR: _receiver_report,
    RtcpType.SDES: _sdes,
    RtcpType.BYE: _bye,
    RtcpType.APP: _app,
}


def _parse_packet(cursor: Cursor) -> RtcpPacket:
    start = cursor.offset
    header = _parse_header(cursor)
    body = cursor.take(4 * header.length_words, "RTCP packet")
    reader = _DETAILS.get(header.packet_type)  # type: ignore[call-overload]
    if reader is None:
        return RtcpPacket(header, body)
    padding = body[-1] if header.padding and body and body[-1] <= len(body) else 0
    try:
        return RtcpPacket(header, body, reader(Cursor(body, 0, len(body) - padding), header.count))
    except GrammarError as error:
        place = start + HEADER_OCTETS + error.offset
        return RtcpPacket(header, body, None, (Defect("rtcp-body", place, "RFC 3550 §6", str(error)),))


def parse_rtcp(data: bytes) -> tuple[RtcpPacket | RtcpTail, ...]:
    """The packets of a compound in wire order; what can't be read after the first ends as an `RtcpTail` (§6.1)."""
    cursor = Cursor(data)
    packets: list[RtcpPacket | RtcpTail] = [_parse_packet(cursor)]
    while cursor.left:
        start = cursor.offset
        try:
            if len(packets) >= MAX_PACKETS:
                msg = f"more than {MAX_PACKETS} packets in a compound"
                raise Malformed(msg, offset=start)
            packets.append(_parse_packet(cursor))
        except GrammarError as error:
            packets.append(RtcpTail(data[start:], (Defect("rtcp-tail", start, "RFC 3550 §6.1", str(error)),)))
            break
    return tuple(packets)


def build_rtcp(packets: tuple[RtcpPacket | RtcpTail, ...]) -> bytes:
    """The octets of a compound, from each packet's header and body."""
    return b"".join(
        packet.octets if isinstance(packet, RtcpTail) else _build_header(packet.header) + packet.body
        for packet in packets
    )


def is_clear_rtcp(data: bytes) -> bool:
    """Whether `data` is a structurally exact clear compound: its lengths add up to the datagram (§A.2).

    The first packet may be of any type, as RFC 5506 allows. The trailer of SRTCP breaks the sum.
    """
    place = packets = 0
    size = len(data)
    while place + HEADER_OCTETS <= size and packets < MAX_PACKETS:
        if data[place] >> 6 != RTCP_VERSION or not FIRST_RTCP_TYPE <= data[place + 1] <= LAST_RTCP_TYPE:
            return False
        end = place + HEADER_OCTETS + 4 * int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place] & 0x20 and not _padding_fits(data, place, end):
            return False
        place, packets = end, packets + 1
    return packets > 0 and place == size


def _padding_fits(data: bytes, start: int, end: int) -> bool:
    if end != len(data) or end - start <= HEADER_OCTETS:
        return False
    return 0 < data[end - 1] <= end - start - HEADER_OCTETS


def parse_srtcp(data: bytes, tag_octets: int, mki_octets: int, *, aead: bool = False) -> SrtcpPacket:
    """The parts of an SRTCP packet, given the lengths that are not on the wire; raises `Truncated` and `Malformed`.

    HMAC suites: header ‖ body ‖ E‖index ‖ MKI ‖ tag (RFC 3711 §3.4). AEAD: header ‖ body ‖ tag ‖ E‖index ‖ MKI
    (RFC 7714 §9.2, §9.3).
    """
    cursor = Cursor(data)
    header = _parse_header(cursor)
    ssrc = cursor.u32("SRTCP sender SSRC")
    trailer_octets = tag_octets + mki_octets + INDEX_WORD_OCTETS
    if cursor.left < trailer_octets:
        raise Truncated("SRTCP trailer", needed=trailer_octets, have=cursor.left, offset=cursor.offset)
    body = cursor.take(cursor.left - trailer_octets)
    tag = cursor.take(tag_octets if aead else 0)
    word = cursor.u32("SRTCP index")
    mki = cursor.take(mki_octets)
    tag = tag if aead else cursor.take(tag_octets)
    return SrtcpPacket(header, ssrc, body, bool(word >> 31), word & 0x7FFFFFFF, mki, tag, aead)


def build_srtcp(packet: SrtcpPacket) -> bytes:
    """The octets of an SRTCP packet."""
    try:
        word = (packet.encrypted << 31 | packet.index).to_bytes(4, "big")
        start = _build_header(packet.header) + packet.ssrc.to_bytes(4, "big") + packet.body
    except OverflowError as error:
        msg = f"a field does not fit its width: {error}"
        raise Malformed(msg, clause="RFC 3711 §3.4") from error
    if packet.aead:
        return start + packet.tag + word + packet.mki
    return start + word + packet.mki + packet.tag

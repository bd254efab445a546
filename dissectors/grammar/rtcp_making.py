# SPDX-License-Identifier: GPL-2.0-only
"""RTCP packets from what they say: the reverse of reading an `RtcpPacket`'s detail (RFC 3550 §6)."""

from dissectors.grammar.errors import Malformed
from dissectors.grammar.rtcp import (
    App,
    Bye,
    ReceiverReport,
    ReportBlock,
    RtcpDetail,
    RtcpHeader,
    RtcpPacket,
    RtcpType,
    SenderReport,
    SourceDescription,
)

MAX_COUNT = 31
MAX_BODY_OCTETS = 4 * 0xFFFF


def _uint(value: int, octets: int) -> bytes:
    if not 0 <= value < 1 << 8 * octets:
        raise Malformed(f"{value} does not fit {octets} octets", clause="RFC 3550 §6")
    return value.to_bytes(octets, "big")


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _counted(text: bytes) -> bytes:
    return _uint(len(text), 1) + text


def _report(block: ReportBlock) -> bytes:
    """One report block (RFC 3550 §6.4.1); the cumulative loss is signed."""
    if not -(1 << 23) <= block.cumulative_lost < 1 << 23:
        raise Malformed(f"cumulative loss {block.cumulative_lost}", clause="RFC 3550 §6.4.1")
    head = _uint(block.ssrc, 4) + _uint(block.fraction_lost, 1) + _uint(block.cumulative_lost & 0xFFFFFF, 3)
    rest = (block.highest_sequence, block.jitter, block.last_sr, block.delay_since_last_sr)
    return head + b"".join(_uint(value, 4) for value in rest)


def _sdes(detail: SourceDescription) -> bytes:
    chunks = (
        _uint(chunk.ssrc, 4) + b"".join(_uint(kind, 1) + _counted(text) for kind, text in chunk.items) + b"\0"
        for chunk in detail.chunks
    )
    return b"".join(map(_padded, chunks))


def _count_and_body(ssrc: int, detail: RtcpDetail) -> tuple[int, bytes]:
    if isinstance(detail, SenderReport):
        words = (detail.rtp_timestamp, detail.packets, detail.octets)
        info = _uint(ssrc, 4) + _uint(detail.ntp_timestamp, 8) + b"".join(_uint(word, 4) for word in words)
        return len(detail.reports), info + b"".join(map(_report, detail.reports))
    if isinstance(detail, ReceiverReport):
        return len(detail.reports), _uint(ssrc, 4) + b"".join(map(_report, detail.reports))
    if isinstance(detail, SourceDescription):
        return len(detail.chunks), _sdes(detail)
    if isinstance(detail, Bye):
        reason = b"" if detail.reason is None else _padded(_counted(detail.reason))
        return len(detail.sources), b"".join(_uint(source, 4) for source in detail.sources) + reason
    return 0, _uint(ssrc, 4) + _app(detail)


def _app(detail: App) -> bytes:
    if len(detail.name) != 4 or len(detail.data) % 4:
        raise Malformed("APP has a name of 4 octets and data in whole words", clause="RFC 3550 §6.7")
    return detail.name + detail.data


_TYPES: dict[type[RtcpDetail], RtcpType] = {
    SenderReport: RtcpType.SR,
    ReceiverReport: RtcpType.RR,
    SourceDescription: RtcpType.SDES,
    Bye: RtcpType.BYE,
    App: RtcpType.APP,
}


def make_rtcp(ssrc: int, detail: RtcpDetail, *, count: int | None = None) -> RtcpPacket:
    """A packet from its detail, without padding; `count` is what the detail lists, and the subtype of an APP.

    `ssrc` is the sender's, and not used for SDES and BYE. Raises `Malformed` where a value does not fit.
    """
    listed, body = _count_and_body(ssrc, detail)
    count = listed if count is None else count
    if not 0 <= count <= MAX_COUNT or len(body) > MAX_BODY_OCTETS:
        raise Malformed(f"count {count} or {len(body)} octets do not fit", clause="RFC 3550 §6.4.1")
    return RtcpPacket(RtcpHeader(False, count, _TYPES[type(detail)], len(body) // 4), body, detail)

# SPDX-License-Identifier: GPL-2.0-only
"""Media that came interleaved with RTSP on one connection, as packets beside those of datagrams."""

from collections.abc import Sequence

from analyzer.capture import payload_kind, scan
from analyzer.capture.columns import PacketBatch, Transport, empty_table, table_columns
from analyzer.capture.speed import view_plain
from analyzer.evidence.connections import StreamMedia

CHANNEL_SHIFT = 16  # a source port carries the channel, counted from 1, above its own 16 bits


def build_media_batch(media: Sequence[StreamMedia], beside: PacketBatch | None) -> PacketBatch:
    """One row for each interleaved frame, classified as a datagram's payload would be; octets in the batch's side.

    The source port holds the channel too, so that channels of one connection are flows of their own.
    """
    table = empty_table(len(media))
    cells = view_plain(table)
    side = bytearray()
    for row, (_, packet) in enumerate(media):
        payload_kind.peel_payload(packet.data, 0, len(packet.data), cells, row)
        cells[scan.C_FRAME, row], cells[scan.C_TIMESTAMP_NS, row] = packet.frame, packet.timestamp_ns
        cells[scan.C_TRANSPORT, row] = int(Transport.UDP)
        cells[scan.C_PAYLOAD_OFFSET, row] = cells[scan.C_HEADER_OFFSET, row] = -1 - len(side)
        cells[scan.C_PAYLOAD_OCTETS, row] = cells[scan.C_WIRE_OCTETS, row] = len(packet.data)
        side += packet.data
    columns = table_columns(table, len(media))
    for row, (way, packet) in enumerate(media):
        columns.src_hi[row], columns.src_lo[row] = way.src_hi, way.src_lo
        columns.dst_hi[row], columns.dst_lo[row] = way.dst_hi, way.dst_lo
        columns.src_port[row] = way.src_port | (packet.channel + 1) << CHANNEL_SHIFT
        columns.dst_port[row] = way.dst_port
    if beside is None:
        return PacketBatch(columns, b"", bytes(side))
    return PacketBatch(columns, beside.buffer, bytes(side), archive=beside.archive)


def split_channel(source_port: int) -> tuple[int, int | None]:
    """A source port and the channel above it, None where the packet came in a datagram."""
    channel = (source_port >> CHANNEL_SHIFT) - 1
    return source_port & 0xFFFF, channel if channel >= 0 else None

# SPDX-License-Identifier: GPL-2.0-only
"""SCTP as far as it carries messages: the common header and DATA chunks (RFC 9260 §3.1, §3.3.1; RFC 8260 §2.1)."""

from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import GrammarError, Malformed

MAX_CHUNKS = 256
END, BEGIN, UNORDERED = 1, 2, 4  # flags of DATA chunks


class ChunkType(IntEnum):
    """Chunks that carry user messages (IANA "SCTP Chunk Types")."""

    data = 0
    i_data = 64


class DataChunk(NamedTuple):
    """A user message, or a piece of one; `message` is the stream sequence number, or the message id of I-DATA."""

    tsn: int
    stream: int
    message: int
    flags: int
    data: bytes

    @property
    def is_whole(self) -> bool:
        """Whether it is not a piece."""
        return self.flags & (BEGIN | END) == BEGIN | END


class SctpPacket(NamedTuple):
    """Ports, verification tag, and the DATA chunks in order; `is_cut` where a chunk could not be read."""

    source_port: int
    destination_port: int
    verification_tag: int
    chunks: tuple[DataChunk, ...]
    is_cut: bool


def parse_sctp(data: bytes) -> SctpPacket:
    """One packet; raises `Truncated`, and keeps the chunks before a bad one."""
    cursor = Cursor(data)
    ports = cursor.u16("source port"), cursor.u16("destination port")
    tag = cursor.u32("verification tag")
    cursor.u32("checksum")
    chunks: list[DataChunk] = []
    try:
        for _ in range(MAX_CHUNKS):
            if cursor.left < 4:
                break
            chunk = _parse_chunk(cursor)
            if chunk is not None:
                chunks.append(chunk)
    except GrammarError:
        return SctpPacket(*ports, tag, tuple(chunks), True)
    return SctpPacket(*ports, tag, tuple(chunks), False)


def _parse_chunk(cursor: Cursor) -> DataChunk | None:
    start = cursor.offset
    kind, flags, length = cursor.u8("chunk type"), cursor.u8("chunk flags"), cursor.u16("chunk length")
    if length < 4:
        raise Malformed("a chunk shorter than its header", offset=start, clause="RFC 9260 §3.2")
    body = cursor.region(length - 4, "chunk")
    cursor.take(min(-length & 3, cursor.left), "padding")
    if kind == ChunkType.data:
        tsn, stream, message = body.u32("TSN"), body.u16("stream"), body.u16("stream sequence number")
        body.u32("payload protocol")
        return DataChunk(tsn, stream, message, flags, body.rest())
    if kind == ChunkType.i_data:
        tsn, stream = body.u32("TSN"), body.u16("stream")
        body.u16("reserved")
        message = body.u32("message id")
        body.u32("payload protocol or fragment number")
        return DataChunk(tsn, stream, message, flags, body.rest())
    return None

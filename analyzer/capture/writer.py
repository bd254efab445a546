# SPDX-License-Identifier: GPL-2.0-only
"""Writing pcapng: one section, one interface, nanosecond times, a comment wherever one is needed."""

import struct
from typing import BinaryIO

from analyzer import __version__

SECTION_HEADER_BLOCK = 0x0A0D0D0A
INTERFACE_DESCRIPTION_BLOCK = 1
INTERFACE_STATISTICS_BLOCK = 5
ENHANCED_PACKET_BLOCK = 6
OPT_COMMENT = 1
SHB_USERAPPL = 4
IF_TSRESOL = 9
ISB_OSDROP = 7
LINKTYPE_ETHERNET = 1
NANOSECONDS = bytes([9])
PACKET_BLOCK = struct.Struct("<IIIIIII")  # type, length, interface, time (two halves), captured and whole octets


class PcapngWriter:
    """Writes packets of one link type to a binary stream; the same calls give the same octets."""

    def __init__(self, stream: BinaryIO, link_type: int = LINKTYPE_ETHERNET, comment: str = "") -> None:
        self._stream = stream
        options = [(OPT_COMMENT, comment.encode())] if comment else []
        options.append((SHB_USERAPPL, f"srtp-audit {__version__}".encode()))
        self._write_block(SECTION_HEADER_BLOCK, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(options))
        description = struct.pack("<HHI", link_type, 0, 0) + _options([(IF_TSRESOL, NANOSECONDS)])
        self._write_block(INTERFACE_DESCRIPTION_BLOCK, description)

    def write(self, timestamp_ns: int, data: bytes, comment: str = "", original_octets: int | None = None) -> None:
        """Add one packet; `original_octets` is its length on the wire where the capture cut it."""
        whole = len(data) if original_octets is None else original_octets
        options = _options([(OPT_COMMENT, comment.encode())]) if comment else b""
        padding = bytes(-len(data) % 4)
        length = PACKET_BLOCK.size + len(data) + len(padding) + len(options) + 4
        high, low = timestamp_ns >> 32, timestamp_ns & 0xFFFFFFFF
        head = PACKET_BLOCK.pack(ENHANCED_PACKET_BLOCK, length, 0, high, low, len(data), whole)
        self._stream.write(b"".join((head, data, padding, options, length.to_bytes(4, "little"))))

    def write_statistics(self, timestamp_ns: int, dropped: int) -> None:
        """Say how many packets the system dropped on the interface until `timestamp_ns`."""
        head = struct.pack("<III", 0, timestamp_ns >> 32, timestamp_ns & 0xFFFFFFFF)
        options = _options([(ISB_OSDROP, struct.pack("<Q", dropped))])
        self._write_block(INTERFACE_STATISTICS_BLOCK, head + options)

    def _write_block(self, block_type: int, body: bytes) -> None:
        length = struct.pack("<I", len(body) + 12)
        self._stream.write(struct.pack("<I", block_type) + length + body + length)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(options: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return body + struct.pack("<HH", 0, 0)

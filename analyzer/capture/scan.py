# SPDX-License-Identifier: GPL-2.0-only
"""The cells that the passes over a capture share: where a scan stands, what it fills in; and octets as numbers.

Runs at two speeds (`speed.py`), as all that uses it does.
"""

from analyzer.capture.columns import Octets

State = Octets  # int64 cells, indexed by the names below
S_OFFSET, S_END, S_FRAME, S_ROWS, S_CAPACITY, S_STATUS = 0, 1, 2, 3, 4, 5
S_BIG, S_LINK, S_SCALE, S_HEADER, S_LIMIT, S_INTERFACES, S_COMMENT = 6, 7, 8, 9, 10, 11, 12
STATE_CELLS = 13

END, FULL, SHORT, DAMAGED, BLOCK, COMMENT = 0, 1, 2, 3, 4, 5  # why a scan stopped

I_LINK, I_MULTIPLIER, I_DIVISOR, I_SHIFT, I_OFFSET, I_SNAPLEN = 0, 1, 2, 3, 4, 5
INTERFACE_CELLS = 6

# the fields of columns.Columns, in order
C_FRAME, C_TIMESTAMP_NS, C_SRC_HI, C_SRC_LO, C_DST_HI, C_DST_LO = 0, 1, 2, 3, 4, 5
C_SRC_PORT, C_DST_PORT, C_TRANSPORT, C_KIND, C_FLAGS, C_TOS = 6, 7, 8, 9, 10, 11
C_DETAIL, C_HEADER_OFFSET, C_PAYLOAD_OFFSET, C_PAYLOAD_OCTETS, C_WIRE_OCTETS, C_SSRC = 12, 13, 14, 15, 16, 17
C_SEQ, C_RTP_TIMESTAMP, C_PAYLOAD_TYPE, C_MARKER, C_HEADER_OCTETS = 18, 19, 20, 21, 22
COLUMNS = 23
UDP_LITE = 136  # `detail` of a row of transport UDP

UNREAD_LINK, NOT_IP, BROKEN, FRAGMENT, OTHER, CONTROL, TCP, UDP = 0, 1, 2, 3, 4, 5, 6, 17  # columns.Transport
UNKNOWN, EMPTY, RTP_LIKE, RTCP_LIKE, STUN, DTLS, ZRTP, SIP_LIKE, TURN_CHANNEL = 0, 1, 2, 3, 4, 5, 6, 7, 8
SNAPPED, NO_TIME = 1, 2  # columns.Flag

MAX_TIME_NS = 1 << 62


def read16(buf: Octets, at: int) -> int:
    """Two octets, network order; by arithmetic, as shifts of an octet are unsigned in Numba and mix badly."""
    return buf[at] * 256 + buf[at + 1]  # type: ignore[no-any-return]


def read32(buf: Octets, at: int) -> int:
    """Four octets, network order."""
    return buf[at] * 16777216 + buf[at + 1] * 65536 + buf[at + 2] * 256 + buf[at + 3]  # type: ignore[no-any-return]


def signed64(high: int, low: int) -> int:
    """Two 32-bit halves as the 64-bit cell that holds them, without passing 2⁶³."""
    return ((high - ((high & 0x80000000) << 1)) << 32) | low


def file32(buf: Octets, at: int, big: int) -> int:
    """Four octets in the file's order."""
    if big:
        return read32(buf, at)
    return buf[at] + buf[at + 1] * 256 + buf[at + 2] * 65536 + buf[at + 3] * 16777216  # type: ignore[no-any-return]


def file16(buf: Octets, at: int, big: int) -> int:
    """Two octets in the file's order."""
    return read16(buf, at) if big else buf[at] + buf[at + 1] * 256

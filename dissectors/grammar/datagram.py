# SPDX-License-Identifier: GPL-2.0-only
"""What a UDP datagram on a media port is, by its first octets (RFC 7983 §7; RFC 5761 §4; RFC 6189 §5)."""

from enum import Enum

from dissectors.grammar.dtls import is_dtls
from dissectors.grammar.rtcp import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from dissectors.grammar.rtp import FIXED_HEADER_OCTETS
from dissectors.grammar.stun import is_channel_data, is_stun
from dissectors.grammar.zrtp import is_zrtp

RTCP_MIN_OCTETS = 4


class DatagramKind(Enum):
    """What shares a media port."""

    RTP = "rtp"
    RTCP = "rtcp"
    STUN = "stun"
    TURN_CHANNEL = "turn-channel"
    DTLS = "dtls"
    ZRTP = "zrtp"
    UNKNOWN = "unknown"


def classify_datagram(data: bytes) -> DatagramKind:
    """The kind of a datagram; RTP and RTCP cover their secure forms too, whose first octets are the same."""
    if len(data) < RTCP_MIN_OCTETS:
        return DatagramKind.UNKNOWN
    first = data[0]
    if 128 <= first <= 191:
        return _rtp_or_rtcp(data)
    if 20 <= first <= 63:
        return DatagramKind.DTLS if is_dtls(data) else DatagramKind.UNKNOWN
    if 16 <= first <= 19:
        return DatagramKind.ZRTP if is_zrtp(data) else DatagramKind.UNKNOWN
    if first <= 3:
        return DatagramKind.STUN if is_stun(data) else DatagramKind.UNKNOWN
    return DatagramKind.TURN_CHANNEL if is_channel_data(data) else DatagramKind.UNKNOWN


def _rtp_or_rtcp(data: bytes) -> DatagramKind:
    if FIRST_RTCP_TYPE <= data[1] <= LAST_RTCP_TYPE:
        return DatagramKind.RTCP
    header_octets = FIXED_HEADER_OCTETS + 4 * (data[0] & 0x0F)
    return DatagramKind.RTP if len(data) >= header_octets else DatagramKind.UNKNOWN

# SPDX-License-Identifier: GPL-2.0-only
"""What a UDP payload is, by its first octets: a prefilter that would rather say yes.

Runs as plain Python and compiled (`speed.py`), within the limits that `records.py` names. Follows RFC 7983, RFC 5761
and RFC 3550 §5.1.
"""

from analyzer.capture.columns import Octets, Table
from analyzer.capture.scan import (
    C_HEADER_OCTETS,
    C_KIND,
    C_MARKER,
    C_PAYLOAD_TYPE,
    C_RTP_TIMESTAMP,
    C_SEQ,
    C_SSRC,
    DTLS,
    EMPTY,
    RTCP_LIKE,
    RTP_LIKE,
    SIP_LIKE,
    STUN,
    TURN_CHANNEL,
    UNKNOWN,
    ZRTP,
    read16,
    read32,
)


def is_token(octet: int) -> bool:
    """Whether an octet may stand in a SIP method (RFC 3261 §25.1 token)."""
    if 48 <= octet <= 57 or 65 <= octet <= 90 or 97 <= octet <= 122:
        return True
    # - . ! % * _ + ` ' ~
    return octet in (45, 46, 33, 37, 42, 95, 43, 96, 39, 126)


def is_blank(octet: int) -> bool:
    """Whether an octet separates the words of a start line, strictly (space) or loosely."""
    return octet == 32 or octet == 9 or 11 <= octet <= 13


def is_sip_version(buf: Octets, at: int, end: int) -> bool:
    """Whether `SIP/` stands here in any case."""
    return (
        end - at >= 4
        and (buf[at] | 32) == 115
        and (buf[at + 1] | 32) == 105
        and (buf[at + 2] | 32) == 112
        and buf[at + 3] == 47
    )


def is_sip_scheme(buf: Octets, at: int, end: int) -> bool:
    """Whether `sip:`, `sips:` or `tel:` stands here in any case."""
    if end - at < 4:
        return False
    first = buf[at] | 32
    second = buf[at + 1] | 32
    third = buf[at + 2] | 32
    if first == 116:
        return second == 101 and third == 108 and buf[at + 3] == 58  # type: ignore[no-any-return]
    if first != 115 or second != 105 or third != 112:
        return False
    return buf[at + 3] == 58 or (end - at >= 5 and (buf[at + 3] | 32) == 115 and buf[at + 4] == 58)


def looks_like_sip(buf: Octets, at: int, end: int) -> bool:
    """A start line of RFC 3261 §7.1/§7.2, after any blank lines: a prefilter that would rather say yes."""
    while at < end and (buf[at] == 13 or buf[at] == 10):
        at += 1
    if is_sip_version(buf, at, end):
        return True
    space = at
    while space < end and is_token(buf[space] | 0):
        space += 1
    if space == at or space >= end or not is_blank(buf[space] | 0):
        return False
    while space < end and is_blank(buf[space] | 0):
        space += 1
    if is_sip_scheme(buf, space, end):
        return True
    while space < end and buf[space] != 10:
        if is_blank(buf[space] | 0) and is_sip_version(buf, space + 1, end):
            return True
        space += 1
    return False


def classify_binary(buf: Octets, at: int, end: int) -> int:
    """The kind of a payload that isn't text, by its first octets (RFC 7983 §7, RFC 5761 §4, RFC 6189 §5)."""
    octets = end - at
    first = buf[at]
    if first >= 128:
        if first > 191 or octets < 8:
            return UNKNOWN
        if 192 <= buf[at + 1] <= 223:
            return RTCP_LIKE
        return RTP_LIKE if octets >= 12 else UNKNOWN
    if first < 4:
        return STUN if octets >= 20 and read32(buf, at + 4) == 0x2112A442 else UNKNOWN
    if first == 16:
        return ZRTP if octets >= 12 and read32(buf, at + 4) == 0x5A525450 else UNKNOWN
    if 20 <= first <= 25:
        return DTLS if octets >= 13 and buf[at + 1] == 254 else UNKNOWN
    if first == 38 or first == 46:
        header = 4 if first == 38 else 5
        record = read16(buf, at + header - 2) if octets >= header else 0
        return DTLS if record >= 17 and header + record <= octets else UNKNOWN
    if 64 <= first <= 79:
        padding = octets - 4 - read16(buf, at + 2) if octets >= 4 else -1  # RFC 8656 §12.5: none needed over UDP
        return TURN_CHANNEL if 0 <= padding < 4 else UNKNOWN
    return UNKNOWN


def rtp_header_octets(buf: Octets, at: int, end: int) -> int:
    """Fixed header, CSRC list and extension together (RFC 3550 §5.1, §5.3.1); 0 where they run past the end."""
    header = 12 + 4 * (buf[at] & 15)
    if buf[at] & 16:
        if end - at < header + 4:
            return 0
        header += 4 + 4 * read16(buf, at + header + 2)
    return header if header <= end - at else 0


def peel_payload(buf: Octets, at: int, end: int, cols: Table, n: int) -> None:
    """Classify a UDP payload and, for RTP and RTCP, note its header."""
    if at >= end:
        cols[C_KIND, n] = EMPTY
        return
    kind = UNKNOWN
    if buf[at] < 128:
        kind = SIP_LIKE if looks_like_sip(buf, at, end) else classify_binary(buf, at, end)
    else:
        kind = classify_binary(buf, at, end)
    cols[C_KIND, n] = kind
    if kind == RTP_LIKE:
        cols[C_PAYLOAD_TYPE, n] = buf[at + 1] & 127
        cols[C_MARKER, n] = buf[at + 1] // 128
        cols[C_SEQ, n] = read16(buf, at + 2)
        cols[C_RTP_TIMESTAMP, n] = read32(buf, at + 4)
        cols[C_SSRC, n] = read32(buf, at + 8)
        cols[C_HEADER_OCTETS, n] = rtp_header_octets(buf, at, end)
    elif kind == RTCP_LIKE:
        cols[C_PAYLOAD_TYPE, n] = buf[at + 1]
        cols[C_SSRC, n] = read32(buf, at + 4)

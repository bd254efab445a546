# SPDX-License-Identifier: GPL-2.0-only
"""The RTP header, which SRTP leaves in the clear (RFC 3550 §5.1, §5.3.1; RFC 3711 §3.1)."""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed

RTP_VERSION = 2
FIXED_HEADER_OCTETS = 12
MAX_CSRCS = 15
ONE_BYTE_EXTENSION_PROFILE = 0xBEDE
CRYPTEX_PROFILES = (0xC0DE, 0xC2DE)


class RtpHeader(NamedTuple):
    """An RTP header; `extension_data` is the body of the header extension, a multiple of 4 octets (RFC 3550 §5.3.1)."""

    padding: bool = False
    marker: bool = False
    payload_type: int = 0
    sequence_number: int = 0
    timestamp: int = 0
    ssrc: int = 0
    csrc: tuple[int, ...] = ()
    extension_profile: int | None = None
    extension_data: bytes = b""
    version: int = RTP_VERSION

    @property
    def csrc_count(self) -> int:
        """How many contributing sources are listed."""
        return len(self.csrc)

    @property
    def extension(self) -> bool:
        """Whether a header extension follows the CSRC list."""
        return self.extension_profile is not None

    @property
    def header_octets(self) -> int:
        """Where the payload starts, in octets from the start of the packet."""
        extension_octets = 0 if self.extension_profile is None else 4 + len(self.extension_data)
        return FIXED_HEADER_OCTETS + 4 * len(self.csrc) + extension_octets


def parse_rtp_header(data: bytes) -> RtpHeader:
    """The header at the start of `data`; raises `Malformed` for another version and `Truncated` (RFC 3550 §5.1)."""
    cursor = Cursor(data)
    first, second = cursor.u8("RTP header"), cursor.u8("RTP header")
    if first >> 6 != RTP_VERSION:
        msg = f"RTP version {first >> 6}, not {RTP_VERSION}"
        raise Malformed(msg, offset=0, clause="RFC 3550 §5.1")
    sequence_number, timestamp, ssrc = cursor.u16("RTP header"), cursor.u32("RTP header"), cursor.u32("RTP header")
    csrc = tuple(cursor.u32("CSRC") for _ in range(first & 0x0F))
    profile, extension_data = None, b""
    if first & 0x10:
        profile = cursor.u16("header extension")
        extension_data = cursor.take(4 * cursor.u16("header extension"), "header extension")
    return RtpHeader(
        padding=bool(first & 0x20),
        marker=bool(second & 0x80),
        payload_type=second & 0x7F,
        sequence_number=sequence_number,
        timestamp=timestamp,
        ssrc=ssrc,
        csrc=csrc,
        extension_profile=profile,
        extension_data=extension_data,
    )


def rtp_header_octets(data: bytes) -> int | None:
    """Where the payload starts, as `parse_rtp_header` would say; None where it would raise."""
    if len(data) < FIXED_HEADER_OCTETS or data[0] >> 6 != RTP_VERSION:
        return None
    octets = FIXED_HEADER_OCTETS + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < octets + 4:
            return None
        octets += 4 + 4 * int.from_bytes(data[octets + 2 : octets + 4], "big")
    return octets if octets <= len(data) else None


def build_rtp_header(header: RtpHeader) -> bytes:
    """The octets of `header`; raises `Malformed` where a field does not fit its width."""
    if len(header.csrc) > MAX_CSRCS or len(header.extension_data) % 4 or len(header.extension_data) > 4 * 0xFFFF:
        raise Malformed("CSRC count or extension length does not fit", clause="RFC 3550 §5.1")
    if not 0 <= header.payload_type <= 0x7F:
        msg = f"payload type {header.payload_type}"
        raise Malformed(msg, clause="RFC 3550 §5.1")
    first = header.version << 6 | header.padding << 5 | header.extension << 4 | len(header.csrc)
    second = header.marker << 7 | header.payload_type
    try:
        fixed = bytes((first, second)) + header.sequence_number.to_bytes(2, "big") + header.timestamp.to_bytes(4, "big")
        out = fixed + b"".join(source.to_bytes(4, "big") for source in (header.ssrc, *header.csrc))
        if header.extension_profile is None:
            return out
        words = len(header.extension_data) // 4
        return out + header.extension_profile.to_bytes(2, "big") + words.to_bytes(2, "big") + header.extension_data
    except (OverflowError, ValueError) as error:
        msg = f"a field does not fit its width: {error}"
        raise Malformed(msg, clause="RFC 3550 §5.1") from error


def padding_octets(payload: bytes) -> int | None:
    """The padding count in the last octet of a clear payload with the P bit, or None if it can't be one (§5.1)."""
    count = payload[-1] if payload else 0
    return count if 0 < count <= len(payload) else None

# SPDX-License-Identifier: GPL-2.0-only
"""RTP headers that are encrypted in part: chosen extension elements (RFC 6904), or CSRCs and extension (RFC 9335)."""

from typing import NamedTuple

import numpy as np

from analyzer.srtp.context import Session
from analyzer.srtp.keystream import Octets, counter_mode_start, keystream
from analyzer.srtp.suites import Cipher
from dissectors.grammar.rtp import (
    CRYPTEX_PROFILES,
    FIXED_HEADER_OCTETS,
    ONE_BYTE_EXTENSION_PROFILE,
    parse_rtp_header,
)
from dissectors.grammar.rtp_extensions import TWO_BYTE_EXTENSION_PROFILE, parse_extension_elements

EXTENSION_HEADER_OCTETS = 4
CRYPTEX_OF = dict(zip((ONE_BYTE_EXTENSION_PROFILE, TWO_BYTE_EXTENSION_PROFILE), CRYPTEX_PROFILES, strict=True))
CLEAR_OF_CRYPTEX = {cryptex: clear for clear, cryptex in CRYPTEX_OF.items()}


class PacketParts(NamedTuple):
    """What of a packet stays clear, and what is encrypted: with Cryptex the latter starts with so many CSRC octets."""

    associated: bytes
    csrc_octets: int
    protected: bytes


def rtp_start(session: Session, header: bytes, ssrc: int, index: int) -> Octets:
    """The counter block or IV of one SRTP packet (RFC 3711 §4.1.1, §4.1.2.2)."""
    if session.suite.cipher is Cipher.AES_F8:
        return np.frombuffer(b"\0" + header[1:12] + (index >> 16).to_bytes(4, "big"), dtype=np.uint8)[None, :]
    return counter_mode_start(session, np.array([ssrc], np.uint64), np.array([index], np.uint64))


def crypt(data: bytes, session: Session, start: Octets) -> bytes:
    """`data` XOR the keystream from `start`: encrypts and decrypts."""
    if not data:
        return b""
    clear: Octets = np.frombuffer(data, dtype=np.uint8) ^ keystream(session, start, len(data))[0]
    return clear.tobytes()


def crypt_extensions(header: bytes, session: Session, index: int, ids: frozenset[int]) -> bytes:
    """The header with the data of those extension elements encrypted or decrypted (RFC 6904 §3).

    `session` holds the header keys; `header` is a whole RTP header and nothing more.
    """
    read = parse_rtp_header(header)
    if read.extension_profile is None or session.suite.cipher is Cipher.NULL:
        return header
    chosen = [one for one in parse_extension_elements(read.extension_profile, read.extension_data) if one.id in ids]
    if not chosen:
        return header
    body = bytearray(read.extension_data)
    turned = crypt(read.extension_data, session, rtp_start(session, header, read.ssrc, index))
    for element in chosen:
        body[element.start : element.stop] = turned[element.start : element.stop]
    return header[: len(header) - len(body)] + bytes(body)


def is_cryptex(header: bytes) -> bool:
    """Whether a whole RTP header says that the packet is protected with Cryptex (RFC 9335 §5.1)."""
    csrc_octets = 4 * (header[0] & 0x0F)
    place = FIXED_HEADER_OCTETS + csrc_octets
    return bool(header[0] & 0x10) and int.from_bytes(header[place : place + 2], "big") in CRYPTEX_PROFILES


def split_cryptex(packet: bytes) -> PacketParts:
    """The parts of a packet with CSRCs, a header extension and a payload (RFC 9335 §6.1, §6.2)."""
    csrc_octets = 4 * (packet[0] & 0x0F)
    place = FIXED_HEADER_OCTETS + csrc_octets
    body = place + EXTENSION_HEADER_OCTETS
    associated = packet[:FIXED_HEADER_OCTETS] + packet[place:body]
    return PacketParts(associated, csrc_octets, packet[FIXED_HEADER_OCTETS:place] + packet[body:])


def join_parts(parts: PacketParts, profile: int | None = None) -> bytes:
    """The packet again; `profile` is written over that of its extension."""
    fixed, extension = parts.associated[:FIXED_HEADER_OCTETS], parts.associated[FIXED_HEADER_OCTETS:]
    if profile is not None:
        extension = profile.to_bytes(2, "big") + extension[2:]
    return fixed + parts.protected[: parts.csrc_octets] + extension + parts.protected[parts.csrc_octets :]

# SPDX-License-Identifier: GPL-2.0-only
"""One packet at a time: protect and unprotect SRTP and SRTCP (RFC 3711 §3.3, §3.4; RFC 7714 §8, §9)."""

import numpy as np

from analyzer.srtp.context import KeySchedule, Session, SrtpContext
from analyzer.srtp.header_protection import (
    CLEAR_OF_CRYPTEX,
    CRYPTEX_OF,
    PacketParts,
    crypt,
    crypt_extensions,
    is_cryptex,
    join_parts,
    rtp_start,
    split_cryptex,
)
from analyzer.srtp.index import MAX_ROC
from analyzer.srtp.kdf import Usage
from analyzer.srtp.keystream import BLOCK_OCTETS, Octets, counter_mode_start
from analyzer.srtp.rcc_tags import rcc_tag
from analyzer.srtp.suites import Cipher, SrtpError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtcp import SRTCP_CLEAR_OCTETS, is_clear_rtcp, parse_srtcp
from dissectors.grammar.rtp import FIXED_HEADER_OCTETS, parse_rtp_header

MAX_SRTCP_INDEX = (1 << 31) - 1


class AuthenticationError(SrtpError):
    """The tag of a packet does not verify."""


@dataclass(frozen=True, slots=True)
class OpenedRtcp:
    """A clear compound out of an SRTCP packet: its index, whether it was encrypted, which key and tag fitted."""

    packet: bytes
    index: int
    encrypted: bool
    key_number: int
    tag_octets: int
    deviant: bool = False  # counter blocks of libsrtp before 1.6 and 2.1 with OpenSSL and AES-256


def _rtcp_start(session: Session, packet: bytes, ssrc: int, word: int) -> Octets:
    if session.suite.cipher is Cipher.AES_F8:
        return np.frombuffer(bytes(4) + word.to_bytes(4, "big") + packet[:SRTCP_CLEAR_OCTETS], np.uint8)[None, :]
    return counter_mode_start(session, np.array([ssrc], np.uint64), np.array([word & MAX_SRTCP_INDEX], np.uint64))


def _packet_index(roc: int, sequence_number: int) -> int:
    if not 0 <= roc <= MAX_ROC:
        msg = f"rollover counter {roc}"
        raise SrtpError(msg)
    return roc << 16 | sequence_number


def protect_rtp(packet: bytes, context: SrtpContext, roc: int = 0, key_number: int = 0) -> bytes:
    """The SRTP packet for a clear RTP packet; raises `GrammarError` for a bad header (RFC 3711 §3.3)."""
    header = parse_rtp_header(packet)
    index = _packet_index(roc, header.sequence_number)
    schedule = KeySchedule(context, Usage.SRTP)
    session, mki = schedule.session(key_number, index), context.keys[key_number].mki
    profile = CRYPTEX_OF.get(header.extension_profile or 0) if context.cryptex else None
    if profile is not None:
        marked = join_parts(split_cryptex(packet), profile)
        parts = split_cryptex(marked)
    else:
        clear = packet[: header.header_octets]
        if context.encrypted_extensions:
            keys = schedule.header_session(key_number, index)
            clear = crypt_extensions(clear, keys, index, context.encrypted_extensions)
        parts = PacketParts(clear, 0, packet[header.header_octets :])
    if context.suite.aead:
        sealed = session.aead.encrypt(session.aead_nonce(header.ssrc, index), parts.protected, parts.associated)
        return join_parts(parts._replace(protected=sealed)) + mki + _rcc_tag(b"", session, index, context)
    if schedule.encrypts:
        start = rtp_start(session, packet, header.ssrc, index)
        parts = parts._replace(protected=crypt(parts.protected, session, start))
    whole = join_parts(parts)
    if context.rcc_mode:
        return whole + mki + _rcc_tag(whole, session, index, context)
    return whole + mki + session.tag(whole, roc.to_bytes(4, "big"))[: context.srtp_tag_octets]


def _rcc_tag(packet: bytes, session: Session, index: int, context: SrtpContext) -> bytes:
    if not context.rcc_mode:
        return b""
    return rcc_tag(session, packet, index >> 16, index & 0xFFFF, context)


def unprotect_rtp(packet: bytes, context: SrtpContext, roc: int = 0, key_number: int = 0) -> bytes:
    """The clear RTP packet; raises `AuthenticationError`, or `GrammarError` where header and trailer don't fit.

    Packets of RFC 4771 are opened as a stream (`open_stream`): `SrtpError`.
    """
    if context.rcc_mode:
        raise SrtpError("packets that carry the rollover counter are opened as a stream")
    header = parse_rtp_header(packet)
    index = _packet_index(roc, header.sequence_number)
    schedule = KeySchedule(context, Usage.SRTP)
    tag_octets = 0 if context.suite.aead else context.srtp_tag_octets
    whole = packet[: max(len(packet) - context.mki_octets - tag_octets, 0)]
    clear = None
    if len(whole) >= header.header_octets and (
        context.suite.aead or _verifies(packet, whole, schedule.session(key_number, index), roc, tag_octets)
    ):
        clear = open_verified(whole, header.header_octets, schedule, key_number, index)
    if clear is None:
        raise AuthenticationError("the tag does not verify")
    return clear


def _verifies(packet: bytes, whole: bytes, session: Session, roc: int, tag_octets: int) -> bool:
    return session.tag(whole, roc.to_bytes(4, "big"))[:tag_octets] == packet[len(packet) - tag_octets :]


def open_verified(
    packet: bytes, header_octets: int, schedule: KeySchedule, key_number: int, index: int
) -> bytes | None:
    """The clear packet for an SRTP packet without MKI and HMAC tag; None where an AEAD tag does not verify."""
    context, session = schedule.context, schedule.session(key_number, index)
    ssrc = int.from_bytes(packet[8:12], "big")
    cryptex = is_cryptex(packet[:header_octets])
    parts = split_cryptex(packet) if cryptex else PacketParts(packet[:header_octets], 0, packet[header_octets:])
    clear: bytes | None = parts.protected
    if context.suite.aead:
        clear = session.open_aead(session.aead_nonce(ssrc, index), parts.protected, parts.associated)
    elif schedule.encrypts:
        clear = crypt(parts.protected, session, rtp_start(session, packet, ssrc, index))
    if clear is None:
        return None
    if cryptex:
        profile = CLEAR_OF_CRYPTEX[int.from_bytes(parts.associated[FIXED_HEADER_OCTETS:][:2], "big")]
        return join_parts(parts._replace(protected=clear), profile)
    header = parts.associated
    if context.encrypted_extensions:
        header = crypt_extensions(
            header, schedule.header_session(key_number, index), index, context.encrypted_extensions
        )
    return header + clear


def protect_rtcp(packet: bytes, context: SrtpContext, index: int, key_number: int = 0) -> bytes:
    """The SRTCP packet for a clear compound of at least eight octets (RFC 3711 §3.4, RFC 7714 §9)."""
    if not 0 <= index <= MAX_SRTCP_INDEX or len(packet) < SRTCP_CLEAR_OCTETS:
        msg = f"SRTCP index {index}, {len(packet)} octets"
        raise SrtpError(msg)
    schedule = KeySchedule(context, Usage.SRTCP)
    session, mki = schedule.session(key_number, index), context.keys[key_number].mki
    ssrc = int.from_bytes(packet[4:8], "big")
    clear, body = packet[:SRTCP_CLEAR_OCTETS], packet[SRTCP_CLEAR_OCTETS:]
    word = (index | schedule.encrypts << 31).to_bytes(4, "big")
    if context.suite.aead:
        nonce = session.aead_nonce(ssrc, index)
        if schedule.encrypts:
            return clear + session.aead.encrypt(nonce, body, clear + word) + word + mki
        return packet + session.aead.encrypt(nonce, b"", packet + word) + word + mki
    if schedule.encrypts:
        body = crypt(body, session, _rtcp_start(session, packet, ssrc, int.from_bytes(word, "big")))
    return clear + body + word + mki + session.tag(clear, body, word)[: context.srtcp_tag_octets]


def unprotect_rtcp(packet: bytes, context: SrtpContext, key_number: int = 0) -> OpenedRtcp:
    """The clear compound; raises `AuthenticationError`, or `GrammarError` where the packet can't be SRTCP."""
    opened = open_srtcp(packet, KeySchedule(context, Usage.SRTCP), key_number, context.srtcp_tag_octets)
    if opened is None:
        raise AuthenticationError("the tag does not verify")
    return opened


def open_srtcp(packet: bytes, schedule: KeySchedule, key_number: int, tag_octets: int) -> OpenedRtcp | None:
    """The clear compound, or None if the tag of that length does not verify; raises `GrammarError` (RFC 3711 §3.4).

    The E bit in the packet says whether it is encrypted.
    """
    context = schedule.context
    parts = parse_srtcp(packet, tag_octets, context.mki_octets, aead=context.suite.aead)
    session = schedule.session(key_number, parts.index)
    clear, word = packet[:SRTCP_CLEAR_OCTETS], parts.encrypted << 31 | parts.index
    word_octets = word.to_bytes(4, "big")
    if context.suite.aead:
        data = parts.body + parts.tag if parts.encrypted else parts.tag
        associated = clear + word_octets if parts.encrypted else clear + parts.body + word_octets
        body = session.open_aead(session.aead_nonce(parts.ssrc, parts.index), data, associated)
        if body is None:
            return None
        body = body if parts.encrypted else parts.body
    else:
        if session.tag(clear, parts.body, word_octets)[:tag_octets] != parts.tag:
            return None
        body = parts.body
        if parts.encrypted and context.suite.cipher is not Cipher.NULL:
            body = crypt(body, session, _rtcp_start(session, packet, parts.ssrc, word))
            if context.suite.key_octets == 32 and not is_clear_rtcp(clear + body):
                otherwise = _crypt_as_old_libsrtp(parts.body, session, parts.index)
                if is_clear_rtcp(clear + otherwise):
                    return OpenedRtcp(clear + otherwise, parts.index, parts.encrypted, key_number, tag_octets, True)
    return OpenedRtcp(clear + body, parts.index, parts.encrypted, key_number, tag_octets)


def _crypt_as_old_libsrtp(data: bytes, session: Session, index: int) -> bytes:
    """AES-256 SRTCP with the counter of libsrtp before 1.6 and 2.1: no SSRC in it, and the index not shifted."""
    start = int.from_bytes(session.keys.salt.reveal(), "big") << 16 ^ index
    counters = ((start + block) % (1 << 128) for block in range(-(-len(data) // BLOCK_OCTETS)))
    stream = session.encrypt_blocks(b"".join(counter.to_bytes(BLOCK_OCTETS, "big") for counter in counters))
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))

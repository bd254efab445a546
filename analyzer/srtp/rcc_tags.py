# SPDX-License-Identifier: GPL-2.0-only
"""Tags that carry the rollover counter in every R-th packet (RFC 4771 §2, §3)."""

from analyzer.srtp.context import ROC_OCTETS, RccMode, Session, SrtpContext


def carries_roc(sequence_number: int, context: SrtpContext) -> bool:
    """Whether the tag of this packet starts with the rollover counter (§2)."""
    return sequence_number % context.rcc_rate == 0


def rcc_tag_octets(sequence_number: int, context: SrtpContext) -> int:
    """Octets that follow the MKI in this packet."""
    if context.suite.aead:
        return ROC_OCTETS if carries_roc(sequence_number, context) else 0
    whole = carries_roc(sequence_number, context) or context.rcc_mode == RccMode.MODE_2
    return context.srtp_tag_octets if whole else 0


def rcc_tag(session: Session, packet: bytes, roc: int, sequence_number: int, context: SrtpContext) -> bytes:
    """What follows the MKI in this packet: ROC ‖ MAC_tr, a whole MAC, or nothing (§2, §3)."""
    octets, counter = rcc_tag_octets(sequence_number, context), roc.to_bytes(ROC_OCTETS, "big")
    if not carries_roc(sequence_number, context):
        return session.tag(packet, counter)[:octets] if octets else b""
    if context.suite.aead or context.rcc_mode == RccMode.MODE_3:
        return counter
    return counter + session.tag(packet, counter)[: octets - ROC_OCTETS]

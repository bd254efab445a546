# SPDX-License-Identifier: GPL-2.0-only
"""The SRTCP packets beside a stream (RFC 3711 §3.4), and the clear ones that real phones put among them."""

from collections.abc import Sequence
from enum import Enum

from analyzer.srtp.context import KeySchedule, SrtpContext
from analyzer.srtp.kdf import Usage
from analyzer.srtp.transform import OpenedRtcp, open_srtcp
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtcp import SRTCP_CLEAR_OCTETS, is_clear_rtcp

# RFC 4568 §6.2.2 and RFC 5764 §4.1.2 keep 80 bits for SRTCP; baresip, linphone and ffmpeg send 32 with the _32 suites.
SHORT_SRTCP_TAG_OCTETS = 4


class RtcpOutcome(Enum):
    """What became of one RTCP or SRTCP packet."""

    AUTHENTICATED = "authenticated"
    CLEAR = "clear"
    BAD_TAG = "bad-tag"
    NOT_SRTCP = "not-srtcp"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class RtcpOpening:
    """What a context shows of RTCP packets: `outcomes` and `opened` run parallel to them.

    `tag_octets` is the tag length that verified, None if none did; it is the same for all (RFC 3711 §3.4). `deviant`
    counts packets with the counter blocks of an old libsrtp.
    """

    outcomes: tuple[RtcpOutcome, ...]
    opened: tuple[OpenedRtcp | None, ...]
    tag_octets: int | None

    @property
    def deviant(self) -> int:
        """How many packets were encrypted as libsrtp before 1.6 and 2.1 did with AES-256."""
        return sum(1 for found in self.opened if found is not None and found.deviant)

    def count(self, outcome: RtcpOutcome) -> int:
        """How many packets ended so."""
        return self.outcomes.count(outcome)


def open_rtcp(packets: Sequence[bytes], context: SrtpContext, wire_lengths: Sequence[int] | None = None) -> RtcpOpening:
    """Tries every packet as SRTCP, then as clear RTCP; an MKI chooses the key, else each is tried.

    Where not one packet has the suite's tag, the _32 suites are tried with a tag of 4 octets, which most packets must
    have: a lone one was cut. Raises `SrtpError` only for a context that can't be used.
    """
    schedule = KeySchedule(context, Usage.SRTCP)
    whole = [wire_lengths is None or wire_lengths[number] <= len(packet) for number, packet in enumerate(packets)]
    tags = [context.srtcp_tag_octets]
    if context.srtp_tag_octets == SHORT_SRTCP_TAG_OCTETS and context.srtcp_tag is None:
        tags.append(SHORT_SRTCP_TAG_OCTETS)
    opened: tuple[OpenedRtcp | None, ...] = (None,) * len(packets)
    for tag_octets in tags:
        opened = tuple(
            _try_keys(packet, schedule, tag_octets) if complete else None
            for packet, complete in zip(packets, whole, strict=True)
        )
        if any(opened) and (tag_octets == tags[0] or _is_habit(packets, opened)):
            break
        opened = (None,) * len(packets)
    outcomes = tuple(_outcome(*parts) for parts in zip(packets, opened, whole, strict=True))
    return RtcpOpening(outcomes, opened, next((found.tag_octets for found in opened if found), None))


def _is_habit(packets: Sequence[bytes], opened: Sequence[OpenedRtcp | None]) -> bool:
    """Whether at least half of the packets that look like SRTCP open."""
    pairs = zip(packets, opened, strict=True)
    shut = [packet for packet, found in pairs if found is None and _looks_like_srtcp(packet)]
    return sum(found is not None for found in opened) >= sum(not is_clear_rtcp(packet) for packet in shut)


def _outcome(packet: bytes, found: OpenedRtcp | None, whole: bool) -> RtcpOutcome:
    if found is not None:
        return RtcpOutcome.AUTHENTICATED
    if not whole:
        return RtcpOutcome.TRUNCATED
    if is_clear_rtcp(packet):
        return RtcpOutcome.CLEAR
    return RtcpOutcome.BAD_TAG if _looks_like_srtcp(packet) else RtcpOutcome.NOT_SRTCP


def _looks_like_srtcp(packet: bytes) -> bool:
    return len(packet) >= SRTCP_CLEAR_OCTETS and packet[0] >> 6 == 2 and 192 <= packet[1] <= 223


def _try_keys(packet: bytes, schedule: KeySchedule, tag_octets: int) -> OpenedRtcp | None:
    for key_number in _keys(packet, schedule, tag_octets):
        try:
            found = open_srtcp(packet, schedule, key_number, tag_octets)
        except GrammarError:
            return None
        if found is not None:
            return found
    return None


def _keys(packet: bytes, schedule: KeySchedule, tag_octets: int) -> range | tuple[int, ...]:
    mki_octets = schedule.context.mki_octets
    if not mki_octets:
        return range(len(schedule.context.keys))
    end = len(packet) - (0 if schedule.context.suite.aead else tag_octets)
    named = schedule.key_number(packet[max(end - mki_octets, 0) : max(end, 0)])
    return () if named is None else (named,)

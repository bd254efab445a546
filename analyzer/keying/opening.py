# SPDX-License-Identifier: GPL-2.0-only
"""The clear packets of an audited stream: opened with the key that fitted, or clear from the start."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.media_slice import StreamSlice
from analyzer.keying.contexts import candidates_for, context_of, rtcp_contexts
from analyzer.keying.key_ring import KeyRing
from analyzer.model.call import BoundStream, MediaLine
from analyzer.model.evidence import FrameRef, PacketRun
from analyzer.model.keying import Keying, StreamAudit
from analyzer.srtp.columns import PacketColumns
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.parts import PART_PACKETS, open_parts, run_columns
from analyzer.srtp.rtcp import RtcpOutcome, open_rtcp
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.rtcp import is_clear_rtcp
from dissectors.grammar.rtp_extensions import parse_extmap

NOT_OPENED = "no key opens it"
WHY_SHUT = {
    PacketOutcome.NOT_TRIED: NOT_OPENED,
    PacketOutcome.BAD_TAG: "its tag does not verify",
    PacketOutcome.TOO_SHORT: "it is too short for header, MKI and tag",
    PacketOutcome.TRUNCATED: "the capture cut it",
    PacketOutcome.NOT_RTP: "it is no RTP packet",
    PacketOutcome.UNKNOWN_MKI: "its MKI names no key at hand",
}


class ClearPacket(NamedTuple):
    """One clear RTP packet or RTCP compound and where it stood in the capture.

    `shut` says why a packet among others that open did not; its octets are then those of the capture.
    """

    timestamp_ns: int
    frame: int
    source: str
    destination: str
    octets: bytes
    ref: FrameRef
    shut: str = ""


def context_that_opened(
    audit: StreamAudit, keying: Keying, ring: KeyRing, line: MediaLine | None = None
) -> SrtpContext | None:
    """The context whose key the audit found to fit, None where none did; `line` may name encrypted extensions."""
    context = _context(audit, keying, ring)
    if context is None:
        return None
    return replace(context, encrypted_extensions=context.encrypted_extensions | _encrypted_extensions(line))


def _context(audit: StreamAudit, keying: Keying, ring: KeyRing) -> SrtpContext | None:
    """That of the candidate with the audit's key, else that of the keys themselves."""
    key = audit.key
    if key is None:
        suite = suite_by_name(audit.fitting[0].suite) if audit.fitting else None
        return None if suite is None else context_of(suite, audit.fitting)
    for candidate in candidates_for(audit.bound, keying, ring):
        if candidate.key == key:
            return candidate.context
    suite = suite_by_name(key.suite)
    return None if suite is None else context_of(suite, (key,))


def _encrypted_extensions(line: MediaLine | None) -> frozenset[int]:
    """The ids that the answer, or else the offer, maps to encrypted elements (RFC 6904 §4)."""
    side = None if line is None else line.answer or line.offer
    if side is None:
        return frozenset()
    values = (*side.body.session.attribute_values("extmap"), *side.media.attribute_values("extmap"))
    return frozenset(found.id for value in values if (found := parse_extmap(value)) is not None and found.encrypted)


def iter_clear_rtp(audit: StreamAudit, context: SrtpContext | None) -> Iterator[ClearPacket]:
    """Every RTP packet of the stream that opens, and those that were proved clear, in capture order."""
    return (packet for packet in iter_stream_packets(audit, context) if not packet.shut)


def iter_stream_packets(audit: StreamAudit, context: SrtpContext | None) -> Iterator[ClearPacket]:
    """Every RTP packet of a stream of which some are clear, in capture order; what stays shut says so.

    The stream is read and opened part by part.
    """
    bound, clear = audit.bound, _clear_flags(audit)
    if not clear.any() and not (context is not None and audit.decrypted):
        return
    waiting: deque[PacketRun] = deque()
    runs = StreamSlice(bound.stream, bound.start, bound.stop).iter_runs(packets=PART_PACKETS)
    if context is None:
        for run in runs:
            yield from _packets_of(run, bound, clear, None)
        return

    def columns() -> Iterator[PacketColumns]:
        for run in runs:
            waiting.append(run)
            yield run_columns(run)

    for opening in open_parts(columns(), context, audit.packets):
        yield from _packets_of(waiting.popleft(), bound, clear, opening)


def _packets_of(
    run: PacketRun, bound: BoundStream, clear: NDArray[np.bool_], opening: StreamOpening | None
) -> Iterator[ClearPacket]:
    source, destination, columns = bound.stream.source, bound.stream.destination, run_columns(run)
    opened = iter(()) if opening is None else opening.clear_packets()
    number, octets = next(opened, (-1, b""))
    times, frames = run.timestamp_ns.tolist(), run.frame.tolist()
    for place, (timestamp_ns, frame) in enumerate(zip(times, frames, strict=True)):
        found, shut = octets, ""
        if place == number:
            number, octets = next(opened, (-1, b""))
        else:
            found = columns.packet(place)
            if not clear[run.first + place]:
                shut = NOT_OPENED if opening is None else WHY_SHUT[PacketOutcome(int(opening.outcome[place]))]
        yield ClearPacket(timestamp_ns, frame, source, destination, found, bound.stream.ref(frame), shut)


def _clear_flags(audit: StreamAudit) -> NDArray[np.bool_]:
    """Which packets are clear as they stand: those proved so, and the rest of a stream that nothing was to protect."""
    size = audit.bound.stop - audit.bound.start
    proved = np.unpackbits(np.frombuffer(audit.clear_map, np.uint8), count=size).astype(np.bool_)
    plain = audit.suite is None and not audit.decrypted and 2 * int(proved.sum()) > size
    return np.ones(size, np.bool_) if plain else proved


def iter_clear_rtcp(bound: BoundStream, keying: Keying, context: SrtpContext | None) -> Iterator[ClearPacket]:
    """Every RTCP compound beside the stream that opens or was sent in the clear, in capture order."""
    for part in bound.rtcp:
        datagrams = [part.flow.payload(index) for index in part.indices]
        contexts = rtcp_contexts(part.flow, keying, () if context is None else (context,))
        for index, octets in zip(part.indices, _clear_compounds(datagrams, contexts), strict=True):
            if octets is not None:
                flow, frame = part.flow, int(part.flow.frame[index])
                time_ns, ref = int(flow.timestamp_ns[index]), flow.ref(frame)
                yield ClearPacket(time_ns, frame, flow.source, flow.destination, octets, ref)


def _clear_compounds(datagrams: Sequence[bytes], contexts: Sequence[SrtpContext]) -> list[bytes | None]:
    if not contexts or not datagrams:
        return [datagram if is_clear_rtcp(datagram) else None for datagram in datagrams]
    openings = [open_rtcp(datagrams, context) for context in contexts]
    opening = max(openings, key=lambda each: each.count(RtcpOutcome.AUTHENTICATED))
    compounds: list[bytes | None] = []
    for datagram, outcome, opened in zip(datagrams, opening.outcomes, opening.opened, strict=True):
        if opened is not None:
            compounds.append(opened.packet)
        else:
            compounds.append(datagram if outcome is RtcpOutcome.CLEAR else None)
    return compounds

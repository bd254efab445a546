# SPDX-License-Identifier: GPL-2.0-only
"""RTCP beside a stream: authenticated, failed, or in the clear."""

from collections.abc import Callable, Sequence

from analyzer.model.call import BoundRtcp
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import RtcpCount
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.rtcp import RtcpOutcome, open_rtcp
from analyzer.srtp.suites import SrtpError
from dissectors.grammar.rtcp import is_clear_rtcp

ContextsOf = Callable[[DatagramFlow], Sequence[SrtpContext]]


def audit_rtcp(flows: Sequence[BoundRtcp], contexts_of: ContextsOf) -> RtcpCount:
    """Counts over all datagrams of `flows`, each under that context of its own that opens most.

    Without a context only clear datagrams are told.
    """
    counts = [_audit_flow(bound, contexts_of(bound.flow)) for bound in flows if bound.indices]
    return RtcpCount(
        packets=sum(count.packets for count in counts),
        authenticated=sum(count.authenticated for count in counts),
        failed=sum(count.failed for count in counts),
        clear=sum(count.clear for count in counts),
        tag_octets=next((count.tag_octets for count in counts if count.tag_octets is not None), None),
    )


def _audit_flow(bound: BoundRtcp, contexts: Sequence[SrtpContext]) -> RtcpCount:
    datagrams = [bound.flow.payload(index) for index in bound.indices]
    best: RtcpCount | None = None
    for context in contexts:
        try:
            opening = open_rtcp(datagrams, context)
        except SrtpError:
            continue
        counted = RtcpCount(
            packets=len(datagrams),
            authenticated=opening.count(RtcpOutcome.AUTHENTICATED),
            failed=opening.count(RtcpOutcome.BAD_TAG),
            clear=opening.count(RtcpOutcome.CLEAR),
            tag_octets=opening.tag_octets,
        )
        if best is None or counted.authenticated > best.authenticated:
            best = counted
    return best or RtcpCount(packets=len(datagrams), clear=sum(map(is_clear_rtcp, datagrams)))

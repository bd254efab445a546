# SPDX-License-Identifier: GPL-2.0-only
"""RTCP beside a stream: authenticated, failed, or in the clear."""

from collections.abc import Sequence

from analyzer.model.call import BoundRtcp
from analyzer.model.keying import RtcpCount
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.rtcp import RtcpOutcome, open_rtcp
from analyzer.srtp.suites import SrtpError
from dissectors.grammar.rtcp import is_clear_rtcp


def audit_rtcp(flows: Sequence[BoundRtcp], contexts: Sequence[SrtpContext]) -> RtcpCount:
    """Counts over all datagrams of `flows` under the context that opens most; without one, only clear ones are told."""
    datagrams = [bound.flow.payload(index) for bound in flows for index in bound.indices]
    if not datagrams:
        return RtcpCount()
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

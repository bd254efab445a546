# SPDX-License-Identifier: GPL-2.0-only
"""RTCP beside a stream: authenticated, failed, or in the clear; and why packets fail beside a stream that opens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from analyzer.model.call import BoundRtcp
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import RtcpCount
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.diagnose import key_trials
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.rtcp import RtcpOpening, RtcpOutcome, open_rtcp
from analyzer.srtp.suites import SrtpError
from dissectors.grammar.defects import Defect
from dissectors.grammar.rtcp import is_clear_rtcp

TAG_OCTETS = (4, 8, 10, 16)
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
        defects=tuple(dict.fromkeys(defect for count in counts for defect in count.defects)),
    )


def _audit_flow(bound: BoundRtcp, contexts: Sequence[SrtpContext]) -> RtcpCount:
    datagrams = [bound.flow.payload(index) for index in bound.indices]
    wire_lengths = [int(bound.flow.wire_octets[index]) for index in bound.indices]
    best: RtcpCount | None = None
    for context in contexts:
        try:
            opening = open_rtcp(datagrams, context, wire_lengths)
        except SrtpError:
            continue
        counted = RtcpCount(
            packets=len(datagrams),
            authenticated=opening.count(RtcpOutcome.AUTHENTICATED),
            failed=opening.count(RtcpOutcome.BAD_TAG),
            clear=opening.count(RtcpOutcome.CLEAR),
            tag_octets=opening.tag_octets,
            defects=tuple(_oddities(opening, context, datagrams)),
        )
        if best is None or counted.authenticated > best.authenticated:
            best = counted
    return best or RtcpCount(packets=len(datagrams), clear=sum(map(is_clear_rtcp, datagrams)))


def _oddities(opening: RtcpOpening, context: SrtpContext, datagrams: Sequence[bytes]) -> Iterator[Defect]:
    """Known faults of peers in packets that authenticate, else why none does although the key was tried."""
    if opening.tag_octets is not None and opening.tag_octets < context.srtcp_tag_octets:
        detail = f"SRTCP tags of {opening.tag_octets} octets where {context.suite.name} has {context.srtcp_tag_octets}"
        yield Defect("srtcp-tag-short", 0, "RFC 3711 §5.2", detail)
    if opening.deviant:
        detail = f"{opening.deviant} SRTCP packets encrypted as libsrtp before 1.6 and 2.1 did with AES-256"
        yield Defect("srtcp-counter-deviant", 0, "RFC 3711 §4.1.1", detail)
    yield from _unlike_agreed(opening, context)
    replays = _replays(opening)
    if replays:
        detail = f"{replays} SRTCP packets repeat the index of an earlier one"
        yield Defect("srtcp-replayed", 0, "RFC 3711 §3.3.2", detail)
    pairs = zip(datagrams, opening.outcomes, strict=True)
    shut = [datagram for datagram, outcome in pairs if outcome is RtcpOutcome.BAD_TAG]
    if shut:
        some = f"{len(shut)} of {len(datagrams)} SRTCP packets do"
        whole = some if opening.count(RtcpOutcome.AUTHENTICATED) else "SRTCP does"
        yield Defect("srtcp-not-authentic", 0, "RFC 3711 §3.4", f"{whole} not authenticate: {_why_shut(shut, context)}")


def _unlike_agreed(opening: RtcpOpening, context: SrtpContext) -> Iterator[Defect]:
    """Packets whose E bit is not the agreed one (RFC 4568 §6.3.2); under a NULL cipher it says nothing."""
    if not context.suite.encrypts:
        return
    wrong = sum(1 for found in opening.opened if found is not None and found.encrypted != context.srtcp_encrypted)
    if wrong and context.srtcp_encrypted:
        detail = f"{wrong} SRTCP packets are authenticated, not encrypted, and no UNENCRYPTED_SRTCP was agreed"
        yield Defect("srtcp-not-encrypted", 0, "RFC 4568 §6.3.2", detail)
    elif wrong:
        detail = f"UNENCRYPTED_SRTCP was agreed, and {wrong} packets are encrypted"
        yield Defect("srtcp-encrypted", 0, "RFC 4568 §6.3.2", detail)


def _replays(opening: RtcpOpening) -> int:
    """How many opened packets have the source and index of an earlier one."""
    places = [(found.packet[4:8], found.index) for found in opening.opened if found is not None]
    return len(places) - len(set(places))


def _why_shut(datagrams: Sequence[bytes], context: SrtpContext) -> str:
    """The first reading under which packets do authenticate."""
    for what, trial in _trials(context):
        try:
            if open_rtcp(datagrams, trial).count(RtcpOutcome.AUTHENTICATED):
                return what
        except SrtpError:
            continue
    return "wrong key or altered packets"


def _trials(context: SrtpContext) -> Iterator[tuple[str, SrtpContext]]:
    if not context.suite.aead:
        for octets in TAG_OCTETS:
            yield f"another tag length ({octets} octets)", replace(context, srtcp_tag=octets)
    if context.mki_octets:
        bare = tuple(StreamKey(key.key, key.salt) for key in context.keys)
        yield "there is no MKI", replace(context, keys=bare)
    literal = replace(context, derivation=KeyDerivation.SP_800_135)
    yield "session keys with labels 16 bits lower, as in NIST SP 800-135", literal
    for reason, detail, trial in key_trials(context):
        yield f"{reason.value} ({detail})", trial

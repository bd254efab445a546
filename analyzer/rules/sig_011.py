# SPDX-License-Identifier: GPL-2.0-only
"""SIG-011: of the security mechanisms that both sides have, not the server's most preferred one was used."""

from collections.abc import Mapping, Sequence

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling, FrameRef
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown, worst_of
from analyzer.rules.sec_agree import Agreement, iter_agreements, read_mechanisms
from analyzer.rules.sig_002 import FROM_AGENT, PROTECTED_TRANSPORTS
from dissectors.grammar.sip_extensions import SecurityMechanism

TLS, DIGEST = "tls", "digest"
_NOTHING = not_applicable("No server listed security mechanisms.")
_CREDENTIALS = ("authorization", "proxy-authorization")
_GUARDS = ("the capture may have been taken where TLS was already taken off",)


def _judge(agreement: Agreement) -> Result | None:
    """What a request shows of the choice; None where the server's list was not seen."""
    if agreement.server is None:
        return None
    refs = (agreement.server.ref, agreement.request.ref)
    if (twice := _equal_preferences(agreement.listed)) is not None:
        return failed(f"The server gives {twice[0]} and {twice[1]} the same preference.", refs)
    known = read_mechanisms(agreement.request, "security-client")
    if known is None and agreement.asked is not None:
        known = read_mechanisms(agreement.asked, "security-client")
    if known is None:
        return unknown("security-client", "What the client supports was not seen.", refs)
    names = {one.name for one in known}
    common = [one for one in agreement.listed if one.name in names]
    if not common:
        return unknown("common-mechanism", "The lists have nothing in common, and the client went on.", refs)
    return _judge_use(max(common, key=lambda one: one.q).name, agreement, refs)


def _judge_use(best: str, agreement: Agreement, refs: tuple[FrameRef, ...]) -> Result:
    """Whether a request uses the mechanism; IPsec leaves no trace in SIP."""
    request = agreement.request
    if best == TLS and request.transport in PROTECTED_TRANSPORTS:
        return passed("The request came over TLS, the most preferred mechanism of both.", refs)
    if best == TLS and request.transport != FROM_AGENT:
        return failed("TLS is the most preferred mechanism of both, and the request came without it.", refs, _GUARDS)
    if best == DIGEST and any(request.sip.header(name) is not None for name in _CREDENTIALS):
        return passed("The request is authenticated by digest, the most preferred mechanism of both.", refs)
    return unknown("mechanism-used", f"Whether {best}, the most preferred mechanism, was used can't be seen.", refs)


def _equal_preferences(listed: Sequence[SecurityMechanism]) -> tuple[str, str] | None:
    by_preference: dict[int, str] = {}
    for one in listed:
        other = by_preference.setdefault(one.q, one.name)
        if other != one.name:
            return other, one.name
    return None


def _check_call(call: Call, _media: tuple[AuditedMedia, ...]) -> Result:
    judged = map(_judge, iter_agreements(call.messages))
    return worst_of((one for one in judged if one is not None), _NOTHING)


def _check_messages(messages: Sequence[AnySignalling]) -> Mapping[FrameRef, Result]:
    judged = ((one.request.ref, _judge(one)) for one in iter_agreements(messages))
    return {ref: result for ref, result in judged if result is not None}


RULE = Rule(
    id="SIG-011",
    title="Preferred security mechanism not used",
    citation="RFC 3329 §2.2, §2.3.1",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Let the client use the common mechanism with the highest q, and the server give each its own q.",
    meaning=Meaning(
        passes="The request uses the mechanism that the server prefers among those of both.",
        fails="Two mechanisms of a server's list have one preference, or TLS was preferred and not used.",
        unknown="What the client supports was not seen, or the mechanism leaves no trace in SIP.",
        not_applicable="No server listed security mechanisms.",
    ),
    check_call=_check_call,
    check_messages=_check_messages,
)

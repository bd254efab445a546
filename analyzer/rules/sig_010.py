# SPDX-License-Identifier: GPL-2.0-only
"""SIG-010: the list of security mechanisms that came back is not the one that the server sent."""

from collections.abc import Mapping, Sequence

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling, FrameRef
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown, worst_of
from analyzer.rules.sec_agree import REFUSED_AGREEMENT, Agreement, iter_agreements

_NOTHING = not_applicable("No request answers a server's list of security mechanisms.")


def _judge(agreement: Agreement) -> Result:
    request = agreement.request.ref
    if agreement.server is None:
        return unknown("security-server", "The list that the server had sent was not seen.", (request,))
    refs = (agreement.server.ref, request)
    if not agreement.is_altered:
        return passed("The client gave back the list that the server sent.", refs)
    if agreement.status is None:
        return unknown("response", "The lists differ; whether the server accepted the request was not seen.", refs)
    if agreement.status >= 300:
        noticed = "noticed it" if agreement.status == REFUSED_AGREEMENT else "refused the request"
        return passed(f"The lists differ, and the server {noticed} ({agreement.status}).", refs)
    what = "no list came back" if agreement.verify is None else "another list came back"
    return failed(f"The server sent a list of security mechanisms, {what}, and the request was accepted.", refs)


def _check_call(call: Call, _media: tuple[AuditedMedia, ...]) -> Result:
    return worst_of(map(_judge, iter_agreements(call.messages)), _NOTHING)


def _check_messages(messages: Sequence[AnySignalling]) -> Mapping[FrameRef, Result]:
    return {one.request.ref: _judge(one) for one in iter_agreements(messages)}


RULE = Rule(
    id="SIG-010",
    title="List of security mechanisms altered",
    citation="RFC 3329 §2.3.1",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Find the element that rewrites Security-Server or Security-Verify; let the server refuse with 494 what"
    " is not its own list.",
    meaning=Meaning(
        passes="Security-Verify repeats Security-Server, or the server refused the request where it does not.",
        fails="A request was accepted although its Security-Verify is not the server's list, or, where it requires an"
        " agreement, is missing.",
        unknown="The server's list, or its response to the altered one, was not seen.",
        not_applicable="No security agreement of RFC 3329 was made.",
    ),
    check_call=_check_call,
    check_messages=_check_messages,
)

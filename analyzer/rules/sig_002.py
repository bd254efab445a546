# SPDX-License-Identifier: GPL-2.0-only
"""SIG-002: an SDES master key crossed the wire in readable signalling."""

import re

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling, SignallingMessage
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown

PROTECTED_TRANSPORTS = frozenset(("TLS", "WSS"))
FROM_AGENT = "HEP"  # a stream transport, with or without TLS, as a capture agent tells it
_CRYPTO = re.compile(rb"a=crypto:(?<=[\r\n]a=crypto:)[^\r\n]*(?i:inline:)")
_CAPABILITY = re.compile(rb"a=acap:(?<=[\r\n]a=acap:)[0-9]+[ \t]+crypto:[^\r\n]*(?i:inline:)")
_NO_KEY = not_applicable("No SDES key was sent.")


def _carries_key(message: AnySignalling) -> bool:
    sip = message.text
    if sip.body_end <= sip.body_offset:
        return False
    if _names_key(sip.raw, sip.body_offset, sip.body_end):
        return True
    described = message.sip.sdp() if isinstance(message, SignallingMessage) else None
    return described is not None and described.is_coded and _names_key(described.content, 0, len(described.content))


def _names_key(octets: bytes, start: int, stop: int) -> bool:
    return _CRYPTO.search(octets, start, stop) is not None or _CAPABILITY.search(octets, start, stop) is not None


def _judge(carriers: list[AnySignalling]) -> Result:
    clear = [message.ref for message in carriers if message.transport not in (*PROTECTED_TRANSPORTS, FROM_AGENT)]
    told = [message.ref for message in carriers if message.transport == FROM_AGENT]
    if told and not clear:
        why = "A capture agent sent the messages that carry keys; whether TLS protected them it does not say."
        return unknown("transport-unknown", why, tuple(told))
    if not clear:
        return passed("SDES keys were sent inside protected signalling only.", tuple(one.ref for one in carriers))
    return failed(
        f"The SRTP master key can be read in {len(clear)} message(s): whoever sees them can decrypt the call,"
        " and so can whoever holds this capture.",
        tuple(clear),
        ("the capture may have been taken inside a trusted host, where signalling is not yet encrypted",),
    )


def _check_call(call: Call, media: tuple[AuditedMedia, ...]) -> Result:
    carriers = [one for one in call.messages.carriers if _carries_key(one)]
    if carriers:
        return _judge(carriers)
    if not call.exchanges or any(line.line.offer is None for line in media):
        return unknown("signalling-unseen", "Not every offer was seen; the ones that were seen carry no SDES key.")
    return _NO_KEY


def _check_message(message: AnySignalling) -> Result:
    return _judge([message]) if _carries_key(message) else _NO_KEY


RULE = Rule(
    id="SIG-002",
    title="SDES master key sent in clear",
    citation="RFC 4568 §8.3",
    level=Level.REQUIRED,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Run SIP over TLS on every hop that carries SDES, or key the media by DTLS-SRTP or MIKEY instead;"
    " treat the keys of captured calls as known.",
    meaning=Meaning(
        passes="SDES keys were sent, and only inside protected signalling.",
        fails="At least one `a=crypto` line with an inline key stands in SIP that is readable without any key.",
        unknown="Part of the signalling was not captured, and what was captured has no SDES key; or a capture agent"
        " told of it and not whether TLS protected it.",
        not_applicable="The call does not use SDES.",
    ),
    check_call=_check_call,
    check_message=_check_message,
)

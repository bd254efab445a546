# SPDX-License-Identifier: GPL-2.0-only
"""DTL-001: the certificate of a handshake is not the one that the session description announced."""

from collections.abc import Iterator

from analyzer.model.keying import CertificateEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import (
    Absent,
    Level,
    Meaning,
    Need,
    Result,
    Rule,
    failed,
    not_applicable,
    passed,
    unknown,
    worst_of,
)
from analyzer.rules.line_facts import LineFacts, Subject

_NOTHING = not_applicable("No handshake was agreed on for which fingerprints were announced.")
_GUARDS = ("an element that ends the media may have rewritten the signalling where it was captured, or failed to",)


def _check_line(facts: LineFacts) -> Result:
    return worst_of(_judge(facts.keying.certificates), _NOTHING)


def _judge(found: tuple[CertificateEvidence, ...]) -> Iterator[Result]:
    for one in found:
        text = f"Of the {one.side.value}: {one.how}."
        refs = (one.ref, *one.shown)
        if one.matches is None:
            yield unknown("certificate", text, refs)
        elif one.matches:
            yield passed(text, refs)
        else:
            yield failed(text, refs, _GUARDS)


RULE = Rule(
    id="DTL-001",
    title="Certificate does not match the fingerprint",
    citation="RFC 5763 §5, RFC 8122 §6.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C4,
    needs=(Need.SIGNALLING, Need.MEDIA),
    remediation="The endpoint must end such a session. Find who holds the certificate that was shown: an element in the"
    " way of the media, or of the signalling, that did not tell the other.",
    meaning=Meaning(
        passes="Each side that announced fingerprints showed a certificate in its handshake that has one of them.",
        fails="A side showed a certificate, in DTLS-SRTP or in TLS that carries media, which has none of the"
        " fingerprints that it announced.",
        unknown="A certificate can't be seen (DTLS 1.3 or TLS 1.3 without its keys, a resumed session, a handshake that"
        " was not captured), no known hash function made its fingerprint, or a side's description was not seen.",
        not_applicable="No handshake was agreed on for which fingerprints were announced.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.CERTIFICATES, _NOTHING),
)

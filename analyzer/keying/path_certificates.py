# SPDX-License-Identifier: GPL-2.0-only
"""Whether the certificates of handshakes on the media path are those that offer and answer announced (RFC 8122 §6)."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.dtls_messages import iter_handshake_messages
from analyzer.keying.unseen_signalling import find_gaps
from analyzer.model.call import Call, MediaLine, MediaSide, Side
from analyzer.model.evidence import DatagramFlow, FrameRef
from analyzer.model.keying import CertificateEvidence
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.dtls import HandshakeType
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.fingerprint import Fingerprint, parse_fingerprint
from dissectors.grammar.tls import TLS_1_2, TLS_1_3, parse_leaf_certificate

FINGERPRINT = "fingerprint"
MAX_FINGERPRINTS = 16  # of one side that are compared
MAX_CERTIFICATES = 64  # of one path that are looked at
_HASHES = {"md5": "md5", **{f"sha-{bits}": f"sha{bits}" for bits in (1, 224, 256, 384, 512)}}
NOT_SEEN = "no certificate was seen: the handshake is encrypted, resumed, or not in the capture"
HAND_OVER_NS = 500_000_000  # how long after an answer a side may not know of it yet
MESSAGES_MISSING = (
    "its certificate has none of the fingerprints seen, and messages that may have told others are missing"
)
NOT_DESCRIBED = "its session description was not seen"
NO_HASH = "none of the hash functions of its fingerprints is known"


class _Shown(NamedTuple):
    """A certificate on the media path: where it came from and went to, where it was seen, when its handshake began."""

    source: str
    destination: str
    certificate: bytes
    ref: FrameRef
    begun_ns: int


def compare_certificates(call: Call, line: MediaLine, secrets: TlsSecrets) -> tuple[CertificateEvidence, ...]:
    """For each side of a line that announced fingerprints, and for one not seen, what its certificates show.

    A certificate that does not fit refutes only what it was meant for: one of a handshake that began after the offer
    and before the next exchange, which the same party announced nowhere else that was in force then, or may have been
    as messages are missing. `secrets` open the handshakes of DTLS 1.3.
    """
    if line.answer is not None and line.answer.is_refused:
        return ()
    sides = [(side, where) for side, where in ((Side.OFFERER, line.offer), (Side.ANSWERER, line.answer)) if where]
    announced = [(side, where, _fingerprints(where)) for side, where in sides]
    announced = [each for each in announced if each[2]]
    if not announced:
        return ()
    shown = list(_shown(line, secrets))
    judged = [
        _judge(call, line, (side, where, prints), [one for one in shown if _sender(line, one) is side])
        for side, where, prints in announced
    ]
    if len(sides) < len(Side):
        other = Side.ANSWERER if line.answer is None else Side.OFFERER
        judged.append(CertificateEvidence(other, sides[0][1].body.message.ref, None, NOT_DESCRIBED))
    return tuple(judged)


def _fingerprints(where: MediaSide) -> tuple[Fingerprint, ...]:
    values = where.media.attribute_values(FINGERPRINT) or where.body.session.attribute_values(FINGERPRINT)
    found = []
    for value in values[:MAX_FINGERPRINTS]:
        try:
            found.append(parse_fingerprint(value))
        except GrammarError:
            continue
    return tuple(found)


def _judge(
    call: Call, line: MediaLine, announced: tuple[Side, MediaSide, tuple[Fingerprint, ...]], shown: list[_Shown]
) -> CertificateEvidence:
    side, where, prints = announced
    ref = where.body.message.ref
    if not shown:
        return CertificateEvidence(side, ref, None, NOT_SEEN)
    fitting = [one for one in shown if _fits(one.certificate, prints)]
    if not any(each.digest is not None and each.hash_function in _HASHES for each in prints):
        return CertificateEvidence(side, ref, None, NO_HASH, tuple(one.ref for one in shown[:1]))
    strange = [
        one
        for one in shown
        if one not in fitting
        and _is_of(line, one)
        and not _fits(one.certificate, _announced_otherwise(call, line, where, one.begun_ns))
    ]
    if any(_may_be_announced_unseen(call, where, one.begun_ns) for one in strange):
        return CertificateEvidence(side, ref, None, MESSAGES_MISSING, tuple(one.ref for one in strange))
    if strange:
        how = "the certificate of its handshake has another fingerprint than it announced"
        return CertificateEvidence(side, ref, False, how, tuple(one.ref for one in strange))
    if not fitting:
        return CertificateEvidence(side, ref, None, NOT_SEEN)
    return CertificateEvidence(side, ref, True, "its certificate has the fingerprint it announced", (fitting[0].ref,))


def _is_of(line: MediaLine, shown: _Shown) -> bool:
    """Whether the handshake began while the exchange of the line was in force."""
    exchange = line.exchange
    return exchange.start_ns <= shown.begun_ns and (exchange.end_ns is None or shown.begun_ns < exchange.end_ns)


def _may_be_announced_unseen(call: Call, where: MediaSide, moment: int) -> bool:
    """Whether messages after what a side announced are missing up to then, which may have told other fingerprints."""
    announced_ns = where.body.message.timestamp_ns
    return any(announced_ns < gap <= moment for gap in find_gaps(call))


def _announced_otherwise(call: Call, line: MediaLine, where: MediaSide, moment: int) -> tuple[Fingerprint, ...]:
    """What the same party announced on the same hop for whatever line, in exchanges that were in force at a moment."""
    found: list[Fingerprint] = []
    for each in call.media:
        exchange = each.exchange
        lasts = exchange.end_ns is None or moment <= exchange.end_ns + HAND_OVER_NS
        if exchange.between == line.exchange.between and exchange.start_ns <= moment and lasts:
            for other in (each.offer, each.answer):
                if other is not None and other.body.party is where.body.party:
                    found += _fingerprints(other)
    return tuple(dict.fromkeys(found))


def _fits(certificate: bytes, prints: Sequence[Fingerprint]) -> bool:
    for each in prints:
        name = _HASHES.get(each.hash_function)
        if name is not None and hashlib.new(name, certificate, usedforsecurity=False).digest() == each.digest:
            return True
    return False


def _sender(line: MediaLine, shown: _Shown) -> Side | None:
    """Who showed a certificate, by the addresses: one that is known tells the other."""
    there, back = line.side_at(shown.source), line.side_at(shown.destination)
    if there is None and back is not None:
        return Side.ANSWERER if back is Side.OFFERER else Side.OFFERER
    return there if there is not back else None


def _shown(line: MediaLine, secrets: TlsSecrets) -> Iterator[_Shown]:
    for flow in line.tls:
        ref = flow.ref
        for ends, certificates in (
            ((flow.client, flow.server), flow.client_certificates),
            ((flow.server, flow.client), flow.server_certificates),
        ):
            for certificate in certificates:
                yield _Shown(*ends, certificate, ref, flow.first_ns)
    yield from _shown_in_dtls(line.dtls, secrets)


def _shown_in_dtls(flows: Sequence[DatagramFlow], secrets: TlsSecrets) -> Iterator[_Shown]:
    """The certificates of handshakes: up to DTLS 1.2 they are in the clear (RFC 6347 §4.2)."""
    found = 0
    for seen in iter_handshake_messages(flows, secrets):
        if seen.message.message_type != HandshakeType.certificate or found >= MAX_CERTIFICATES:
            continue
        try:
            certificate = parse_leaf_certificate(seen.message.body, TLS_1_3 if seen.is_dtls_13 else TLS_1_2)
        except GrammarError:
            continue
        if certificate:
            found += 1
            flow = seen.flow
            yield _Shown(
                flow.source, flow.destination, certificate, flow.ref(int(flow.frame[seen.place])), seen.begun_ns
            )

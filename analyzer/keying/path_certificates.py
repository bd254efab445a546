# SPDX-License-Identifier: GPL-2.0-only
"""Whether the certificates of handshakes on the media path are those that offer and answer announced (RFC 8122 §6)."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.dtls_handshakes import in_order
from analyzer.model.call import Call, MediaLine, MediaSide, Side
from analyzer.model.evidence import DatagramFlow, FrameRef
from analyzer.model.keying import CertificateEvidence
from dissectors.grammar.dtls import ContentType, HandshakeType
from dissectors.grammar.dtls_handshake import HandshakeAssembler
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.fingerprint import Fingerprint, parse_fingerprint
from dissectors.grammar.tls import parse_leaf_certificate

FINGERPRINT = "fingerprint"
MAX_FINGERPRINTS = 16  # of one side that are compared
MAX_CERTIFICATES = 64  # of one path that are looked at
_HASHES = {"md5": "md5", **{f"sha-{bits}": f"sha{bits}" for bits in (1, 224, 256, 384, 512)}}
NOT_SEEN = "no certificate was seen: the handshake is encrypted, resumed, or not in the capture"
NOT_DESCRIBED = "its session description was not seen"
NO_HASH = "none of the hash functions of its fingerprints is known"


class _Shown(NamedTuple):
    """A certificate on the media path: where it came from and went to, where and when it was seen."""

    source: str
    destination: str
    certificate: bytes
    ref: FrameRef
    seen_ns: int


def compare_certificates(call: Call, line: MediaLine) -> tuple[CertificateEvidence, ...]:
    """For each side of a line that announced fingerprints, and for one not seen, what its certificates show.

    A certificate that does not fit refutes only what it was meant for: one of a handshake after the offer and before
    the next exchange, which the same party announced nowhere else in the call.
    """
    if line.answer is not None and line.answer.is_refused:
        return ()
    sides = [(side, where) for side, where in ((Side.OFFERER, line.offer), (Side.ANSWERER, line.answer)) if where]
    announced = [(side, where, _fingerprints(where)) for side, where in sides]
    announced = [each for each in announced if each[2]]
    if not announced:
        return ()
    shown = list(_shown(line))
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
    others = _announced_otherwise(call, line, where)
    strange = [one for one in shown if one not in fitting and _is_of(line, one) and not _fits(one.certificate, others)]
    if strange:
        how = "the certificate of its handshake has another fingerprint than it announced"
        return CertificateEvidence(side, ref, False, how, tuple(one.ref for one in strange))
    if not fitting:
        return CertificateEvidence(side, ref, None, NOT_SEEN)
    return CertificateEvidence(side, ref, True, "its certificate has the fingerprint it announced", (fitting[0].ref,))


def _is_of(line: MediaLine, shown: _Shown) -> bool:
    """Whether a certificate was shown while the exchange of the line was in force."""
    exchange = line.exchange
    return exchange.start_ns <= shown.seen_ns and (exchange.end_ns is None or shown.seen_ns < exchange.end_ns)


def _announced_otherwise(call: Call, line: MediaLine, where: MediaSide) -> tuple[Fingerprint, ...]:
    """What the same party announced on the same hop, in whatever exchange and for whatever line."""
    found: list[Fingerprint] = []
    for each in call.media:
        if each.exchange.between == line.exchange.between:
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


def _shown(line: MediaLine) -> Iterator[_Shown]:
    for flow in line.tls:
        ref = flow.ref
        for ends, certificates in (
            ((flow.client, flow.server), flow.client_certificates),
            ((flow.server, flow.client), flow.server_certificates),
        ):
            for certificate in certificates:
                yield _Shown(*ends, certificate, ref, flow.first_ns)
    yield from _shown_in_dtls(line.dtls)


def _shown_in_dtls(flows: Sequence[DatagramFlow]) -> Iterator[_Shown]:
    """The certificates of handshakes up to DTLS 1.2, which are in the clear (RFC 6347 §4.2)."""
    assemblers: dict[tuple[str, str], HandshakeAssembler] = {}
    found = 0
    for flow, index in in_order(flows):
        datagram = flow.payload(index)
        if datagram[:1] != bytes((ContentType.handshake,)):
            continue
        ends = flow.source, flow.destination
        for message in assemblers.setdefault(ends, HandshakeAssembler()).feed(datagram):
            if message.message_type != HandshakeType.certificate or found >= MAX_CERTIFICATES:
                continue
            try:
                certificate = parse_leaf_certificate(message.body)
            except GrammarError:
                continue
            if certificate:
                found += 1
                ref = flow.ref(int(flow.frame[index]))
                yield _Shown(*ends, certificate, ref, int(flow.timestamp_ns[index]))

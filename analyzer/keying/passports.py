# SPDX-License-Identifier: GPL-2.0-only
"""Who vouches for the fingerprints of a media line: Identity and its PASSporT (RFC 8224, RFC 8225), verified."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.keying.key_ring import CertificateEntry
from analyzer.model.call import MediaLine, MediaSide, Side
from analyzer.model.evidence import SignallingMessage
from analyzer.model.keying import Fingerprint, PassportEvidence
from dissectors.grammar.sdp import MediaDescription, SessionDescription

if TYPE_CHECKING:
    from dissectors.grammar.passport import Identity

ES256 = "ES256"  # the one algorithm that everybody has to support (RFC 8225 §3)
HALF_OCTETS = 32  # of a signature, r and s (RFC 7518 §3.4)
MAX_IDENTITIES = 8  # of one message that are read
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]+)[ \t]+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)[ \t]*")


def read_passports(line: MediaLine, certificates: Sequence[CertificateEntry]) -> tuple[PassportEvidence, ...]:
    """Each Identity of the messages that carry offer and answer of a line, in that order."""
    return tuple(_read(line.offer, Side.OFFERER, certificates)) + tuple(_read(line.answer, Side.ANSWERER, certificates))


def read_fingerprints(session: SessionDescription) -> frozenset[Fingerprint]:
    """Every fingerprint of a description, at whatever level (RFC 8224 §4.1): hash in lower case, digest in upper."""
    levels: list[SessionDescription | MediaDescription] = [session, *session.media]
    found = (_FINGERPRINT.fullmatch(value) for level in levels for value in level.attribute_values("fingerprint"))
    return frozenset((one[1].lower(), one[2].upper()) for one in found if one is not None)


def _read(side: MediaSide | None, who: Side, certificates: Sequence[CertificateEntry]) -> Iterator[PassportEvidence]:
    if side is None or not isinstance(side.body.message, SignallingMessage):
        return
    message = side.body.message
    sip = message.sip
    if "identity" not in sip.header_names:
        return
    from dissectors.grammar.passport import parse_identity  # noqa: PLC0415 - few messages have one

    stated = read_fingerprints(side.body.session)
    for value in sip.header_values("identity")[:MAX_IDENTITIES]:
        identity = parse_identity(value)
        keys = identity.media_keys
        issued = (identity.claims or {}).get("iat")
        verified, how = _verify(identity, certificates)
        yield PassportEvidence(
            ref=message.ref,
            side=who,
            seen_ns=message.timestamp_ns,
            extension=identity.extension,
            is_readable=identity.claims is not None,
            media_keys=None if keys is None else frozenset((key.algorithm, key.digest) for key in keys),
            fingerprints=stated,
            issued_s=issued if type(issued) is int else None,
            verified=verified,
            how=how,
        )


def _verify(identity: "Identity", certificates: Sequence[CertificateEntry]) -> tuple[bool | None, str]:
    """True where a certificate of the ring verifies the signature; no other outcome proves anything."""
    signature = identity.signature
    if identity.claims is None or signature is None:
        return None, "the token is not whole"
    if identity.algorithm != ES256 or len(signature) != 2 * HALF_OCTETS:
        return None, "the signature is not of ES256"
    if not certificates:
        return None, "no certificate in the ring"
    from analyzer.keying.passport_signatures import verifies  # noqa: PLC0415 - certificates: see key_files

    for entry in certificates:
        if verifies(entry.certificates[0], identity.signed, signature):
            return True, f"the signature verifies with {entry.path.name}"
    return None, "no certificate in the ring fits"

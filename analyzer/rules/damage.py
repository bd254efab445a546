# SPDX-License-Identifier: GPL-2.0-only
"""What of a call could not be read: SIP without an end, text that is not base64, MIKEY that breaks off, broken keys."""

from collections.abc import Iterable, Iterator
from itertools import islice

from analyzer.model.brief import Damage
from analyzer.model.evidence import AnySignalling, FrameRef, SignallingMessage
from analyzer.model.keying import MikeyEvidence
from analyzer.model.report import AuditedCall, AuditedMedia, AuditedMikey
from dissectors.grammar.defects import Defect

MAX_DAMAGE = 20  # of one call, and outside calls
_SIP = frozenset(("header-section-without-end",))
_MIKEY = frozenset(
    (
        "not-base64",
        "key-mgmt-unreadable",
        "mikey-unreadable",
        "data-missing",
        "cs-id-map-truncated",
        "cs-id-map-type-unknown",
        "payload-truncated",
        "payload-length-unknown",
        "payload-type-unknown",
        "payload-limit",
    )
)
_SDES = frozenset(("key-unreadable", "key-missing", "key-empty"))


def find_damage(audited: AuditedCall) -> tuple[Damage, ...]:
    """The first places of the call that could not be read, each once."""
    return _first((*_iter_broken_sip(audited.call.messages.odd), *_iter_broken_keying(audited.media)))


def find_damage_outside(messages: Iterable[AnySignalling], mikey: Iterable[AuditedMikey]) -> tuple[Damage, ...]:
    """The same of messages outside calls."""
    return _first((*_iter_broken_sip(messages), *_iter_broken_mikey(each.evidence for each in mikey)))


def _first(found: Iterable[Damage]) -> tuple[Damage, ...]:
    return tuple(islice(dict.fromkeys(found), MAX_DAMAGE))


def _iter_broken_sip(messages: Iterable[AnySignalling]) -> Iterator[Damage]:
    for message in messages:
        if isinstance(message, SignallingMessage) and message.sip.defects:
            yield from _chosen(message.ref, "SIP message", message.sip.defects, _SIP)


def _iter_broken_keying(media: Iterable[AuditedMedia]) -> Iterator[Damage]:
    for each in media:
        line, keying = each.line, each.keying
        if keying.mikey:
            yield from _iter_broken_mikey(keying.mikey)
        for side, crypto in ((line.offer, keying.offered_crypto), (line.answer, keying.accepted_crypto)):
            for attribute in crypto:
                if attribute.defects and side is not None:
                    yield from _chosen(side.body.message.ref, "crypto line", attribute.defects, _SDES)


def _iter_broken_mikey(messages: Iterable[MikeyEvidence]) -> Iterator[Damage]:
    for message in messages:
        yield from _chosen(message.ref, "MIKEY message", message.defects, _MIKEY)


def _chosen(ref: FrameRef, where: str, defects: Iterable[Defect], codes: frozenset[str]) -> Iterator[Damage]:
    return (Damage(ref.capture, ref.frame, where, *defect) for defect in defects if defect.code in codes)

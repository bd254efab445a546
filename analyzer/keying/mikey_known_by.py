# SPDX-License-Identifier: GPL-2.0-only
"""How what MIKEY says is known: by the message's authenticator, at last by the packets under its keys."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.model.keying import Keying, MikeyEvidence, StreamAudit
from analyzer.model.mikey_facts import KEY_DATA, KnownBy, MikeyFact
from dissectors.grammar.mikey import Sign

STRENGTH = tuple(KnownBy)


def with_media_facts(keying: Keying, streams: Sequence[StreamAudit]) -> Keying:
    """The keying with what the media shows of MIKEY's keys; unchanged where MIKEY gave none."""
    if not any(key.source == "mikey" for key in keying.keys):
        return keying
    known = [fact.known_by for message in keying.mikey for fact in message.facts if fact.what in (KEY_DATA, "TGK")]
    used = [one for one in streams if one.key is not None and one.key.source == "mikey" and one.authenticated]
    if used:
        packets = sum(one.authenticated for one in used)
        detail = f"{packets} packets of {len(used)} streams authenticate under them"
        fact = MikeyFact("SRTP master keys", KnownBy.MEDIA, detail)
    else:
        strongest = max(known, key=STRENGTH.index, default=KnownBy.CLAIMED)
        fact = MikeyFact("SRTP master keys", strongest, "no packet authenticates under them")
    return replace(keying, facts=(fact,))


def known_by(evidence: MikeyEvidence) -> KnownBy:
    """How what the message says is known."""
    if evidence.mac.verified is not True:
        return KnownBy.CLAIMED
    if not evidence.mac.vouched:
        return KnownBy.CONSISTENT
    signed = evidence.message is not None and evidence.message.find(Sign) is not None
    return KnownBy.SIGNATURE if signed else KnownBy.MAC

# SPDX-License-Identifier: GPL-2.0-only
"""What a MIKEY message establishes and how each thing is known: claimed, consistent, or proved, and by what.

A MAC or signature covers the whole message (RFC 3830 §5.2), so everything a message says is known as its authenticator
is. Whoever made a signature is known only where something outside the message vouches for the certificate.
"""

from collections.abc import Iterator
from dataclasses import replace

from analyzer.keying.mikey_known_by import known_by
from analyzer.keying.mikey_numbering import read_mac_algorithm
from analyzer.keying.mikey_psk import Authentication, PskOpening
from analyzer.keying.mikey_steps import ModeOpening, keys_in_words, stated_sender
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_facts import KEY_DATA, KnownBy, MikeyFact
from analyzer.model.mikey_time import time_in_words
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import (
    Identity,
    IdentityWithRole,
    Kemac,
    MikeyMessage,
    Rand,
    SecurityPolicy,
    Timestamp,
    name_of,
)
from dissectors.grammar.mikey.policy import srtp_policy
from dissectors.grammar.mikey.registries import DataType, IdRole

SENDER = "sender"
DHHMAC = frozenset({DataType.DHHMAC_INIT, DataType.DHHMAC_RESP})
MAX_SESSIONS_NAMED = 8
_T = DataType
SENDER_ROLES: dict[int, IdRole] = {
    **dict.fromkeys((_T.REQUEST_INIT_PSK, _T.REQUEST_INIT_PK, _T.TRANSFER_INIT), IdRole.INITIATOR),
    **dict.fromkeys((_T.RESOLVE_INIT_PSK, _T.RESOLVE_INIT_PK, _T.TRANSFER_RESP), IdRole.RESPONDER),
    **dict.fromkeys((_T.REQUEST_RESP, _T.RESOLVE_RESP, _T.REQUEST_KEY_RESP), IdRole.KMS),
    **dict.fromkeys((_T.I_MESSAGE_1, _T.I_MESSAGE_2, _T.SAKKE_MSG), IdRole.INITIATOR),
    **dict.fromkeys((_T.R_MESSAGE_1, _T.R_MESSAGE_2), IdRole.RESPONDER),
}


def with_facts(evidence: MikeyEvidence, opening: PskOpening | ModeOpening | None = None) -> MikeyEvidence:
    """The evidence with what it establishes; `opening` is what the keys at hand made of the message."""
    if evidence.message is None:
        return evidence
    return replace(evidence, facts=(*_facts(evidence, evidence.message, opening), *evidence.facts))


def _facts(
    evidence: MikeyEvidence, message: MikeyMessage, opening: PskOpening | ModeOpening | None
) -> Iterator[MikeyFact]:
    proof = known_by(evidence)
    yield _sender(evidence, message, proof)
    yield from _content(message, proof)
    yield from _policies(evidence, proof)
    kemac = message.find(Kemac)
    if kemac is not None and message.header.data_type in DHHMAC:
        yield MikeyFact("MAC algorithm", proof, read_mac_algorithm(kemac)[1])
    if isinstance(opening, PskOpening):
        yield from _transported(message, opening)
    elif opening is not None:
        yield from opened_facts(message, opening)


def opened_facts(message: MikeyMessage, opening: ModeOpening) -> Iterator[MikeyFact]:
    """What the opening of a message established beyond who sent it, and why its keys stayed shut."""
    yield from (fact for fact in opening.steps if fact.what != SENDER)
    told = any(fact.what == KEY_DATA for fact in opening.steps)
    if not told and not opening.key_data and opening.reason and message.find(Kemac) is not None:
        yield MikeyFact(KEY_DATA, KnownBy.CLAIMED, f"not opened: {opening.reason}")


def _sender(evidence: MikeyEvidence, message: MikeyMessage, proof: KnownBy) -> MikeyFact:
    stated = stated_sender(message) or _sender_by_role(message)
    name = "no identity stated" if stated is None else stated.text.rstrip("\0")
    if evidence.mac.verified and not evidence.mac.vouched:
        return MikeyFact(SENDER, KnownBy.CONSISTENT, f"{name}; nothing vouches for the certificate in the message")
    return MikeyFact(SENDER, proof, name)


def _sender_by_role(message: MikeyMessage) -> IdentityWithRole | None:
    """The IDR payload of the side that sends messages of this type (RFC 6043 §6.6); a hashed UID names nobody."""
    role = SENDER_ROLES.get(message.header.data_type)
    found = (each for each in message.find_all(IdentityWithRole) if each.role == role)
    return next((each for each in found if each.text.rstrip("\0").isprintable()), None)


def _content(message: MikeyMessage, proof: KnownBy) -> Iterator[MikeyFact]:
    stated = stated_sender(message)
    for identity in message.find_all(Identity):
        if stated is None or identity.data != stated.data:
            yield MikeyFact("receiver", proof, identity.text)
    for each in message.find_all(IdentityWithRole):
        text = each.text.rstrip("\0")
        yield MikeyFact(name_of(IdRole, each.role), proof, text if text.isprintable() else each.data.hex())
    timestamp = message.find(Timestamp)
    if timestamp is not None:
        yield MikeyFact("timestamp", proof, time_in_words(timestamp))
    rand = message.find(Rand)
    if rand is not None:
        yield MikeyFact("RAND", proof, f"{len(rand.data)} octets")
    sessions = message.header.crypto_sessions
    if sessions:
        named = ", ".join(f"CS {each.cs_id} SSRC 0x{each.ssrc:08x}" for each in sessions[:MAX_SESSIONS_NAMED])
        more = len(sessions) - MAX_SESSIONS_NAMED
        yield MikeyFact("crypto sessions", proof, f"{named}, {more} more" if more > 0 else named)


def _policies(evidence: MikeyEvidence, proof: KnownBy) -> Iterator[MikeyFact]:
    policies = evidence.policies
    if policies:
        origin = ", of the bundle that it updates" if policies is evidence.inherited else ""
        yield MikeyFact("policies", proof, ", ".join(map(_policy_in_words, policies)) + origin)


def _policy_in_words(policy: SecurityPolicy) -> str:
    try:
        suite = srtp_policy(policy).suite
    except GrammarError:
        suite = None
    return f"{policy.policy_number}: {suite or 'no registered suite'}"


def _transported(message: MikeyMessage, opening: PskOpening) -> Iterator[MikeyFact]:
    """The keys of a pre-shared key message."""
    if message.find(Kemac) is None:
        return
    if not opening.key_data:
        if opening.reason:
            yield MikeyFact(KEY_DATA, KnownBy.CLAIMED, f"not opened: {opening.reason}")
        return
    verified = opening.mac is Authentication.VERIFIED
    yield MikeyFact(KEY_DATA, KnownBy.MAC if verified else KnownBy.CONSISTENT, keys_in_words(opening.key_data))

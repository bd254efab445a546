# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's Diffie-Hellman modes: signed (RFC 3830 §3.3) and with an HMAC of a pre-shared key (RFC 4650).

A listener who knows one exponent gets g^(xi·xr), which is the TGK; who knows none can still tell who made the messages.
"""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import CertificateEntry, DhEntry
from analyzer.keying.mikey_numbering import read_mac_algorithm
from analyzer.keying.mikey_pke import signer_step
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_protection import mac_matches
from analyzer.keying.mikey_psk import (
    RAND_UNSEEN,
    Authentication,
    exchange_rand,
    lacks_rand,
    libmikey_defect,
    octets_under_mac,
    protection_sources,
    why_unchecked,
)
from analyzer.keying.mikey_session_keys import derive_session_keys, fill_responder_ssrcs, take_answered_policies
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening, sender_names, stated_sender
from analyzer.model.mikey_facts import KnownBy, MikeyFact
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Dh, Kemac, KeyData, MikeyMessage
from dissectors.grammar.mikey.registries import DataType, DhGroup, KeyDataType
from dissectors.grammar.secret import Secret

CLAUSE = "RFC 3830 §3.3"
GENERATOR = 2
MAX_EXPONENT_OCTETS = 1024
EARLIER = "RAND of the exchange that it updates"
SHORTER = "TGK without its leading zeros"
# RFC 2409 §6.1 and §6.2, RFC 3526 §2; each begins and ends with 64 ones.
_PI = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9"
)
PRIMES: dict[int, int] = {
    DhGroup.OAKLEY_1: int(_PI + "A63A3620FFFFFFFFFFFFFFFF", 16),
    DhGroup.OAKLEY_2: int(
        _PI + "A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16
    ),
    DhGroup.OAKLEY_5: int(
        _PI + "A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA4836"
        "1C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08"
        "CA237327FFFFFFFFFFFFFFFF",
        16,
    ),
}


@dataclass(frozen=True, slots=True)
class MacCheck:
    """What the MAC of a DHHMAC message showed; `reading` says which RFC's numbers its KEMAC uses."""

    outcome: Authentication
    reason: str = ""
    prf_variant: PrfVariant | None = None
    reading: str = ""
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class DhCheck(ModeOpening):
    """One signed Diffie-Hellman message."""

    signature: SignatureCheck = NOT_SIGNED


@dataclass(frozen=True, slots=True)
class DhAgreement:
    """What two public values and one known exponent agree on; `alternate` is the TGK without its leading zeros."""

    tgk: Secret | None = None
    alternate: Secret | None = None
    reason: str = ""
    defects: tuple[Defect, ...] = ()


def verify_dh_message(
    message_bytes: bytes,
    parsed: MikeyMessage,
    ring: Sequence[CertificateEntry],
    sender: str = "",
    initiator_message: MikeyMessage | None = None,
) -> DhCheck:
    """Check the signature of an initiator's or responder's Diffie-Hellman message.

    `sender` is the SIP party that sent it; `initiator_message` is what a responder's message answers.
    """
    if parsed.header.data_type not in (DataType.DH_INIT, DataType.DH_RESP):
        return DhCheck(Authentication.UNSUPPORTED, "not a Diffie-Hellman message")
    other = None if initiator_message is None else stated_sender(initiator_message)
    names = sender_names(parsed, sender, () if other is None else (other.data,))
    signature = verify_signature(message_bytes, parsed, ring, names)
    defects = (*signature.defects, *_exchange_defects(parsed, initiator_message))
    steps = (signer_step(signature), *_value_steps(parsed, signature))
    return DhCheck(signature.outcome, signature.reason, steps=steps, defects=defects, signature=signature)


def verify_dhhmac_message(
    message_bytes: bytes,
    parsed: MikeyMessage,
    psk: Secret | None,
    initiator_message: MikeyMessage | None = None,
    earlier_rand: bytes | None = None,
) -> MacCheck:
    """Check the MAC of a DHHMAC message of either side; RAND and PRF are the initiator's (RFC 4650 §3, §4.2)."""
    if parsed.header.data_type not in (DataType.DHHMAC_INIT, DataType.DHHMAC_RESP):
        return MacCheck(Authentication.UNSUPPORTED, "not a DHHMAC message")
    kemac = parsed.find(Kemac)
    if kemac is None:
        return MacCheck(Authentication.ABSENT, "no KEMAC")
    algorithm, reading = read_mac_algorithm(kemac)
    defects = list(_exchange_defects(parsed, initiator_message))
    first = initiator_message or parsed
    impossible = why_unchecked(algorithm, first, psk)
    if impossible is not None:
        return MacCheck(*impossible, reading=reading, defects=tuple(defects))
    rand, rand_defects = exchange_rand(first, earlier_rand)
    defects.extend(rand_defects)
    covered = octets_under_mac(message_bytes, kemac, kemac.mac)
    for source in protection_sources(first, rand, psk):
        if mac_matches(source, algorithm, covered, kemac.mac):
            if source.variant is PrfVariant.LIBMIKEY:
                defects.append(libmikey_defect(psk))
            return MacCheck(Authentication.VERIFIED, "", source.variant, reading, tuple(defects))
    if lacks_rand(rand_defects):
        return MacCheck(Authentication.UNSUPPORTED, RAND_UNSEEN, reading=reading, defects=tuple(defects))
    return MacCheck(Authentication.FAILED, "wrong key or altered message", reading=reading, defects=tuple(defects))


def agree(first: MikeyMessage, second: MikeyMessage, ring: Sequence[DhEntry]) -> DhAgreement:
    """The TGK of an exchange where the ring has the exponent of either side: g^(xi·xr) mod p, as long as p.

    RFC 3830 does not say whether leading zeros count; where there are any, `alternate` is the TGK without.
    """
    sent, answered = first.find(Dh), responder_value(first, second)
    if sent is None and answered is None:
        return DhAgreement(reason="no public values: the exchange updates an earlier one")
    if sent is None or answered is None:
        return DhAgreement(reason=f"the {'responder' if sent else 'initiator'}'s public value is missing")
    defects = degenerate_value(sent)
    if sent.group != answered.group:
        return DhAgreement(reason="the two sides use different groups", defects=defects)
    prime = PRIMES[sent.group]
    for entry in ring:
        if len(entry.private) > MAX_EXPONENT_OCTETS:
            continue
        exponent = int.from_bytes(entry.private.reveal(), "big")
        public = pow(GENERATOR, exponent, prime)
        for own, other in ((sent, answered), (answered, sent)):
            if public == _number(own):
                shared = pow(_number(other), exponent, prime).to_bytes(len(own.value), "big")
                stripped = shared.lstrip(b"\0")
                alternate = Secret(stripped) if stripped and stripped != shared else None
                return DhAgreement(Secret(shared), alternate, defects=defects)
    reason = "no exponent in the key ring is that of either side" if ring else "no exponent in the key ring"
    return DhAgreement(reason=reason, defects=defects)


def degenerate_value(value: Dh | None) -> tuple[Defect, ...]:
    """What is odd about a public value that agrees on nothing secret: 0, 1 or p − 1."""
    if value is None or value.group not in PRIMES or 1 < _number(value) < PRIMES[value.group] - 1:
        return ()
    detail = "a public value of 0, 1 or p − 1 agrees on nothing secret"
    return (Defect("dh-value-degenerate", value.offset, CLAUSE, detail),)


def open_dh_exchange(
    first: MikeyMessage,
    second: MikeyMessage,
    ring: Sequence[DhEntry],
    earlier_rand: bytes | None = None,
    other_rand: bytes | None = None,
) -> ModeOpening:
    """The keys of a DH or DHHMAC exchange: map, CSB ID, PRF, policies and RAND are the initiator's.

    `other_rand` is an earlier RAND of the bundle, which counts where the initiator's own has no effect.

    `outcome` is absent, because agreeing proves nothing about who agreed: that is what signatures and MACs are for.
    """
    agreement = agree(first, second, ring)
    if agreement.tgk is None:
        has_values = first.find(Dh) is not None or second.find(Dh) is not None
        steps = (MikeyFact("TGK", KnownBy.CLAIMED, f"not opened: {agreement.reason}"),) if has_values else ()
        return ModeOpening(Authentication.NO_KEY, agreement.reason, steps=steps, defects=agreement.defects)
    rand, rand_defects = exchange_rand(first, earlier_rand)
    value = responder_value(first, second)
    validity = (value or Dh(0, b"")).validity
    key = KeyData(int(KeyDataType.TGK), agreement.tgk, validity=validity)
    keyed = take_answered_policies(first, second)
    derived = derive_session_keys(keyed, (key,), rand)
    alternates = list(derived.alternates)
    if agreement.alternate is not None:
        shorter = KeyData(int(KeyDataType.TGK), agreement.alternate, validity=validity)
        alternates += (replace(each, label=SHORTER) for each in derive_session_keys(keyed, (shorter,), rand).keys)
    if other_rand is not None:
        alternates += (replace(each, label=EARLIER) for each in derive_session_keys(keyed, (key,), other_rand).keys)
    return ModeOpening(
        Authentication.ABSENT,
        "",
        (key,),
        fill_responder_ssrcs(derived.keys, second),
        fill_responder_ssrcs(alternates, second),
        (MikeyFact("TGK", KnownBy.CONSISTENT, "g to the known exponent is one of the two public values"),),
        (*agreement.defects, *rand_defects, *derived.defects),
    )


def responder_value(first: MikeyMessage, second: MikeyMessage) -> Dh | None:
    """DHr among the values of a responder's message, which also echoes DHi (RFC 3830 §3.3)."""
    sent = first.find(Dh)
    values = second.find_all(Dh)
    own = [value for value in values if sent is None or (value.group, value.value) != (sent.group, sent.value)]
    return own[0] if own else values[0] if values else None


def _number(value: Dh) -> int:
    return int.from_bytes(value.value, "big")


def _exchange_defects(parsed: MikeyMessage, first: MikeyMessage | None) -> list[Defect]:
    """What a responder's message must repeat and does not."""
    if first is None:
        return []
    defects = []
    if parsed.header.csb_id != first.header.csb_id:
        defects.append(Defect("csb-id-differs", 4, "RFC 3830 §6.1", "the responder must echo the CSB ID"))
    sent, values = first.find(Dh), parsed.find_all(Dh)
    if sent is None or not values:
        return defects
    if all((value.group, value.value) != (sent.group, sent.value) for value in values):
        detail = "the responder answers another public value than the initiator's"
        defects.append(Defect("dh-value-not-echoed", values[-1].offset, CLAUSE, detail))
    if any(value.group != sent.group for value in values):
        defects.append(Defect("dh-group-differs", values[0].offset, CLAUSE, "the initiator chooses the group"))
    return defects


def _value_steps(parsed: MikeyMessage, signature: SignatureCheck) -> tuple[MikeyFact, ...]:
    if parsed.find(Dh) is None:
        return ()
    if signature.outcome is not Authentication.VERIFIED:
        return (MikeyFact("public value", KnownBy.CLAIMED),)
    return (MikeyFact("public value", KnownBy.SIGNATURE if signature.trusted else KnownBy.CONSISTENT),)

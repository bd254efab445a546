# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-IBAKE between initiator and responder: what each message shows to a listener with keys (RFC 6267 §4.2.2, §5).

The points [x]P and [y]P go encrypted to an identity, with both identities; nothing but R_MESSAGE_2 (and the answer to
an update) has a MAC, under a key that follows from [x][y]P. So a user's private key shows the points, an exponent
besides opens the exchange, and who sends the other side's point back has read it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.keying.ibake_agreement import (
    MPK,
    MPK_OCTETS,
    TGK,
    Agreement,
    agree,
    read_ecc_point,
    session_keys,
    tgk_lengths,
)
from analyzer.keying.ibe_payloads import IbeKey, OpenedPayload, find_ibe_keys, open_payload
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import IbakeBook, IbakeBundle, SessionKey
from analyzer.keying.mikey_prf import HASHES
from analyzer.keying.mikey_protection import MAC_HASHES, ProtectionKeySource, mac_matches
from analyzer.keying.mikey_psk import Authentication, octets_under_mac
from analyzer.keying.mikey_session_keys import (
    CryptoSessionKeys,
    derive_session_keys,
    fill_responder_ssrcs,
    take_answered_policies,
)
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.mikey_facts import KnownBy, MikeyFact
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    EccPoint,
    EncryptedSecretKey,
    Ibake,
    Identity,
    IdentityWithRole,
    KeyData,
    MikeyMessage,
    Rand,
    Verification,
    name_of,
)
from dissectors.grammar.mikey.registries import DataType, EccCurve, IdRole, KeyDataType

CLAUSE = "RFC 6267 §4.2.2"
IBAKE_MESSAGES = frozenset(range(DataType.I_MESSAGE_1, DataType.R_MESSAGE_2 + 1))
ANSWERS = frozenset({DataType.R_MESSAGE_1, DataType.R_MESSAGE_2})
NO_MAC = "no MAC"
UNVERIFIED = "V verifies under no reading of RFC 6267 §5.1: altered, or the point or MPK is written another way"
OTHER_POINT = "the {0} sends back another point than the {1} sent"


@dataclass(frozen=True, slots=True)
class _Points:
    """The points in one opened message, by whose they are."""

    initiator: EccPoint | None = None
    responder: EccPoint | None = None


def open_ibake_message(
    octets: bytes, parsed: MikeyMessage, ring: KeyRing, parties: tuple[str, str], book: IbakeBook
) -> ModeOpening:
    """One of the four messages: its payloads opened, its V checked, keys derived; the book learns what it tells.

    `parties` are the SIP addresses-of-record of initiator and responder. The message has failed where it sends back
    another point than was sent to it. A V that does not verify accuses nobody: too much of its key is left open.
    """
    before = book.find(parsed, parties)
    keys = find_ibe_keys(ring.ibe, book.learnt, (*_names(parsed), *parties))
    content, shut = _open(parsed, keys)
    points = _sort_points(parsed, content)
    failure = _wrong_echo(parsed, before, points)
    bundle = _join(parsed, before, _Points() if failure else points)
    agreement = agree(bundle.initiator, bundle.responder, ring.dh)
    readings = (bundle.proved,) if bundle.proved is not None else tuple(session_keys(agreement, bundle.rands))
    outcome, reason, proved = _check_v(octets, parsed, bundle, readings, agreement)
    if proved is not None:
        bundle, readings = replace(bundle, proved=proved), (proved,)
    if failure:
        outcome, reason, readings = Authentication.FAILED, failure, ()
    else:
        book.remember(parsed, parties, bundle)
    derived = _derive(parsed, bundle, readings)
    return ModeOpening(
        outcome,
        reason,
        _tgk(bundle, readings),
        tuple(key for key in derived if not key.label),
        tuple(key for key in derived if key.label),
        (
            *_payload_steps(parsed, content, shut, keys),
            *_echo_step(parsed, before, points, failure),
            *_session_steps(bundle, readings, agreement, failure),
        ),
        tuple(_defects(parsed, before, content, failure, reason)),
    )


def _names(parsed: MikeyMessage) -> tuple[str, ...]:
    return tuple(each.text for each in parsed.find_all(IdentityWithRole))


def _open(parsed: MikeyMessage, keys: Sequence[IbeKey]) -> tuple[OpenedPayload | None, str]:
    payload = parsed.find(Ibake)
    return (None, "") if payload is None else open_payload(payload.data, keys)


def _sort_points(parsed: MikeyMessage, content: OpenedPayload | None) -> _Points:
    """IDRi ‖ {ECCPTi} ‖ IDRr ‖ ECCPTr, in the outer messages IDRi ‖ ECCPTi (RFC 6267 §4.2.2.1 to §4.2.2.7)."""
    if content is None or not content.points:
        return _Points()
    if parsed.header.data_type in (DataType.I_MESSAGE_1, DataType.R_MESSAGE_2):
        return _Points(initiator=content.points[0])
    return _Points(content.points[0] if len(content.points) > 1 else None, content.points[-1])


def _echoed(parsed: MikeyMessage, before: IbakeBundle | None, points: _Points) -> tuple[EccPoint, EccPoint] | None:
    """The point that a message sends back and the one that was sent, where both are known."""
    if before is None or parsed.header.data_type == DataType.I_MESSAGE_1:
        return None
    pair = (points.initiator, before.initiator)
    if parsed.header.data_type == DataType.I_MESSAGE_2:
        pair = (points.responder, before.responder)
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _sides(parsed: MikeyMessage) -> tuple[str, str]:
    """Who sent the message, and the other side."""
    return ("responder", "initiator") if parsed.header.data_type in ANSWERS else ("initiator", "responder")


def _wrong_echo(parsed: MikeyMessage, before: IbakeBundle | None, points: _Points) -> str:
    echoed = _echoed(parsed, before, points)
    return "" if echoed is None or _same_point(*echoed) else OTHER_POINT.format(*_sides(parsed))


def _same_point(left: EccPoint, right: EccPoint) -> bool:
    if left.curve != right.curve:
        return False
    if left.point == right.point:
        return True
    first = read_ecc_point(left)
    return first is not None and first == read_ecc_point(right)


def _join(parsed: MikeyMessage, before: IbakeBundle | None, points: _Points) -> IbakeBundle:
    """The exchange with what the message adds; a first message with a RAND begins it, one without updates (§5.3)."""
    rand = parsed.find(Rand)
    rands = () if rand is None else (rand.data,)
    stated = _identities(parsed)
    identities = (stated,) if stated else ()
    if before is None:
        return IbakeBundle(parsed, rands, identities, points.initiator, points.responder)
    if parsed.header.data_type != DataType.I_MESSAGE_1:
        return replace(
            before,
            rands=before.rands[:1] + rands if rands else before.rands,
            identities=(before.identities + identities)[-2:],
            initiator=before.initiator or points.initiator,
            responder=before.responder or points.responder,
        )
    if rand is not None:
        return IbakeBundle(parsed, rands, identities, points.initiator)
    if parsed.find(Ibake) is None:  # an update without new points is under the old ones
        return replace(before, identities=before.identities + identities)
    return IbakeBundle(before.first, before.rands[:1], before.identities + identities, points.initiator)


def _identities(parsed: MikeyMessage) -> bytes:
    """Identity_i ‖ Identity_r, empty where one is left out."""
    found = {each.role: each.data for each in parsed.find_all(IdentityWithRole)}
    if IdRole.INITIATOR in found and IdRole.RESPONDER in found:
        return found[IdRole.INITIATOR] + found[IdRole.RESPONDER]
    return b""


def _check_v(
    octets: bytes, parsed: MikeyMessage, bundle: IbakeBundle, readings: Sequence[SessionKey], agreement: Agreement
) -> tuple[Authentication, str, SessionKey | None]:
    """What V shows, and the reading under which it verifies (RFC 6267 §5.2, §5.4)."""
    verification = parsed.find(Verification)
    if verification is None:
        return Authentication.ABSENT, NO_MAC, None
    if verification.mac_algorithm not in MAC_HASHES or parsed.header.prf_function not in HASHES:
        return Authentication.ABSENT, "no verification message that can be checked", None
    if not readings:
        return Authentication.NO_KEY, f"V can't be checked: {agreement.reason or 'no RAND was seen'}", None
    covered = _without_esk(octets_under_mac(octets, verification, verification.mac), parsed)
    for reading in readings:
        for octets_of_mpk in MPK_OCTETS:
            mpk = reading.derive(MPK, octets_of_mpk, parsed.header.prf_function)
            source = ProtectionKeySource(mpk, parsed.header.csb_id, reading.rand, parsed.header.prf_function)
            for identities in dict.fromkeys((*reversed(bundle.identities), b"")):
                if mac_matches(source, verification.mac_algorithm, covered + identities, verification.mac):
                    return Authentication.VERIFIED, "", reading
    return Authentication.NO_KEY, UNVERIFIED, None


def _without_esk(covered: bytes, parsed: MikeyMessage) -> bytes:
    """What V covers: an ESK payload is left out (RFC 6267 §5.4)."""
    for payload in reversed(parsed.find_all(EncryptedSecretKey)):
        covered = covered[: payload.offset] + covered[payload.offset + payload.length :]
    return covered


def _tgk(bundle: IbakeBundle, readings: Sequence[SessionKey]) -> tuple[KeyData, ...]:
    """The TGK in its likeliest reading."""
    prf = bundle.first.header.prf_function
    if not readings or prf not in HASHES or bundle.responder is None:
        return ()
    octets = tgk_lengths(bundle.responder, bundle.initiator)[0]
    return (KeyData(int(KeyDataType.TGK), readings[0].derive(TGK, octets, prf), validity=bundle.responder.validity),)


def _derive(parsed: MikeyMessage, bundle: IbakeBundle, readings: Sequence[SessionKey]) -> tuple[CryptoSessionKeys, ...]:
    """SRTP keys in every reading; those that are not of the first one have a label."""
    prf = bundle.first.header.prf_function
    if not readings or prf not in HASHES or bundle.responder is None:
        return ()
    keyed = take_answered_policies(bundle.first, parsed) if parsed.header.data_type in ANSWERS else bundle.first
    validity = bundle.responder.validity
    found: list[CryptoSessionKeys] = []
    for reading in readings:
        for number, octets in enumerate(tgk_lengths(bundle.responder, bundle.initiator)):
            label = ", ".join(filter(None, (reading.reading, f"TGK of {octets} octets" if number else "")))
            key = KeyData(int(KeyDataType.TGK), reading.derive(TGK, octets, prf), validity=validity)
            derived = derive_session_keys(keyed, (key,), bundle.rands[0])
            found.extend(replace(each, label=label) for each in derived.keys)
    return fill_responder_ssrcs(found, parsed) if parsed.header.data_type in ANSWERS else tuple(found)


def _payload_steps(
    parsed: MikeyMessage, content: OpenedPayload | None, shut: str, keys: Sequence[IbeKey]
) -> Iterator[MikeyFact]:
    if content is not None:
        whose = content.key_id or "a user"
        points = ", ".join(f"a point on {name_of(EccCurve, point.curve)}" for point in content.points) or "no point"
        names = " and ".join(identity.text for identity in content.identities) or "no identity"
        detail = f"opens with the private key of {whose}: {points}, for {names}"
        yield MikeyFact("IBAKE payload", KnownBy.CONSISTENT, detail)
    elif shut:
        yield MikeyFact("IBAKE payload", KnownBy.CLAIMED, f"not opened: {shut}")
    for payload in parsed.find_all(EncryptedSecretKey):
        opened, why = open_payload(payload.data, keys)
        if opened is None:
            yield MikeyFact("secret key", KnownBy.CLAIMED, f"not opened: {why}")
            continue
        lengths = ", ".join(f"{len(key.key)} octets" for key in opened.secret_keys) or "none inside"
        yield MikeyFact("secret key", KnownBy.CONSISTENT, f"for deferred delivery: {lengths}")


def _echo_step(parsed: MikeyMessage, before: IbakeBundle | None, points: _Points, failure: str) -> Iterator[MikeyFact]:
    if _echoed(parsed, before, points) is not None and not failure:
        sender, other = _sides(parsed)
        detail = f"sends back the {other}'s point, which the {sender}'s private key alone shows"
        yield MikeyFact(sender, KnownBy.CONSISTENT, detail)


def _session_steps(
    bundle: IbakeBundle, readings: Sequence[SessionKey], agreement: Agreement, failure: str
) -> Iterator[MikeyFact]:
    if bundle.proved is not None:
        yield MikeyFact("session key", KnownBy.MAC, "V verifies under it")
        yield MikeyFact("TGK", KnownBy.CONSISTENT, "it follows from the session key, its length is a reading")
    elif readings:
        detail = "a known exponent gives one of the two points"
        yield MikeyFact("session key", KnownBy.CONSISTENT, detail)
        yield MikeyFact("TGK", KnownBy.CONSISTENT, f"{detail}; how it follows is a reading")
    elif not failure:
        yield MikeyFact("session key", KnownBy.CLAIMED, f"not opened: {agreement.reason or 'no RAND was seen'}")


def _defects(
    parsed: MikeyMessage, before: IbakeBundle | None, content: OpenedPayload | None, failure: str, reason: str
) -> Iterator[Defect]:
    payload, verification = parsed.find(Ibake), parsed.find(Verification)
    if failure and payload is not None:
        yield Defect("ec-point-not-echoed", payload.offset, CLAUSE, failure)
    if reason == UNVERIFIED and verification is not None:
        yield Defect("v-not-verified", verification.offset, "RFC 6267 §5.4", UNVERIFIED)
    if parsed.header.data_type == DataType.I_MESSAGE_1 and parsed.find(Rand) is None and before is None:
        yield Defect("rand-missing", 0, "RFC 6267 §4.2.2.1", "no RAND, and no exchange that it could update")
    if payload is None or content is None:
        return
    outer = {each.role: each.data for each in parsed.find_all(IdentityWithRole)}
    stated = set(outer.values())
    for identity in content.identities:
        expected = outer.get(identity.role) if isinstance(identity, IdentityWithRole) else None
        if (expected is not None and expected != identity.data) or (
            isinstance(identity, Identity) and stated and identity.data not in stated
        ):
            detail = "the identity inside is not the one that the message states: it may be reflected"
            yield Defect("ibake-identity-differs", payload.offset, "RFC 6267 §7.2", detail)

# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY with a pre-shared key: is the message authentic, which keys does it carry, did the responder prove itself.

RFC 3830 §3.1 (the exchange), §4.1.4 (protection keys), §5.2 (what the MAC and V cover), §6.2 (KEMAC), §6.9 (V).
Whether a failure accuses anyone depends on whether the key is bound to the call, which the caller knows.
"""

from collections.abc import Iterator, Sequence

from analyzer.keying.mikey_prf import HASHES, PrfVariant, differs_in_libmikey
from analyzer.keying.mikey_protection import (
    CIPHER_OCTETS,
    MAC_HASHES,
    ProtectionKeySource,
    decrypt_kemac,
    mac_matches,
)
from analyzer.keying.mikey_session_keys import CryptoSessionKeys, derive_session_keys
from analyzer.model.words import Word
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    Identity,
    Kemac,
    KeyData,
    MikeyMessage,
    Rand,
    Sign,
    Timestamp,
    Verification,
    parse_key_data_payloads,
)
from dissectors.grammar.mikey.registries import (
    DataType,
    EncryptionAlgorithm,
    KeyDataType,
    MacAlgorithm,
    PrfFunction,
    name_of,
)
from dissectors.grammar.secret import Secret

LIBMIKEY_DEFECT = "libmikey-prf"
HARMLESS = frozenset({"trailing-zeros"})


class Authentication(Word):
    """What a MAC or a verification message showed."""

    VERIFIED = "verified"
    FAILED = "failed"
    ABSENT = "absent"  # NULL MAC, or no such payload
    NO_KEY = "no-key"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class PskOpening:
    """One pre-shared-key message as far as a key opens it.

    `key_data` is empty unless the clear octets are well-formed key data; where `mac` is failed they show that the key
    fits and the message was altered. `alternate_session_keys` are those of a peer with libmikey's PRF. `reason` says
    in words why something stayed shut or unproved, and is empty where all went well.
    """

    mac: Authentication
    reason: str = ""
    prf_variant: PrfVariant | None = None
    key_data: tuple[KeyData, ...] = ()
    crypto_session_keys: tuple[CryptoSessionKeys, ...] = ()
    alternate_session_keys: tuple[CryptoSessionKeys, ...] = ()
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseVerification:
    """What V of a responder's message showed; `coverage` names what followed the message under the MAC."""

    outcome: Authentication
    reason: str = ""
    prf_variant: PrfVariant | None = None
    coverage: str = ""
    defects: tuple[Defect, ...] = ()


def open_psk_message(
    message_bytes: bytes, parsed: MikeyMessage, psk: Secret | None, earlier_rand: bytes | None = None
) -> PskOpening:
    """Verify and decrypt an initiator's pre-shared-key message and derive the keys of its crypto sessions.

    `message_bytes` are the octets that `parsed` was parsed from; without `psk` only NULL-encrypted keys open.
    `earlier_rand` is the RAND of the exchange that this message updates (RFC 3830 §4.5).
    """
    kemacs = parsed.find_all(Kemac)
    if parsed.header.data_type != DataType.PRE_SHARED or not kemacs:
        what = "no KEMAC" if parsed.header.data_type == DataType.PRE_SHARED else "not a pre-shared key message"
        return PskOpening(Authentication.UNSUPPORTED, what)
    defects = []
    if len(kemacs) > 1:
        defects.append(Defect("kemac-repeated", kemacs[1].offset, "RFC 3830 §3.1", "the first one counts"))
    rand, rand_defects = exchange_rand(parsed, earlier_rand)
    kemac = kemacs[0]
    mac, variant, reason = _check_mac(message_bytes, parsed, kemac, protection_sources(parsed, rand, psk))
    opened, variant, shut = _open_kemac(parsed, kemac, protection_sources(parsed, rand, psk), mac, variant)
    if mac is Authentication.FAILED and lacks_rand(rand_defects) and not (opened and _is_encrypted(kemac)):
        mac, reason = Authentication.UNSUPPORTED, RAND_UNSEEN
    reason = _explain(mac, reason, opened, shut, kemac)
    if variant is PrfVariant.LIBMIKEY:
        defects.append(libmikey_defect(psk))
    if opened is None or (opened and parsed.header.prf_function not in HASHES):
        return PskOpening(mac, reason, variant, opened or (), defects=(*defects, *rand_defects))
    derived = derive_session_keys(parsed, opened, rand)
    return PskOpening(
        mac, reason, variant, opened, derived.keys, derived.alternates, (*defects, *rand_defects, *derived.defects)
    )


def verify_psk_response(
    response_bytes: bytes,
    parsed: MikeyMessage,
    initiator_message: MikeyMessage,
    psk: Secret | None,
    earlier_rand: bytes | None = None,
) -> ResponseVerification:
    """Whether V of the responder's message verifies: M ‖ IDi ‖ IDr ‖ T of the initiator (RFC 3830 §5.2, §6.9).

    Peers that cover less, or their own timestamp, are recognised and named in a defect.
    """
    verification = parsed.find(Verification)
    if verification is None:
        return ResponseVerification(Authentication.ABSENT, "no verification message")
    impossible = why_unchecked(verification.mac_algorithm, initiator_message, psk)
    if impossible is not None:
        return ResponseVerification(*impossible)
    defects = list(_response_defects(parsed, initiator_message))
    covered = octets_under_mac(response_bytes, verification, verification.mac)
    rand, rand_defects = exchange_rand(initiator_message, earlier_rand)
    defects.extend(rand_defects)
    for source in protection_sources(initiator_message, rand, psk):
        for coverage, appended in _coverages(parsed, initiator_message):
            if mac_matches(source, verification.mac_algorithm, covered + appended, verification.mac):
                if coverage != RFC_COVERAGE:
                    defects.append(Defect("v-coverage", verification.offset, "RFC 3830 §5.2", f"covers {coverage}"))
                if source.variant is PrfVariant.LIBMIKEY:
                    defects.append(libmikey_defect(psk))
                return ResponseVerification(Authentication.VERIFIED, "", source.variant, coverage, tuple(defects))
    if lacks_rand(rand_defects):
        return ResponseVerification(Authentication.UNSUPPORTED, RAND_UNSEEN, defects=tuple(defects))
    return ResponseVerification(Authentication.FAILED, "wrong key or altered message", defects=tuple(defects))


# Such a message updates an exchange (RFC 3830 §4.5): every key depends on a RAND that the capture does not show.
RAND_UNSEEN = "it has no RAND, and the exchange that it updates was not seen"
RAND_MISSING = "rand-missing"
RFC_COVERAGE = "message, identities, initiator's T"


def why_unchecked(mac_algorithm: int, message: MikeyMessage, psk: Secret | None) -> tuple[Authentication, str] | None:
    """Why a MAC can't be checked at all."""
    if mac_algorithm == MacAlgorithm.NULL:
        return Authentication.ABSENT, "no MAC"
    if mac_algorithm not in MAC_HASHES:
        return Authentication.UNSUPPORTED, f"MAC algorithm {name_of(MacAlgorithm, mac_algorithm)}"
    if message.header.prf_function not in HASHES:
        return Authentication.UNSUPPORTED, f"PRF function {name_of(PrfFunction, message.header.prf_function)}"
    if psk is None:
        return Authentication.NO_KEY, "no pre-shared key"
    return None


def protection_sources(message: MikeyMessage, rand: bytes, psk: Secret | None) -> Iterator[ProtectionKeySource]:
    """Where the protection keys may come from: the RFC's way first, then libmikey's where it differs."""
    if psk is None or message.header.prf_function not in HASHES:
        return
    yield ProtectionKeySource(psk, message.header.csb_id, rand, message.header.prf_function)
    if differs_in_libmikey(psk):
        yield ProtectionKeySource(psk, message.header.csb_id, rand, message.header.prf_function, PrfVariant.LIBMIKEY)


def libmikey_defect(psk: Secret | None) -> Defect:
    """What libmikey's derivation means for a key of this length."""
    octets = 0 if psk is None else len(psk)
    weak = "the last 32 octets of the pre-shared key are not used"
    if octets == 32:
        weak = "the pre-shared key is not used at all: anyone can make such a message"
    return Defect(LIBMIKEY_DEFECT, 0, "RFC 3830 §4.1.2", weak)


def exchange_rand(message: MikeyMessage, earlier_rand: bytes | None) -> tuple[bytes, tuple[Defect, ...]]:
    """RAND of the exchange that a message updates, else its own, else none with a defect.

    In an update a RAND must not be included and has no effect (RFC 3830 §4.5).
    """
    rand = message.find(Rand)
    if earlier_rand is not None:
        detail = "an update keeps the RAND of the first exchange"
        return earlier_rand, () if rand is None else (Defect("rand-in-update", rand.offset, "RFC 3830 §4.5", detail),)
    if rand is not None:
        return rand.data, ()
    return b"", (Defect(RAND_MISSING, 0, "RFC 3830 §3.1", "no RAND: keys derived with an empty one"),)


def lacks_rand(defects: Sequence[Defect]) -> bool:
    """Whether `exchange_rand` found none."""
    return any(defect.code == RAND_MISSING for defect in defects)


def octets_under_mac(message_bytes: bytes, payload: Kemac | Verification | Sign, mac: bytes) -> bytes:
    """The message without its MAC's or signature's octets and what trails its last payload (RFC 3830 §5.2)."""
    mac_end = payload.offset + payload.length
    before = message_bytes[: mac_end - len(mac)]
    return before + message_bytes[mac_end:] if payload.next_payload else before


def _check_mac(
    message_bytes: bytes, parsed: MikeyMessage, kemac: Kemac, sources: Iterator[ProtectionKeySource]
) -> tuple[Authentication, PrfVariant | None, str]:
    candidates = list(sources)
    impossible = why_unchecked(kemac.mac_algorithm, parsed, candidates[0].key if candidates else None)
    if impossible is not None:
        return impossible[0], None, impossible[1]
    covered = octets_under_mac(message_bytes, kemac, kemac.mac)
    for source in candidates:
        if mac_matches(source, kemac.mac_algorithm, covered, kemac.mac):
            return Authentication.VERIFIED, source.variant, ""
    return Authentication.FAILED, None, "wrong key or altered message"


def _open_kemac(
    parsed: MikeyMessage,
    kemac: Kemac,
    sources: Iterator[ProtectionKeySource],
    mac: Authentication,
    variant: PrfVariant | None,
) -> tuple[tuple[KeyData, ...] | None, PrfVariant | None, str]:
    """Key data (None where it stayed shut), the PRF variant that is proved, and why it stayed shut."""
    if kemac.encryption_algorithm == EncryptionAlgorithm.NULL or not kemac.data:
        keys = read_clear_keys(kemac.data)
        return keys, variant, "" if keys is not None else "key data is malformed"
    if kemac.encryption_algorithm not in CIPHER_OCTETS:
        name = name_of(EncryptionAlgorithm, kemac.encryption_algorithm)
        return None, variant, f"encryption algorithm {name}"
    timestamp = parsed.find(Timestamp)
    if timestamp is None:
        return None, variant, "no timestamp, which the decryption needs"
    tried = False
    for source in sources:
        if variant is not None and source.variant is not variant:
            continue
        tried = True
        clear = decrypt_kemac(source, kemac.encryption_algorithm, kemac.data, timestamp.as_64_bits)
        keys = None if clear is None else read_clear_keys(clear)
        if keys is not None:
            return keys, source.variant, ""
    if not tried:
        return None, variant, "no pre-shared key"
    return None, variant, "key data is malformed" if mac is Authentication.VERIFIED else "no key data with this key"


def read_clear_keys(clear: Secret) -> tuple[KeyData, ...] | None:
    """The key data in `clear`, or None where a wrong key would explain the octets better."""
    content = parse_key_data_payloads(clear.reveal())
    known = {int(kind) for kind in KeyDataType}
    if any(defect.code not in HARMLESS for defect in content.defects):
        return None
    if len(content.keys) != len(content.payloads) or any(key.key_type not in known for key in content.keys):
        return None
    return content.keys


def _is_encrypted(kemac: Kemac) -> bool:
    return kemac.encryption_algorithm != EncryptionAlgorithm.NULL


def _explain(mac: Authentication, reason: str, opened: tuple[KeyData, ...] | None, shut: str, kemac: Kemac) -> str:
    """One reason out of what the MAC and the decryption said."""
    if mac is Authentication.FAILED and opened and _is_encrypted(kemac):
        return "altered message: the key opens well-formed key data"
    if mac is Authentication.FAILED or shut in ("", reason):
        return reason
    return f"{reason}; {shut}" if reason else shut


def _response_defects(response: MikeyMessage, initiator: MikeyMessage) -> Iterator[Defect]:
    if response.header.csb_id != initiator.header.csb_id:
        yield Defect("csb-id-differs", 4, "RFC 3830 §6.1", "the responder must echo the CSB ID")
    own, echoed = response.find(Timestamp), initiator.find(Timestamp)
    if own is not None and echoed is not None and own.value != echoed.value:
        yield Defect("timestamp-not-echoed", own.offset, "RFC 3830 §5.2", "the responder sent a timestamp of its own")


def _coverages(response: MikeyMessage, initiator: MikeyMessage) -> Iterator[tuple[str, bytes]]:
    """What V may cover beyond the message, the RFC's way first."""
    sent = [identity.data for identity in initiator.find_all(Identity)]
    answered = [identity.data for identity in response.find_all(Identity)]
    initiator_id = sent[0] if sent else b""
    responder_id = sent[1] if len(sent) > 1 else answered[0] if answered else b""
    asked, own = initiator.find(Timestamp), response.find(Timestamp)
    asked_value = b"" if asked is None else asked.value
    yield RFC_COVERAGE, initiator_id + responder_id + asked_value
    yield "message, initiator's T", asked_value
    if own is not None and own.value != asked_value:
        yield "message, identities, responder's own T", initiator_id + responder_id + own.value
        yield "message, responder's own T", own.value
    yield "message", b""

# SPDX-License-Identifier: GPL-2.0-only
"""What each step of opening a MIKEY exchange established, how that is known, and who says it."""

from collections.abc import Iterable, Sequence

from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_session_keys import CryptoSessionKeys
from analyzer.model.mikey_facts import MikeyFact
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Certificate, GeneralExtension, Identity, KeyData, MikeyMessage, name_of
from dissectors.grammar.mikey.registries import GeneralExtensionType, KeyDataType, KeyValidity
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_address import bare_address


@dataclass(frozen=True, slots=True)
class ModeOpening:
    """One message of a public-key or Diffie-Hellman mode as far as keys verify and open it.

    `outcome` is the verdict on the message as a whole: failed only with a key that is bound to its sender. `reason`
    says in words why something stayed shut or unproved. `key_data` holds TGKs and TEKs, whether sent or agreed;
    `update_key` protects later messages of the bundle. Where the responder sets the bundle up, `set_up` has the CSB ID,
    map and policies in force, and `set_up_rand` the RAND.
    """

    outcome: Authentication
    reason: str = ""
    key_data: tuple[KeyData, ...] = ()
    crypto_session_keys: tuple[CryptoSessionKeys, ...] = ()
    alternate_session_keys: tuple[CryptoSessionKeys, ...] = ()
    steps: tuple[MikeyFact, ...] = ()
    defects: tuple[Defect, ...] = ()
    update_key: Secret | None = None
    set_up: MikeyMessage | None = None
    set_up_rand: bytes = b""


def stated_sender(message: MikeyMessage, peers: Sequence[bytes] = ()) -> Identity | None:
    """The ID payload of the message's own sender, None where a certificate stands in its place (RFC 3830 §3.2).

    `peers` are the data of IDs that are known to be the other side's.
    """
    identities = [identity for identity in message.find_all(Identity) if identity.data not in peers]
    certificate = message.find(Certificate)
    before = [identity for identity in identities if certificate is None or identity.offset < certificate.offset]
    if before:
        return before[0]
    return identities[0] if len(identities) > 1 else None


def sender_names(message: MikeyMessage, party: str, peers: Sequence[bytes] = ()) -> tuple[str, ...]:
    """Who the message's sender is: what it states, else the SIP party; empty where neither is known."""
    stated = stated_sender(message, peers)
    if stated is not None:
        return (stated.text,)
    return (party,) if party else ()


def same_identity(left: Identity, right: Identity) -> bool:
    """Whether two ID payloads are of one party, by octets or as addresses-of-record."""
    return left.data == right.data or bare_address(left.text) == bare_address(right.text)


def group_csb_id(message: MikeyMessage) -> int | None:
    """The CSB ID that an RSA-R responder sets for a group (RFC 4738 §3.6)."""
    for extension in message.find_all(GeneralExtension):
        if extension.extension_type == GeneralExtensionType.CSB_ID and len(extension.data) == 4:
            return int.from_bytes(extension.data, "big")
    return None


def keys_in_words(keys: Iterable[KeyData]) -> str:
    """Kinds and lengths of keys, never the keys."""
    return ", ".join(
        f"{name_of(KeyDataType, key.key_type)} of {len(key.key)} octets{_validity_of(key)}" for key in keys
    )


def _validity_of(key: KeyData) -> str:
    """For which packets it is meant (RFC 3830 §6.14)."""
    if key.validity.kind == KeyValidity.SPI:
        return f" for SPI {key.validity.spi.hex()}"
    if key.validity.kind == KeyValidity.INTERVAL:
        ends = (int.from_bytes(one, "big") for one in (key.validity.valid_from, key.validity.valid_to))
        return " for the indices {} to {}".format(*ends)
    return ""

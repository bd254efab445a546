# SPDX-License-Identifier: GPL-2.0-only
"""From the keys a KEMAC carried to SRTP master key and salt of each crypto session (RFC 3830 §4.1.3, §6.13)."""

from collections.abc import Container, Iterable
from dataclasses import replace

from analyzer.keying.mikey_prf import (
    HASHES,
    KeyConstant,
    PrfVariant,
    crypto_session_label,
    derive_mikey_key,
    differs_in_libmikey,
)
from analyzer.keying.mikey_suites import lengths_in_force, stated_lengths, suite_of
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import GenericIdEntry, KeyData, MikeyMessage, SecurityPolicy, SrtpIdEntry
from dissectors.grammar.mikey.policy import SrtpPolicy, srtp_policy
from dissectors.grammar.mikey.registries import KeyDataType, KeyValidity, ProtocolType, name_of
from dissectors.grammar.secret import Secret

MAX_SESSION_KEYS = 512
MAX_DERIVED_OCTETS = 1 << 20  # of TGKs, once for each key of one message: the PRF takes time for each of them
MAX_MASTER_OCTETS = 64  # DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM has the longest key
CLAUSE = "RFC 3830 §6.13"
# A TEK that holds key and salt in one, where no policy says how to cut it: octets in all -> octets of key.
JOINED_KEY_OCTETS = {30: 16, 38: 24, 46: 32, 28: 16, 44: 32}
TGK_TYPES = frozenset({KeyDataType.TGK, KeyDataType.TGK_SALT})
TEK_TYPES = frozenset({KeyDataType.TEK, KeyDataType.TEK_SALT})
WITHOUT_MAP = SrtpIdEntry(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class CryptoSessionKeys:
    """SRTP keys of one crypto session; `ssrc` 0 is not yet chosen, `index_range` the packet indices of an interval.

    `label` names the reading where the RFC allows several and this is not the first one.
    """

    cs_id: int
    ssrc: int
    master_key: Secret
    master_salt: Secret
    policy: SrtpPolicy | None
    mki: bytes
    roc: int
    key_type: int
    prf_variant: PrfVariant | None = None
    index_range: tuple[int, int] | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class SessionKeySet:
    """Keys as the RFC derives them; `alternates` as libmikey does, where its result differs."""

    keys: tuple[CryptoSessionKeys, ...] = ()
    alternates: tuple[CryptoSessionKeys, ...] = ()
    defects: tuple[Defect, ...] = ()


def derive_session_keys(message: MikeyMessage, key_data: Iterable[KeyData], rand: bytes) -> SessionKeySet:
    """Every crypto session of the message's map with every key meant for it (RFC 3830 §4.1.3).

    The map, CSB ID, PRF and policies are those of `message`; `rand` is the exchange's RAND. An unknown PRF gives none.
    """
    if message.header.prf_function not in HASHES:
        return SessionKeySet()
    derivation = _Derivation(message, rand)
    for key in key_data:
        for session in message.header.crypto_sessions or _without_map(key):
            if not derivation.full and _meant_for(key, session):
                derivation.add(session, key)
    return SessionKeySet(tuple(derivation.keys), tuple(derivation.alternates), tuple(dict.fromkeys(derivation.defects)))


def take_answered_policies(message: MikeyMessage, response: MikeyMessage) -> MikeyMessage:
    """The initiator's message with the policies that the responder's map takes; the same object where nothing changes.

    A number means the responder's own policy where it sends one of that number (RFC 3830 §6.1.1, §6.10).
    """
    own = response.find_all(SecurityPolicy)
    known = {policy.policy_number for policy in (*own, *message.find_all(SecurityPolicy))}
    answered = {session.cs_id: session for session in response.header.crypto_sessions}
    sessions = tuple(
        _answered_session(session, answered.get(session.cs_id), known) for session in message.header.crypto_sessions
    )
    if not own and sessions == message.header.crypto_sessions:
        return message
    header = replace(message.header, crypto_sessions=sessions)
    return replace(message, header=header, payloads=(*own, *message.payloads))


def _answered_session(
    offered: SrtpIdEntry | GenericIdEntry, answered: SrtpIdEntry | GenericIdEntry | None, known: Container[int]
) -> SrtpIdEntry | GenericIdEntry:
    """The offered entry under the policies of the answered one, where all of them are known."""
    if answered is None or not answered.policies or any(number not in known for number in answered.policies):
        return offered
    if isinstance(offered, GenericIdEntry):
        return offered._replace(policies=answered.policies)
    return offered._replace(policy_number=answered.policies[0])


def fill_responder_ssrcs(keys: Iterable[CryptoSessionKeys], response: MikeyMessage) -> tuple[CryptoSessionKeys, ...]:
    """The keys with SSRCs that the initiator left at 0 taken from the responder's map (RFC 3830 §6.1.1)."""
    chosen = {session.cs_id: session.ssrc for session in response.header.crypto_sessions}
    return tuple(replace(key, ssrc=key.ssrc or chosen.get(key.cs_id, 0)) for key in keys)


def _meant_for(key: KeyData, session: SrtpIdEntry | GenericIdEntry) -> bool:
    """A GENERIC-ID entry may name the key it wants by SPI (RFC 6043 §6.1.1)."""
    if isinstance(session, SrtpIdEntry) or not session.spi or key.validity.kind != KeyValidity.SPI:
        return True
    return session.spi == key.validity.spi


def _without_map(key: KeyData) -> tuple[SrtpIdEntry, ...]:
    """What stands for the sessions of an empty map (RFC 4563 §5): a TEK is used as it is, a TGK wants a CS ID."""
    return (WITHOUT_MAP,) if key.key_type in TEK_TYPES else ()


class _Derivation:
    """Collects the keys of one message."""

    def __init__(self, message: MikeyMessage, rand: bytes) -> None:
        self.csb_id = message.header.csb_id
        self.prf_function = message.header.prf_function
        self.rand = rand
        self.derived_octets = 0
        self.defects: list[Defect] = []
        self.keys: list[CryptoSessionKeys] = []
        self.alternates: list[CryptoSessionKeys] = []
        self.policies = self._read_policies(message)

    def _read_policies(self, message: MikeyMessage) -> dict[int, SrtpPolicy]:
        policies: dict[int, SrtpPolicy] = {}
        for payload in message.find_all(SecurityPolicy):
            if payload.protocol_type == ProtocolType.SRTP:
                policies.setdefault(payload.policy_number, srtp_policy(payload))
        return policies

    @property
    def full(self) -> bool:
        """Whether a limit of one message is reached; says so once it is."""
        if len(self.keys) >= MAX_SESSION_KEYS:
            self._note("session-key-limit", 0, f"more than {MAX_SESSION_KEYS} keys in one message")
        elif self.derived_octets >= MAX_DERIVED_OCTETS:
            self._note("session-key-limit", 0, f"keys of more than {MAX_DERIVED_OCTETS} octets of TGKs in one message")
        else:
            return False
        return True

    def _note(self, code: str, offset: int, detail: str) -> None:
        self.defects.append(Defect(code, offset, CLAUSE, detail))

    def add(self, session: SrtpIdEntry | GenericIdEntry, key: KeyData) -> None:
        """The keys that `key` gives to `session`."""
        policy = next((self.policies[number] for number in session.policies if number in self.policies), None)
        if not session.policies and len(self.policies) == 1:  # a GENERIC-ID entry may name none
            policy = next(iter(self.policies.values()))
        stated, in_force = stated_lengths(policy), lengths_in_force(policy)
        if max(stated) > MAX_MASTER_OCTETS:
            self._note("master-key-length", key.offset, f"the policy wants more than {MAX_MASTER_OCTETS} octets")
            return
        if stated != in_force:
            self._note("policy-lengths", key.offset, f"the policy says {stated}, its suite has {in_force}")
        if key.key_type in TGK_TYPES:
            self._add_derived(session, key, policy)
        elif key.key_type in TEK_TYPES:
            self._add_direct(session, key, policy)
        else:
            name = name_of(KeyDataType, key.key_type)
            self._note("key-type-not-used", key.offset, f"{name} gives no SRTP key in this mode")

    def _add_derived(self, session: SrtpIdEntry | GenericIdEntry, key: KeyData, policy: SrtpPolicy | None) -> None:
        if not key.key:
            self._note("tgk-length", key.offset, "TGK of 0 octets")
            return
        wanted = lengths_in_force(policy).salt
        if key.salt and len(key.salt) != wanted:  # how peers fill up or cut one nobody says
            self._note("salt-length", key.offset, f"{wanted} octets of salt are wanted, {len(key.salt)} were sent")
            return
        self.derived_octets += len(key.key)
        self.keys.append(self._derived(session, key, policy, PrfVariant.RFC_3830))
        if differs_in_libmikey(key.key):
            self.alternates.append(self._derived(session, key, policy, PrfVariant.LIBMIKEY))

    def _derived(
        self, session: SrtpIdEntry | GenericIdEntry, key: KeyData, policy: SrtpPolicy | None, variant: PrfVariant
    ) -> CryptoSessionKeys:
        lengths = lengths_in_force(policy)
        master_key = self._derive(KeyConstant.TEK, session.cs_id, key.key, lengths.key, variant)
        salt = key.salt or self._derive(KeyConstant.TGK_SALT, session.cs_id, key.key, lengths.salt, variant)
        return _session_keys(session, key, master_key, salt, policy, variant)

    def _derive(self, constant: KeyConstant, cs_id: int, tgk: Secret, octets: int, variant: PrfVariant) -> Secret:
        label = crypto_session_label(constant, cs_id, self.csb_id, self.rand)
        return derive_mikey_key(tgk, label, octets, self.prf_function, variant)

    def _add_direct(self, session: SrtpIdEntry | GenericIdEntry, key: KeyData, policy: SrtpPolicy | None) -> None:
        if key.salt:
            lengths = len(key.key), len(key.salt)
            suite = suite_of(policy, lengths)
            if suite is not None and lengths != (suite.key_octets, suite.salt_octets):
                self._note(
                    "tek-length",
                    key.offset,
                    f"{suite.name} takes no key and salt of {lengths[0]} and {lengths[1]} octets",
                )
                return
            self.keys.append(_session_keys(session, key, key.key, key.salt, policy, None))
            return
        split = self._split_tek(key, policy)
        if split is not None:
            self.keys.append(_session_keys(session, key, *split, policy, None))

    def _split_tek(self, key: KeyData, policy: SrtpPolicy | None) -> tuple[Secret, Secret] | None:
        """Master key and salt in a TEK without a salt field, which RTSP peers fill with both in one."""
        octets, lengths = len(key.key), lengths_in_force(policy)
        if policy is None and octets in JOINED_KEY_OCTETS:
            return _cut(key.key, JOINED_KEY_OCTETS[octets])
        if octets == sum(lengths):
            return _cut(key.key, lengths.key)
        if octets == lengths.key:
            self._note("tek-without-salt", key.offset, "no salt for a TEK: taken as zeros")
            return key.key, Secret(bytes(lengths.salt))
        self._note("tek-length", key.offset, f"the policy wants {lengths}, the TEK has {octets}")
        return None


def _cut(joined: Secret, key_octets: int) -> tuple[Secret, Secret]:
    revealed = joined.reveal()
    return Secret(revealed[:key_octets]), Secret(revealed[key_octets:])


def _session_keys(
    session: SrtpIdEntry | GenericIdEntry,
    key: KeyData,
    master_key: Secret,
    master_salt: Secret,
    policy: SrtpPolicy | None,
    variant: PrfVariant | None,
) -> CryptoSessionKeys:
    validity = key.validity
    index_range = None
    if validity.kind == KeyValidity.INTERVAL:
        index_range = (int.from_bytes(validity.valid_from, "big"), int.from_bytes(validity.valid_to, "big"))
    mki = validity.spi or (session.spi if isinstance(session, GenericIdEntry) else b"")
    return CryptoSessionKeys(
        cs_id=session.cs_id,
        ssrc=session.ssrc,
        master_key=master_key,
        master_salt=master_salt,
        policy=policy,
        mki=mki,
        roc=session.roc,
        key_type=key.key_type,
        prf_variant=variant,
        index_range=index_range,
    )

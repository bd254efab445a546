# SPDX-License-Identifier: GPL-2.0-only
"""The keying that the phones do: SDES lines, and MIKEY of the modes PSK, PKE and DH, built on the Scapy layers.

Nothing is random: every secret is the SHA-256 of what it is for, so each run makes the same octets.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from scapy.packet import Packet as Layer

from analyzer.keying.mikey_prf import KeyConstant, crypto_session_label, derive_mikey_key
from analyzer.keying.mikey_protection import ProtectionKeySource, decrypt_kemac
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
    list_digest,
)
from dissectors.grammar.mikey.registries import DataType, EncryptionAlgorithm, ErrorNumber, MacAlgorithm
from dissectors.grammar.secret import Secret
from dissectors.layers.mikey import (
    MIKEY,
    MIKEY_CS,
    MIKEY_DH,
    MIKEY_ERR,
    MIKEY_ID,
    MIKEY_KEMAC,
    MIKEY_PKE,
    MIKEY_RAND,
    MIKEY_SIGN,
    MIKEY_SP,
    MIKEY_T,
    MIKEY_V,
    MIKEY_GeneralExtension,
    MIKEY_KeyData,
    MIKEY_SP_Param,
)
from dissectors.layers.sdp_attributes import SDP_Crypto, SDP_CryptoKey, SDP_KeyMgmt
from pcaps.calls import ALICE, BOB, START_NS
from pcaps.media import NTP_OFFSET
from pcaps.signalling import Phone

KEYS = Path(__file__).resolve().parent / "keys"
CM_80, CM_32, F8_80 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80"
PSK, PKE, DH = DataType.PRE_SHARED, DataType.PUBLIC_KEY, DataType.DH_INIT
SDP_IDS, PRIORITIES = 1, 241
MAC_OCTETS = 20
SIGNATURE_OCTETS = 256
PUBLIC_DATA_TYPES = {PSK: DataType.PSK_VER_MSG, PKE: DataType.PK_VER_MSG, DH: DataType.DH_RESP}
GROUP_OCTETS = 192
# The 1536-bit group, generator 2 (RFC 3830 §6.4 OAKLEY 5, RFC 3526 §2).
PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF",
    16,
)


def fixed(what: str, octets: int = 16) -> bytes:
    """Octets that look random and are always the same."""
    return hashlib.shake_256(f"srtp-audit sample: {what}".encode()).digest(octets)


def context(suite: str, key: bytes, salt: bytes) -> SrtpContext:
    """How a sender protects its media with one master key."""
    found = suite_by_name(suite)
    if found is None:
        raise ValueError(suite)
    return SrtpContext(found, (StreamKey(Secret(key), Secret(salt)),))


@dataclass(frozen=True)
class SdesKey:
    """One `a=crypto` line of a 128-bit suite and the protection it stands for.

    `mki` is the identifier in its packets, which the line names if it is `named`; `extra` are octets behind key and
    salt, of which a sender makes no use.
    """

    tag: int
    suite: str
    owner: str
    parameters: tuple[str, ...] = ()
    mki: bytes = b""
    named: bool = True
    extra: int = 0

    @property
    def line(self) -> SDP_Crypto:
        """The line for the SDP."""
        key = SDP_CryptoKey(key_salt=Secret(fixed(f"SDES {self.owner}", 30 + self.extra)))
        if self.mki and self.named:
            key.mki, key.mki_octets = int.from_bytes(self.mki, "big"), len(self.mki)
        return SDP_Crypto(tag=self.tag, suite=self.suite, keys=[key], session_parameters=list(self.parameters))

    @property
    def context(self) -> SrtpContext:
        """How its sender protects media."""
        octets = fixed(f"SDES {self.owner}", 30)
        whole = context(self.suite, octets[:16], octets[16:])
        return replace(
            whole,
            keys=tuple(replace(key, mki=self.mki) for key in whole.keys),
            srtp_encrypted="UNENCRYPTED_SRTP" not in self.parameters,
            srtcp_encrypted="UNENCRYPTED_SRTCP" not in self.parameters,
            authenticated="UNAUTHENTICATED_SRTP" not in self.parameters,
        )


def key_mgmt(message: bytes, extra_tokens: Sequence[str] = ()) -> SDP_KeyMgmt:
    """The line that carries a MIKEY message (RFC 4567 §3), and words behind it."""
    return SDP_KeyMgmt(message=MIKEY(message), extra_tokens=list(extra_tokens))


def sdp_ids(count: int) -> MIKEY_GeneralExtension:
    """The authenticated list of the offer's key management protocols: `count` lines of MIKEY (RFC 4567 §7)."""
    return MIKEY_GeneralExtension(extension_type=SDP_IDS, data=";".join(["mikey"] * count).encode())


def offered_list(modes: dict[int, int], policies: dict[int, int]) -> bytes:
    """Alice's list: priorities of modes (by data type) and of suites (by policy number)."""
    entries = [PriorityEntry(EntryKind.KEY_AGREEMENT, number, bytes([mode])) for mode, number in modes.items()]
    entries += [
        PriorityEntry(EntryKind.SUITE_BY_POLICY, number, bytes([policy])) for policy, number in policies.items()
    ]
    return build_priority_list(PriorityList(1, Owner.INITIATOR, Rule.MIN_SUM, tuple(entries)))


def answered_list(modes: dict[int, int], suites: dict[str, int], received: bytes) -> bytes:
    """Bob's list: modes by data type, suites by name, and the hash of the list he received."""
    entries = [PriorityEntry(EntryKind.KEY_AGREEMENT, number, bytes([mode])) for mode, number in modes.items()]
    entries += [PriorityEntry(EntryKind.SUITE_BY_NAME, number, suite.encode()) for suite, number in suites.items()]
    entries.append(PriorityEntry(EntryKind.PEER_LIST_DIGEST, 0, list_digest(received)))
    return build_priority_list(PriorityList(1, Owner.RESPONDER, Rule.MIN_SUM, tuple(entries)))


def priorities(octets: bytes) -> MIKEY_GeneralExtension:
    """A list as the extension that carries it."""
    return MIKEY_GeneralExtension(extension_type=PRIORITIES, data=octets)


def policy_layer(suite: str, number: int) -> MIKEY_SP:
    """The security policy that asks for a suite (RFC 3830 §6.10.1)."""
    wanted = build_policy_for_suite(suite, number).parameters
    return MIKEY_SP(policy_number=number, parameters=[MIKEY_SP_Param(type=one.type, value=one.value) for one in wanted])


def stack(first: Layer, layers: Iterable[Layer]) -> Layer:
    """One message of all the payloads in order."""
    for layer in layers:
        first = first / layer
    return first


@cache
def private_key(name: str) -> RSAPrivateKey:
    """The test key of `alice` or `bob`."""
    key = load_pem_private_key((KEYS / f"{name}.pem").read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(name)
    return key


def sign(message: bytes, name: str) -> bytes:
    """The message and its signature: RSA PKCS #1 v1.5 over SHA-1, which has no randomness (RFC 3830 §4.2.6)."""
    return message + private_key(name).sign(message, PKCS1v15(), SHA1())


def encrypt_to(name: str, clear: bytes) -> bytes:
    """RSA PKCS #1 v1.5 encryption (RFC 8017 §7.2.1) with padding that is always the same: fit for samples only."""
    numbers = private_key(name).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    padding = bytes(octet or 1 for octet in fixed("padding", size - 3 - len(clear)))
    block = b"\0\2" + padding + b"\0" + clear
    return pow(int.from_bytes(block, "big"), numbers.e, numbers.n).to_bytes(size, "big")


def ntp_time(time_ns: int) -> bytes:
    """A moment as T has it, in whole seconds."""
    return ((time_ns // 1_000_000_000 + NTP_OFFSET) << 32).to_bytes(8, "big")


class Exchange:
    """One MIKEY exchange between Alice and Bob: its messages, and the SRTP keys that follow from it."""

    mode: DataType

    def __init__(
        self,
        name: str,
        suites: Sequence[str] = (CM_80,),
        caller: Phone = ALICE,
        callee: Phone = BOB,
        start_ns: int = START_NS,
        policies: tuple[int, int] | None = None,
    ) -> None:
        self.name = f"{name} {self.mode.name}"
        self.policies = policies  # one for each direction, where they are not the same
        self.suites = tuple(suites)
        self.caller, self.callee = caller, callee
        self.csb_id = int.from_bytes(fixed(f"{self.name} CSB ID", 4), "big")
        self.rand = fixed(f"{self.name} RAND")
        self.timestamp = ntp_time(start_ns)

    @property
    def tgk(self) -> bytes:
        """The TEK generation key that was transported."""
        return fixed(f"{self.name} TGK")

    def context(self, sender: Phone, suite: str) -> SrtpContext:
        """How `sender` protects its media: crypto session 1 is the caller's, 2 the callee's (RFC 3830 §4.1.3)."""
        cs_id = 1 if sender == self.caller else 2
        keys = [
            derive_mikey_key(Secret(self.tgk), crypto_session_label(constant, cs_id, self.csb_id, self.rand), octets, 0)
            for constant, octets in ((KeyConstant.TEK, 16), (KeyConstant.TGK_SALT, 14))
        ]
        return context(suite, keys[0].reveal(), keys[1].reveal())

    def header(self, data_type: int, policy: int, *, v: bool = False) -> MIKEY:
        """HDR with a crypto session for each direction, both under one policy unless the exchange has one for each."""
        numbers = self.policies or (policy, policy)
        phones = zip(numbers, (self.caller, self.callee), strict=True)
        sessions = [MIKEY_CS(policy_number=number, ssrc=phone.ssrc) for number, phone in phones]
        return MIKEY(data_type=data_type, v=int(v), csb_id=self.csb_id, crypto_sessions=sessions)

    def identity(self, phone: Phone) -> MIKEY_ID:
        """The phone's URI."""
        return MIKEY_ID(data=phone.uri.encode())

    def opening(self) -> list[Layer]:
        """What the message of every mode begins with: T, RAND, IDi, IDr and the security policies."""
        policies = [policy_layer(suite, number) for number, suite in enumerate(self.suites)]
        identities = [self.identity(self.caller), self.identity(self.callee)]
        return [MIKEY_T(value=self.timestamp), MIKEY_RAND(data=self.rand), *identities, *policies]

    def source(self, key: bytes) -> ProtectionKeySource:
        """Where the keys that protect messages come from."""
        return ProtectionKeySource(Secret(key), self.csb_id, self.rand, 0)

    def mac(self, key: bytes, covered: bytes) -> bytes:
        """HMAC-SHA-1-160 under the message authentication key (RFC 3830 §4.2.4)."""
        auth_key = self.source(key).derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, MAC_OCTETS)
        return hmac.digest(auth_key.reveal(), covered, "sha1")

    def encrypt(self, key: bytes, clear: bytes) -> Secret:
        """AES-CM, which is its own inverse (RFC 3830 §4.2.3)."""
        octets = decrypt_kemac(self.source(key), EncryptionAlgorithm.AES_CM_128, Secret(clear), self.timestamp)
        if octets is None:
            raise ValueError("AES-CM refuses nothing")
        return octets

    def verified(self, key: bytes, policy: int, extensions: Sequence[Layer], name_of_callee: bytes = b"") -> bytes:
        """R_MESSAGE with V over itself, both identities and T (RFC 3830 §5.2)."""
        layers = [MIKEY_T(value=self.timestamp), self.identity(self.callee), *extensions]
        layers.append(MIKEY_V(mac_algorithm=MacAlgorithm.HMAC_SHA_1_160, mac=bytes(MAC_OCTETS)))
        message = bytes(stack(self.header(PUBLIC_DATA_TYPES[self.mode], policy), layers))[:-MAC_OCTETS]
        callee = name_of_callee or self.callee.uri.encode()
        covered = message + self.caller.uri.encode() + callee + self.timestamp
        return message + self.mac(key, covered)

    def error(self, suites: Sequence[str], key: bytes = b"") -> bytes:
        """Error message: HDR, T, ERR 10 (invalid SP parameters), {SP} of what the callee can do, [V] (RFC 3830 §5.1.2).

        V is there where a key is given; whoever can't tell who asks may leave it out.
        """
        policies = [policy_layer(suite, number) for number, suite in enumerate(suites)]
        layers = [MIKEY_T(value=self.timestamp), MIKEY_ERR(error_number=ErrorNumber.INVALID_SPPAR), *policies]
        if not key:
            return bytes(stack(self.header(DataType.ERROR, 0), layers))
        layers.append(MIKEY_V(mac_algorithm=MacAlgorithm.HMAC_SHA_1_160, mac=bytes(MAC_OCTETS)))
        message = bytes(stack(self.header(DataType.ERROR, 0), layers))[:-MAC_OCTETS]
        return message + self.mac(key, message + self.caller.uri.encode() + self.callee.uri.encode() + self.timestamp)


class PskExchange(Exchange):
    """Pre-shared key (RFC 3830 §3.1)."""

    mode = PSK

    @property
    def psk(self) -> bytes:
        """What Alice and Bob agreed on beforehand."""
        return b"correct horse battery"

    def offer(self, extensions: Sequence[Layer] = (), *, encrypt: bool = True) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDi, IDr, {SP}, extensions, KEMAC; a verification message is asked for."""
        clear = bytes(MIKEY_KeyData(key_type=0, key=self.tgk))
        algorithm = EncryptionAlgorithm.AES_CM_128 if encrypt else EncryptionAlgorithm.NULL
        kemac = MIKEY_KEMAC(
            encryption_algorithm=algorithm,
            data=self.encrypt(self.psk, clear) if encrypt else Secret(clear),
            mac_algorithm=MacAlgorithm.HMAC_SHA_1_160,
            mac=bytes(MAC_OCTETS),
        )
        layers = [*self.opening(), *extensions, kemac]
        message = bytes(stack(self.header(PSK, 0, v=True), layers))[:-MAC_OCTETS]
        return message + self.mac(self.psk, message)

    def answer(self, policy: int = 0, extensions: Sequence[Layer] = (), name_of_callee: bytes = b"") -> bytes:
        """R_MESSAGE: HDR, T, IDr, extensions, V."""
        return self.verified(self.psk, policy, extensions, name_of_callee)


class PkeExchange(Exchange):
    """Public-key encryption (RFC 3830 §3.2): the envelope key goes to Bob's RSA key, Alice signs."""

    mode = PKE

    @property
    def envelope_key(self) -> bytes:
        """What only Bob can open."""
        return fixed(f"{self.name} envelope")

    def offer(self, extensions: Sequence[Layer] = ()) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDi, IDr, {SP}, extensions, KEMAC, PKE, SIGNi; V is asked for."""
        clear = bytes(self.identity(self.caller) / MIKEY_KeyData(key_type=0, key=self.tgk))
        kemac = MIKEY_KEMAC(
            encryption_algorithm=EncryptionAlgorithm.AES_CM_128,
            data=self.encrypt(self.envelope_key, clear),
            mac_algorithm=MacAlgorithm.HMAC_SHA_1_160,
            mac=bytes(MAC_OCTETS),
        )
        # The MAC covers KEMAC alone, its next payload counted as zero (RFC 3830 §6.2).
        kemac.mac = self.mac(self.envelope_key, bytes(kemac)[:-MAC_OCTETS])
        envelope = MIKEY_PKE(data=encrypt_to("bob", self.envelope_key))
        layers = [*self.opening(), *extensions, kemac, envelope, MIKEY_SIGN(signature=bytes(SIGNATURE_OCTETS))]
        return sign(bytes(stack(self.header(PKE, 0, v=True), layers))[:-SIGNATURE_OCTETS], "alice")

    def answer(self, policy: int = 0, extensions: Sequence[Layer] = ()) -> bytes:
        """R_MESSAGE: HDR, T, IDr, extensions, V under the envelope key."""
        return self.verified(self.envelope_key, policy, extensions)


class DhExchange(Exchange):
    """Diffie-Hellman, both sides sign (RFC 3830 §3.3)."""

    mode = DH

    def exponent(self, phone: Phone) -> int:
        """The secret of one side."""
        return int.from_bytes(fixed(f"{self.name} {phone.name} exponent", 32), "big")

    def value(self, phone: Phone) -> MIKEY_DH:
        """g^x of one side."""
        return MIKEY_DH(group=0, value=pow(2, self.exponent(phone), PRIME).to_bytes(GROUP_OCTETS, "big"))

    @property
    def tgk(self) -> bytes:
        """g^(xi·xr)."""
        power = self.exponent(self.caller) * self.exponent(self.callee)
        return pow(2, power, PRIME).to_bytes(GROUP_OCTETS, "big")

    def offer(self, extensions: Sequence[Layer] = ()) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDi, IDr, {SP}, extensions, DHi, SIGNi."""
        layers = [*self.opening(), *extensions, self.value(self.caller), MIKEY_SIGN(signature=bytes(SIGNATURE_OCTETS))]
        return sign(bytes(stack(self.header(DH, 0), layers))[:-SIGNATURE_OCTETS], "alice")

    def answer(self, policy: int = 0, extensions: Sequence[Layer] = ()) -> bytes:
        """R_MESSAGE: HDR, T, IDr, IDi, extensions, DHr, DHi, SIGNr."""
        identities = [self.identity(self.callee), self.identity(self.caller)]
        values = [self.value(self.callee), self.value(self.caller)]
        signature = MIKEY_SIGN(signature=bytes(SIGNATURE_OCTETS))
        layers = [MIKEY_T(value=self.timestamp), *identities, *extensions, *values, signature]
        return sign(bytes(stack(self.header(PUBLIC_DATA_TYPES[DH], policy), layers))[:-SIGNATURE_OCTETS], "bob")

# SPDX-License-Identifier: GPL-2.0-only
"""What is known about one sender's protection, and the session keys that follow from it (RFC 3711 §3.2)."""

from enum import IntEnum
from functools import cached_property

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from analyzer.srtp.ciphers import Aead, aead_of, block_encryptor
from analyzer.srtp.index import MAX_ROC
from analyzer.srtp.kdf import KeyDerivation, SessionKeys, Usage, derive_header_keys, derive_session_keys
from analyzer.srtp.suites import Cipher, SrtpError, Suite
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.secret import Secret

ROC_SEARCH_LIMIT = 1 << 14
MAX_STREAM_KEYS = 32
MAX_CACHED_SESSIONS = 256
ROC_OCTETS = 4
INDEX_BITS = 48


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One master key and salt; `mki` is its identifier in the packets, empty where none is used."""

    key: Secret
    salt: Secret
    mki: bytes = b""


class RccMode(IntEnum):
    """Which packets of a stream whose tags carry the rollover counter have a MAC (RFC 4771 §3)."""

    NONE = 0
    MODE_1 = 1  # those that carry it
    MODE_2 = 2  # all
    MODE_3 = 3  # none


@dataclass(frozen=True, slots=True)
class SrtpContext:
    """A sender's protection: the suite, its master keys in the order they are tried, and the session parameters.

    With MKIs the packet names its key; several keys without MKI are tried one after another (a re-key). `roc` is the
    rollover counter of the first packet if it is known. Tag lengths are the suite's unless given; `kdr` counts packets.
    `encrypted_extensions` are the ids of header extension elements that RFC 6904 encrypts. `cryptex` asks for RFC 9335
    when packets are protected; on receipt the packets say themselves whether it is used. With `rcc_mode` the tag of
    every packet whose sequence number `rcc_rate` divides starts with the rollover counter, which its length includes.
    """

    suite: Suite
    keys: tuple[StreamKey, ...]
    kdr: int = 0
    roc: int | None = None
    authenticated: bool = True
    srtp_encrypted: bool = True
    srtcp_encrypted: bool = True
    srtp_tag: int | None = None
    srtcp_tag: int | None = None
    roc_search_limit: int = ROC_SEARCH_LIMIT
    derivation: KeyDerivation = KeyDerivation.RFC
    encrypted_extensions: frozenset[int] = frozenset()
    cryptex: bool = False
    rcc_mode: RccMode = RccMode.NONE
    rcc_rate: int = 1

    def __post_init__(self) -> None:
        if not 0 < len(self.keys) <= MAX_STREAM_KEYS:
            msg = f"{len(self.keys)} master keys, not 1 to {MAX_STREAM_KEYS}"
            raise SrtpError(msg)
        if len({len(key.mki) for key in self.keys}) > 1:
            raise SrtpError("the master keys' identifiers differ in length")
        if not 0 <= self.kdr < 1 << INDEX_BITS or not 0 <= (self.roc or 0) <= MAX_ROC:
            raise SrtpError("a key derivation rate or rollover counter out of range")
        if self.rcc_rate < 1 or (self.rcc_mode and not self.suite.aead and self.srtp_tag_octets < ROC_OCTETS):
            raise SrtpError("no room for the rollover counter in the tag")

    @property
    def mki_octets(self) -> int:
        """Octets of the MKI in every packet."""
        return len(self.keys[0].mki)

    @property
    def proves(self) -> bool:
        """Whether some packet of a stream authenticates."""
        return self.suite.aead or (self.srtp_tag_octets > 0 and self.rcc_mode is not RccMode.MODE_3)

    @property
    def srtp_tag_octets(self) -> int:
        """Octets of tag in an SRTP packet; 0 under UNAUTHENTICATED_SRTP, which AEAD does not know (RFC 4568 §6.3.3)."""
        if not self.authenticated and not self.suite.aead:
            return 0
        return self.suite.srtp_tag_octets if self.srtp_tag is None or self.suite.aead else self.srtp_tag

    @property
    def srtcp_tag_octets(self) -> int:
        """Octets of tag in an SRTCP packet."""
        return self.suite.srtcp_tag_octets if self.srtcp_tag is None or self.suite.aead else self.srtcp_tag


class Session:
    """Session keys made ready: one block cipher, one keyed HMAC state, one AEAD, for many packets."""

    def __init__(self, suite: Suite, keys: SessionKeys) -> None:
        self.suite = suite
        self.keys = keys

    @cached_property
    def mac(self) -> HMAC:
        """A keyed state to copy, never to update (RFC 3711 §4.2.1)."""
        return HMAC(self.keys.authentication.reveal(), SHA1())  # noqa: S303 - the suites name SHA-1

    @cached_property
    def aead(self) -> Aead:
        """The suite's AEAD under the session encryption key (RFC 7714)."""
        return aead_of(self.suite, self.keys.encryption.reveal())

    def encrypt_blocks(self, blocks: bytes | memoryview, *, mask: bytes = b"") -> bytes:
        """Each 16-octet block under the encryption key, XOR `mask` if one is given."""
        key = self.keys.encryption.reveal()
        if mask:
            key = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        return block_encryptor(self.suite.cipher, key)(blocks)

    def tag(self, *parts: bytes | memoryview) -> bytes:
        """The whole HMAC-SHA1 over the parts in turn."""
        mac = self.mac.copy()
        for part in parts:
            mac.update(part)
        return mac.finalize()

    def open_aead(self, nonce: bytes, data: bytes, associated: bytes) -> bytes | None:
        """The plaintext, or None if the tag does not verify."""
        return self.aead.open(nonce, data, associated)

    def aead_nonce(self, ssrc: int, index: int) -> bytes:
        """The 12-octet IV; `index` is the 48-bit packet index, for SRTCP the 31-bit one (RFC 7714 §8.1, §9.1)."""
        salt = int.from_bytes(self.keys.salt.reveal(), "big")
        return (salt ^ (ssrc << 48 | index)).to_bytes(12, "big")


class KeySchedule:
    """The sessions of a context for one usage, derived when first asked for."""

    def __init__(self, context: SrtpContext, usage: Usage) -> None:
        self.context = context
        self.usage = usage
        self._sessions: dict[tuple[int, int], Session] = {}
        self._header_sessions: dict[tuple[int, int], Session] = {}
        self._by_mki = {key.mki: number for number, key in enumerate(context.keys)}
        self.session(0, 0)

    @property
    def encrypts(self) -> bool:
        """Whether payloads are encrypted at all."""
        suite, context = self.context.suite, self.context
        wanted = context.srtp_encrypted if self.usage is Usage.SRTP else context.srtcp_encrypted
        return wanted and suite.cipher is not Cipher.NULL

    def epoch(self, index: int) -> int:
        """Which derivation a packet index falls into."""
        return index // self.context.kdr if self.context.kdr else 0

    def session(self, key_number: int, index: int) -> Session:
        """The session of one master key for a packet index; raises `SrtpError` for a key that the suite can't take."""
        place = (key_number, self.epoch(index))
        found = self._sessions.get(place)
        if found is None:
            if len(self._sessions) >= MAX_CACHED_SESSIONS:
                self._sessions.clear()
            stream_key, context = self.context.keys[key_number], self.context
            keys = derive_session_keys(
                stream_key.key,
                stream_key.salt,
                context.suite,
                self.usage,
                kdr=context.kdr,
                index=index,
                derivation=context.derivation,
            )
            found = self._sessions[place] = Session(context.suite, keys)
        return found

    def header_session(self, key_number: int, index: int) -> Session:
        """The session for encrypted header extensions of one master key (RFC 6904 §3)."""
        place = (key_number, self.epoch(index))
        found = self._header_sessions.get(place)
        if found is None:
            if len(self._header_sessions) >= MAX_CACHED_SESSIONS:
                self._header_sessions.clear()
            stream_key, context = self.context.keys[key_number], self.context
            keys = derive_header_keys(
                stream_key.key,
                stream_key.salt,
                context.suite,
                kdr=context.kdr,
                index=index,
                derivation=context.derivation,
            )
            found = self._header_sessions[place] = Session(context.suite, keys)
        return found

    def key_number(self, mki: bytes) -> int | None:
        """Which master key an MKI names, or None."""
        return self._by_mki.get(mki)

# SPDX-License-Identifier: GPL-2.0-only
"""What the keys prove: how a media line was keyed, and what each stream's packets show."""

from dataclasses import field
from typing import NamedTuple

from analyzer.model.call import BoundStream, Side
from analyzer.model.evidence import FrameRef, Protection, Wire
from analyzer.model.mikey_facts import MikeyFact
from analyzer.model.words import Word
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import MikeyMessage, SecurityPolicy
from dissectors.grammar.sdes import CryptoAttribute
from dissectors.grammar.secret import Secret


class MasterKey(NamedTuple):
    """An SRTP master key with what it may open; `bound` says that it is bound to this exchange by more than hope.

    `index_range` are the first and last packet index of a key with an interval of validity (RFC 3830 §6.14).
    `sent_from` and `destination` are the endpoints between which a DTLS handshake agreed on it, the sender's first.
    """

    suite: str  # IANA spelling
    key: Secret
    salt: Secret
    source: str  # "sdes", "mikey", "dtls", "key-ring"
    bound: bool
    sender: Side | None = None
    ssrc: int | None = None
    destination: str | None = None
    mki: bytes = b""
    roc: int | None = None
    index_range: tuple[int, int] | None = None
    kdr: int = 0
    srtp_encrypted: bool = True
    srtcp_encrypted: bool = True
    authenticated: bool = True
    label: str = ""  # a variant worth naming, such as the libmikey derivation
    sent_from: str | None = None
    encrypted_extensions: frozenset[int] = frozenset()  # ids of header extension elements (RFC 6904)
    tag_octets: int | None = None  # of SRTP, where it is not the suite's
    derivation: str = ""  # of a stack that derives session keys its own way
    rcc_mode: int = 0  # RFC 4771: 1 to 3, where tags carry the rollover counter
    rcc_rate: int = 1
    lifetime: int | None = None  # packets that may be protected with it (RFC 4568 §6.1)


class MacState(NamedTuple):
    """The outcome of checking one MIKEY message: True, False or None, and how that is known.

    `vouched` is False for a signature under a certificate that the message alone brings: whoever rewrites a message
    can sign it anew with one of his own (RFC 3830 §4.3).
    """

    verified: bool | None
    how: str
    vouched: bool = True

    @property
    def authentic(self) -> bool | None:
        """Whether the message is its stated sender's; None where it verifies and nobody vouches for the signer."""
        return self.verified if self.vouched else None


BODY, ALONE = "body", "message"


@dataclass(frozen=True, slots=True)
class MikeyEvidence:
    """One MIKEY message of an offer or answer, and what the key ring proved of it.

    `octets` and `message` are None where the attribute's value is not base64 or not MIKEY. `mac` is None when no
    check was possible at all (no key tried, mode without PSK). `inherited` are the policies of the bundle that the
    message updates, where it brings none of its own (RFC 3830 §4.5). `facts` are what it establishes. `transport` and
    `sent_ns` are those of what carried it ("" and 0: not known).
    """

    ref: FrameRef
    level: str  # "session" or "media"; "body" beside a session description, "message" without one
    line_number: int
    side: Side
    protocol: str
    octets: bytes | None
    message: MikeyMessage | None
    mac: MacState
    bound_key: bool
    defects: tuple[Defect, ...] = ()
    inherited: tuple[SecurityPolicy, ...] = ()
    facts: tuple[MikeyFact, ...] = ()
    transport: str = ""
    sent_ns: int = 0

    @property
    def policies(self) -> tuple[SecurityPolicy, ...]:
        """The security policies that hold for the message: its own, else the inherited ones."""
        own = () if self.message is None else self.message.find_all(SecurityPolicy)
        return own or self.inherited


class Shared(Word):
    """What a MIKEY message has in common with an earlier one of the capture set, and ought not to have."""

    MESSAGE = "message"  # every octet, in another call
    TIMESTAMP = "timestamp"  # T of the same initiator, in other octets
    KEYSTREAM = "keystream"  # all that encr_key and IV follow from, under other cipher text
    RAND = "RAND"  # in another crypto session bundle
    DH_VALUE = "DH value"  # in another crypto session bundle
    CSB_ID = "CSB ID"  # between the same two parties, in another call


class MikeyReuse(NamedTuple):
    """One thing that a MIKEY message shares with `other`, which was sent earlier.

    `settled` says of a shared message whether the earlier offer was answered, refused or given up before this one was
    sent: otherwise both may be legs of one call.
    """

    shared: Shared
    ref: FrameRef
    other: FrameRef
    other_call_id: str
    settled: bool = True


class MikeyUpdate(NamedTuple):
    """A message that executes MIKEY again for a bundle of the same call; `faults` are what RFC 3830 §4.5 forbids."""

    ref: FrameRef
    initial: FrameRef
    faults: tuple[str, ...] = ()


class MikeyFreshness(NamedTuple):
    """How the MIKEY messages of one media line stand to the others of the capture set."""

    reuses: tuple[MikeyReuse, ...] = ()
    updates: tuple[MikeyUpdate, ...] = ()
    compared_with: int = 0  # initiators' messages of other offers in the capture set


NOT_COMPARED = MikeyFreshness()


Fingerprint = tuple[str, str]  # hash algorithm in lower case, digest as upper-case hexadecimal pairs with colons


class PassportEvidence(NamedTuple):
    """One Identity of a message with a session description (RFC 8224), and what a certificate proved of it.

    `media_keys` are the fingerprints of its `mky` claim (None: it has none), `fingerprints` those of the description.
    `issued_s` is its `iat`, in seconds since 1970; `is_readable` says that its claims are in the message. `verified`
    is None where no certificate of the key ring fits: that proves nothing.
    """

    ref: FrameRef
    side: Side
    seen_ns: int
    extension: str | None
    is_readable: bool
    media_keys: frozenset[Fingerprint] | None
    fingerprints: frozenset[Fingerprint]
    issued_s: int | None
    verified: bool | None
    how: str


class CertificateEvidence(NamedTuple):
    """Whether a side's certificate on the media path is that whose fingerprint it announced in `ref` (RFC 8122 §6).

    `matches` is None where no certificate of that side can be seen or compared; `shown` is where one was.
    """

    side: Side
    ref: FrameRef
    matches: bool | None
    how: str
    shown: tuple[FrameRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Keying:
    """How one media line of one exchange was keyed; `method` names the key agreement that was chosen or offered.

    `verified` and `how` are as the page of verdicts defines them. `response_required` and `response_verified` speak
    of MIKEY's verification message (None: not seen or no key). `keys_missing` says that handshakes were seen on the
    media path whose keys are not at hand, so that a packet which fails refutes nothing, `keys_unproved` that nothing
    shows whether the message that `keys` follow from was altered. `replaced` are the keys of the line's exchange
    before, under which packets may still come. `facts` say how the keys that MIKEY gave are known.
    `refusals` are the MIKEY error messages with which this offer, or last an earlier one of its party, was refused.
    `passports` say who vouches for the fingerprints of offer and answer, `certificates` whether handshakes fit them.
    """

    method: str | None
    verified: bool | None
    how: str
    keys: tuple[MasterKey, ...] = ()
    defects: tuple[Defect, ...] = ()
    offered_crypto: tuple[CryptoAttribute, ...] = ()
    accepted_crypto: tuple[CryptoAttribute, ...] = ()
    mikey: tuple[MikeyEvidence, ...] = ()
    response_required: bool = False
    response_seen: bool = False
    response_verified: bool | None = None
    authentic: bool | None = None  # False: a MAC, signature or V fails with a bound key
    keys_missing: bool = False
    keys_unproved: bool = False
    replaced: tuple[MasterKey, ...] = ()
    facts: tuple[MikeyFact, ...] = ()
    refusals: tuple[MikeyEvidence, ...] = ()
    passports: tuple[PassportEvidence, ...] = ()
    certificates: tuple[CertificateEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class RtcpCount:
    """RTCP beside one stream: how many datagrams, what became of them, and what was odd about those under a key."""

    packets: int = 0
    authenticated: int = 0
    failed: int = 0
    clear: int = 0
    tag_octets: int | None = None
    defects: tuple[Defect, ...] = ()


NO_RTCP = RtcpCount()


@dataclass(frozen=True, slots=True)
class StreamAudit:
    """What the packets of one stream (within one exchange) show.

    Counts are RTP packets. `clear` counts packets proved clear within the exchange after its answer, `clear_early`
    those before the answer. `tag_octets` is the tag length that the sizes show, `expected_tag_octets` the suite's.
    `not_tried` packets could be neither authenticated nor refuted; `reason` says why, or why the stream stays shut.
    `key` opened it; `fitting` are keys that open a stream which does not authenticate as was agreed.
    `keys_unseen` counts packets that may be under keys which missing messages brought.
    `bound_key` says that a key bound to this exchange was tried. `mki_fault` says how the MKI of packets under the key
    differs from what was signalled, or that its length changes; it is empty where all is well. `clear_frames` lists the
    first packets proved clear, `clear_map` has a bit for each packet of the stream, the first one highest: set where it
    was proved clear.
    """

    bound: BoundStream
    protection: Protection
    wire: Wire
    suite: str | None
    packets: int
    lost: int
    first_frame: int
    last_frame: int
    payload_types: tuple[int, ...]
    authenticated: int = 0
    failed: int = 0
    decrypted: int = 0
    not_tried: int = 0
    keys_unseen: int = 0
    clear: int = 0
    clear_early: int = 0
    tag_octets: int | None = None
    expected_tag_octets: int | None = None
    bound_key: bool = False
    key: MasterKey | None = None
    fitting: tuple[MasterKey, ...] = ()
    reason: str = ""
    mki_fault: str = ""
    rtcp: RtcpCount = RtcpCount()
    failed_frames: tuple[int, ...] = ()
    clear_frames: tuple[int, ...] = ()
    clear_map: bytes = b""
    jitter_seconds: float | None = None
    duration_seconds: float | None = None
    defects: tuple[Defect, ...] = field(default=())

    @property
    def first(self) -> FrameRef:
        """Where its first packet stands."""
        return self.bound.stream.ref(self.first_frame)

    @property
    def last(self) -> FrameRef:
        """Where its last packet stands: in a later file, where a set of files is read as one capture."""
        return self.bound.stream.ref(self.last_frame)

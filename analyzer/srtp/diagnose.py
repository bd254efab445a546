# SPDX-License-Identifier: GPL-2.0-only
"""Why a stream does not open under a key: the causes that are known to happen, each one tried (SRT-003)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.clear_test import Clearness
from analyzer.srtp.columns import PacketColumns, packet_columns
from analyzer.srtp.context import ROC_OCTETS, ROC_SEARCH_LIMIT, RccMode, SrtpContext, StreamKey
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.payload_reading import NO_ENCODINGS, Encodings, read_payloads
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from analyzer.srtp.suites import SUITES, SrtpError, Suite
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.secret import Secret

SAMPLE_PACKETS = 32
CLEAR_SAMPLE_PACKETS = 512
NEEDED = 2
TAG_OCTETS = (4, 8, 10, 12, 16, 20)
TRIAL_ROC_LIMIT = 4
TRIAL_PACKETS = 8
MAX_KDR_EXPONENT = 24
FAR_ROC_LIMIT = 1 << 18  # where SRTCP has proved the key, so that only the counter can be wrong
AES_192_NOTE = "libsrtp derives AES-192 session keys its own way"


class FailureReason(Enum):
    """Why packets do not authenticate."""

    NONE = "authenticates"
    SOME = "some packets fail"
    NO_PACKETS = "no RTP packets"
    TRUNCATED = "cut by the snaplen"
    CLEAR = "not SRTP: the payload is clear"
    NO_TAGS = "encrypted with the key, but without authentication tags"
    TAG_LENGTH = "another tag length"
    UNSIGNALLED_MKI = "an MKI that was not signalled"
    ABSENT_MKI = "the signalled MKI is absent"
    UNKNOWN_MKI = "an MKI that no key at hand has"
    OTHER_SUITE = "another suite under the same key"
    OTHER_DIRECTION = "the key of the other direction"
    OTHER_KEY = "another key fits"
    CARRIED_ROC = "tags carry the rollover counter (RFC 4771) otherwise than was said"
    DEVIANT_DERIVATION = "a key derivation that strays from the RFCs"
    ROLLOVER = "a rollover counter out of reach"
    ALTERED = "altered packets: deciphered they read as clear payload, but their tags do not verify"
    WRONG_KEY = "wrong key or altered packets"


class Trial(NamedTuple):
    """A protection worth trying: the cause that it would prove, what there is to say of it, and its context."""

    reason: FailureReason
    detail: str
    context: SrtpContext


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A reason and what was found: `detail` for a reader, `context` the protection under which packets do open."""

    reason: FailureReason
    detail: str = ""
    context: SrtpContext | None = None

    def __str__(self) -> str:
        return self.reason.value + (f" ({self.detail})" if self.detail else "")


def diagnose_stream(
    packets: Sequence[bytes] | PacketColumns,
    context: SrtpContext,
    rivals: Sequence[Trial] = (),
    *,
    encodings: Encodings = NO_ENCODINGS,
    key_proved: bool = False,
    rocs_tried: int | None = None,
) -> Diagnosis:
    """The first cause that explains why `packets` do not open under `context`.

    `rivals` are protections by other keys worth a trial, such as that of the other direction; `key_proved` says that
    SRTCP under the same master key authenticates, `rocs_tried` that so many rollover counters were tried. A sample of
    the packets is used; two must authenticate, or read as clear payload where there are no tags, for a cause to count.
    """
    columns = packets if isinstance(packets, PacketColumns) else packet_columns(packets)
    rtp = columns.select(np.flatnonzero(columns.headers.rtp))
    if not len(rtp):
        return Diagnosis(FailureReason.NO_PACKETS)
    whole = rtp.select(np.flatnonzero(rtp.lengths == rtp.wire_lengths))
    if not len(whole):
        return Diagnosis(FailureReason.TRUNCATED, f"{len(rtp)} packets are not whole in the capture")
    sample = _sample(whole, SAMPLE_PACKETS)
    tried = context.roc_search_limit if rocs_tried is None else rocs_tried
    first = context if rocs_tried is None else replace(context, roc_search_limit=TRIAL_ROC_LIMIT)
    opening = open_stream(sample, first)
    if opening.mki_octets != context.mki_octets:
        place = "behind" if context.suite.aead else "before"
        detail = f"{opening.mki_octets} octets {place} the tag"
        return Diagnosis(FailureReason.UNSIGNALLED_MKI, detail, opening.context)
    if opening.authenticated.any():
        return _partly(opening)
    trials = (*key_trials(context), *rivals)
    return (
        _clear(whole, encodings)
        or _fitting(_sample(whole, TRIAL_PACKETS), trials)
        or _without_tags(whole, context, encodings)
        or _hopeless(sample, opening, (len(trials), tried), key_proved=key_proved)
    )


def _sample(columns: PacketColumns, packets: int) -> PacketColumns:
    """Neighbours from the start and from the middle, so that one bad spell does not decide."""
    if len(columns) <= packets:
        return columns
    half, middle = packets // 2, len(columns) // 2
    return columns.select(np.concatenate((np.arange(half), np.arange(middle, min(middle + half, len(columns))))))


def _partly(opening: StreamOpening) -> Diagnosis:
    failed = int(opening.failed.sum())
    if not failed:
        return Diagnosis(FailureReason.NONE, context=opening.context)
    detail = f"{failed} of {len(opening.packets)} sampled packets fail"
    return Diagnosis(FailureReason.SOME, detail, opening.context)


def _clear(columns: PacketColumns, encodings: Encodings) -> Diagnosis | None:
    test = read_payloads(columns, None, encodings, CLEAR_SAMPLE_PACKETS)
    if test.clearness is not Clearness.CLEAR:
        return None
    behind = f", {test.trailer_octets} octets behind the frames" if test.trailer_octets else ""
    return Diagnosis(FailureReason.CLEAR, f"the octets of {test.packets} payloads are far from uniform{behind}")


def _fitting(sample: PacketColumns, trials: Sequence[Trial]) -> Diagnosis | None:
    for reason, detail, context in trials:
        opening = _tried(sample, context)
        if opening is None or opening.count(PacketOutcome.AUTHENTICATED) < min(NEEDED, len(sample)):
            continue
        fitting = replace(context if context.rcc_mode else opening.context, roc_search_limit=ROC_SEARCH_LIMIT)
        if reason is FailureReason.ABSENT_MKI and opening.mki_octets:
            return Diagnosis(FailureReason.UNKNOWN_MKI, f"the packets say {fitting.keys[0].mki.hex()}", fitting)
        return Diagnosis(reason, detail, fitting)
    return None


def _tried(sample: PacketColumns, context: SrtpContext) -> StreamOpening | None:
    try:
        return open_stream(sample, context)
    except SrtpError:
        return None


def _without_tags(columns: PacketColumns, context: SrtpContext, encodings: Encodings) -> Diagnosis | None:
    """What no tag can tell a codec's frames do: they read as clear payload behind the cipher (RFC 4568 §6.3.3)."""
    if context.suite.aead or not context.srtp_encrypted:
        return None
    keys = tuple(StreamKey(key.key, key.salt) for key in context.keys[:1])
    bare = replace(context, authenticated=False, keys=keys, rcc_mode=RccMode.NONE)
    test = read_payloads(columns, bare, encodings, CLEAR_SAMPLE_PACKETS)
    if test.clearness is not Clearness.CLEAR:
        return None
    if test.trailer_octets and test.trailer_octets == context.mki_octets + context.srtp_tag_octets:
        return Diagnosis(FailureReason.ALTERED)
    return Diagnosis(FailureReason.NO_TAGS, "as under UNAUTHENTICATED_SRTP", bare)


def _hopeless(sample: PacketColumns, opening: StreamOpening, tried: tuple[int, int], *, key_proved: bool) -> Diagnosis:
    context = opening.context
    if opening.count(PacketOutcome.UNKNOWN_MKI) == len(sample):
        known = ", ".join(key.mki.hex() for key in context.keys)
        return Diagnosis(FailureReason.UNKNOWN_MKI, f"the keys have {known}")
    if not key_proved:
        readings, counters = tried
        detail = f"{readings} other readings and rollover counters below {counters} were tried"
        return Diagnosis(FailureReason.WRONG_KEY, detail)
    far = _tried(sample, replace(context, roc_search_limit=FAR_ROC_LIMIT))
    if far is not None and far.roc:
        start = next(iter(far.roc.values()))[0]
        return Diagnosis(FailureReason.ROLLOVER, f"it starts at {start}", replace(context, roc=start))
    tried_far = f"no counter below {FAR_ROC_LIMIT} fits, or the packets are altered"
    detail = f"the key is right, its SRTCP authenticates; {tried_far}"
    return Diagnosis(FailureReason.ROLLOVER, detail)


def key_trials(context: SrtpContext) -> Iterator[Trial]:
    """What the same master keys may do under another protection than `context`, likely causes first."""
    few = replace(context, roc_search_limit=min(context.roc_search_limit, TRIAL_ROC_LIMIT))
    yield from _derivation_trials(few)
    yield from _mki_trials(few)
    yield from _rcc_trials(few)
    yield from _tag_trials(few)
    yield from _suite_trials(few)


def _mki_trials(context: SrtpContext) -> Iterator[Trial]:
    if context.mki_octets:
        bare = tuple(StreamKey(key.key, key.salt) for key in context.keys)
        place = "behind" if context.suite.aead else "before"
        detail = f"{context.mki_octets} octets were to stand {place} the tag"
        yield Trial(FailureReason.ABSENT_MKI, detail, replace(context, keys=bare))


def _rcc_trials(context: SrtpContext) -> Iterator[Trial]:
    if context.rcc_mode:
        plain = replace(context, rcc_mode=RccMode.NONE)
        yield Trial(FailureReason.CARRIED_ROC, "in no packet, or not in those whose number the rate divides", plain)
    elif context.suite.aead:
        yield Trial(FailureReason.CARRIED_ROC, "behind each of them", replace(context, rcc_mode=RccMode.MODE_3))
    elif context.srtp_tag_octets > ROC_OCTETS:
        yield Trial(FailureReason.CARRIED_ROC, "in each of them", replace(context, rcc_mode=RccMode.MODE_2))


def _tag_trials(context: SrtpContext) -> Iterator[Trial]:
    suite = context.suite
    if suite.aead:
        return
    named = {other.srtp_tag_octets: other.name for other in reversed(SUITES) if _only_tag_differs(suite, other)}
    for octets in TAG_OCTETS:
        if octets == context.srtp_tag_octets:
            continue
        trial = replace(context, srtp_tag=octets, authenticated=True)
        if octets in named:
            yield Trial(FailureReason.OTHER_SUITE, named[octets], trial)
        else:
            yield Trial(FailureReason.TAG_LENGTH, f"{octets} octets, not {context.srtp_tag_octets}", trial)


def _only_tag_differs(suite: Suite, other: Suite) -> bool:
    return not other.aead and (other.cipher, other.key_octets) == (suite.cipher, suite.key_octets)


def _suite_trials(context: SrtpContext) -> Iterator[Trial]:
    """Every suite of the table whose key has this length; a salt is cut or filled up with zeros."""
    suite = context.suite
    for other in SUITES:
        same = other is suite or (not suite.aead and _only_tag_differs(suite, other))
        if same or not other.available or other.key_octets != suite.key_octets:
            continue
        keys = tuple(StreamKey(key.key, _resized(key.salt, other.salt_octets), key.mki) for key in context.keys)
        trial = replace(context, suite=other, keys=keys, srtp_tag=None, srtcp_tag=None, authenticated=True)
        yield Trial(FailureReason.OTHER_SUITE, other.name, trial)


def _resized(salt: Secret, octets: int) -> Secret:
    return Secret(salt.reveal()[:octets].ljust(octets, b"\0"))


def _derivation_trials(context: SrtpContext) -> Iterator[Trial]:
    if context.kdr:
        detail = "keys derived once, whatever the key derivation rate says"
        yield Trial(FailureReason.DEVIANT_DERIVATION, detail, replace(context, kdr=0))
        if context.kdr <= MAX_KDR_EXPONENT:
            detail = f"a key derivation rate of 2^{context.kdr}, not {context.kdr}"
            yield Trial(FailureReason.DEVIANT_DERIVATION, detail, replace(context, kdr=1 << context.kdr))
    if context.suite.key_octets == 24 and context.derivation is KeyDerivation.RFC:
        trial = replace(context, derivation=KeyDerivation.LIBSRTP_AES_192)
        yield Trial(FailureReason.DEVIANT_DERIVATION, AES_192_NOTE, trial)

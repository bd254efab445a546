# SPDX-License-Identifier: GPL-2.0-only
"""Why a stream does not open under a key: a short list of causes, each one tried (SRT-003)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from analyzer.srtp.bulk import PacketOutcome, StreamOpening, open_stream
from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.columns import PacketColumns, packet_columns, read_rtp_headers
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.suites import SUITES, SrtpError

SAMPLE_PACKETS = 32
NEEDED = 2
TAG_OCTETS = (4, 8, 10, 12, 16, 20)
TRIAL_ROC_LIMIT = 256


class FailureReason(Enum):
    """Why packets do not authenticate."""

    NONE = "authenticates"
    SOME = "some packets fail"
    NO_PACKETS = "no RTP packets"
    TRUNCATED = "cut by the snaplen"
    CLEAR = "not SRTP: the payload is clear"
    TAG_LENGTH = "another tag length"
    UNSIGNALLED_MKI = "an MKI that was not signalled"
    OTHER_SUITE = "another suite under the same key"
    OTHER_KEY = "another key fits"
    DEVIANT_DERIVATION = "a key derivation that strays from the RFCs"
    WRONG_KEY = "wrong key or altered packets"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A reason and what was found: `detail` for a reader, `context` the protection under which packets do open."""

    reason: FailureReason
    detail: str = ""
    context: SrtpContext | None = None


def diagnose_stream(
    packets: Sequence[bytes] | PacketColumns,
    context: SrtpContext,
    candidates: Sequence[tuple[str, SrtpContext]] = (),
    *,
    encoding: str | None = None,
) -> Diagnosis:
    """The first cause that explains why `packets` do not open under `context`.

    `candidates` are other protections worth a trial with a name each, such as that of the other direction. A sample of
    the packets is used; two must authenticate for a cause to count.
    """
    columns = packets if isinstance(packets, PacketColumns) else packet_columns(packets)
    headers = read_rtp_headers(columns)
    rtp = columns.select(np.flatnonzero(headers.rtp))
    if not len(rtp):
        return Diagnosis(FailureReason.NO_PACKETS)
    whole = rtp.select(np.flatnonzero(rtp.lengths == rtp.wire_lengths))
    if not len(whole):
        return Diagnosis(FailureReason.TRUNCATED, f"{len(rtp)} packets are not whole in the capture")
    sample = _sample(whole)
    opening = open_stream(sample, context)
    if opening.mki_octets != context.mki_octets:
        detail = f"{opening.mki_octets} octets before the tag"
        return Diagnosis(FailureReason.UNSIGNALLED_MKI, detail, opening.context)
    if opening.authenticated.any():
        return _partly(opening)
    return _clear(whole, encoding) or _elsewhere(sample, context, candidates) or Diagnosis(FailureReason.WRONG_KEY)


def _sample(columns: PacketColumns) -> PacketColumns:
    """Neighbours from the start and from the middle, so that one bad spell does not decide."""
    if len(columns) <= SAMPLE_PACKETS:
        return columns
    half, middle = SAMPLE_PACKETS // 2, len(columns) // 2
    return columns.select(np.concatenate((np.arange(half), np.arange(middle, min(middle + half, len(columns))))))


def _partly(opening: StreamOpening) -> Diagnosis:
    failed = int(opening.failed.sum())
    if not failed:
        return Diagnosis(FailureReason.NONE, context=opening.context)
    detail = f"{failed} of {len(opening.packets)} sampled packets fail"
    return Diagnosis(FailureReason.SOME, detail, opening.context)


def _clear(columns: PacketColumns, encoding: str | None) -> Diagnosis | None:
    headers = read_rtp_headers(columns)
    types, counts = np.unique(headers.payload_type, return_counts=True)
    most = int(types[counts.argmax()])
    few = columns.select(np.flatnonzero(headers.payload_type == most)[: SAMPLE_PACKETS * 16])
    heads = read_rtp_headers(few)
    payloads = [few.packet(number)[int(heads.header_octets[number]) :] for number in range(len(few))]
    test = classify_payloads(
        payloads, most, encoding, sequence_numbers=heads.sequence_number, rtp_timestamps=heads.timestamp
    )
    if test.clearness is not Clearness.CLEAR:
        return None
    behind = f", {test.trailer_octets} octets behind the frames" if test.trailer_octets else ""
    return Diagnosis(FailureReason.CLEAR, f"the octets of {test.packets} payloads are far from uniform{behind}")


def _elsewhere(
    sample: PacketColumns, context: SrtpContext, candidates: Sequence[tuple[str, SrtpContext]]
) -> Diagnosis | None:
    trials = (*_variants(context), *((FailureReason.OTHER_KEY, name, other) for name, other in candidates))
    for reason, detail, trial in trials:
        try:
            opening = open_stream(sample, trial)
        except SrtpError:
            continue
        if opening.count(PacketOutcome.AUTHENTICATED) >= min(NEEDED, len(sample)):
            return Diagnosis(reason, detail, opening.context)
    return None


def _variants(context: SrtpContext) -> Iterator[tuple[FailureReason, str, SrtpContext]]:
    suite = context.suite
    few = replace(context, roc_search_limit=min(context.roc_search_limit, TRIAL_ROC_LIMIT))
    if not suite.aead:
        same_key = {
            other.srtp_tag_octets: other.name
            for other in reversed(SUITES)
            if other.available
            and not other.aead
            and other.cipher is suite.cipher
            and other.key_octets == suite.key_octets
        }
        for octets in TAG_OCTETS:
            if octets == context.srtp_tag_octets:
                continue
            trial = replace(few, srtp_tag=octets, authenticated=True)
            if octets in same_key:
                yield FailureReason.OTHER_SUITE, same_key[octets], trial
            else:
                yield FailureReason.TAG_LENGTH, f"{octets} octets", trial
    if suite.key_octets == 24 and context.derivation is KeyDerivation.RFC:
        trial = replace(few, derivation=KeyDerivation.LIBSRTP_AES_192)
        yield FailureReason.DEVIANT_DERIVATION, "libsrtp 2.5 with NSS derives AES-192 session keys its own way", trial
    if context.mki_octets:
        bare = tuple(StreamKey(key.key, key.salt) for key in context.keys)
        yield FailureReason.UNSIGNALLED_MKI, "the signalled MKI is absent", replace(few, keys=bare)

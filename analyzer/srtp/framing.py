# SPDX-License-Identifier: GPL-2.0-only
"""What the sizes of payloads show: octets beyond a fixed-rate codec's frames are tag and MKI (SRT-002)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import Numbers

MIN_PACKETS = 8
AGREEMENT = 0.9
MAX_RESIDUE_OCTETS = 256
SEQUENCE_NUMBERS = 1 << 16
TIMESTAMPS = 1 << 32

# Octets of payload for so many ticks of the RTP clock (RFC 3551 §4.5; RFC 3952 for iLBC has two frame sizes, left out).
FRAMES: dict[str, tuple[int, int]] = {
    "PCMU": (1, 1),
    "PCMA": (1, 1),
    "G722": (1, 1),
    "L8": (1, 1),
    "L16": (2, 1),
    "GSM": (33, 160),
    "G729": (10, 80),
    "G728": (5, 20),
    "G726-40": (5, 8),
    "G726-32": (4, 8),
    "G726-24": (3, 8),
    "G726-16": (2, 8),
    "AAL2-G726-40": (5, 8),
    "AAL2-G726-32": (4, 8),
    "AAL2-G726-24": (3, 8),
    "AAL2-G726-16": (2, 8),
}
STATIC_ENCODINGS = {0: "PCMU", 3: "GSM", 8: "PCMA", 9: "G722", 10: "L16", 11: "L16", 15: "G728", 18: "G729"}


def encoding_of(payload_type: int, encoding: str | None) -> str | None:
    """The encoding's name in capitals: as SDP gives it, else by the static payload type (RFC 3551 §6)."""
    return encoding.upper() if encoding else STATIC_ENCODINGS.get(payload_type)


def timestamp_deltas(sequence_numbers: Numbers, rtp_timestamps: Numbers) -> Numbers:
    """For each packet the clock ticks to its successor, 0 where the next packet has not the next sequence number."""
    deltas = np.zeros(len(sequence_numbers), dtype=np.int64)
    if len(sequence_numbers) > 1:
        next_in_line = _steps(sequence_numbers) & (SEQUENCE_NUMBERS - 1) == 1
        ticks = _steps(rtp_timestamps) & (TIMESTAMPS - 1)
        deltas[:-1] = np.where(next_in_line & (ticks < TIMESTAMPS // 2), ticks, 0)
    return deltas


def _steps(values: Numbers) -> Numbers:
    wide: Numbers = np.asarray(values, dtype=np.int64)
    return wide[1:] - wide[:-1]


def frame_octets(ticks: Numbers, encoding: str, channels: int = 1) -> Numbers:
    """Octets of payload that `ticks` of the clock take, 0 where they are no whole number of frames."""
    octets, per = FRAMES[encoding]
    frames, rest = np.divmod(np.asarray(ticks, dtype=np.int64), per)
    return np.where(rest == 0, frames * octets * channels, 0)


def classify_tag_length(
    payload_lengths: Sequence[int] | Numbers,
    encoding: str | None,
    ticks: Sequence[int] | Numbers,
    *,
    payload_type: int = 127,
    channels: int = 1,
) -> int | None:
    """Octets that follow the codec's frames in nearly every packet: tag and MKI together, 0 for none; None if unclear.

    `payload_lengths` count octets behind the RTP header, `ticks` are `timestamp_deltas`. G.729 is read by its clock
    too, because a tag of ten octets looks like one more frame.
    """
    name = encoding_of(payload_type, encoding)
    if name not in FRAMES:
        return None
    lengths = np.asarray(payload_lengths, dtype=np.int64)
    expected = frame_octets(np.asarray(ticks, dtype=np.int64), name, channels)
    known: NDArray[np.bool_] = (expected > 0) & (lengths >= expected - MAX_RESIDUE_OCTETS)
    return agreed_residue((lengths - expected)[known])


def agreed_residue(residues: Numbers) -> int | None:
    """The residue that nearly all packets have: where there is one, it stands in the middle of all in order."""
    if len(residues) < MIN_PACKETS:
        return None
    residue = int(np.sort(residues)[len(residues) // 2])
    agreeing = int(np.count_nonzero(residues == residue))
    return residue if agreeing >= AGREEMENT * len(residues) and 0 <= residue <= MAX_RESIDUE_OCTETS else None

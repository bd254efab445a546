# SPDX-License-Identifier: GPL-2.0-only
"""How payloads read, as they stand or behind a cipher: what reads as its codec does proves a key where no tag can."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.clear_test import Clearness, ClearTest, classify_payloads
from analyzer.srtp.columns import Numbers, PacketColumns
from analyzer.srtp.context import SrtpContext

SAMPLE_PACKETS = 128
GLANCE_PACKETS = 32
GLANCE_OCTETS = 256
GLANCE_CHI_SQUARE = 350.0  # 255 degrees of freedom: cipher text passes over it once in ten thousand glances
Encodings = Mapping[int, str]  # by payload type, as descriptions map them
NO_ENCODINGS: Encodings = MappingProxyType({})


def read_payloads(
    columns: PacketColumns,
    context: SrtpContext | None = None,
    encodings: Encodings = NO_ENCODINGS,
    packets: int = SAMPLE_PACKETS,
) -> ClearTest:
    """The clear test over the first `packets` packets of the commonest payload type, opened under `context` if given.

    Only packets that open are read.
    """
    headers = columns.headers
    types, counts = np.unique(headers.payload_type[headers.rtp], return_counts=True)
    if not len(types):
        return ClearTest(Clearness.UNKNOWN, 0, 0, None, 0.0)
    most = int(types[counts.argmax()])
    few = columns.select(np.flatnonzero(headers.rtp & (headers.payload_type == most))[:packets])
    heads = few.headers
    found = dict(open_stream(few, context).clear_packets()) if context else dict(enumerate(_packets(few)))
    numbers = np.array(list(found), dtype=np.int64)
    return classify_payloads(
        [packet[int(heads.header_octets[number]) :] for number, packet in found.items()],
        most,
        encodings.get(most),
        sequence_numbers=heads.sequence_number[numbers],
        rtp_timestamps=heads.timestamp[numbers],
    )


def _packets(columns: PacketColumns) -> list[bytes]:
    return [columns.packet(number) for number in range(len(columns))]


def is_clear_as_it_stands(columns: PacketColumns, encodings: Encodings = NO_ENCODINGS) -> bool:
    """Whether payloads of the commonest type are proved clear without any key; a glance ends the search for most.

    What follows the payload (MKI and tag) is to be left out of the packets: it may be the same in all of them.
    """
    headers = columns.headers
    if not headers.rtp.any() or _looks_uniform(columns, headers.header_octets):
        return False
    return read_payloads(columns, None, encodings).clearness is Clearness.CLEAR


def _looks_uniform(columns: PacketColumns, header_octets: Numbers) -> bool:
    """Whether in a few payloads no octet is much more frequent than by chance, nor any at their start."""
    few = range(0, len(columns), max(len(columns) // GLANCE_PACKETS, 1))
    payloads = [columns.packet(number)[int(header_octets[number]) :] for number in few]
    octets = b"".join(payloads)
    if len(octets) < GLANCE_OCTETS:
        return False
    counts = np.bincount(np.frombuffer(octets, dtype=np.uint8), minlength=256)
    expected = len(octets) / 256
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    return chi_square < GLANCE_CHI_SQUARE and 2 * len({payload[:1] for payload in payloads}) > len(payloads)

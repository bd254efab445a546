# SPDX-License-Identifier: GPL-2.0-only
"""Some packets of a stream, read without the rest of it."""

import numpy as np

from analyzer.model.arrays import Numbers
from analyzer.model.evidence import MediaStream, PacketFacts, PacketRun

COLUMNS = (
    "frame", "timestamp_ns", "sequence_number", "rtp_timestamp", "payload_type", "payload_octets", "wire_octets",
    "header_octets",
)  # fmt: skip


def facts_at(stream: MediaStream, numbers: Numbers, first: int = 0) -> PacketFacts:
    """The packets of these ascending numbers side by side; they are counted from `first` on."""
    pieces: list[list[Numbers]] = [[np.zeros(0, np.int64)] for _ in COLUMNS]
    if len(numbers):
        for facts in stream.iter_facts(int(numbers[0]), int(numbers[-1]) + 1):
            low, high = np.searchsorted(numbers, (facts.first, facts.first + len(facts)))
            if high > low:
                own = numbers[low:high] - facts.first
                for name, found in zip(COLUMNS, pieces, strict=True):
                    found.append(getattr(facts, name)[own])
    return PacketFacts(first, *map(np.concatenate, pieces))


def with_payloads(facts: PacketFacts, octets: memoryview) -> PacketRun:
    """The same packets with their payloads, which stand back to back in `octets`."""
    lengths = facts.payload_octets
    return PacketRun(
        facts.first, facts.frame, facts.timestamp_ns, facts.sequence_number, facts.rtp_timestamp, facts.payload_type,
        lengths, facts.wire_octets, facts.header_octets, np.cumsum(lengths) - lengths, octets,
    )  # fmt: skip


def packet_facts(stream: MediaStream, number: int) -> PacketFacts:
    """One packet, which must be there."""
    return next(iter(stream.iter_facts(number, number + 1, 1)))


def first_facts(stream: MediaStream, packets: int) -> PacketFacts:
    """The first packets, as many as there are."""
    return facts_at(stream, np.arange(min(packets, len(stream))))

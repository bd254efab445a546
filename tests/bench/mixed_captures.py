# SPDX-License-Identifier: GPL-2.0-only
"""Captures of many calls at a time with their media, of any length."""

import functools
from pathlib import Path
from typing import IO

import numpy as np

from tests.bench.captures import (
    MEDIA_OCTETS,
    PCAP_HEADER,
    PIECE_PACKETS,
    call_messages,
    dtls_call,
    media_records,
    udp_record,
)

FIRST_CALL_PORT = 20_000
PACKET_US = 20_000
SIGNALLING_US = 2_000_000  # before the media of a call, and after it


def write_mixed_capture(path: Path, packets: int, calls: int, rounds: int = 1) -> None:
    """`calls` calls at a time with media both ways under keys that nobody has (DTLS-SRTP), and their signalling.

    In each of the `rounds` as many calls follow on the same ports; `packets` of media are in all.
    """
    chance = np.random.default_rng(712)
    each = packets // rounds
    media_us = (each // (2 * calls) + 1) * PACKET_US
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for number in range(rounds):
            begin_us = number * (media_us + 3 * SIGNALLING_US) // 1_000_000 * 1_000_000
            numbers = range(number * calls, (number + 1) * calls)
            _write_signalling(file, numbers, begin_us, slice(0, 5))
            _write_media(file, each, calls, (begin_us + SIGNALLING_US) // 1_000_000, chance)
            _write_signalling(file, numbers, begin_us + media_us + 2 * SIGNALLING_US, slice(5, None))


def _write_signalling(file: IO[bytes], numbers: range, begin_us: int, steps: slice) -> None:
    describe = functools.partial(dtls_call, ports=len(numbers))
    timed = [
        (begin_us + step * 200_000 + place, number, from_caller, text)
        for place, number in enumerate(numbers)
        for step, (from_caller, text) in enumerate(call_messages(number, describe)[steps])
    ]
    for time_us, number, from_caller, text in sorted(timed):
        file.write(udp_record(time_us, number, from_caller, text.encode()))


def _write_media(file: IO[bytes], packets: int, calls: int, seconds: int, chance: np.random.Generator) -> None:
    for start in range(0, packets, PIECE_PACKETS):
        count = np.arange(start, min(start + PIECE_PACKETS, packets))
        records = media_records(count, 2 * calls, chance)
        stream = count % (2 * calls)
        back = stream % 2 == 1
        records["seconds"] += seconds
        records["source"] = np.where(back, 0x0A000002, 0x0A000001)
        records["destination"] = np.where(back, 0x0A000001, 0x0A000002)
        records["source_port"] = records["destination_port"] = FIRST_CALL_PORT + 2 * (stream // 2)
        records["ssrc"] += seconds
        records["body"] = chance.integers(0, 256, (len(count), MEDIA_OCTETS), dtype=np.uint8)
        records[chance.random(len(records)) >= 0.002].tofile(file)

# SPDX-License-Identifier: GPL-2.0-only
"""Interarrival jitter (RFC 3550 A.8), packet by packet; plain and compiled give the same to the last bit."""

from typing import Any


def measure_jitter(timestamp_ns: Any, rtp_timestamp: Any, tick_ms: float, spread: Any) -> None:
    """Into `spread` least, mean and greatest of J over all packets but the first, in milliseconds.

    J(i) = J(i−1) + (|D(i−1,i)| − J(i−1))/16, where D compares the distance of arrival with that of the RTP clock, of
    which `tick_ms` is one tick; time stamps wrap round at 32 bits.
    """
    packets = len(timestamp_ns)
    jitter, total, least, greatest = 0.0, 0.0, 0.0, 0.0
    for index in range(1, packets):
        ticks = rtp_timestamp[index] - rtp_timestamp[index - 1]
        if ticks >= 2147483648:
            ticks -= 4294967296
        elif ticks < -2147483648:
            ticks += 4294967296
        distance = (timestamp_ns[index] - timestamp_ns[index - 1]) / 1e6 - ticks * tick_ms
        jitter += (abs(distance) - jitter) / 16.0
        total += jitter
        if index == 1 or jitter < least:
            least = jitter
        if jitter > greatest:
            greatest = jitter
    spread[0] = least
    spread[1] = total / (packets - 1) if packets > 1 else 0.0
    spread[2] = greatest

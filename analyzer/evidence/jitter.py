# SPDX-License-Identifier: GPL-2.0-only
"""Interarrival jitter (RFC 3550 A.8), packet by packet; plain and compiled give the same to the last bit."""

from typing import Any

J_LAST, J_TOTAL, J_LEAST, J_GREATEST, J_COUNT = range(5)
JITTER_CELLS = 5


def measure_jitter(timestamp_ns: Any, rtp_timestamp: Any, tick_ms: float, state: Any) -> None:
    """J of all packets but the first into `state`: the last, their sum, least and greatest in milliseconds, and count.

    J(i) = J(i−1) + (|D(i−1,i)| − J(i−1))/16, where D compares the distance of arrival with that of the RTP clock, of
    which `tick_ms` is one tick; time stamps wrap round at 32 bits.
    """
    packets = len(timestamp_ns)
    jitter, total, least, greatest = state[J_LAST], state[J_TOTAL], state[J_LEAST], state[J_GREATEST]
    is_first = state[J_COUNT] == 0.0
    for index in range(1, packets):
        ticks = rtp_timestamp[index] - rtp_timestamp[index - 1]
        if ticks >= 2147483648:
            ticks -= 4294967296
        elif ticks < -2147483648:
            ticks += 4294967296
        distance = (timestamp_ns[index] - timestamp_ns[index - 1]) / 1e6 - ticks * tick_ms
        jitter += (abs(distance) - jitter) / 16.0
        total += jitter
        if is_first or jitter < least:
            least = jitter
            is_first = False
        if jitter > greatest:
            greatest = jitter
    state[J_LAST], state[J_TOTAL], state[J_LEAST], state[J_GREATEST] = jitter, total, least, greatest
    if packets > 1:
        state[J_COUNT] += packets - 1

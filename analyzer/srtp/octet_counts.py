# SPDX-License-Identifier: GPL-2.0-only
"""How often octets occur in runs of payloads, to be compiled (see `capture.speed`): integers, indexing, loops."""

from typing import Any


def count_octets(
    table: Any, packets: Any, size: int, places: int, counts: Any, squares: Any, octets: Any, nibbles: Any
) -> None:
    """Of each run of `packets[run]` rows of the table, by the first `size` octets of a row.

    `squares`: the sum of the squares of how often each value occurs. `octets` and `nibbles`: how often the commonest
    value, and the commonest high half of one, stands at one of the first `places`. `counts` is room for 256 numbers for
    each of these, and once more.
    """
    row = 0
    for run in range(len(packets)):
        for cell in range(len(counts)):
            counts[cell] = 0
        for _ in range(packets[run]):
            for place in range(size):
                counts[table[row, place]] += 1
            for place in range(places):
                counts[256 * (place + 1) + table[row, place]] += 1
            row += 1
        total, octet, nibble = 0, 0, 0
        for value in range(256):
            total += counts[value] * counts[value]
        for half in range(16, 16 * (places + 1)):
            alike = 0
            for cell in range(16 * half, 16 * half + 16):
                alike += counts[cell]
                octet = max(octet, counts[cell])
            nibble = max(nibble, alike)
        squares[run], octets[run], nibbles[run] = total, octet, nibble

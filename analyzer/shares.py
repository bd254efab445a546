# SPDX-License-Identifier: GPL-2.0-only
"""One long list of work done by several processes: each takes the next share until none is left.

The processes are forked, so that they find what is to be worked on in their memory. The parent works too, and does
itself what a child that was lost had taken.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from analyzer.forked import ForkedWork, WorkLost, can_fork

SHARES_PER_PROCESS = 32
MAX_SHARE = 64
MAX_SHARES = 8192  # of which the numbers fit a pipe that nobody reads yet, 64 KiB on Linux
_NUMBER_OCTETS = 4

_T = TypeVar("_T")


def work_in_shares(
    count: int,
    do: Sequence[Callable[[range], _T]],
    encode: Callable[[_T], bytes],
    decode: Callable[[bytes], _T],
    weigh: Callable[[int], int] | None = None,
) -> list[_T]:
    """What the items 0 to `count` came to, share by share in their order; each of `do` is for one process.

    The first of `do` is this process's. With one alone, or where processes can't be forked, all is done here. Where
    items take unlike long, `weigh` tells how long by number: the heaviest shares are begun first.
    """
    shares = _cut(count, len(do))
    if len(do) < 2 or len(shares) < 2 or not can_fork():
        return [do[0](share) for share in shares]
    queue = _queue_of(_heaviest_first(shares, weigh))
    found: dict[int, _T] = {}
    with contextlib.ExitStack() as ending:
        ending.callback(os.close, queue)
        children = [
            ending.enter_context(ForkedWork(partial(_iter_done, queue, shares, each, encode))) for each in do[1:]
        ]
        for number in _iter_taken(queue):
            found[number] = do[0](shares[number])
        for child in children:
            with contextlib.suppress(WorkLost):
                for piece in child:
                    found[int.from_bytes(piece[:_NUMBER_OCTETS], "little")] = decode(piece[_NUMBER_OCTETS:])
    return [found[number] if number in found else do[0](share) for number, share in enumerate(shares)]


def _cut(count: int, processes: int) -> list[range]:
    """Equal shares: small enough that no process waits long for another at the end."""
    size = max(1, min(MAX_SHARE, count // (processes * SHARES_PER_PROCESS)), -(-count // MAX_SHARES))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _heaviest_first(shares: Sequence[range], weigh: Callable[[int], int] | None) -> Sequence[int]:
    """The numbers of the shares in the order in which they are begun."""
    if weigh is None:
        return range(len(shares))
    return sorted(range(len(shares)), key=lambda number: -sum(map(weigh, shares[number])))


def _queue_of(numbers: Iterable[int]) -> int:
    """A pipe out of which each process that reads gets the next number; it ends when all are taken."""
    source, sink = os.pipe()
    os.write(sink, b"".join(number.to_bytes(_NUMBER_OCTETS, "little") for number in numbers))
    os.close(sink)
    return source


def _iter_taken(queue: int) -> Iterator[int]:
    """The numbers of the shares that this process gets."""
    while octets := os.read(queue, _NUMBER_OCTETS):
        yield int.from_bytes(octets, "little")


def _iter_done(
    queue: int, shares: Sequence[range], do: Callable[[range], _T], encode: Callable[[_T], bytes]
) -> Iterator[bytes]:
    for number in _iter_taken(queue):
        yield number.to_bytes(_NUMBER_OCTETS, "little") + encode(do(shares[number]))

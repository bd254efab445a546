# SPDX-License-Identifier: GPL-2.0-only
"""Streams that belong to no call, opened by one process or several: the outcome is the same."""

from collections.abc import Callable, Sequence

from analyzer.model.call import BoundStream
from analyzer.model.keying import StreamAudit
from analyzer.shares import work_in_shares

PACKETS_WORTH_FORKING = 1 << 16  # where keys are tried
KEYLESS_WORTH_FORKING = 1 << 20


def audit_streams(
    streams: Sequence[BoundStream], audit: Callable[[int], StreamAudit], jobs: int, *, has_keys: bool
) -> list[StreamAudit]:
    """What `audit` finds of each stream by its number; what takes long, as trying keys does, `jobs` share out."""
    packets = [bound.stop - bound.start for bound in streams]
    worth = sum(packets) >= (PACKETS_WORTH_FORKING if has_keys else KEYLESS_WORTH_FORKING)
    if jobs < 2 or len(streams) < 2 or not worth:
        return [audit(number) for number in range(len(streams))]
    from analyzer.masking import MaskedValues  # noqa: PLC0415 - ciphers, where keys are at hand

    masked = MaskedValues(streams)
    workers = [lambda numbers: [audit(number) for number in numbers]] * min(jobs, len(streams))
    shares = work_in_shares(len(streams), workers, masked.dumps, masked.loads, packets.__getitem__)
    return [found for share in shares for found in share]

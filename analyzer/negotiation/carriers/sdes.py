# SPDX-License-Identifier: GPL-2.0-only
"""`sdes-order`: the `a=crypto` lines of an offer, most preferred first (RFC 4568 §5.1.1)."""

from collections.abc import Sequence

from analyzer.model.evidence import FrameRef
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.sdes import CryptoAttribute, canonical_suite

SDES = "SDES"


def suite_preferences(lines: Sequence[CryptoAttribute], ref: FrameRef) -> tuple[Preference, ...]:
    """One suite per line, its priority the line's position; nothing in SDP authenticates it."""
    return tuple(
        [
            Preference(CapabilityKind.SUITE, canonical_suite(line.suite), position, Carrier.SDES_ORDER, False, ref)
            for position, line in enumerate(lines)
        ]
    )


def is_offered(accepted: CryptoAttribute, offered: Sequence[CryptoAttribute]) -> bool:
    """Whether tag and suite of an accepted line are those of one offered line (RFC 4568 §5.1.2, §5.1.3)."""
    suite = canonical_suite(accepted.suite)
    return any(line.tag == accepted.tag and canonical_suite(line.suite) == suite for line in offered)

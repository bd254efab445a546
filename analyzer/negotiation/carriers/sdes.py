# SPDX-License-Identifier: GPL-2.0-only
"""`sdes-order`: the `a=crypto` lines of an offer, most preferred first (RFC 4568 §5.1.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.sdes import CryptoAttribute, canonical_suite

SDES = "SDES"
# Session parameters that both sides must agree on; the others each side declares of itself (RFC 4568 §6.3).
NEGOTIATED = frozenset({"UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"})


class Skipped(NamedTuple):
    """A line that stands before the accepted one, of the same suite and with other negotiated parameters.

    `supported` says that the answer proves support of it: it asks for nothing that the accepted one does not.
    """

    line: CryptoAttribute
    taken: CryptoAttribute
    supported: bool

    @property
    def explanation(self) -> str:
        """Which line was taken and which stands before it."""
        before, taken = (", ".join(sorted(negotiated_in(one))) or "no parameters" for one in (self.line, self.taken))
        lines = f"line {self.taken.tag} ({taken}) was taken, and line {self.line.tag} ({before})"
        return f"Of the crypto lines of one suite {lines} stands before it"


def suite_preferences(lines: Sequence[CryptoAttribute], ref: FrameRef) -> tuple[Preference, ...]:
    """One suite per line, its priority the line's position; nothing in SDP authenticates it."""
    return tuple(
        [
            Preference(CapabilityKind.SUITE, canonical_suite(line.suite), position, Carrier.SDES_ORDER, False, ref)
            for position, line in enumerate(lines)
        ]
    )


def negotiated_in(line: CryptoAttribute) -> frozenset[str]:
    """The negotiated session parameters of a line."""
    return NEGOTIATED.intersection(line.session_parameters)


def is_offered(accepted: CryptoAttribute, offered: Sequence[CryptoAttribute]) -> bool:
    """Whether an offered line has the tag, suite and negotiated parameters of the accepted one (RFC 4568 §5.1.2)."""
    return any(negotiated_in(accepted) <= negotiated_in(line) for line in offered if _is_answered(line, accepted))


def find_skipped(accepted: CryptoAttribute, offered: Sequence[CryptoAttribute]) -> Skipped | None:
    """The line that stood before the accepted one for nothing, or may have; None where there is none."""
    place = next((place for place, line in enumerate(offered) if _is_answered(line, accepted)), 0)
    taken, suite = offered[place], canonical_suite(accepted.suite)
    earlier = [line for line in offered[:place] if canonical_suite(line.suite) == suite and not line.defects]
    found = [
        Skipped(line, taken, set(line.session_parameters) <= set(taken.session_parameters))
        for line in earlier
        if negotiated_in(line) != negotiated_in(taken)
    ]
    return min(found, key=lambda one: not one.supported, default=None)


def _is_answered(line: CryptoAttribute, accepted: CryptoAttribute) -> bool:
    return line.tag == accepted.tag and canonical_suite(line.suite) == canonical_suite(accepted.suite)

# SPDX-License-Identifier: GPL-2.0-only
"""`mikey-error`: the policies in a MIKEY error message that refused an earlier offer (RFC 3830 §5.1.2)."""

from collections.abc import Iterator, Sequence

from analyzer.keying.mikey_known_by import known_by
from analyzer.model.keying import MikeyEvidence
from analyzer.model.negotiation import Preference
from analyzer.negotiation.carriers.mikey_lines import suite_preferences


def suites_of(errors: Sequence[MikeyEvidence]) -> tuple[Preference, ...]:
    """The suites that the responder named: those of the first error message with any.

    One whose V or signature does not verify with a bound key names nothing: that list is not known to be its own.
    """
    believed = (error for error in errors if error.mac.verified is not False)
    return next((found for error in believed if (found := suite_preferences(error, 0, 1))), ())


def refuted_suites(errors: Sequence[MikeyEvidence]) -> Iterator[tuple[MikeyEvidence, tuple[Preference, ...]]]:
    """The error messages that name suites and whose V or signature does not verify, with what they name."""
    for error in errors:
        found = suite_preferences(error, 0, 1) if error.mac.verified is False else ()
        if found:
            yield error, found


def standing_of(error: MikeyEvidence) -> str:
    """How what an error message says is known, in words."""
    return f"{'not authentic' if error.mac.verified is False else known_by(error).value}: {error.mac.how}"

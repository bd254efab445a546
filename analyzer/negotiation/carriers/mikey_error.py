# SPDX-License-Identifier: GPL-2.0-only
"""`mikey-error`: the policies in a MIKEY error message that refused an earlier offer (RFC 3830 §5.1.2)."""

from collections.abc import Sequence

from analyzer.model.keying import MikeyEvidence
from analyzer.model.negotiation import Preference
from analyzer.negotiation.carriers.mikey_lines import suite_preferences


def suites_of(errors: Sequence[MikeyEvidence]) -> tuple[Preference, ...]:
    """The suites that the responder named: those of the first error message with any."""
    return next((found for error in errors if (found := suite_preferences(error, 0, 1))), ())

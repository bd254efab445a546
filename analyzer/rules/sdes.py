# SPDX-License-Identifier: GPL-2.0-only
"""What the SDES rules have in common: when there is no offer or no answer to compare."""

from analyzer.rules.base import Result, not_applicable, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.protection import is_pending

NOT_CHOSEN = not_applicable("SDES was not chosen.")


def find_gap(facts: LineFacts) -> Result | None:
    """Why offered and accepted crypto lines can't be compared; None where both are there."""
    line, keying = facts.line, facts.keying
    if keying.accepted_crypto:
        if line.offer is None:
            return unknown("signalling-unseen", "The offer was not seen.", facts.refs)
        return None
    if keying.offered_crypto and is_pending(line):
        return unknown("answer", "SDES was offered; no answer was seen.", facts.refs)
    return NOT_CHOSEN

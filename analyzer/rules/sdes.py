# SPDX-License-Identifier: GPL-2.0-only
"""What the SDES rules have in common: when there is no offer or no answer to compare."""

from analyzer.model.call import Resolution
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Result, not_applicable, unknown
from analyzer.rules.protection import line_refs

_NOT_CHOSEN = not_applicable("SDES was not chosen.")


def find_gap(media: AuditedMedia) -> Result | None:
    """Why offered and accepted crypto lines can't be compared; None where both are there."""
    line, keying = media.line, media.keying
    if keying.accepted_crypto:
        if line.offer is None:
            return unknown("signalling-unseen", "The offer was not seen.", line_refs(line))
        return None
    if keying.offered_crypto and line.answer is None and line.exchange.resolution is Resolution.UNANSWERED:
        return unknown("answer", "SDES was offered; no answer was seen.", line_refs(line))
    return _NOT_CHOSEN

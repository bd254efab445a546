# SPDX-License-Identifier: GPL-2.0-only
"""PRI-005: a priority list that nothing protects on its way."""

from collections.abc import Iterator

from analyzer.model.call import Side
from analyzer.model.negotiation import CapabilityKind, Carrier, Exposure, Negotiation, Sight
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_GUARDS = ("the hop may be protected below SIP, by IPsec or a private network, which a capture on it does not show",)


def _check_line(facts: LineFacts) -> Result:
    exposures = tuple(_deciding(facts.negotiation))
    if not exposures:
        return not_applicable("No list put several capabilities in an order.")
    exposed = [one for one in exposures if not one.hop_protected and Sight.UNSEEN in _sights(one)]
    if exposed:
        one = exposed[0]
        text = f"The {one.side}'s list came by {one.carrier}: {one.explanation}"
        return failed(text, facts.refs, _GUARDS)
    unknowns = [one for one in exposures if not one.hop_protected and Sight.UNKNOWN in _sights(one)]
    if unknowns:
        return unknown("mikey-key", "A MAC or signature covers the list, and no key at hand verifies it.", facts.refs)
    proved = all(one.carrier is Carrier.PRIORITY_EXTENSION or one.carrier is Carrier.SP_ORDER for one in exposures)
    return passed("Every list is covered by what its message or its hop protects.", facts.refs, _proof(proved))


def _proof(proved: bool) -> Confidence | None:
    return Confidence.C4 if proved else None


def _sights(exposure: Exposure) -> tuple[Sight, ...]:
    return exposure.remove, exposure.reorder, exposure.insert


def _deciding(negotiation: Negotiation) -> Iterator[Exposure]:
    """Of each side and kind with an order the explicit list's exposure, or those of all carriers if there is none."""
    lists = {Side.OFFERER: negotiation.offer_preferences, Side.ANSWERER: negotiation.answer_preferences or ()}
    for side, preferences in lists.items():
        for kind in CapabilityKind:
            ordered = [one for one in preferences if one.kind is kind and one.priority is not None]
            if len({one.name for one in ordered}) < 2:
                continue
            carriers = {one.carrier for one in ordered}
            if Carrier.PRIORITY_EXTENSION in carriers:
                carriers = {Carrier.PRIORITY_EXTENSION}
            mine = (one for one in negotiation.exposures if one.side is side and one.kind is kind)
            yield from (one for one in mine if one.carrier in carriers)


RULE = Rule(
    id="PRI-005",
    title="Priority list is not integrity protected",
    citation="policy (compare RFC 4567 §8, RFC 4568 §8.3, RFC 5939 §5)",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.LISTS,),
    remediation="Repeat the whole list inside the MAC or signature of every message (General Extension 241), let the"
    " answer echo it, and send SIP over TLS.",
    meaning=Meaning(
        passes="A MAC, a signature, a handshake or the encryption of the hop covers each list with an order.",
        fails="A list with an order could be cut or reordered on its way, and neither party would notice.",
        unknown="A MAC or signature covers the list, and no key at hand verifies it.",
        not_applicable="No list put several capabilities in an order.",
    ),
    check_line=_check_line,
)

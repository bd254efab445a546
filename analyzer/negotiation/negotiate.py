# SPDX-License-Identifier: GPL-2.0-only
"""The negotiation of one media line in one exchange: both lists, the choice, the winners, what is to be said of it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from analyzer.model.call import Call, MediaLine, MediaSide, Party, Side
from analyzer.model.keying import Keying, MikeyEvidence
from analyzer.model.negotiation import (
    COMPUTED_RULES,
    CapabilityKind,
    Carrier,
    Choice,
    Expected,
    ListOrigin,
    ListSource,
    ListStatement,
    Negotiation,
    Preference,
    Prospect,
    SelectionRule,
)
from analyzer.model.policy import Policy
from analyzer.model.reasons import Reason, sort_reasons
from analyzer.negotiation.answering import Answering, read_answer
from analyzer.negotiation.carriers.attributes import DTLS_SRTP, KEYING
from analyzer.negotiation.carriers.dtls import Handshakes, read_hellos
from analyzer.negotiation.carriers.mikey_error import suites_of
from analyzer.negotiation.carriers.mikey_lines import select_messages
from analyzer.negotiation.carriers.zrtp import ZRTP, read_zrtp
from analyzer.negotiation.category import (
    Category,
    judge_category,
    unoffered_category,
    unreadable_category,
    with_skipped,
)
from analyzer.negotiation.exposure import read_exposures, weakest_choice
from analyzer.negotiation.inventory import Identity
from analyzer.negotiation.inversions import Lists, read_inversions
from analyzer.negotiation.judgements import NOTHING_CHOSEN, judge_all, read_reasons
from analyzer.negotiation.knowledge import NOTHING_LEARNT, Knowledge, Learnt, identify
from analyzer.negotiation.offering import Offering, is_mikey, read_offer
from analyzer.negotiation.prospects import read_prospects
from analyzer.negotiation.statements import missing_lines, read_statements
from analyzer.negotiation.wire_sources import WireSources

KEY_AGREEMENT, SUITE = CapabilityKind.KEY_AGREEMENT, CapabilityKind.SUITE
SIP = "sip"
MIKEY_LISTS = frozenset({Carrier.PRIORITY_EXTENSION, Carrier.FREE_TEXT, Carrier.MIKEY_ERROR})
NO_CHOICE = Choice(None, None)
PLAIN = Negotiation(
    offer_preferences=(),
    answer_preferences=None,
    chosen=NO_CHOICE,
    expected=Expected(None, None, None, None, ()),
    winners=tuple((rule, NO_CHOICE) for rule in COMPUTED_RULES),
    mutual=NOTHING_CHOSEN,
    undominated=NOTHING_CHOSEN,
    winner=NOTHING_CHOSEN,
    statements=(),
    reasons=(),
)


SDES_ALONE = frozenset({"crypto"})
NOT_ASKED = Learnt((), frozenset(), ())
_BOTH = (KEY_AGREEMENT, SUITE)
NO_NAMES: frozenset[str] = frozenset()
MAX_REMEMBERED = 4096
_SDES_JUDGED: dict[tuple[object, ...], tuple[Policy, Negotiation]] = {}


class _Case(NamedTuple):
    """What every step needs to know of one media line."""

    line: MediaLine
    policy: Policy
    knowledge: Knowledge
    call: Call
    offering: Offering
    answering: Answering
    handshakes: Handshakes | None
    answer_messages: tuple[MikeyEvidence, ...]
    refusals: tuple[MikeyEvidence, ...]
    brief: bool  # nothing but crypto attributes


def negotiate(line: MediaLine, keying: Keying, policy: Policy, knowledge: Knowledge, call: Call) -> Negotiation:
    """Read the lists of both sides and judge the choice; a line that names no key agreement has nothing to judge."""
    names = _keying_names(line.offer) | _keying_names(line.answer)
    if not (names or keying.mikey or line.dtls or line.zrtp):
        return PLAIN
    if names == SDES_ALONE and line.offer is not None and not (keying.mikey or line.dtls or line.zrtp):
        return _negotiate_sdes(line.offer, line, keying, policy, knowledge, call)
    return _read_and_judge(line, keying, policy, knowledge, call)


def _keying_names(side: MediaSide | None) -> frozenset[str]:
    """The names of the keying attributes on one side's media and session level."""
    if side is None:
        return NO_NAMES
    own = KEYING.intersection(side.media.attribute_names)
    return own.union(KEYING.intersection(side.body.session.attribute_names))


def _negotiate_sdes(
    offer: MediaSide, line: MediaLine, keying: Keying, policy: Policy, knowledge: Knowledge, call: Call
) -> Negotiation:
    """A line of `a=crypto` alone: calls with the same lines differ only in the frame, so they are judged once."""
    if knowledge.inventory.endpoints or len(offer.body.session.media) > 1:
        return _read_and_judge(line, keying, policy, knowledge, call)
    answer = None if line.answer is None else line.answer.is_refused
    offered = tuple([(one.tag, one.suite, one.session_parameters, bool(one.defects)) for one in keying.offered_crypto])
    accepted = tuple([(one.tag, one.suite, one.session_parameters) for one in keying.accepted_crypto])
    transports = tuple([None if one is None else one.body.message.transport for one in (offer, line.answer)])
    key = (answer, offered, accepted, call.protocol, transports)
    ref = offer.body.message.ref
    known = _SDES_JUDGED.get(key)
    if known is not None and known[0] is policy:
        preferences = tuple([Preference(*one[:5], ref) for one in known[1].offer_preferences])
        sources = tuple([one._replace(ref=ref, call_id=call.call_id) for one in known[1].sources])
        ask = partial(_look_up, knowledge, call, line, known[1].chosen, _BOTH if offered else ())
        return known[1]._replace(offer_preferences=preferences, sources=sources, ask_elsewhere=ask)
    found = _read_and_judge(line, keying, policy, knowledge, call)
    nothing_learnt = all(one.origin is ListOrigin.WIRE for one in found.sources)
    if found.answer_preferences is None and nothing_learnt and Reason.RESPONDER_LIST_UNKNOWN not in found.reasons:
        if len(_SDES_JUDGED) >= MAX_REMEMBERED:
            _SDES_JUDGED.clear()
        _SDES_JUDGED[key] = (policy, found._replace(ask_elsewhere=None))
    return found


def _read_and_judge(line: MediaLine, keying: Keying, policy: Policy, knowledge: Knowledge, call: Call) -> Negotiation:
    handshakes = read_hellos(line) if line.dtls else None
    zrtp = read_zrtp(line) if line.zrtp else None
    offering = None if line.offer is None else read_offer(line.offer, line, keying, handshakes, zrtp)
    answering = read_answer(line, keying, offering, handshakes, zrtp, port_zero_refuses=call.protocol == SIP)
    if offering is None:
        return _without_offer(answering)
    messages = select_messages(keying.mikey, Side.ANSWERER) if keying.mikey else ()
    brief = not (messages or offering.messages or line.dtls or line.zrtp)
    seen = (offering, answering, handshakes, messages, keying.refusals)
    return _negotiate(_Case(line, policy, knowledge, call, *seen, brief))


def _without_offer(answering: Answering) -> Negotiation:
    """Only the answer was seen: what was chosen is known, and nothing can be said of it."""
    judgements = judge_all((unreadable_category(answering.choice.key_agreement),), line_offered=True)
    reasons = () if answering.choice.key_agreement is None else (Reason.SIGNALLING_UNSEEN,)
    return Negotiation(
        offer_preferences=(),
        answer_preferences=answering.preferences or None,
        chosen=answering.choice,
        expected=PLAIN.expected,
        winners=PLAIN.winners,
        mutual=judgements[0],
        undominated=judgements[1],
        winner=judgements[2],
        statements=(),
        reasons=reasons,
        defects=answering.defects,
    )


class _Judged(NamedTuple):
    """The lists of both kinds as far as they are known, what the choice is among them, and what was learnt for them."""

    lists: tuple[Lists, Lists]
    agreement: Category
    suite: Category
    learnt: tuple[Learnt, Learnt]
    sources: tuple[ListSource, ...]


def _judge_lists(case: _Case) -> _Judged:
    offering, answering, choice = case.offering, case.answering, case.answering.choice
    methods = Lists(KEY_AGREEMENT, offering.key_agreements, _mikey_lists(answering.preferences, KEY_AGREEMENT))
    agreement, learnt = _judge(case, methods, choice.key_agreement)
    if offering.may_have(choice.key_agreement):
        agreement = unreadable_category(choice.key_agreement)
    method = choice.key_agreement or agreement.expected or _only(offering.key_agreements)
    suites = Lists(SUITE, *_suite_lists(case, method))
    suite, learnt_suites = _judge(case, suites, choice.suite)
    suite = with_skipped(suite, answering.skipped)
    if _offers_nothing(case):
        agreement = unoffered_category(choice.key_agreement)
    if not suites.offered and agreement.agreement is not None and not agreement.choice_offered:
        suite = unoffered_category(choice.suite)
    lists = (
        methods._replace(answered=methods.answered or learnt.preferences),
        suites._replace(answered=suites.answered or learnt_suites.preferences),
    )
    wire = WireSources(case.call, case.line, case.refusals, answering.preferences)
    sources = (*wire.of(methods), *learnt.sources, *wire.of(suites), *wire.elsewhere(learnt_suites.sources))
    return _Judged(lists, agreement, suite, (learnt, learnt_suites), sources)


def _negotiate(case: _Case) -> Negotiation:
    offering, answering, choice = case.offering, case.answering, case.answering.choice
    lists, agreement, suite, learnt, sources = _judge_lists(case)
    missing = not answering.is_settled and _suite_is_missing(choice, lists[1].offered)
    categories = (agreement, suite) if choice.suite is not None or missing else (agreement,)
    judgements = judge_all(categories, line_offered=answering.line_offered)
    statements = read_statements(offering.messages, offering.attributes)
    reasons: set[Reason] = {
        *read_reasons(categories, line_offered=answering.line_offered),
        *_statement_reasons(statements),
        *_inventory_reasons(case, lists[1].offered),
    }
    shown = _shown(offering.preferences, case.handshakes)
    answer_preferences = tuple(dict.fromkeys((*answering.preferences, *lists[0].answered, *lists[1].answered)))
    messages = {Side.OFFERER: offering.messages, Side.ANSWERER: case.answer_messages}
    exposures = read_exposures(case.line, shown, answer_preferences, messages, statements)
    inversions, unranked = read_inversions(lists, _strengths(case.policy))
    return Negotiation(
        offer_preferences=shown,
        answer_preferences=answer_preferences or None,
        chosen=choice,
        expected=_expected(agreement, suite),
        winners=tuple(
            (rule, Choice(agreement.winners[place], suite.winners[place])) for place, rule in enumerate(COMPUTED_RULES)
        ),
        mutual=judgements[0],
        undominated=judgements[1],
        winner=judgements[2],
        statements=statements,
        reasons=sort_reasons(reasons),
        defects=offering.defects + answering.defects + agreement.defects + suite.defects,
        prospects=_prospects(lists[0], agreement) + (() if answering.is_settled else _prospects(lists[1], suite)),
        exposures=exposures,
        weakest=weakest_choice(exposures, _reachable(lists), _strengths(case.policy)),
        sources=sources,
        inversions=inversions,
        unranked=unranked,
        ask_elsewhere=_ask_elsewhere(
            case, tuple(one for one, found in zip(_BOTH, learnt, strict=True) if found is NOT_ASKED)
        ),
    )


def _offers_nothing(case: _Case) -> bool:
    """Whether the offer, read whole, names no keying, and no handshake shows that its party has any."""
    line, offering = case.line, case.offering
    return not (_keying_names(line.offer) or offering.key_agreements or offering.messages or line.dtls or line.zrtp)


def _expected(agreement: Category, suite: Category) -> Expected:
    """What the selection rule in force gives for both categories."""
    tie = tuple(dict.fromkeys(agreement.tie + suite.tie))
    return Expected(agreement.rule, suite.rule, agreement.expected, suite.expected, tie)


def _strengths(policy: Policy) -> dict[CapabilityKind, dict[str, int]]:
    return {KEY_AGREEMENT: dict(policy.key_agreement_strength), SUITE: dict(policy.suite_strength)}


def _prospects(lists: Lists, category: Category) -> tuple[Prospect, ...]:
    """The priority method's winner is that of the governing rule where it computes one, else min-sum's."""
    computed = category.rule in COMPUTED_RULES
    winner = category.expected if computed else category.winners[COMPUTED_RULES.index(SelectionRule.MIN_SUM)]
    return read_prospects(lists.kind, lists.offered, lists.answered, category.chosen, winner)


def _reachable(lists: Sequence[Lists]) -> dict[CapabilityKind, tuple[str, ...]]:
    """What may be common to both sides; all that is offered where the responder's list is not known."""
    found = {}
    for one in lists:
        peer = {preference.name for preference in one.answered}
        names = dict.fromkeys(preference.name for preference in one.offered)
        found[one.kind] = tuple(name for name in names if not peer or name in peer)
    return found


def _mikey_lists(preferences: Sequence[Preference], kind: CapabilityKind) -> tuple[Preference, ...]:
    return tuple(one for one in preferences if one.kind is kind and one.carrier in MIKEY_LISTS)


def _only(preferences: Sequence[Preference]) -> str | None:
    names = {one.name for one in preferences}
    return names.pop() if len(names) == 1 else None


def _suite_lists(case: _Case, method: str | None) -> tuple[Sequence[Preference], Sequence[Preference]]:
    """The suites of the chosen method's own carriers: what the initiator offers, and what the responder lists.

    In DTLS the initiator is the client, whichever side that is (RFC 5764 §4.1).
    """
    if method == DTLS_SRTP:
        return (case.handshakes.offered if case.handshakes is not None else ()), ()
    offered = case.offering.suites_of(method, case.answering.choice.suite)
    if method == ZRTP:
        hellos = [one for one in case.answering.preferences if one.carrier is Carrier.ZRTP_HELLO]
        return offered, tuple(one for one in hellos if one.kind is SUITE)
    if method is not None and is_mikey(method):
        return offered, _mikey_lists(case.answering.preferences, SUITE) or suites_of(case.refusals)
    return offered, ()


def _suite_is_missing(choice: Choice, offered: Sequence[Preference]) -> bool:
    """Whether a suite must have been chosen but can't be told: its method negotiates suites where nobody looked."""
    return choice.key_agreement in (DTLS_SRTP, ZRTP) or (choice.key_agreement is not None and bool(offered))


def _judge(case: _Case, lists: Lists, chosen: str | None) -> tuple[Category, Learnt]:
    """The category, and what was learnt elsewhere of the responder's list where it sent none.

    For a line of crypto attributes alone nothing is asked that can't change the judgement: there are many of them.
    """
    rule = case.policy.selection_rule
    agreements = lists.kind is KEY_AGREEMENT
    strengths = case.policy.key_agreement_strength if agreements else case.policy.suite_strength
    whole = lists.kind not in case.answering.unread
    category = judge_category(chosen, lists.offered, lists.answered, rule, strengths, whole=whole)
    if lists.answered or not lists.offered:
        return category, NOTHING_LEARNT
    certain = category.agreement is None or None not in category.agreement[:3]
    if certain and case.brief and not case.knowledge.inventory.endpoints:
        return category, NOT_ASKED
    method = case.answering.choice.key_agreement
    learnt = case.knowledge.learn(_identity(case.call, case.line, Side.ANSWERER), case.line, lists.kind, method)
    if learnt.preferences or learnt.supported:
        category = judge_category(chosen, lists.offered, learnt.preferences, rule, strengths, learnt.supported)
    return category, learnt


def _ask_elsewhere(case: _Case, kinds: tuple[CapabilityKind, ...]) -> Callable[[], tuple[ListSource, ...]] | None:
    """How to look up what `_judge` did not ask for, None where there is nothing of that."""
    return partial(_look_up, case.knowledge, case.call, case.line, case.answering.choice, kinds) if kinds else None


def _look_up(
    knowledge: Knowledge, call: Call, line: MediaLine, choice: Choice, kinds: tuple[CapabilityKind, ...]
) -> tuple[ListSource, ...]:
    """The responder's lists from elsewhere, of which none was used."""
    party = _identity(call, line, Side.ANSWERER)
    found = [knowledge.learn(party, line, kind, choice.key_agreement).sources for kind in kinds]
    return tuple([source._replace(used=False) for sources in found for source in sources])


def _identity(call: Call, line: MediaLine, side: Side) -> Identity:
    exchange = line.exchange
    offerer = exchange.offer.party if exchange.offer is not None else Party.CALLER
    if side is Side.OFFERER:
        return identify(call, exchange.offer, offerer)
    other = Party.CALLEE if offerer is Party.CALLER else Party.CALLER
    return identify(call, exchange.answer, other)


def _shown(preferences: tuple[Preference, ...], handshakes: Handshakes | None) -> tuple[Preference, ...]:
    """What the offer lists; a ClientHello of nobody known stands with it."""
    if handshakes is None or handshakes.client is not None:
        return preferences
    return tuple(dict.fromkeys((*preferences, *handshakes.offered)))


def _statement_reasons(statements: Sequence[ListStatement]) -> tuple[Reason, ...]:
    return (Reason.OFFER_STRIPPED,) if any(missing_lines(statement) for statement in statements) else ()


def _inventory_reasons(case: _Case, suites: Sequence[Preference]) -> tuple[Reason, ...]:
    """Whether the inventory has another list for the offerer than the one on the wire."""
    if not case.knowledge.inventory.endpoints:
        return ()
    party = _identity(case.call, case.line, Side.OFFERER)
    for kind, offered in ((KEY_AGREEMENT, case.offering.key_agreements), (SUITE, suites)):
        listed = case.knowledge.inventory.preferences(party, kind)
        if listed and offered and _order(listed) != _order(offered):
            return (Reason.OFFER_DIFFERS_FROM_INVENTORY,)
    return ()


def _order(preferences: Sequence[Preference]) -> list[set[str]]:
    """The names in groups of one priority, best first; one group where numbers are missing."""
    if any(one.priority is None for one in preferences):
        return [{one.name for one in preferences}]
    groups: dict[int, set[str]] = {}
    seen: set[str] = set()
    for one in sorted(preferences, key=lambda one: one.priority or 0):
        if one.name not in seen:
            groups.setdefault(one.priority or 0, set()).add(one.name)
            seen.add(one.name)
    return list(groups.values())

# SPDX-License-Identifier: GPL-2.0-only
"""`key-mgmt-order`, `sp-order`, `sp` and `mikey-error`: what MIKEY messages and the order of their lines offer.

The key agreement is the mode, and the mode is the message's data type (RFC 3830 §3, §6.1); the suites are its
security policies (§6.10).
"""

from collections.abc import Sequence

from analyzer.model.call import Side
from analyzer.model.keying import ALONE, BODY, MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import GenericIdEntry, MikeyMessage, SecurityPolicy, SrtpIdEntry
from dissectors.grammar.mikey.policy import srtp_policy
from dissectors.grammar.mikey.registries import DataType

ONE_WAY_TYPES = frozenset({DataType.PRE_SHARED, DataType.PUBLIC_KEY, DataType.SAKKE_MSG})
UNREADABLE = "MIKEY"
NO_MAC = "no MAC"
CS_IDS_PER_MEDIA_LINE = 2  # RFC 4567 §7.1


def mode_of(evidence: MikeyEvidence) -> str:
    """The key agreement that a key-mgmt line stands for; `MIKEY` where its message can't be read."""
    if evidence.message is None:
        return UNREADABLE if evidence.protocol == "mikey" else evidence.protocol
    return MIKEY_MODES.get(evidence.message.header.data_type, UNREADABLE)


def is_error(evidence: MikeyEvidence) -> bool:
    """Whether the message is a MIKEY error message (RFC 3830 §5.1.2)."""
    return evidence.message is not None and evidence.message.header.data_type == DataType.ERROR


def opens_exchange(evidence: MikeyEvidence) -> bool:
    """Whether the message is an initiator's that needs no response (RFC 3830 §3.1, §3.2, RFC 6509 §2.1)."""
    return evidence.message is not None and evidence.message.header.data_type in ONE_WAY_TYPES


def authenticated(evidence: MikeyEvidence) -> bool | None:
    """Whether what the message says is its sender's: what its MAC or signature shows, False where it has none."""
    return False if evidence.mac.verified is None and evidence.mac.how == NO_MAC else evidence.mac.authentic


def select_messages(messages: Sequence[MikeyEvidence], side: Side) -> tuple[MikeyEvidence, ...]:
    """The lines of one side that hold for the media line: its own, else the session's (RFC 4567 §3.1); then bodies."""
    own = [evidence for evidence in messages if evidence.side == side and evidence.level != ALONE]
    governing = "media" if any(evidence.level == "media" for evidence in own) else "session"
    return tuple([evidence for evidence in own if evidence.level in (governing, BODY)])


def mode_preferences(messages: Sequence[MikeyEvidence]) -> tuple[Preference, ...]:
    """The key agreements of several lines on one level, by position; lines hold no authentication of their order.

    Bodies beside the description are parts of one whole, not alternatives in an order (RFC 2046 §5.1.3).
    """
    return tuple(
        Preference(CapabilityKind.KEY_AGREEMENT, mode_of(evidence), *_carried(evidence, position), False, evidence.ref)
        for position, evidence in enumerate(messages)
        if evidence.octets is not None or evidence.message is not None
    )


def _carried(evidence: MikeyEvidence, position: int) -> tuple[int | None, Carrier]:
    return (None, Carrier.MIKEY_BODY) if evidence.level == BODY else (position, Carrier.KEY_MGMT_ORDER)


def suite_of(policy: SecurityPolicy) -> str | None:
    """The suite an SP payload asks for, None where it is not SRTP's or has no registered name."""
    try:
        return srtp_policy(policy).suite
    except GrammarError:
        return None


def crypto_sessions(
    message: MikeyMessage, level: str, index: int, media_lines: int
) -> tuple[SrtpIdEntry | GenericIdEntry, ...]:
    """The crypto sessions of one media line: two in a row where a session's map has two for each (RFC 4567 §7.1)."""
    sessions = message.header.crypto_sessions
    if level != "media" and media_lines > 1 and len(sessions) == CS_IDS_PER_MEDIA_LINE * media_lines:
        start = CS_IDS_PER_MEDIA_LINE * index
        return sessions[start : start + CS_IDS_PER_MEDIA_LINE]
    return sessions


def suite_preferences(evidence: MikeyEvidence, index: int, media_lines: int) -> tuple[Preference, ...]:
    """The suites a message offers for one media line.

    There is an order only where one crypto session maps to two or more policies, or the message has more policies
    than its map uses; else each policy stands without priority.
    """
    if evidence.message is None:
        return ()
    if is_error(evidence):
        return _positional(evidence.message.find_all(SecurityPolicy), evidence, Carrier.MIKEY_ERROR)
    policies = evidence.policies
    sessions = crypto_sessions(evidence.message, evidence.level, index, media_lines)
    listed = next((session.policies for session in sessions if len(session.policies) > 1), None)
    if listed is not None:
        by_number = {policy.policy_number: policy for policy in policies}
        alternatives = [by_number[number] for number in listed if number in by_number]
        return _positional(alternatives, evidence, Carrier.SP_ORDER)
    used = {number for session in evidence.message.header.crypto_sessions for number in session.policies}
    if len(policies) > max(1, len(used)):
        return _positional(policies, evidence, Carrier.SP_ORDER)
    mine = {number for session in sessions for number in session.policies}
    named = [policy for policy in policies if policy.policy_number in mine] or policies
    return tuple(preference._replace(priority=None) for preference in _positional(named, evidence, Carrier.SP))


def _positional(
    policies: Sequence[SecurityPolicy], evidence: MikeyEvidence, carrier: Carrier
) -> tuple[Preference, ...]:
    state = authenticated(evidence)
    suites = ((position, suite_of(policy)) for position, policy in enumerate(policies))
    return tuple(
        Preference(CapabilityKind.SUITE, suite, position, carrier, state, evidence.ref)
        for position, suite in suites
        if suite is not None
    )


def chosen_suite(offer: MikeyEvidence, answer: MikeyEvidence | None, index: int, media_lines: int) -> str | None:
    """The suite that the answer's map names (or, one-way, the offer's), else that of the only policy in question.

    A policy number means the answer's own policy where it has one of that number. None where several suites remain.
    """
    if offer.message is None:
        return None
    policies = _by_number(offer)
    speaker, message = offer, offer.message
    if answer is not None and answer.message is not None:
        speaker, message = answer, answer.message
    own = _by_number(speaker)
    sessions = crypto_sessions(message, speaker.level, index, media_lines)
    numbers = {number for session in sessions for number in session.policies}
    named = [policy for number in numbers if (policy := own.get(number) or policies.get(number)) is not None]
    suites = {suite_of(policy) for policy in named or (own or policies).values()}
    return suites.pop() if len(suites) == 1 else None


def settles_each_way(offer: MikeyEvidence, answer: MikeyEvidence | None, index: int, media_lines: int) -> bool:
    """Whether an offered map gives each crypto session of a line one policy, so that the answer has nothing to choose.

    An answer that gives them others has chosen. The policies may be of different suites, one for each direction.
    """
    if offer.message is None:
        return False
    mapped = [each.policies for each in crypto_sessions(offer.message, offer.level, index, media_lines)]
    known = {number for number, policy in _by_number(offer).items() if suite_of(policy) is not None}
    if len(mapped) < 2 or not all(len(numbers) == 1 and known.issuperset(numbers) for numbers in mapped):
        return False
    if answer is None or answer.message is None:
        return True
    taken = [each.policies for each in crypto_sessions(answer.message, answer.level, index, media_lines)]
    return taken == mapped and not answer.policies


def _by_number(evidence: MikeyEvidence) -> dict[int, SecurityPolicy]:
    return {policy.policy_number: policy for policy in evidence.policies}

# SPDX-License-Identifier: GPL-2.0-only
"""Whether an answer's MIKEY message and configuration fit the offer that they take up."""

from collections.abc import Iterator, Sequence

from analyzer.model.call import MediaLine, MediaSide
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_modes import is_initiators
from analyzer.negotiation.carriers.attributes import read_attributes
from analyzer.negotiation.carriers.capability import read_capabilities
from analyzer.negotiation.carriers.mikey_lines import crypto_sessions, is_error, mode_of, suite_of
from analyzer.negotiation.echoes import read_echoes
from dissectors.grammar.capability_negotiation import PotentialConfiguration, parse_acfg, parse_pcfg
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import MikeyMessage, SecurityPolicy


def find_misfits(
    line: MediaLine, offered: Sequence[MikeyEvidence], answered: Sequence[MikeyEvidence], chosen: str | None
) -> tuple[str, ...]:
    """Each misfit as a sentence; the messages are those of the media line, of which responses alone answer another."""
    answers = [one for one in answered if is_response(one)]
    found = [text for answer in answers for text in _message_misfits(line, offered, answer)]
    found += _version_misfits(offered, answers)
    found += _configuration_misfits(line, offered, chosen)
    return tuple(dict.fromkeys(found))


def is_response(evidence: MikeyEvidence) -> bool:
    """Whether a message answers one of the offer; with one that begins an exchange a side keys its own direction."""
    message = evidence.message
    return message is not None and not is_error(evidence) and not is_initiators(message.header.data_type)


def _message_misfits(line: MediaLine, offered: Sequence[MikeyEvidence], answer: MikeyEvidence) -> Iterator[str]:
    mode = mode_of(answer)
    same = [one.message for one in offered if mode_of(one) == mode and one.message is not None]
    if answer.message is None:
        return
    if not same:
        if offered and all(one.message is not None for one in offered):
            yield f"The answer is a message of {mode}, and no message of that mode was offered."
        return
    identifiers = {message.header.csb_id for message in same}
    if answer.message.header.csb_id not in identifiers:
        yield "The answer has the CSB ID of no offered message of its mode, so it answers another one."
        return
    numbers = {number for message in (*same, answer.message) for number in _policy_numbers(message)}
    media_lines = len(line.offer.body.session.media) if line.offer is not None else 1
    named = {
        number
        for session in crypto_sessions(answer.message, answer.level, line.index, media_lines)
        for number in session.policies
    }
    unknown = sorted(named - numbers)
    if numbers and unknown:
        yield f"The answer names the policy {unknown[0]}, which no message of its mode has."


def _policy_numbers(message: MikeyMessage) -> Iterator[int]:
    return (policy.policy_number for policy in message.find_all(SecurityPolicy) if suite_of(policy) is not None)


def _version_misfits(offered: Sequence[MikeyEvidence], answers: Sequence[MikeyEvidence]) -> Iterator[str]:
    """An echo of a list that another message carries than the one that is answered."""
    modes = {mode_of(answer) for answer in answers}
    for echo in read_echoes(offered, answers):
        if echo.matches and modes.isdisjoint(mode_of(one) for one in echo.matches):
            yield "The answer takes one message and echoes the list of another, and the two lists differ."


def _configuration_misfits(line: MediaLine, offered: Sequence[MikeyEvidence], chosen: str | None) -> Iterator[str]:
    """The configuration that `acfg` names against what the answer keys with (RFC 5939 §3.5.2)."""
    if line.offer is None or line.answer is None or chosen is None:
        return
    acfg = next(_configurations(line.answer, "acfg"), None)
    if acfg is None:
        return
    pcfg = {one.number: one for one in _configurations(line.offer, "pcfg")}.get(acfg.number)
    if pcfg is None:
        yield f"The answer names the configuration {acfg.number}, which was not offered."
        return
    capabilities = read_capabilities(read_attributes(line.offer), offered)
    methods = {one.attribute.number: one.key_agreement for one in capabilities}
    numbers = {number for alternative in acfg.attribute_alternatives for number in alternative}
    known = {number for alternative in pcfg.attribute_alternatives for number in alternative}
    foreign = sorted(numbers - known)
    if foreign:
        yield f"The answer names the attribute {foreign[0]} with configuration {acfg.number}, which does not have it."
    taken = {method for number in numbers if (method := methods.get(number)) is not None}
    if taken and chosen not in taken:
        named = ", ".join(sorted(taken))
        yield f"The answer names the configuration {acfg.number} ({named}) and keys with {chosen}."


def _configurations(side: MediaSide, name: str) -> Iterator[PotentialConfiguration]:
    parse = parse_acfg if name == "acfg" else parse_pcfg
    for value in side.media.attribute_values(name):
        try:
            yield parse(value)
        except GrammarError:
            continue

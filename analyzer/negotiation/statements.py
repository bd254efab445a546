# SPDX-License-Identifier: GPL-2.0-only
"""What lists inside MIKEY messages say of the offer's lines (RFC 4567 §4.1.4, §7), against the lines that arrived."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from analyzer.model.keying import BODY, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, ListStatement
from analyzer.negotiation.carriers.attributes import KeyingAttributes
from analyzer.negotiation.carriers.mikey_lines import mode_of
from analyzer.negotiation.carriers.priority_extension import read_extension
from dissectors.grammar.capability_negotiation import parse_acap
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import KeyMgmtAttribute, parse_key_mgmt
from dissectors.grammar.mikey import GeneralExtension
from dissectors.grammar.mikey.priority_extension import sdp_id_list
from dissectors.grammar.mikey.registries import GeneralExtensionType
from dissectors.grammar.sdp import Attribute


def read_statements(messages: Sequence[MikeyEvidence], attributes: KeyingAttributes) -> tuple[ListStatement, ...]:
    """One statement per message of the offer that lists its lines: SDP IDs, or where the offer has none, type 241."""
    by_id = [found for evidence in messages if (found := _read_sdp_ids(evidence, attributes)) is not None]
    if by_id:
        return tuple(by_id)
    return tuple(found for evidence in messages if (found := _read_extension(evidence, messages)) is not None)


def missing_lines(statement: ListStatement) -> tuple[str, ...]:
    """The lines that the list claims and that did not arrive."""
    return tuple((Counter(statement.claimed) - Counter(statement.seen)).elements())


def _read_sdp_ids(evidence: MikeyEvidence, attributes: KeyingAttributes) -> ListStatement | None:
    if evidence.message is None or evidence.level == BODY:
        return None
    for extension in evidence.message.find_all(GeneralExtension):
        if extension.extension_type == GeneralExtensionType.SDP_IDS:
            lines = _read_lines(attributes.level(evidence.level))
            lines = lines if evidence.level == "media" else lines[: len(lines) - attributes.bodies]
            seen = tuple(line.protocol for line in _without_copies(lines))
            claimed = sdp_id_list(extension)
            return ListStatement(claimed, seen, evidence.level, evidence.mac.authentic, None, evidence.ref)
    return None


def _without_copies(lines: Iterable[KeyMgmtAttribute]) -> Iterator[KeyMgmtAttribute]:
    """Each message once: a copy in the place of another line would keep the count right (compare RFC 3830 §5.4)."""
    known: set[tuple[str, bytes]] = set()
    for line in lines:
        message = (line.protocol, line.data or line.text.encode())
        if message not in known:
            known.add(message)
            yield line


def _read_lines(attributes: Sequence[Attribute]) -> list[KeyMgmtAttribute]:
    """The key-mgmt lines of one level, capabilities included, in order."""
    found = []
    for attribute in attributes:
        value = attribute.value
        try:
            if attribute.name == "acap":
                capability = parse_acap(value or "")
                value = capability.value if capability.name == "key-mgmt" else None
            elif attribute.name != "key-mgmt":
                continue
            if value is not None:
                found.append(parse_key_mgmt(value))
        except GrammarError:
            continue
    return found


def _read_extension(evidence: MikeyEvidence, messages: Sequence[MikeyEvidence]) -> ListStatement | None:
    """The key agreements of a type-241 list; only missing and added lines differ, since its order is its numbers."""
    extension = read_extension(evidence)
    if extension is None:
        return None
    claimed = tuple(one.name for one in extension.preferences if one.kind is CapabilityKind.KEY_AGREEMENT)
    if not claimed:
        return None
    arrived = [mode_of(one) for one in messages]
    ranks = {name: rank for rank, name in enumerate(claimed)}
    seen = tuple(sorted(arrived, key=lambda name: ranks.get(name, len(ranks))))
    verified = evidence.mac.authentic
    return ListStatement(claimed, seen, evidence.level, verified, Carrier.PRIORITY_EXTENSION, evidence.ref)

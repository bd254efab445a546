# SPDX-License-Identifier: GPL-2.0-only
"""KMG-002: a MIKEY offer without the authenticated list of key management protocols."""

from analyzer.model.keying import MikeyEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts, Subject
from dissectors.grammar.mikey import GeneralExtension, MikeyMessage
from dissectors.grammar.mikey.registries import DataType, GeneralExtensionType

_NO_MIKEY = not_applicable("No MIKEY message was offered.")


def _has_list(message: MikeyMessage) -> bool:
    return any(one.extension_type == GeneralExtensionType.SDP_IDS for one in message.find_all(GeneralExtension))


def _lacks_list(evidence: MikeyEvidence) -> bool:
    message = evidence.message
    if message is None or message.header.data_type == DataType.ERROR:
        return False
    return message.is_read_whole and not _has_list(message)


def _is_shut(evidence: MikeyEvidence) -> bool:
    """Whether the list may stand where nobody can read it."""
    message = evidence.message
    return message is None or not (message.is_read_whole or _has_list(message))


def _check_line(facts: LineFacts) -> Result:
    offered = tuple(one for one in facts.offered_mikey if one.level in ("session", "media"))
    if not offered:
        return _NO_MIKEY
    bare = [one for one in offered if _lacks_list(one)]
    if bare:
        return failed(
            f"{len(bare)} offered MIKEY message(s) carry no list of the offered protocols,"
            " so nobody can notice a line that is taken out on the way.",
            tuple(dict.fromkeys(one.ref for one in bare)),
        )
    refs = tuple(dict.fromkeys(one.ref for one in offered))
    if any(map(_is_shut, offered)):
        return unknown("readable-mikey", "A MIKEY message can't be read to its end.", refs)
    return passed("Every offered MIKEY message carries the list of the offered protocols.", refs)


RULE = Rule(
    id="KMG-002",
    title="No authenticated protocol list in MIKEY",
    citation="RFC 4567 §4.1.4, §7",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER,),
    remediation="Make the sender put the SDP IDs (General Extension type 1) into every MIKEY message it offers.",
    meaning=Meaning(
        passes="Every offered MIKEY message carries the SDP IDs extension.",
        fails="An offered MIKEY message has no General Extension of type 1 (SDP IDs).",
        unknown="An offered message can't be read to its end.",
        not_applicable="No MIKEY message was offered.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.MIKEY, _NO_MIKEY),
)

# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY exchanges outside session descriptions: paired, verified and opened with the key ring (RFC 3830 §3, §7)."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_keying import master_keys_of_mikey
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_errors import verify_error
from analyzer.keying.mikey_exchanges import RESPONSES, check_mode_response, open_mode_message
from analyzer.keying.mikey_facts import with_facts
from analyzer.keying.mikey_messages import NO_KEY, UNREAD, OpenedMikey, check_responses, open_initiator_message
from analyzer.keying.mikey_paths import KeyedPath, KeyedPaths, host_of
from analyzer.model.call import Side
from analyzer.model.evidence import LooseMikey
from analyzer.model.keying import Keying, MacState, MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.report import AuditedMikey
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.mikey.registries import DataType

ANSWERS: dict[int, frozenset[int]] = {DataType.PSK_VER_MSG: frozenset({DataType.PRE_SHARED}), **RESPONSES}
ANSWERED = frozenset().union(*ANSWERS.values())
MAX_REQUESTS = 8  # of one bundle, the last ones, that an error message is checked against
OWN_SESSIONS = {1, 2}


class LooseExchanges:
    """Reads the messages in time order; each response goes with the last request of its bundle between its hosts."""

    def __init__(self, ring: KeyRing, books: MikeyBooks) -> None:
        self._ring = ring
        self._books = books
        self._messages: list[LooseMikey] = []
        self._opened: list[OpenedMikey] = []
        self._by_bundle: dict[tuple[int, frozenset[str]], list[int]] = {}

    def audit(self, messages: Iterable[LooseMikey]) -> tuple[AuditedMikey, ...]:
        """Every message with what the keys prove of it, in time order."""
        for message in sorted(messages, key=lambda each: (each.timestamp_ns, each.ref)):
            opened = self._open(message)
            self._messages.append(message)
            self._opened.append(opened)
        return tuple(map(_audited, self._messages, self._opened))

    def paths(self) -> KeyedPaths:
        """What the exchanges key."""
        pairs = zip(self._messages, self._opened, strict=True)
        return KeyedPaths([KeyedPath(_hosts(message), _keying(opened)) for message, opened in pairs if opened.keys])

    def _open(self, message: LooseMikey) -> OpenedMikey:
        evidence = _evidence(message)
        if evidence.message is None:
            return OpenedMikey(evidence)
        kind = evidence.message.header.data_type
        place = (evidence.message.header.csb_id, _hosts(message))
        if kind == DataType.ERROR:
            return OpenedMikey(self._check_error(evidence, self._by_bundle.get(place, [])))
        if kind in ANSWERS:
            return OpenedMikey(self._answer(evidence, kind, self._by_bundle.get(place, [])))
        if kind in ANSWERED:
            self._by_bundle.setdefault(place, []).append(len(self._opened))
        if kind == DataType.PRE_SHARED:
            return open_initiator_message(evidence, self._ring.psk, message.parties)
        return open_mode_message(evidence, self._ring, *message.parties, None, self._books)

    def _check_error(self, evidence: MikeyEvidence, candidates: list[int]) -> MikeyEvidence:
        """The error message checked against the requests of its bundle."""
        if not candidates:
            return verify_error(evidence, (), self._ring, ("", ""))
        requests = [self._opened[number] for number in candidates[-MAX_REQUESTS:]]
        return verify_error(evidence, requests, self._ring, self._messages[candidates[-1]].parties)

    def _answer(self, evidence: MikeyEvidence, kind: int, candidates: list[int]) -> MikeyEvidence:
        """The response checked against the last request that it may answer, which then stands as it became."""
        for number in reversed(candidates):
            first, parties = self._opened[number], self._messages[number].parties
            if first.evidence.message is None or first.evidence.message.header.data_type not in ANSWERS[kind]:
                continue
            if kind == DataType.PSK_VER_MSG:
                (self._opened[number],), (checked,) = check_responses([first], [evidence], self._ring.psk, parties)
            else:
                self._opened[number], checked = check_mode_response(
                    first, evidence, self._ring, parties, None, self._books
                )
            return checked
        return replace(evidence, mac=MacState(None, "the message that it answers was not seen"))


def _audited(message: LooseMikey, opened: OpenedMikey) -> AuditedMikey:
    evidence = with_facts(opened.evidence, opened.opening)
    return AuditedMikey(message, _method(evidence), evidence)


def _method(evidence: MikeyEvidence) -> str | None:
    return None if evidence.message is None else MIKEY_MODES.get(evidence.message.header.data_type)


def _hosts(message: LooseMikey) -> frozenset[str]:
    return frozenset((host_of(message.source), host_of(message.destination)))


def _evidence(message: LooseMikey) -> MikeyEvidence:
    try:
        parsed = parse_mikey(message.octets)
    except GrammarError as error:
        defects = (Defect("mikey-unreadable", error.offset, error.clause, str(error)),)
        read = (Side.OFFERER, "mikey", message.octets, None, UNREAD)
        return MikeyEvidence(message.ref, "message", 0, *read, bound_key=False, defects=defects)
    side = Side.ANSWERER if parsed.header.data_type in ANSWERS else Side.OFFERER
    content = (side, "mikey", message.octets, parsed, NO_KEY)
    return MikeyEvidence(message.ref, "message", 0, *content, bound_key=False, defects=parsed.defects)


def _keying(opened: OpenedMikey) -> Keying:
    evidence = with_facts(opened.evidence, opened.opening)
    keys = master_keys_of_mikey(opened, OWN_SESSIONS)
    mac = evidence.mac
    return Keying(_method(evidence), mac.verified, mac.how, keys=keys, defects=evidence.defects, mikey=(evidence,))

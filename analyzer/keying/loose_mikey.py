# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY exchanges outside session descriptions: paired, verified and opened with the key ring (RFC 3830 §3, §7)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from analyzer.keying.key_mgmt_lines import NO_KEY, UNREAD
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_errors import verify_error
from analyzer.keying.mikey_exchanges import RESPONSES
from analyzer.keying.mikey_facts import with_facts
from analyzer.keying.mikey_history import Sighting, sightings_of_exchange
from analyzer.keying.mikey_master_keys import master_keys_of_mikey
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_opener import MikeyOpener
from analyzer.keying.mikey_paths import KeyedPath, host_of
from analyzer.keying.mikey_verdicts import are_unproved, unbound_unless_proved, verdict_on
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef, LooseMikey, MikeyCarrier
from analyzer.model.keying import ALONE, Keying, MacState, MasterKey, MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.mikey.registries import DataType

ANSWERS: dict[int, frozenset[int]] = {DataType.PSK_VER_MSG: frozenset({DataType.PRE_SHARED}), **RESPONSES}
ANSWERED = frozenset().union(*ANSWERS.values())
MAX_REQUESTS = 8  # of one bundle, the last ones, that an error message is checked against
OWN_SESSIONS = {1, 2}
# Nobody sends a request anew after this: Timer F of SIP (RFC 3261 §17.1.2.2); MIKEY over UDP has no timer of its own.
SENT_ANEW_NS = 32 * 1_000_000_000
UNANSWERED = MacState(None, "the message that it answers was not seen")


class LooseExchange(NamedTuple):
    """An initiator's message with what answered it, in time order; a message alone where nothing belongs to it.

    `name` tells it from others: a message that is sent again before it was answered keeps its name.
    """

    messages: tuple[LooseMikey, ...]
    opened: tuple[OpenedMikey, ...]
    name: str

    @property
    def evidence(self) -> tuple[MikeyEvidence, ...]:
        """What the key ring proved of each message."""
        return tuple(with_facts(one.evidence, one.opening) for one in self.opened)

    @property
    def call_id(self) -> str | None:
        """The Call-ID of the SIP message that carried it."""
        return self.messages[0].call_id

    @property
    def taken(self) -> bool | None:
        """Whether the responder took the initiator's message: False for an error, None where no response was seen."""
        kinds = [one.evidence.message.header.data_type for one in self.opened[1:] if one.evidence.message is not None]
        return None if not kinds else any(kind != DataType.ERROR for kind in kinds)

    def sightings(self) -> Iterator[Sighting]:
        """The messages as the history of the capture set remembers them."""
        first = self.messages[0]
        conversation = first.call_id or " ".join(sorted(_hosts(first)))
        names = (first.parties[0] or host_of(first.source), first.parties[1] or host_of(first.destination))
        place = (conversation, self.name)
        return sightings_of_exchange(place, names, self.evidence, first.timestamp_ns + SENT_ANEW_NS)

    @property
    def is_unproved(self) -> bool:
        """Whether the message that its keys follow from may be altered."""
        return are_unproved(self.opened[:1], self._responses, self._verified)

    def master_keys(self, own: set[int]) -> tuple[MasterKey, ...]:
        """The keys that it gives, those of the CS IDs `own` first; bound ones where it is proved to be unaltered."""
        keys = master_keys_of_mikey(self.opened[0], own)
        return unbound_unless_proved(keys, self.opened[:1], self._responses, self._verified)

    @property
    def _responses(self) -> list[MikeyEvidence]:
        return [one.evidence for one in self.opened[1:]]

    @property
    def _verified(self) -> bool | None:
        return verdict_on(self.opened[0], self._responses)[0]

    @property
    def keyed_path(self) -> KeyedPath:
        """Between which hosts it keys what."""
        first, mac = self.evidence[0], self.opened[0].evidence.mac
        keys = self.master_keys(OWN_SESSIONS)
        keying = Keying(method_of(first), mac.verified, mac.how, keys=keys, defects=first.defects, mikey=(first,))
        return KeyedPath(_hosts(self.messages[0]), keying)


class LooseExchanges:
    """Reads the messages in time order; each response goes with the last request of its bundle between its hosts."""

    def __init__(self, ring: KeyRing, books: MikeyBooks) -> None:
        self._ring = ring
        self._opener = MikeyOpener(ring, books)
        self._messages: list[LooseMikey] = []
        self._opened: list[OpenedMikey] = []
        self._answered_by: dict[int, list[int]] = {}
        self._by_bundle: dict[tuple[int, frozenset[str]], list[int]] = {}

    def read(self, messages: Iterable[LooseMikey]) -> tuple[LooseExchange, ...]:
        """The exchanges, in the order of their first messages."""
        for message in sorted(messages, key=lambda each: (each.timestamp_ns, each.ref)):
            opened = self._open(message)
            self._messages.append(message)
            self._opened.append(opened)
        answers = {number for numbers in self._answered_by.values() for number in numbers}
        firsts = [number for number in range(len(self._messages)) if number not in answers]
        return tuple(self._exchange(number, name) for number, name in zip(firsts, self._names(firsts), strict=True))

    def _exchange(self, number: int, name: str) -> LooseExchange:
        numbers = (number, *self._answered_by.get(number, ()))
        return LooseExchange(
            tuple(self._messages[each] for each in numbers), tuple(self._opened[each] for each in numbers), name
        )

    def _names(self, firsts: Iterable[int]) -> Iterator[str]:
        """A name for each exchange: of a message sent again that of the first time, of SIP's the Call-ID."""
        sent: dict[tuple[bytes, str, str], int] = {}
        for number in firsts:
            message = self._messages[number]
            place = (message.octets, message.source, message.destination)
            before = sent.setdefault(place, number)
            if not self._is_sent_anew(before, number):
                sent[place] = before = number
            yield message.call_id or str(before)

    def _is_sent_anew(self, before: int, number: int) -> bool:
        now = self._messages[number].timestamp_ns
        answered = [self._messages[each].timestamp_ns for each in self._answered_by.get(before, ())]
        return now - self._messages[before].timestamp_ns <= SENT_ANEW_NS and all(each > now for each in answered)

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
        return self._opener.open(_hosts(message), evidence, message.parties)

    def _check_error(self, evidence: MikeyEvidence, candidates: list[int]) -> MikeyEvidence:
        """The error message checked against the requests of its bundle."""
        if not candidates:
            return verify_error(evidence, (), self._ring, ("", ""))
        self._answered_by.setdefault(candidates[-1], []).append(len(self._opened))
        requests = [self._opened[number] for number in candidates[-MAX_REQUESTS:]]
        return verify_error(evidence, requests, self._ring, self._messages[candidates[-1]].parties)

    def _answer(self, evidence: MikeyEvidence, kind: int, candidates: list[int]) -> MikeyEvidence:
        """The response checked against the last request that it may answer, which then stands as it became."""
        for number in reversed(candidates):
            first, parties = self._opened[number], self._messages[number].parties
            if first.evidence.message is None or first.evidence.message.header.data_type not in ANSWERS[kind]:
                continue
            self._answered_by.setdefault(number, []).append(len(self._opened))
            scope = _hosts(self._messages[number])
            (self._opened[number],), (checked,) = self._opener.check_answers(scope, [first], [evidence], parties)
            return checked
        return replace(evidence, mac=UNANSWERED)


def of_calls(
    exchanges: Iterable[LooseExchange], call_ids: frozenset[str]
) -> tuple[dict[str, list[LooseExchange]], list[LooseExchange]]:
    """The exchanges that the SIP messages of these calls carried, by Call-ID; and the others."""
    inside: dict[str, list[LooseExchange]] = {}
    outside = []
    for each in exchanges:
        call_id = each.call_id
        if each.messages[0].carrier is MikeyCarrier.SIP_BODY and call_id is not None and call_id in call_ids:
            inside.setdefault(call_id, []).append(each)
        else:
            outside.append(each)
    return inside, outside


def method_of(evidence: MikeyEvidence) -> str | None:
    """The key agreement of a message, None where it can't be read or belongs to none."""
    return None if evidence.message is None else MIKEY_MODES.get(evidence.message.header.data_type)


def _hosts(message: LooseMikey) -> frozenset[str]:
    return frozenset((host_of(message.source), host_of(message.destination)))


def _evidence(message: LooseMikey) -> MikeyEvidence:
    place: tuple[FrameRef, str, int] = (message.ref, ALONE, 0)
    sent = (message.transport, message.timestamp_ns)
    try:
        parsed = parse_mikey(message.octets)
    except GrammarError as error:
        defects = (Defect("mikey-unreadable", error.offset, error.clause, str(error)),)
        shut = MikeyEvidence(*place, Side.OFFERER, "mikey", message.octets, None, UNREAD, bound_key=False)
        return replace(shut, defects=defects, transport=sent[0], sent_ns=sent[1])
    answers = parsed.header.data_type in ANSWERS or parsed.header.data_type == DataType.ERROR
    side = Side.ANSWERER if answers else Side.OFFERER
    read = MikeyEvidence(*place, side, "mikey", message.octets, parsed, NO_KEY, bound_key=False)
    return replace(read, defects=parsed.defects, transport=sent[0], sent_ns=sent[1])

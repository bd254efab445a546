# SPDX-License-Identifier: GPL-2.0-only
"""Replay and freshness over a capture set: what a MIKEY message shares with earlier ones (RFC 3830 §4.5, §5.2, §5.4).

MIKEY has no challenge: a message is fresh because its timestamp is new to a responder who remembers the ones before. A
listener who saw them all can remember as well. Nothing here needs a key: two messages between the same two parties
with the same CSB ID, RAND and T are encrypted with the same keystream, whatever their key is (§4.1.4, §4.2.3).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from analyzer.keying.mikey_steps import group_csb_id, stated_sender
from analyzer.model.call import Call, MediaLine, Party
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence, MikeyFreshness, MikeyReuse, MikeyUpdate, Shared
from analyzer.model.mikey_modes import is_initiators
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Dh, Identity, Kemac, MikeyMessage, Pke, Rand, Timestamp
from dissectors.grammar.mikey.registries import DataType, EncryptionAlgorithm
from dissectors.grammar.sip_address import bare_address

# A shorter RAND may come twice by chance in a large capture set.
RAND_OCTETS_THAT_TELL = 8
# An offer that nobody answered counts as given up after this: Timer C of a proxy (RFC 3261 §16.6).
GIVEN_UP_NS = 180 * 1_000_000_000
KEYSTREAM_CIPHERS = frozenset({EncryptionAlgorithm.AES_CM_128, EncryptionAlgorithm.AES_CM_256})


@dataclass(frozen=True, slots=True)
class Sighting:
    """One MIKEY message where it was seen; `settled_ns` is when its offer was answered or refused.

    In the course of one `exchange` a message may be sent again; in one `call_id` a later message may update an earlier
    one. Where SIP carries them both are the Call-ID.
    """

    ref: FrameRef
    call_id: str
    exchange: str
    time_ns: int
    settled_ns: int | None
    initiator: str
    responder: str
    octets: bytes
    message: MikeyMessage

    @property
    def when(self) -> tuple[int, FrameRef]:
        """The order of sightings."""
        return self.time_ns, self.ref

    def is_settled_before(self, later: "Sighting") -> bool:
        """Whether its offer was over when the later message was sent."""
        over = self.time_ns + GIVEN_UP_NS if self.settled_ns is None else self.settled_ns
        return over <= later.time_ns


class _Feature(NamedTuple):
    """A property that two messages may share, as the key of an index."""

    shared: Shared
    value: Hashable


class MikeyHistory:
    """The MIKEY messages of a capture set; add every line first, or each in time order, then ask.

    Lines of one offer are alternatives, of which a responder takes one, so they are not compared with each other.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[FrameRef, str, bytes], Sighting] = {}
        self._by_feature: dict[_Feature, list[Sighting]] = defaultdict(list)
        self._initials: dict[tuple[str, int], Sighting] = {}
        self._offers: set[FrameRef] = set()

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Remember the messages of one media line or exchange; those known already are not counted again."""
        for sighting in sightings:
            place = (sighting.ref, sighting.call_id, sighting.octets)
            if place in self._known:
                continue
            self._known[place] = sighting
            if is_initiators(sighting.message.header.data_type):
                self._offers.add(sighting.ref)
                self._remember_initial(sighting)
            elif sighting.message.header.data_type == DataType.RSA_R_R_MSG:  # whose responder may set up the bundle
                self._remember_initial(sighting)
            for feature in self._features(sighting):
                self._by_feature[feature].append(sighting)

    def add_line(self, call: Call, line: MediaLine, messages: Iterable[MikeyEvidence]) -> None:
        """Take in the readable messages of one media line."""
        self.add(_sightings_of_line(call, line, messages))

    def freshness_of_line(self, call: Call, line: MediaLine, messages: Iterable[MikeyEvidence]) -> MikeyFreshness:
        """How the messages of one media line stand to the others."""
        return self.freshness(_sightings_of_line(call, line, messages))

    def freshness(self, sightings: Iterable[Sighting]) -> MikeyFreshness:
        """What the messages of a line or exchange share with earlier ones."""
        own = tuple(sightings)
        reuses = tuple(reuse for sighting in own for reuse in self._reuses(sighting))
        updates = tuple(update for sighting in own for update in self._updates(sighting))
        others = len(self._offers - {sighting.ref for sighting in own})
        return MikeyFreshness(tuple(dict.fromkeys(reuses)), tuple(dict.fromkeys(updates)), others)

    def _remember_initial(self, sighting: Sighting) -> None:
        if sighting.message.find(Rand) is None or sighting.message.header.data_type == DataType.I_MESSAGE_2:
            return
        group = group_csb_id(sighting.message) if sighting.message.header.data_type == DataType.RSA_R_R_MSG else None
        place = (sighting.call_id, sighting.message.header.csb_id if group is None else group)
        before = self._initials.get(place)
        if before is None or sighting.when < before.when:
            self._initials[place] = sighting

    def _reuses(self, sighting: Sighting) -> Iterator[MikeyReuse]:
        for feature in self._features(sighting):
            earlier = [
                other
                for other in self._by_feature[feature]
                if other.ref != sighting.ref and other.when < sighting.when and _is_reuse(feature, other, sighting)
            ]
            if earlier:
                # One that was over excuses a repetition less than one that may be another leg of the call.
                settled = [other for other in earlier if other.is_settled_before(sighting)]
                other = min(settled or earlier, key=lambda each: each.when)
                yield MikeyReuse(feature.shared, sighting.ref, other.ref, other.call_id, bool(settled))

    def _updates(self, sighting: Sighting) -> Iterator[MikeyUpdate]:
        """The message as an update of an earlier one of its call, if it is one (RFC 3830 §4.5)."""
        initial = self._initials.get((sighting.call_id, sighting.message.header.csb_id))
        if not is_initiators(sighting.message.header.data_type) or initial is None or initial.ref == sighting.ref:
            return
        if initial.when > sighting.when or initial.octets == sighting.octets:
            return
        if any(each.call_id == sighting.call_id and each.when < initial.when for each in self._same(sighting)):
            return  # what the responder answered, sent again
        if sighting.message.header.data_type == DataType.I_MESSAGE_2:  # the second half, with a RAND (RFC 6267 §4.2.2)
            return
        faults = []
        if sighting.message.find(Rand) is not None:
            faults.append("it carries a RAND, which only the first exchange may")
        before, now = _time_of(initial.message), _time_of(sighting.message)
        if before is not None and before == now:
            faults.append("its timestamp is the old one")
        yield MikeyUpdate(sighting.ref, initial.ref, tuple(faults))

    def _same(self, sighting: Sighting) -> list[Sighting]:
        """The sightings of the same octets."""
        return self._by_feature.get(_Feature(Shared.MESSAGE, sighting.octets), [])

    def _features(self, sighting: Sighting) -> Iterator[_Feature]:
        message = sighting.message
        yield from (_Feature(Shared.DH_VALUE, value) for value in _own_values(message))
        if not is_initiators(message.header.data_type):
            return
        pair, csb_id = frozenset((sighting.initiator, sighting.responder)), message.header.csb_id
        known_pair = sighting.initiator and sighting.responder
        time, rand = _time_of(message), self._rand_of(sighting)
        yield _Feature(Shared.MESSAGE, sighting.octets)
        if time is not None and sighting.initiator:
            yield _Feature(Shared.TIMESTAMP, (sighting.initiator, time))
        if len(rand) >= RAND_OCTETS_THAT_TELL and message.find(Rand) is not None:
            yield _Feature(Shared.RAND, rand)
        if known_pair:
            yield _Feature(Shared.CSB_ID, (pair, csb_id))
            if _is_keystream_ciphered(message) and time is not None:
                yield _Feature(Shared.KEYSTREAM, (pair, csb_id, rand, time, _envelope(message)))

    def _rand_of(self, sighting: Sighting) -> bytes:
        """RAND of the message, or of the exchange that it updates."""
        own = sighting.message.find(Rand)
        if own is not None:
            return own.data
        initial = self._initials.get((sighting.call_id, sighting.message.header.csb_id))
        found = None if initial is None else initial.message.find(Rand)
        return b"" if found is None else found.data


def _sightings_of_line(call: Call, line: MediaLine, messages: Iterable[MikeyEvidence]) -> Iterator[Sighting]:
    """The readable messages of one media line."""
    exchange = line.exchange
    settled = exchange.answered_ns
    if settled is None and exchange.final is not None:
        settled = exchange.final.timestamp_ns
    for evidence in messages:
        if evidence.message is None or evidence.octets is None:
            continue
        parties = (call.caller, call.callee)
        offered_by_callee = exchange.offer is not None and exchange.offer.party is Party.CALLEE
        initiator, responder = parties[::-1] if offered_by_callee else parties
        names = _names(evidence.message, initiator, responder)
        place = (evidence.ref, call.call_id, call.call_id, evidence.sent_ns, settled)
        yield Sighting(*place, *names, evidence.octets, evidence.message)


def sightings_of_exchange(
    place: tuple[str, str], parties: tuple[str, str], messages: Iterable[MikeyEvidence], settled_ns: int | None
) -> Iterator[Sighting]:
    """The readable messages of an exchange outside calls.

    `place` names the conversation and the exchange in it, `parties` who sent its first message and to whom.
    """
    for evidence in messages:
        if evidence.message is not None and evidence.octets is not None:
            names = _names(evidence.message, *parties)
            said = (evidence.ref, *place, evidence.sent_ns, settled_ns)
            yield Sighting(*said, *names, evidence.octets, evidence.message)


def _names(message: MikeyMessage, initiator: str, responder: str) -> tuple[str, str]:
    """Who the message says its initiator and responder are, else the SIP parties; "" for one who hides his name."""
    stated = stated_sender(message)
    others = [each for each in message.find_all(Identity) if stated is None or each.data != stated.data]
    first = initiator if stated is None else stated.text
    second = others[0].text if others else responder
    return _name(first), _name(second)


def _name(text: str) -> str:
    name = bare_address(text)
    return "" if name.rpartition("@")[2].lower() == "anonymous.invalid" else name


def _time_of(message: MikeyMessage) -> tuple[int, bytes] | None:
    timestamp = message.find(Timestamp)
    return None if timestamp is None else (timestamp.timestamp_type, timestamp.value)


def _own_values(message: MikeyMessage) -> Iterator[tuple[int, bytes]]:
    """The sender's own public value: DHr stands before the echoed DHi (RFC 3830 §3.3)."""
    values = message.find_all(Dh)
    if values:
        yield values[0].group, values[0].value


def _is_keystream_ciphered(message: MikeyMessage) -> bool:
    kemac = message.find(Kemac)
    return kemac is not None and bool(kemac.data) and kemac.encryption_algorithm in KEYSTREAM_CIPHERS


def _envelope(message: MikeyMessage) -> bytes:
    """What tells one envelope key from another; nothing where the parties' pre-shared key encrypts."""
    envelope = message.find(Pke)
    return b"" if envelope is None else envelope.data


def _is_reuse(feature: _Feature, earlier: Sighting, later: Sighting) -> bool:
    """Whether sharing the feature breaks a rule, given what else the two have in common."""
    other_call = earlier.call_id != later.call_id
    if feature.shared is Shared.MESSAGE:
        return earlier.exchange != later.exchange
    if earlier.octets == later.octets:
        return False
    other_bundle = earlier.message.header.csb_id != later.message.header.csb_id
    if feature.shared is Shared.DH_VALUE:
        return other_bundle or other_call
    if feature.shared is Shared.RAND:  # all members of one bundle get the same RAND (RFC 3830 §6.11)
        return other_bundle or (other_call and earlier.responder == later.responder)
    if feature.shared is Shared.CSB_ID:
        return other_call
    if feature.shared is Shared.KEYSTREAM:
        first, second = earlier.message.find(Kemac), later.message.find(Kemac)
        return first is not None and second is not None and first.data != second.data
    return True

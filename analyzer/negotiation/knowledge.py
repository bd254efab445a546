# SPDX-License-Identifier: GPL-2.0-only
"""What is known of an endpoint's list from elsewhere: the auditor's inventory, and what it showed in other messages."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from analyzer.keying.mikey_refusals import read_refusal
from analyzer.model.call import Call, Exchange, MediaLine, MediaSide, Party, Resolution, SdpBody, Side
from analyzer.model.evidence import AnySignalling, FrameRef, RtspSignallingMessage, SignallingMessage
from analyzer.model.keying import Keying, MacState, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, ListOrigin, ListSource, Preference
from analyzer.negotiation.carriers.attributes import KEYING
from analyzer.negotiation.carriers.mikey_error import refuted_suites, standing_of, suites_of
from analyzer.negotiation.inventory import Identity, Inventory
from analyzer.negotiation.offering import is_mikey, read_offer
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import Attribute, parse_sdp
from dissectors.grammar.sip_address import bare_address

MAX_KEPT = 256  # of one endpoint that are remembered of each origin; later ones push out earlier ones
MAX_ANSWERS = 16  # of one endpoint, the nearest ones, that are searched for what it accepted
MAX_DESCRIPTION_LINES = 16  # media lines of one answer to OPTIONS that are looked at
RANKS = {origin: rank for rank, origin in enumerate(ListOrigin)}
OBSERVED = MacState(None, "seen in another offer")


class Observation(NamedTuple):
    """One description in which an endpoint showed what it supports; as an offer of its own, or (`taken`) an answer."""

    origin: ListOrigin
    line: MediaLine
    time_ns: int
    call_id: str | None
    ref: FrameRef
    refusals: Callable[[], tuple[MikeyEvidence, ...]] = tuple  # of a refusal: its error messages, verified when asked


class Listing(NamedTuple):
    """A list that an observation gives; one that is not `believed` is shown and not used. `how`: see `ListSource`."""

    preferences: tuple[Preference, ...]
    how: str = ""
    believed: bool = True


NO_LISTING = Listing(())


class Observed:
    """What one endpoint showed of one media type, by origin and in time order; each list of it is read once."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._of_origin: dict[ListOrigin, list[Observation]] = {}
        for one in sorted(observations, key=lambda one: (RANKS[one.origin], one.time_ns)):
            self._of_origin.setdefault(one.origin, []).append(one)
        self._times = {origin: [one.time_ns for one in own] for origin, own in self._of_origin.items()}
        self._lists: dict[tuple[ListOrigin, int, CapabilityKind, str | None], Listing] = {}

    def __iter__(self) -> Iterator[Observation]:
        return (one for own in self._of_origin.values() for one in own)

    def lists(
        self, start_ns: int, kind: CapabilityKind, method: str | None, own: frozenset[FrameRef]
    ) -> Iterator[tuple[Observation, Listing]]:
        """The nearest observation of each origin that has a list of that kind, best origin first.

        Of earlier answers each that adds a name. What stands in the messages `own` is passed over. A list that is not
        believed stands, if it is nearer, before the nearest that is.
        """
        for origin in self._of_origin:
            if origin is ListOrigin.OTHER_ANSWER:
                yield from self._accepted(start_ns, kind, method, own)
                continue
            doubted = False
            for place in self._nearest(origin, start_ns):
                one = self._of_origin[origin][place]
                found = NO_LISTING if one.ref in own else self._list(origin, place, kind, method)
                if found.preferences and (found.believed or not doubted):
                    yield one, found
                    doubted = True
                    if found.believed:
                        break

    def _accepted(
        self, start_ns: int, kind: CapabilityKind, method: str | None, own: frozenset[FrameRef]
    ) -> Iterator[tuple[Observation, Listing]]:
        origin, answers, names = ListOrigin.OTHER_ANSWER, 0, set[str]()
        for place in self._nearest(origin, start_ns):
            one = self._of_origin[origin][place]
            if one.ref in own:
                continue
            listed = self._list(origin, place, kind, method).preferences
            added = tuple([each for each in listed if each.name not in names])
            if added:
                names.update(each.name for each in added)
                yield one, Listing(added)
            answers += 1
            if answers == MAX_ANSWERS:
                return

    def _nearest(self, origin: ListOrigin, start_ns: int) -> Iterator[int]:
        """The places of the observations of an origin, those nearest in time first, the earlier of two as near."""
        times = self._times[origin]
        later = bisect_left(times, start_ns)
        earlier = later - 1
        while earlier >= 0 or later < len(times):
            if later == len(times) or (earlier >= 0 and start_ns - times[earlier] <= times[later] - start_ns):
                yield earlier
                earlier -= 1
            else:
                yield later
                later += 1

    def _list(self, origin: ListOrigin, place: int, kind: CapabilityKind, method: str | None) -> Listing:
        key = (origin, place, kind, method)
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = _observe(self._of_origin[origin][place], kind, method)
        return found


Observations = Mapping[tuple[str, str], Observed]
RefusalCheck = Callable[[Call, MediaLine], tuple[MikeyEvidence, ...]]


def _unchecked(_call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
    return read_refusal(line.exchange, line.index)


class Learnt(NamedTuple):
    """What is known of a list from elsewhere: the list to judge by, and capabilities that are proved to be supported.

    `preferences` is () where no whole list is known; what is `supported` stands not in it. `sources` are all that was
    found, best first, those that were used marked.
    """

    preferences: tuple[Preference, ...]
    supported: frozenset[str]
    sources: tuple[ListSource, ...]


NOTHING_LEARNT = Learnt((), frozenset(), ())


class Knowledge(NamedTuple):
    """Lists from elsewhere; `observed` gives the observations when they are first needed."""

    inventory: Inventory = Inventory()
    observed: Callable[[], Observations] = dict

    def learn(self, party: Identity, line: MediaLine, kind: CapabilityKind, method: str | None) -> Learnt:
        """An answerer's list of one kind: the inventory's, else that of its best and nearest observation.

        Suites are asked for with the key agreement they belong to. What the party accepted elsewhere proves support,
        against a list from elsewhere too, and is no list.
        """
        listed = self.inventory.preferences(party, kind)
        found: list[tuple[Listing, ListSource]] = []
        if listed:
            found.append((Listing(listed), _source(kind, ListOrigin.INVENTORY, Listing(listed))))
        observed = None if party.aor is None else self.observed().get((bare_address(party.aor), line.type))
        if observed is not None:
            start = line.exchange.start_ns
            for observation, listing in observed.lists(start, kind, method, _own_refs(line.exchange)):
                age_ns = start - observation.time_ns
                found.append((listing, _source(kind, observation.origin, listing, age_ns, observation)))
        whole = (number for number, (one, source) in enumerate(found) if one.believed and source.origin in WHOLE_LISTS)
        used = next(whole, None)
        preferences = () if used is None else found[used][0].preferences
        proved = [_accepted_beside(source, preferences) for _, source in found]
        sources = tuple(
            source._replace(used=place == used or bool(proved[place])) for place, (_, source) in enumerate(found)
        )
        return Learnt(preferences, frozenset[str]().union(*proved), sources)


def _accepted_beside(source: ListSource, preferences: tuple[Preference, ...]) -> frozenset[str]:
    """What a party answered with elsewhere and its list has not, which is from elsewhere too: it proves support."""
    if source.origin is not ListOrigin.OTHER_ANSWER:
        return frozenset()
    return frozenset(name for name, _ in source.names).difference(one.name for one in preferences)


WHOLE_LISTS = frozenset(ListOrigin) - {ListOrigin.OTHER_ANSWER}


def _source(
    kind: CapabilityKind,
    origin: ListOrigin,
    listing: Listing,
    age_ns: int | None = None,
    observation: Observation | None = None,
) -> ListSource:
    names = tuple(dict.fromkeys((one.name, one.priority) for one in listing.preferences))
    ref = None if observation is None else observation.ref
    call_id = None if observation is None else observation.call_id
    return ListSource(Side.ANSWERER, kind, origin, names, age_ns, ref, call_id, used=False, how=listing.how)


def _own_refs(exchange: Exchange) -> frozenset[FrameRef]:
    """The messages of the exchange itself, which tell nothing of it from elsewhere."""
    bodies = [one.message.ref for one in (exchange.offer, exchange.answer) if one is not None]
    return frozenset(bodies if exchange.final is None else (*bodies, exchange.final.ref))


def build_observations(
    calls: Iterable[Call], outside: Iterable[AnySignalling] = (), check: RefusalCheck = _unchecked
) -> Observations:
    """What each address-of-record showed of its support, by (address-of-record, media type).

    Its own offers, its answers to OPTIONS, the MIKEY error messages with which it refused, and what it accepted.
    `check` verifies those messages.
    """
    found: dict[tuple[str, str], list[Observation]] = {}
    for call in calls:
        for line in call.media:
            for party, observation in _of_line(call, line, check):
                aor = call.caller if party is Party.CALLER else call.callee
                _keep(found, aor, observation)
        for message in call.messages:
            if isinstance(message, SignallingMessage) and _answers_options(message):
                _keep_options(found, message, call.call_id)
    for message in outside:
        if isinstance(message, SignallingMessage) and _answers_options(message):
            _keep_options(found, message, message.call_id or None)
    return {key: Observed(observations) for key, observations in found.items()}


def _of_line(call: Call, line: MediaLine, check: RefusalCheck) -> Iterator[tuple[Party, Observation]]:
    start = line.exchange.start_ns
    for side, origin in ((line.offer, ListOrigin.OWN_OFFER), (line.answer, ListOrigin.OTHER_ANSWER)):
        if side is not None and _is_keyed(side) and (origin is ListOrigin.OWN_OFFER or side.media.port):
            yield side.body.party, Observation(origin, line, start, call.call_id, side.body.message.ref)
    refusal = line.exchange.final
    if line.answer is None and line.exchange.offer is not None and refusal is not None and _may_tell(refusal):
        party = Party.CALLEE if line.exchange.offer.party is Party.CALLER else Party.CALLER
        verified = partial(check, call, line)
        yield party, Observation(ListOrigin.OTHER_REFUSAL, line, start, call.call_id, refusal.ref, verified)


def _may_tell(refusal: AnySignalling) -> bool:
    """Whether a refusal has anything in which a MIKEY error message may stand."""
    if refusal.text.body:
        return True
    rtsp = refusal.rtsp if isinstance(refusal, RtspSignallingMessage) else None
    return rtsp is not None and (bool(rtsp.key_mgmt) or any(spec.mikey for spec in rtsp.transports))


def _keep(found: dict[tuple[str, str], list[Observation]], aor: str, observation: Observation) -> None:
    kept = found.setdefault((bare_address(aor), observation.line.type), [])
    kept.append(observation)
    if len(kept) > 2 * MAX_KEPT:
        del kept[:-MAX_KEPT]


def _answers_options(message: SignallingMessage) -> bool:
    return message.sip.cseq_method == "OPTIONS" and message.sip.status is not None


def _keep_options(
    found: dict[tuple[str, str], list[Observation]], message: SignallingMessage, call_id: str | None
) -> None:
    """An answer to OPTIONS describes what the asked party supports, port 0 (RFC 3264 §9, RFC 3261 §11.2)."""
    body = message.sip.sdp()
    aor = message.sip.to_uri
    if body is None or not aor or not 200 <= (message.sip.status or 0) < 300:
        return
    try:
        session = parse_sdp(body.content)
    except GrammarError:
        return
    described = SdpBody(message, session, Party.CALLEE)
    exchange = Exchange(0, described, None, Resolution.UNANSWERED, None, message.timestamp_ns, None, None)
    for media in session.media[:MAX_DESCRIPTION_LINES]:
        side = MediaSide(described, media, None, None)
        if _is_keyed(side):
            line = MediaLine(media.index, exchange, media.type, side, None, (), (), ())
            _keep(found, aor, Observation(ListOrigin.OPTIONS, line, message.timestamp_ns, call_id, message.ref))


def identify(call: Call, body: SdpBody | None, party: Party) -> Identity:
    """What a call shows of the party that sent `body`; its User-Agent or Server header tells the agent."""
    aor = call.caller if party is Party.CALLER else call.callee
    if body is None:
        return Identity(aor or None, None, None)
    return Identity(aor or None, body.message.source, body.message.text.user_agent)


def _is_keyed(side: MediaSide) -> bool:
    levels = (side.media, side.body.session)
    return not all(KEYING.isdisjoint(level.attribute_names) for level in levels)


def _observe(observation: Observation, kind: CapabilityKind, method: str | None) -> Listing:
    """The list of one kind in a description, as `observed`; its numbers stay, except what an answer accepted."""
    line = observation.line
    if observation.origin is ListOrigin.OTHER_REFUSAL:
        if kind is CapabilityKind.KEY_AGREEMENT or method is None or not is_mikey(method):
            return NO_LISTING
        return _named(observation.refusals())
    accepted = observation.origin is ListOrigin.OTHER_ANSWER
    side = line.answer if accepted else line.offer
    if side is None:
        return NO_LISTING
    offering = read_offer(side, line, _read_keying(side), None, None)
    found = offering.key_agreements if kind is CapabilityKind.KEY_AGREEMENT else offering.suites_of(method)
    if accepted:
        found = tuple(one._replace(priority=None) for one in found if one.carrier in TAKEN)
    return _observed(found)


def _observed(preferences: Iterable[Preference], how: str = "", *, believed: bool = True) -> Listing:
    return Listing(tuple(one._replace(carrier=Carrier.OBSERVED) for one in preferences), how, believed)


def _named(errors: tuple[MikeyEvidence, ...]) -> Listing:
    """The suites that error messages name, else those that they seem to name."""
    found = suites_of(errors)
    if found:
        speaker = next(one for one in errors if one.ref == found[0].ref and one.mac.verified is not False)
        return _observed(found, standing_of(speaker))
    refuted = next(refuted_suites(errors), None)
    return NO_LISTING if refuted is None else _observed(refuted[1], standing_of(refuted[0]), believed=False)


# In an answer these name what was accepted; the others there are the responder's list, which stands on that wire.
TAKEN = frozenset(
    {Carrier.SDES_ORDER, Carrier.FINGERPRINT, Carrier.ZRTP_HASH, Carrier.KEY_MGMT_ORDER, Carrier.MIKEY_BODY, Carrier.SP}
)


def _read_keying(side: MediaSide) -> Keying:
    """The keying attributes of an offer, read without any key."""
    crypto = []
    for value in side.media.attribute_values("crypto"):
        try:
            crypto.append(parse_crypto(value))
        except GrammarError:
            continue
    messages = _messages(side, side.media.attributes, "media")
    messages = messages or _messages(side, side.body.session.attributes, "session")
    return Keying(None, None, "", offered_crypto=tuple(crypto), mikey=messages)


def _messages(side: MediaSide, attributes: Iterable[Attribute], level: str) -> tuple[MikeyEvidence, ...]:
    found = []
    for attribute in attributes:
        if attribute.name != "key-mgmt":
            continue
        try:
            line = parse_key_mgmt(attribute.value or "")
            message = None if line.data is None else parse_mikey(line.data)
        except GrammarError:
            continue
        ref = side.body.message.ref
        found.append(
            MikeyEvidence(
                ref,
                level,
                attribute.line_number,
                Side.OFFERER,
                line.protocol,
                line.data,
                message,
                OBSERVED,
                bound_key=False,
            )
        )
    return tuple(found)

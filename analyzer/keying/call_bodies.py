# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY in bodies of a call's messages that stand beside no session description: bound to the call that carried them.

No document says how such a body belongs to offer and answer, so it counts for the exchange during which it was sent:
its keys may open that exchange's media, and its facts and faults are that call's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analyzer.keying.loose_mikey import LooseExchange, method_of
from analyzer.model.call import Call, MediaLine, Party, Side
from analyzer.model.evidence import LooseMikey, MikeyCarrier, SignallingMessage
from analyzer.model.keying import Keying, MasterKey
from dissectors.grammar.sip_address import bare_address


def without_described(calls: Iterable[Call], messages: Sequence[LooseMikey]) -> list[LooseMikey]:
    """The messages without those that a call's descriptions bring along (`SdpBody.bodies`): they are that call's."""
    carried = {message.call_id for message in messages if message.carrier is MikeyCarrier.SIP_BODY}
    described: set[tuple[str | None, bytes]] = set()
    for call in calls:
        if call.call_id not in carried:
            continue
        for exchange in call.exchanges:
            for body in (exchange.offer, exchange.answer):
                if body is not None and body.bodies and isinstance(body.message, SignallingMessage):
                    described.update((call.call_id, octets) for octets in body.message.sip.mikey_parts())
    return [message for message in messages if (message.call_id, message.octets) not in described]


def add_bodies(keying: Keying, call: Call, line: MediaLine, exchanges: Iterable[LooseExchange]) -> Keying:
    """The keying of a media line with what MIKEY bodies beside no description add during its exchange."""
    for each in exchanges:
        if _is_during(line, call, each.messages[0].timestamp_ns):
            keying = _add(keying, call, line, each)
    return keying


def _is_during(line: MediaLine, call: Call, time_ns: int) -> bool:
    """Whether a message was sent during an exchange; what was sent before the first belongs to that."""
    begun = line.exchange.start_ns <= time_ns or line.exchange.number == min(one.number for one in call.exchanges)
    return begun and (line.exchange.end_ns is None or time_ns < line.exchange.end_ns)


def _add(keying: Keying, call: Call, line: MediaLine, exchange: LooseExchange) -> Keying:
    by_offerer = _is_offerers(call, line, exchange.messages[0])
    lines = sum(one.exchange.number == line.exchange.number for one in call.media)
    own = {2 * line.index + 1, 2 * line.index + 2} if lines > 1 else {1, 2}
    keys = exchange.master_keys(own)
    unproved = bool(keys) and exchange.is_unproved
    evidence = exchange.evidence
    if not by_offerer:
        keys = tuple(map(_other_sender, keys))
        evidence = tuple(replace(one, side=_other(one.side)) for one in evidence)
    states = [one.mac.verified for one in evidence]
    failed = False in states
    mac = next((one.mac for one in evidence if one.mac.verified is False), evidence[0].mac)
    first = keying.method is None
    return replace(
        keying,
        method=keying.method or method_of(evidence[0]),
        verified=mac.verified if first or failed else keying.verified,
        how=mac.how if first or failed else keying.how,
        keys=keying.keys + keys,
        mikey=keying.mikey + evidence,
        keys_unproved=keying.keys_unproved or unproved,
        authentic=False if failed else keying.authentic or (True if True in states and first else None),
    )


def _is_offerers(call: Call, line: MediaLine, message: LooseMikey) -> bool:
    """Whether the party that offered sent the message: by its address-of-record, else by where it came from."""
    offer = line.exchange.offer
    caller, callee, sender = (bare_address(one) for one in (call.caller, call.callee, message.parties[0]))
    if caller != callee and sender in (caller, callee):
        offered_by_caller = offer is None or offer.party is Party.CALLER
        return (sender == caller) is offered_by_caller
    return offer is None or offer.message.source == message.source


def _other(side: Side) -> Side:
    return Side.ANSWERER if side is Side.OFFERER else Side.OFFERER


def _other_sender(key: MasterKey) -> MasterKey:
    return key if key.sender is None else key._replace(sender=_other(key.sender))

# SPDX-License-Identifier: GPL-2.0-only
"""What a man in the middle could have done to each list without either party noticing, carrier by carrier.

He may drop, reorder and insert lines, and has none of the parties' keys. "Noticed" means that the protocol gives a
party the means to notice; whether it looks is another question, and a call that goes on all the same fails KMG-003.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analyzer.model.call import MediaLine, MediaSide, Side
from analyzer.model.keying import MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, Choice, Exposure, ListStatement, Preference, Sight
from analyzer.negotiation.carriers.mikey_lines import authenticated
from analyzer.negotiation.carriers.priority_extension import read_extension

ENCRYPTED_HOPS = frozenset({"TLS", "WSS", "DTLS"})
SIGHTS: Mapping[bool | None, Sight] = {True: Sight.NOTICED, False: Sight.UNSEEN, None: Sight.UNKNOWN}


class _Exposed(NamedTuple):
    remove: Sight
    reorder: Sight
    insert: Sight
    explanation: str
    citation: str


def _open(explanation: str, citation: str) -> _Exposed:
    return _Exposed(Sight.UNSEEN, Sight.UNSEEN, Sight.UNSEEN, explanation, citation)


def _closed(sight: Sight, explanation: str, citation: str) -> _Exposed:
    return _Exposed(sight, sight, sight, explanation, citation)


IN_SDP = {
    Carrier.SDES_ORDER: _open("Nothing in SDP authenticates crypto lines or their order.", "RFC 4568 §8.3"),
    Carrier.SDPCAPNEG: _open("Nothing authenticates configurations or their numbers.", "RFC 5939 §5"),
    Carrier.PROFILE_ORDER: _open("Nothing in SDP authenticates media lines or their order.", "RFC 5124 §5"),
    Carrier.MIKEY_BODY: _open("Nothing says how many MIKEY bodies a SIP message had.", "RFC 3261 §26.2.4"),
    Carrier.FREE_TEXT: _open("Numbers behind a message stand outside its MAC.", "RFC 4567 §3.1"),
    Carrier.FINGERPRINT: _open(
        "Whoever replaces both fingerprints stands in the middle of the handshake, unless the descriptions are signed.",
        "RFC 5763 §8",
    ),
    Carrier.ZRTP_HASH: _open("Nothing in SDP authenticates the attribute; ZRTP runs without it.", "RFC 6189 §8.1.1"),
}
DTLS = _closed(
    Sight.NOTICED, "The handshake's Finished messages cover it, if the fingerprints are authentic.", "RFC 5764 §4.1"
)
ZRTP_HELLO = _closed(
    Sight.NOTICED, "The Hello is hashed into the keys; a change shows in the words both users read.", "RFC 6189 §7"
)


def read_exposures(
    line: MediaLine,
    offered: Sequence[Preference],
    answered: Sequence[Preference],
    messages: Mapping[Side, Sequence[MikeyEvidence]],
    statements: Sequence[ListStatement],
) -> tuple[Exposure, ...]:
    """One entry for each carrier in which a side's list of one kind travelled; `messages` are those of MIKEY."""
    found: list[Exposure] = []
    for side, preferences, description in (
        (Side.OFFERER, offered, line.offer),
        (Side.ANSWERER, answered, line.answer),
    ):
        hop = _hop_protected(description)
        for (kind, carrier), listed in _group(preferences).items():
            exposed = _expose(carrier, listed, messages.get(side, ()), statements if side is Side.OFFERER else ())
            if exposed is not None:
                found.append(Exposure(side, kind, carrier, *exposed[:3], hop, *exposed[3:]))
    return tuple(found)


def weakest_choice(
    exposures: Iterable[Exposure],
    candidates: Mapping[CapabilityKind, Sequence[str]],
    strengths: Mapping[CapabilityKind, Mapping[str, int]],
) -> Choice | None:
    """The weakest candidates that somebody in the middle could bring about unseen; None where he can change nothing."""
    exposed = {one.kind for one in exposures if one.side is Side.OFFERER and is_exposed(one)}
    weakest: dict[CapabilityKind, str | None] = {}
    for kind in CapabilityKind:
        ranked = [name for name in candidates.get(kind, ()) if name in strengths[kind]]
        able = kind in exposed and len(candidates.get(kind, ())) > 1
        weakest[kind] = min(ranked, key=lambda name: strengths[kind][name]) if able and ranked else None
    found = Choice(weakest[CapabilityKind.KEY_AGREEMENT], weakest[CapabilityKind.SUITE])
    return None if found == (None, None) else found


def is_exposed(exposure: Exposure) -> bool:
    """Whether anything in the list could be changed unseen by somebody on the path."""
    return not exposure.hop_protected and Sight.UNSEEN in (exposure.remove, exposure.reorder, exposure.insert)


def _hop_protected(side: MediaSide | None) -> bool:
    return side is not None and side.body.message.transport.upper() in ENCRYPTED_HOPS


def _group(preferences: Iterable[Preference]) -> dict[tuple[CapabilityKind, Carrier], list[Preference]]:
    groups: dict[tuple[CapabilityKind, Carrier], list[Preference]] = {}
    for one in preferences:
        groups.setdefault((one.kind, one.carrier), []).append(one)
    return groups


def _expose(
    carrier: Carrier,
    listed: Sequence[Preference],
    messages: Sequence[MikeyEvidence],
    statements: Sequence[ListStatement],
) -> _Exposed | None:
    """None for lists that did not travel: the auditor's own, and those seen elsewhere."""
    if carrier in IN_SDP:
        return IN_SDP[carrier]
    if carrier is Carrier.DTLS_USE_SRTP:
        return DTLS
    if carrier is Carrier.ZRTP_HELLO:
        return ZRTP_HELLO
    state = _least(one.authenticated for one in listed)
    if carrier is Carrier.KEY_MGMT_ORDER:
        return _expose_lines(messages, statements)
    if carrier is Carrier.PRIORITY_EXTENSION:
        return _expose_extension(state, messages)
    if carrier in (Carrier.SP_ORDER, Carrier.SP):
        text = "The message's MAC or signature covers its policies." if state is not False else _UNCOVERED
        return _closed(SIGHTS[state], text, "RFC 3830 §5.2")
    if carrier is Carrier.MIKEY_ERROR:
        text = "A verification message covers the error." if state is not False else "An error without V can be forged."
        return _closed(SIGHTS[state], text, "RFC 3830 §5.1.2")
    return None


_UNCOVERED = "The message has no MAC that holds, so nothing covers its policies."


def _least(states: Iterable[bool | None]) -> bool | None:
    """The worst of several states: False, else None, else True."""
    found = set(states)
    return False if False in found else None if None in found else True


def _carries_list(evidence: MikeyEvidence) -> bool:
    return read_extension(evidence) is not None


def _expose_extension(state: bool | None, messages: Sequence[MikeyEvidence]) -> _Exposed:
    carrying = sum(map(_carries_list, messages))
    if state is not False and carrying < len(messages):
        text = f"The list stands in {carrying} of {len(messages)} messages: a line without it can be left alone."
        return _Exposed(Sight.UNSEEN, SIGHTS[state], SIGHTS[state], text, "RFC 4567 §8")
    text = "The MAC or signature of every message covers the list." if state is not False else _UNCOVERED
    return _closed(SIGHTS[state], text, "RFC 3830 §5.2")


def _expose_lines(messages: Sequence[MikeyEvidence], statements: Sequence[ListStatement]) -> _Exposed:
    """Lines whose messages all list the lines (type 241 with their order, SDP IDs with their number alone)."""
    state = _least(authenticated(one) for one in messages) if messages else False
    if messages and all(map(_carries_list, messages)):
        text = "Every message lists all lines with their priorities."
        return _closed(SIGHTS[state], text if state is not False else _UNCOVERED, "RFC 3830 §5.2")
    counts = [one for one in statements if one.source is None]
    if counts:
        return _expose_counted(SIGHTS[state], counts, sum(one.message is not None for one in messages))
    return _open("No message says how many lines there were, nor in which order.", "RFC 4567 §8")


def _expose_counted(sight: Sight, counts: Sequence[ListStatement], messages: int) -> _Exposed:
    """Where every message lists the protocols, each once, lines are safe; else what leaves the list right is unseen."""
    if sight is Sight.UNSEEN:
        return _open("No MAC that holds covers the count of the lines.", "RFC 4567 §7")
    if len(counts) < messages:
        text = (
            f"The lines are counted in {len(counts)} of {messages} messages: one without the count can be left alone."
        )
        return _open(text, "RFC 4567 §8")
    if any(len(set(one.claimed)) < len(one.claimed) for one in counts):
        text = (
            "Every message counts the lines, so that one more or one less shows; a copy in the place of another line, "
            "or two that change places, leaves the count right."
        )
        return _open(text, "RFC 4567 §4.1.4, §7")
    return _closed(sight, "Every message names the protocol of each line, in order.", "RFC 4567 §4.1.4, §7")

# SPDX-License-Identifier: GPL-2.0-only
"""The carriers as protocols between Alice, a man in the middle and Bob: what is sent, what arrives, what Bob does.

Each scheme carries one choice: among key agreements (lines of MIKEY modes), or among suites. The attacker has none of
the keys, so that what a MAC covers he can replace only by what Alice once made, or by what does not verify; of the
rest he knows everything, Bob's list included. A checking Bob does all that his protocol lets him do, and refuses with
488 what fails; a careless one takes what arrives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.model.negotiation import SelectionRule
from dissectors.layers.sdp_attributes import (
    SDP_ActualConfiguration,
    SDP_AttributeCapability,
    SDP_PotentialConfiguration,
    SDP_TransportCapabilities,
)
from pcaps.calls import Call
from pcaps.keying import CM_80, PSK, SdesKey, key_mgmt
from pcaps.lab import wire
from pcaps.lab.endpoints import Endpoint, choose
from pcaps.signalling import AVP, SAVP, Description

Option = str | int  # a suite, or the data type of a mode
Strength = Mapping[Option, int]
ONE_SUITE = (CM_80,)


class Arriving(NamedTuple):
    """What reaches Bob: the options in their order, and whether a check of his would show that they were altered.

    `old` says that the message was made for an earlier call; `forged` that a refusal reaches Alice before.
    """

    options: tuple[Option, ...]
    noticed: bool = False
    old: bool = False
    forged: bool = False


Attack = Callable[[Sequence[Option], Sequence[Option], Strength], Arriving]


@dataclass(frozen=True)
class Scheme:
    """A carrier; `attacks` are functions of what Alice sends, what of it Bob has, and the strengths."""

    name: str
    of_modes: bool
    rule: SelectionRule
    attacks: Mapping[str, Attack]
    call: Callable[[str, tuple[Option, ...], Arriving, Endpoint, Option | None], Call]

    def sent(self, alice: Endpoint) -> tuple[Option, ...]:
        """Alice's options in her order."""
        return alice.modes if self.of_modes else alice.suites

    def taken(self, arriving: Arriving, bob: Endpoint, strength: Strength) -> Option | None:
        """Bob's choice of what arrives."""
        own = bob.modes if self.of_modes else bob.suites
        return choose(self.rule, arriving.options, own, strength)  # type: ignore[type-var]


def _weakest(of: Sequence[Option], strength: Strength) -> Option:
    return min(of, key=lambda one: strength[one])


def _remove(noticed: bool) -> Attack:
    """Leave nothing but the weakest that Bob has."""

    def attack(_sent: Sequence[Option], common: Sequence[Option], strength: Strength) -> Arriving:
        return Arriving((_weakest(common, strength),), noticed)

    return attack


def _leave_list(sent: Sequence[Option], common: Sequence[Option], strength: Strength) -> Arriving:
    """Take out the first message, which alone carries the list, and leave the weakest of the others."""
    others = [one for one in common if one != sent[0]]
    return Arriving((_weakest(others, strength),))


def _reorder(noticed: bool) -> Attack:
    """Put the weakest first."""

    def attack(sent: Sequence[Option], _common: Sequence[Option], strength: Strength) -> Arriving:
        return Arriving(tuple(sorted(sent, key=lambda one: strength[one])), noticed)

    return attack


def _copy(noticed: bool) -> Attack:
    """Put copies of the weakest that Bob has in the place of all others, so that the count is right."""

    def attack(sent: Sequence[Option], common: Sequence[Option], strength: Strength) -> Arriving:
        return Arriving((_weakest(common, strength),) * len(sent), noticed)

    return attack


def _replay(_sent: Sequence[Option], common: Sequence[Option], strength: Strength) -> Arriving:
    """Put in place of the message one that Alice made an hour ago, when she had the weakest suite alone."""
    return Arriving((_weakest(common, strength),), noticed=True, old=True)


def _forge(_sent: Sequence[Option], common: Sequence[Option], strength: Strength) -> Arriving:
    """Refuse Alice's first offer in Bob's name, with an error that names the weakest suite alone."""
    return Arriving((_weakest(common, strength),), forged=True)


def _lines(*, counted: bool, listed_in: str) -> Callable[..., Call]:
    """Repeated key-mgmt lines; `listed_in` is "every", "first" or "no" message."""

    def call(name: str, sent: tuple[int, ...], arriving: Arriving, bob: Endpoint, taken: int | None) -> Call:
        listed = wire.initiator_list(sent, ONE_SUITE) if listed_in != "no" else b""
        carrying = sent if listed_in == "every" else sent[:1]
        count = len(sent) if counted else 0
        messages = {
            mode: wire.offered(mode, ONE_SUITE, lines=count, listed=listed if mode in carrying else b"")
            for mode in sent
        }
        offer = Description(tuple(key_mgmt(messages[mode]) for mode in arriving.options))
        if taken is None:
            return Call(name, offer, None)
        own = wire.responder_list(bob.modes, ONE_SUITE, listed) if listed and taken in carrying else b""
        answer = Description((key_mgmt(wire.answered(taken, ONE_SUITE, CM_80, listed=own)),))
        return Call(name, offer, answer, *wire.mikey_tracks(taken, ONE_SUITE, CM_80))

    return call


def _policies(name: str, sent: tuple[str, ...], arriving: Arriving, _bob: Endpoint, taken: str | None) -> Call:
    """The security policies of one MIKEY-PSK message, in order."""
    suites = arriving.options if arriving.old else sent
    message = wire.offered(PSK, suites, lines=1, old=arriving.old)
    if not arriving.old and arriving.options != sent:
        # What he does to the octets of a message breaks its MAC: here the last octet of the MAC stands for it.
        swapped = wire.offered(PSK, arriving.options, lines=1)
        message = swapped[:-1] + bytes([swapped[-1] ^ 1])
        suites = arriving.options
    offer = Description((key_mgmt(message),))
    if taken is None:
        return Call(name, offer, None)
    answer = Description((key_mgmt(wire.answered(PSK, suites, taken, old=arriving.old)),))
    return Call(name, offer, answer, *wire.mikey_tracks(PSK, suites, taken, old=arriving.old))


def _free_text(name: str, sent: tuple[str, ...], arriving: Arriving, bob: Endpoint, taken: str | None) -> Call:
    """Numbers behind the MIKEY message; the policies inside it stay as they are."""
    words = [f"{suite}={number}" for number, suite in enumerate(arriving.options)]
    offer = Description((key_mgmt(wire.offered(PSK, sent, lines=1), words),))
    if taken is None:
        return Call(name, offer, None)
    own = [f"{suite}={number}" for number, suite in enumerate(bob.suites)]
    answer = Description((key_mgmt(wire.answered(PSK, sent, taken), own),))
    return Call(name, offer, answer, *wire.mikey_tracks(PSK, sent, taken))


def _crypto(name: str, sent: tuple[str, ...], arriving: Arriving, _bob: Endpoint, taken: str | None) -> Call:
    """The a=crypto lines of SDES."""
    keys = {suite: SdesKey(tag, suite, f"alice {tag}") for tag, suite in enumerate(sent, 1)}
    offer = Description(tuple(keys[suite].line for suite in arriving.options))
    if taken is None:
        return Call(name, offer, None)
    own = SdesKey(keys[taken].tag, taken, "bob")
    return Call(name, offer, Description((own.line,)), *wire.sdes_tracks(keys[taken], own))


def _configurations(name: str, _sent: tuple[int, ...], arriving: Arriving, _bob: Endpoint, taken: int | None) -> Call:
    """The potential configurations of RFC 5939, each with a MIKEY mode."""
    modes = arriving.options
    capabilities = (
        SDP_AttributeCapability(number=number, capability=key_mgmt(wire.offered(mode, ONE_SUITE)))
        for number, mode in enumerate(modes, 1)
    )
    potential = (
        SDP_PotentialConfiguration(number=number, attribute_alternatives=[(number,)], transport_alternatives=[1])
        for number in range(1, len(modes) + 1)
    )
    offer = Description((SDP_TransportCapabilities(first=1, protos=[SAVP]), *capabilities, *potential), AVP)
    if taken is None:
        return Call(name, offer, None)
    number = modes.index(taken) + 1
    used = SDP_ActualConfiguration(number=number, attribute_alternatives=[(number,)], transport_alternatives=[1])
    answer = Description((key_mgmt(wire.answered(taken, ONE_SUITE, CM_80)), used))
    return Call(name, offer, answer, *wire.mikey_tracks(taken, ONE_SUITE, CM_80))


def _error(name: str, sent: tuple[str, ...], arriving: Arriving, bob: Endpoint, taken: str | None) -> Call:
    """One suite at a time: a refusal with a MIKEY error message names what the responder has, and Alice tries again."""
    first, told = sent[0], arriving.options if arriving.forged else bob.suites
    tried = tuple(Description((key_mgmt(message),)) for message in wire.refused(first, told))
    again = not arriving.forged and first in bob.suites
    tries = () if again else (tried,)
    suites = (taken or first,)
    offer = Description((key_mgmt(wire.offered(PSK, suites, lines=1)),))
    if taken is None:
        return Call(name, offer, None, tries=tries)
    answer = Description((key_mgmt(wire.answered(PSK, suites, taken)),))
    return Call(name, offer, answer, *wire.mikey_tracks(PSK, suites, taken), tries=tries)


LINES = {"remove": _remove(noticed=False), "reorder": _reorder(noticed=False)}
MIN_SUM, FIRST = SelectionRule.MIN_SUM, SelectionRule.INITIATOR_FIRST
SCHEMES = (
    Scheme("key-mgmt lines", True, MIN_SUM, LINES, _lines(counted=False, listed_in="no")),
    Scheme(
        "key-mgmt lines, counted (RFC 4567 §7)",
        True,
        MIN_SUM,
        {"remove": _remove(noticed=True), "reorder": _reorder(noticed=False), "copy": _copy(noticed=False)},
        _lines(counted=True, listed_in="no"),
    ),
    Scheme(
        "priority extension in one message",
        True,
        MIN_SUM,
        {"remove": _leave_list, "reorder": _reorder(noticed=True)},
        _lines(counted=False, listed_in="first"),
    ),
    Scheme(
        "priority extension in every message",
        True,
        MIN_SUM,
        {"remove": _remove(noticed=True), "reorder": _reorder(noticed=True), "copy": _copy(noticed=True)},
        _lines(counted=True, listed_in="every"),
    ),
    Scheme(
        "MIKEY policies (SP)",
        False,
        FIRST,
        {"remove": _remove(noticed=True), "reorder": _reorder(noticed=True), "replay": _replay},
        _policies,
    ),
    Scheme("MIKEY error without V", False, FIRST, {"forge": _forge}, _error),
    Scheme("free text", False, MIN_SUM, {"reorder": _reorder(noticed=False)}, _free_text),
    Scheme("capability negotiation (RFC 5939)", True, FIRST, LINES, _configurations),
    Scheme("crypto lines (SDES)", False, FIRST, LINES, _crypto),
)

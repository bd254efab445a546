# SPDX-License-Identifier: GPL-2.0-only
"""Make the calls, have the auditor judge each, and count."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.evidence import Wire
from analyzer.model.negotiation import COMPUTED_RULES, Choice, SelectionRule
from analyzer.model.outcome import OutcomeValue, Verdict
from analyzer.model.policy import Policy
from analyzer.model.report import AuditedCall, AuditedMedia
from analyzer.negotiation.exposure import is_exposed
from analyzer.negotiation.inventory import Inventory
from analyzer.policies import read_policy
from pcaps.calls import ALICE, BOB, Call
from pcaps.keying import key_mgmt
from pcaps.lab import wire
from pcaps.lab.endpoints import MODES, SUITES, Endpoint, choose, draw, mode_name
from pcaps.lab.schemes import SCHEMES, Scheme, Strength
from pcaps.samples import HERE
from pcaps.signalling import Description

STATIC, AUTOMATIC = "static", "automatic"
METHODS = (STATIC, AUTOMATIC, *(f"priority, {rule}" for rule in COMPUTED_RULES))
MANNERS = ("checking", "careless")
BAD = frozenset({Verdict.DOWNGRADE, Verdict.MISMATCH, Verdict.UNPROTECTED})
# Rules that speak of altered lists and messages, and of messages out of their time.
ALTERATIONS = frozenset({"KMG-003", "PRI-006", "MKY-004", "MKY-005", "MKY-009", "MKY-025"})
REFUSED, HARMLESS = "refused by Bob", "no weaker choice"
FOUND, LEFT_OPEN = "weaker: found by the auditor", "weaker: inconclusive"
NAMED, SILENT = "weaker: conform, carrier named open", "weaker: unsaid"
EFFECTS = (REFUSED, HARMLESS, FOUND, LEFT_OPEN, NAMED, SILENT)
SHORT_TAG = "AES_CM_128_HMAC_SHA1_32"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Negotiated:
    """One call of the comparison of methods, as the auditor saw it; ranks are places in each side's own two lists."""

    method: str
    agreed: bool
    proved: bool
    verdict: str
    ranks: tuple[float, float] | None
    strongest: bool
    short_tag: bool


@dataclass(frozen=True)
class Attacked:
    """One call under attack: whether it ended with a weaker choice, and what the auditor said."""

    scheme: str
    attack: str
    manner: str
    refused: bool
    weaker: bool
    verdict: str
    failed: frozenset[str]
    exposed: bool

    @property
    def effect(self) -> str:
        """What became of the attack, and what the auditor says where it worked."""
        if self.refused:
            return REFUSED
        if not self.weaker:
            return HARMLESS
        if Verdict(self.verdict) in BAD or self.failed & ALTERATIONS:
            return FOUND
        if self.verdict == Verdict.INCONCLUSIVE:
            return LEFT_OPEN
        return NAMED if self.exposed else SILENT


class Lab:
    """A place to make a call and have it judged; `strength` is the default policy's."""

    def __init__(self, folder: Path) -> None:
        self._capture = folder / "call.pcapng"
        keys = folder / "keys.toml"
        keys.write_text(wire.key_file().replace('file = "', f'file = "{HERE}/'), encoding="utf-8")
        self.ring: KeyRing = read_key_ring(keys)
        self.policy: Policy = read_policy("priority")
        suites, agreements = dict(self.policy.suite_strength), dict(self.policy.key_agreement_strength)
        self.strength: Strength = {suite: suites[suite] for suite in SUITES} | {
            mode: agreements[mode_name(mode)] for mode in MODES
        }

    def judge(
        self, call: Call, rule: SelectionRule | None = None, inventory: Inventory | None = None
    ) -> tuple[AuditedCall, AuditedMedia]:
        """What the auditor says of the call and of the last exchange in it."""
        wire.write(call, self._capture)
        policy = self.policy if rule is None else replace(self.policy, selection_rule=rule)
        (audited,) = audit([self._capture], policy=policy, ring=self.ring, inventory=inventory).calls
        return audited, audited.media[-1]


def run_methods(lab: Lab, pairs: int, random: Random) -> Iterator[Negotiated]:
    """Each pair of endpoints under each method."""
    for number in range(pairs):
        alice, bob = draw(random), draw(random)
        known = Inventory((alice.listed(ALICE.uri), bob.listed(BOB.uri)))
        for method in METHODS:
            call, rule = _method_call(f"{method} {number}".replace(" ", "-"), method, (alice, bob), lab, random)
            _, media = lab.judge(call, rule, known)
            yield _read(method, media, (alice, bob), lab.strength)


def _method_call(
    name: str, method: str, pair: tuple[Endpoint, Endpoint], lab: Lab, random: Random
) -> tuple[Call, SelectionRule | None]:
    alice, bob = pair
    if method == STATIC:
        mode, suite = alice.modes[0], alice.suites[0]
        taken = (mode, suite) if (mode, suite) == (bob.modes[0], bob.suites[0]) else None
        return _paper_call(name, Endpoint((mode,), (suite,)), bob, taken, listed=False), None
    if method == AUTOMATIC:
        modes = [mode for mode in alice.modes if mode in bob.modes]
        suites = [suite for suite in alice.suites if suite in bob.suites]
        taken = (random.choice(modes), random.choice(suites)) if modes and suites else None
        return _paper_call(name, alice, bob, taken, listed=False), None
    rule = COMPUTED_RULES[METHODS.index(method) - 2]
    mode = choose(rule, alice.modes, bob.modes, lab.strength)
    suite = choose(rule, alice.suites, bob.suites, lab.strength)
    return _paper_call(name, alice, bob, None if None in (mode, suite) else (mode, suite), listed=True), rule


def _paper_call(name: str, alice: Endpoint, bob: Endpoint, taken: tuple[int, str] | None, *, listed: bool) -> Call:
    """One message of each mode with all suites; with `listed` each message carries the list, and the answer Bob's."""
    own = wire.initiator_list(alice.modes, alice.suites) if listed else b""
    count = len(alice.modes)
    messages = (wire.offered(mode, alice.suites, lines=count, listed=own) for mode in alice.modes)
    offer = Description(tuple(key_mgmt(message) for message in messages))
    if taken is None:
        return Call(name, offer, None)
    mode, suite = taken
    theirs = wire.responder_list(bob.modes, bob.suites, own) if listed else b""
    answer = Description((key_mgmt(wire.answered(mode, alice.suites, suite, listed=theirs)),))
    return Call(name, offer, answer, *wire.mikey_tracks(mode, alice.suites, suite))


def _read(method: str, media: AuditedMedia, pair: tuple[Endpoint, Endpoint], strength: Strength) -> Negotiated:
    chosen: Choice = media.negotiation.chosen
    proved = bool(media.streams) and all(stream.wire is Wire.PROVED for stream in media.streams)
    verdict = media.verdict.value
    if chosen.key_agreement is None or chosen.suite is None:
        return Negotiated(method, False, proved, verdict, None, strongest=False, short_tag=False)
    modes = {mode_name(mode): mode for mode in MODES}
    mode, suite = modes[chosen.key_agreement], chosen.suite
    ranks = [(one.modes.index(mode) + one.suites.index(suite)) / 2 for one in pair]
    alice, bob = pair
    best_mode = max((one for one in alice.modes if one in bob.modes), key=lambda one: strength[one])
    best_suite = max((one for one in alice.suites if one in bob.suites), key=lambda one: strength[one])
    strongest = (mode, suite) == (best_mode, best_suite)
    return Negotiated(method, True, proved, verdict, (ranks[0], ranks[1]), strongest, suite == SHORT_TAG)


def run_attacks(lab: Lab, pairs: int, seed: int) -> Iterator[Attacked]:
    """Each scheme and attack on pairs that have something to lose, with a checking and a careless Bob."""
    for scheme in SCHEMES:
        random = Random(seed)  # so that every carrier meets the same pairs, as far as its kind of option allows
        for number in range(pairs):
            alice, bob, before = _draw_with_choice(scheme, lab.strength, random)
            sent, own = scheme.sent(alice), bob.modes if scheme.of_modes else bob.suites
            common = [one for one in sent if one in own]
            for attack, alter in scheme.attacks.items():
                arriving = alter(sent, common, lab.strength)
                for manner in MANNERS:
                    refused = arriving.noticed and manner == "checking"
                    taken = None if refused else scheme.taken(arriving, bob, lab.strength)
                    name = f"{SCHEMES.index(scheme)}-{attack}-{manner}-{number}"
                    audited, media = lab.judge(scheme.call(name, sent, arriving, bob, taken))
                    weaker = taken is not None and lab.strength[taken] < lab.strength[before]
                    yield _judged(scheme.name, attack, manner, audited, media, refused=refused, weaker=weaker)


def _judged(
    scheme: str, attack: str, manner: str, audited: AuditedCall, media: AuditedMedia, *, refused: bool, weaker: bool
) -> Attacked:
    failed = frozenset(one.rule for one in audited.outcomes if one.outcome is OutcomeValue.FAIL)
    exposed = any(is_exposed(one) for each in audited.media for one in each.negotiation.exposures)
    return Attacked(scheme, attack, manner, refused, weaker, media.verdict.value, failed, exposed)


def _draw_with_choice(scheme: Scheme, strength: Strength, random: Random) -> tuple[Endpoint, Endpoint, int | str]:
    """A pair whose outcome without an attack is stronger than another common option, and that outcome."""
    while True:
        alice, bob = draw(random), draw(random)
        sent, own = scheme.sent(alice), bob.modes if scheme.of_modes else bob.suites
        before = choose(scheme.rule, sent, own, strength)
        if before is not None and any(strength[one] < strength[before] for one in sent if one in own):
            return alice, bob, before


@dataclass(frozen=True)
class Results:
    """Everything that was counted, and of what."""

    seed: int
    pairs: int
    attacked_pairs: int
    negotiated: tuple[Negotiated, ...]
    attacked: tuple[Attacked, ...]

    @property
    def calls(self) -> int:
        """How many calls were made and judged."""
        return len(self.negotiated) + len(self.attacked)

    def by_method(self) -> Mapping[str, list[Negotiated]]:
        """The calls of each method."""
        return {method: [one for one in self.negotiated if one.method == method] for method in METHODS}


def run(pairs: int, attacked_pairs: int, seed: int, progress: Progress = lambda _text: None) -> Results:
    """The whole experiment; the same numbers give the same calls and the same counts."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        negotiated, attacked = [], []
        for one in run_methods(lab, pairs, Random(seed)):
            negotiated.append(one)
            progress(f"{len(negotiated)} of {pairs * len(METHODS)} calls of the comparison")
        for other in run_attacks(lab, attacked_pairs, seed + 1):
            attacked.append(other)
            progress(f"{len(attacked)} calls under attack")
    return Results(seed, pairs, attacked_pairs, tuple(negotiated), tuple(attacked))

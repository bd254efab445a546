# SPDX-License-Identifier: GPL-2.0-only
"""Random endpoints with preferences, and an own, plain reading of the selection rules to play the responder by."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference, SelectionRule
from analyzer.negotiation.inventory import Endpoint as Listed
from pcaps.keying import CM_32, CM_80, DH, F8_80, PKE, PSK

Name = TypeVar("Name", int, str)
MODES = (PSK, PKE, DH)
SUITES = (CM_80, CM_32, F8_80)


class Endpoint(NamedTuple):
    """What one side can do, best first: the capabilities of the paper's Table 2."""

    modes: tuple[int, ...]
    suites: tuple[str, ...]

    def listed(self, aor: str) -> Listed:
        """The endpoint as an auditor's inventory has it."""
        modes = [(CapabilityKind.KEY_AGREEMENT, mode_name(mode)) for mode in self.modes]
        suites = [(CapabilityKind.SUITE, suite) for suite in self.suites]
        return Listed(
            aor,
            tuple(
                Preference(kind, name, number, Carrier.INVENTORY, True, None)
                for names in (modes, suites)
                for number, (kind, name) in enumerate(names)
            ),
        )


def mode_name(mode: int) -> str:
    """A key agreement as reports call it."""
    return MIKEY_MODES[mode]


def draw(random: Random) -> Endpoint:
    """One to three of each kind, in an order that nobody foresees."""
    modes, suites = (tuple(random.sample(of, random.randint(1, len(of)))) for of in (MODES, SUITES))
    return Endpoint(modes, suites)


def choose(
    rule: SelectionRule, offered: Sequence[Name], own: Sequence[Name], strength: Mapping[Name, int]
) -> Name | None:
    """What a responder takes of an offered order by a rule; ties as the rule page says: own number, then strength."""

    def score(name: Name) -> tuple[int, int, int]:
        first, second = offered.index(name), own.index(name)
        scores = {
            SelectionRule.MIN_SUM: first + second,
            SelectionRule.RESPONDER_FIRST: second,
            SelectionRule.INITIATOR_FIRST: first,
            SelectionRule.MIN_MAX: max(first, second),
        }
        return scores[rule], second, -strength[name]

    common = [name for name in offered if name in own]
    return min(common, key=score, default=None)

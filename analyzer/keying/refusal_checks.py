# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY error messages that refused offers, verified for whoever asks what another call of the capture set shows."""

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_keying import Keymaster
from analyzer.keying.mikey_refusals import read_refusal
from analyzer.model.call import Call, MediaLine
from analyzer.model.keying import MikeyEvidence

_Refusals = dict[tuple[int, int], tuple[MikeyEvidence, ...]]


class RefusalChecks:
    """Checks the refusals of a call when they are first asked for, with the keys at hand and that call alone."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._checked: dict[int, tuple[Call, _Refusals]] = {}

    def check(self, call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
        """The error messages with which the offer of `line` was refused, and what their V or signatures show."""
        known = self._checked.get(id(call))
        if known is None:
            known = self._checked[id(call)] = (call, self._check_all(call))
        return known[1].get((line.exchange.number, line.index), ())

    def _check_all(self, call: Call) -> _Refusals:
        if not any(read_refusal(line.exchange, line.index) for line in call.media):
            return {}
        keymaster = Keymaster(self._ring)
        found = {}
        for line in call.media:
            keying = keymaster.key(call, line)
            if read_refusal(line.exchange, line.index):
                found[line.exchange.number, line.index] = keying.refusals
        return found

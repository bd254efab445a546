# SPDX-License-Identifier: GPL-2.0-only
"""Where the lists of one exchange come from: its own messages, and the MIKEY errors that refused an offer before it."""

from collections.abc import Iterator, Sequence

from analyzer.model.call import Call, MediaLine, Side
from analyzer.model.keying import MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, ListOrigin, ListSource, Preference
from analyzer.negotiation.carriers.mikey_error import refuted_suites, standing_of
from analyzer.negotiation.inversions import Lists


class WireSources:
    """The sources on the wire of one media line; `answered` are the lists of its own answer."""

    def __init__(
        self, call: Call, line: MediaLine, refusals: Sequence[MikeyEvidence], answered: Sequence[Preference]
    ) -> None:
        self._call, self._line, self._refusals, self._answered = call, line, refusals, answered

    def of(self, lists: Lists) -> Iterator[ListSource]:
        """The lists of this exchange itself, and the list of a refusal before it."""
        for side, preferences in ((Side.OFFERER, lists.offered), (Side.ANSWERER, lists.answered)):
            names = _names_of(preferences)
            ref = next((one.ref for one in preferences if one.ref is not None), None)
            if not names:
                continue
            if side is Side.ANSWERER and self._is_refusal(preferences):
                speaker = next(one for one in self._refusals if one.ref == ref and one.mac.verified is not False)
                yield self._of_refusal(speaker, preferences)
            else:
                yield ListSource(side, lists.kind, ListOrigin.WIRE, names, 0, ref, self._call.call_id, used=True)
        if lists.kind is CapabilityKind.SUITE:
            for error, preferences in refuted_suites(self._refusals):
                yield self._of_refusal(error, preferences)._replace(used=False)

    def elsewhere(self, sources: Sequence[ListSource]) -> Iterator[ListSource]:
        """Those of other calls: without the refusals of this one, which stand there as its own."""
        told = {one.ref for one in self._refusals}
        return (one for one in sources if one.origin is not ListOrigin.OTHER_REFUSAL or one.ref not in told)

    def _of_refusal(self, error: MikeyEvidence, preferences: Sequence[Preference]) -> ListSource:
        names = _names_of(preferences)
        start = self._line.exchange.start_ns
        refused_ns = next((one.timestamp_ns for one in self._call.messages if one.ref == error.ref), start)
        place = (names, start - refused_ns, error.ref, self._call.call_id)
        kind = CapabilityKind.SUITE
        return ListSource(Side.ANSWERER, kind, ListOrigin.REFUSAL, *place, used=True, how=standing_of(error))

    def _is_refusal(self, preferences: Sequence[Preference]) -> bool:
        """Whether a list came in a MIKEY error before this exchange, and not in its own answer."""
        if not all(one.carrier is Carrier.MIKEY_ERROR for one in preferences):
            return False
        return not any(one in self._answered for one in preferences)


def _names_of(preferences: Sequence[Preference]) -> tuple[tuple[str, int | None], ...]:
    """Each name with its number in the carrier that counts, which stands first."""
    names: dict[str, int | None] = {}
    for one in preferences:
        names.setdefault(one.name, one.priority)
    return tuple(names.items())

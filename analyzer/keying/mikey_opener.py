# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages opened one after another as what they are: exchanges of their own, or updates (RFC 3830 §4.5)."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_bundles import (
    Bundle,
    begins_anew,
    brings_rand,
    has_keys,
    is_open,
    is_protected_by_rand,
    is_proved,
    remember,
    set_up_by_responder,
    take_over,
)
from analyzer.keying.mikey_damage import say_cut
from analyzer.keying.mikey_messages import OpenedMikey, check_responses, open_initiator_message
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES

MIKEY_PSK = "MIKEY-PSK"


class MikeyOpener:
    """Opens messages in time order with one key ring; a scope (a call, two hosts) is where a CSB ID is one bundle."""

    def __init__(self, ring: KeyRing, books: MikeyBooks) -> None:
        self._ring = ring
        self._books = books
        self._bundles: dict[tuple[Hashable, int], Bundle] = {}

    def forget(self) -> None:
        """Let go of all bundles."""
        self._bundles.clear()

    def open(self, scope: Hashable, evidence: MikeyEvidence, parties: tuple[str, str]) -> OpenedMikey:
        """The message as an update of its bundle, or as a new exchange where it brings a RAND of its own.

        Where such a message opens only under the bundle's RAND, its sender gave the new one no effect. Where RAND
        protects nothing of it, packets decide between the two. `parties` are initiator and responder.
        """
        earlier = self._earlier(scope, evidence)
        begins = brings_rand(evidence)
        opened = self._open(evidence, parties, None if begins else earlier)
        if begins and earlier is not None:
            if is_protected_by_rand(evidence) and not is_open(opened):
                updated = self._open(evidence, parties, earlier)
                opened = updated if is_open(updated) or has_keys(updated) > has_keys(opened) else opened
            if opened.earlier_rand is None:
                opened = replace(opened, other_rand=earlier.rand)
        self._remember(scope, opened, None if begins and opened.earlier_rand is None else earlier)
        return replace(opened, evidence=say_cut(opened.evidence))

    def check_answers(
        self,
        scope: Hashable,
        offered: Sequence[OpenedMikey],
        answered: Sequence[MikeyEvidence],
        parties: tuple[str, str],
    ) -> tuple[tuple[OpenedMikey, ...], tuple[MikeyEvidence, ...]]:
        """Each response checked against the offered message that it answers, whatever their mode."""
        opened, responses = check_responses(offered, answered, self._ring.psk, parties)
        if all(_is_psk(response) for response in responses):
            return _say_cut(opened), tuple(map(say_cut, responses))
        from analyzer.keying.mikey_exchanges import check_mode_responses  # noqa: PLC0415 - certificates: see key_files

        bundles = [None if begins_anew(each) else self._earlier(scope, each.evidence) for each in opened]
        opened, responses = check_mode_responses(opened, responses, self._ring, parties, bundles, self._books)
        for each, bundle in zip(opened, bundles, strict=True):
            self._remember(scope, each, bundle)
            self._take_from_responder(scope, each, bundle)
        return _say_cut(opened), tuple(map(say_cut, responses))

    def _take_from_responder(self, scope: Hashable, opened: OpenedMikey, earlier: Bundle | None) -> None:
        """The bundle that a response set up; one that nobody is known to have signed replaces none."""
        found = set_up_by_responder(opened)
        if found is None:
            return
        place = (scope, found.message.header.csb_id)
        if place not in self._bundles or is_proved(opened):
            self._bundles[place] = _with_earlier(found, earlier)

    def _open(self, evidence: MikeyEvidence, parties: tuple[str, str], earlier: Bundle | None) -> OpenedMikey:
        if _is_psk(evidence):
            ring = self._ring.psk
            if earlier is not None and earlier.update_key is not None:
                ring += (earlier.update_key,)
            rand = None if earlier is None else earlier.rand
            return take_over(open_initiator_message(evidence, ring, parties, rand), earlier)
        from analyzer.keying.mikey_exchanges import open_mode_message  # noqa: PLC0415

        opened = take_over(open_mode_message(evidence, self._ring, *parties, earlier, self._books), earlier)
        return opened if earlier is None else replace(opened, earlier_rand=earlier.rand)

    def _earlier(self, scope: Hashable, evidence: MikeyEvidence) -> Bundle | None:
        """The bundle of this scope that has the message's CSB ID."""
        message = evidence.message
        return None if message is None else self._bundles.get((scope, message.header.csb_id))

    def _remember(self, scope: Hashable, opened: OpenedMikey, earlier: Bundle | None) -> None:
        message = opened.evidence.message
        if message is None:
            return
        bundle = remember(opened, earlier)
        if bundle is not None:
            self._bundles[scope, message.header.csb_id] = bundle


def _say_cut(opened: Sequence[OpenedMikey]) -> tuple[OpenedMikey, ...]:
    return tuple(replace(each, evidence=say_cut(each.evidence)) for each in opened)


def _with_earlier(bundle: Bundle, earlier: Bundle | None) -> Bundle:
    """A bundle with the keys of what it updates, where its own exchange brought none."""
    if earlier is None:
        return bundle
    keys, update_key = bundle.key_data or earlier.key_data, bundle.update_key or earlier.update_key
    return replace(bundle, key_data=keys, update_key=update_key)


def _is_psk(evidence: MikeyEvidence) -> bool:
    """Whether the pre-shared key code is the one for this message, as for what is no message at all."""
    message = evidence.message
    return message is None or MIKEY_MODES.get(message.header.data_type) == MIKEY_PSK

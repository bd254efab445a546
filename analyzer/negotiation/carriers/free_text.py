# SPDX-License-Identifier: GPL-2.0-only
"""`free-text`: `NAME=number` or `NAME:number` tokens behind (or instead of) the base64 of a key-mgmt line."""

from collections.abc import Iterable

from analyzer.model.evidence import FrameRef
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.sdes import IANA_SUITES, canonical_suite

KEY_AGREEMENTS = {mode.removeprefix("MIKEY-"): mode for mode in MIKEY_MODES.values()}


def read_free_text(values: Iterable[str], ref: FrameRef) -> tuple[Preference, ...]:
    """The preferences that the extra tokens of key-mgmt values spell, in order; nothing authenticates them."""
    preferences = []
    for value in values:
        try:
            tokens = parse_key_mgmt(value).priorities
        except GrammarError:
            continue
        preferences += [_preference(name, priority, ref) for name, priority in tokens]
    return tuple(preferences)


def name_capability(name: str) -> tuple[CapabilityKind, str]:
    """The kind and the registered spelling of a capability as people write it (`PSK`, `AES_F8_128_HMAC_SHA1_80`)."""
    suite = canonical_suite(name)
    if suite in IANA_SUITES:
        return CapabilityKind.SUITE, suite
    return CapabilityKind.KEY_AGREEMENT, KEY_AGREEMENTS.get(name.upper().removeprefix("MIKEY-"), name)


def _preference(name: str, priority: int, ref: FrameRef) -> Preference:
    kind, spelling = name_capability(name)
    return Preference(kind, spelling, priority, Carrier.FREE_TEXT, False, ref)

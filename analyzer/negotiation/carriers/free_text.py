# SPDX-License-Identifier: GPL-2.0-only
"""`free-text`: `NAME=number` or `NAME:number` tokens behind (or instead of) the base64 of a key-mgmt line."""

from collections.abc import Iterable

from analyzer.model.evidence import FrameRef
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.negotiation.carriers.attributes import DTLS_SRTP
from analyzer.negotiation.carriers.sdes import SDES
from analyzer.negotiation.carriers.zrtp import ZRTP
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.sdes import IANA_SUITES, canonical_suite

KEY_AGREEMENTS = {mode.upper().removeprefix("MIKEY-"): mode for mode in MIKEY_MODES.values()}


OTHERS = frozenset({SDES, DTLS_SRTP, ZRTP})


def read_free_text(values: Iterable[str], ref: FrameRef) -> tuple[Preference, ...]:
    """The preferences that the extra tokens of key-mgmt values spell, in order; nothing authenticates them.

    A token that names nothing known is a parameter of somebody's, and no preference.
    """
    preferences = []
    for value in values:
        try:
            tokens = parse_key_mgmt(value).priorities
        except GrammarError:
            continue
        for name, priority in tokens:
            found = name_capability(name)
            if found is not None:
                preferences.append(Preference(*found, priority, Carrier.FREE_TEXT, False, ref))
    return tuple(preferences)


def name_capability(name: str) -> tuple[CapabilityKind, str] | None:
    """The kind and the registered spelling of a capability as people write it (`PSK`, `AES_F8_128_HMAC_SHA1_80`)."""
    suite = canonical_suite(name)
    if suite in IANA_SUITES:
        return CapabilityKind.SUITE, suite
    upper = name.upper()
    agreement = upper if upper in OTHERS else KEY_AGREEMENTS.get(upper.removeprefix("MIKEY-"))
    return None if agreement is None else (CapabilityKind.KEY_AGREEMENT, agreement)
